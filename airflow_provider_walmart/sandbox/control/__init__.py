"""The control API under ``/_sandbox``: seeds, clock, faults, settings, the request log."""

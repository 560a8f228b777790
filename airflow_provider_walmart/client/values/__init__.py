"""Dates, numbers, rows, redaction, failure policy: pure functions."""

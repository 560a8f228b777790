"""Serving the endpoints over HTTP: routes, faults, the request log."""

"""Feeds: formats, submission, status and results."""

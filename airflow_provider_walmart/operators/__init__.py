"""Operators: what to do, and what counts as failure."""

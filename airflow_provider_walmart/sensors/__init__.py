"""Sensors: what to wait for."""

"""Webhook notifications that Walmart sends."""

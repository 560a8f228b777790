"""Walmart GoLocal: client, bookings, deliveries, webhooks."""

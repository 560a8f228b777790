"""Triggers: waiting that costs no worker."""

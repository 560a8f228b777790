"""Orders: what a row asks to change, and writing that once."""

ACTIONS = ("acknowledge", "ship", "cancel", "refund")

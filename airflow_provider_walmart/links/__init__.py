"""Links from a task in the UI to what it did."""

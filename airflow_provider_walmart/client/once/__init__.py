"""Writing once: records, outcomes, and the loop that settles what is unknown."""

"""What is new since the last poll."""

"""What comes from and goes to object storage."""

"""Walmart's records as typed tables: what the tables are, how a record is read into them, and their Parquet files."""

# What may become of personal data.
PERSONAL_DATA = ("drop", "hash", "keep")

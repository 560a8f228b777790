"""Walmart's records as typed tables: what the tables are, how a record is read into them, and their Parquet files."""

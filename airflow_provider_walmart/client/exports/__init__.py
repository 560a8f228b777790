"""Reading all records of an operation, each once."""

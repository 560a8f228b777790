"""The endpoints of Walmart GoLocal."""

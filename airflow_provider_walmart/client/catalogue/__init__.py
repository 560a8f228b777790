"""Walmart's operations as rows, and looking them up."""

"""A stand-in for Walmart's servers, started with ``python -m airflow_provider_walmart.sandbox``."""

"""Apache Airflow provider for Walmart Marketplace."""

__version__ = "0.1.0"

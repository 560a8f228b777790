"""Apache Airflow provider for Walmart Marketplace."""

__version__ = "0.2.0"

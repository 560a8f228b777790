"""The Walmart APIs in plain Python, without Airflow."""

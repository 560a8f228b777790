"""Airflow Connection to client, and nothing else."""

"""Reports: requests, status and download."""

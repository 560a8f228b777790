"""Building requests, paging, and what answers mean."""

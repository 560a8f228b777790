"""Scripts of this checkout: ``python -m scripts.NAME``."""

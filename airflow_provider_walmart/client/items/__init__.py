"""Items: what Walmart's item specs ask of them, and whether rows are so."""

"""The endpoints of Walmart Marketplace, a module for each subject."""

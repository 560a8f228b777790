"""The tests, those of the package's folders in folders of the same names."""

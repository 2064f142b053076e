"""A package, so that the fixtures of `conftest.py` do not hide the `conftest` that other tests import."""

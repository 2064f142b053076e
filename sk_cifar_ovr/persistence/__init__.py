"""`save` and `load`: a fitted estimator in, one file out, and back; weights as arrays, the rest as JSON, no pickle."""

from ._files import load, save

__all__ = ["load", "save"]

"""Save fitted estimators to files and load them again: weights as plain arrays, everything else as JSON, no pickle.

An estimator goes in and a file comes out, and the reverse. It knows nothing of how estimators are trained.
"""

from ._files import load, save

__all__ = ["load", "save"]

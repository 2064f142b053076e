"""Deep one-vs-rest image classifiers for imbalanced problems that behave like scikit-learn estimators."""

from importlib import import_module
from importlib.metadata import version
from typing import Any

__version__ = version("sk_cifar_ovr")

# Modules that moved into a room keep their old import paths: `_moved` is searched after this folder.
__path__.append(f"{__path__[0]}/_moved")

_HOME = {
    "fetch_cifar10": "datasets",
    "load_image_folder": "datasets",
    "load_image_table": "datasets",
    "load_digit_images": "datasets",
    "read_images": "datasets",
    "ImageFiles": "datasets",
    "ovr_report": "metrics",
    "OvRReport": "metrics",
    "OvRConfusionDisplay": "plots",
    "OvRCurvesDisplay": "plots",
    "EmbeddingDisplay": "plots",
    "SparseCategoricalFocalLoss": "losses",
    "CNNClassifier": "classifier",
    "OneVsRestCNNClassifier": "one_vs_rest",
    "ImageSampler": "imbalance",
    "CNNFeatures": "features",
    "TSNETransformer": "manifold",
    "save": "persistence",
    "load": "persistence",
    "clear_programs": "engine",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    # Importing the package must stay cheap: Keras is loaded when a name that needs it is first used.
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

"""The estimators of this package: what a file holds of each, and which attributes it gets back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import config_context

from ...classifier import CNNClassifier
from ...features import CNNFeatures
from ...imbalance import ImageSampler
from ...manifold import TSNETransformer
from ...one_vs_rest import OneVsRestCNNClassifier
from .._checks import a_number, check, check_parameters
from ._classifiers import decode_classifier, decode_one_vs_rest, encode_classifier, encode_one_vs_rest
from ._transformers import (
    decode_features,
    decode_sampler,
    decode_tsne,
    encode_features,
    encode_sampler,
    encode_tsne,
)

Document = dict[str, Any]


def estimator_document(estimator, encoder) -> Document:
    """Describe an estimator of this package, fitted or not."""
    kind = KINDS[type(estimator)]
    learnt = kind.is_fitted(estimator)
    return {
        "kind": type(estimator).__name__,
        "params": encoder.parameters(estimator),
        "requests": _requests(estimator),
        "output": getattr(estimator, "_sklearn_output_config", {}).get("transform"),
        "fitted": {**_common(estimator, encoder), **kind.encode(estimator, encoder)} if learnt else None,
    }


def estimator_from(document: Document, decoder):
    """The estimator that `estimator_document` described.

    Raises
    ------
    SavedFileError
        If a parameter or a fitted attribute is impossible.
    """
    found = BY_NAME.get(document["kind"]) if isinstance(document["kind"], str) else None
    if found is None:
        check(False, f"this version knows no {str(document['kind'])[:60]!r}")
    params = {name: decoder.value(value) for name, value in document["params"].items()}
    estimator = found(**params)  # type: ignore[misc]
    check_parameters(estimator)
    _set_requests(estimator, document.get("requests") or {})
    if document.get("output") is not None:
        check(document["output"] in ("default", "pandas", "polars"), "the output of transform is unknown")
        estimator.set_output(transform=document["output"])
    fitted = document["fitted"]
    if fitted is not None:
        _set_common(estimator, fitted, decoder)
        KINDS[type(estimator)].decode(estimator, document, decoder)
    return estimator


def _requests(estimator) -> Document:
    """Metadata that the user requested, by method."""
    found = vars(estimator).get("_metadata_request")
    return {} if found is None else {method: dict(getattr(found, method).requests) for method in _methods(estimator)}


def _set_requests(estimator, requests: Document) -> None:
    for method, wanted in requests.items():
        check(method in _methods(estimator), f"{method!r} requests no metadata")
        check(
            all(value is None or isinstance(value, (bool, str)) for value in wanted.values()),
            "a request of metadata is none",
        )
        if wanted:
            # The methods that set requests exist only if routing is enabled; requests that are set stay.
            with config_context(enable_metadata_routing=True):
                getattr(estimator, f"set_{method}_request")(**wanted)


def _methods(estimator) -> list[str]:
    return [
        name.removeprefix("set_").removesuffix("_request")
        for name in dir(type(estimator))
        if name.startswith("set_") and name.endswith("_request")
    ]


def _common(estimator, encoder) -> Document:
    names = ("n_features_in_", "feature_names_in_", "image_reading_")
    return {name: encoder.value(getattr(estimator, name)) for name in names if hasattr(estimator, name)}


def _set_common(estimator, fitted: Document, decoder) -> None:
    n_features = fitted["n_features_in_"]
    check(a_number(n_features, 1), "the number of features is impossible")
    estimator.n_features_in_ = n_features
    if "feature_names_in_" in fitted:
        names = decoder.value(fitted["feature_names_in_"])
        check(isinstance(names, np.ndarray) and names.shape == (n_features,), "the names of the features do not fit")
        estimator.feature_names_in_ = names
    if "image_reading_" in fitted:
        reading = decoder.value(fitted["image_reading_"])
        check(reading is None or isinstance(reading, dict), "how images were read is described wrongly")
        estimator.image_reading_ = reading


@dataclass(frozen=True)
class _Kind:
    is_fitted: Callable[[Any], bool]
    encode: Callable[[Any, Any], Document]
    decode: Callable[[Any, Document, Any], None]


def _has(name: str) -> Callable[[Any], bool]:
    return lambda estimator: hasattr(estimator, name)


KINDS: dict[type, _Kind] = {
    CNNClassifier: _Kind(_has("network_"), encode_classifier, decode_classifier),
    OneVsRestCNNClassifier: _Kind(_has("estimators_"), encode_one_vs_rest, decode_one_vs_rest),
    CNNFeatures: _Kind(_has("estimator_"), encode_features, decode_features),
    TSNETransformer: _Kind(_has("embedding_"), encode_tsne, decode_tsne),
    ImageSampler: _Kind(_has("sampling_strategy_"), encode_sampler, decode_sampler),
}
BY_NAME: dict[str, type] = {kind.__name__: kind for kind in KINDS}

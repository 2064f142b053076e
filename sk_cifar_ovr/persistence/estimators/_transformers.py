"""What a file holds of fitted transformers and samplers."""

from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator

from ...classifier import CNNClassifier
from ...engine.compiled import borrow
from ...one_vs_rest import OneVsRestCNNClassifier
from .._checks import a_number, check, is_finite

Document = dict[str, Any]


def _unfrozen(estimator):
    while isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    return estimator


def encode_features(features, encoder) -> Document:
    """Describe what a CNNFeatures learnt."""
    inner = _unfrozen(features.estimator_)
    if type(inner) not in (CNNClassifier, OneVsRestCNNClassifier):
        raise TypeError(f"CNNFeatures of a {type(inner).__name__} cannot be saved: use a CNNClassifier.")
    networks = [inner.network_] if type(inner) is CNNClassifier else [each.network_ for each in inner.estimators_]
    indices = [k for used in features._networks for k, network in enumerate(networks) if network is used]
    if len(indices) < len(features._networks):
        raise ValueError("The frozen estimator was fitted again after the CNNFeatures: fit the CNNFeatures again.")
    return {"estimator": encoder.value(features.estimator_), "layer": features._layer, "networks": indices}


def decode_features(features, document: Document, decoder) -> None:
    """Give a CNNFeatures what `encode_features` described."""
    fitted = document["fitted"]
    estimator, layer, indices = decoder.value(fitted["estimator"]), fitted["layer"], fitted["networks"]
    inner = _unfrozen(estimator)
    check(type(inner) in (CNNClassifier, OneVsRestCNNClassifier), "features come from no network")
    check(hasattr(inner, "classes_"), "features come from an estimator that is not fitted")
    networks = [inner.network_] if type(inner) is CNNClassifier else [each.network_ for each in inner.estimators_]
    known = isinstance(indices, list) and indices and all(a_number(k, 0) and k < len(networks) for k in indices)
    check(known and (layer is None or isinstance(layer, str)), "features come from an unknown network")
    check(inner.n_features_in_ == features.n_features_in_, "the network takes other images")
    features.estimator_, features._layer = estimator, layer
    features._networks = [networks[k] for k in indices]
    with borrow(features._networks[0].spec) as network:
        extractor = network.features(layer)
    features.layer_ = extractor.layer
    features._n_features_out = extractor.width * len(indices)


def encode_tsne(tsne, encoder) -> Document:
    """Describe what a TSNETransformer learnt."""
    names = np.array(list(tsne._known), "S32")
    return {
        "embedding": encoder.value(tsne.embedding_),
        "samples": encoder.value(tsne._samples),
        "positions": encoder.value(tsne._positions),
        "known": [encoder.value(names), encoder.value(np.array(list(tsne._known.values()), "int64"))],
        "kl_divergence": encoder.value(float(tsne.kl_divergence_)),
        "n_iter": int(tsne.n_iter_),
        "method": tsne.method_,
    }


def decode_tsne(tsne, document: Document, decoder) -> None:
    """Give a TSNETransformer what `encode_tsne` described."""
    fitted = document["fitted"]
    embedding, positions = decoder.value(fitted["embedding"]), decoder.value(fitted["positions"])
    n_components = tsne.n_components
    check(
        is_finite(embedding, None, n_components) and is_finite(positions, None, n_components),
        "the embedding is not finite",
    )
    samples = decoder.value(fitted["samples"])
    values = getattr(samples, "data", samples) if not isinstance(samples, np.ndarray) else samples.ravel()
    check(is_finite(values, None) and samples.ndim == 2, "the samples are not finite")
    check(samples.shape[1] == tsne.n_features_in_, "the samples have other features")
    check(samples.shape[0] in (0 if tsne._is_precomputed else len(positions), len(positions)), "samples are missing")
    keys, places = (decoder.value(each) for each in fitted["known"])
    check(keys.dtype == "S32" and places.dtype == "int64" and keys.shape == places.shape, "the samples are unknown")
    check(places.ndim == 1 and ((places >= 0) & (places < len(positions))).all(), "a sample has no position")
    divergence, n_iter = decoder.value(fitted["kl_divergence"]), fitted["n_iter"]
    check(type(divergence) is float and a_number(n_iter, 0), "the divergence is unknown")
    check(fitted["method"] in ("fft", "barnes_hut"), "the method is unknown")
    tsne.embedding_, tsne._samples, tsne._positions = embedding, samples, positions
    tsne._known = {key.decode(): place for key, place in zip(keys.tolist(), places.tolist(), strict=True)}
    tsne.kl_divergence_, tsne.n_iter_, tsne.method_ = divergence, n_iter, fitted["method"]
    tsne._n_features_out = n_components


def encode_sampler(sampler, encoder) -> Document:
    """Describe what an ImageSampler learnt."""
    found = {"sampler": encoder.value(getattr(sampler, "sampler_", None))}
    found["strategy"] = encoder.value(sampler.sampling_strategy_)
    found["indices"] = encoder.value(getattr(sampler, "sample_indices_", None))
    return found


def decode_sampler(sampler, document: Document, decoder) -> None:
    """Give an ImageSampler what `encode_sampler` described."""
    fitted = document["fitted"]
    inner, strategy = decoder.value(fitted["sampler"]), decoder.value(fitted["strategy"])
    check(strategy is None or isinstance(strategy, (dict, str)), "the sampling strategy is described wrongly")
    sampler.sampling_strategy_ = strategy
    if inner is not None:
        check(hasattr(inner, "fit_resample"), "the sampler is none")
        sampler.sampler_ = inner
    indices = decoder.value(fitted["indices"])
    if indices is not None:
        check(
            isinstance(indices, np.ndarray) and indices.dtype.kind in "iu" and indices.ndim == 1, "the indices are none"
        )
        check(not len(indices) or indices.min() >= 0, "an index is negative")
        sampler.sample_indices_ = indices

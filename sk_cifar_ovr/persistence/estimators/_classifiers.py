"""What a file holds of fitted classifiers."""

import math
from typing import Any

import numpy as np

from ...classifier import CHOICES, CNNClassifier, set_fitted
from ...one_vs_rest import calibrator_from, calibrator_state
from .._checks import a_number, are_floats, check, is_finite
from ._networks import check_is_built_by_parameters, network_document

Document = dict[str, Any]


def _training(estimator, encoder) -> Document:
    """What both classifiers learn besides networks."""
    return {
        "classes": encoder.value(estimator.classes_),
        "choices": {name: encoder.value(getattr(estimator, name)) for name in CHOICES if hasattr(estimator, name)},
        "history": {name: [encoder.value(float(v)) for v in values] for name, values in estimator.history_.items()},
    }


def _set_training(estimator, fitted: Document, decoder) -> tuple[np.ndarray, dict[str, list[float]]]:
    """Classes and history; what was chosen is set."""
    classes = decoder.value(fitted["classes"])
    check(isinstance(classes, np.ndarray) and classes.ndim == 1 and len(classes) > 0, "there are no classes")
    check(len(set(classes.tolist())) == len(classes), "a class occurs twice")
    for name, value in fitted["choices"].items():
        check(name in CHOICES, f"{name!r} is chosen by no fit")
        chosen = decoder.value(value)
        check(isinstance(chosen, dict) if name == "recipe_" else a_number(chosen, 1), f"{name} is impossible")
        setattr(estimator, name, chosen)
    history = {name: [decoder.value(value) for value in values] for name, values in fitted["history"].items()}
    check("loss" in history and all(map(are_floats, history.values())), "the history is none")
    return classes, history


def encode_classifier(estimator, encoder) -> Document:
    """Describe what a CNNClassifier learnt."""
    check_is_built_by_parameters(estimator, estimator.network_)
    return {**_training(estimator, encoder), "network": network_document(estimator.network_, encoder)}


def decode_classifier(estimator, document: Document, decoder) -> None:
    """Give a CNNClassifier what `encode_classifier` described."""
    fitted = document["fitted"]
    classes, history = _set_training(estimator, fitted, decoder)
    network = decoder.network(fitted["network"], estimator, classes, document["params"])
    check(math.prod(network.shape) == estimator.n_features_in_, "the number of features is not that of an image")
    set_fitted(estimator, network, classes, history)


def encode_one_vs_rest(estimator, encoder) -> Document:
    """Describe what a OneVsRestCNNClassifier learnt."""
    calibrators = estimator.calibrators_
    return {
        **_training(estimator, encoder),
        "estimators": [encoder.value(each) for each in estimator.estimators_],
        "joint": None if estimator.joint_network_ is None else network_document(estimator.joint_network_, encoder),
        "searches": encoder.value(estimator.searches_),
        "multilabel": bool(estimator.multilabel_),
        "thresholds": encoder.value(np.asarray(estimator.thresholds_, float)),
        "promises": encoder.value(estimator.promises_),
        "calibrators": encoder.value(calibrators and [calibrator_state(calibrator) for calibrator in calibrators]),
    }


def decode_one_vs_rest(estimator, document: Document, decoder) -> None:
    """Give a OneVsRestCNNClassifier what `encode_one_vs_rest` described."""
    fitted = document["fitted"]
    classes, history = _set_training(estimator, fitted, decoder)
    estimators = [decoder.value(each) for each in fitted["estimators"]]
    n_tasks = len(estimators)
    check(n_tasks == len(classes) or (n_tasks, len(classes)) == (1, 2), "there is not one network for each class")
    check(all(type(each) is CNNClassifier and hasattr(each, "network_") for each in estimators), "a network is missing")
    check(all(len(each.classes_) == 2 for each in estimators), "a network has not two outputs")
    check(len({each.network_.shape for each in estimators}) == 1, "the networks take different images")
    check(estimators[0].n_features_in_ == estimator.n_features_in_, "the networks take other images")
    thresholds = decoder.value(fitted["thresholds"])
    check(is_finite(thresholds, n_tasks), "there is not one finite threshold for each network")
    promises, searches = decoder.value(fitted["promises"]), decoder.value(fitted["searches"])
    for what, each in (("promise", promises), ("search", searches)):
        # Some classes may have none.
        fits = each is None or (isinstance(each, list) and 0 < len(each) <= n_tasks)
        check(fits, f"there is more than one {what} a class, or an empty list of them")
    estimator.classes_, estimator.history_ = classes, history
    estimator.estimators_, estimator.thresholds_ = estimators, thresholds
    check(isinstance(fitted["multilabel"], bool), "the kind of labels is unknown")
    estimator.multilabel_, estimator.promises_, estimator.searches_ = fitted["multilabel"], promises, searches
    estimator.calibrators_ = _calibrators(decoder.value(fitted["calibrators"]), n_tasks)
    estimator.joint_network_ = None
    if fitted["joint"] is not None:
        first = estimators[0]
        check(fitted["joint"]["n_heads"] == n_tasks, "there is not one head for each class")
        joint = decoder.network(fitted["joint"], first, first.classes_, decoder.parameters_of(fitted["estimators"][0]))
        check(joint.shape == first.network_.shape, "the joint network takes other images")
        estimator.joint_network_ = joint


def _calibrators(states: Any, n_tasks: int) -> list | None:
    if states is None:
        return None
    check(isinstance(states, list) and len(states) == n_tasks, "there is not one calibrator for each network")
    for state in states:
        if state is None:
            continue
        check(isinstance(state, dict) and len(state) == 1, "a calibrator is described wrongly")
        ((method, learnt),) = state.items()
        check(isinstance(learnt, list), "a calibrator is described wrongly")
        if method == "isotonic":
            check(len(learnt) == 2 and len(set(map(np.shape, learnt))) == 1, "a calibrator is described wrongly")
            check(all(is_finite(values, None) and len(values) for values in learnt), "a calibrator is not finite")
        else:
            check(is_finite(np.asarray(learnt, float), {"sigmoid": 2}.get(method, 1)), "a calibrator is not finite")
    return [calibrator_from(state) for state in states]

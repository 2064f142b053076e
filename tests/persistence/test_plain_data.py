"""Fitted estimators are plain data: every way of writing Python objects takes them, and they predict as before."""

import pickle

import cloudpickle
import joblib
import keras
import numpy as np
import pytest
import skops.io
from imblearn.over_sampling import RandomOverSampler
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, CNNFeatures, ImageSampler, OneVsRestCNNClassifier, TSNETransformer

TINY = {"model__filters": (2, 2, 4), "epochs": 1, "batch_size": 64, "recipe": None, "random_state": 0}
SEARCH = GridSearchCV(
    CNNClassifier(dense, epochs=1, random_state=0), {"loss": ["focal"], "loss__gamma": [0.0, 2.0]}, cv=2
)


def by_pickle(estimator, folder):
    return pickle.loads(pickle.dumps(estimator))


def by_cloudpickle(estimator, folder):
    return cloudpickle.loads(cloudpickle.dumps(estimator))


def by_joblib(estimator, folder):
    joblib.dump(estimator, folder / "estimator.joblib")
    return joblib.load(folder / "estimator.joblib")


def by_skops(estimator, folder):
    skops.io.dump(estimator, folder / "estimator.skops")
    trusted = skops.io.get_untrusted_types(file=folder / "estimator.skops")
    return skops.io.load(folder / "estimator.skops", trusted=trusted)


ESTIMATORS = {
    "Keras objects": CNNClassifier(
        **TINY,
        loss=keras.losses.CategoricalFocalCrossentropy(gamma=1.0),
        optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
        augment=keras.layers.RandomFlip(seed=0),
    ),
    "classifier": CNNClassifier(**{**TINY, "recipe": "strong"}),
    "builder": CNNClassifier(dense, epochs=1, random_state=0),
    "warm": CNNClassifier(**TINY, warm_start=True),
    "joint": OneVsRestCNNClassifier(CNNClassifier(**TINY), calibration="temperature", threshold="f1", cv=2),
    "independent": OneVsRestCNNClassifier(CNNClassifier(**TINY), strategy="independent", calibration="sigmoid", cv=2),
    "sampler": OneVsRestCNNClassifier(CNNClassifier(**TINY), sampler=RandomOverSampler(random_state=0)),
    "search": OneVsRestCNNClassifier(SEARCH, strategy="independent"),
    "features": CNNFeatures(CNNClassifier(**TINY)),
    "frozen": CNNFeatures(FrozenEstimator(CNNClassifier(dense, epochs=1, random_state=0))),
}


def fitted(name, X, y):
    estimator = ESTIMATORS[name]
    if name == "frozen":
        return CNNFeatures(FrozenEstimator(estimator.estimator.estimator.fit(X, y))).fit(X)
    return estimator.fit(X, y)


def output(estimator, X):
    return estimator.transform(X) if hasattr(estimator, "transform") else estimator.predict_proba(X)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_classifiers_and_features(digits, name, tmp_path):
    X, y = digits[0][:120], digits[1][:120] % 3
    estimator = fitted(name, X, y)
    expected = output(estimator, X)
    for copied in (by_pickle, by_cloudpickle, by_joblib, by_skops):
        np.testing.assert_array_equal(output(copied(estimator, tmp_path), X), expected, err_msg=copied.__name__)


@pytest.mark.parametrize("copied", [by_pickle, by_cloudpickle, by_joblib, by_skops])
def test_samplers_and_embeddings(digits, copied, tmp_path):
    X, y = digits[0][:90], digits[1][:90]
    sampler = ImageSampler(RandomOverSampler(random_state=0)).fit(X, y)
    assert copied(sampler, tmp_path).sampling_strategy_ == sampler.sampling_strategy_
    rows = X.reshape(len(X), -1).astype("float32")
    tsne = TSNETransformer(perplexity=5, max_iter=50, random_state=0).fit(rows[:60])
    np.testing.assert_array_equal(copied(tsne, tmp_path).transform(rows[60:]), tsne.transform(rows[60:]))


def test_a_fit_continues_from_a_copy(digits, tmp_path):
    X, y = digits[0][:120], digits[1][:120] % 3
    estimator = CNNClassifier(**TINY).partial_fit(X, y, classes=[0, 1, 2])
    copies = [copied(estimator, tmp_path) for copied in (by_pickle, by_skops)]
    expected = estimator.partial_fit(X, y).predict_proba(X)
    for copy in copies:
        np.testing.assert_array_equal(copy.partial_fit(X, y).predict_proba(X), expected)

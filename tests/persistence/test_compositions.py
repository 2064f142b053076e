"""Every estimator of this package, and scikit-learn's compositions of them, in one file."""

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from scipy.stats import loguniform
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier, kneighbors_graph
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, CNNFeatures, ImageSampler, OneVsRestCNNClassifier, TSNETransformer, load, save
from sk_cifar_ovr.exceptions import SavedFileError

# As few images and epochs as this do not converge.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 90


def tiny(**params):
    return CNNClassifier(
        **{
            "model__filters": (2, 2, 4),
            "epochs": 1,
            "batch_size": 64,
            "recipe": None,
            "random_state": 0,
            "image_shape": (8, 8, 1),
            **params,
        }
    )


def features():
    return CNNFeatures(tiny())


def over_sampled():
    return make_imblearn_pipeline(ImageSampler(RandomOverSampler(random_state=0)), tiny())


COMPOSITIONS = {
    "tuned one-vs-rest": lambda: OneVsRestCNNClassifier(tiny(), calibration="isotonic", threshold="f1", cv=2),
    "search in one-vs-rest": lambda: OneVsRestCNNClassifier(
        GridSearchCV(over_sampled(), {"cnnclassifier__epochs": [1, 2]}, cv=StratifiedKFold(2)), strategy="independent"
    ),
    "features": features,
    "Pipeline": lambda: make_pipeline(features(), StandardScaler(), LogisticRegression()),
    "neighbors": lambda: make_pipeline(features(), KNeighborsClassifier(algorithm="brute")),
    "imbalanced-learn": over_sampled,
    "interpolation": lambda: make_imblearn_pipeline(ImageSampler(SMOTE(random_state=0, k_neighbors=2)), tiny()),
    "GridSearchCV": lambda: GridSearchCV(
        tiny(), {"loss": ["focal"], "loss__gamma": [0.0, 1.0]}, cv=2, scoring="f1_macro"
    ),
    "scorers": lambda: GridSearchCV(
        tiny(), {"epochs": [1]}, cv=2, scoring={"a": make_scorer(f1_score, average="macro"), "b": "accuracy"}, refit="a"
    ),
    "RandomizedSearchCV": lambda: RandomizedSearchCV(
        tiny(), {"optimizer__learning_rate": loguniform(1e-4, 1e-2)}, n_iter=2, cv=2, random_state=0
    ),
    "VotingClassifier": lambda: VotingClassifier([("a", tiny()), ("b", tiny(random_state=1))], voting="soft"),
    "StackingClassifier": lambda: StackingClassifier([("a", tiny()), ("b", tiny(random_state=1))], cv=2),
    "CalibratedClassifierCV": lambda: CalibratedClassifierCV(tiny(), cv=2),
    "TunedThresholdClassifierCV": lambda: TunedThresholdClassifierCV(tiny(), cv=2),
    "FixedThresholdClassifier": lambda: FixedThresholdClassifier(tiny(), threshold=0.4),
    "OneVsRestClassifier": lambda: OneVsRestClassifier(tiny()),
    "FeatureUnion": lambda: FeatureUnion([("a", features()), ("b", features())]),
    "ColumnTransformer": lambda: ColumnTransformer([("a", features(), slice(0, 64))]),
}


@pytest.fixture(scope="module")
def rows(digits):
    return digits[0][:N].reshape(N, -1), digits[1][:N] % 3


def outputs(estimator, X):
    found = [
        getattr(estimator, name)(X) for name in ("predict", "predict_proba", "transform") if hasattr(estimator, name)
    ]
    assert found
    return found


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_a_composition_comes_back(rows, tmp_path, name):
    X, y = rows
    fitted = COMPOSITIONS[name]().fit(X, y > 0 if "Threshold" in name else y)
    digest = save(fitted, tmp_path / "model")
    again = load(tmp_path / "model", digest=digest)
    for expected, found in zip(outputs(fitted, X), outputs(again, X), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert type(again) is type(fitted)
    # What was loaded is all that was saved: the same file is written of it.
    assert save(again, tmp_path / "again") == digest


def test_what_is_shared_stays_shared(rows, tmp_path):
    X, y = rows
    search = OneVsRestCNNClassifier(GridSearchCV(tiny(), {"epochs": [1]}, cv=2), strategy="independent").fit(X, y)
    save(search, tmp_path / "model")
    again = load(tmp_path / "model")
    assert all(s.best_estimator_ is e for s, e in zip(again.searches_, again.estimators_, strict=True))
    assert again.searches_[0].cv_results_["mean_test_score"] == search.searches_[0].cv_results_["mean_test_score"]


def test_a_frozen_estimator_and_output_as_data_frame(rows, tmp_path):
    X, y = rows
    clf = tiny().fit(X, y)
    fitted = CNNFeatures(FrozenEstimator(clf)).set_output(transform="pandas").fit(X)
    for estimator in (fitted, FrozenEstimator(clf)):
        save(estimator, tmp_path / "model")
        again = load(tmp_path / "model")
        for expected, found in zip(outputs(estimator, X), outputs(again, X), strict=True):
            assert type(found) is type(expected)
            np.testing.assert_array_equal(found, expected)


def test_samplers_and_embeddings(rows, tmp_path):
    X, y = rows
    tsne = TSNETransformer(perplexity=5, max_iter=50, random_state=0).fit(X[:60].astype("float32"))
    save(tsne, tmp_path / "tsne")
    again = load(tmp_path / "tsne")
    np.testing.assert_array_equal(again.transform(X.astype("float32")), tsne.transform(X.astype("float32")))
    np.testing.assert_array_equal(again.embedding_, tsne.embedding_)
    sampler = ImageSampler(SMOTE(random_state=0, k_neighbors=2)).fit(X, y)
    save(sampler, tmp_path / "sampler")
    again = load(tmp_path / "sampler")
    assert again.sampling_strategy_ == sampler.sampling_strategy_
    np.testing.assert_array_equal(again.fit_resample(X, y)[0], sampler.fit_resample(X, y)[0])


def sparse_affinities(X):
    return kneighbors_graph(X, 6, mode="distance").tocsr()


@pytest.mark.parametrize("metric", ["precomputed", "precomputed_affinities", "cosine"])
def test_embeddings_of_distances_and_affinities(rows, tmp_path, metric):
    X = rows[0][:40].astype(float) + 1
    make = {"precomputed": euclidean_distances, "precomputed_affinities": sparse_affinities, "cosine": lambda X: X}[
        metric
    ]
    tsne = TSNETransformer(perplexity=5, max_iter=50, metric=metric, initialization="random", random_state=0)
    save(tsne.fit(make(X)), tmp_path / "tsne")
    again = load(tmp_path / "tsne")
    np.testing.assert_array_equal(again.transform(make(X)), tsne.transform(make(X)))
    np.testing.assert_array_equal(again.embedding_, tsne.embedding_)


@pytest.mark.parametrize("options", [{"concatenate": True}, {"class_label": 1}])
def test_features_of_several_networks(rows, tmp_path, options):
    X, y = rows
    fitted = CNNFeatures(OneVsRestCNNClassifier(tiny(), strategy="independent"), **options).fit(X, y)
    save(fitted, tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    np.testing.assert_array_equal(again.get_feature_names_out(), fitted.get_feature_names_out())


def test_a_state_of_random_numbers(rows, tmp_path):
    for random_state in (np.random.RandomState(3), np.random.RandomState(np.random.MT19937(4))):
        fitted = tiny(random_state=random_state).fit(*rows)
        save(fitted, tmp_path / "model")
        assert load(tmp_path / "model").random_state.randint(10**6) == random_state.randint(10**6)


def test_metadata_requests_are_kept(rows, tmp_path):
    with config_context(enable_metadata_routing=True):
        fitted = tiny().set_fit_request(groups=True, sample_weight=False).fit(*rows)
    save(fitted, tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.get_metadata_routing().fit.requests == fitted.get_metadata_routing().fit.requests


class Darkened(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.factor_ = 2
        return self

    def transform(self, X):
        return X // self.factor_


def halved(X):
    return X // 2


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (Darkened(), f"{__name__}:Darkened"),
        (FunctionTransformer(halved), f"{__name__}:halved"),
        (RandomForestClassifier(3, random_state=0), "sklearn.tree._tree:Tree"),
    ],
    ids=["transformer", "function", "trees"],
)
def test_what_is_not_audited_has_to_be_trusted(rows, tmp_path, step, name):
    X, y = rows
    last = [] if isinstance(step, RandomForestClassifier) else [tiny()]
    fitted = make_pipeline(*([features(), step] if not last else [step, *last])).fit(X, y)
    save(fitted, tmp_path / "model")
    with pytest.raises(SavedFileError, match=name.rpartition(":")[2]) as refused:
        load(tmp_path / "model")
    assert name in str(refused.value)
    for spelling in (name, name.replace(":", ".")):
        again = load(tmp_path / "model", trusted=[spelling])
        np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


def test_functions_in_a_grid_have_to_be_trusted(rows, tmp_path):
    X, y = rows
    search = GridSearchCV(CNNClassifier(dense, epochs=1, random_state=0), {"model": [dense], "epochs": [1]}, cv=2)
    save(search.fit(X, y), tmp_path / "model")
    with pytest.raises(SavedFileError, match="dense"):
        load(tmp_path / "model")
    again = load(tmp_path / "model", trusted=[f"{dense.__module__}:dense"])
    np.testing.assert_array_equal(again.predict_proba(X), search.predict_proba(X))
    assert again.param_grid["model"] == [dense]


def test_what_cannot_be_saved_says_so(rows, tmp_path):
    X, y = rows
    clf = tiny().fit(X, y)
    late = CNNFeatures(FrozenEstimator(clf)).fit(X)
    clf.fit(X, y)
    with pytest.raises(ValueError, match="fit the CNNFeatures again"):
        save(late, tmp_path / "model")
    with pytest.raises(TypeError, match="top level"):
        save(make_pipeline(FunctionTransformer(lambda X: X), tiny()).fit(X, y), tmp_path / "model")
    with pytest.raises(ValueError, match="n_jobs"):
        save(GridSearchCV(tiny(), {"epochs": [1]}, cv=2).fit(X, y).set_params(n_jobs=10**6), tmp_path / "model")
    clf.network_.state[0] = clf.network_.state[0] * np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        save(clf, tmp_path / "model")
    assert not list(tmp_path.iterdir())

"""Searches over focal, weighted and plain losses: alone, for all classes, and for each class."""

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from imblearn.pipeline import Pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, recall_score
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold, cross_val_score, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, ImageSampler, OneVsRestCNNClassifier, load, ovr_report, save
from sk_cifar_ovr.model_selection import loss_grid, ovr_scorer, search_frame

TINY = {
    "model": dense,
    "loss": "focal",
    "epochs": 6,
    "batch_size": 32,
    "optimizer__learning_rate": 0.01,
    "recipe": None,
    "random_state": 0,
}
FOLDS = StratifiedKFold(2, shuffle=True, random_state=0)


@pytest.fixture(scope="module")
def rare(digits):
    """One digit in eleven or so is an 8; every second of those left out."""
    X, y = digits
    keep = (y != 8) | (np.arange(len(y)) % 2 == 0)
    return X[keep], (y[keep] == 8).astype(int)


@pytest.fixture(scope="module")
def three(digits):
    X, y = digits
    # Pixels of 0 to 255 saturate the tanh of the networks.
    return X[y < 3] / 127.5 - 1, y[y < 3]


def test_the_grid_spans_the_losses():
    grid = loss_grid([1.0, 3.0], ["balanced", {0: 1, 1: 5}], prefix="ovr__estimator__", ovr__threshold=[None, "f1"])
    assert grid == [
        {
            "ovr__estimator__loss": ["focal"],
            "ovr__estimator__loss__gamma": [1.0, 3.0],
            "ovr__estimator__class_weight": [None],
            "ovr__threshold": [None, "f1"],
        },
        {
            "ovr__estimator__loss": ["focal"],
            "ovr__estimator__loss__gamma": [0.0],
            "ovr__estimator__loss__alpha": [None],
            "ovr__estimator__class_weight": [None, "balanced", {0: 1, 1: 5}],
            "ovr__threshold": [None, "f1"],
        },
    ]
    assert [part["loss__gamma"] for part in loss_grid([], plain=False)] == [[0.0]]
    assert [part["loss__gamma"] for part in loss_grid([3.0], class_weights=[], plain=False)] == [[3.0]]
    with pytest.raises(ValueError, match="no loss to search"):
        loss_grid([], [], plain=False)
    with pytest.raises(ValueError, match="two underscores"):
        loss_grid(prefix="cnn")


def test_the_search_refits_the_best_and_can_be_read(rare):
    X, y = rare
    grid = loss_grid([1.0, 4.0], prefix="cnn__")
    sampler = ImageSampler(RandomUnderSampler(sampling_strategy=0.3, random_state=0))
    pipeline = Pipeline([("sampler", sampler), ("cnn", CNNClassifier(**TINY))])
    search = GridSearchCV(pipeline, grid, scoring="f1", cv=FOLDS, error_score="raise").fit(X, y)
    table = search_frame(search)
    assert [*table.columns] == [
        *("rank", "class_weight", "loss", "loss__alpha", "loss__gamma"),
        *("mean", "std", "fold 1", "fold 2", "fit_seconds"),
    ]
    assert sorted(table["loss__gamma"]) == [0.0, 0.0, 1.0, 4.0]
    assert set(table.loc[table["loss__gamma"] > 0, "loss__alpha"]) == {""}
    assert set(table["class_weight"]) == {None, "balanced"}
    assert table["rank"].is_monotonic_increasing
    assert table["mean"][0] == search.best_score_
    names = ["loss", "loss__gamma", "loss__alpha", "class_weight"]
    best = {name: value for name, value in table.loc[0, names].items() if value != ""}
    by_hand = clone(pipeline).set_params(**{f"cnn__{name}": value for name, value in best.items()}).fit(X, y)
    np.testing.assert_array_equal(search.predict_proba(X), by_hand.predict_proba(X))
    np.testing.assert_allclose(table[["fold 1", "fold 2"]].mean(axis=1), table["mean"])
    assert len(search.best_estimator_["sampler"].sample_indices_) < len(X)
    unsampled = clone(by_hand).set_params(sampler="passthrough").fit(X, y)
    assert not np.array_equal(search.predict_proba(X), unsampled.predict_proba(X))


def test_the_grid_replaces_settings_of_the_estimators_loss(rare):
    X, y = rare
    focal = CNNClassifier(**TINY, loss__gamma=2.0, loss__alpha=0.9)
    search = GridSearchCV(focal, loss_grid([2.0]), scoring="neg_log_loss", cv=2, error_score="raise").fit(X, y)
    plain = cross_val_score(CNNClassifier(**{**TINY, "loss": "crossentropy"}), X, y, scoring="neg_log_loss", cv=2)
    table = search_frame(search)
    row = table[(table["loss__gamma"] == 0) & table["class_weight"].isna()]
    np.testing.assert_allclose(row[["fold 1", "fold 2"]].to_numpy()[0], plain, rtol=1e-5)


def test_names_keep_what_tells_them_apart(rare):
    X, y = rare
    one = GridSearchCV(CNNClassifier(**TINY), {"loss": ["focal"], "loss__gamma": [1.0, 2.0]}, cv=2).fit(X, y)
    assert "loss__gamma" in search_frame(one)
    several = GridSearchCV(one.estimator, one.param_grid, cv=2, scoring=["f1", "recall"], refit="f1").fit(X, y)
    np.testing.assert_array_equal(
        np.sort(search_frame(several, metric="recall")["mean"]), np.sort(several.cv_results_["mean_test_recall"])
    )
    with pytest.raises(ValueError, match="f1"):
        search_frame(several)


def test_the_score_reads_the_answers_of_each_problem(three):
    """At a threshold of 1 nothing is answered yes, though the labels of `predict` are right."""
    X, y = three
    fitted = OneVsRestCNNClassifier(CNNClassifier(**{**TINY, "epochs": 20}), threshold=[0.5, 1.0, 0.5]).fit(X, y)
    expected = [f1_score(y == k, fitted.predict_ovr(X)[:, k], zero_division=0) for k in range(3)]
    assert ovr_scorer()(fitted, X, y) == pytest.approx(np.mean(expected))
    assert ovr_scorer(label=2)(fitted, X, y) == pytest.approx(expected[2])
    assert ovr_scorer(label=1)(fitted, X, y) == 0
    assert fitted.score(X, y) > 0.8
    piped = make_pipeline(FunctionTransformer(), fitted)
    assert ovr_scorer("geometric_mean", label=0)(piped, X, y) > 0.8
    with pytest.raises(ValueError, match="label=7"):
        ovr_scorer(label=7)(fitted, X, y)
    with pytest.raises(ValueError, match="class_f1"):
        ovr_scorer("f2")(fitted, X, y)


class KnownLabels(ClassifierMixin, BaseEstimator):
    """One logistic regression per column of a label matrix, fitted on the samples whose label is known."""

    def __init__(self, C=1.0):
        self.C = C

    def fit(self, X, Y):
        self.classes_ = np.arange(Y.shape[1])
        known = ~np.isnan(Y)
        tasks = zip(Y.T, known.T, strict=True)
        self.estimators_ = [LogisticRegression(C=self.C).fit(X[rows], labels[rows]) for labels, rows in tasks]
        return self

    def predict_ovr(self, X):
        return np.column_stack([estimator.predict(X) for estimator in self.estimators_]).astype(bool)


def test_several_labels_some_not_known_are_scored_and_searched():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    Y = (X + rng.normal(scale=0.4, size=X.shape) > 0.3).astype(float)
    Y[rng.random(Y.shape) < 0.2] = np.nan
    folds = KFold(3, shuffle=True, random_state=0)
    scoring = {"mean": ovr_scorer(), "second": ovr_scorer("class_recall", label=1)}
    scores = cross_validate(KnownLabels(), X, Y, cv=folds, scoring=scoring, error_score="raise")
    for fold, (train, test) in enumerate(folds.split(X)):
        answers = KnownLabels().fit(X[train], Y[train]).predict_ovr(X[test])
        known = ~np.isnan(Y[test])
        f1 = [f1_score(Y[test][known[:, k], k], answers[known[:, k], k]) for k in range(3)]
        assert scores["test_mean"][fold] == pytest.approx(np.mean(f1))
        recall = recall_score(Y[test][known[:, 1], 1], answers[known[:, 1], 1])
        assert scores["test_second"][fold] == pytest.approx(recall)
    search = GridSearchCV(KnownLabels(), {"C": [1e-4, 1.0]}, cv=folds, scoring=ovr_scorer(), error_score="raise")
    table = search_frame(search.fit(X, Y))
    assert table["C"].tolist() == [1.0, 1e-4]
    np.testing.assert_allclose(table.loc[0, ["fold 1", "fold 2", "fold 3"]].astype(float), scores["test_mean"])


def test_one_choice_for_all_classes(three):
    """Without training none of the answers is right, and that is what the score has to see."""
    X, y = three
    grid = [
        {**part, "estimator__optimizer__learning_rate": [0.0, 0.01]} for part in loss_grid([2.0], prefix="estimator__")
    ]
    search = GridSearchCV(OneVsRestCNNClassifier(CNNClassifier(**TINY)), grid, scoring=ovr_scorer(), cv=2).fit(X, y)
    table = search_frame(search)
    assert table["optimizer__learning_rate"].head(3).tolist() == [0.01] * 3
    by_hand = clone(search.estimator).set_params(**search.best_params_).fit(X, y)
    np.testing.assert_array_equal(search.best_estimator_.predict_ovr(X), by_hand.predict_ovr(X))


@pytest.mark.parametrize("weighted", [False, True])
def test_one_choice_for_each_class(three, weighted):
    """As scikit-learn's one-vs-rest over a search, with thresholds and answers of its own."""
    X, y = three
    weight = {"sample_weight": np.linspace(0.5, 1.5, len(X))} if weighted else {}
    search = GridSearchCV(CNNClassifier(**TINY), loss_grid([4.0]), scoring="f1", cv=2)
    ours = OneVsRestCNNClassifier(search, strategy="independent").fit(X, y, **weight)
    for k, found in enumerate(ours.searches_):
        alone = clone(search).fit(X, (y == k).astype(int), **weight)
        assert found.best_params_ == alone.best_params_
        np.testing.assert_array_equal(ours.estimators_[k].predict_proba(X), alone.predict_proba(X))
    assert all(type(estimator) is CNNClassifier for estimator in ours.estimators_)
    if not weighted:
        theirs = OneVsRestClassifier(search).fit(X, y)
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-5)
    assert ovr_report(y, ours.predict_ovr(X)).mean()["class_f1"] > 0.6


def test_classes_may_choose_differently(three):
    """Candidates are scored by which class is asked about, told by the number of its images."""
    X, y = three
    rates = [0.001, 0.002, 0.003]
    counts = {int((y == k).sum()): rate for k, rate in enumerate(rates)}
    assert len(counts) == 3

    def by_count(estimator, X, labels):
        wanted = counts[min(counts, key=lambda count: abs(count - 2 * labels.sum()))]
        return -abs(wanted - estimator.get_params()["optimizer__learning_rate"])

    search = GridSearchCV(CNNClassifier(**TINY), {"optimizer__learning_rate": rates}, scoring=by_count, cv=2)
    ovr = OneVsRestCNNClassifier(search, strategy="independent", threshold="f1", cv=2).fit(X, y)
    assert [found.best_params_["optimizer__learning_rate"] for found in ovr.searches_] == rates
    assert ovr.thresholds_.shape == (3,)


def test_a_searched_one_vs_rest_is_saved(three, tmp_path):
    X, y = three
    search = GridSearchCV(CNNClassifier(**TINY), {"loss": ["focal"], "loss__gamma": [0.0, 2.0]}, cv=2)
    ovr = OneVsRestCNNClassifier(search, strategy="independent").fit(X, y)
    save(ovr, tmp_path / "model")
    again = load(tmp_path / "model", trusted=[f"{dense.__module__}:dense"])
    np.testing.assert_array_equal(again.predict_ovr(X), ovr.predict_ovr(X))
    assert [found.best_params_ for found in again.searches_] == [found.best_params_ for found in ovr.searches_]


def test_nested_in_a_validation(three):
    """A search inside one-vs-rest inside a cross-validation: two levels of folds."""
    X, y = three
    trained = CNNClassifier(**{**TINY, "epochs": 15})
    search = GridSearchCV(trained, {"optimizer__learning_rate": [0.0, 0.01]}, scoring="f1", cv=2)
    ovr = OneVsRestCNNClassifier(search, strategy="independent")
    assert (cross_val_score(ovr, X, y, cv=2, scoring=ovr_scorer()) > 0.5).all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"strategy": "joint"}, ValueError, "strategy='independent'"),
        ({"class_weight": {0: 2.0}}, ValueError, "into the grid"),
        ({"estimator__refit": False}, ValueError, "refit"),
        ({"estimator__estimator": OneVsRestClassifier(CNNClassifier())}, TypeError, "OneVsRestClassifier"),
        ({"estimator__estimator": make_pipeline(FunctionTransformer(), CNNClassifier())}, TypeError, "functiontr"),
    ],
    ids=["joint", "weights", "refit", "other", "step"],
)
def test_what_a_search_inside_cannot_go_with(three, change, error, message):
    X, y = three
    search = GridSearchCV(CNNClassifier(**TINY), {}, cv=2)
    ovr = OneVsRestCNNClassifier(search, strategy="independent").set_params(**change)
    with pytest.raises(error, match=message):
        ovr.fit(X, y)


def test_weights_reach_a_search_inside_by_request_only(three):
    X, y = three
    weight = np.linspace(0.1, 3.0, len(X))
    classifier = CNNClassifier(**TINY)
    search = GridSearchCV(classifier, {"loss": ["focal"], "loss__gamma": [1.0]}, cv=2)
    ovr = OneVsRestCNNClassifier(search, strategy="independent")
    with sklearn.config_context(enable_metadata_routing=True):
        with pytest.raises(UnsetMetadataPassedError, match="set_fit_request"):
            ovr.fit(X, y, sample_weight=weight)
        classifier.set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        found = ovr.fit(X, y, sample_weight=weight)
        alone = clone(classifier).set_params(loss="focal", loss__gamma=1.0).fit(X, y == 0, sample_weight=weight)
    np.testing.assert_array_equal(found.estimators_[0].predict_proba(X), alone.predict_proba(X))


def test_a_search_does_not_go_on(three):
    X, y = three
    ovr = OneVsRestCNNClassifier(GridSearchCV(CNNClassifier(**TINY), {}, cv=2), strategy="independent")
    with pytest.raises(ValueError, match="partial_fit"):
        ovr.partial_fit(X, y, [0, 1, 2])


@pytest.mark.parametrize("reordered", [False, True])
def test_a_class_without_known_labels_is_left_out_of_the_mean(reordered):
    class Given:
        classes_ = np.array(["a", "b", "c"])

        def predict_ovr(self, X):
            return X == 1

    X = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 0], [0, 1, 0]])
    Y = pd.DataFrame({"a": [1, 0, 1, 0], "b": [1, 1, 0, np.nan], "c": np.nan})
    Y = Y[["c", "a", "b"]] if reordered else Y
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ovr_scorer("class_recall")(Given(), X, Y) == pytest.approx(1 / 2)
        assert ovr_scorer("accuracy")(Given(), X, Y) == pytest.approx((1 / 2 + 1 / 3) / 2)
        assert ovr_scorer("accuracy", label="b")(Given(), X, Y) == pytest.approx(1 / 3)
        only = ovr_scorer("accuracy")(Given(), X, Y.assign(b=np.nan))
    assert only == pytest.approx(1 / 2)
    with pytest.raises(ValueError, match="No label of 'c' is known among the samples"):
        ovr_scorer(label="c")(Given(), X, Y)
    with pytest.raises(ValueError, match="'d' is not one of the classes"):
        ovr_scorer(label="d")(Given(), X, Y)

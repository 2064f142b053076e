"""Several labels an image: label matrices in, matrices out."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from joblib import parallel_config
from scipy import sparse
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import MultiLabelBinarizer
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load, save
from sk_cifar_ovr.engine._training_loop import _TrainingLoop

TINY = {"model": dense, "loss": "focal", "epochs": 2, "batch_size": 64, "recipe": None, "random_state": 0}
NAMES = ["even", "large", "hole", "prime"]
STRATEGIES = ["joint", "independent"]


def properties(y):
    """Four properties of a digit."""
    return np.stack([y % 2 == 0, y >= 5, np.isin(y, (0, 6, 8, 9)), np.isin(y, (2, 3, 5, 7))], axis=1).astype(int)


def ovr(strategy="joint", more=None, **settings):
    return OneVsRestCNNClassifier(CNNClassifier(**{**TINY, **settings}), strategy=strategy, **(more or {}))


def assert_same_weights(one, other):
    for first, second in zip(one.estimators_, other.estimators_, strict=True):
        for a, b in zip(first.network_.state, second.network_.state, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def parts(digits):
    X, y = digits
    # Pixels of 0 to 255 saturate the tanh of the networks.
    X = X[:240] / 127.5 - 1
    Y = properties(y[:240])
    Y.setflags(write=False)
    return X, Y


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    "settings", [{}, {"class_weight": "balanced", "loss__alpha": "balanced"}], ids=["plain", "balanced"]
)
def test_the_one_hot_matrix_of_single_labels_trains_the_same_networks(digits, strategy, settings):
    X, y = digits
    y, weight = y % 4, np.linspace(0.5, 2, len(y))
    single = ovr(strategy, **settings).fit(X, y, weight)
    matrix = ovr(strategy, **settings).fit(X, np.eye(4)[y], weight)
    assert_same_weights(single, matrix)
    assert single.history_ == matrix.history_
    np.testing.assert_array_equal(single.predict_ovr(X), matrix.predict_ovr(X))
    np.testing.assert_array_equal(single.decision_function(X), matrix.decision_function(X))
    assert not single.multilabel_
    assert matrix.multilabel_


def test_independent_is_scikit_learns_one_vs_rest(parts):
    X, Y = parts
    ours = ovr("independent").fit(X, Y)
    theirs = OneVsRestClassifier(CNNClassifier(**TINY)).fit(X, Y)
    assert_same_weights(ours, theirs)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X))
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.score(X, Y) == theirs.score(X, Y)


@pytest.mark.parametrize(
    "make",
    [
        lambda Y: Y.tolist(),
        lambda Y: Y.astype(bool),
        lambda Y: Y.astype("float32"),
        sparse.csr_matrix,
        lambda Y: sparse.coo_array(Y.astype(bool)),
        lambda Y: np.ma.masked_array(Y, mask=False),
        lambda Y: pd.DataFrame(Y.astype(object)),
        lambda Y: MultiLabelBinarizer().fit_transform([np.flatnonzero(row) for row in Y]),
    ],
    ids=["list", "bool", "float", "sparse", "sparse bool", "masked", "frame", "binarizer"],
)
def test_every_kind_of_matrix_is_the_same(parts, make):
    X, Y = parts
    plain, other = ovr(epochs=1).fit(X, Y), ovr(epochs=1).fit(X, make(Y))
    assert_same_weights(plain, other)
    assert other.classes_.tolist() == [0, 1, 2, 3]
    assert other.predict(X).dtype == plain.predict(X).dtype == np.dtype(int)


def test_columns_name_the_classes(parts):
    X, Y = parts
    Y = pd.DataFrame(Y, columns=NAMES)
    fitted = ovr(epochs=1, more={"threshold": {"hole": 0.0, "prime": 1.0}, "class_weight": {"even": 2.0}}).fit(X, Y)
    assert fitted.classes_.tolist() == NAMES
    assert fitted.thresholds_.tolist() == [0.5, 0.5, 0.0, 1.0]
    assert fitted.predict(X)[:, 2].all()
    with pytest.raises(ValueError, match=r"no task has: \['odd'\]"):
        ovr(more={"threshold": {"odd": 0.1}}).fit(X, Y)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_learns_properties_of_digits(digits, strategy):
    X, y = digits
    X, Y = X / 127.5 - 1, properties(y)
    fitted = ovr(strategy, epochs=15, batch_size=32, optimizer__learning_rate=0.01).fit(X[:280], Y[:280])
    # 0.91 and 0.82 and more with ten seeds.
    assert f1_score(Y[280:], fitted.predict(X[280:]), average="macro") > 0.75
    assert fitted.score(X[280:], Y[280:]) > 0.6


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_two_columns_are_two_tasks(parts, strategy):
    X, Y = parts
    weights = {"class_weight": {0: 3.0, 1: {0: 1.0, 1: 2.0}}}
    fitted = ovr(strategy, {**weights, "threshold": "f1", "calibration": "sigmoid", "cv": 2}).fit(X, Y[:, :2])
    assert len(fitted.estimators_) == len(fitted.thresholds_) == len(fitted.calibrators_) == 2
    for shape in (fitted.decision_function(X).shape, fitted.predict_proba(X).shape, fitted.predict_ovr(X).shape):
        assert shape == (len(X), 2)
    answers = fitted.predict_ovr(X)
    np.testing.assert_array_equal(fitted.predict(X), answers.astype(int))
    np.testing.assert_array_equal(answers, fitted.predict_proba(X) >= fitted.thresholds_)
    assert not np.array_equal(answers[:, 0], ~answers[:, 1])


def test_probabilities_are_those_of_the_tasks(parts):
    X, Y = parts
    fitted = ovr().fit(X, Y)
    positive = np.stack([estimator.predict_proba(X)[:, 1] for estimator in fitted.estimators_], axis=1)
    np.testing.assert_allclose(fitted.predict_proba(X), positive, rtol=1e-6)
    assert np.ptp(fitted.predict_proba(X).sum(axis=1)) > 0.1


def test_thresholds_are_found_out_of_fold(parts):
    from sk_cifar_ovr._shared.stratification import stratified_folds
    from sk_cifar_ovr.one_vs_rest._thresholds import averaged_threshold

    X, Y = parts
    tuned = ovr(more={"threshold": "f1", "cv": 3}).fit(X, Y)
    assert_same_weights(tuned, ovr().fit(X, Y))
    folds = stratified_folds(X, Y.astype("int8"), 3)
    scores = cross_val_predict(ovr(), X, Y, cv=folds, method="decision_function")
    expected = [averaged_threshold(t, 1 / (1 + np.exp(-s)), "f1", folds) for t, s in zip(Y.T, scores.T, strict=True)]
    np.testing.assert_allclose(tuned.thresholds_, expected, atol=1e-6)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_validation_images_keep_the_shares_of_the_labels(parts, monkeypatch, strategy):
    X, Y = parts
    Y = np.column_stack([Y, np.arange(len(Y)) % 20 == 0])
    seen = []
    real = _TrainingLoop.__init__

    def spy(self, network, job, *rest):
        seen.append(job.data)
        real(self, network, job, *rest)

    monkeypatch.setattr(_TrainingLoop, "__init__", spy)
    fitted = ovr(strategy, validation_fraction=0.25, early_stopping=True).fit(X, Y)
    assert set(fitted.history_) == {"loss", "val_loss"}
    for k, data in enumerate(seen):
        assert len(np.intersect1d(data.train, data.validation)) == 0
        labels = Y if strategy == "joint" else Y[:, [k]]
        np.testing.assert_allclose(labels[data.validation].sum(axis=0), labels.sum(axis=0) / 4, atol=2)
    assert len(seen) == (1 if strategy == "joint" else 5)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_task_is_resampled(parts, strategy):
    """Images that are all the same leave a network only the shares of the labels to learn."""
    X, Y = np.zeros(parts[0].shape, "uint8"), parts[1][:, ::2]
    settings = {"epochs": 15, "optimizer__learning_rate": 0.03, "loss": "crossentropy"}
    plain = ovr(strategy, **settings).fit(X, Y).predict_proba(X[:1])[0]
    resampled = ovr(strategy, {"sampler": RandomOverSampler(random_state=0)}, **settings).fit(X, Y)
    # Ten seeds: within 0.02 of the shares, which are 0.47 and 0.38, and within 0.03 of 0.5.
    np.testing.assert_allclose(plain, Y.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(resampled.predict_proba(X[:1])[0], 0.5, atol=0.06)


def test_processes_change_nothing(parts):
    X, Y = parts
    one = ovr("independent").fit(X, Y)
    with parallel_config(backend="threading"):
        two = ovr("independent", {"n_jobs": 2}).fit(X, Y)
    assert_same_weights(one, two)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_partial_fit_and_warm_start(parts, strategy):
    X, Y = parts
    frame = pd.DataFrame(Y, columns=NAMES)
    grown = ovr(strategy).partial_fit(X, frame)
    named = ovr(strategy).partial_fit(X, Y, classes=NAMES)
    assert_same_weights(grown, named)
    assert named.classes_.tolist() == NAMES
    for each in (grown, named):
        # One batch of a stream may lack a label.
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            each.partial_fit(X[Y[:, 0] == 0], Y[Y[:, 0] == 0])
    assert_same_weights(grown, named)
    assert len(grown.history_["loss"]) == 2
    warm = ovr(strategy, warm_start=True).fit(X, frame)
    before = warm.history_["loss"][-1]
    assert warm.fit(X, Y).history_["loss"][-1] < before
    assert warm.classes_.tolist() == NAMES


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (lambda Y: Y[:, :3], r"3 columns, but its classes are \['even', 'large', 'hole', 'prime'\]"),
        (lambda Y: pd.DataFrame(Y, columns=NAMES[::-1]), r"columns \['prime', .*classes are \['even'"),
        (lambda Y: Y[:, 0], "one label an image, and the last fit had a label matrix"),
    ],
    ids=["fewer", "reordered", "single"],
)
def test_the_columns_stay_in_later_fits(parts, y, message):
    X, Y = parts
    fitted = ovr().partial_fit(X, pd.DataFrame(Y, columns=NAMES))
    before = fitted.predict_proba(X)
    with pytest.raises(ValueError, match=message):
        fitted.partial_fit(X, y(Y))
    np.testing.assert_array_equal(fitted.predict_proba(X), before)
    with pytest.raises(ValueError, match="the last fit had one label an image"):
        ovr().partial_fit(X, Y[:, 0], classes=[0, 1]).partial_fit(X, Y)


def test_searches_outside_and_inside(parts):
    X, Y = parts
    grid = {"estimator__optimizer__learning_rate": [1e-6, 0.02]}
    search = GridSearchCV(ovr(), grid, cv=2).fit(X, Y)
    assert search.best_params_ == {"estimator__optimizer__learning_rate": 0.02}
    assert search.best_score_ == pytest.approx(cross_val_score(search.best_estimator_, X, Y, cv=2).mean())
    inside = GridSearchCV(CNNClassifier(**TINY), {"optimizer__learning_rate": [1e-6, 0.02]}, cv=2)
    fitted = OneVsRestCNNClassifier(inside, strategy="independent").fit(X, Y)
    assert len(fitted.searches_) == 4
    assert fitted.predict(X).shape == Y.shape


def test_saved_and_loaded(parts, tmp_path):
    X, Y = parts
    how = {"threshold": {"even": {"precision": 0.6}, "hole": 0.3}, "calibration": "sigmoid", "cv": 2}
    fitted = ovr(more=how).fit(X, pd.DataFrame(Y, columns=NAMES))
    save(fitted, tmp_path / "model")
    again = load(tmp_path / "model", trusted=[f"{dense.__module__}:dense"])
    assert again.multilabel_ is True
    assert again.promises_ == fitted.promises_
    assert again.classes_.tolist() == NAMES
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert again.score(X, Y) == fitted.score(X, Y)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_constant_column_is_warned_of_and_trained(parts, strategy):
    X, Y = parts
    Y = pd.DataFrame(np.column_stack([Y, np.zeros(len(Y)), np.ones(len(Y))]), columns=[*NAMES, "never", "always"])
    how = {"sampler": RandomOverSampler(random_state=0), "class_weight": {"never": "balanced"}}
    with pytest.warns(UserWarning, match="No image whose label is known has 'never'. Every .* has 'always'"):
        fitted = ovr(strategy, how, class_weight="balanced", epochs=4, optimizer__learning_rate=0.02).fit(X, Y)
    probabilities = fitted.predict_proba(X)
    assert (probabilities[:, 4] < 0.5).all()
    assert (probabilities[:, 5] > 0.5).all()
    search = GridSearchCV(CNNClassifier(**TINY), {"epochs": [1]}, cv=2)
    with pytest.raises(ValueError, match="'never'.* search has nothing to choose"):
        OneVsRestCNNClassifier(search, strategy="independent").fit(X, Y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda Y: Y * 2, "holds 2 in row 0 of column 0"),
        (lambda Y: pd.DataFrame(Y.astype(str), columns=NAMES), "holds '[01]' in row 0 of column 'even'"),
        (lambda Y: np.where(np.arange(len(Y))[:, None] == 7, -1.0, Y), r"holds -1.0 in row 7 of column 0"),
        (lambda Y: np.where(Y, np.inf, Y), "holds inf"),
        (lambda Y: sparse.csr_array(Y * 3), "holds 3 in row"),
        (lambda Y: pd.DataFrame(Y, columns=["a", "b", "b", "c"]), "several columns named 'b'"),
        (lambda Y: Y[:, :0], "no columns"),
        (lambda Y: Y[:-1], "inconsistent numbers of samples"),
        (lambda Y: np.where([True, False, False, True], np.nan, Y), "No label of 0, 3 is known"),
    ],
    ids=["two", "text", "minus", "inf", "sparse", "names", "empty", "short", "unknown"],
)
def test_what_is_no_label_matrix_is_refused_before_training(parts, monkeypatch, change, message):
    from sk_cifar_ovr.one_vs_rest._task_settings import TaskSettings

    X, Y = parts
    monkeypatch.setattr(TaskSettings, "fit", None)
    first = int(np.flatnonzero(Y[:, 0])[0])
    with pytest.raises(ValueError, match=message):
        ovr().fit(X[first:], change(Y[first:]))


def test_balanced_batches_need_single_labels(parts):
    X, Y = parts
    with pytest.raises(ValueError, match=r"balanced_batches .* strategy='independent'"):
        ovr(balanced_batches=True).fit(X, Y)
    assert ovr("independent", balanced_batches=True, epochs=1).fit(X, Y).multilabel_


def test_a_classifier_of_single_labels_says_where_to_go(parts):
    X, Y = parts
    with pytest.raises(ValueError, match=r"several labels an image use OneVsRestCNNClassifier\.$"):
        CNNClassifier(**TINY).fit(X, Y)
    one_hot = np.eye(2, dtype=int)[Y[:, 0]]
    for y, way in (
        (one_hot, "np.asarray(y)"),
        (one_hot.tolist(), "np.asarray(y)"),
        (pd.DataFrame(one_hot), "np.asarray(y)"),
        (sparse.csr_matrix(one_hot), "y.toarray()"),
    ):
        with pytest.raises(ValueError, match=re.escape(f"Here every row has exactly one 1: {way}.argmax(axis=1)")):
            CNNClassifier(**TINY).fit(X, y)
        np.testing.assert_array_equal(eval(way, {"np": np, "y": y}).argmax(axis=1), Y[:, 0])
    assert CNNClassifier(
        **TINY,
    ).fit(X, one_hot.argmax(axis=1)).classes_.tolist() == [0, 1]


def test_one_column_is_single_labels(parts):
    X, Y = parts
    with pytest.warns(UserWarning, match="column-vector"):
        fitted = ovr(epochs=1).fit(X, Y[:, :1])
    assert not fitted.multilabel_
    assert fitted.predict(X).shape == (len(X),)


@pytest.mark.parametrize("make", [lambda: CNNClassifier(**TINY), ovr], ids=["one network", "one-vs-rest"])
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)], ids=["vector", "column"])
def test_plain_labels_that_are_not_known_are_refused(parts, make, shape):
    X, Y = parts
    labels, hidden = Y[:, 0].reshape(shape), Y[:, 1].reshape(shape) == 1
    for y in (np.ma.masked_array(labels, hidden), np.where(hidden, np.nan, labels)):
        with pytest.raises(ValueError, match="Plain labels must all be known: leave out these images"):
            make().fit(X, y)


def test_score_matches_columns_by_name(parts):
    X, Y = parts
    frame = pd.DataFrame(Y, columns=NAMES)
    fitted = ovr(epochs=1).fit(X, frame)
    expected = (fitted.predict(X) == Y).all(axis=1).mean()
    assert fitted.score(X, frame) == fitted.score(X, Y) == pytest.approx(expected)
    assert fitted.score(X, frame[NAMES[::-1]]) == pytest.approx(expected)
    with pytest.raises(ValueError, match=r"columns \['a', 'b', 'c', 'd'\], but its classes are \['even'"):
        fitted.score(X, frame.set_axis(list("abcd"), axis=1))


@pytest.mark.parametrize(
    ("y", "weight", "message"),
    [
        (lambda Y: np.full(Y.shape, np.nan), None, "nothing to score"),
        (lambda Y: np.where(np.arange(len(Y))[:, None] < 9, np.nan, Y), lambda n: np.arange(n) < 9, "nothing to score"),
        (lambda Y: Y, np.zeros, "non-zero"),
        (lambda Y: Y, lambda n: np.ones((n, 2)), "one number an image"),
        (lambda Y: Y[:, 0], None, r"a label matrix of 4 columns.* shape \(240,\)"),
        (lambda Y: Y[:9], None, "inconsistent numbers"),
    ],
    ids=["unknown", "weightless", "zero", "wide", "vector", "short"],
)
def test_what_cannot_be_scored_is_refused(parts, y, weight, message):
    X, Y = parts
    fitted = ovr(epochs=1).fit(X, Y)
    with pytest.raises(ValueError, match=message):
        fitted.score(X, y(Y), None if weight is None else weight(len(X)).astype(float))


def test_a_class_named_twice_is_refused(parts):
    X, Y = parts
    with pytest.raises(ValueError, match="names a class twice"):
        ovr().partial_fit(X, Y, classes=list("aabc"))

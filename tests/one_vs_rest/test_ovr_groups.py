"""`OneVsRestCNNClassifier.fit(..., groups=...)`: no split cuts a group."""

import pickle
import warnings

import numpy as np
import pytest
import sklearn
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, LeaveOneGroupOut, StratifiedGroupKFold
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, ImageSampler, OneVsRestCNNClassifier
from sk_cifar_ovr.exceptions import RareClassWarning

TINY = {"model": dense, "recipe": None, "epochs": 1, "batch_size": 64, "random_state": 0}
STRATEGIES = ["joint", "independent"]


def ovr(strategy="joint", more=None, **settings):
    return OneVsRestCNNClassifier(CNNClassifier(**{**TINY, **settings}), strategy=strategy, **(more or {}))


@pytest.fixture(scope="module")
def bursts(digits):
    """Images of three classes with the number of their group, 0 to 44, in the first pixel."""
    X, y = digits
    groups = np.repeat(np.arange(45), np.arange(45) % 15 + 1)[:360]
    order = np.random.default_rng(3).permutation(360)
    X, groups = X.copy(), groups[order]
    X[:, 0, 0, 0] = groups
    return X, np.array(["cat", "dog", "owl"])[y % 3], groups


@pytest.fixture
def trainings(monkeypatch):
    """Groups of the images trained on and held out, of each training."""
    from sk_cifar_ovr.engine._training_loop import _TrainingLoop

    seen = []
    real = _TrainingLoop.__init__

    def spy(self, network, job, *rest):
        first = np.asarray(job.data.X).reshape(len(job.data.X), -1)[:, 0]
        seen.append((set(first[job.data.train].tolist()), set(first[job.data.validation].tolist())))
        real(self, network, job, *rest)

    monkeypatch.setattr(_TrainingLoop, "__init__", spy)
    return seen


@pytest.fixture
def folds(monkeypatch):
    """Groups trained on and scored, of each fold."""
    from sk_cifar_ovr.one_vs_rest._task_settings import TaskSettings
    from sk_cifar_ovr.one_vs_rest._tasks import FittedTasks

    seen = []
    fit, outputs = TaskSettings.fit, FittedTasks.outputs

    def spy_fit(self, images, *rest):
        seen.append([set(images.X[:, 0, 0, 0].tolist())])
        return fit(self, images, *rest)

    def spy_outputs(self, X):
        seen[-1].append(set(X[:, 0, 0, 0].tolist()))
        return outputs(self, X)

    monkeypatch.setattr(TaskSettings, "fit", spy_fit)
    monkeypatch.setattr(FittedTasks, "outputs", spy_outputs)
    return seen


def some_labels(y):
    """A label matrix of the classes, with a third of the last column not known."""
    Y = (y[:, None] == np.unique(y)).astype(float)
    Y[::3, 2] = np.nan
    return Y


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("kind", ["plain", "matrix"])
@pytest.mark.parametrize("cv", [None, 3, GroupKFold(3), LeaveOneGroupOut()], ids=str)
def test_tuning_folds_keep_groups(bursts, folds, strategy, kind, cv):
    X, y, groups = bursts
    groups = groups if not isinstance(cv, LeaveOneGroupOut) else groups // 15
    more = {"threshold": "f1", "calibration": "sigmoid", "cv": cv}
    fitted = ovr(strategy, more).fit(X, some_labels(y) if kind == "matrix" else y, groups=groups)
    *of_folds, whole = folds
    assert len(of_folds) == (5 if cv is None else 3)
    for trained, tested in of_folds:
        assert len(tested)
        by = 15 if isinstance(cv, LeaveOneGroupOut) else 1
        assert not {g // by for g in trained} & {g // by for g in tested}
    assert len(whole[0]) == 45
    assert 0.5 not in fitted.thresholds_


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("kind", ["plain", "matrix"])
def test_validation_keeps_groups_also_in_folds(bursts, trainings, strategy, kind):
    X, y, groups = bursts
    labels = some_labels(y) if kind == "matrix" else y
    ovr(strategy, {"threshold": "f1", "cv": 2}, early_stopping=True).fit(X, labels, groups=groups)
    assert len(trainings) == (3 if strategy == "joint" else 9)
    for trained, held_out in trainings:
        assert held_out
        assert not trained & held_out


def test_workers_get_the_groups(bursts, trainings):
    X, y, groups = bursts
    model = ovr("independent", validation_fraction=0.2)
    alone = [e.history_ for e in model.fit(X, y, groups=groups).estimators_]
    with parallel_config("threading"):
        together = ovr("independent", {"n_jobs": 2}, validation_fraction=0.2).fit(X, y, groups=groups)
    assert len(trainings) == 6
    assert not any(trained & held_out for trained, held_out in trainings)
    assert [e.history_ for e in together.estimators_] == alone
    assert [e.history_ for e in model.fit(X, y).estimators_] != alone


@pytest.mark.parametrize("sampler", [RandomOverSampler(random_state=0), SMOTE(k_neighbors=2, random_state=0)], ids=str)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_samplers_see_no_group_that_is_held_out(bursts, trainings, monkeypatch, sampler, strategy):
    from sk_cifar_ovr.one_vs_rest._task_samplers import ImageTaskSampler

    if strategy == "joint" and isinstance(sampler, SMOTE):
        pytest.skip("heads share every batch")
    X, y, groups = bursts
    given = []
    generate = ImageTaskSampler.generate

    def spy(self, X, *rest):
        given.append(set(X.reshape(len(X), -1)[:, 0].tolist()))
        return generate(self, X, *rest)

    monkeypatch.setattr(ImageTaskSampler, "generate", spy)
    ovr(strategy, {"sampler": sampler}, early_stopping=True).fit(X, y, groups=groups)
    if isinstance(sampler, SMOTE):
        assert all(held_out and not images & held_out for images, (_, held_out) in zip(given, trainings, strict=True))
    else:
        assert all(held_out and not trained & held_out for trained, held_out in trainings)


@pytest.mark.parametrize("cv", [None, 2, GroupKFold(2)], ids=str)
def test_searches_inside_get_the_groups(bursts, trainings, cv):
    X, y, groups = bursts
    search = GridSearchCV(CNNClassifier(**TINY), {"optimizer__learning_rate": [1e-3]}, cv=cv, error_score="raise")
    fitted = OneVsRestCNNClassifier(search, strategy="independent").fit(X, y == "cat", groups=groups)
    n_folds = 5 if cv is None else 2
    assert isinstance(fitted.searches_[0].cv, GroupKFold if isinstance(cv, GroupKFold) else StratifiedGroupKFold)
    assert fitted.searches_[0].n_splits_ == n_folds
    assert len(trainings) == n_folds + 1
    # Every group is left out of one fold, and trained on in the rest.
    assert [sum(g in trained for trained, _ in trainings[:-1]) for g in range(45)] == [n_folds - 1] * 45


def test_samplers_inside_a_search_and_groups(bursts, trainings):
    X, y, groups = bursts
    steps = make_pipeline(ImageSampler(RandomOverSampler(random_state=0)), CNNClassifier(**TINY))
    search = GridSearchCV(steps, {"cnnclassifier__batch_size": [32]}, cv=2, error_score="raise")
    OneVsRestCNNClassifier(search, strategy="independent").fit(X, y == "cat", groups=groups)
    assert not trainings[0][0] & trainings[1][0]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("inner", "grid"), [({"early_stopping": True}, {"epochs": [1]}), ({}, {"validation_fraction": [0.2]})], ids=str
)
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_validation_inside_a_search_keeps_groups(bursts, trainings, inner, grid, weighted, n_jobs):
    X, y, groups = bursts
    # A scorer does not tell whether it takes weights.
    scoring, weights = (None, np.linspace(1, 2, len(y))) if weighted else ("accuracy", None)
    options = {"scoring": scoring, "cv": 2, "error_score": "raise", "n_jobs": n_jobs}
    search = GridSearchCV(CNNClassifier(**TINY, **inner), grid, **options)
    with parallel_config("threading"):
        ovr = OneVsRestCNNClassifier(search, strategy="independent")
        fitted = ovr.fit(X, y == "cat", sample_weight=weights, groups=groups)
    assert not sklearn.get_config()["enable_metadata_routing"]
    assert len(trainings) == 3
    assert all(held_out and not trained & held_out for trained, held_out in trainings)
    assert not trainings[0][0] & trainings[1][0]
    assert fitted.score(X, y == "cat") > 0.5
    again = pickle.loads(pickle.dumps(fitted.estimators_[0]))
    assert again.fit(X, y == "cat").n_iter_ == 1


def test_validation_inside_other_searches_needs_metadata_routing(bursts, trainings):
    X, y, groups = bursts
    early = CNNClassifier(**TINY, early_stopping=True)
    steps = make_pipeline(ImageSampler(RandomOverSampler(random_state=0)), early)
    for search, weights in (
        (GridSearchCV(steps, {"cnnclassifier__epochs": [1]}, cv=2), None),
        (GridSearchCV(early, {"epochs": [1]}, scoring="f1", cv=2), np.ones(len(y))),
    ):
        with pytest.raises(ValueError, match=r"enable_metadata_routing=True\) and set_fit_request\(groups=True\)"):
            OneVsRestCNNClassifier(search, strategy="independent").fit(X, y, sample_weight=weights, groups=groups)
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(early.set_fit_request(groups=True), {"epochs": [1]}, cv=2, error_score="raise")
        OneVsRestCNNClassifier(search, strategy="independent").fit(X, y == "cat", groups=groups)
    assert len(trainings) == 3
    assert all(held_out and not trained & held_out for trained, held_out in trainings)


def test_metadata_routing_to_one_vs_rest(bursts, folds):
    from sklearn.model_selection import cross_val_score

    X, y, groups = bursts
    with sklearn.config_context(enable_metadata_routing=True):
        model = ovr(more={"threshold": "f1", "cv": 2}).set_fit_request(groups=True)
        cross_val_score(model, X, y, cv=GroupKFold(2), params={"groups": groups}, error_score="raise")
    assert len(folds) == 6
    for first in (0, 3):
        outer = folds[first + 2][0]
        assert len(outer) < 45
        for trained, tested in folds[first : first + 2]:
            assert trained | tested == outer
            assert not trained & tested


def test_splitters_by_groups_ask_for_them(bursts, trainings):
    X, y, groups = bursts
    with pytest.raises(ValueError, match=r"GroupKFold.* pass fit\(X, y, groups=...\)"):
        ovr(more={"threshold": "f1", "cv": GroupKFold(2)}).fit(X, y)
    search = GridSearchCV(CNNClassifier(**TINY), {"epochs": [1]}, cv=GroupKFold(2))
    with pytest.raises(ValueError, match=r"GroupKFold.* pass fit\(X, y, groups=...\)"):
        OneVsRestCNNClassifier(search, strategy="independent").fit(X, y)
    with pytest.raises(ValueError, match="cv=5 folds need 5 groups, and groups holds 3"):
        ovr(more={"threshold": "f1"}).fit(X, y, groups=groups % 3)
    with pytest.raises(ValueError, match="images of one group on both sides"):
        ovr(more={"threshold": "f1", "cv": KFold(2)}).fit(X, y, groups=groups)
    search.set_params(cv=KFold(2))
    with pytest.raises(ValueError, match="images of one group on both sides"):
        OneVsRestCNNClassifier(search, strategy="independent").fit(X, y, groups=groups)
    assert not trainings


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_class_in_one_group_is_named_and_the_rest_tuned(bursts, strategy):
    X, y, groups = bursts
    y = np.where(groups == 14, "dodo", y)
    with pytest.warns(RareClassWarning) as caught:
        fitted = ovr(strategy, {"threshold": "f1", "cv": 3}, early_stopping=True).fit(X, y, groups=groups)
    tuning, validation = [str(w.message) for w in caught if w.category is RareClassWarning]
    assert "Too few groups" in tuning
    assert "'dodo' (1 group with it)" in tuning
    assert "at least 3 groups of both kinds" in tuning
    assert validation.startswith("No image was held out for validation of 'dodo':")
    assert fitted.thresholds_[1] == 0.5
    assert 0.5 not in fitted.thresholds_[[0, 2, 3]]


def test_a_giant_group_is_told(bursts):
    """All but a few images are one group, so that one fold trains on what is left."""
    X, y, groups = bursts
    giant = np.where(np.arange(360) < 330, -1, np.arange(360))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = ovr(more={"threshold": "f1", "cv": 3}).fit(X, y, groups=giant)
    assert not [w for w in caught if issubclass(w.category, UserWarning)]
    assert 0.5 not in fitted.thresholds_
    late = np.where((y == "owl") & (np.arange(360) >= 330), "cat", y)
    with pytest.warns(RareClassWarning, match=r"'owl' \(1 group with it\)"):
        fitted = ovr(more={"threshold": "f1", "cv": 3}).fit(X, late, groups=giant)
    assert fitted.thresholds_[2] == 0.5


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    "more",
    [
        {"threshold": "f1"},
        {"threshold": {"recall": 0.9}},
        {"calibration": "sigmoid"},
        {"calibration": "isotonic"},
        {"sampler": RandomOverSampler(random_state=0), "threshold": "f1"},
        {"sampler": SMOTE(k_neighbors=2, random_state=0), "threshold": "f1"},
    ],
    ids=str,
)
def test_five_images_of_a_rare_class(digits, strategy, more):
    """Five folds have one each, so that thresholds and calibrators are tuned; early stopping names it if need be."""
    if strategy == "joint" and isinstance(more.get("sampler"), SMOTE):
        pytest.skip("heads share every batch")
    X, y = digits
    y = np.where(np.arange(360) < 5, "dodo", np.array(["cat", "dog"])[y % 2])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = ovr(strategy, more, early_stopping=True).fit(X, y)
    told = [str(w.message) for w in caught if w.category is RareClassWarning]
    assert all(message.startswith("No image was held out for validation of 'dodo':") for message in told)
    assert len(told) <= 1
    if "threshold" in more:
        assert fitted.thresholds_[1] != 0.5
    else:
        assert fitted.calibrators_[1] is not None
    assert np.isfinite(fitted.decision_function(X)).all()

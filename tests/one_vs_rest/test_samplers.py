"""`sampler` of one-vs-rest: every binary problem is resampled on its own, its weights along with it."""

import pickle

import numpy as np
import pytest
from imblearn import FunctionSampler
from imblearn.combine import SMOTEENN
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import ClusterCentroids, RandomUnderSampler, TomekLinks
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.utils.class_weight import compute_class_weight
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, ImageSampler, OneVsRestCNNClassifier, load, save
from sk_cifar_ovr.engine._training_loop import _TrainingLoop
from sk_cifar_ovr.exceptions import ResamplingError, SavedFileError
from sk_cifar_ovr.losses import sparse_categorical_focal_loss
from sk_cifar_ovr.one_vs_rest._task_samplers import ImageTaskSampler

TINY = {"model": dense, "loss": "focal", "epochs": 2, "batch_size": 64, "recipe": None, "random_state": 0}
UNDER, OVER = RandomUnderSampler(random_state=0), RandomOverSampler(random_state=0)
PICKERS = [UNDER, OVER, TomekLinks()]
MAKERS = [SMOTE(random_state=0), ClusterCentroids(random_state=0), SMOTEENN(random_state=0)]
STRATEGIES = ["joint", "independent"]


def ovr(sampler, strategy="independent", more=None, **settings):
    base = CNNClassifier(**{**TINY, **settings})
    return OneVsRestCNNClassifier(base, strategy=strategy, sampler=sampler, **(more or {}))


def positives(estimator, X):
    return np.stack([e.predict_proba(X)[:, 1] for e in estimator.estimators_], axis=1)


@pytest.fixture(scope="module")
def rare(digits):
    """150 digits: twelve of class 1, the others of class 0 or 2."""
    X, y = digits
    groups = np.where(y == 8, 1, np.where(y < 5, 0, 2))
    rows = np.concatenate([np.flatnonzero(groups == k)[:n] for k, n in enumerate((60, 12, 78))])
    rows = np.random.default_rng(0).permutation(rows)
    return X[rows], groups[rows]


@pytest.fixture
def trained_on(monkeypatch):
    """What every network was trained on, as the engine sees it."""
    seen = []
    real = _TrainingLoop.__init__

    def spy(self, network, job, *rest):
        seen.append(job.data)
        real(self, network, job, *rest)

    monkeypatch.setattr(_TrainingLoop, "__init__", spy)
    return seen


def by_hand(sampler, X, labels):
    """Images and labels as `ImageSampler` alone returns them, and the rows of those that it picks."""
    alone = ImageSampler(clone(sampler))
    return *alone.fit_resample(X, labels), getattr(alone, "sample_indices_", None)


# -- independent --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", [*PICKERS, *MAKERS, ImageSampler(SMOTE(random_state=0))], ids=repr)
def test_each_problem_is_resampled_as_in_a_pipeline_of_its_own(rare, sampler):
    X, y = rare
    ours = ovr(sampler, class_weight="balanced", loss__alpha="balanced").fit(X, y)
    inner = sampler if isinstance(sampler, ImageSampler) else ImageSampler(sampler)
    theirs = OneVsRestClassifier(make_pipeline(inner, ours.estimator)).fit(X, y)
    np.testing.assert_array_equal(positives(ours, X), positives(theirs, X))
    plain = ovr(None, class_weight="balanced", loss__alpha="balanced").fit(X, y)
    assert not np.allclose(positives(ours, X), positives(plain, X), atol=1e-4)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_rare_class_is_expected_more_often(rare, strategy):
    """Images that are all the same leave a network only the shares of the labels to learn."""
    X, y = np.zeros_like(rare[0]), rare[1]
    settings = {"epochs": 20, "optimizer__learning_rate": 0.03, "loss": "crossentropy"}
    plain, *resampled = (positives(ovr(s, strategy, **settings).fit(X, y), X[:1])[0] for s in (None, OVER, UNDER))
    # Ten seeds: 0.06 to 0.12 of class 1, whose share is 0.08, and 0.45 to 0.56 of each class if resampled.
    assert plain[1] < 0.2
    for shares in resampled:
        np.testing.assert_allclose(shares, 0.5, atol=0.15)


def test_processes_change_nothing(rare):
    X, y = rare
    one = ovr(SMOTE(random_state=0)).fit(X, y, sample_weight=np.linspace(0.5, 2, len(X)))
    with parallel_config(backend="threading"):
        two = ovr(SMOTE(random_state=0), more={"n_jobs": 2}).fit(X, y, sample_weight=np.linspace(0.5, 2, len(X)))
    np.testing.assert_array_equal(positives(one, X), positives(two, X))
    sent = pickle.loads(pickle.dumps(ImageTaskSampler(SMOTE(k_neighbors=2), "cat")))
    assert sent.sampler.k_neighbors == 2


def test_two_classes_are_one_problem(rare):
    """Then no heads share a batch, and new images can be made whatever the strategy."""
    X, y = rare
    for strategy in STRATEGIES:
        found = ovr(SMOTE(random_state=0), strategy).fit(X, np.where(y == 1, "rare", "often"))
        X_new, labels, _ = by_hand(SMOTE(random_state=0), X, (y == 1).astype(int))
        alone = CNNClassifier(**TINY).fit(X_new, labels)
        np.testing.assert_array_equal(found.predict_proba(X), alone.predict_proba(X))


# -- joint --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("sampler", PICKERS, ids=repr)
@pytest.mark.parametrize(
    "settings",
    [{}, {"loss__alpha": "balanced"}, {"class_weight": "balanced"}],
    ids=["plain", "alpha", "weights"],
)
def test_losses_are_means_over_the_picked_rows(rare, strategy, sampler, settings):
    """Of networks that stand still: rows that were picked twice count twice, others not at all."""
    X, y = rare
    weight = np.linspace(0.5, 2, len(X))
    still = {"epochs": 1, "optimizer__learning_rate": 0.0, "precision": "float64", **settings}
    fitted = ovr(sampler, strategy, **still).fit(X, y, sample_weight=weight)
    expected = []
    for k, estimator in enumerate(fitted.estimators_):
        X_new, labels, rows = by_hand(sampler, X, (y == k).astype(int))
        alpha, weights = np.ones(2), np.ones(2)
        if "loss__alpha" in settings:
            alpha = compute_class_weight("balanced", classes=np.array([0, 1]), y=labels)
        if "class_weight" in settings:
            weights = compute_class_weight("balanced", classes=np.array([0, 1]), y=labels, sample_weight=weight[rows])
        values = sparse_categorical_focal_loss(labels, estimator.predict_proba(X_new), alpha=alpha, gamma=2.0)
        expected.append(np.average(np.asarray(values), weights=weight[rows] * weights[labels]))
    assert fitted.history_["loss"][0] == pytest.approx(np.mean(expected), rel=1e-6)


def test_new_images_are_not_for_heads_that_share_a_batch(rare, monkeypatch):
    monkeypatch.setattr(_TrainingLoop, "__init__", None)
    for sampler in (*MAKERS, RandomOverSampler(shrinkage=1.0), FunctionSampler(), ImageSampler(SMOTE())):
        with pytest.raises(ResamplingError, match="strategy='independent', or a sampler that selects"):
            ovr(sampler, "joint").fit(*rare)


# -- rows and weights ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("sampler", PICKERS, ids=repr)
def test_picked_images_are_not_copied_and_keep_their_weights(rare, trained_on, strategy, sampler):
    X, y = rare
    weight = np.linspace(0.5, 2, len(X))
    ovr(sampler, strategy, epochs=1).fit(X, y, sample_weight=weight)
    assert len(trained_on) == (1 if strategy == "joint" else 3)
    for k in range(3):
        _, _, expected = by_hand(sampler, X, (y == k).astype(int))
        rows = trained_on[0 if strategy == "joint" else k]
        assert np.shares_memory(rows.X, X)
        if strategy == "independent":
            np.testing.assert_array_equal(rows.train, expected)
            np.testing.assert_array_equal(rows.weights_of(rows.train), weight[expected])
        else:
            times = np.bincount(expected, minlength=len(X))
            np.testing.assert_allclose(rows.weights_of(np.arange(len(X)))[:, k], times * weight)


@pytest.mark.parametrize("sampler", MAKERS, ids=repr)
def test_made_images_inherit_the_weight_of_the_nearest(rare, trained_on, sampler):
    X, y = rare
    weight = np.linspace(0.5, 2, len(X))
    ovr(sampler, epochs=1).fit(X, y, sample_weight=weight)
    for k, rows in enumerate(trained_on):
        labels = (y == k).astype(int)
        X_new, labels_new, _ = by_hand(sampler, X, labels)
        np.testing.assert_array_equal(rows.X, X_new)
        np.testing.assert_array_equal(rows.labels, labels_new)
        distances = np.abs(X_new[:, None].astype(float) - X[None]).reshape(len(X_new), len(X), -1)
        distances = (distances**2).sum(axis=2) + np.where(labels_new[:, None] == labels, 0, np.inf)
        np.testing.assert_array_equal(rows.weights, weight[distances.argmin(axis=1)])


def test_equal_images_keep_weights_of_their_own(trained_on):
    X = np.repeat(np.random.default_rng(0).integers(0, 255, (12, 4, 4, 1), dtype="uint8"), 2, axis=0)
    weight = np.arange(1.0, 25.0)
    ovr(SMOTE(k_neighbors=2, random_state=0), epochs=1).fit(X, np.arange(24) < 6, sample_weight=weight)
    np.testing.assert_array_equal(trained_on[0].weights[:24], weight)
    assert set(trained_on[0].weights[24:]) <= set(weight[:6])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rows_without_weight_are_never_picked(rare, strategy):
    X, y = rare
    kept = np.arange(len(X)) % 3 > 0
    weighted = ovr(OVER, strategy, precision="float64", batch_size=999).fit(X, y, sample_weight=kept.astype(float))
    without = ovr(OVER, strategy, precision="float64", batch_size=999).fit(X[kept], y[kept])
    np.testing.assert_allclose(positives(weighted, X), positives(without, X), atol=1e-9)


@pytest.mark.parametrize(("sampler", "strategy"), [(OVER, "joint"), (OVER, "independent"), (MAKERS[0], "independent")])
def test_held_out_rows_are_not_resampled(rare, trained_on, sampler, strategy):
    X, y = rare
    fitted = ovr(sampler, strategy, epochs=1, validation_fraction=0.3).fit(X, y)
    for k, rows in enumerate(trained_on):
        held_out = [image.tobytes() for image in rows.X[rows.validation]]
        assert len(held_out) == 45
        assert not {image.tobytes() for image in rows.X[rows.train]} & set(held_out)
        assert set(held_out) <= {image.tobytes() for image in X}
        np.testing.assert_array_equal(rows.weights_of(rows.validation), 1)
        if strategy == "independent":
            assert rows.labels[rows.train].mean() == 0.5
            assert rows.labels[rows.validation].mean() == pytest.approx((y == k).mean(), abs=0.02)
    assert len(fitted.history_["val_loss"]) == 1


@pytest.mark.parametrize(("sampler", "strategy"), [(OVER, "joint"), (MAKERS[0], "independent")])
def test_thresholds_are_tuned_on_folds_left_as_they_are(rare, sampler, strategy):
    """The same scores as a cross-validation gives, where only training parts are resampled."""
    X, y = rare
    folds = StratifiedKFold(3)
    how = {"threshold": "f1", "calibration": "sigmoid", "cv": folds}
    tuned = ovr(sampler, strategy, how).fit(X, y)
    plain = ovr(sampler, strategy)
    scores = cross_val_predict(plain, X, y, cv=folds, method="decision_function")
    from sk_cifar_ovr.one_vs_rest._calibration import calibrated, fitted_calibrator
    from sk_cifar_ovr.one_vs_rest._thresholds import averaged_threshold

    truth = (y[:, None] == np.arange(3)).astype(int)
    scores = scores.astype("float64")
    probabilities = calibrated(
        [fitted_calibrator("sigmoid", t, s) for t, s in zip(truth.T, scores.T, strict=True)], scores
    )
    expected = [
        averaged_threshold(t, p, "f1", list(folds.split(X, y))) for t, p in zip(truth.T, probabilities.T, strict=True)
    ]
    np.testing.assert_allclose(tuned.thresholds_, expected, atol=1e-4)
    np.testing.assert_array_equal(positives(tuned, X), positives(plain.fit(X, y), X))


def test_it_goes_with_balanced_batches(rare, trained_on):
    X, y = rare
    ovr(RandomUnderSampler(sampling_strategy={0: 40}, random_state=0), balanced_batches=0.25, epochs=1).fit(X, y == 1)
    assert len(trained_on[0].train) == 52
    np.testing.assert_allclose(trained_on[0].balance.shares, [0.75, 0.25])


# -- as a parameter -----------------------------------------------------------------------------------------


def test_the_callers_sampler_is_only_read(rare):
    X, y = rare
    sampler = RandomUnderSampler(random_state=np.random.RandomState(3))
    before = set(vars(sampler))
    first, second = ovr(sampler).fit(X, y), ovr(sampler).fit(X, y)
    assert set(vars(sampler)) == before
    np.testing.assert_array_equal(positives(first, X), positives(second, X))
    other = ovr(RandomUnderSampler(random_state=4)).fit(X, y)
    assert not np.array_equal(positives(first, X), positives(other, X))


def test_a_search_reaches_it(rare):
    X, y = rare
    estimator = ovr(SMOTE(random_state=0))
    assert clone(estimator).get_params()["sampler__k_neighbors"] == 5
    grid = {"sampler__k_neighbors": [1, 3]}
    best = GridSearchCV(estimator, grid, cv=2, scoring="f1_macro", error_score="raise").fit(X, y).best_estimator_
    again = ovr(SMOTE(random_state=0, k_neighbors=best.sampler.k_neighbors)).fit(X, y)
    np.testing.assert_array_equal(best.predict_proba(X), again.predict_proba(X))
    switch = GridSearchCV(estimator, {"sampler": [None, UNDER]}, cv=2, error_score="raise").fit(X, y)
    assert len(set(switch.cv_results_["mean_test_score"])) == 2


def nothing(X, y):
    return X, y


@pytest.mark.parametrize(
    "sampler",
    [SMOTE(k_neighbors=3, random_state=0), SMOTEENN(smote=SMOTE(random_state=0)), ImageSampler(OVER), None],
    ids=repr,
)
def test_saved_and_loaded(rare, tmp_path, sampler):
    X, y = rare
    fitted = ovr(sampler, epochs=1).fit(X, y)
    save(fitted, tmp_path / "model")
    again = load(tmp_path / "model", trusted=[f"{dense.__module__}:dense"])
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert repr(again.sampler) == repr(sampler)


def test_a_file_does_not_run_a_samplers_function_unasked(rare, tmp_path):
    save(ovr(FunctionSampler(func=nothing), epochs=1).fit(*rare), tmp_path / "model")
    names = [f"{function.__module__}:{function.__name__}" for function in (dense, nothing)]
    with pytest.raises(SavedFileError, match="nothing"):
        load(tmp_path / "model", trusted=names[:1])
    assert load(tmp_path / "model", trusted=names).sampler.func is nothing


# -- going on -----------------------------------------------------------------------------------------------


def test_partial_fit_resamples_the_rows_of_each_call(rare):
    X, y = rare
    found = ovr(SMOTE(k_neighbors=2, random_state=0))
    alone = CNNClassifier(**TINY)
    for part in (slice(0, 70), slice(70, None)):
        found.partial_fit(X[part], y[part], classes=[0, 1, 2])
        X_new, labels, _ = by_hand(SMOTE(k_neighbors=2, random_state=0), X[part], (y[part] == 1).astype(int))
        alone.partial_fit(X_new, labels, classes=[0, 1])
    np.testing.assert_array_equal(found.estimators_[1].predict_proba(X), alone.predict_proba(X))
    for strategy in STRATEGIES:
        with pytest.raises(ResamplingError, match="Class 1 .* only others to train on"):
            ovr(OVER, strategy).partial_fit(X[y != 1], y[y != 1], classes=[0, 1, 2])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_warm_starts_go_on_with_resampled_rows(rare, strategy):
    X, y = rare
    exact = {"precision": "float64", "batch_size": 999}
    parts = ovr(OVER, strategy, warm_start=True, epochs=1, **exact).fit(X, y).fit(X, y)
    whole = ovr(OVER, strategy, epochs=2, **exact).fit(X, y)
    np.testing.assert_allclose(positives(parts, X), positives(whole, X), atol=1e-9)


# -- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_image_of_a_class(digits, monkeypatch, strategy):
    """Named before anything is trained, here and in the folds of a threshold; repeats are still possible."""
    X, y = digits
    names = np.array(["cat", "dog"])[y % 2].astype(object)
    names[5] = "dodo"
    if strategy == "joint":
        ovr(OVER, strategy, epochs=1).fit(X, names)
        return
    monkeypatch.setattr(_TrainingLoop, "__init__", None)
    with pytest.raises(ResamplingError, match=r"Class 'dodo' \(1\) .* 1 image: use RandomOverSampler"):
        ovr(SMOTE()).fit(X, names)
    names[6:11] = "dodo"
    with pytest.raises(ResamplingError, match=r"Class 'dodo' \(1\) .* 3 images: set its neighbours to 2 or less"):
        ovr(SMOTE(), more={"threshold": "f1", "cv": 2}).fit(X, names)


def only_others(X, y):
    return X[y == 0], y[y == 0]


def narrow(X, y):
    return X[:, :5], y


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        (RandomUnderSampler(sampling_strategy=0.5), r"Class 0 \(1\).*increase the ratio"),
        (RandomUnderSampler(sampling_strategy={"cat": 3}), r"Class 0 \(1\).*not present"),
        (SMOTE(k_neighbors=-1), "'k_neighbors' parameter of SMOTE"),
        (ImageSampler(None), "'sampler' parameter of ImageSampler"),
        ("smote", "'sampler' parameter of OneVsRestCNNClassifier"),
        (CNNClassifier(), "'sampler' parameter of OneVsRestCNNClassifier"),
    ],
    ids=["ratio", "labels", "parameter", "inner", "text", "classifier"],
)
def test_what_cannot_be_done_is_said_before_training(rare, monkeypatch, sampler, message):
    monkeypatch.setattr(_TrainingLoop, "__init__", None)
    for strategy in STRATEGIES:
        if strategy == "independent" or not isinstance(sampler, SMOTE):
            with pytest.raises(ValueError, match=message):
                ovr(sampler, strategy).fit(*rare)


@pytest.mark.parametrize(("function", "message"), [(only_others, r"left \[0\]"), (narrow, "64 pixels")])
def test_what_a_function_leaves_is_checked(rare, function, message):
    with pytest.raises(ResamplingError, match=message):
        ovr(FunctionSampler(func=function)).fit(*rare)


def test_a_search_resamples_inside_its_folds_instead(rare):
    search = GridSearchCV(CNNClassifier(**TINY), {"loss": ["focal"], "loss__gamma": [0.0, 1.0]}, cv=2)
    with pytest.raises(ValueError, match="put the sampler inside it"):
        OneVsRestCNNClassifier(search, strategy="independent", sampler=OVER).fit(*rare)

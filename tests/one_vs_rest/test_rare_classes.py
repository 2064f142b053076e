"""A class with too few images to be tuned leaves the tuning of the rest alone."""

import warnings

import numpy as np
import pytest
from imblearn.over_sampling import RandomOverSampler
from scipy.special import expit
from sklearn.model_selection import KFold
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load, save
from sk_cifar_ovr.exceptions import RareClassWarning, ResamplingError

TINY = {"model": dense, "loss": "focal", "epochs": 2, "batch_size": 64, "recipe": None, "random_state": 0}
STRATEGIES = ["joint", "independent"]


def ovr(strategy="joint", more=None, **settings):
    return OneVsRestCNNClassifier(CNNClassifier(**{**TINY, **settings}), strategy=strategy, **(more or {}))


@pytest.fixture(scope="module")
def single(digits):
    """Digits with a single image of "dodo"."""
    X, y = digits
    labels = np.array(["cat", "dog", "owl"], dtype="U4")[y % 3]
    labels[17] = "dodo"
    return X / 127.5 - 1, labels


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    "settings", [{}, {"class_weight": "balanced", "early_stopping": True}], ids=["plain", "balanced"]
)
def test_a_single_image_keeps_half_and_no_calibrator(single, tmp_path, strategy, settings):
    X, y = single
    how = {"threshold": "f1", "calibration": "sigmoid"}
    with pytest.warns(RareClassWarning) as caught:
        fitted = ovr(strategy, how, **settings).fit(X, y)
    message, *of_validation = [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
    assert [("validation of 'dodo':" in other) for other in of_validation] == [True] * ("early_stopping" in settings)
    assert "'dodo' (1 image with it)" in message
    assert "at least 5 images" in message
    assert fitted.classes_.tolist() == ["cat", "dodo", "dog", "owl"]
    assert fitted.thresholds_[1] == 0.5
    assert 0.5 not in fitted.thresholds_[[0, 2, 3]]
    assert [c is None for c in fitted.calibrators_] == [False, True, False, False]
    own = fitted.estimators_[1].predict_proba(X)[:, 1]
    np.testing.assert_allclose(fitted._outputs(X)[:, 1, 1], own, atol=1e-6)
    np.testing.assert_allclose(expit(fitted.decision_function(X)[:, 1]), own, atol=1e-6)
    save(fitted, tmp_path / "model")
    again = load(tmp_path / "model", trusted=[f"{dense.__module__}:dense"])
    assert again.calibrators_[1] is None
    np.testing.assert_array_equal(again.predict_ovr(X), fitted.predict_ovr(X))


def test_the_rest_is_tuned_as_without_it(single):
    """Thresholds of separate networks do not depend on another class."""
    X, y = single
    how = {"threshold": "f1", "calibration": "sigmoid", "cv": KFold(3)}
    plain = ovr("independent", how).fit(X, np.where(y == "dodo", "cat", y))
    with pytest.warns(RareClassWarning):
        fitted = ovr("independent", how).fit(X, y)
    assert fitted.thresholds_[[2, 3]].tolist() == plain.thresholds_[[1, 2]].tolist()
    assert fitted.calibrators_[2].a_ == plain.calibrators_[1].a_


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_it_is_resampled_in_the_last_fit_alone(single, strategy):
    X, y = single
    with pytest.warns(RareClassWarning):
        fitted = ovr(strategy, {"threshold": "f1", "cv": 3, "sampler": RandomOverSampler(random_state=0)}).fit(X, y)
    plain = ovr(strategy, {"sampler": RandomOverSampler(random_state=0)}).fit(X, y)
    for one, other in zip(fitted.estimators_, plain.estimators_, strict=True):
        np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_samplers_of_other_classes_are_still_checked(single, monkeypatch):
    from sk_cifar_ovr.one_vs_rest._task_settings import TaskSettings

    X, y = single
    monkeypatch.setattr(TaskSettings, "fit", None)
    few = np.where(np.arange(len(y)) < 6, "emu", y)
    task = ovr("independent", {"threshold": "f1", "cv": 2, "sampler": RandomOverSampler(sampling_strategy=0.015)})
    with pytest.warns(RareClassWarning), pytest.raises(ResamplingError, match="'cat'"):
        task.fit(X, few)


def test_promises_of_a_rare_class_are_not_kept(single):
    X, y = single
    with pytest.warns(RareClassWarning):
        fitted = ovr(more={"threshold": {"recall": 0.9}, "cv": 3}).fit(X, y)
    promise = fitted.promises_[1]
    assert promise["class"] == "dodo"
    assert np.isnan(promise["reached"])
    assert promise["kept"] is False
    assert all(p["kept"] for k, p in enumerate(fitted.promises_) if k != 1)


def test_a_number_for_the_rare_class_needs_no_warning(single):
    X, y = single
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        fitted = ovr(more={"threshold": {"cat": "f1", "dodo": 0.2}, "cv": 3}).fit(X, y)
    assert fitted.thresholds_[1] == 0.2


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_rare_column_of_a_matrix(digits, strategy):
    X, y = digits
    Y = np.stack([y % 2 == 0, y >= 5, np.arange(len(y)) == 9, np.full(len(y), 0)], axis=1).astype(float)
    # Known in a single image, so that training without its fold knows nothing.
    Y[:, 3] = np.nan
    Y[30, 3] = 1
    with pytest.warns(RareClassWarning) as caught, pytest.warns(UserWarning, match="Every image .* has 3"):
        fitted = ovr(strategy, {"threshold": "f1", "calibration": "temperature", "cv": 3}).fit(X, Y)
    messages = [str(w.message) for w in caught if w.category is RareClassWarning]
    assert len(messages) == 1
    assert "2 (1 image with it), 3 (0 images without it)" in messages[0]
    assert fitted.thresholds_[2:].tolist() == [0.5, 0.5]
    assert fitted.calibrators_[2] is fitted.calibrators_[3] is None


def test_unstratified_folds_and_weights_count(single):
    X, y = single
    y = np.where(y == "dodo", "dog", y)
    weight = np.where((y == "owl") & (np.arange(len(y)) >= 60), 0.0, 1.0)
    with pytest.warns(RareClassWarning, match=r"'owl' \(\d+ images with it\)"):
        fitted = ovr(more={"threshold": "f1", "cv": KFold(3)}).fit(X, y, weight)
    assert fitted.thresholds_[2] == 0.5


def test_if_no_class_can_be_tuned_no_fold_is_trained(digits, monkeypatch):
    from sk_cifar_ovr.engine._training_loop import _TrainingLoop

    X, y = digits
    sizes = []
    real = _TrainingLoop.__init__

    def spy(self, network, job, *rest):
        sizes.append(len(job.data.train))
        real(self, network, job, *rest)

    monkeypatch.setattr(_TrainingLoop, "__init__", spy)
    with pytest.warns(RareClassWarning, match=r"True \(2 images with it\)"):
        fitted = ovr(more={"threshold": "f1", "calibration": "sigmoid"}).fit(X, np.arange(len(y)) < 2)
    assert sizes == [len(X)]
    assert fitted.thresholds_.tolist() == [0.5]
    assert fitted.calibrators_ == [None]


def test_more_folds_than_images_of_any_class_are_refused(digits):
    X, y = digits
    with pytest.raises(ValueError, match="cv=30 folds need 30 images of a class, and the most frequent class has"):
        ovr(more={"threshold": "f1", "cv": 30}).fit(X[:40], y[:40] % 3)


def test_uneven_folds_are_told_from_too_few_images(single):
    X, y = single
    y = np.where(y == "dodo", "dog", y)
    order = np.argsort(y, kind="stable")
    with pytest.warns(RareClassWarning) as caught:
        ovr(more={"threshold": "f1", "cv": KFold(3)}).fit(X[order], y[order])
    (message,) = [str(w.message) for w in caught if w.category is RareClassWarning]
    assert message.startswith("The folds are too uneven")
    assert "shuffle the splitter, or pass the number of folds as cv" in message
    assert "Too few" not in message

"""Calibrated probabilities of the K problems, and thresholds on them."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import brier_score_loss
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load, save
from sk_cifar_ovr.metrics import positive_probabilities, probability_scores

TINY = {"model": dense, "loss": "focal", "epochs": 3, "batch_size": 64, "recipe": None, "random_state": 0}
LEARNING = {"estimator__epochs": 10, "estimator__optimizer__learning_rate": 0.01}
METHODS = ["sigmoid", "isotonic", "temperature"]


# scikit-learn fits its calibrators to scores as they come, and to float32 ones less exactly than to float64.
EXACT = CNNClassifier(**TINY, precision="float64")


def calibrated(method, cv=3, base=None, **settings):
    return OneVsRestCNNClassifier(base or CNNClassifier(**TINY), calibration=method, cv=cv, **settings)


@pytest.fixture(scope="module")
def parts(digits):
    X, y = digits
    # Pixels of 0 to 255 saturate the tanh of the networks.
    X = X / 127.5 - 1
    return X[:240], X[240:], y[:240] % 3, y[240:] % 3


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("strategy", ["joint", "independent"])
def test_it_is_scikit_learns_calibration(parts, method, strategy):
    X, X_test, y, _ = parts
    weight = np.where(y == 1, 2.0, 1.0)
    ours = calibrated(method, base=EXACT, strategy=strategy).fit(X, y, sample_weight=weight)
    plain = OneVsRestCNNClassifier(EXACT, strategy=strategy)
    theirs = CalibratedClassifierCV(plain, method=method, cv=3, ensemble=False).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(ours.predict_proba(X_test), theirs.predict_proba(X_test), atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_two_classes_are_scikit_learns_too(parts, method):
    X, X_test, y, _ = parts
    ours = calibrated(method, base=EXACT).fit(X, y == 0)
    theirs = CalibratedClassifierCV(OneVsRestCNNClassifier(EXACT), method=method, cv=3, ensemble=False)
    theirs.fit(X, y == 0)
    assert len(ours.calibrators_) == 1
    assert ours.decision_function(X_test).shape == (len(X_test),)
    np.testing.assert_allclose(ours.predict_proba(X_test), theirs.predict_proba(X_test), atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_probabilities_become_true(parts, method):
    """The focal loss makes the probabilities of a short training too small or too close to 0.5."""
    X, X_test, y, y_test = parts
    settings = {**LEARNING, "estimator__loss": "focal", "estimator__loss__gamma": 5.0}
    before = calibrated(None).set_params(**settings).fit(X, y)
    after = calibrated(method).set_params(**settings).fit(X, y)
    errors = [probability_scores(y_test, positive_probabilities(ovr, X_test)) for ovr in (before, after)]
    # Ten seeds: 0.23 to 0.26 before, 0.05 to 0.13 after.
    assert errors[1]["calibration_error"].mean() < errors[0]["calibration_error"].mean() - 0.05
    assert after.thresholds_.tolist() == [0.5] * 3
    np.testing.assert_array_equal(after.predict_ovr(X_test), positive_probabilities(after, X_test) >= 0.5)


def test_classes_can_be_compared(parts):
    """One class has so large a weight that it is predicted too often; calibration takes that back."""
    X, X_test, y, y_test = parts
    settings = {**LEARNING, "class_weight": {0: 1e4}}
    before = calibrated(None).set_params(**settings).fit(X, y)
    after = calibrated("sigmoid").set_params(**settings).fit(X, y)
    # Ten seeds: 0.38 before, 0.85 to 0.93 after.
    assert after.score(X_test, y_test) > before.score(X_test, y_test) + 0.2
    scores = after.decision_function(X_test)
    np.testing.assert_array_equal(after.predict(X_test), after.classes_[scores.argmax(axis=1)])
    np.testing.assert_array_equal(after.predict_proba(X_test).argmax(axis=1), scores.argmax(axis=1))


def test_thresholds_are_tuned_on_calibrated_probabilities(parts):
    """A monotone change of the scores changes the thresholds, and not the predictions."""
    X, X_test, y, _ = parts
    settings = {**LEARNING, "class_weight": {0: 100.0}}
    raw, both = (calibrated(method, threshold="f1").set_params(**settings).fit(X, y) for method in (None, "sigmoid"))
    assert np.abs(raw.thresholds_ - both.thresholds_).max() > 0.1
    assert (raw.predict_ovr(X_test) == both.predict_ovr(X_test)).mean() > 0.99


def test_the_networks_are_those_of_an_uncalibrated_fit(parts):
    X, _, y, _ = parts
    plain, after = calibrated(None).fit(X, y), calibrated("sigmoid").fit(X, y)
    for one, other in zip(plain.estimators_, after.estimators_, strict=True):
        np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    assert plain.calibrators_ is None


@pytest.mark.parametrize("method", METHODS)
def test_saved_and_loaded(parts, method, tmp_path):
    X, X_test, y, _ = parts
    fitted = calibrated(method).fit(X, y)
    save(fitted, tmp_path / "model")
    again = load(tmp_path / "model", trusted=[f"{dense.__module__}:dense"])
    assert again.predict_proba(X_test).tobytes() == fitted.predict_proba(X_test).tobytes()
    np.testing.assert_array_equal(again.predict_ovr(X_test), fitted.predict_ovr(X_test))
    assert [type(each) for each in again.calibrators_] == [type(each) for each in fitted.calibrators_]


def test_an_unknown_method_is_refused(parts):
    X, _, y, _ = parts
    with pytest.raises(ValueError, match="calibration"):
        calibrated("platt").fit(X, y)


def test_brier_score_of_a_rare_class(parts):
    """Calibrated probabilities follow the frequencies of the data, whatever the class weights in training."""
    X, X_test, y, y_test = parts
    settings = {"estimator__class_weight": {0: 1.0, 1: 30.0}, "estimator__epochs": 10}
    kept, kept_test = ((labels != 1) | (np.arange(len(labels)) % 3 == 0) for labels in (y, y_test))
    scores = []
    for method in (None, "isotonic"):
        ovr = calibrated(method).set_params(**settings).fit(X[kept], y[kept])
        scores.append(brier_score_loss(y_test[kept_test] == 1, positive_probabilities(ovr, X_test[kept_test])[:, 1]))
    # Ten seeds: 0.27 to 0.38 before, 0.05 to 0.13 after.
    assert scores[1] < scores[0] - 0.05

"""The classifiers inside scikit-learn's own tools, on images.

Images are 4-D where scikit-learn lets them through, and flat rows with ``image_shape`` where it does not. Each test
asserts something that does not hold without the tool.
"""

import os

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import DecisionBoundaryDisplay, PartialDependenceDisplay
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    DetCurveDisplay,
    PrecisionRecallDisplay,
    RocCurveDisplay,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    make_scorer,
)
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    LearningCurveDisplay,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    ValidationCurveDisplay,
    cross_validate,
    learning_curve,
    permutation_test_score,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, EmbeddingDisplay, OneVsRestCNNClassifier, OvRConfusionDisplay, OvRCurvesDisplay
from sk_cifar_ovr.classifier import set_up_network
from sk_cifar_ovr.plots import HistoryDisplay, OvRCalibrationDisplay

SHAPE = (8, 8, 1)


def cnn(kind=CNNClassifier, **settings):
    """A custom CNN small enough to learn three kinds of digits in a moment."""
    defaults = {
        "model__filters": (8, 8, 8),
        "loss": "focal",
        "optimizer__learning_rate": 0.01,
        "epochs": 8,
        "batch_size": 32,
        "recipe": None,
        "precision": "float32",
        "random_state": 0,
    }
    return kind(**{**defaults, **settings})


def one_vs_rest(**settings):
    return OneVsRestCNNClassifier(cnn(**settings))


@pytest.fixture(scope="module")
def images():
    """160 digits 0, 1 and 2 to train on, 120 to test."""
    from sk_cifar_ovr import load_digit_images

    digits = load_digit_images()
    keep = np.flatnonzero(digits.target < 3)[:280]
    X, y = digits.images[keep], digits.target[keep]
    return X[:160], X[160:], y[:160], y[160:]


def flat(X):
    return X.reshape(len(X), -1)


# -- ensembles and meta-estimators --------------------------------------------------------------------------


def test_pipeline(images):
    """A step that turns the images upside down is at work in fit and in predict."""
    X, X_test, y, _ = images
    pipeline = make_pipeline(FunctionTransformer(np.flip, kw_args={"axis": 1}), cnn()).fit(X, y)
    upside_down = cnn().fit(X[:, ::-1], y)
    np.testing.assert_array_equal(pipeline.predict_proba(X_test), upside_down.predict_proba(X_test[:, ::-1]))
    assert not np.array_equal(pipeline.predict_proba(X_test), pipeline[-1].predict_proba(X_test))


def test_nested_parameters_reach_builder_loss_and_optimizer(images):
    X, _, y, _ = images
    pipeline = Pipeline([("flip", FunctionTransformer(np.fliplr)), ("cnn", cnn(epochs=1))])
    pipeline.set_params(cnn__model__filters=(2, 3, 4), cnn__loss="focal", cnn__loss__gamma=0.5)
    pipeline.set_params(cnn__optimizer__learning_rate=0.25)
    fitted = clone(pipeline).fit(X, y)[-1]
    setup = set_up_network(fitted, X, fitted.classes_)
    loss, optimizer = setup.loss, setup.optimizer
    assert fitted.model_.get_layer("conv2a").filters == 3
    assert (loss.gamma, float(optimizer.learning_rate)) == (0.5, 0.25)


def test_scikit_learns_one_vs_rest(images):
    X, X_test, y, y_test = images
    ovr = OneVsRestClassifier(cnn()).fit(X, y)
    for k, estimator in enumerate(ovr.estimators_):
        alone = cnn().fit(X, (y == k).astype(int))
        np.testing.assert_array_equal(estimator.predict_proba(X_test), alone.predict_proba(X_test))
    assert ovr.score(X_test, y_test) > 0.8


def test_one_vs_one(images):
    X, X_test, y, y_test = images
    ovo = OneVsOneClassifier(cnn(image_shape=SHAPE)).fit(flat(X), y)
    pair = np.isin(y, (0, 1))
    alone = cnn().fit(X[pair], y[pair])
    first = ovo.estimators_[0]
    np.testing.assert_array_equal(first.predict_proba(flat(X_test)), alone.predict_proba(X_test))
    assert ovo.decision_function(flat(X_test)).shape == (len(X_test), 3)
    assert ovo.score(flat(X_test), y_test) > 0.8


def test_bagging(images):
    X, X_test, y, _ = images
    bag = BaggingClassifier(cnn(image_shape=SHAPE, epochs=3), n_estimators=3, random_state=0).fit(flat(X), y)
    parts = [estimator.predict_proba(flat(X_test)) for estimator in bag.estimators_]
    np.testing.assert_allclose(bag.predict_proba(flat(X_test)), np.mean(parts, axis=0), rtol=1e-5)
    assert not np.allclose(parts[0], parts[1], atol=0.01)
    again = cnn(image_shape=SHAPE, epochs=3, random_state=bag.estimators_[0].random_state)
    again.fit(flat(X), y, sample_weight=np.bincount(bag.estimators_samples_[0], minlength=len(X)))
    np.testing.assert_allclose(again.predict_proba(flat(X_test)), parts[0], atol=1e-5)


def test_voting(images):
    X, X_test, y, _ = images
    seeds = [(f"seed {seed}", cnn(random_state=seed, epochs=2)) for seed in range(2)]
    vote = VotingClassifier(seeds, voting="soft", weights=[3, 1]).fit(X, y)
    first, second = (estimator.predict_proba(X_test) for estimator in vote.estimators_)
    assert not np.array_equal(first, second)
    np.testing.assert_allclose(vote.predict_proba(X_test), (3 * first + second) / 4, rtol=1e-5)


def test_stacking(images):
    """The first network sees labels without a meaning, and the last step finds out whom to trust."""
    X, X_test, y, y_test = images
    blind = make_pipeline(FunctionTransformer(np.zeros_like), cnn(epochs=1))
    stack = StackingClassifier([("blind", blind), ("seeing", cnn())], LogisticRegression(), cv=3).fit(X, y)
    assert stack.final_estimator_.coef_.shape == (3, 6)
    assert stack.score(X_test, y_test) > 0.8 > 0.6 > stack.estimators_[0].score(X_test, y_test)


# scikit-learn's temperatures are as exact as float32 scores, and it expects rows as exact as float64.
@pytest.mark.filterwarnings("ignore:The y_prob values do not sum to one:UserWarning:sklearn")
@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_calibration(images, method):
    """The focal loss keeps probabilities too close to one another; calibration lowers the log loss."""
    X, X_test, y, y_test = images
    frozen = cnn(loss="focal", loss__gamma=5.0, epochs=12).fit(X, y)
    calibrated = CalibratedClassifierCV(FrozenEstimator(frozen), method=method).fit(X_test, y_test)
    before, after = (log_loss(y_test, e.predict_proba(X_test)) for e in (frozen, calibrated))
    assert after < before


def test_calibration_by_cross_validation(images):
    X, X_test, y, y_test = images
    names = np.array(["zero", "one", "two"])
    calibrated = CalibratedClassifierCV(cnn(), cv=3).fit(X, names[y])
    assert len(calibrated.calibrated_classifiers_) == 3
    assert calibrated.score(X_test, names[y_test]) > 0.8


def test_tuned_threshold(images):
    """Two thirds of a class are labelled as the rest: its probabilities stay below 0.5 and above those of the rest."""
    X, X_test, y, y_test = images
    labels = (y == 1) & (np.arange(len(y)) % 3 == 0)
    tuned = TunedThresholdClassifierCV(cnn(), scoring="f1", cv=3).fit(X, labels)
    plain = cnn().fit(X, labels)
    positive = tuned.estimator_.predict_proba(X_test)[:, 1]
    np.testing.assert_array_equal(positive, plain.predict_proba(X_test)[:, 1])
    np.testing.assert_array_equal(tuned.predict(X_test), positive >= tuned.best_threshold_)
    # Folds of so few images choose thresholds far apart; the images to predict choose the best one.
    truth = y_test == 1
    prefit = TunedThresholdClassifierCV(plain, scoring="f1", cv="prefit", refit=False).fit(X_test, truth)
    assert f1_score(truth, prefit.predict(X_test)) > f1_score(truth, plain.predict(X_test)) + 0.2


# -- model selection ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [cnn, one_vs_rest])
def test_cross_validate(images, make):
    """Labels in order, so that folds which are not stratified would lack a class and score nothing."""
    X, _, y, _ = images
    order = np.argsort(y, kind="stable")
    X, y = X[order], y[order]
    scoring = ["accuracy", "f1_macro", "roc_auc_ovr", "neg_log_loss"]
    found = cross_validate(make(), X, y, cv=3, scoring=scoring, return_estimator=True, return_indices=True)
    assert found["test_accuracy"].min() > 0.8
    assert found["test_roc_auc_ovr"].min() > 0.9
    for estimator, test, score in zip(
        found["estimator"], found["indices"]["test"], found["test_accuracy"], strict=True
    ):
        assert estimator.score(X[test], y[test]) == score
        assert set(y[test]) == {0, 1, 2}


def test_learning_curve(images):
    X, _, y, _ = images
    sizes, _, scores = learning_curve(cnn(), X, y, cv=3, train_sizes=[9, 100], shuffle=True, random_state=0)
    assert list(sizes) == [9, 100]
    few, many = scores.mean(axis=1)
    assert many > few + 0.1


def test_permutation_test_score(images):
    X, _, y, _ = images
    score, permuted, p = permutation_test_score(cnn(), X, y, cv=2, n_permutations=6, random_state=0)
    assert score > 0.7 > permuted.max() + 0.1
    assert p == pytest.approx(1 / 7)


@pytest.mark.parametrize("prefix", ["", "estimator__"])
def test_grid_search(images, prefix):
    """A learning rate of nothing loses; parameters of builder, loss and optimizer are searched together."""
    X, X_test, y, y_test = images
    grid = {
        f"{prefix}optimizer__learning_rate": [0.0, 0.01],
        f"{prefix}loss__gamma": [0.0, 2.0],
        f"{prefix}model__filters": [(2, 2, 2), (8, 8, 8)],
    }
    estimator = one_vs_rest() if prefix else cnn()
    search = GridSearchCV(estimator, grid, cv=2, scoring="f1_macro", error_score="raise").fit(X, y)
    assert search.best_params_[f"{prefix}optimizer__learning_rate"] == 0.01
    assert search.score(X_test, y_test) > 0.8
    table = pd.DataFrame(search.cv_results_)
    assert len(table) == 8
    rate = table[f"param_{prefix}optimizer__learning_rate"].astype(float)
    assert table.mean_test_score[rate == 0].max() < table.mean_test_score[rate > 0].max() - 0.2


def test_grid_search_over_losses(images):
    """Focal, weighted and plain: each candidate has the parameters of its own loss."""
    X, _, y, _ = images
    grid = [
        {"loss": ["focal"], "loss__gamma": [1.0, 2.0], "loss__alpha": [None, "balanced"]},
        {"loss": ["crossentropy"], "class_weight": [None, "balanced"]},
    ]
    search = GridSearchCV(cnn(epochs=3), grid, cv=2, scoring="f1_macro", error_score="raise").fit(X, y)
    assert len({round(score, 6) for score in search.cv_results_["mean_test_score"]}) > 1
    expected = cnn(epochs=3, **search.best_params_).fit(X, y)
    np.testing.assert_array_equal(search.predict_proba(X), expected.predict_proba(X))


def test_randomized_search(images):
    X, X_test, y, y_test = images
    # All but the highest of the four rates are too low to learn anything in four epochs.
    draws = {"optimizer__learning_rate": loguniform(1e-9, 1e-1), "batch_size": [16, 32]}
    search = RandomizedSearchCV(cnn(epochs=4), draws, n_iter=4, cv=2, random_state=0, error_score="raise")
    search.fit(X, y)
    rates = search.cv_results_["param_optimizer__learning_rate"]
    assert len(set(rates)) == 4
    assert search.best_params_["optimizer__learning_rate"] == max(rates)
    assert search.best_estimator_.score(X_test, y_test) > 0.6


def test_halving_grid_search(images):
    """Epochs are the resource: those who lose early are not trained on."""
    X, _, y, _ = images
    search = HalvingGridSearchCV(
        cnn(),
        {"optimizer__learning_rate": [0.0, 1e-5, 0.003, 0.01]},
        resource="epochs",
        min_resources=3,
        max_resources=12,
        factor=2,
        cv=2,
        random_state=0,
        error_score="raise",
    ).fit(X, y)
    assert search.n_candidates_ == [4, 2, 1]
    assert search.n_resources_ == [3, 6, 12]
    assert search.best_params_["optimizer__learning_rate"] >= 0.003
    assert search.best_estimator_.n_iter_ == 12


class InProcesses:
    """An accuracy that notes in which process it was worked out."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, estimator, X, y):
        (self.folder / str(os.getpid())).touch()
        return estimator.score(X, y)


def test_processes_find_the_same(images, tmp_path):
    X, _, y, _ = images
    grid = {"optimizer__learning_rate": [0.0, 0.01]}
    scoring = InProcesses(tmp_path)
    two = GridSearchCV(cnn(epochs=3), grid, scoring=scoring, cv=2, n_jobs=2).fit(X, y)
    assert str(os.getpid()) not in os.listdir(tmp_path)
    assert os.listdir(tmp_path)
    one = GridSearchCV(cnn(epochs=3), grid, cv=2).fit(X, y)
    np.testing.assert_array_equal(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


# -- set_output, clone, HTML --------------------------------------------------------------------------------


def test_data_frames_between_the_steps(images):
    X, _, y, _ = images
    steps = (MinMaxScaler(feature_range=(0, 255)), cnn(image_shape=SHAPE, epochs=1))
    plain = make_pipeline(*map(clone, steps)).fit(flat(X), y)
    framed = make_pipeline(*map(clone, steps)).set_output(transform="pandas").fit(flat(X), y)
    assert not hasattr(plain[-1], "feature_names_in_")
    assert framed[-1].feature_names_in_[0] == "x0"
    np.testing.assert_array_equal(framed.predict_proba(flat(X)), plain.predict_proba(flat(X)))


def test_a_stack_gives_data_frames(images):
    X, _, y, _ = images
    stack = StackingClassifier([("cnn", cnn(epochs=1))], LogisticRegression(), cv=2)
    frame = stack.set_output(transform="pandas").fit(X, y).transform(X)
    assert [name.rpartition("_")[2] for name in frame.columns] == ["cnn0", "cnn1", "cnn2"]


@pytest.mark.parametrize("make", [cnn, one_vs_rest])
def test_clones_are_unfitted_equals(images, make):
    X, _, y, _ = images
    original = make(loss="focal", loss__gamma=0.5).fit(X, y)
    copy = clone(original)
    assert not hasattr(copy, "classes_")
    assert copy.get_params(deep=False).keys() == original.get_params(deep=False).keys()
    np.testing.assert_array_equal(copy.fit(X, y).predict_proba(X), original.predict_proba(X))
    nested = clone(OneVsRestClassifier(original)).estimator
    assert nested.get_params().keys() == original.get_params().keys()


@pytest.mark.parametrize("make", [cnn, one_vs_rest])
def test_html_shows_parameters_and_whether_it_is_fitted(images, make):
    X, _, y, _ = images
    estimator = make(loss="focal", loss__gamma=0.125)
    before = make_pipeline(FunctionTransformer(), estimator)._repr_html_()
    assert "loss__gamma" in before
    assert "0.125" in before
    assert "Not fitted" in before
    after = estimator.fit(X, y)._repr_html_()
    assert "Not fitted" not in after


# -- metadata routing ---------------------------------------------------------------------------------------


def weight_of(X):
    """A weight that can be told from the image itself."""
    return 1.0 + flat(np.asarray(X))[:, 10] % 5


seen = []


class Recording(CNNClassifier):
    """Notes whether each row comes with the weight it was given."""

    def fit(self, X, y, sample_weight=None):
        seen.append(sample_weight is not None and np.array_equal(sample_weight, weight_of(X)))
        return super().fit(X, y, sample_weight=sample_weight)


def recording(**settings):
    return cnn(Recording, epochs=1, **settings)


def composed(estimator):
    """Everything of scikit-learn that fits the estimator on rows it chooses; bagging also changes the weights."""
    grid = {"loss": ["focal"], "loss__gamma": [0.0, 2.0]}
    final, balance = LogisticRegression(), make_scorer(balanced_accuracy_score)
    if sklearn.get_config()["enable_metadata_routing"]:
        final.set_fit_request(sample_weight=True)
        balance.set_score_request(sample_weight=True)
    return {
        "pipeline": Pipeline([("same", FunctionTransformer()), ("cnn", estimator)]),
        "one vs rest": OneVsRestClassifier(estimator),
        "one vs one": OneVsOneClassifier(clone(estimator).set_params(image_shape=SHAPE)),
        "tuned threshold": TunedThresholdClassifierCV(estimator, scoring=balance, cv=2),
        "voting": VotingClassifier([("a", estimator), ("b", estimator)]),
        "stacking": StackingClassifier([("a", estimator)], final),
        "calibrated": CalibratedClassifierCV(estimator, cv=2),
        "grid": GridSearchCV(estimator, grid, cv=2),
        "random": RandomizedSearchCV(estimator, grid, n_iter=2, cv=2),
        "halving": HalvingGridSearchCV(estimator, grid, cv=2, resource="epochs", max_resources=2),
    }


NAMES = [
    *("pipeline", "one vs rest", "one vs one", "tuned threshold", "voting"),
    *("stacking", "calibrated", "grid", "random", "halving"),
]


def fitted_composition(estimator, name, images):
    X, _, y, _ = images
    X = flat(X) if name == "one vs one" else X
    y = (y == 1).astype(int) if name == "tuned threshold" else y
    return composed(estimator)[name].fit(X, y, sample_weight=weight_of(X))


@pytest.mark.parametrize("name", NAMES)
def test_weights_reach_every_inner_fit_by_routing(images, name):
    seen.clear()
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = recording().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        fitted_composition(estimator, name, images)
    assert seen
    assert all(seen)


@pytest.mark.parametrize("name", NAMES)
def test_weights_without_a_request_are_refused(images, name):
    with (
        sklearn.config_context(enable_metadata_routing=True),
        pytest.raises(UnsetMetadataPassedError, match="set_fit_request"),
    ):
        fitted_composition(recording(), name, images)


@pytest.mark.parametrize("make", [cnn, one_vs_rest])
def test_a_request_without_routing_says_how_to_switch_it_on(make):
    with pytest.raises(RuntimeError, match="enable_metadata_routing=True"):
        make().set_fit_request(sample_weight=True)


@pytest.mark.parametrize("name", ["voting", "calibrated", "grid", "random", "halving"])
def test_weights_reach_every_inner_fit_without_routing(images, name):
    seen.clear()
    fitted_composition(recording(), name, images)
    assert seen
    assert all(seen)


def test_weights_by_the_name_of_a_step_without_routing(images):
    X, _, y, _ = images
    seen.clear()
    composed(recording())["pipeline"].fit(X, y, cnn__sample_weight=weight_of(X))
    assert seen == [True]


def test_bagging_multiplies_the_weights_with_its_draws(images):
    """Draws are weights to whoever takes weights, and rows of weight 0 are left out."""
    X, _, y, _ = images
    bag = BaggingClassifier(cnn(image_shape=SHAPE, epochs=10), n_estimators=2, random_state=0)
    only_two = np.where(y == 2, 1e-9, 1.0)
    weighted = bag.fit(flat(X), y, sample_weight=only_two).predict(flat(X))
    assert 2 not in weighted


@pytest.mark.parametrize("routing", [True, False])
@pytest.mark.parametrize("make", [cnn, one_vs_rest])
def test_cross_validate_hands_weights_to_fit_and_score(images, make, routing):
    X, _, y, _ = images
    weights = weight_of(X)
    with sklearn.config_context(enable_metadata_routing=routing):
        estimator = make(epochs=2)
        if routing:
            estimator.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        options = {"cv": 2, "return_estimator": True, "return_indices": True}
        found = cross_validate(estimator, X, y, params={"sample_weight": weights}, **options)
    train, test = found["indices"]["train"][0], found["indices"]["test"][0]
    fitted = found["estimator"][0]
    by_hand = make(epochs=2).fit(X[train], y[train], sample_weight=weights[train])
    np.testing.assert_array_equal(fitted.predict_proba(X), by_hand.predict_proba(X))
    unweighted = make(epochs=2).fit(X[train], y[train])
    assert not np.array_equal(fitted.predict_proba(X), unweighted.predict_proba(X))
    # Without routing scikit-learn's scores know no weights.
    in_score = weights[test] if routing else None
    assert found["test_score"][0] == fitted.score(X[test], y[test], sample_weight=in_score)
    assert fitted.score(X[test], y[test]) != fitted.score(X[test], y[test], sample_weight=weights[test])


# -- Displays -----------------------------------------------------------------------------------------------


@pytest.fixture
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def pair(images):
    """A binary problem and its classifier."""
    X, X_test, y, y_test = images
    return cnn(epochs=4).fit(X, y == 1), X_test, y_test == 1


def test_confusion_matrix_display(images, closed):
    X, X_test, y, y_test = images
    display = ConfusionMatrixDisplay.from_estimator(cnn().fit(X, y), X_test, y_test)
    assert display.confusion_matrix.sum() == len(y_test)
    assert np.trace(display.confusion_matrix) > 0.8 * len(y_test)


@pytest.mark.parametrize(
    ("display", "attribute"),
    [(RocCurveDisplay, "tpr"), (PrecisionRecallDisplay, "recall"), (DetCurveDisplay, "fnr")],
    ids=["roc", "precision recall", "det"],
)
def test_curve_displays(pair, closed, display, attribute):
    """Curves of probabilities have many points; of yes and no they would have three."""
    drawn = display.from_estimator(*pair)
    assert len(getattr(drawn, attribute)) > 3
    assert drawn.line_.get_label().startswith("CNNClassifier")


@pytest.mark.parametrize("display", [RocCurveDisplay, PrecisionRecallDisplay])
def test_curves_of_cross_validation(images, closed, display):
    X, _, y, _ = images
    found = cross_validate(cnn(epochs=3), X, y == 1, cv=3, return_estimator=True, return_indices=True)
    drawn = display.from_cv_results(found, X, y == 1)
    assert len(np.atleast_1d(drawn.line_)) == 3


def test_calibration_display(pair, closed):
    estimator, X, y = pair
    drawn = CalibrationDisplay.from_estimator(estimator, X, y, n_bins=4)
    np.testing.assert_array_equal(drawn.y_prob, estimator.predict_proba(X)[:, 1])


def test_learning_curve_display(images, closed):
    X, _, y, _ = images
    drawn = LearningCurveDisplay.from_estimator(cnn(epochs=2), X, y, cv=2, train_sizes=[0.3, 1.0])
    assert drawn.test_scores.shape == (2, 2)


def test_validation_curve_display(images, closed):
    X, _, y, _ = images
    drawn = ValidationCurveDisplay.from_estimator(
        cnn(), X, y, cv=2, param_name="optimizer__learning_rate", param_range=[0.0, 0.01]
    )
    nothing, something = drawn.test_scores.mean(axis=1)
    assert something > nothing + 0.2


def test_partial_dependence_display(images, closed):
    """One pixel of flat rows: brighter centres are not zeros."""
    X, y = flat(images[0]).astype(float), images[2]
    fitted = cnn(image_shape=SHAPE).fit(X, y)
    drawn = PartialDependenceDisplay.from_estimator(fitted, X, [27], target=0, grid_resolution=3)
    average = drawn.pd_results[0]["average"][0]
    assert average.shape == (3,)
    assert average[-1] < average[0]


def test_decision_boundary_display(closed):
    """Two columns are no image: a builder of one's own takes them as they are."""
    rng = np.random.default_rng(0)
    y = np.arange(200) % 3
    X = np.array([[0, 2], [2, -2], [-2, -2]])[y] + rng.normal(size=(200, 2))
    fitted = CNNClassifier(model=dense, epochs=20, optimizer__learning_rate=0.05, random_state=0).fit(X, y)
    drawn = DecisionBoundaryDisplay.from_estimator(fitted, X, grid_resolution=12, response_method="predict")
    assert set(np.unique(drawn.response)) == {0, 1, 2}


@pytest.mark.parametrize("display", [OvRConfusionDisplay, OvRCurvesDisplay, OvRCalibrationDisplay])
@pytest.mark.parametrize("make", [cnn, one_vs_rest])
def test_our_displays(images, closed, display, make):
    X, X_test, y, y_test = images
    fitted = make_pipeline(FunctionTransformer(np.fliplr), make(epochs=2)).fit(X, y)
    drawn = display.from_estimator(fitted, X_test, y_test).frame()
    assert set(drawn["class"]) == {0, 1, 2}
    unflipped = display.from_estimator(fitted[-1], X_test, y_test).frame()
    assert not drawn.equals(unflipped)


@pytest.mark.parametrize("make", [cnn, one_vs_rest])
def test_history_display(images, closed, make):
    X, _, y, _ = images
    fitted = make(epochs=3).fit(X, y)
    drawn = HistoryDisplay.from_estimator(fitted).frame()
    networks = [fitted] if isinstance(fitted, CNNClassifier) or fitted.strategy == "joint" else fitted.estimators_
    expected = [loss for network in networks for loss in network.history_["loss"]]
    assert drawn.loc[drawn["metric"] == "loss", "value"].tolist() == expected


def test_embedding_display(images, closed):
    X, _, y, _ = images
    pca = PCA(2).fit(flat(X))
    drawn = EmbeddingDisplay.from_estimator(pca, flat(X), y).frame()
    np.testing.assert_array_equal(drawn[["x", "y"]], pca.transform(flat(X)))

"""`CNNClassifier` and `OneVsRestCNNClassifier` on Keras models: trained copies, and fitted without training."""

import copy
import pickle

import keras
import numpy as np
import pytest
from keras import layers
from keras_networks import outputs, plain, same_weights, weights_of
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV, cross_val_score

from sk_cifar_ovr import CNNClassifier, CNNFeatures, OneVsRestCNNClassifier, ovr_report
from sk_cifar_ovr.exceptions import ImageShapeError, NetworkError, PixelScaleWarning

# Keras' own `save` and `deepcopy` read variables in a way that NumPy 2 deprecates, and warn of lambdas.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`:UserWarning"),
]

RNG = np.random.default_rng(0)
Y = np.arange(60) % 3
# Bright in one third of the image, which tells the class.
X = RNG.integers(0, 100, (60, 8, 8, 1), "uint8")
for label in range(3):
    X[label == Y, 3 * label : 3 * label + 2] += 150
LABELS = np.stack([Y == 0, Y == 1, Y != 2, X[:, 0, 0, 0] > 50], axis=1).astype(int)
FEW = {"recipe": None, "epochs": 2, "batch_size": 20, "random_state": 0}
# So small that weights hardly move.
STILL = {**FEW, "epochs": 1, "optimizer": "sgd", "optimizer__learning_rate": 1e-7, "batch_statistics": "moving"}


def trained():
    """A model whose loss would not unpickle."""
    model = plain(normalize=False)
    model.compile("adam", lambda y_true, y_pred: keras.losses.sparse_categorical_crossentropy(y_true, y_pred))
    model.fit(X, Y, epochs=30, verbose=0)
    return model


@pytest.fixture(scope="module")
def model():
    return trained()


# Training copies


def test_a_fit_starts_from_the_weights_and_leaves_the_model(model):
    before, optimizer = weights_of(model), model.optimizer
    model.get_layer("conv").trainable = False
    clf = CNNClassifier(model=model, **STILL).fit(X, Y)
    np.testing.assert_allclose(clf.predict_proba(X), outputs(model, X), atol=1e-3)
    moved = CNNClassifier(model=model, **FEW).fit(X, Y)
    conv = [each.get_layer("conv").get_weights()[0] for each in (moved.model_, model)]
    np.testing.assert_array_equal(*conv)
    assert not np.allclose(
        moved.model_.get_layer("hidden").get_weights()[0], model.get_layer("hidden").get_weights()[0]
    )
    assert same_weights(weights_of(model), before)
    assert model.optimizer is optimizer
    assert not model.get_layer("conv").trainable
    assert model.get_layer("hidden").trainable
    model.get_layer("conv").trainable = True


def test_weights_may_be_drawn_anew(model):
    fresh = [
        CNNClassifier(model=model, model__weights=None, **{**STILL, "random_state": seed}).fit(X, Y)
        for seed in (0, 0, 1)
    ]
    values = [clf.model_.get_layer("hidden").get_weights()[0] for clf in fresh]
    assert np.array_equal(values[0], values[1])
    assert not np.allclose(values[0], values[2], atol=0.01)
    assert not np.allclose(values[0], model.get_layer("hidden").get_weights()[0], atol=0.01)


def test_clones_share_the_model_and_keep_everything_else(model):
    clf = CNNClassifier(model=model, model__pixels="0-255", **FEW).set_params(loss="focal", loss__gamma=1.0)
    cloned = clone(clf)
    assert cloned.model is model
    assert cloned.get_params() == clf.get_params()
    assert "Sequential" in repr(cloned)
    assert clone(OneVsRestCNNClassifier(clf)).estimator.model is model
    assert cloned.set_params(model="cifar_cnn").model == "cifar_cnn"


@pytest.mark.parametrize("duplicate", [lambda clf: pickle.loads(pickle.dumps(clf)), copy.deepcopy])
def test_pickled_and_copied_estimators_keep_the_weights(model, duplicate):
    clf = CNNClassifier.from_keras(model, classes=range(3), **FEW)
    other = duplicate(clf)
    assert other.model is not model
    np.testing.assert_array_equal(other.predict_proba(X), clf.predict_proba(X))
    assert same_weights(weights_of(other.model), weights_of(model))
    assert clf.model is model


def test_searches_and_cross_validation(model):
    # scikit-learn copies the models of a grid as Keras does, with their loss.
    uncompiled = plain(normalize=False)
    uncompiled.set_weights(model.get_weights())
    grid = {"model": [plain(), uncompiled], "model__weights": ["trained", None]}
    search = GridSearchCV(CNNClassifier(**STILL), grid, cv=2).fit(X, Y)
    assert search.best_index_ == 2
    scores = cross_val_score(CNNClassifier(model=model, **STILL), X, Y, cv=2, n_jobs=2)
    assert scores.min() > 0.8


@pytest.mark.parametrize("strategy", ["joint", "independent"])
def test_one_vs_rest_tasks_start_from_the_trunk(model, strategy):
    settings = CNNClassifier(model=model, **{**FEW, "epochs": 1, "optimizer__learning_rate": 1e-7})
    ovr = OneVsRestCNNClassifier(settings, strategy=strategy).fit(X, Y)
    for estimator in ovr.estimators_:
        hidden = [each.get_layer("hidden").get_weights()[0] for each in (estimator.model_, model)]
        np.testing.assert_allclose(*hidden, atol=1e-4)
        assert estimator.model_.output_shape == (None, 2)
    tuned = OneVsRestCNNClassifier(
        CNNClassifier(model=model, **{**FEW, "epochs": 20, "optimizer__learning_rate": 0.01}),
        strategy=strategy,
        threshold="f1",
        cv=2,
    ).fit(X, Y)
    assert tuned.score(X, Y) > 0.9


def test_several_labels_from_a_model_of_sigmoids():
    model = plain(4, "sigmoid")
    settings = CNNClassifier(model=model, **{**FEW, "epochs": 15, "optimizer__learning_rate": 0.01})
    ovr = OneVsRestCNNClassifier(settings).fit(X, LABELS)
    assert (ovr.predict(X) == LABELS).mean() > 0.75


def test_fits_continue_and_stop(model):
    clf = CNNClassifier(model=model, **STILL).partial_fit(X, Y, classes=range(3)).partial_fit(X, Y)
    assert clf.n_iter_ == 2
    warm = CNNClassifier(model=model, warm_start=True, **STILL).fit(X, Y).fit(X, Y)
    assert warm.n_iter_ == 2
    early = CNNClassifier(model=model, early_stopping=True, n_iter_no_change=1, **{**STILL, "epochs": 20})
    assert early.fit(X, Y).score(X, Y) > 0.8
    headed = CNNClassifier(model=model, head_epochs=1, model__head="new", **FEW).fit(X, Y % 2)
    assert headed.model_.output_shape == (None, 2)


def test_other_classes_need_a_new_head(model):
    with pytest.raises(NetworkError, match="2 classes"):
        CNNClassifier(model=model, **FEW).fit(X, Y % 2)
    with pytest.raises(NetworkError, match="OneVsRestCNNClassifier"):
        CNNClassifier(model=plain(3, "sigmoid"), **FEW).fit(X, Y)


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_builders_may_end_in_one_output_or_logits(activation):
    def single(meta):
        return plain(1, activation)

    def logits(meta):
        return plain(3, None)

    settings = {**FEW, "epochs": 10, "optimizer__learning_rate": 0.01}
    assert CNNClassifier(model=single, **settings).fit(X, Y == 1).score(X, Y == 1) > 0.9
    probabilities = CNNClassifier(model=logits, **settings).fit(X, Y).predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert OneVsRestCNNClassifier(CNNClassifier(model=single, **settings)).fit(X, Y).score(X, Y) > 0.9


def test_a_path_is_read_for_each_fit(tmp_path, model):
    path = tmp_path / "model.keras"
    model.save(path)
    clf = CNNClassifier(model=path, **STILL).fit(X, Y)
    path.unlink()
    np.testing.assert_allclose(pickle.loads(pickle.dumps(clf)).predict_proba(X), outputs(model, X), atol=1e-3)
    with pytest.raises(FileNotFoundError):
        clone(clf).fit(X, Y)


def test_float_images_reach_the_model_on_its_scale():
    model = plain(rescale=False, normalize=False)
    with pytest.warns(PixelScaleWarning, match="0-1"):
        clf = CNNClassifier(model=model, model__pixels="0-1", **STILL).fit(X / 255, Y)
    np.testing.assert_allclose(clf.predict_proba(X / 255), outputs(model, X / 255), atol=1e-3)


# Without training


@pytest.mark.parametrize("as_path", [False, True])
def test_predictions_are_those_of_the_model(tmp_path, model, as_path):
    given = tmp_path / "model.keras"
    model.save(given)
    clf = CNNClassifier.from_keras(str(given) if as_path else model, classes=["a", "b", "c"])
    np.testing.assert_allclose(clf.predict_proba(X), model.predict(X, verbose=0), atol=1e-6)
    assert clf.score(X, np.array(["a", "b", "c"])[Y]) > 0.9
    assert is_classifier(clf)
    assert (clf.n_features_in_, clf.n_iter_, clf.history_) == (64, 0, {"loss": []})
    np.testing.assert_allclose(clf.model_(X.astype("float32")), clf.predict_proba(X), atol=1e-6)


def test_classes_in_any_order(model):
    clf = CNNClassifier.from_keras(model, classes=["c", "a", "b"], **STILL)
    assert clf.classes_.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(clf.predict_proba(X), outputs(model, X)[:, [1, 2, 0]], atol=1e-6)
    labels = np.array(["c", "a", "b"])[Y]
    assert clf.score(X, labels) > 0.9
    assert clf.partial_fit(X, labels).score(X, labels) > 0.8
    assert clone(clf).fit(X, labels).score(X, labels) > 0.8
    for wrong in (["a"], ["a", "a", "b"], [["a", "b", "c"]]):
        with pytest.raises(ValueError, match="once"):
            CNNClassifier.from_keras(model, classes=wrong)
    with pytest.raises(NetworkError, match="2 classes"):
        CNNClassifier.from_keras(model, classes=["a", "b"])


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([1, "cat", 2], "classes mixes strings and other labels, such as 'cat' and 1"),
        (np.array([1, "cat", 2], object), "classes mixes strings"),
        (["a", None, "b"], r"classes holds no label \(None\) at index 1"),
        ([0.0, float("nan"), 1.0], r"classes holds no label \(nan\) at index 1"),
    ],
)
def test_labels_are_checked_as_in_fit(model, classes, message):
    with pytest.raises(ValueError, match=message):
        CNNClassifier.from_keras(model, classes=classes)
    with pytest.raises(ValueError, match=message):
        OneVsRestCNNClassifier.from_keras(plain(3, "sigmoid"), classes=classes)


def test_weights_that_were_not_trained_are_refused(model):
    with pytest.raises(ValueError, match="head='new' replaces the last layer"):
        CNNClassifier.from_keras(model, classes=range(2), model__head="new")
    with pytest.raises(ValueError, match="weights=None draws new weights"):
        CNNClassifier.from_keras(model, classes=range(3), model__weights=None)
    settings = CNNClassifier(model__weights=None)
    with pytest.raises(ValueError, match="weights=None draws new weights"):
        OneVsRestCNNClassifier.from_keras(plain(3, "sigmoid"), classes=range(3), estimator=settings)


def test_outputs_that_are_not_recognised_say_what_to_do():
    with pytest.raises(NetworkError, match=r"outputs of .* sum to .*trained model .* put keras.layers.Softmax\(\)"):
        CNNClassifier.from_keras(plain(3, "relu"), classes=range(3))
    with pytest.raises(NetworkError, match="ends in an unknown activation, outputs of shape"):
        OneVsRestCNNClassifier.from_keras(plain(3, "relu"), classes=range(3))


def test_messages_in_prediction_do_not_tell_of_a_fit(model):
    for estimator in (
        CNNClassifier.from_keras(model, classes=range(3)),
        OneVsRestCNNClassifier.from_keras(plain(3, "sigmoid"), classes=range(3)),
    ):
        name = type(estimator).__name__
        with pytest.warns(PixelScaleWarning, match=f"floats from 0 to 1, and this {name} takes pixels from 0 to 255"):
            estimator.predict(X / 255)
        with pytest.raises(ImageShapeError, match=rf"this {name} takes images of shape \(8, 8, 1\): bring them to"):
            estimator.predict(X[:, :4])


def test_pixels_have_to_be_told_or_found():
    model = plain(rescale=False)
    with pytest.raises(ValueError, match="Pass pixels"):
        CNNClassifier.from_keras(model, classes=range(3))
    clf = CNNClassifier.from_keras(model, classes=range(3), pixels="-1-1")
    np.testing.assert_allclose(clf.predict_proba(X), outputs(model, X / 127.5 - 1), atol=1e-5)
    with pytest.warns(PixelScaleWarning):
        clf.predict(X / 255)
    unit = CNNClassifier.from_keras(model, classes=range(3), pixels="0-1", pixel_max=1)
    np.testing.assert_allclose(unit.predict_proba(X / 255), outputs(model, X / 255), atol=1e-5)


def test_images_of_any_size_need_a_shape():
    inputs = keras.Input((None, None, 1))
    x = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(x))
    with pytest.raises(ImageShapeError, match="image_shape"):
        CNNClassifier.from_keras(model, classes=[0, 1])
    clf = CNNClassifier.from_keras(model, classes=[0, 1], image_shape=(8, 8, 1))
    np.testing.assert_allclose(clf.predict_proba(X), outputs(model, X), atol=1e-6)


def test_only_models_are_taken():
    with pytest.raises(TypeError, match="Keras model"):
        CNNClassifier.from_keras("cifar_cnn", classes=[0, 1])
    with pytest.raises(FileNotFoundError):
        CNNClassifier.from_keras("none.keras", classes=[0, 1])


def test_scikit_learn_uses_it_frozen(model):
    binary = plain(1, "sigmoid")
    clf = CNNClassifier.from_keras(binary, classes=[False, True])
    positive = clf.predict_proba(X)[:, 1]
    fixed = FixedThresholdClassifier(FrozenEstimator(clf), threshold=float(np.median(positive)))
    assert fixed.fit(X, Y == 1).predict(X).mean() == pytest.approx(0.5, abs=0.02)
    TunedThresholdClassifierCV(FrozenEstimator(clf), cv="prefit", refit=False).fit(X, Y == 1).predict(X)
    three = CNNClassifier.from_keras(model, classes=range(3))
    calibrated = CalibratedClassifierCV(FrozenEstimator(three)).fit(X, Y)
    assert calibrated.predict_proba(X).shape == (60, 3)
    assert ovr_report(Y, three.predict(X)).frame().shape[0] >= 3
    features = CNNFeatures(FrozenEstimator(three)).fit(X)
    assert features.layer_ == "hidden"
    inner = keras.Model(model.inputs[0], model.get_layer("hidden").output)
    np.testing.assert_allclose(features.transform(X), outputs(inner, X), atol=1e-5)


def test_one_vs_rest_from_sigmoids():
    model = plain(4, "sigmoid", normalize=False)
    names = ["d", "b", "c", "a"]
    ovr = OneVsRestCNNClassifier.from_keras(model, classes=names, threshold=0.3, estimator=CNNClassifier(**STILL))
    expected = outputs(model, X)
    np.testing.assert_allclose(ovr.predict_proba(X), expected, atol=1e-6)
    np.testing.assert_array_equal(ovr.predict(X), expected >= 0.3)
    assert ovr.classes_.tolist() == names
    np.testing.assert_allclose(ovr.estimators_[3].predict_proba(X)[:, 1], expected[:, 3], atol=1e-6)
    np.testing.assert_allclose(ovr.partial_fit(X, LABELS, classes=names).predict_proba(X), expected, atol=1e-3)
    assert clone(ovr).fit(X, LABELS).predict(X).shape == (60, 4)
    one_label = OneVsRestCNNClassifier.from_keras(model, classes=names, multilabel=False)
    assert one_label.classes_.tolist() == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(one_label.predict(X), np.array(names)[expected.argmax(axis=1)])


def test_one_vs_rest_from_logits_and_what_it_refuses(model):
    logits = plain(3, None)
    ovr = OneVsRestCNNClassifier.from_keras(logits, classes=["a", "b", "c"])
    np.testing.assert_allclose(ovr.decision_function(X), outputs(logits, X), atol=1e-4)
    with pytest.raises(NetworkError, match="CNNClassifier.from_keras"):
        OneVsRestCNNClassifier.from_keras(model, classes=["a", "b", "c"])
    with pytest.raises(ValueError, match="needs images"):
        OneVsRestCNNClassifier.from_keras(logits, classes=["a", "b", "c"], threshold="f1")


def test_one_vs_rest_from_a_model_is_joint():
    model, names = plain(3, "sigmoid"), ["a", "b", "c"]
    with pytest.raises(ValueError, match="got strategy='independent', which trains a network for each class"):
        OneVsRestCNNClassifier.from_keras(model, classes=names, strategy="independent")
    search = GridSearchCV(CNNClassifier(), {"epochs": [1]})
    with pytest.raises(ValueError, match="got a search as estimator"):
        OneVsRestCNNClassifier.from_keras(model, classes=names, estimator=search)

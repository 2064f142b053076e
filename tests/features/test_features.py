import pickle

import keras
import numpy as np
import pytest
from scikeras.wrappers import KerasClassifier
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_networks import KERAS_SAVES, dense, skip_if_refused

from sk_cifar_ovr import CNNClassifier, CNNFeatures, OneVsRestCNNClassifier, load, save
from sk_cifar_ovr._shared.variables import read
from sk_cifar_ovr.engine._prediction import PREDICTION_BATCH, for_device
from sk_cifar_ovr.engine.compiled._pool import borrow, clear_programs
from sk_cifar_ovr.exceptions import ImageShapeError, NetworkError
from sk_cifar_ovr.networks import cifar_cnn

TINY = {
    "model__filters": (4, 4, 8),
    "epochs": 1,
    "batch_size": 128,
    "recipe": None,
    "random_state": 0,
    "precision": "float32",
}


@pytest.fixture(scope="module")
def fitted(digits):
    X, y = digits
    return CNNClassifier(**TINY).fit(X, y)


@pytest.fixture(scope="module", params=["joint", "independent"])
def ovr(request, digits):
    X, y = digits
    return OneVsRestCNNClassifier(CNNClassifier(**TINY), strategy=request.param).fit(
        X, np.array(["a", "b", "c"])[y % 3]
    )


def softmax_of(model, rows):
    """What the last layer of a network makes of features."""
    logits = rows @ read(model.get_layer("softmax").weights)[0] + read(model.get_layer("softmax").weights)[1]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_default_is_what_the_last_layer_sees(digits, fitted):
    X, y = digits
    features = CNNFeatures(FrozenEstimator(fitted)).fit(X)
    rows = features.transform(X)
    assert rows.shape == (len(X), 8)
    assert rows.dtype == np.float32
    assert features.layer_ == "features"
    np.testing.assert_allclose(softmax_of(fitted.model_, rows), fitted.predict_proba(X), atol=1e-5)


def test_custom_cnn_has_128(digits):
    X, y = digits
    clf = CNNClassifier(epochs=1, random_state=0).fit(X[:64], y[:64])
    rows = CNNFeatures(FrozenEstimator(clf)).fit_transform(X)
    assert rows.shape == (len(X), 128)
    assert rows.dtype == np.float32


def test_more_rows_than_one_batch(digits, fitted):
    X, _ = digits
    features = CNNFeatures(FrozenEstimator(fitted)).fit(X)
    many = np.concatenate([X] * 6)
    assert len(many) > 2 * PREDICTION_BATCH
    np.testing.assert_allclose(features.transform(many), np.tile(features.transform(X), (6, 1)), atol=1e-5)


def test_batches_are_of_bounded_size(digits, fitted, monkeypatch):
    """And uint8 still when they go to the device, one batch at a time."""
    X, _ = digits
    sent = []

    def sending(x, dtype):
        sent.append((len(x), x.dtype))
        return for_device(x, dtype)

    monkeypatch.setattr("sk_cifar_ovr.engine._prediction.for_device", sending)
    features = CNNFeatures(FrozenEstimator(fitted)).fit(X)
    features.transform(np.concatenate([X] * 6))
    assert [n for n, _ in sent] == [PREDICTION_BATCH, PREDICTION_BATCH, 6 * len(X) - 2 * PREDICTION_BATCH]
    assert {dtype for _, dtype in sent} == {np.dtype("uint8")}


@pytest.mark.parametrize("layer", ["pool1", "softmax", "rescale"])
def test_any_layer_by_name(digits, fitted, layer):
    X, _ = digits
    model = keras.Model(fitted.model_.inputs[0], fitted.model_.get_layer(layer).output)
    expected = model.predict(X.astype("float32"), verbose=0).reshape(len(X), -1)
    rows = CNNFeatures(FrozenEstimator(fitted), layer=layer).fit_transform(X)
    np.testing.assert_allclose(rows, expected, atol=1e-5)


def test_unknown_layer_names_those_that_exist(digits, fitted):
    with pytest.raises(NetworkError, match=r"no layer 'conv9'.*'conv1a'.*'features'"):
        CNNFeatures(FrozenEstimator(fitted), layer="conv9").fit(digits[0])


def untrainable(monkeypatch, *, strategy=None, search=False):
    """A classifier that is at fault once its training begins."""

    def train(*args, **kwargs):
        raise AssertionError("training began")

    for kind in (CNNClassifier, OneVsRestCNNClassifier, KerasClassifier):
        monkeypatch.setattr(kind, "fit", train)
    if strategy == "scikeras":
        return KerasClassifier(cifar_cnn, loss="sparse_categorical_crossentropy", verbose=0)
    classifier = CNNClassifier(**TINY)
    if search:
        classifier = GridSearchCV(classifier, {"epochs": [1, 2]})
    return classifier if strategy is None else OneVsRestCNNClassifier(classifier, strategy=strategy)


@pytest.mark.parametrize("strategy", [None, "joint", "independent", "scikeras"])
def test_unknown_layer_is_told_before_training(digits, strategy, monkeypatch):
    choice = {"concatenate": True} if strategy == "independent" else {}
    features = CNNFeatures(untrainable(monkeypatch, strategy=strategy), layer="conv9", **choice)
    with pytest.raises(NetworkError, match=r"no layer 'conv9'.*'conv1a'.*'features'"):
        features.fit(*digits)


@pytest.mark.parametrize(
    ("strategy", "settings", "message"),
    [
        ("joint", {"class_label": "z"}, "class_label='z' is none of the classes"),
        ("joint", {"layer": "softmax"}, "choose one with class_label"),
        ("independent", {}, "choose one with class_label"),
        ("independent", {"search": True}, "choose one with class_label"),
    ],
)
def test_missing_choice_is_told_before_training(digits, strategy, settings, message, monkeypatch):
    settings = dict(settings)
    ovr = untrainable(monkeypatch, strategy=strategy, search=settings.pop("search", False))
    with pytest.raises(ValueError, match=message):
        CNNFeatures(ovr, **settings).fit(*digits)


def test_one_vs_rest(digits, ovr):
    X, _ = digits
    each = [CNNFeatures(FrozenEstimator(e)).fit_transform(X) for e in ovr.estimators_]
    of_class = [CNNFeatures(FrozenEstimator(ovr), class_label=label).fit_transform(X) for label in ovr.classes_]
    np.testing.assert_array_equal(of_class, each)
    everything = CNNFeatures(FrozenEstimator(ovr), concatenate=True).fit_transform(X)
    if ovr.strategy == "joint":
        np.testing.assert_array_equal(each[0], each[2])
        np.testing.assert_array_equal(CNNFeatures(FrozenEstimator(ovr)).fit_transform(X), each[0])
        np.testing.assert_array_equal(everything, each[0])
    else:
        assert not np.allclose(each[0], each[1])
        np.testing.assert_array_equal(everything, np.hstack(each))
        with pytest.raises(ValueError, match=r"class_label \(a class of \['a', 'b', 'c'\]\), or all with concatenate"):
            CNNFeatures(FrozenEstimator(ovr)).fit(X)


def test_heads_are_of_one_class_each(digits, ovr):
    """Behind the trunk the networks differ in both strategies."""
    X, _ = digits
    with pytest.raises(ValueError, match="class_label"):
        CNNFeatures(FrozenEstimator(ovr), layer="softmax").fit(X)
    everything = CNNFeatures(FrozenEstimator(ovr), layer="softmax", concatenate=True).fit_transform(X)
    np.testing.assert_allclose(everything[:, 1::2], ovr._outputs(X)[..., 1], atol=1e-6)


def test_two_classes_have_one_network(digits):
    X, y = digits
    ovr = OneVsRestCNNClassifier(CNNClassifier(**TINY), strategy="independent").fit(X, y % 2)
    plain = CNNFeatures(FrozenEstimator(ovr)).fit_transform(X)
    for label in (0, 1):
        np.testing.assert_array_equal(CNNFeatures(FrozenEstimator(ovr), class_label=label).fit_transform(X), plain)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"class_label": "a", "concatenate": True}, "give one of them"),
        ({"class_label": "z"}, "none of the classes"),
    ],
)
def test_choices_that_make_no_sense(digits, ovr, settings, message):
    with pytest.raises(ValueError, match=message):
        CNNFeatures(FrozenEstimator(ovr), **settings).fit(digits[0])


def test_bad_input(digits, fitted):
    X, y = digits
    with pytest.raises(ValueError, match="class_label=3 names a network of a OneVsRest"):
        CNNFeatures(CNNClassifier(**TINY), class_label=3).fit(X, y)
    with pytest.raises(TypeError, match="got LogisticRegression"):
        CNNFeatures(LogisticRegression()).fit(X, y)
    with pytest.raises(ValueError, match="requires y to be passed"):
        CNNFeatures(CNNClassifier(**TINY)).fit(X)
    with pytest.raises(NotFittedError):
        CNNFeatures(FrozenEstimator(CNNClassifier(**TINY))).fit(X, y)
    with pytest.raises(NotFittedError):
        CNNFeatures(FrozenEstimator(fitted)).transform(X)
    with pytest.raises(ImageShapeError, match=r"\(7, 8\)"):
        CNNFeatures(FrozenEstimator(fitted)).fit(X[:, :7, :, 0])


def test_unfitted_is_cloned_and_fitted(digits, fitted):
    X, y = digits
    given = CNNClassifier(**TINY)
    features = CNNFeatures(given).fit(X, y)
    assert not hasattr(given, "classes_")
    assert features.estimator_ is not given
    np.testing.assert_array_equal(features.transform(X), CNNFeatures(FrozenEstimator(fitted)).fit_transform(X))


def test_sample_weight_reaches_the_network(digits):
    X, y = digits
    weights = (y < 5).astype(float)
    features = CNNFeatures(CNNClassifier(**TINY)).fit(X, y, sample_weight=weights)
    alone = CNNClassifier(**TINY).fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(features.estimator_.predict_proba(X), alone.predict_proba(X))


def test_fitted_but_not_frozen_is_fitted_anew(digits, fitted):
    """As scikit-learn's meta-estimators do."""
    X, y = digits
    features = CNNFeatures(fitted).fit(X[:100], y[:100])
    assert features.estimator_ is not fitted
    assert not np.allclose(features.transform(X), CNNFeatures(FrozenEstimator(fitted)).fit_transform(X))


def test_search_neither_trains_nor_loses_a_frozen_network(digits, fitted):
    X, y = digits
    before = [array.copy() for array in fitted.network_.state]
    pipe = make_pipeline(CNNFeatures(FrozenEstimator(fitted)), StandardScaler(), LogisticRegression())
    search = GridSearchCV(pipe, {"logisticregression__C": [0.01, 1.0]}, cv=2, error_score="raise").fit(X, y)
    best = search.best_estimator_[0]
    assert best.estimator_.estimator is fitted
    np.testing.assert_array_equal(best.transform(X), CNNFeatures(FrozenEstimator(fitted)).fit_transform(X))
    for array, old in zip(fitted.network_.state, before, strict=True):
        np.testing.assert_array_equal(array, old)
    with pytest.raises(ValueError, match="frozen"):
        GridSearchCV(pipe, {"cnnfeatures__estimator__epochs": [1]}, cv=2, error_score="raise").fit(X, y)


def test_later_fits_of_the_estimator_do_not_reach_the_features(digits):
    X, y = digits
    clf = CNNClassifier(**TINY).fit(X, y)
    features = CNNFeatures(FrozenEstimator(clf)).fit(X)
    before = features.transform(X)
    clf.fit(X[:80], y[:80])
    np.testing.assert_array_equal(features.transform(X), before)


def test_pickle_clone_and_params(digits, ovr):
    X, _ = digits
    features = CNNFeatures(FrozenEstimator(ovr), class_label="b", layer="pool2").fit(X)
    rows = features.transform(X)
    clear_programs()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(features)).transform(X), rows)
    np.testing.assert_array_equal(clone(features).fit_transform(X), rows)
    assert clone(features).get_params()["class_label"] == "b"


def test_one_compiled_program_serves_all_calls(digits, fitted):
    X, _ = digits
    features = CNNFeatures(FrozenEstimator(fitted)).fit(X)
    features.transform(X)
    with borrow(fitted.network_.spec) as network:
        program = network.features("features")
    again = CNNFeatures(FrozenEstimator(fitted)).fit(X)
    again.transform(X[:7])
    with borrow(fitted.network_.spec) as network:
        assert network.features("features") is program
    clear_programs()
    with borrow(fitted.network_.spec) as network:
        assert network.features("features") is not program


def test_names_and_frames(digits, fitted):
    X, _ = digits
    features = CNNFeatures(FrozenEstimator(fitted)).set_output(transform="pandas").fit(X)
    frame = features.transform(X)
    assert list(frame.columns) == [f"cnnfeatures{i}" for i in range(8)]
    assert list(features.get_feature_names_out()) == list(frame.columns)
    assert features.n_features_in_ == 64


def test_flat_rows_and_images_agree(digits):
    X, y = digits
    flat = X.reshape(len(X), -1)
    clf = CNNClassifier(**TINY, image_shape=(8, 8, 1)).fit(flat, y)
    features = CNNFeatures(FrozenEstimator(clf)).fit(flat)
    np.testing.assert_array_equal(features.transform(flat), features.transform(X))


@pytest.mark.filterwarnings(KERAS_SAVES)
def test_scikeras(digits):
    X, y = (part[:100] for part in digits)
    clf = KerasClassifier(
        cifar_cnn, model__filters=(4, 4, 8), loss="sparse_categorical_crossentropy", optimizer="adam", verbose=0
    )
    features = CNNFeatures(clf).fit(X, y)
    rows = features.transform(X)
    inner = features.estimator_
    np.testing.assert_allclose(softmax_of(inner.model_, rows), inner.predict_proba(X), atol=1e-5)
    np.testing.assert_array_equal(CNNFeatures(FrozenEstimator(inner)).fit_transform(X), rows)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(features)).transform(X), rows)


def test_bfloat16_features_are_float32(digits):
    skip_if_refused("mixed_bfloat16")
    X, y = digits
    clf = CNNClassifier(**{**TINY, "precision": "mixed_bfloat16"}).fit(X, y)
    for layer in (None, "conv1a"):
        rows = CNNFeatures(FrozenEstimator(clf), layer=layer).fit_transform(X)
        assert rows.dtype == np.float32
        assert np.isfinite(rows).all()


def test_a_network_without_default(digits):
    """One layer on the pixels themselves: nothing lies in front of it."""
    X, y = digits
    rows = X.reshape(len(X), -1)
    clf = CNNClassifier(model=softmax_only, epochs=1).fit(rows, y)
    with pytest.raises(NetworkError, match=r"name a layer.*'pixels'"):
        CNNFeatures(FrozenEstimator(clf)).fit(rows)
    np.testing.assert_array_equal(CNNFeatures(FrozenEstimator(clf), layer="pixels").fit_transform(rows), rows)


def softmax_only(meta):
    inputs = keras.Input(meta["image_shape_"], name="pixels")
    return keras.Model(inputs, keras.layers.Dense(meta["n_classes_"], activation="softmax")(inputs))


def test_in_a_pipeline(digits):
    X, y = digits
    clf = CNNClassifier(model__filters=(8, 8, 16), epochs=15, batch_size=32, recipe=None, random_state=0)
    pipe = make_pipeline(CNNFeatures(clf), StandardScaler(), LogisticRegression()).fit(X[:240], y[:240])
    # 0.80 to 0.90 with ten seeds.
    assert pipe.score(X[240:], y[240:]) > 0.65


def test_groups_reach_the_estimator(digits, fitted):
    X, y = digits
    groups = np.arange(len(X)) // 4
    clf = CNNClassifier(**TINY, validation_fraction=0.3)
    with_groups = CNNFeatures(clf).fit(X, y, groups=groups).estimator_
    assert with_groups.history_ == clone(clf).fit(X, y, groups=groups).history_
    assert with_groups.history_ != CNNFeatures(clf).fit(X, y).estimator_.history_
    assert CNNFeatures(FrozenEstimator(fitted)).fit(X, groups=groups).transform(X[:2]).shape == (2, 8)
    with pytest.raises(ValueError, match="KerasClassifier of SciKeras takes no groups"):
        CNNFeatures(KerasClassifier(cifar_cnn)).fit(X, y, groups=groups)


def test_layers_without_names_are_found_in_the_network_that_is_built_again(digits, tmp_path):
    X, y = digits
    features = CNNFeatures(CNNClassifier(dense, recipe=None, epochs=1, random_state=0)).fit(X, y)
    expected = features.transform(X)
    path = tmp_path / "features.skovr"
    save(features, path)
    # Keras counts the layers of a process: the next network has other names.
    clear_programs()
    np.testing.assert_array_equal(features.transform(X), expected)
    clear_programs()
    np.testing.assert_array_equal(load(path, trusted=["small_networks:dense"]).transform(X), expected)

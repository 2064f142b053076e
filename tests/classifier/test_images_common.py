"""What scikit-learn checks on rows, checked on images with the custom CNN."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_predict

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier
from sk_cifar_ovr.exceptions import ImageShapeError, PixelScaleWarning

# Another place in a batch may change the last bits of a float32.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def small(**settings):
    return CNNClassifier(
        model__filters=(4, 4, 4), epochs=2, batch_size=50, recipe=None, precision="float32", random_state=0, **settings
    )


MAKERS = {
    "one": small,
    "joint": lambda **settings: OneVsRestCNNClassifier(small(**settings), strategy="joint"),
    "independent": lambda **settings: OneVsRestCNNClassifier(small(**settings), strategy="independent"),
}


@pytest.fixture(scope="module", params=MAKERS)
def make(request):
    """A function that makes an estimator from the settings of its network."""
    return MAKERS[request.param]


@pytest.fixture(scope="module")
def images(digits):
    """120 digits of three kinds, 8x8x1 uint8, read-only like their labels."""
    X, y = digits
    X, y = X[:120], y[:120] % 3
    X.setflags(write=False)
    y.setflags(write=False)
    return X, y


@pytest.fixture(scope="module")
def fitted(make, images):
    return make().fit(*images)


def answers(estimator, X):
    """Everything an estimator has to say."""
    names = ("predict_proba", "decision_function", "predict_ovr", "predict")
    return {name: getattr(estimator, name)(X) for name in names if hasattr(estimator, name)}


def assert_same(estimator, other, X, X_other=None, **tolerance):
    first, second = answers(estimator, X), answers(other, X if X_other is None else X_other)
    for name, value in first.items():
        if tolerance and value.dtype.kind == "f":
            np.testing.assert_allclose(second[name], value, **tolerance, err_msg=name)
        else:
            np.testing.assert_array_equal(second[name], value, err_msg=name)


def weight_arrays(estimator):
    return [value for one in getattr(estimator, "estimators_", [estimator]) for value in one.network_.state]


# -- shapes and types of X ----------------------------------------------------------------------------------


def test_shapes_of_answers(fitted, images):
    X, y = images
    found = answers(fitted, X)
    assert found.pop("predict").shape == y.shape
    assert all(value.shape == (len(X), 3) for value in found.values())
    np.testing.assert_allclose(found["predict_proba"].sum(axis=1), 1, rtol=1e-5)


def test_features_are_height_times_width_times_channels(make, fitted, images):
    X, y = images
    assert fitted.n_features_in_ == 64
    assert make().fit(np.repeat(X, 3, axis=3), y).n_features_in_ == 192
    assert not hasattr(fitted, "feature_names_in_")


def test_images_without_channels_and_flat_rows_are_the_same_images(make, fitted, images):
    X, y = images
    without, flat = X[..., 0], X.reshape(len(X), -1)
    assert_same(fitted, make().fit(without, y), X, without)
    rows = make(image_shape=(8, 8, 1)).fit(flat, y)
    assert_same(fitted, rows, X, flat)
    assert rows.n_features_in_ == 64


def test_flat_rows_of_square_images_need_no_shape(make, fitted, images):
    X, y = images
    flat = X.reshape(len(X), -1)
    assert_same(fitted, make().fit(flat, y), X, flat)


def test_one_fit_predicts_images_and_rows_alike(fitted, images):
    X, _ = images
    assert_same(fitted, fitted, X, X.reshape(len(X), -1))
    assert_same(fitted, fitted, X, X[..., 0])


def test_flat_rows_of_other_images_ask_for_the_shape(make, images):
    X, y = images
    flat = X[:, :5].reshape(len(X), -1)
    with pytest.raises(ImageShapeError, match="image_shape="):
        make().fit(flat, y)
    assert make(image_shape=(5, 8, 1)).fit(flat, y).predict(flat).shape == y.shape


@pytest.mark.parametrize("dtype", ["int16", "int64", "float32", "float64"])
def test_any_numeric_type_means_the_same_pixels(make, fitted, images, dtype):
    X, y = images
    with warnings.catch_warnings():
        warnings.simplefilter("error", PixelScaleWarning)
        other = make().fit(X.astype(dtype), y)
    assert_same(fitted, other, X, X.astype(dtype))


def test_lists_are_images_too(make, fitted, images):
    X, y = images
    other = make().fit(X.tolist(), y.tolist())
    assert_same(fitted, other, X, X.tolist())


def test_floats_from_0_to_1_are_said_to_be_taken_so(make, images):
    X, y = images
    scaled = (X / 255).astype("float32")
    # Enlarged images have equal neighbours: in max pooling rounding decides which of them gets the gradient.
    small_steps = {"optimizer__learning_rate": 1e-6}
    fitted = make(**small_steps).fit(X, y)
    with pytest.warns(PixelScaleWarning, match="0-1") as caught:
        other = make(**small_steps).fit(scaled, y)
    # Networks that train apart say the same words, which Python's default filter shows once.
    assert len({str(w.message) for w in caught if w.category is PixelScaleWarning}) == 1
    # The scale is that of fit, whatever comes later: a dark image does not change it, nor does it warn again.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(fitted, other, X, scaled, rtol=1e-3, atol=1e-3)
        assert_same(other, other, scaled, scaled.astype("float64"), **CLOSE)


def test_bright_pixels_in_predict_keep_the_scale_of_fit(make, images):
    X, y = images
    scaled = X / 255
    with pytest.warns(PixelScaleWarning):
        other = make().fit(scaled, y)
    alone = other.predict_proba(scaled[:5])
    with_bright = other.predict_proba(np.concatenate([scaled[:5], np.full_like(scaled[:1], 2.0)]))
    np.testing.assert_allclose(with_bright[:5], alone, **CLOSE)


def test_rows_of_a_data_frame_keep_their_names(make, images):
    X, y = images
    frame = pd.DataFrame(X.reshape(len(X), -1)).add_prefix("pixel")
    rows = make(image_shape=(8, 8, 1)).fit(frame, y)
    assert list(rows.feature_names_in_) == list(frame.columns)
    assert rows.predict(frame).shape == y.shape
    with pytest.raises(ValueError, match="feature names"):
        rows.predict(frame[frame.columns[::-1]])


# -- fit ----------------------------------------------------------------------------------------------------


def test_fit_returns_self_and_changes_no_parameter(make, images):
    estimator = make()
    before = {name: repr(value) for name, value in estimator.get_params().items()}
    attributes = set(vars(estimator))
    assert estimator.fit(*images) is estimator
    assert {name: repr(value) for name, value in estimator.get_params().items()} == before
    public = {name for name in set(vars(estimator)) - attributes if not name.startswith("_")}
    assert all(name.endswith("_") for name in public)


def test_fitting_twice_is_fitting_once(make, fitted, images):
    X, y = images
    again = make().fit(X[:60, :6], y[:60]).fit(X, y)
    assert_same(fitted, again, X)
    assert again.history_ == fitted.history_
    assert again.n_features_in_ == fitted.n_features_in_


def test_inputs_are_only_read(make, images):
    """The arrays of the fixture are read-only; these are writable and compared."""
    X, y = images[0].copy(), images[1].copy()
    weights = np.linspace(0.5, 2.0, len(y))
    kept = [array.copy() for array in (X, y, weights)]
    make(class_weight="balanced").fit(X, y, sample_weight=weights).predict_proba(X)
    for array, copy in zip((X, y, weights), kept, strict=True):
        np.testing.assert_array_equal(array, copy)
        array.setflags(write=False)
    make(class_weight="balanced").fit(X, y, sample_weight=weights).predict_proba(X)


def test_rows_without_weight_are_left_out(make, images):
    X, y = images
    weights = np.where(np.arange(len(y)) % 4 == 0, 0.0, 1.0)
    kept = weights > 0
    weighted = make().fit(X, y, sample_weight=weights)
    assert_same(weighted, make().fit(X[kept], y[kept]), X, **CLOSE)
    spoilt = np.where(kept, y, (y + 1) % 3)
    assert_same(weighted, make().fit(X, spoilt, sample_weight=weights), X)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(120), "at least one non-zero"),
        (-np.ones(120), "[Nn]egative"),
        (np.ones(60), "sample_weight.shape"),
        (np.full(120, np.nan), "NaN"),
    ],
    ids=["zero", "negative", "short", "nan"],
)
def test_impossible_weights_are_refused(make, images, weights, message):
    with pytest.raises(ValueError, match=message):
        make().fit(*images, sample_weight=weights)


def test_a_failed_fit_leaves_the_last_one(make, images):
    X, y = images
    estimator = make().fit(X, y)
    before = answers(estimator, X)
    with pytest.raises(ValueError, match="one class"):
        estimator.fit(X, np.zeros(len(y)))
    for name, value in answers(estimator, X).items():
        np.testing.assert_array_equal(value, before[name])


def test_clones_and_pickles(fitted, images):
    X, y = images
    assert_same(fitted, clone(fitted).fit(X, y), X)
    assert_same(fitted, pickle.loads(pickle.dumps(fitted)), X)


def test_predicting_needs_a_fit(make, images):
    for method in ("predict", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(make(), method)(images[0])


# -- predict ------------------------------------------------------------------------------------------------


def test_one_row_and_any_order_answer_as_all_rows_do(fitted, images):
    X, _ = images
    whole = answers(fitted, X)
    order = np.random.default_rng(0).permutation(len(X))
    for rows in (order, order[:7], order[:1]):
        for name, value in answers(fitted, X[rows]).items():
            assert len(value) == len(rows)
            np.testing.assert_allclose(value, whole[name][rows], **CLOSE, err_msg=name)


def test_predicting_changes_nothing(fitted, images):
    X, _ = images
    before = [value.copy() for value in weight_arrays(fitted)]
    assert_same(fitted, fitted, X)
    for value, copy in zip(weight_arrays(fitted), before, strict=True):
        np.testing.assert_array_equal(value, copy)


# -- labels -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["U", "O", "bool", "float"])
def test_labels_come_back_as_they_went_in(make, images, kind):
    X, y = images
    labels = {
        "U": np.array(["dog", "cat", "eel"])[y],
        "O": np.array(["dog", "cat", "eel"], dtype=object)[y],
        "bool": y > 0,
        "float": y.astype(float) - 1,
    }[kind]
    estimator = make().fit(X, labels)
    np.testing.assert_array_equal(estimator.classes_, np.unique(labels))
    predicted = estimator.predict(X)
    assert predicted.dtype == labels.dtype
    assert set(predicted) <= set(labels)
    assert estimator.score(X, labels) == np.mean(predicted == labels)


def test_names_of_labels_change_nothing(fitted, make, images):
    X, y = images
    named = make().fit(X, np.array(["a", "b", "c"])[y])
    np.testing.assert_array_equal(named.predict_proba(X), fitted.predict_proba(X))


def test_two_classes(make, images):
    X, y = images
    estimator = make().fit(X, np.where(y == 1, "yes", "no"))
    assert estimator.predict_proba(X).shape == (len(X), 2)
    assert list(estimator.classes_) == ["no", "yes"]
    if hasattr(estimator, "decision_function"):
        assert estimator.decision_function(X).shape == (len(X),)


def test_a_class_may_be_missing_from_a_fold(make, images):
    X, y = images
    without, only = np.flatnonzero(y != 2), np.flatnonzero(y == 2)
    folds = [(without, only), (np.arange(len(y)), without)]
    with pytest.warns(RuntimeWarning, match="Number of classes"):
        found = cross_val_predict(make(), X, y, cv=folds, method="predict_proba")
    assert (found[y == 2, 2] == 0).all()
    assert (found[y != 2, 2] > 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("label_of", "message"),
    [
        (lambda y: np.zeros(len(y)), "one class only"),
        (lambda y: y[:-1], "inconsistent numbers of samples"),
        (lambda y: y + 0.25, "Unknown label type"),
        (lambda y: np.stack([y, y], axis=1), "label matrix"),
        (lambda y: np.where(y == 0, np.nan, y), "NaN"),
        (lambda y: None, "requires y to be passed"),
    ],
    ids=["one class", "short", "continuous", "two columns", "nan", "none"],
)
def test_bad_labels_are_refused(make, images, label_of, message):
    X, y = images
    with pytest.raises(ValueError, match=message):
        make().fit(X, label_of(y))


# -- images that are refused --------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_refused(make, fitted, images, value):
    X, y = images
    spoilt = X.astype("float32")
    spoilt[3, 2, 1, 0] = value
    with pytest.raises(ValueError, match="NaN" if np.isnan(value) else "infinity"):
        make().fit(spoilt, y)
    with pytest.raises(ValueError, match="NaN" if np.isnan(value) else "infinity"):
        fitted.predict(spoilt)


def test_other_channels_are_refused(make, fitted, images):
    X, y = images
    colour = np.repeat(X, 3, axis=3)
    with pytest.raises(ImageShapeError, match=r"\(8, 8, 3\).*\(8, 8, 1\)"):
        fitted.predict(colour)
    with pytest.raises(ImageShapeError, match="does not hold"):
        make(image_shape=(8, 8, 3)).fit(X, y)
    with pytest.raises(ImageShapeError, match="does not hold"):
        make(image_shape=(8, 8, 3)).fit(X.reshape(len(X), -1), y)


def test_other_sides_are_refused(fitted, images):
    X, _ = images
    for other in (X[:, :7], X[:, :, :7], X.reshape(len(X), 4, 16, 1), X.reshape(len(X), 4, 16)):
        with pytest.raises(ImageShapeError, match=r"takes images of shape \(8, 8, 1\)"):
            fitted.predict(other)
    with pytest.raises(ValueError, match="expecting 64 features"):
        fitted.predict(X.reshape(len(X), -1)[:, :-1])


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_first_is_refused(make, images, channels):
    X, y = images
    first = np.repeat(X, channels, axis=3).transpose(0, 3, 1, 2)
    with pytest.raises(ImageShapeError, match=r"channels first.*transpose\(0, 2, 3, 1\)"):
        make().fit(first, y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X[:0], "0 sample"),
        (lambda X: X[0, :, 0, 0], "1D array|1 dim"),
        (lambda X: X[:, None], "5 dimensions"),
        (lambda X: sparse.csr_array(X.reshape(len(X), -1)), "[Ss]parse"),
        (lambda X: X.astype(str), "convert|numeric"),
        (lambda X: [X[0].tolist(), X[1, :5].tolist()], "inhomogeneous"),
        (lambda X: X.astype(complex), "Complex"),
        (lambda X: X[:, :, :, :0], "0 feature"),
    ],
    ids=["empty", "1-D", "5-D", "sparse", "text", "ragged", "complex", "no channels"],
)
def test_what_is_no_images_is_refused(make, images, change, message):
    X, y = images
    X = change(X)
    n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
    with pytest.raises((ValueError, TypeError), match=message):
        make().fit(X, y[:n_rows])


# -- class weights of one-vs-rest ---------------------------------------------------------------------------


def test_numbers_weigh_both_classes_of_one_problem(images):
    X, y = images
    names = np.where(y == 1, "yes", "no")
    by_label = OneVsRestCNNClassifier(small(), class_weight={"no": 5.0, "yes": 2.0}).fit(X, names)
    one = small(class_weight={"no": 5.0, "yes": 2.0}).fit(X, names)
    np.testing.assert_array_equal(by_label.predict_proba(X), one.predict_proba(X))
    with pytest.raises(ValueError, match="share one task"):
        OneVsRestCNNClassifier(small(), class_weight={"no": "balanced"}).fit(X, names)

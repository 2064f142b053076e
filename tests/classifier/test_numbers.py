"""NaN, infinity, masked entries and unusual dtypes: refused with their place, and the last fit stays whole."""

from itertools import count

import h5py
import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, CNNFeatures, ImageSampler, OneVsRestCNNClassifier, TSNETransformer, ovr_report
from sk_cifar_ovr.datasets import LazyArray
from sk_cifar_ovr.exceptions import (
    InputTypeError,
    NonFiniteInputError,
    NonFiniteLossError,
    NonFiniteOutputError,
    PixelScaleError,
)

N, ROW = 24, 5
NUMBERS = count()
rng = np.random.default_rng(0)
IMAGES = rng.integers(0, 256, (N, 4, 4, 1)).astype("uint8")
LABELS = np.arange(N) % 3
MATRIX = (LABELS[:, None] == np.arange(3)).astype(float)
SETTINGS = {"model": dense, "recipe": None, "epochs": 1, "batch_size": 12, "random_state": 0, "precision": "float32"}


def classifier(**settings):
    return CNNClassifier(**{**SETTINGS, **settings})


def one_vs_rest(**settings):
    return OneVsRestCNNClassifier(classifier(), **settings)


def changed(values, value, dtype="float32", row=ROW):
    """A copy with one other value in one row."""
    copy = np.array(values, dtype)
    copy[(row, *[0] * (copy.ndim - 1))] = value
    return copy


def masked(values, row=ROW):
    """A copy with one masked entry in one row."""
    copy = np.ma.array(values, copy=True)
    copy[(row, *[0] * (copy.ndim - 1))] = np.ma.masked
    return copy


def lazy(values):
    """The same values as an array that is read on demand."""
    file = h5py.File(f"{next(NUMBERS)}.h5", "w", driver="core", backing_store=False)
    return LazyArray(file.create_dataset("images", data=values))


def state(estimator):
    """All fitted attributes of an estimator, to be compared."""
    found = {}
    for name, value in vars(estimator).items():
        if name.endswith("_") or name.startswith("_"):
            networks = value if isinstance(value, list) else [value]
            networks = [each for each in networks if hasattr(each, "state") or hasattr(each, "network_")]
            values = [array for each in networks for array in getattr(each, "network_", each).state]
            found[name] = [array.tobytes() for array in values] or repr(value)
    return found


ONE_OF = rf"1 of {N} \w+, the first at index {ROW}"
# Values, error and message. Every message has the number of rows and the first of them.
BAD_IMAGES = {
    "NaN": (changed(IMAGES, np.nan), NonFiniteInputError, f"X contains NaN in {ONE_OF}"),
    "infinity": (changed(IMAGES, -np.inf), NonFiniteInputError, f"X contains infinity in {ONE_OF}"),
    "float16 infinity": (changed(IMAGES, np.inf, "float16"), NonFiniteInputError, f"infinity in {ONE_OF}"),
    "too large": (changed(IMAGES, 1e39, "float64"), NonFiniteInputError, f"too large for float32 in {ONE_OF}"),
    "too small": (changed(IMAGES, -1e39, "float64"), NonFiniteInputError, f"too large for float32 in {ONE_OF}"),
    "long double": (changed(IMAGES, np.nan, "longdouble"), NonFiniteInputError, f"NaN in {ONE_OF}"),
    "objects": (changed(IMAGES, np.nan).astype(object), NonFiniteInputError, f"NaN in {ONE_OF}"),
    "frame": (pd.DataFrame(changed(IMAGES, np.nan).reshape(N, 16)), NonFiniteInputError, f"NaN in {ONE_OF}"),
    "lazy NaN": (lazy(changed(IMAGES, np.nan)), NonFiniteInputError, f"X contains NaN in {ONE_OF}"),
    "lazy infinity": (lazy(changed(IMAGES, np.inf)), NonFiniteInputError, f"X contains infinity in {ONE_OF}"),
    "lazy too large": (
        lazy(changed(IMAGES, 1e39, "float64")),
        NonFiniteInputError,
        f"too large for float32 in {ONE_OF}",
    ),
    "masked": (masked(IMAGES), InputTypeError, f"X is a masked array with 1 masked of {N * 16} values, in {ONE_OF}"),
    "above white": (changed(IMAGES, 300, "int64"), PixelScaleError, "integers up to 300, and white is 255"),
    "far above white": (changed(IMAGES, 2**62, "int64"), PixelScaleError, "integers up to 4611686018427387904"),
    "lazy above white": (lazy(changed(IMAGES, 300, "int64")), PixelScaleError, "integers up to 300"),
    "complex": (IMAGES.astype(complex), ValueError, "Complex data not supported"),
}
BAD_LABELS = {
    "NaN": (changed(LABELS, np.nan), NonFiniteInputError, f"NaN: 1 of its {N} labels is not known.* index {ROW}"),
    "infinity": (changed(LABELS, np.inf), NonFiniteInputError, f"y contains infinity in {ONE_OF}"),
    "None": ([None if i == ROW else 1 for i in range(N)], ValueError, f"index {ROW}"),
    "masked": (masked(LABELS), InputTypeError, f"masked entries: 1 of its {N} labels is not known.* index {ROW}"),
    "fractions": (changed(LABELS, 0.5), ValueError, "continuous"),
    "complex": (LABELS.astype(complex), ValueError, "Complex data not supported"),
}
BAD_MATRICES = {
    "infinity": (changed(MATRIX, np.inf), ValueError, f"inf in row {ROW} of column 0"),
    "two": (changed(MATRIX, 2, "int64"), ValueError, f"2 in row {ROW} of column 0"),
    "300": (changed(MATRIX, 300, "int64"), ValueError, f"300 in row {ROW} of column 0"),
    "negative": (changed(MATRIX, -1, "int8"), ValueError, f"-1 in row {ROW} of column 0"),
}
BAD_WEIGHTS = {
    "NaN": (changed(np.ones(N), np.nan), NonFiniteInputError, f"sample_weight contains NaN in {ONE_OF}"),
    "infinity": (changed(np.ones(N), np.inf), NonFiniteInputError, f"sample_weight contains infinity in {ONE_OF}"),
    "too large": (changed(np.ones(N), 1e300, "float64"), NonFiniteInputError, f"too large for float32 in {ONE_OF}"),
    "negative": (changed(np.ones(N), -1), ValueError, f"Negative values.*: 1 of {N}, the first at index {ROW}"),
    "masked": (masked(np.ones(N)), InputTypeError, f"sample_weight is a masked array .* in {ONE_OF}"),
    "None": ([None if i == ROW else 1.0 for i in range(N)], NonFiniteInputError, f"NaN in {ONE_OF}"),
    "zero": (np.zeros(N), ValueError, "at least one non-zero"),
    "a NaN": (np.nan, NonFiniteInputError, "NaN"),
}
BAD_GROUPS = {
    "NaN": (changed(LABELS, np.nan), ValueError, f"1 missing values, the first for image {ROW}"),
    "masked": (masked(LABELS), ValueError, f"1 missing values, the first for image {ROW}"),
}
BAD_CLASS_WEIGHTS = {
    "NaN": ({0: 1, 1: np.nan, 2: 1}, ValueError, "that of class 1 is nan"),
    "infinity": ({0: 1, 1: 1, 2: np.inf}, ValueError, "that of class 2 is inf"),
    "too large": ({0: 1, 1: 1, 2: 1e300}, ValueError, r"that of class 2 is 1e\+300"),
    "negative": ({0: -1, 1: 1, 2: 1}, ValueError, "that of class 0 is -1"),
}


def cases(table):
    return pytest.mark.parametrize(("given", "error", "match"), table.values(), ids=table.keys())


@pytest.fixture(scope="module")
def fitted():
    """Fitted estimators; the tests check that they stay as they are."""
    estimators = {"classifier": classifier().fit(IMAGES, LABELS), "one-vs-rest": one_vs_rest().fit(IMAGES, LABELS)}
    estimators["several labels"] = one_vs_rest().fit(IMAGES, MATRIX)
    estimators["features"] = CNNFeatures(classifier()).fit(IMAGES, LABELS)
    return estimators


def predictions(estimator):
    return estimator.transform(IMAGES) if hasattr(estimator, "transform") else estimator.predict_proba(IMAGES)


def assert_refused(estimator, call, error, match):
    """A call fails with this error, and leaves the estimator and its predictions as they were."""
    before, predicted = state(estimator), predictions(estimator)
    with pytest.raises(error, match=match):
        call()
    assert state(estimator) == before
    np.testing.assert_array_equal(predictions(estimator), predicted)


@cases(BAD_IMAGES)
@pytest.mark.parametrize("name", ["classifier", "one-vs-rest", "features"])
def test_images(fitted, name, given, error, match):
    estimator = fitted[name]
    predict = estimator.transform if name == "features" else estimator.predict
    for call in (lambda: estimator.fit(given, LABELS), lambda: predict(given)):
        assert_refused(estimator, call, error, match)
    if name != "features":
        assert_refused(estimator, lambda: estimator.partial_fit(given, LABELS), error, match)


@cases(BAD_LABELS)
@pytest.mark.parametrize("name", ["classifier", "one-vs-rest", "features"])
def test_labels(fitted, name, given, error, match):
    estimator = fitted[name]
    assert_refused(estimator, lambda: estimator.fit(IMAGES, given), error, match)
    if name != "features":
        assert_refused(estimator, lambda: estimator.partial_fit(IMAGES, given), error, match)


@cases(BAD_MATRICES)
def test_label_matrices(fitted, given, error, match):
    estimator = fitted["several labels"]
    assert_refused(estimator, lambda: estimator.fit(IMAGES, given), error, match)
    assert_refused(estimator, lambda: estimator.partial_fit(IMAGES, given), error, match)


@cases(BAD_WEIGHTS)
@pytest.mark.parametrize("name", ["classifier", "one-vs-rest", "features"])
def test_sample_weights(fitted, name, given, error, match):
    estimator = fitted[name]
    assert_refused(estimator, lambda: estimator.fit(IMAGES, LABELS, given), error, match)
    if name != "features":
        assert_refused(estimator, lambda: estimator.partial_fit(IMAGES, LABELS, sample_weight=given), error, match)


@cases(BAD_GROUPS)
@pytest.mark.parametrize("name", ["classifier", "one-vs-rest"])
def test_groups(fitted, name, given, error, match):
    estimator = fitted[name]
    assert_refused(estimator, lambda: estimator.fit(IMAGES, LABELS, groups=given), error, match)


@cases(BAD_CLASS_WEIGHTS)
def test_class_weights(fitted, given, error, match):
    with pytest.raises(error, match=match):
        classifier(class_weight=given).fit(IMAGES, LABELS)
    for_tasks = {0: 1, 1: next(value for value in given.values() if value != 1)}
    with pytest.raises(error, match="that of class 1 is"):
        one_vs_rest(class_weight=for_tasks).fit(IMAGES, LABELS)


@pytest.mark.parametrize("given", [IMAGES.astype("float16"), IMAGES.astype("int64"), np.ma.array(IMAGES)])
def test_dtypes_whose_values_are_the_same_give_the_same_network(fitted, given):
    np.testing.assert_array_equal(
        classifier().fit(given, LABELS).predict_proba(given), predictions(fitted["classifier"])
    )


@pytest.mark.parametrize("change", [lambda y: y - 1, lambda y: y * 300, lambda y: y.astype("float16"), np.ma.array])
def test_any_finite_labels_are_classes(fitted, change):
    clf = classifier().fit(IMAGES, change(LABELS))
    np.testing.assert_array_equal(clf.classes_, np.unique(change(LABELS)))
    np.testing.assert_array_equal(clf.predict_proba(IMAGES), predictions(fitted["classifier"]))


@pytest.mark.parametrize("unknown", [changed(MATRIX, np.nan), changed(MATRIX, np.nan, "float16"), masked(MATRIX)])
def test_nan_and_masked_entries_of_a_label_matrix_are_not_known(unknown):
    without = np.delete(np.arange(N), ROW)
    ovr = one_vs_rest(strategy="independent").fit(IMAGES, unknown)
    assert ovr.estimators_[0].n_iter_ == 1
    alone = one_vs_rest(strategy="independent").fit(IMAGES[without], MATRIX[without])
    np.testing.assert_array_equal(ovr.predict_proba(IMAGES)[:, 0], alone.predict_proba(IMAGES)[:, 0])


@pytest.mark.parametrize("rate", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["classifier", "one-vs-rest"])
def test_learning_rates(fitted, name, rate):
    estimator = fitted[name]
    inner = estimator if name == "classifier" else estimator.estimator
    inner.set_params(optimizer="sgd", optimizer__learning_rate=rate)
    try:
        assert_refused(estimator, lambda: estimator.fit(IMAGES, LABELS), NonFiniteLossError, "learning_rate")
        inner.set_params(warm_start=True)
        assert_refused(estimator, lambda: estimator.fit(IMAGES, LABELS), NonFiniteLossError, "learning_rate")
        assert_refused(estimator, lambda: estimator.partial_fit(IMAGES, LABELS), NonFiniteLossError, "learning_rate")
    finally:
        inner.set_params(optimizer="adam", optimizer__learning_rate=1e-3, warm_start=False)


def relu(meta):
    """A network whose activations have no upper bound."""
    import keras

    pixels = keras.Input(meta["image_shape_"])
    x = keras.layers.Dense(8, activation="relu")(keras.layers.Flatten()(pixels))
    return keras.Model(pixels, keras.layers.Dense(meta["n_classes_"], activation="softmax")(x))


@pytest.mark.filterwarnings("ignore:.*X holds values up to:sk_cifar_ovr.exceptions.PixelScaleWarning")
def test_predictions_that_are_not_finite_are_an_error():
    bright = changed(IMAGES, 3e38)
    bright[ROW] = 3e38
    clf = classifier(model=relu).fit(IMAGES.astype("float32"), LABELS)
    with pytest.raises(NonFiniteOutputError, match=f"1 of {N} images, the first at index {ROW}"):
        clf.predict(bright)


def test_image_sampler():
    sampler = ImageSampler(RandomOverSampler(random_state=0))
    sampler.fit_resample(IMAGES, LABELS)
    before = repr(vars(sampler))
    for given, error, match in BAD_IMAGES.values():
        if error is not PixelScaleError:
            with pytest.raises(error, match=match):
                sampler.fit_resample(given, LABELS)
    for given, error, match in BAD_LABELS.values():
        with pytest.raises(error, match=match):
            sampler.fit_resample(IMAGES, given)
    sampler.sampler = SMOTE()
    with pytest.raises(ValueError, match="nearest neighbours"):
        sampler.fit_resample(IMAGES[:, :2], np.arange(N) < 3)
    sampler.sampler = RandomOverSampler(random_state=0)
    assert repr(vars(sampler)) == before


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        (changed(IMAGES.reshape(N, 16), np.nan), NonFiniteInputError, "X contains NaN in 1 of 24 samples.* index 5"),
        (changed(IMAGES.reshape(N, 16), np.inf), NonFiniteInputError, "X contains infinity in 1 of 24 samples"),
        (masked(IMAGES.reshape(N, 16)), InputTypeError, "X is a masked array .* in 1 of 24 rows"),
    ],
)
def test_tsne(given, error, match):
    tsne = TSNETransformer(perplexity=3, max_iter=10, random_state=0).fit(IMAGES.reshape(N, 16))
    before = {name: np.copy(value) for name, value in vars(tsne).items() if isinstance(value, np.ndarray)}
    for call in (tsne.fit, tsne.transform):
        with pytest.raises(error, match=match):
            call(given)
    with pytest.raises(ValueError, match="perplexity"):
        tsne.fit(IMAGES[:4].reshape(4, 16)[:, :3])
    assert tsne.n_features_in_ == 16
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(tsne, name), value)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"y_true": changed(LABELS, np.nan)}, NonFiniteInputError, "index 5"),
        ({"y_true": masked(LABELS)}, InputTypeError, "index 5"),
        ({"probabilities": changed(MATRIX, np.nan)}, NonFiniteInputError, "probabilities contains NaN in 1 of 24 rows"),
        ({"probabilities": changed(MATRIX, np.inf)}, NonFiniteInputError, "infinity in 1 of 24 rows"),
        ({"probabilities": changed(MATRIX, -0.5)}, ValueError, "outside 0-1"),
        ({"probabilities": masked(MATRIX)}, InputTypeError, "probabilities is a masked array"),
        ({"predicted": changed(MATRIX, np.nan)}, NonFiniteInputError, "predicted contains NaN in 1 of 24 rows"),
        ({"predicted": masked(MATRIX)}, InputTypeError, "predicted is a masked array"),
    ],
)
def test_report(arguments, error, match):
    with pytest.raises(error, match=match):
        ovr_report(**{"y_true": LABELS, "predicted": MATRIX.astype(bool), **arguments})


@pytest.mark.parametrize(
    "threshold", [np.nan, [0.5, np.nan, 0.5], {0: np.nan}, {"precision": np.nan}, {"recall": np.inf}, -1.0, np.inf]
)
def test_thresholds(fitted, threshold):
    estimator = fitted["one-vs-rest"]
    estimator.set_params(threshold=threshold)
    assert_refused(estimator, lambda: estimator.fit(IMAGES, LABELS), ValueError, "threshold")
    estimator.set_params(threshold=None)

"""Samplers on images of any dtype, shape and values."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import ClusterCentroids, NearMiss, RandomUnderSampler, TomekLinks
from properties import reproducible

from sk_cifar_ovr import ImageSampler
from sk_cifar_ovr.exceptions import ResamplingError
from sk_cifar_ovr.imbalance import check_enough_images, selected_indices, selects_samples

DTYPES = ["bool", "uint8", "int8", "uint16", "int32", "int64", "float16", "float32", "float64"]
# float64 holds every integer up to here.
LARGEST = 2**53


def pixels(dtype):
    if dtype == "bool":
        return st.booleans()
    if dtype.startswith("float"):
        return st.floats(-1000, 1000, width=int(dtype[5:]))
    info = np.iinfo(dtype)
    return st.integers(max(info.min, -LARGEST), min(info.max, LARGEST))


@st.composite
def images(draw, dtypes=DTYPES):
    """Images of any shape with labels of two or three classes, three to eight images each."""
    dtype = draw(st.sampled_from(dtypes))
    shape = draw(st.sampled_from([(2, 3, 1), (2, 2, 3), (3, 2), (5,)]))
    y = np.repeat(*draw(st.sampled_from([([0, 1], [8, 3]), ([0, 1, 2], [3, 7, 4]), ([5, 9], [3, 3])])))
    y = y[draw(st.permutations(range(len(y))))]
    return draw(arrays(dtype, (len(y), *shape), elements=pixels(dtype))), y


pickers = st.sampled_from(
    [
        RandomOverSampler(random_state=0),
        RandomUnderSampler(random_state=1),
        RandomUnderSampler(random_state=0, replacement=True),
        TomekLinks(),
        NearMiss(),
    ]
)


@reproducible(50)
@given(case=images(), picker=pickers)
def test_picked_images_are_given_ones_bit_for_bit(case, picker):
    X, y = case
    before = X.copy(), y.copy()
    sampler = ImageSampler(picker)
    picked, labels = sampler.fit_resample(X, y)
    rows = sampler.sample_indices_
    assert picked.dtype == X.dtype
    assert picked.tobytes() == X[rows].tobytes()
    assert picked.shape == (len(rows), *X.shape[1:])
    np.testing.assert_array_equal(labels, y[rows])
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])
    if isinstance(picker, RandomOverSampler):
        assert len(set(np.unique(labels, return_counts=True)[1])) == 1
        assert set(rows) == set(range(len(X)))


@reproducible(40)
@given(case=images(["uint8", "float32"]), picker=pickers, data=st.data())
def test_among_some_images_those_alone_are_picked(case, picker, data):
    X, y = case
    among = np.flatnonzero(data.draw(arrays(bool, len(y), elements=st.booleans())))
    among = np.union1d(among, [np.flatnonzero(y == label)[k] for label in np.unique(y) for k in range(3)])
    # Labels alone decide for the random ones; the rest take images of these indices.
    picked = selected_indices(picker, X, y, among)
    assert set(picked) <= set(among)
    by_hand = selected_indices(picker, X[among], y[among])
    np.testing.assert_array_equal(picked, among[by_hand])


@reproducible(40)
@given(case=images([dtype for dtype in DTYPES if dtype != "int64"]), k_neighbors=st.integers(1, 2))
def test_pixels_of_smote_lie_between_two_images_of_the_class(case, k_neighbors):
    X, y = case
    with warnings.catch_warnings(action="error"):
        made, labels = ImageSampler(SMOTE(k_neighbors=k_neighbors, random_state=0)).fit_resample(X, y)
    assert made.dtype == X.dtype
    assert made.shape[1:] == X.shape[1:]
    np.testing.assert_array_equal(made[: len(X)], X)
    slack = 0 if X.dtype.kind in "biu" else np.finfo(X.dtype).eps * 2000
    for image, label in zip(made[len(X) :].astype(float), labels[len(X) :], strict=True):
        of_class = X[y == label].astype(float)
        pairs = [
            (np.minimum(a, b) - slack <= image).all() and (image <= np.maximum(a, b) + slack).all()
            for a in of_class
            for b in of_class
        ]
        assert any(pairs)


makers = st.sampled_from(
    [
        SMOTE(k_neighbors=2, random_state=0),
        RandomOverSampler(shrinkage=20.0, random_state=0),
        ClusterCentroids(random_state=0),
    ]
)


@reproducible(40)
@given(case=images(), maker=makers)
def test_made_images_have_the_dtype_and_stay_in_its_range(case, maker):
    X, y = case
    with warnings.catch_warnings():
        # Clusters of equal images.
        warnings.simplefilter("ignore")
        made, labels = ImageSampler(maker).fit_resample(X, y)
        floats, expected = maker.fit_resample(X.reshape(len(X), -1).astype(np.result_type(X.dtype, "float32")), y)
    assert made.dtype == X.dtype
    assert made.shape == (len(labels), *X.shape[1:])
    np.testing.assert_array_equal(labels, expected)
    if X.dtype.kind == "f":
        np.testing.assert_array_equal(made.reshape(floats.shape), floats.astype(X.dtype))
    else:
        low, high = (0, 1) if X.dtype == bool else (np.iinfo(X.dtype).min, np.iinfo(X.dtype).max)
        # A wrapped pixel would be far from the float.
        away = np.abs(made.reshape(floats.shape).astype(float) - np.clip(floats, low, high))
        assert away.max(initial=0) <= 0.5 or X.dtype == np.int64


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "bool"])
def test_noise_reaches_both_ends_of_the_range_and_no_further(dtype):
    low, high = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    X = np.array([[low, high]] * 12 + [[high, low]] * 12, dtype)
    y = np.repeat([0, 1, 0, 1], [9, 3, 9, 3])
    made, _ = ImageSampler(RandomOverSampler(shrinkage=5.0, random_state=0)).fit_resample(X, y)
    new = made[len(X) :]
    assert len(new) == 12
    assert (new == low).any()
    assert (new == high).any()


@reproducible(60)
@given(counts=st.lists(st.integers(1, 9), min_size=2, max_size=4), neighbors=st.integers(1, 8))
def test_a_class_needs_one_image_more_than_neighbours(counts, neighbors):
    y = np.repeat(np.arange(len(counts)), counts)
    lacking = [count for count in counts if count < max(counts) and count <= neighbors]
    if len(set(counts)) == 1 or not lacking:
        check_enough_images(SMOTE(k_neighbors=neighbors), y)
        return
    with pytest.raises(ResamplingError, match=f"{neighbors} nearest neighbours") as caught:
        check_enough_images(SMOTE(k_neighbors=neighbors), y)
    assert any(f"has {count} image" in str(caught.value) for count in lacking)


def test_which_samplers_select():
    assert all(selects_samples(sampler) for sampler in (TomekLinks(), NearMiss(), RandomOverSampler()))
    assert not any(selects_samples(sampler) for sampler in (SMOTE(), RandomOverSampler(shrinkage=0.5), object()))

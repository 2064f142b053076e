"""Images that are read on demand: the same networks and predictions as from memory, bit for bit."""

import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline as sampling_pipeline
from imblearn.under_sampling import RandomUnderSampler, TomekLinks
from lazy_sources import Rows, reading_threads
from PIL import Image
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_predict, train_test_split
from sklearn.pipeline import make_pipeline
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, CNNFeatures, ImageSampler, OneVsRestCNNClassifier, load_image_folder
from sk_cifar_ovr._shared.lazy_arrays import LazyArray
from sk_cifar_ovr.exceptions import ImageShapeError, PixelScaleWarning

FAST = {"model": dense, "epochs": 2, "batch_size": 16, "random_state": 0, "loss": "crossentropy"}
N = 90


@pytest.fixture(scope="module")
def images(digits):
    """90 digits of three kinds, 8x8x1 uint8."""
    X, y = digits
    return X[:N], y[:N] % 3


def in_hdf5(X, folder):
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "images.h5", "w") as file:
        file.create_dataset("images", data=X, chunks=(16, *X.shape[1:]))
    return h5py.File(folder / "images.h5", "r")["images"]


def in_zarr(X, folder):
    array = pytest.importorskip("zarr").create_array(
        str(folder / "images.zarr"), shape=X.shape, chunks=(16, *X.shape[1:]), dtype=X.dtype
    )
    array[:] = X
    return array


def in_dask(X, folder):
    return pytest.importorskip("dask.array").from_array(X, chunks=(16, *X.shape[1:]))


SOURCES = {
    "rows": lambda X, folder: Rows(X),
    "view": lambda X, folder: LazyArray(Rows(X[::-1]))[::-1],
    "h5py": in_hdf5,
    "zarr": in_zarr,
    "dask": in_dask,
}


def one(**settings):
    return CNNClassifier(**{**FAST, **settings})


def ovr(strategy, inner=None, **settings):
    return OneVsRestCNNClassifier(one(**inner or {}), strategy=strategy, **settings)


def joint(inner=None, **settings):
    return ovr("joint", inner, **settings)


def independent(inner=None, **settings):
    return ovr("independent", inner, **settings)


def state(estimator):
    return [v for each in getattr(estimator, "estimators_", [estimator]) for v in each.network_.state]


def assert_equal(lazy, in_memory, X_lazy, X):
    for a, b in zip(state(lazy), state(in_memory), strict=True):
        np.testing.assert_array_equal(a, b)
    assert lazy.history_ == in_memory.history_
    np.testing.assert_array_equal(lazy.predict_proba(X_lazy), in_memory.predict_proba(X))


# -- the same as in memory ----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("make", [one, joint, independent])
def test_every_kind_of_source(images, tmp_path, source, make):
    X, y = images
    lazy = SOURCES[source](X, tmp_path)
    assert_equal(make().fit(lazy, y), make().fit(X, y), lazy, X)


CASES = {
    "validation": lambda: one(validation_fraction=0.2),
    "early stopping": lambda: one(early_stopping=True, epochs=4, n_iter_no_change=1, optimizer__learning_rate=0.1),
    "head epochs": lambda: one(head_epochs=2),
    "balanced batches": lambda: one(balanced_batches=True),
    "averaged weights": lambda: one(optimizer__use_ema=True),
    "built-in network": lambda: one(
        model="cifar_cnn", model__filters=(4, 4, 4), recipe="strong", precision="float32", epochs=1
    ),
    "views at test time": lambda: one(test_flip=True, test_shift=1),
    "thresholds": lambda: joint(threshold="f1", cv=2),
    "thresholds, independent": lambda: independent(threshold="f1", cv=2),
    "calibration": lambda: joint(calibration="sigmoid", cv=2),
    "selecting sampler, joint": lambda: joint(sampler=RandomUnderSampler(random_state=0)),
    "selecting sampler, independent": lambda: independent(sampler=RandomOverSampler(random_state=0)),
    "sampler that looks at pixels": lambda: joint(sampler=TomekLinks()),
    "generating sampler": lambda: independent(
        {"validation_fraction": 0.3}, sampler=SMOTE(k_neighbors=2, random_state=0)
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_way_to_train(images, case):
    X, y = images
    lazy = Rows(X)
    first, second = CASES[case]().fit(lazy, y), CASES[case]().fit(X, y)
    assert_equal(first, second, lazy, X)
    if hasattr(first, "thresholds_"):
        np.testing.assert_array_equal(first.thresholds_, second.thresholds_)


def test_a_generating_sampler_with_sample_weights(images):
    X, y = images
    weights = np.linspace(1, 2, N)
    sampler = SMOTE(k_neighbors=2, random_state=0)
    first, second = (independent(sampler=sampler).fit(each, y, weights) for each in (Rows(X), X))
    assert_equal(first, second, Rows(X), X)


@pytest.mark.parametrize("make", [joint, independent])
def test_several_labels_an_image(images, make):
    X, y = images
    Y = np.stack([y == 0, y > 0, y < 2], axis=1).astype(float)
    Y[5:9, 1] = np.nan
    first, second = (make(threshold="f1", cv=2).fit(each, Y) for each in (Rows(X), X))
    assert_equal(first, second, Rows(X), X)
    np.testing.assert_array_equal(first.thresholds_, second.thresholds_)


@pytest.mark.parametrize("make", [one, joint])
def test_partial_fit_continues(images, make):
    X, y = images
    first, second = make(), make()
    for half in (slice(40), slice(40, None)):
        first.partial_fit(Rows(X[half]), y[half], classes=[0, 1, 2])
        second.partial_fit(X[half], y[half], classes=[0, 1, 2])
    assert_equal(first, second, Rows(X), X)


def test_a_feature_cache_serves_both(images, tmp_path):
    X, y = images
    settings = {"head_epochs": 1, "feature_cache": tmp_path}
    in_memory = one(**settings).fit(X, y)
    (file,) = tmp_path.iterdir()
    lazy = one(**settings).fit(Rows(X), y)
    assert list(tmp_path.iterdir()) == [file]
    assert_equal(lazy, in_memory, Rows(X), X)


def test_flat_rows_and_grey_images(images):
    X, y = images
    flat, grey = X.reshape(N, 64), X[..., 0]
    for each in (flat, grey):
        first, second = (one(image_shape=(8, 8, 1)).fit(source, y) for source in (Rows(each), each))
        assert_equal(first, second, Rows(each), each)
        assert first.n_features_in_ == 64


def test_features(images):
    X, y = images
    first, second = (CNNFeatures(one()).fit(each, y) for each in (Rows(X), X))
    np.testing.assert_array_equal(first.transform(Rows(X)), second.transform(X))
    fitted = independent().fit(X, y)
    features = CNNFeatures(FrozenEstimator(fitted), concatenate=True)
    source = Rows(X)
    expected = features.fit(X).transform(X)
    np.testing.assert_array_equal(features.fit(source).transform(source), expected)
    assert sum(source.asked) == N, "the images are read once for all networks"


def test_scikit_learns_tools_select_from_a_view(images):
    X, y = images
    lazy = LazyArray(Rows(X))
    for a, b in zip(train_test_split(lazy, random_state=0), train_test_split(X, random_state=0), strict=True):
        assert isinstance(a, LazyArray)
        np.testing.assert_array_equal(a, b)
    pipeline = make_pipeline(CNNFeatures(one()), one(model=dense, loss="focal"))
    np.testing.assert_array_equal(
        *(cross_val_predict(pipeline, each, y, cv=2, method="predict_proba") for each in (lazy, X))
    )
    sampled = sampling_pipeline(ImageSampler(RandomOverSampler(random_state=0)), one())
    np.testing.assert_array_equal(*(sampled.fit(each, y).predict_proba(each) for each in (lazy, X)))


def test_a_search_in_two_processes(images, tmp_path):
    X, y = images
    lazy = LazyArray(in_hdf5(X, tmp_path))
    found = [
        GridSearchCV(one(epochs=1), {"optimizer__learning_rate": [1e-3, 1e-2]}, cv=2, n_jobs=n).fit(each, y)
        for each, n in ((lazy, 2), (X, None))
    ]
    np.testing.assert_array_equal(*(search.cv_results_["mean_test_score"] for search in found))
    assert_equal(*(search.best_estimator_ for search in found), lazy, X)


def test_separate_networks_in_two_processes(images, tmp_path):
    X, y = images
    assert_equal(independent(n_jobs=2).fit(in_hdf5(X, tmp_path), y), independent().fit(X, y), Rows(X), X)


# -- what is read -------------------------------------------------------------------------------------------


def test_a_fit_reads_each_batch_once_and_nothing_whole(images):
    X, y = images
    source = Rows(X)
    clf = one().fit(source, y)
    assert len(source.asked) == 2 * 6 + 1, "two epochs of six batches, and a check of the last step"
    assert max(source.asked) <= 16
    source.asked.clear()
    clf.predict(source)
    assert sum(source.asked) == N


def test_floats_are_read_once_more_for_their_range(images):
    X, y = images
    scaled = Rows(X.astype("float32") / 255)
    with pytest.warns(PixelScaleWarning, match=r"floats from 0 to 1, which were taken as pixels scaled to 0-1"):
        lazy = one(model="cifar_cnn", model__filters=(4, 4, 4)).fit(scaled, y)
    assert sum(scaled.asked[:1]) == N
    assert lazy.pixel_scale_ == 255
    with pytest.warns(PixelScaleWarning, match="values up to"):
        lazy.predict(Rows(X))
    scaled.asked.clear()
    features = CNNFeatures(FrozenEstimator(lazy)).fit(scaled)
    assert sum(scaled.asked) == N
    np.testing.assert_array_equal(features.transform(scaled), features.transform(X.astype("float32") / 255))
    with pytest.warns(PixelScaleWarning, match="negative values"):
        one(model="cifar_cnn", model__filters=(4, 4, 4), epochs=1).fit(Rows(X.astype("int16") - 100), y)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(images, value):
    X, y = images
    X = X.astype("float32")
    X[77, 3, 2, 0] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="Input X contains"):
            one().fit(Rows(X), y)


def test_samplers_that_look_at_labels_read_no_image(images):
    X, y = images
    for sampler in (RandomOverSampler(random_state=0), RandomUnderSampler(random_state=0)):
        source = Rows(X)
        selected, labels = ImageSampler(sampler).fit_resample(source, y)
        assert source.asked == []
        expected, expected_labels = ImageSampler(sampler).fit_resample(X, y)
        np.testing.assert_array_equal(selected, expected)
        np.testing.assert_array_equal(labels, expected_labels)
    sampler = ImageSampler(SMOTE(k_neighbors=2, random_state=0))
    np.testing.assert_array_equal(*(sampler.fit_resample(each, y)[0] for each in (Rows(X), X)))


# -- what is refused, and what fails in between -------------------------------------------------------------


def test_images_that_no_network_takes(images):
    X, y = images
    with pytest.raises(ValueError, match="dtype"):
        one().fit(Rows(X.astype("S3")), y)
    with pytest.raises(ValueError, match="Complex|dtype complex"):
        one().fit(Rows(X.astype("complex64")), y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        one().fit(Rows(X), y[:-1])
    with pytest.raises(ValueError, match="Expected 2D array"):
        one().fit(Rows(X[:, 0, 0, 0]), y)
    with pytest.raises(ValueError, match="0 sample"):
        one().fit(Rows(X[:0]), y[:0])
    with pytest.raises(ImageShapeError, match="channels first"):
        one().fit(Rows(np.zeros((N, 3, 8, 8), "uint8")), y)
    fitted = one().fit(Rows(X), y)
    with pytest.raises(ImageShapeError, match="takes images of shape"):
        fitted.predict(Rows(X[:, :4]))


def test_a_dask_array_of_unknown_length(images):
    X, y = images
    dask = pytest.importorskip("dask.array").from_array(X, chunks=(16, 8, 8, 1))
    with pytest.raises(ValueError, match=r"compute_chunk_sizes\(\)"):
        one().fit(dask[dask[:, 0, 0, 0] < 256], y)


@pytest.mark.parametrize("wrap", [lambda X: X, LazyArray], ids=["dataset", "view"])
def test_a_closed_hdf5_file(images, tmp_path, wrap):
    X, y = images
    lazy = wrap(in_hdf5(X, tmp_path))
    fitted = one(epochs=1).fit(lazy, y)
    getattr(lazy, "source", lazy).file.close()
    for use in (lambda: one().fit(lazy, y), lambda: joint().fit(lazy, y), lambda: fitted.predict(lazy)):
        with pytest.raises(ValueError, match="file of this dataset was closed"):
            use()


@pytest.mark.parametrize("error", [FileNotFoundError("image 7 is gone"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("make", [one, joint, independent])
def test_an_error_in_the_middle_keeps_the_last_fit(images, error, make):
    X, y = images
    clf = make().fit(X, y)
    before, features = state(clf), clf.n_features_in_

    def fail(n):
        if n == 5:
            raise error

    with pytest.raises(type(error), match=str(error) or None):
        clf.fit(Rows(X[:, :6], fail), y)
    assert reading_threads() == []
    assert clf.n_features_in_ == features
    for a, b in zip(state(clf), before, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(clf.predict_proba(X), make().fit(X, y).predict_proba(X))


def test_a_first_fit_that_fails_leaves_nothing(images):
    X, y = images

    def fail(n):
        raise OSError("disk")

    clf = one()
    with pytest.raises(OSError, match="disk"):
        clf.fit(Rows(X, fail), y)
    assert not hasattr(clf, "image_reading_")
    with pytest.raises(NotFittedError):
        clf.predict(X)


def test_a_callback_that_stops_the_fit_ends_the_thread(images):
    X, y = images

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one(callbacks=[Interrupt()]).fit(Rows(X), y)
    assert reading_threads() == []


# -- how images were brought in -----------------------------------------------------------------------------


def test_image_reading_is_that_of_the_last_fit(images):
    X, y = images
    source = Rows(X)
    source.reading = {"image_size": [8, 8], "fit": "crop", "sixteen_bit": "refuse"}
    for clf in (one(), joint()):
        assert clf.fit(LazyArray(source)[:60], y[:60]).image_reading_ == source.reading
        with pytest.raises(ValueError, match="inconsistent"):
            clf.fit(X, y[:-1])
        assert clf.image_reading_ == source.reading
        clf.predict(X)
        assert clf.image_reading_ == source.reading
        assert clf.fit(X, y).image_reading_ is None


def test_image_files(images, tmp_path):
    X, y = images
    for i, (image, label) in enumerate(zip(X, y, strict=True)):
        folder = tmp_path / f"class {label}"
        folder.mkdir(exist_ok=True)
        Image.fromarray(np.repeat(image, 3, axis=2)).resize((12, 12)).save(folder / f"{i}.jpg")
    lazy, loaded = (
        load_image_folder(tmp_path, image_size=(10, 8), lazy=on_demand, verbose=0) for on_demand in (True, False)
    )
    assert not isinstance(lazy.images, np.ndarray)
    for make in (one, joint):
        first, second = make().fit(lazy.images, lazy.target), make().fit(loaded.images, loaded.target)
        assert_equal(first, second, lazy.images, loaded.images)
        assert first.image_reading_ == lazy.reading
    sampler = ImageSampler(RandomOverSampler(random_state=0))
    selected, _ = sampler.fit_resample(lazy.images, lazy.target)
    assert type(selected) is type(lazy.images)
    np.testing.assert_array_equal(selected, sampler.fit_resample(loaded.images, loaded.target)[0])


# -- memory -------------------------------------------------------------------------------------------------

MEMORY = """
import resource
import sys
import numpy as np
from lazy_sources import Computed
from small_networks import pooled
from sk_cifar_ovr import CNNClassifier

def peak(n):
    images = Computed(n, (512, 512, 3))
    clf = CNNClassifier(pooled, epochs=1, batch_size=32, random_state=0).fit(images, np.arange(n) % 2)
    assert clf.predict(images).shape == (n,)
    # Kilobytes; bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "linux" else 1024)

few = peak(256)
print((peak(1024) - few) / 1024)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no ru_maxrss")
def test_many_images_take_no_more_memory_than_few():
    tests = Path(__file__).parents[1]
    run = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, cwd=tests, check=False)
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) < 200, "megabytes; the images would take 576"

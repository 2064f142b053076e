"""Images and labels as people have them: collections of images are stacked, anything else is named with a remedy."""

import io
import pickle

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, CNNFeatures, ImageSampler, OneVsRestCNNClassifier
from sk_cifar_ovr.exceptions import ImageShapeError, InputTypeError


def small(**settings):
    return CNNClassifier(model=dense, **{"epochs": 1, "batch_size": 32, "recipe": None, "random_state": 0, **settings})


@pytest.fixture(scope="module")
def images(digits):
    X, y = digits
    return X[:60], y[:60] % 3


@pytest.fixture(scope="module")
def fitted(images):
    return small().fit(*images)


def encoded(image):
    stream = io.BytesIO()
    Image.fromarray(image[..., 0]).save(stream, "PNG")
    return stream.getvalue()


def objects(items):
    array = np.empty(len(items), object)
    for i, item in enumerate(items):
        array[i] = item
    return array


def pillow(X):
    return [Image.fromarray(image[..., 0]) for image in X]


def arrow_lists(X):
    pa = pytest.importorskip("pyarrow")
    return pa.array([image.tolist() for image in X], type=pa.list_(pa.list_(pa.list_(pa.uint8()))))


def arrow_chunks(X):
    pa = pytest.importorskip("pyarrow")
    return pa.chunked_array([arrow_lists(X[:20]), arrow_lists(X[20:])])


def arrow_tensors(X):
    return pytest.importorskip("pyarrow").FixedShapeTensorArray.from_numpy_ndarray(X)


def pandas_of_arrow(X):
    lists = arrow_lists(X)
    return pd.Series(lists, dtype=pd.ArrowDtype(lists.type))


def polars_arrays(X):
    return pytest.importorskip("polars").Series(X)


def polars_lists(X):
    pl = pytest.importorskip("polars")
    return pl.Series([image.tolist() for image in X], dtype=pl.List(pl.List(pl.List(pl.UInt8))))


def polars_objects(X):
    pl = pytest.importorskip("polars")
    return pl.Series("image", list(X), dtype=pl.Object)


def hugging_face(X, **of_image):
    # The folder of tests has the name of the library.
    pytest.importorskip("datasets.arrow_dataset")
    hf = pytest.importorskip("datasets")
    dataset = hf.Dataset.from_dict({"image": pillow(X)}, features=hf.Features(image=hf.Image()))
    return dataset.cast_column("image", hf.Image(**of_image))["image"]


COLLECTIONS = {
    "list": list,
    "tuple": tuple,
    "PIL images": pillow,
    "object array": lambda X: objects(list(X)),
    "object array of PIL images": lambda X: objects(pillow(X)),
    "pandas": lambda X: pd.Series(list(X)),
    "pandas frame": lambda X: pd.DataFrame({"image": pillow(X)}),
    "pandas of Arrow": pandas_of_arrow,
    "polars arrays": polars_arrays,
    "polars lists": polars_lists,
    "polars objects": polars_objects,
    "Arrow lists": arrow_lists,
    "Arrow chunks": arrow_chunks,
    "Arrow tensors": arrow_tensors,
    "Hugging Face": hugging_face,
    "mask of nothing": np.ma.masked_array,
}


@pytest.mark.parametrize("make", COLLECTIONS.values(), ids=COLLECTIONS.keys())
def test_collections_of_images_are_stacked(images, fitted, make):
    X, _ = images
    np.testing.assert_array_equal(fitted.predict_proba(make(X)), fitted.predict_proba(X))


@pytest.mark.parametrize("kind", ["PIL images", "pandas", "Arrow chunks"])
def test_fits_take_collections_too(images, fitted, kind):
    X, y = images
    given = COLLECTIONS[kind](X)
    clf = small().fit(given, y)
    np.testing.assert_array_equal(clf.predict_proba(X), fitted.predict_proba(X))
    assert clf.n_features_in_ == 64
    ovr = OneVsRestCNNClassifier(small()).partial_fit(given, y, classes=[0, 1, 2])
    assert ovr.predict_ovr(given).shape == (60, 3)
    assert ovr.score(given, y) == ovr.score(X, y)
    assert CNNFeatures(small()).fit(given, y).transform(given).shape == (60, 16)


def test_a_sampler_takes_a_list_of_images(images):
    from imblearn.under_sampling import RandomUnderSampler

    X, y = images
    resampled, _ = ImageSampler(RandomUnderSampler(random_state=0)).fit_resample(pillow(X), y)
    assert np.shape(resampled)[1:] == (8, 8)


def test_photographs_are_turned_upright(images, fitted):
    X, _ = images
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    Image.fromarray(np.rot90(X[0, ..., 0]).copy()).save(stream, "PNG", exif=exif)
    np.testing.assert_array_equal(fitted.predict_proba([Image.open(stream)]), fitted.predict_proba(X[:1]))


def a_tensorflow_dataset(X):
    return pytest.importorskip("tensorflow").data.Dataset.from_tensor_slices(X).batch(8)


def a_torch_dataset(X):
    torch = pytest.importorskip("torch")
    return torch.utils.data.TensorDataset(torch.tensor(X))


def a_loader(X):
    return pytest.importorskip("torch").utils.data.DataLoader(a_torch_dataset(X))


def a_hugging_face_dataset(X):
    # The folder of tests has the name of the library.
    pytest.importorskip("datasets.arrow_dataset")
    hf = pytest.importorskip("datasets")
    return hf.Dataset.from_dict({"image": pillow(X[:5])}, features=hf.Features(image=hf.Image()))


REFUSED = {
    "tf.data": (a_tensorflow_dataset, "tf.data.Dataset.*\n *data = .*read_images"),
    "PyTorch dataset": (a_torch_dataset, "PyTorch Dataset.*\n *data = .*read_images"),
    "PyTorch loader": (a_loader, "DataLoader of PyTorch.*\n *data = .*read_images"),
    "Hugging Face dataset": (a_hugging_face_dataset, "dataset of Hugging Face.*\n.*read_images"),
    "path": (lambda X: "photographs", "'photographs'.*load_image_folder"),
    "paths": (lambda X: ["1.png", "2.png"], "paths such as '1.png'.*read_images.*load_image_table"),
    "array of paths": (lambda X: np.array(["1.png", "2.png"]), "paths such as '1.png'.*load_image_table"),
    "column of paths": (lambda X: pd.Series(["1.png", "2.png"]), "paths such as '1.png'.*load_image_table"),
    "table of paths": (
        lambda X: pd.DataFrame({"file": ["1.png"], "label": [0]}),
        r"column 'file' holds paths.*load_image_table\(X, path_column='file'",
    ),
    "table of images": (lambda X: pd.DataFrame({"image": list(X), "label": 0}), r"holds images: pass .*X\['image'\]"),
    "encoded images": (lambda X: [encoded(image) for image in X], "encoded images.*read_images"),
    "column of encoded images": (lambda X: pd.Series([encoded(image) for image in X]), "encoded images.*read_images"),
    "encoded Hugging Face column": (lambda X: hugging_face(X, decode=False), "dicts of bytes or paths.*read_images"),
    "one encoded image": (lambda X: encoded(X[0]), "one encoded image"),
    "iterator": (lambda X: iter(X), "iterator.*read_images"),
    "palette": (lambda X: [image.convert("P") for image in pillow(X)], "mode 'P' at index 0.*read_images"),
    "missing": (lambda X: [X[0], None], r"no image \(None\) at index 1"),
    "different dtypes": (lambda X: [X[0], X[1] / 255], "uint8 first, float64 at index 1.*read_images"),
    "masked": (lambda X: np.ma.masked_array(X, X > 250), r"masked of 3840 values.*filled"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_anything_else_is_named_with_a_remedy(images, fitted, make, message):
    with pytest.raises(InputTypeError, match=message) as in_predict:
        fitted.predict(make(images[0]))
    assert "fit(" not in str(in_predict.value)
    for estimator in (small(), OneVsRestCNNClassifier(small())):
        with pytest.raises(InputTypeError, match=message):
            estimator.fit(make(images[0]))
        with pytest.raises(InputTypeError, match=message):
            estimator.partial_fit(make(images[0]), classes=[0, 1])


@pytest.mark.parametrize("make", [a_torch_dataset, a_loader, a_hugging_face_dataset])
def test_datasets_say_how_fit_takes_them(images, fitted, make):
    with pytest.raises(InputTypeError, match=r"fit\(data.images, data.target\)$"):
        small().fit(make(images[0]))
    with pytest.raises(InputTypeError, match="data.images in place of X$"):
        fitted.predict(make(images[0]))


def test_arrays_need_labels(images):
    for estimator in (small(), OneVsRestCNNClassifier(small()), CNNFeatures(small())):
        with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
            estimator.fit(images[0])


def test_a_table_of_polars_or_arrow_is_named_too(fitted):
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    for frame in (pl.DataFrame({"file": ["1.png"], "n": [1]}), pa.table({"file": ["1.png"], "n": [1]})):
        with pytest.raises(InputTypeError, match=r"load_image_table\(X.to_pandas\(\), path_column='file'"):
            fitted.predict(frame)


def test_images_of_different_sizes_name_image_size(images, fitted):
    X, y = images
    mixed = [*X[:3], np.zeros((9, 8, 1), "uint8")]
    for given in (mixed, objects(mixed), pd.Series(mixed)):
        with pytest.raises(ImageShapeError, match=r"\(9, 8, 1\) at index 3.*read_images\(X, image_size="):
            fitted.predict(given)
        with pytest.raises(ImageShapeError, match=r"read_images\(X, image_size="):
            small().fit(given, y[:4])


def test_one_image_instead_of_several(images, fitted):
    X, y = images
    ovr = OneVsRestCNNClassifier(small()).fit(X, y)
    for estimator in (fitted, ovr, CNNFeatures(small()).fit(X, y)):
        predict = getattr(estimator, "predict", getattr(estimator, "transform", None))
        for one in (X[0], X[0].tolist(), X[0, ..., 0], pillow(X)[0]):
            with pytest.raises(ImageShapeError, match=r"one (image|PIL image).*pass \[?X"):
                predict(one)
        assert len(predict(X[:1])) == 1
    for label in (y[0], y[:1], int(y[0])):
        with pytest.raises(ImageShapeError, match=r"looks like one image of shape \(8, 8, 1\).*X\[:1\]"):
            small().fit(X[0], label)
    with pytest.raises(InputTypeError, match=rf"y is one label, {y[0]},"):
        small().fit(X, y[0])


def test_grey_images_without_channels_may_be_as_narrow_as_channels(images):
    X, y = images
    narrow = X[:, :, :3, 0]
    clf = small().fit(narrow, y)
    assert clf.image_shape_ == (8, 3, 1)
    assert clf.predict(narrow).shape == y.shape


def test_rows_of_numbers_in_columns_stay_rows(images):
    X, y = images
    rows = X.reshape(60, -1)
    clf = small().fit(pd.Series(list(rows)), y)
    np.testing.assert_array_equal(clf.predict(rows), clf.predict(pd.DataFrame(rows).to_numpy()))
    with pytest.raises(ValueError, match="Expected 2D array"):
        clf.predict([1.0, 2.0])


def test_one_hot_labels(images):
    X, y = images
    for labels in (np.eye(3)[y], np.eye(3)[y].tolist(), pd.DataFrame(np.eye(3)[y])):
        with pytest.raises(ValueError, match=r"OneVsRestCNNClassifier.*argmax\(axis=1\)"):
            small().fit(X, labels)


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
@pytest.mark.parametrize("make", [list, lambda y: np.array(y, object), pd.Series], ids=["list", "array", "pandas"])
def test_missing_labels_are_counted_and_located(images, make, missing):
    X, y = images
    labels = [f"class {label}" for label in y]
    labels[7] = labels[9] = missing
    for estimator in (small(), OneVsRestCNNClassifier(small())):
        with pytest.raises(ValueError, match="2 of its 60 labels are not known, the first at index 7"):
            estimator.fit(X, make(labels))


def test_masked_labels(images):
    X, y = images
    assert small().fit(X, np.ma.masked_array(y)).classes_.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match=f"masked entries: {np.sum(y == 1)} of its 60 labels"):
        small().fit(X, np.ma.masked_array(y, y == 1))
    matrix = np.ma.masked_array(np.eye(3)[y], mask=False)
    matrix[0, 0] = np.ma.masked
    assert OneVsRestCNNClassifier(small()).fit(X, matrix).multilabel_


@pytest.mark.parametrize("make", [list, lambda y: np.array(y, object), lambda y: pd.Series(y, dtype=object)])
def test_strings_and_numbers_are_not_mixed(images, make):
    X, y = images
    labels = make([1, "cat", *y[2:].tolist()])
    for estimator in (small(), OneVsRestCNNClassifier(small())):
        with pytest.raises(ValueError, match="y mixes strings and other labels, such as 'cat' and 1"):
            estimator.fit(X, labels)


@pytest.mark.parametrize("make", ["pyarrow", "polars", "datasets", "torch"])
def test_columns_of_labels(images, make):
    # The folder of tests has the name of one library.
    pytest.importorskip({"datasets": "datasets.arrow_dataset"}.get(make, make))
    library = pytest.importorskip(make)
    X, y = images
    labels = {
        "pyarrow": lambda: library.chunked_array([y[:20], y[20:]]),
        "polars": lambda: library.Series(y),
        "datasets": lambda: library.Dataset.from_dict({"label": y})["label"],
        "torch": lambda: library.tensor(y),
    }[make]()
    assert small().fit(X, labels).classes_.tolist() == [0, 1, 2]


def test_numpy_numbers_read_as_numbers(images):
    X, y = images
    with pytest.raises(ValueError, match="one class only: 0$|one class only: 0\\."):
        small().fit(X, np.zeros(60, "int64"))
    with pytest.raises(ValueError, match=r"no task has: \[7\]; the labels are \[0, 1, 2\]"):
        OneVsRestCNNClassifier(small(), class_weight={np.int64(7): 1.0}).fit(X, y)
    with pytest.raises(ValueError, match=r"no task has: \[7\]"):
        OneVsRestCNNClassifier(small(), threshold={np.int64(7): 0.5}).fit(X, y)


def test_a_generator_is_refused_as_random_state(images):
    with pytest.raises(ValueError, match="random_state"):
        small(random_state=np.random.default_rng(0)).fit(*images)


def test_the_errors_can_be_pickled():
    error = pickle.loads(pickle.dumps(InputTypeError("X is a path")))
    assert isinstance(error, TypeError)
    assert isinstance(error, ValueError)

"""`read_images`: images and labels of lists, columns and datasets of other libraries."""

import io
import os
from contextlib import ExitStack

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sk_cifar_ovr.datasets import read_images
from sk_cifar_ovr.datasets.examples import target_of
from sk_cifar_ovr.exceptions import DatasetError

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (20, 8, 10, 3)).astype("uint8")
y = np.arange(20) % 3


def pillow(images=X):
    return [Image.fromarray(image) for image in images]


def encoded(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def encoded_images():
    return [encoded(image) for image in pillow()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of three classes, in the order of their names, and the paths in the order of X."""
    root, paths = tmp_path_factory.mktemp("photographs"), []
    for i, content in enumerate(encoded_images()):
        path = root / f"class {y[i]}" / f"{i:02}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        paths.append(path)
    return root, paths


def polars_structs():
    return pytest.importorskip("polars").Series([{"bytes": each, "path": None} for each in encoded_images()])


def polars_lists():
    pl = pytest.importorskip("polars")
    return pl.Series([image.tolist() for image in X], dtype=pl.List(pl.List(pl.List(pl.UInt8))))


def arrow_structs():
    return pytest.importorskip("pyarrow").array([{"bytes": each, "path": None} for each in encoded_images()])


WITHOUT_LABELS = {
    "array": lambda: X,
    "list": lambda: list(X),
    "iterator": lambda: iter(pillow()),
    "PIL images": pillow,
    "encoded": encoded_images,
    "floats": lambda: X.astype("float64"),
    "floats from 0 to 1": lambda: X / 255,
    "wide integers": lambda: X.astype("int64"),
    "pandas": lambda: pd.Series(encoded_images()),
    "pandas frame": lambda: pd.DataFrame({"image": pillow()}),
    "polars lists": polars_lists,
    "polars structs": polars_structs,
    "Arrow structs": arrow_structs,
}


@pytest.mark.parametrize("make", WITHOUT_LABELS.values(), ids=WITHOUT_LABELS.keys())
def test_collections_and_columns(make):
    data = read_images(make())
    np.testing.assert_array_equal(data.images, X)
    assert data.images.dtype == np.uint8
    assert data.target is None
    assert data.target_names is None
    assert data.reading == {"image_size": None, "fit": "crop", "sixteen_bit": "refuse"}
    assert data.DESCR.startswith("20 images from a")


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_paths(folder, kind):
    np.testing.assert_array_equal(read_images([kind(path) for path in folder[1]]).images, X)
    np.testing.assert_array_equal(read_images(pd.Series(list(map(str, folder[1])))).images, X)
    structs = [{"bytes": None, "path": str(path)} for path in folder[1]]
    np.testing.assert_array_equal(read_images(structs).images, X)


def check_labelled(data, names=None, images=X, target=y):
    np.testing.assert_array_equal(data.images, images)
    np.testing.assert_array_equal(data.target, target)
    assert data.target.dtype == np.int64
    assert data.target_names == names


def test_pairs_and_names():
    check_labelled(read_images(list(zip(pillow(), y.tolist(), strict=True))))
    names = np.array(["eel", "cat", "dog"])
    check_labelled(read_images(zip(X, names[y], strict=True)), ["cat", "dog", "eel"], target=np.array([2, 0, 1])[y])
    check_labelled(read_images([{"image": image, "label": label} for image, label in zip(X, y, strict=True)]))


@pytest.mark.parametrize("form", ["one by one", "batches", "0 to 1", "one-hot", "dicts"])
def test_tensorflow_datasets(form):
    tf = pytest.importorskip("tensorflow")
    images = X.astype("float32") / 255 if form == "0 to 1" else X
    labels = np.eye(3, dtype="float32")[y] if form == "one-hot" else y
    examples = {"image": images, "label": labels} if form == "dicts" else (images, labels)
    dataset = tf.data.Dataset.from_tensor_slices(examples)
    data = read_images(dataset if form == "one by one" else dataset.batch(7))
    check_labelled(data)
    assert ("multiplied by 255" in data.DESCR) == (form == "0 to 1")
    grey = read_images(tf.data.Dataset.from_tensor_slices(X[..., 0]).batch(7))
    np.testing.assert_array_equal(grey.images, X[..., :1])
    with pytest.raises(DatasetError, match="no end: leave out repeat"):
        read_images(dataset.repeat())


@pytest.mark.parametrize("label_mode", ["int", "categorical", None])
def test_image_datasets_of_keras(folder, label_mode):
    pytest.importorskip("tensorflow")
    import keras

    dataset = keras.utils.image_dataset_from_directory(
        folder[0], image_size=(8, 10), shuffle=False, label_mode=label_mode, verbose=False
    )
    data, order = read_images(dataset), np.argsort(y, kind="stable")
    np.testing.assert_array_equal(data.images, X[order])
    if label_mode is None:
        assert data.target is None
    else:
        check_labelled(data, ["class 0", "class 1", "class 2"], X[order], y[order])


def test_binary_labels_of_keras(tmp_path):
    pytest.importorskip("tensorflow")
    import keras

    for i, image in enumerate(pillow(X[:4])):
        (tmp_path / "ab"[i // 2]).mkdir(exist_ok=True)
        image.save(tmp_path / "ab"[i // 2] / f"{i}.png")
    dataset = keras.utils.image_dataset_from_directory(
        tmp_path, image_size=(8, 10), shuffle=False, label_mode="binary", verbose=False
    )
    check_labelled(read_images(dataset), ["a", "b"], X[:4], [0, 0, 1, 1])


def test_keras_py_datasets():
    import keras

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            part = slice(8 * i, 8 * i + 8)
            return X[part].astype("float32"), np.eye(3)[y[part]]

    check_labelled(read_images(Batches()))


@pytest.mark.parametrize("form", ["dataset", "subset", "loader", "loader without batches", "iterable", "named"])
def test_torch_datasets(form):
    data = pytest.importorskip("torch.utils.data")
    torch = pytest.importorskip("torch")
    images = torch.tensor(X).permute(0, 3, 1, 2).float() / 255
    dataset = data.TensorDataset(images, torch.tensor(y))

    class Stream(data.IterableDataset):
        def __iter__(self):
            return iter(zip(pillow(), y.tolist(), strict=True))

    class Named(data.Dataset):
        classes = ("cat", "dog", "eel")

        def __len__(self):
            return 20

        def __getitem__(self, i):
            return images[i], int(y[i])

    source = {
        "dataset": dataset,
        "subset": data.Subset(dataset, range(20)),
        "loader": data.DataLoader(dataset, batch_size=6),
        "loader without batches": data.DataLoader(dataset, batch_size=None),
        "iterable": Stream(),
        "named": data.DataLoader(data.Subset(Named(), range(20)), batch_size=8),
    }[form]
    read = read_images(source)
    check_labelled(read, ["cat", "dog", "eel"] if form == "named" else None)
    assert ("multiplied by 255" in read.DESCR) == (form != "iterable")


@pytest.mark.parametrize("form", ["dataset", "encoded", "torch", "stream", "column"])
def test_hugging_face(form):
    # The folder of tests has the name of the library.
    pytest.importorskip("datasets.arrow_dataset")
    hf = pytest.importorskip("datasets")
    if form == "torch":
        pytest.importorskip("torch")
    features = hf.Features(image=hf.Image(), label=hf.ClassLabel(names=["cat", "dog", "eel"]))
    dataset = hf.Dataset.from_dict({"image": pillow(), "label": y.tolist()}, features=features)
    if form == "column":
        np.testing.assert_array_equal(read_images(dataset["image"]).images, X)
        return
    source = {
        "dataset": lambda: dataset,
        "encoded": lambda: dataset.cast_column("image", hf.Image(decode=False)),
        "torch": lambda: dataset.with_format("torch"),
        "stream": dataset.to_iterable_dataset,
    }[form]()
    check_labelled(read_images(source), ["cat", "dog", "eel"])
    with pytest.raises(DatasetError, match=r"pass one, source\['train'\]"):
        read_images(hf.DatasetDict(train=dataset))
    with pytest.raises(DatasetError, match="several columns of classes: 'fine', 'coarse'"):
        read_images(
            dataset.rename_column("label", "fine")
            .add_column("coarse", y.tolist())
            .cast_column("coarse", features["label"])
        )


def test_several_labels_an_image():
    labels = [[1, 1, 0], [0, 1, 0]]
    data = read_images(list(zip(X[:2], labels, strict=True)))
    assert data.target.dtype == np.float32
    np.testing.assert_array_equal(data.target, labels)


def test_images_are_prepared_as_files_are():
    clear = np.zeros((4, 6, 4), "uint8")
    turned = Image.Exif()
    turned[0x0112] = 6
    palette = Image.fromarray(X[0]).convert("P")
    images = [
        clear,
        Image.fromarray(clear),
        Image.fromarray(np.full((4, 6), 9, "uint8")),
        Image.new("CMYK", (6, 4)),
        Image.new("LA", (6, 4)),
        palette.resize((6, 4)),
    ]
    data = read_images(images)
    assert data.images.shape == (6, 4, 6, 3)
    assert [int(image.min()) for image in data.images[[0, 1, 2, 3, 4]]] == [255, 255, 9, 255, 255]
    photograph = Image.open(io.BytesIO(encoded(Image.fromarray(X[0]), "PNG", exif=turned)))
    np.testing.assert_array_equal(read_images([photograph]).images[0], np.rot90(X[0], -1))
    # The caller's image is as it was.
    assert photograph.size == (10, 8)


def test_sizes():
    mixed = [X[0], X[1][:4], Image.fromarray(X[2]), encoded(Image.fromarray(X[3]))]
    with pytest.raises(DatasetError, match=r"image 0 is 10x8 \(width x height\), image 1 is 10x4.*image_size="):
        read_images(mixed)
    data = read_images(mixed, image_size=(6, 6), fit="pad")
    assert data.images.shape == (4, 6, 6, 3)
    assert data.reading == {"image_size": [6, 6], "fit": "pad", "sixteen_bit": "refuse"}
    arrays, pictures = read_images(X, image_size=(6, 6)), read_images(pillow(), image_size=(6, 6))
    np.testing.assert_array_equal(arrays.images, pictures.images)


def test_number_of_images_is_not_known():
    many = (np.full((2, 2), i % 256, "uint8") for i in range(700))
    assert read_images(many).images[:, 0, 0, 0].tolist() == [i % 256 for i in range(700)]


def test_sixteen_bits():
    wide = X.astype("uint16") * 257
    with pytest.raises(DatasetError, match='Image 0 .*up to 65535, and white is 255; sixteen_bit="scale"'):
        read_images(wide)
    np.testing.assert_array_equal(read_images(wide, sixteen_bit="scale").images, X)
    grey = [Image.fromarray(image[..., 0]) for image in wide]
    with pytest.raises(DatasetError, match="16-bit grayscale"):
        read_images(grey)
    np.testing.assert_array_equal(read_images(grey, sixteen_bit="scale").images, X[..., :1])


def test_dark_floats_beside_bright_ones():
    dark, bright = np.full((2, 2), 0.6), np.full((2, 2), 200.0)
    assert read_images([dark, bright, dark]).images[:, 0, 0, 0].tolist() == [1, 200, 1]
    assert read_images([dark, dark]).images[:, 0, 0, 0].tolist() == [153, 153]
    assert read_images([np.full((2, 2), True)]).images.min() == 255


WRONG = {
    "missing": ([X[0], None], "Image 1 .* is missing"),
    "object": ([object()], "Image 0 .*type object"),
    "damaged": ([b"junk"], "Image 0 .*no format of images"),
    "normalised": ([X[0] / 127.5 - 1], "from -1 to 1; leave out the normalisation"),
    "not a number": ([X[0] * np.nan], "NaN or infinity"),
    "too bright": ([X[0] * 300.0], "go up to 76500, and white is 255"),
    "channels first": ([X[0].transpose(2, 0, 1)], "channels first; use numpy.moveaxis"),
    "vector": ([X[0].ravel()], r"shape \(240,\) is not"),
    "no images": ([], "holds no images"),
    "one image": (Image.fromarray(X[0]), "in a list"),
    "folder": ("photographs", "load_image_folder"),
    "parts": ([(X[0], 1, 2)], "have 3 parts"),
    "names": ([{"photo": X[0]}], "dicts of 'photo', of which none is named 'image'"),
    "some labels": ([(X[0], 1), (X[1], None)], "1 of 2 images have no label, the first at index 1"),
    "labels of two kinds": ([(X[0], 1), (X[1], [0, 1])], "Labels differ in shape"),
    "label not a number": ([(X[0], 1.0), (X[1], np.nan)], "1 of 2 images have no label, the first at index 1"),
    "label not available": ([(X[0], 1), (X[1], pd.NA)], "1 of 2 images have no label"),
    "masked label": ([(X[0], 1), (X[1], np.ma.masked)], "1 of 2 images have no label"),
    "half a label": ([(X[0], 1.0), (X[1], 0.5)], r"label of image 1, 0.5, is no whole number"),
    "infinite label": ([(X[0], 1.0), (X[1], np.inf)], r"label of image 1, inf, is no whole number"),
    "soft labels": ([(X[0], [0.5, 0.5]), (X[1], [0, 1])], r"label of image 0, \[0.5 0.5\], has other values than 0, 1"),
    "masked pixels": ([np.ma.masked_less(X[0], 200)], "masked pixels; fill them"),
    "complex": ([X[0] * 1j], "dtype is complex128"),
    "int64": ([X[0].astype(int) * 300], "go up to 76500, and white is 255"),
    "negative": ([X[0].astype(int) - 300], "its values go from"),
    "one array": (X[0][..., :1], r"shape \(8, 10, 1\) of one image: pass image\[numpy.newaxis\]"),
    "one file": (io.BytesIO(b"GIF89a"), "one open file: pass its path in a list"),
    "device": (["/dev/zero"], "'/dev/zero', cannot be read .* no regular file"),
    "table": (pd.DataFrame({"image": pillow(), "label": y}), r"pass its column of images, source\['image'\]"),
    "table of numbers": (pd.DataFrame({"label": y}), "table without images; its columns are 'label'"),
}


@pytest.mark.parametrize(("source", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_read_is_named(source, message):
    with pytest.raises(DatasetError, match=message):
        read_images(source)


def test_missing_files_and_wrong_parameters():
    with pytest.raises(FileNotFoundError, match="Image 0: there is no file 'nowhere.png'"):
        read_images(["nowhere.png"])
    for name, value in (("image_size", 3), ("fit", "squeeze"), ("sixteen_bit", "guess")):
        with pytest.raises(ValueError, match=name):
            read_images(X, **{name: value})


def test_pairs_may_be_lists():
    data = read_images([[X[0], "cat"], [X[1], "dog"]])
    assert (data.target.tolist(), data.target_names) == ([0, 1], ["cat", "dog"])
    assert read_images([[image, 1] for image in pillow()]).target.tolist() == [1] * len(X)
    # Two rows are an image, and so are two channels.
    assert read_images([[[0, 10], [20, 30]]]).images.shape == (1, 2, 2, 1)
    assert read_images([[X[0][..., 0], X[0][..., 1]]][0]).images.shape == (2, *X[0].shape[:2], 1)


def test_labels_of_hugging_face_that_are_hidden():
    """-1 stands for a class that is kept secret, and is none of the classes."""
    names = ["cat", "dog"]
    assert target_of([-1, -1], names) == (None, names)
    with pytest.raises(DatasetError, match="label of image 1, -1, is no number of a class; the classes are 'cat', 'd"):
        target_of([0, -1], names)
    target, found = target_of([1, -1], None)
    assert (target.tolist(), found) == ([1, -1], None)


def test_several_labels_that_are_not_all_known():
    target, _ = target_of([np.ma.array([1, 0], mask=[False, True]), [0.0, 1.0]], None)
    np.testing.assert_array_equal(target, [[1, np.nan], [0, 1]])
    assert target.dtype == np.float32


def test_open_files_and_paths_of_tensorflow(folder):
    paths = list(map(str, folder[1]))
    expected = read_images(paths).images
    np.testing.assert_array_equal(read_images([os.fsencode(path) for path in paths]).images, expected)
    with ExitStack() as stack:
        files = [stack.enter_context(open(path, "rb")) for path in paths]
        np.testing.assert_array_equal(read_images(files).images, expected)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "uint16", "uint64", "bool"])
def test_any_number_that_lies_within_0_and_255(dtype):
    values = np.array([[0, 1], [1, 100]]).astype(dtype)
    expected = values.astype(int) * (255 if dtype == "bool" else 1)
    np.testing.assert_array_equal(read_images([values]).images[0, ..., 0], expected)

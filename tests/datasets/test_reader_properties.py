"""Random small images in lossless formats come back bit for bit, with their labels."""

import io
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from image_sources import KINDS, pack, read_folder
from PIL import Image
from properties import reproducible

from sk_cifar_ovr import load_image_table
from sk_cifar_ovr.datasets import image_sizes, read_image_files, read_images
from sk_cifar_ovr.datasets._class_folders import natural_sort_key

# Ending, options of Pillow, and the channels that the format has.
FORMATS = [
    ("png", {}, (1, 3)),
    ("PNG", {"optimize": True}, (1, 3)),
    ("bmp", {}, (1, 3)),
    ("tif", {}, (1, 3)),
    ("tiff", {"compression": "tiff_lzw"}, (1, 3)),
    ("webp", {"lossless": True}, (3,)),
    ("ppm", {}, (1, 3)),
    ("pgm", {}, (1,)),
]
NAMES = st.text("abcXYZ019 _-é", min_size=1, max_size=6).map(str.strip).filter(lambda name: name and name[0] != "-")


def encoded(pixels, form):
    ending, options, _ = form
    stream = io.BytesIO()
    kind = {"TIF": "TIFF", "PGM": "PPM"}.get(ending.upper(), ending.upper())
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(stream, kind, **options)
    return stream.getvalue()


@st.composite
def stacks(draw, max_images=6):
    """Grey or RGB images of one size, and a format for each."""
    n, channels = draw(st.integers(1, max_images)), draw(st.sampled_from([1, 3]))
    shape = (n, draw(st.integers(1, 7)), draw(st.integers(1, 7)), channels)
    forms = [form for form in FORMATS if channels in form[2]]
    return draw(arrays("uint8", shape)), [draw(st.sampled_from(forms)) for _ in range(n)]


@st.composite
def folders(draw):
    """Images and formats as above, and for each its class; every class has images, names differ in more than case."""
    names = draw(st.lists(NAMES, min_size=2, max_size=3, unique_by=str.lower))
    # Names of the folders of parts.
    names = [f"class {name}" for name in names]
    images, forms = draw(stacks())
    n = len(images) + len(names)
    images = np.concatenate([images] * (1 + n // len(images)))[:n]
    forms = (forms * n)[:n]
    return (
        images,
        forms,
        [*names, *draw(st.lists(st.sampled_from(names), min_size=n - len(names), max_size=n - len(names)))],
    )


def written(root, images, forms, classes):
    """Write one file an image, in the class's folder, and return their paths, relative to the root."""
    paths = []
    for i, (pixels, form, name) in enumerate(zip(images, forms, classes, strict=True)):
        path = Path(root) / name / f"{i}.{form[0]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(pixels, form))
        paths.append(f"{name}/{path.name}")
    return paths


@reproducible(40)
@given(case=stacks(), kind=st.sampled_from(["bytes", "file", "pillow", "array", "record"]), labeled=st.booleans())
def test_images_of_a_list_come_back(case, kind, labeled):
    images, forms = case
    contents = [encoded(*each) for each in zip(images, forms, strict=True)]
    source = {
        "bytes": lambda: contents,
        "file": lambda: map(io.BytesIO, contents),
        "pillow": lambda: [Image.open(io.BytesIO(content)) for content in contents],
        "array": lambda: list(images),
        "record": lambda: [{"bytes": content, "path": None} for content in contents],
    }[kind]()
    labels = np.arange(len(images))[::-1]
    data = read_images(zip(source, labels, strict=True) if labeled else source)
    np.testing.assert_array_equal(data.images, images)
    assert data.images.dtype == np.uint8
    assert data.images.shape == images.shape
    if labeled:
        np.testing.assert_array_equal(data.target, labels)
        assert data.target.dtype == np.int64
    else:
        assert data.target is None


@reproducible(40)
@given(images=stacks().map(lambda case: case[0]), dtype=st.sampled_from(["int16", "int64", "float32", "float64"]))
def test_numbers_of_any_type_are_the_same_pixels(images, dtype):
    np.testing.assert_array_equal(
        read_images(list(images.astype(dtype))).images, images if images.max() > 1 or dtype[0] == "i" else images * 255
    )
    if images.max() > 1:
        unit = (images / 255).astype("float64" if dtype[0] == "i" else dtype)
        np.testing.assert_array_equal(read_images(list(unit)).images, images)


@reproducible(40)
@given(labels=st.lists(NAMES, min_size=1, max_size=8), as_bytes=st.booleans())
def test_names_are_numbered_in_their_order(labels, as_bytes):
    image = np.zeros((1, 1, 1), "uint8")
    data = read_images([(image, label.encode() if as_bytes else label) for label in labels])
    assert data.target_names == sorted(set(labels))
    assert [data.target_names[i] for i in data.target] == labels


@reproducible(40)
@given(
    labels=arrays("float32", st.tuples(st.integers(1, 5), st.integers(2, 4)), elements=st.sampled_from([0, 1, np.nan]))
)
def test_vectors_are_several_labels_unless_one_hot(labels):
    image = np.zeros((1, 1, 1), "uint8")
    target = read_images([(image, row) for row in labels]).target
    if np.isfinite(labels).all() and (labels.sum(axis=1) == 1).all():
        np.testing.assert_array_equal(target, labels.argmax(axis=1))
    else:
        np.testing.assert_array_equal(target, labels)
        assert target.dtype == np.float32


@reproducible(25)
@given(case=folders(), ending=st.sampled_from(["", *KINDS]), top=st.sampled_from(["", "photos"]))
def test_a_folder_and_its_archive_come_back(case, ending, top):
    images, forms, classes = case
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "set"
        paths = written(folder, images, forms, classes)
        data = read_folder(pack(folder, ending, top=top) if ending else folder)
        lazy = read_folder(folder, lazy=True)
        read = np.asarray(lazy.images)
    names = sorted(set(classes), key=natural_sort_key)
    assert data.target_names == names
    order = sorted(range(len(paths)), key=lambda i: (names.index(classes[i]), i))
    np.testing.assert_array_equal(data.images, images[order])
    assert [names[i] for i in data.target] == [classes[i] for i in order]
    prefix = f"{top}/" if ending and top else ""
    assert data.filenames == [prefix + paths[i] for i in order]
    assert data.target.dtype == np.int64
    np.testing.assert_array_equal(read, data.images)
    np.testing.assert_array_equal(lazy.target, data.target)


@reproducible(15)
@given(case=folders(), data=st.data(), several=st.booleans(), as_csv=st.booleans())
def test_a_table_comes_back_in_its_order(case, data, several, as_csv):
    images, forms, classes = case
    order = data.draw(st.permutations(range(len(images))))
    with tempfile.TemporaryDirectory() as root:
        paths = written(root, images, forms, classes)
        table = pd.DataFrame({"path": [paths[i] for i in order], "label": [classes[i] for i in order]})
        matrix = data.draw(arrays("float64", (len(images), 2), elements=st.sampled_from([0.0, 1.0, np.nan])))
        matrix[0] = 1
        table["sharp"], table["indoors"] = matrix.T
        if as_csv:
            table.to_csv(Path(root) / "table.csv", index=False)
        options = {"path_column": "path", "label_columns": ["sharp", "indoors"] if several else "label", "verbose": 0}
        found = load_image_table(
            Path(root) / "table.csv" if as_csv else table, root=None if as_csv else root, **options
        )
    np.testing.assert_array_equal(found.images, images[list(order)])
    assert found.filenames == table["path"].tolist()
    assert found.rows.tolist() == list(range(len(order)))
    if several:
        assert found.target_names == ["sharp", "indoors"]
        np.testing.assert_array_equal(found.target, matrix)
    else:
        assert found.target_names == sorted(set(classes), key=natural_sort_key)
        assert [found.target_names[i] for i in found.target] == table["label"].tolist()


@reproducible(15)
@given(case=stacks())
def test_files_alone_come_back_and_their_sizes(case):
    images, forms = case
    with tempfile.TemporaryDirectory() as root:
        paths = [os.path.join(root, path) for path in written(root, images, forms, ["photos"] * len(images))]
        kept, found, failed = read_image_files(paths, shape=images.shape[1:])
        sizes = image_sizes(paths)
    assert (kept, failed) == (paths, [])
    np.testing.assert_array_equal(found, images)
    assert sizes.tolist() == [list(images.shape[1:3])] * len(images)


@reproducible(40)
@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    wanted=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    value=st.integers(0, 255),
    fit=st.sampled_from(["crop", "pad", "stretch"]),
    form=st.sampled_from(FORMATS[:-1]),
)
def test_a_plain_colour_stays_what_it_is_in_any_size(size, wanted, value, fit, form):
    pixels = np.full((*size, 3), value, "uint8")
    pixels[..., 1] = 255 - value
    (image,) = read_images([encoded(pixels, form)], image_size=wanted, fit=fit).images
    assert image.shape == (*wanted, 3)
    colour = pixels[0, 0]
    if fit == "pad":
        # Black where the image is not, and the image in the middle.
        assert ((image == colour) | (image == 0)).all(axis=2).all()
        assert (image[wanted[0] // 2, wanted[1] // 2] == colour).all()
    else:
        assert (image == colour).all()


@pytest.mark.parametrize(("form", "channels"), [(form, channels) for form in FORMATS for channels in form[2]], ids=str)
def test_every_value_comes_back(form, channels):
    pixels = np.arange(256 * channels).astype("uint8").reshape(16, 16, channels)
    np.testing.assert_array_equal(read_images([encoded(pixels, form)]).images[0], pixels)

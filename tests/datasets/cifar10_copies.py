"""Helpers of the tests of CIFAR-10: small copies in its formats."""

import pickle
import shutil
import struct
import tarfile
from functools import partial

import numpy as np

from sk_cifar_ovr import fetch_cifar10
from sk_cifar_ovr.datasets.cifar10 import _cifar10_files

read_cifar = partial(fetch_cifar10, verbose=0)


def cifar_rows(seed, n=3):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 3072), dtype=np.uint8), rng.integers(0, 10, n)


def as_images(rows):
    return rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def python2_pickle(rows, labels):
    """Pickle a batch opcode by opcode as Python 2 with numpy 1 wrote the original files (protocol 2)."""

    def text(value):
        return b"U" + bytes([len(value)]) + value

    dtype = (
        b"cnumpy\ndtype\n"
        + text(b"u1")
        + b"K\0K\1\x87R(K\3"
        + text(b"|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
    )
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85" + text(b"b") + b"\x87R"
    shape = b"M" + struct.pack("<H", rows.shape[0]) + b"M" + struct.pack("<H", rows.shape[1]) + b"\x86"
    state = b"(K\1" + shape + dtype + b"\x89T" + struct.pack("<i", rows.size) + rows.tobytes() + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    names = b"](" + b"".join(text(b"leptodactylus_%d.png" % i) for i in range(len(labels))) + b"e"
    items = text(b"batch_label") + text(b"batch 1 of 5") + text(b"labels") + numbers
    items += text(b"data") + array + state + text(b"filenames") + names
    return b"\x80\2}(" + items + b"u."


def python3_pickle(rows, labels):
    return pickle.dumps({"data": rows, "labels": [int(label) for label in labels]}, protocol=4)


def binary(rows, labels):
    return np.column_stack([labels.astype(np.uint8), rows]).tobytes()


def write_cifar(parent, form):
    """Write a small CIFAR-10 of three images a batch; seeds 1 to 5 and, for the test batch, 6."""
    name, ending, encode = FORMATS[form]
    folder = parent / name
    folder.mkdir(parents=True)
    for seed, batch in enumerate([*_cifar10_files.BATCHES["train"], *_cifar10_files.BATCHES["test"]], start=1):
        (folder / (batch + ending)).write_bytes(encode(*cifar_rows(seed)))
    (folder / f"batches.meta{'.txt' if ending else ''}").write_bytes(b"airplane\n")
    (folder / "readme.html").write_text("")
    return folder


def write_archive(parent, form):
    """Pack it as the original is packed, its batches in no order."""
    folder = write_cifar(parent / "unpacked", form)
    path = parent / ("cifar-10-binary.tar.gz" if form == "binary" else "cifar-10-python.tar.gz")
    with tarfile.open(path, "w:gz") as archive:
        for file in sorted(folder.iterdir(), reverse=True):
            archive.add(file, f"{folder.name}/{file.name}")
    shutil.rmtree(folder)
    return path


def check_cifar(data, seeds=(1, 2, 3, 4, 5)):
    rows, labels = zip(*(cifar_rows(seed) for seed in seeds), strict=True)
    np.testing.assert_array_equal(data.images, as_images(np.concatenate(rows)))
    np.testing.assert_array_equal(data.target, np.concatenate(labels))
    assert data.images.flags.c_contiguous
    assert data.target.dtype == np.int64
    assert data.target_names[:2] == ["airplane", "automobile"]


FORMATS = {
    "python": ("cifar-10-batches-py", "", python2_pickle),
    "python 3": ("cifar-10-batches-py", "", python3_pickle),
    "binary": ("cifar-10-batches-bin", ".bin", binary),
}

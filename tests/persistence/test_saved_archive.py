"""Parts in one file: every kind of array and document comes back, and other programs read the file."""

import io
import zipfile

import numpy as np
import pytest

from sk_cifar_ovr.exceptions import SavedFileError
from sk_cifar_ovr.persistence.archive import (
    ArchiveReader,
    ArchiveWriter,
    array_from_npy,
    npy_parts,
    parse_json,
    to_json,
)
from sk_cifar_ovr.persistence.archive._zip_records import Entry, directory

ARRAYS = {
    "float": np.linspace(0, 1, 6, dtype="float32").reshape(2, 3),
    "column order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "view": np.arange(12.0)[::2].reshape(2, 3).T,
    "big-endian": np.arange(3, dtype=">i4"),
    "number": np.array(3.5),
    "empty": np.empty((0, 4), "float16"),
    "no dimension": np.empty((2, 0, 3)),
    "text": np.array(["a", "bcd", "µ"]),
    "empty text": np.array([""]),
    "bytes": np.array([b"a", b"bc"]),
    "truth": np.array([True, False]),
    "dates": np.array(["2020-01-01", "2021-01-01"], "datetime64[D]"),
    "bfloat16": np.arange(4).astype("float32"),
    "fields": np.array([(1, 2.5, 3)], np.dtype({"names": ["a", "b", "c"], "formats": ["<i8", "<f8", "|u1"]})),
}


def written(arrays, document=None):
    writer = ArchiveWriter()
    for number, array in enumerate(arrays):
        writer.add_array(array, f"arrays/{number}.npy")
    writer.add_document({} if document is None else document, "estimator.json")
    manifest = writer.manifest({"sk_cifar_ovr": "1"}, "numpy")
    file = io.BytesIO()
    writer.write(file, manifest)
    return file.getvalue()


@pytest.fixture
def read(tmp_path):
    def read(data):
        (tmp_path / "file").write_bytes(data)
        with (tmp_path / "file").open("rb") as file:
            return ArchiveReader(file)

    return read


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_comes_back(read, name):
    array = ARRAYS[name]
    if name == "bfloat16":
        pytest.importorskip("ml_dtypes")
        array = array.astype("bfloat16")
    found = read(written([array])).array("arrays/0.npy")
    assert found.dtype == array.dtype.newbyteorder("<")
    assert found.shape == array.shape
    assert found.tobytes() == array.astype(found.dtype).tobytes()
    assert found.flags.f_contiguous == array.flags.f_contiguous or name == "view"
    if name != "bfloat16":
        header, content = npy_parts(array)
        again = np.load(io.BytesIO(header + bytes(content)), allow_pickle=False)
        assert again.tobytes() == found.tobytes()


def test_padded_fields_come_back(read):
    aligned = np.zeros(2, np.dtype([("a", "|u1"), ("b", "<f8")], align=True))
    aligned["a"], aligned["b"] = [1, 2], [0.5, 0.25]
    found = read(written([aligned])).array("arrays/0.npy")
    assert found.dtype.names == ("a", "b")
    assert found.dtype.itemsize == aligned.dtype.itemsize
    np.testing.assert_array_equal(found["a"], aligned["a"])
    np.testing.assert_array_equal(found["b"], aligned["b"])


@pytest.mark.parametrize(
    "array", [np.array([object()]), np.array([1], "longdouble"), np.zeros(1, "V3")], ids=["object", "long", "void"]
)
def test_arrays_of_other_types_are_refused(array):
    with pytest.raises(TypeError, match="cannot be saved"):
        written([array])


def test_zip_programs_read_the_file():
    data = written([ARRAYS["float"], ARRAYS["text"]], {"a": [1, 2]})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["manifest.json", "estimator.json", "arrays/0.npy", "arrays/1.npy"]
        np.testing.assert_array_equal(np.load(archive.open("arrays/0.npy")), ARRAYS["float"])


def test_more_entries_than_a_short_directory_counts():
    entries, data = [], bytearray()
    for number in range(70_000):
        entries.append(Entry(f"arrays/{number}.npy", 0, 0, len(data)))
        data += entries[-1].local_header()
    with zipfile.ZipFile(io.BytesIO(bytes(data) + directory(entries))) as archive:
        assert len(archive.namelist()) == 70_000


def test_numpys_own_files_are_read():
    for name in ("float", "column order", "number", "empty", "text", "truth"):
        buffer = io.BytesIO()
        np.save(buffer, ARRAYS[name])
        np.testing.assert_array_equal(array_from_npy(buffer.getvalue()), ARRAYS[name])


@pytest.mark.parametrize(
    "document", [float("nan"), [1e400], 10**41, {"a": float("-inf")}, [[]] * 300_000], ids=lambda value: str(value)[:9]
)
def test_documents_that_would_not_be_read_are_not_written(document):
    with pytest.raises(SavedFileError):
        to_json(document, "It")


def test_larger_files_may_have_larger_documents():
    document = [[]] * 300_000
    assert parse_json(to_json(document, "It", n_bytes=10**7), "It", n_bytes=10**7) == document


def test_depth():
    data = b"[" * 199 + b"]" * 199
    parse_json(data, "It")
    with pytest.raises(SavedFileError, match="levels deep"):
        parse_json(b"[[" + data + b"]]", "It")

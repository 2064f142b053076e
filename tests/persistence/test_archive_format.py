"""The format of a saved file: arrays and documents in, the same ones out, and nothing else is accepted."""

import io
import json
import math
import re
import struct
import tempfile
import zipfile

import ml_dtypes
import numpy as np
import pytest
from archives import npy, parts_of, write_parts
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from properties import reproducible

from sk_cifar_ovr.exceptions import SavedFileError
from sk_cifar_ovr.persistence.archive import (
    FORMAT,
    ArchiveReader,
    ArchiveWriter,
    _json,
    _manifest,
    _reader,
    _writer,
    array_from_npy,
    checked_digest,
    first_entry,
    npy_parts,
    parse_json,
    to_json,
)
from sk_cifar_ovr.persistence.archive._manifest import Manifest, Part, parse_manifest
from sk_cifar_ovr.persistence.archive._npy import array_from, describe, n_bytes, npy_header
from sk_cifar_ovr.persistence.archive._zip_records import Entry, directory

RECORD = np.dtype([("left", "<i8"), ("value", "<f8"), ("flag", "?")], align=True)
DTYPES = ["?", "i1", "u1", "<i2", ">i4", "<u8", "<f2", "<f4", ">f8", "<c8", "<c16", "<U3", "|S4", "<m8[s]", "<M8[ns]"]
VERSIONS = {"sk_cifar_ovr": "0.1.0", "numpy": "2.4.6+local"}
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**39), 10**39)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def any_arrays(draw):
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    # Text without surrogates or zeros at its end.
    elements = {"U": st.text("aé\U0001f600", max_size=3), "S": st.binary(max_size=4).map(lambda b: b.rstrip(b"\0"))}
    array = draw(arrays(dtype, shape, elements=elements.get(np.dtype(dtype).kind), fill=st.nothing()))
    return array.T if draw(st.booleans()) else array


def written(contents, document):
    """A file of arrays and one document, and its manifest."""
    writer = ArchiveWriter()
    for i, array in enumerate(contents):
        writer.add_array(array, f"arrays/{i}.npy")
    writer.add_document(document, "estimator.json")
    manifest = writer.manifest(VERSIONS, "torch")
    file = tempfile.TemporaryFile()  # noqa: SIM115
    writer.write(file, manifest)
    file.flush()
    return file, manifest


def same(found, expected):
    """Equal bit for bit, in little-endian order."""
    expected = np.asarray(expected)
    assert found.dtype == expected.dtype.newbyteorder("<")
    assert found.shape == expected.shape
    assert found.tobytes() == expected.astype(found.dtype).tobytes()


@reproducible(60)
@given(contents=st.lists(any_arrays(), max_size=3), document=plain)
def test_arrays_and_documents_come_back(contents, document):
    file, manifest = written(contents, document)
    with file:
        reader = ArchiveReader(file)
        assert reader.document("estimator.json") == document
        assert reader.array_names == {f"arrays/{i}.npy" for i in range(len(contents))}
        for i, array in enumerate(contents):
            found = reader.array(f"arrays/{i}.npy")
            same(found, array)
            # The results of linear algebra depend on the order.
            assert found.flags.c_contiguous == array.flags.c_contiguous
            assert found.flags.f_contiguous == array.flags.f_contiguous
        assert reader.manifest.versions == VERSIONS
        assert reader.manifest.backend == "torch"
        # Anybody's zip reader takes the file, and anybody's NumPy its arrays.
        with zipfile.ZipFile(file) as archive:
            assert archive.testzip() is None
            names = archive.namelist()
            assert names == ["manifest.json", "estimator.json", *(f"arrays/{i}.npy" for i in range(len(contents)))]
            assert archive.read("manifest.json") == manifest
            assert json.loads(archive.read("estimator.json")) == document
            assert {info.external_attr >> 16 for info in archive.infolist()} == {0o600}
            assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
            assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert {(info.create_system, info.create_version, info.extract_version) for info in archive.infolist()} == {
                (3, 20, 20)
            }
            for i, array in enumerate(contents):
                same(np.load(io.BytesIO(archive.read(f"arrays/{i}.npy"))), array)


def test_records_and_bfloat16_come_back():
    record = np.zeros(3, RECORD)
    record["left"], record["value"], record["flag"] = [1, -1, 5], [0.5, np.nan, 2], [True, False, True]
    brain = np.arange(6, dtype="float32").reshape(2, 3).astype(ml_dtypes.bfloat16)
    file, _ = written([record, brain, brain.T, brain[:0]], {})
    with file:
        reader = ArchiveReader(file)
        found = reader.array("arrays/0.npy")
        assert found.dtype.names == RECORD.names
        for name in RECORD.names:
            np.testing.assert_array_equal(found[name], record[name])
        for i, expected in enumerate([brain, brain.T, brain[:0]], start=1):
            found = reader.array(f"arrays/{i}.npy")
            assert found.dtype == ml_dtypes.bfloat16
            np.testing.assert_array_equal(found.astype("float32"), expected.astype("float32"))
        for wrong in ("arrays/4.npy", "estimator.json"):
            with pytest.raises(SavedFileError, match=f"no part {wrong}"):
                reader.array(wrong)
        with pytest.raises(SavedFileError, match=r"no part arrays/0\.npy"):
            reader.document("arrays/0.npy")


@pytest.mark.parametrize("array", [np.array([{}]), np.array([1], "g"), np.zeros(1, [("a", "O")])], ids=str)
def test_other_dtypes_are_refused(array):
    with pytest.raises(TypeError, match="cannot be saved"):
        ArchiveWriter().add_array(array, "arrays/0.npy")


@pytest.fixture(scope="module")
def small():
    """Content of a small file."""
    file, _ = written([np.arange(3, dtype="int16"), np.ones((2, 2), order="F")], {"a": [1, None]})
    with file:
        file.seek(0)
        return file.read()


def read(data, digest=None):
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return ArchiveReader(file, digest)


def test_every_truncated_file_and_every_longer_one_is_refused(small):
    assert read(small).array("arrays/0.npy").tolist() == [0, 1, 2]
    for length in range(len(small)):
        with pytest.raises(SavedFileError):
            read(small[:length])
    for end in (b"\0", b"PK\x05\x06", small):
        with pytest.raises(SavedFileError, match="its end is not that of the parts"):
            read(small + end)


def test_every_changed_byte_is_refused_or_changes_the_digest(small):
    digest = written_digest(small)
    read(small, digest)
    with pytest.raises(SavedFileError, match="has the digest"):
        read(small, "0" * 64)
    for i in range(len(small)):
        changed = bytearray(small)
        changed[i] ^= 0x10
        with pytest.raises(SavedFileError):
            read(bytes(changed), digest)


def written_digest(data):
    import hashlib

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return hashlib.sha256(archive.read("manifest.json")).hexdigest()


def test_the_first_entry(small, tmp_path):
    with zipfile.ZipFile(io.BytesIO(small)) as archive:
        size = archive.infolist()[0].file_size
    assert first_entry(io.BytesIO(small)) == ("manifest.json", size)
    behind = io.BytesIO(small)
    behind.seek(9)
    assert first_entry(behind) == ("manifest.json", size)
    assert first_entry(io.BytesIO(small[:29])) is None
    assert first_entry(io.BytesIO(small[:30])) == ("", size)
    assert first_entry(io.BytesIO(b"PK\x05\x06" + small[4:])) is None
    name = "n" * 300
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr(name, b"12345")
    with open(tmp_path / "other.zip", "rb") as file:
        assert first_entry(file) == (name[:256], 5)


def test_files_that_do_not_begin_with_a_manifest(tmp_path):
    write_parts(tmp_path / "other", {"other.json": b"{}"})
    with pytest.raises(SavedFileError, match="does not begin with a manifest"), open(tmp_path / "other", "rb") as file:
        ArchiveReader(file)


def test_limits_of_a_file(small, monkeypatch):
    monkeypatch.setattr(_reader, "MAX_BYTES", len(small))
    read(small)
    monkeypatch.setattr(_reader, "MAX_BYTES", len(small) - 1)
    with pytest.raises(SavedFileError, match="no saved file has more than 4 GB"):
        read(small)
    room = 16 + 128 + 200 + 2**24
    monkeypatch.setattr(_writer, "MAX_BYTES", room)
    ArchiveWriter().add_array(np.zeros(2), "arrays/0.npy")
    monkeypatch.setattr(_writer, "MAX_BYTES", room - 1)
    with pytest.raises(SavedFileError, match="which is the most that one file holds"):
        ArchiveWriter().add_array(np.zeros(2), "arrays/0.npy")
    monkeypatch.setattr(_writer, "MAX_BYTES", room + 144 + 200 - 1)
    writer = ArchiveWriter()
    writer.add_array(np.zeros(2), "arrays/0.npy")
    with pytest.raises(SavedFileError, match="which is the most that one file holds"):
        writer.add_array(np.zeros(2), "arrays/1.npy")


# -- JSON ---------------------------------------------------------------------------------------------------


@reproducible(80)
@given(document=plain)
def test_json_comes_back(document):
    data = to_json(document, "It")
    assert parse_json(data, "It") == json.loads(data) == document
    assert json.dumps(document, separators=(",", ":")).encode() == data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "It is not JSON"),
        (b"{", "It is not JSON"),
        (b"\xff", "It is not JSON"),
        (b"[NaN]", "the number NaN, which is not finite"),
        (b"[-Infinity]", "the number -Infinity, which is not finite"),
        (b"[1e999]", "the number 1e999, which is not finite"),
        (b"[-1e999]", "the number -1e999, which is not finite"),
        (b"[" + b"1" * 41 + b"]", "a number of 41 digits"),
        (b'{"a": 1, "a": 1}', "one key twice"),
    ],
)
def test_what_is_no_json_of_ours(data, message):
    with pytest.raises(SavedFileError, match=message):
        parse_json(data, "It")


def test_limits_of_json():
    assert parse_json(b"[" + b"1" * 40 + b"]", "It") == [int("1" * 40)]
    assert parse_json(b"[NaN]", "It", constant=str) == ["NaN"]
    deepest = _json.MAX_DEPTH
    for brackets in (b"[]", (b'{"a":', b"}")):
        opening, closing = (brackets[:1], brackets[1:]) if isinstance(brackets, bytes) else brackets
        inner = b"" if isinstance(brackets, bytes) else b"0"
        parse_json(opening * deepest + inner + closing * deepest, "It")
        with pytest.raises(SavedFileError, match=f"more than {deepest} levels deep"):
            parse_json(opening * (deepest + 1) + inner + closing * (deepest + 1), "It")
    with pytest.raises(SavedFileError, match=f"more than {deepest} levels deep"):
        parse_json(b"[" * 100_000 + b"]" * 100_000, "It", n_bytes=10**9)
    for depth in (deepest + 1, 100_000):
        nested = []
        for _ in range(depth):
            nested = [nested]
        with pytest.raises(SavedFileError, match="levels deep|cannot be written as JSON"):
            to_json(nested, "It")
    for wrong in (math.nan, math.inf, {1, 2}):
        with pytest.raises((SavedFileError, TypeError)):
            to_json([wrong], "It")


@pytest.mark.parametrize("mark", [b",", b":", b"[", b"{"])
def test_numbers_of_values_in_json(monkeypatch, mark):
    monkeypatch.setattr(_json, "MAX_MARKS", 10)
    # A string holds them too, and costs nothing more.
    text = json.dumps((mark * 10).decode()).encode()
    assert parse_json(text, "It") == (mark * 10).decode()
    longer = json.dumps((mark * 11).decode()).encode()
    with pytest.raises(SavedFileError, match="It has 11 values"):
        parse_json(longer, "It", n_bytes=_json.BYTES_A_MARK - 1)
    assert parse_json(longer, "It", n_bytes=_json.BYTES_A_MARK)
    with pytest.raises(SavedFileError, match="has 11 values"):
        to_json((mark * 11).decode(), "It")
    assert to_json((mark * 11).decode(), "It", n_bytes=_json.BYTES_A_MARK) == longer


# -- the manifest -------------------------------------------------------------------------------------------

ARRAY = {"name": "arrays/0.npy", "size": 136, "sha256": "a" * 64, "dtype": "<f8", "shape": [1], "fortran": False}
DOCUMENT = {"name": "estimator.json", "size": 2, "sha256": "0123456789abcdef" * 4}
BASE = {"format": FORMAT, "versions": VERSIONS, "backend": "torch", "parts": [DOCUMENT, ARRAY]}


def parsed(document):
    return parse_manifest(json.dumps(document).encode(), n_bytes=0)


def test_a_manifest_comes_back():
    manifest = parsed(BASE)
    assert manifest == Manifest(VERSIONS, "torch", [Part(**DOCUMENT), Part(**ARRAY)])
    assert json.loads(manifest.to_json()) == BASE
    assert manifest.parts[0].header() == b""
    assert manifest.parts[1].header() == npy(np.zeros(1))[:128]
    assert not Part("a", 1, "", dtype="<f8").header()
    assert not Part("a", 1, "", shape=[1]).header()
    fortran = parsed({**BASE, "parts": [{**ARRAY, "shape": [2, 2], "size": 160, "fortran": True}]})
    assert fortran.parts[0].header() == npy(np.zeros((2, 2), order="F"))[:128]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 1}, "format 1, and this version reads the formats 1 and 2. Use sk_cifar_ovr 0.1.0 or later"),
        ({"format": FORMAT + 1}, "format 3"),
        ({"format": float(FORMAT)}, "format 2.0"),
        ({"format": None}, "format None"),
        ({"versions": None}, "does not tell the versions"),
        ({"versions": {str(i): "1" for i in range(33)}}, "does not tell the versions"),
        ({"versions": {"numpy": 2}}, "names a version that is none"),
        ({"versions": {"numpy": "2 0"}}, "names a version that is none"),
        ({"versions": {"a b": "2.0"}}, "names a version that is none"),
        ({"versions": {"numpy": "1" * 41}}, "names a version that is none"),
        ({"backend": None}, "names no backend"),
        ({"backend": ""}, "names no backend"),
        ({"more": 1}, "lacks an entry, or has one"),
        ({"parts": {}}, "lacks an entry, or has one"),
        ({"parts": [DOCUMENT, DOCUMENT]}, "lists a part twice"),
        ({"parts": [3]}, "describes a part wrongly"),
    ],
)
def test_other_manifests_are_refused(change, message):
    with pytest.raises(SavedFileError, match=message):
        parsed({**BASE, **change})


@pytest.mark.parametrize("missing", ["format", "versions", "backend", "parts"])
def test_a_manifest_has_all_entries(missing):
    with pytest.raises(SavedFileError):
        parsed({name: value for name, value in BASE.items() if name != missing})
    with pytest.raises(SavedFileError, match="is no object"):
        parsed([BASE])


def test_limits_of_a_manifest(monkeypatch):
    assert len(parsed({**BASE, "versions": {str(i): "1" * 40 for i in range(32)}}).versions) == 32
    monkeypatch.setattr(_json, "MAX_MARKS", 10)
    with pytest.raises(SavedFileError, match="The manifest has"):
        parsed(BASE)
    assert parse_manifest(json.dumps(BASE).encode(), n_bytes=10_000)
    with pytest.raises(SavedFileError, match="The manifest has"):
        Manifest(VERSIONS, "torch", [Part(**DOCUMENT)]).to_json()
    assert Manifest(VERSIONS, "torch", [Part("estimator.json", 10_000, "a" * 64)]).to_json()


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        (DOCUMENT, {"more": 1}, "describes a part wrongly"),
        (DOCUMENT, {"name": 3}, "names a part '3'"),
        (DOCUMENT, {"name": "../estimator.json"}, "names a part"),
        (DOCUMENT, {"name": "estimator.json\n"}, "names a part"),
        (DOCUMENT, {"name": "manifest.json"}, "names a part 'manifest.json'"),
        (DOCUMENT, {"name": "a" * 33 + ".json"}, "names a part"),
        (ARRAY, {"name": "arrays/01.npy"}, "names a part"),
        (ARRAY, {"name": "arrays/1234567890.npy"}, "names a part"),
        (DOCUMENT, {"size": -1}, "no size of estimator.json"),
        (DOCUMENT, {"size": 4_000_000_001}, "no size of estimator.json"),
        (DOCUMENT, {"size": 2.0}, "no size of estimator.json"),
        (DOCUMENT, {"size": True}, "no size of estimator.json"),
        (DOCUMENT, {"sha256": "a" * 63}, "no SHA-256 of estimator.json"),
        (DOCUMENT, {"sha256": "A" * 64}, "no SHA-256 of estimator.json"),
        (DOCUMENT, {"sha256": None}, "no SHA-256 of estimator.json"),
        (DOCUMENT, {"dtype": "<f8"}, "describes estimator.json as an array"),
        (DOCUMENT, {"shape": [1]}, "describes estimator.json as an array"),
        (DOCUMENT, {"fortran": False}, "describes estimator.json as an array"),
        (ARRAY, {"dtype": None}, "does not describe the array arrays/0.npy"),
        (ARRAY, {"shape": None}, "does not describe the array arrays/0.npy"),
        (ARRAY, {"fortran": None}, "does not describe the array arrays/0.npy"),
        (ARRAY, {"fortran": 1}, "does not describe the array arrays/0.npy"),
        (ARRAY, {"size": 137}, r"of shape \[1\] cannot have 137 bytes"),
        (ARRAY, {"shape": [2]}, r"of shape \[2\] cannot have 136 bytes"),
        (ARRAY, {"dtype": "<f4"}, r"of shape \[1\] cannot have 136 bytes"),
        (ARRAY, {"dtype": "|O"}, "is no dtype of a saved array"),
    ],
)
def test_parts_that_no_version_writes(part, change, message):
    parsed({**BASE, "parts": [part]})
    with pytest.raises(SavedFileError, match=message):
        parsed({**BASE, "parts": [{**part, **change}]})


def test_limits_of_parts():
    for change in ({"size": 0}, {"size": _manifest.MAX_BYTES}, {"name": "a" * 32 + ".json"}):
        parsed({**BASE, "parts": [{**DOCUMENT, **change}]})
    for name in ("arrays/0.npy", "arrays/123456789.npy"):
        parsed({**BASE, "parts": [{**ARRAY, "name": name}]})


@reproducible(40)
@given(digest=st.text("0123456789abcdefABCDEF", min_size=64, max_size=64), data=st.data())
def test_digests(digest, data):
    assert checked_digest(digest) == digest.lower()
    i = data.draw(st.integers(0, 63))
    for wrong in (digest[:i] + digest[i + 1 :], digest[:i] + "g" + digest[i + 1 :], digest + "\n", digest.encode(), 3):
        with pytest.raises(ValueError, match="64 hexadecimal digits"):
            checked_digest(wrong)
    assert checked_digest(None) is None


# -- arrays -------------------------------------------------------------------------------------------------


@reproducible(60)
@given(array=any_arrays())
def test_headers_are_numpys(array):
    little = array.astype(array.dtype.newbyteorder("<"))
    expected = npy(np.asarray(little, order="A"))
    header, body = npy_parts(array)
    assert header + bytes(body) == expected
    described = describe(array)
    assert described["shape"] == list(array.shape)
    assert n_bytes(described["dtype"], described["shape"]) == array.nbytes == len(body)
    assert len(header) % 64 == 0
    same(array_from_npy(expected), array)
    for wrong in (expected[:-1], expected + b"\0", b"\x94" + expected[1:]):
        with pytest.raises(SavedFileError):
            array_from_npy(wrong)


@pytest.mark.parametrize("length", range(40))
def test_headers_end_at_64_bytes_whatever_the_shape(length):
    shape = [1] * (length % 20) + [10**k for k in range(length // 10)]
    header = npy_header("|u1", shape, False)
    assert len(header) % 64 == 0
    assert header.endswith((b" \n", b"}\n"))
    assert np.lib.format.read_magic(io.BytesIO(header)) == (1, 0)
    stream = io.BytesIO(header)
    stream.seek(8)
    assert np.lib.format.read_array_header_1_0(stream) == (tuple(shape), False, np.dtype("u1"))
    assert stream.tell() == len(header)


@pytest.mark.parametrize(
    "shape", [[-1], [2**40], [1.0], [True], ["1"], (1,), 3, None, [1] * 33, [2**39, 2**39]], ids=str
)
def test_what_is_no_shape(shape):
    with pytest.raises(SavedFileError, match="is no shape of an array|is larger than any file"):
        npy_header("<f8", shape, False)


def test_limits_of_shapes():
    assert npy_header("|u1", [0] + [1] * 31, False)
    assert npy_header("|u1", [2**40 - 1], False)
    assert npy_header("|u1", [2**39, 2**23], False)
    with pytest.raises(SavedFileError, match=r"shape \[1, 1, 1, 274877906944\] is larger than any file"):
        npy_header("<i2", [1, 1, 1, 2**38, 2**24], False)
    assert npy_header("|u1", [7, 2**60 // 2**30, 2**30], False)


@pytest.mark.parametrize(
    "dtype",
    ["|O", ">f8", "<f16", "<V8", "<f8 ", "", None, 3, [], [["a", "<f8"]] * 65, [["a"]], [["a", 3]], [["a b", "<f8"]],
     [["a" * 65, "<f8"]], [["a", "|O"]], [["a", "<U3"]], [("a", "<f8")], ["<f8"]],
    ids=str,
)  # fmt: skip
def test_what_is_no_dtype(dtype):
    with pytest.raises(SavedFileError, match="is no dtype of a saved array"):
        n_bytes(dtype, [1])


def test_dtypes_of_records():
    assert n_bytes([[f"f{i}", "<f8"] for i in range(64)], [2]) == 64 * 16
    assert n_bytes([["a" * 64, "|b1"], ["", "|V7"], ["b", "<f8"]], [3]) == 48


@pytest.mark.parametrize("value", [2, 255])
def test_truth_values_are_0_or_1(value):
    assert array_from(bytearray([9, 0, 1]), 1, "|b1", [2], False).tolist() == [False, True]
    with pytest.raises(SavedFileError, match="others than 0 and 1"):
        array_from(bytearray([9, 0, value]), 1, "|b1", [2], False)


@pytest.mark.parametrize(("code", "valid"), [(0x10FFFF, True), (0xD7FF, True), (0xE000, True), (0x110000, False),
                                             (0xD800, False), (0xDFFF, False), (0xFFFFFFFF, False)])  # fmt: skip
def test_text_is_text(code, valid):
    data = bytearray(4) + bytearray(np.array([65, code], "<u4").tobytes())
    if valid:
        assert array_from(data, 4, "<U1", [2], False).tolist() == ["A", chr(code)]
    else:
        with pytest.raises(SavedFileError, match="holds no text"):
            array_from(data, 4, "<U1", [2], False)


@pytest.mark.parametrize("count", [1, 0xFFFE, 0xFFFF, 0x10000])
def test_the_directory_of_many_entries_is_one_that_others_read(count):
    entries = []
    for i in range(count):
        entries.append(Entry(f"{i}", 0, 0, entries[-1].end if entries else 0))
    data = b"".join(entry.local_header() for entry in entries) + directory(entries)
    assert (b"PK\x06\x06" in data) == (count > 0xFFFF)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.infolist()) == count
        assert archive.namelist()[-1] == str(count - 1)
        assert archive.read(archive.namelist()[-1]) == b""


def test_the_end_of_a_file_names_one_disk_and_all_entries():
    entries = [Entry("a", 3, 7, 0), Entry("b", 0, 0, 34)]
    end = directory(entries)
    records = 2 * (46 + 1)
    assert struct.unpack("<4s4H2LH", end[records:]) == (b"PK\x05\x06", 0, 0, 2, 2, records, 65, 0)
    many = [Entry("c", 0, 0, 31 * i) for i in range(0x10000)]
    end = directory(many)[47 * len(many) :]
    records, start = 47 * len(many), 31 * len(many)
    expected = (b"PK\x06\x06", 44, 45, 45, 0, 0, len(many), len(many), records, start)
    assert struct.unpack("<4sQ2H2L4Q", end[:56]) == expected
    assert struct.unpack("<4sLQL", end[56:76]) == (b"PK\x06\x07", 0, start + records, 1)
    assert struct.unpack("<4s4H2LH", end[76:]) == (b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, records, start, 0)


@pytest.mark.parametrize(("name", "old", "new"), [("estimator.json", b"1", b"2"), ("arrays/0.npy", b"\2\0", b"\3\0")])
def test_other_content_of_the_same_size_is_noticed(small, tmp_path, name, old, new):
    (tmp_path / "small").write_bytes(small)
    parts = parts_of(tmp_path / "small")
    write_parts(tmp_path / "same", parts)
    assert (tmp_path / "same").read_bytes() == small
    assert old in parts[name]
    parts[name] = parts[name][::-1].replace(old[::-1], new[::-1], 1)[::-1]
    write_parts(tmp_path / "other", parts)
    with pytest.raises(SavedFileError, match=f"the SHA-256 of {name} is not the one in the manifest"):
        read((tmp_path / "other").read_bytes())


def test_messages_of_a_damaged_file_name_the_part(small):
    for name, what in (("estimator.json", b'{"a"'), ("arrays/0.npy", b"\x93NUMPY")):
        changed = bytearray(small)
        changed[re.search(re.escape(what), small).start()] ^= 1
        with pytest.raises(SavedFileError, match=f"the header of {name}"):
            read(bytes(changed))

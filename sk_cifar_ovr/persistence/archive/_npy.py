"""Arrays as ``.npy`` data whose header is made from dtype and shape, never parsed."""

import math
import re
import sys
from typing import Any

import numpy as np

from ...exceptions import SavedFileError

# A dtype is the name of a type, or a list of names and types of fields.
DType = str | list[list[str]]
_PLAIN = re.compile(r"\|b1|[|][iu]1|<[iu][248]|<f[248]|<c8|<c16|<U\d{1,6}|\|S\d{1,6}|<[mM]8\[\w{1,3}\]|bfloat16")
_FIELD = re.compile(r"\|b1|[|][iu]1|<[iu][248]|<f[248]|\|V\d{1,3}")
_NAME = re.compile(r"\w{0,64}")
_MAX_NDIM = 32
_MAX_CHARACTER = 0x10FFFF


def describe(array: np.ndarray) -> dict[str, Any]:
    """Dtype, shape and order of an array, as they are written into the manifest.

    Raises
    ------
    TypeError
        If arrays of this dtype are not saved.
    """
    dtype: DType = array.dtype.newbyteorder("<").str
    if array.dtype.name == "bfloat16":
        dtype = "bfloat16"
    elif array.dtype.names is not None:
        dtype = [[*map(str, field)] for field in np.lib.format.dtype_to_descr(array.dtype.newbyteorder("<"))]
    try:
        _stored_dtype(dtype)
    except SavedFileError:
        raise TypeError(f"Arrays of dtype {array.dtype} cannot be saved.") from None
    # The results of linear algebra depend on the order in their last bits.
    return {"dtype": dtype, "shape": list(array.shape), "fortran": _is_fortran(array)}


def content(array: np.ndarray) -> memoryview:
    """The bytes of an array as they are stored."""
    stored = array.T if _is_fortran(array) else array
    flat = np.ascontiguousarray(stored.astype(stored.dtype.newbyteorder("<"), copy=False)).reshape(-1)
    return flat.view(np.uint8).data if flat.nbytes else memoryview(b"")


def npy_header(dtype: DType, shape: list[int], fortran: bool) -> bytes:
    """The header of a ``.npy`` file of version 1.0.

    Raises
    ------
    SavedFileError
        If dtype or shape is none that is written.
    """
    stored, described = _stored_dtype(dtype)
    if stored.itemsize * math.prod(_checked_shape(shape)) > sys.maxsize:
        raise SavedFileError(f"An array of shape {shape[:4]} is larger than any file.")
    text = f"{{'descr': {described!r}, 'fortran_order': {fortran}, 'shape': {tuple(shape)!r}, }}"
    length = -(-(len(text) + 11) // 64) * 64 - 10
    return b"\x93NUMPY\x01\x00" + length.to_bytes(2, "little") + text.ljust(length - 1).encode() + b"\n"


def n_bytes(dtype: DType, shape: list[int]) -> int:
    """Size of the values of an array."""
    return _stored_dtype(dtype)[0].itemsize * math.prod(_checked_shape(shape))


def array_from(data: bytearray, offset: int, dtype: DType, shape: list[int], fortran: bool) -> np.ndarray:
    """Make an array of bytes whose number was checked, without copying them.

    Raises
    ------
    SavedFileError
        If the values are none of their dtype.
    """
    stored, _ = _stored_dtype(dtype)
    lengths = shape[::-1] if fortran else shape
    if not stored.itemsize * math.prod(shape):
        return np.zeros(shape, "bfloat16" if dtype == "bfloat16" else stored, "F" if fortran else "C")
    array = np.frombuffer(data, stored, math.prod(shape), offset).reshape(lengths)
    array = array.T if fortran else array
    if stored.kind == "b" and array.view(np.uint8).max() > 1:
        raise SavedFileError("An array of truth values holds others than 0 and 1.")
    if stored.kind == "U":
        characters = np.frombuffer(data, "<u4", -1, offset)
        if characters.max() > _MAX_CHARACTER or ((characters >= 0xD800) & (characters <= 0xDFFF)).any():
            raise SavedFileError("An array of text holds no text.")
    return array.view("bfloat16") if dtype == "bfloat16" else array


def npy_parts(array: np.ndarray) -> tuple[bytes, memoryview]:
    """An array as ``.npy`` data: header and content."""
    described = describe(array)
    return npy_header(described["dtype"], described["shape"], described["fortran"]), content(array)


def array_from_npy(data: bytes) -> np.ndarray:
    """Read ``.npy`` data as `numpy.save` writes it.

    Raises
    ------
    SavedFileError
        If the data are not those of one array, or their number is not what the header says.
    """
    match = re.match(
        rb"\x93NUMPY\x01\x00..\{'descr': '([^']{2,16})', 'fortran_order': (True|False), 'shape': "
        rb"\((|\d{1,18}(?:, \d{1,18})*,?)\), \} *\n",
        data[:1024],
        re.DOTALL,
    )
    if match is None or match.end() != 10 + int.from_bytes(data[8:10], "little"):
        raise SavedFileError("An array of the file has an unknown header.")
    dtype, fortran = match[1].decode(), match[2] == b"True"
    shape = [int(length) for length in re.findall(rb"\d+", match[3])]
    if len(data) - match.end() != n_bytes(dtype, shape):
        raise SavedFileError(f"An array of shape {shape[:4]} has {len(data) - match.end()} bytes.")
    return array_from(bytearray(data), match.end(), dtype, shape, fortran)


def _is_fortran(array: np.ndarray) -> bool:
    return bool(array.flags.f_contiguous and not array.flags.c_contiguous)


def _checked_shape(shape: list[int]) -> list[int]:
    valid = isinstance(shape, list) and len(shape) <= _MAX_NDIM
    if not valid or not all(type(length) is int and 0 <= length < 2**40 for length in shape):
        raise SavedFileError(f"{str(shape)[:60]} is no shape of an array.")
    return shape


def _stored_dtype(dtype: DType) -> tuple[np.dtype, Any]:
    """The dtype of the stored values, and what stands for it in the header."""
    if isinstance(dtype, str) and _PLAIN.fullmatch(dtype):
        stored = "<u2" if dtype == "bfloat16" else dtype
        return np.dtype(stored), stored
    if isinstance(dtype, list) and 0 < len(dtype) <= 64 and all(_is_field(field) for field in dtype):
        fields = [(name, kind) for name, kind in dtype]
        padded = [(name or f"_padding{i}", kind) for i, (name, kind) in enumerate(fields)]
        whole = np.dtype(padded)
        names = [padded[i][0] for i, (name, _) in enumerate(fields) if name]
        return whole[names] if len(names) < len(padded) else whole, fields
    raise SavedFileError(f"{str(dtype)[:60]} is no dtype of a saved array.")


def _is_field(field: Any) -> bool:
    return (
        isinstance(field, list)
        and len(field) == 2
        and all(isinstance(part, str) for part in field)
        and _NAME.fullmatch(field[0]) is not None
        and _FIELD.fullmatch(field[1]) is not None
    )

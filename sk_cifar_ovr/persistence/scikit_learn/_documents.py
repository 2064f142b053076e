"""Fitted estimators of scikit-learn and what they hold, through skops: a file of skops as JSON and numbered arrays."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from ...exceptions import SavedFileError
from .._trusted_names import TrustedNames
from ..archive import npy_parts
from ._references import REFERENCE, Reference, Replacer, resolved_by
from ._skops_schema import check_schema, renumbered

Document = dict[str, Any]
_PACKAGES = ("sklearn", "imblearn", "scipy", "numpy", "iterstrat")
_SCHEMA = "schema.json"


def is_scikit_learn_part(value) -> bool:
    """Whether an object is written by skops."""
    if isinstance(value, type) or callable(value) and not hasattr(value, "get_params"):
        return type(value).__module__.startswith("sklearn.metrics.")
    return hasattr(value, "get_params") or type(value).__module__.partition(".")[0] in _PACKAGES


def scikit_learn_document(obj, reference: Callable[[Any], Reference | None], number: Callable) -> Document:
    """Describe an object as skops does.

    Parameters
    ----------
    obj : object
    reference : callable
        ``reference(object) -> Reference or None``, see `Replacer`.
    number : callable
        ``number(ndarray) -> int`` takes an array.

    Raises
    ------
    TypeError
        If skops cannot write it.
    """
    import skops.io

    replaced = Replacer(reference)(obj)
    try:
        data = skops.io.dumps(replaced)
    except Exception as error:
        # Whatever an object raises that does not describe itself.
        raise TypeError(f"{type(obj).__name__} cannot be saved: {error}") from error
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = json.loads(archive.read(_SCHEMA))
        names = {name: f"{i}.{name.rpartition('.')[2]}" for i, name in enumerate(archive.namelist()) if name != _SCHEMA}
        files = {names[name]: _file_document(name, archive.read(name), number) for name in names}
    return {"kind": "scikit-learn", "schema": renumbered(schema, names), "files": files}


def scikit_learn_object(document: Document, names: TrustedNames, array: Callable, resolve: Callable):
    """Make the object that `scikit_learn_document` described.

    Parameters
    ----------
    document : dict
    names : TrustedNames
    array : callable
        ``array(number) -> ndarray``.
    resolve : callable
        ``resolve(number) -> object`` for references.

    Raises
    ------
    SavedFileError
        If the document is none of skops, or holds types that are not trusted.
    """
    import skops.io

    check_schema(document["schema"], document["files"], names)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(_SCHEMA, json.dumps(document["schema"]))
        for name, described in document["files"].items():
            archive.writestr(name, _file_content(name, described, array))
    data = buffer.getvalue()
    untrusted = set(skops.io.get_untrusted_types(data=data)) - {REFERENCE}
    trusted = [*names.skops_types(sorted(untrusted)), REFERENCE]
    with resolved_by(resolve):
        return skops.io.loads(data, trusted=trusted)


def _file_document(name: str, data: bytes, number: Callable) -> Any:
    """Arrays of a file inside a file of skops."""
    if name.endswith(".npy"):
        return number(np.load(io.BytesIO(data), allow_pickle=False))
    if name.endswith(".npz"):
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {key: number(arrays[key]) for key in arrays}
    return number(np.frombuffer(data, np.uint8))


def _file_content(name: str, described: Any, array: Callable) -> bytes:
    """The reverse of `_file_document`."""
    if name.endswith(".npz"):
        arrays = {key: array(number) for key, number in described.items()}
        _check_sparse(arrays)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        return buffer.getvalue()
    found = array(described)
    if name.endswith(".npy"):
        return b"".join(npy_parts(found))
    if found.dtype != np.uint8 or found.ndim != 1:
        raise SavedFileError("The file holds bytes that are none.")
    return found.tobytes()


def _check_sparse(arrays: dict[str, np.ndarray]) -> None:
    """Refuse a sparse matrix whose indices point outside of it, which SciPy does not check."""
    if not all(re.fullmatch(r"\w{1,20}", key) for key in arrays) or "format" not in arrays:
        raise SavedFileError("The file holds a sparse matrix without a format.")
    shape = tuple(int(length) for length in arrays["shape"])
    if arrays["format"].item() not in (b"csr", b"csc", b"bsr"):
        raise SavedFileError("The file holds a sparse matrix of a format that is not saved.")
    kind = {b"csr": sparse.csr_array, b"csc": sparse.csc_array, b"bsr": sparse.bsr_array}[arrays["format"].item()]
    matrix = kind((arrays["data"], arrays["indices"], arrays["indptr"]), shape=shape)
    matrix.check_format(full_check=True)

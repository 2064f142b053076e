"""Files of format 1, which earlier versions wrote: read as the documents of the present format."""

import os
import re
import struct
import zipfile
import zlib
from typing import Any, BinaryIO

import numpy as np

from ..exceptions import SavedFileError
from .archive import array_from_npy, parse_json
from .estimators import BY_NAME

DOCUMENT = "estimator.json"
_ARRAY = re.compile(r"arrays/(0|[1-9]\d{0,8})\.npy")
_END_SIZE = 22
_RECORD_SIZE = 128

Document = dict[str, Any]


def read_format_1(file: BinaryIO) -> tuple[list[Document], dict[int, np.ndarray]]:
    """Read the documents and arrays of a file of format 1.

    Parameters
    ----------
    file : binary file

    Raises
    ------
    SavedFileError
        If it is damaged, or of another format.
    """
    try:
        size = _checked_end(file)
        with zipfile.ZipFile(file) as archive:
            names = _checked_names(archive, size)
            data = archive.read(DOCUMENT)
            # NaN of a history.
            document = parse_json(data, DOCUMENT, n_bytes=size, constant=lambda text: {"float": text.lower()})
            arrays = {int(name[7:-4]): array_from_npy(archive.read(name)) for name in names - {DOCUMENT}}
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise SavedFileError(f"This is not a whole file written by save: {error}.") from error
    if not isinstance(document, dict) or document.get("format") != 1:
        found = str(document.get("format"))[:40] if isinstance(document, dict) else "none"
        raise SavedFileError(
            f"The file has format {found}, and this version reads the formats 1 and 2. Use the version of "
            "sk_cifar_ovr that wrote it, or a later one."
        )
    return _Upgrade(arrays).documents(document["estimator"]), arrays


def _checked_end(file: BinaryIO) -> int:
    """Size of a file whose directory is as large as its number of entries allows."""
    size = os.fstat(file.fileno()).st_size
    file.seek(max(size - _END_SIZE, 0))
    end = file.read(_END_SIZE)
    if len(end) < _END_SIZE or end[:4] != b"PK\x05\x06":
        raise SavedFileError("This is not a whole file written by save: it has no end.")
    count, directory_size = struct.unpack("<HL", end[10:16])
    if count == 0xFFFF or directory_size > count * _RECORD_SIZE:
        raise SavedFileError("The file has more entries than any file of format 1.")
    return size


def _checked_names(archive: zipfile.ZipFile, size: int) -> set[str]:
    """Names of the entries of an archive, none of which is larger than the file."""
    entries = archive.infolist()
    names = {entry.filename for entry in entries}
    if len(names) < len(entries) or DOCUMENT not in names:
        raise SavedFileError("The file has an entry twice, or lacks its document.")
    if not all(_ARRAY.fullmatch(name) for name in names - {DOCUMENT}):
        raise SavedFileError("The file has an entry that no version writes.")
    plain = all(entry.compress_type == zipfile.ZIP_STORED and not entry.flag_bits & 1 for entry in entries)
    if not plain or sum(entry.file_size for entry in entries) > size:
        raise SavedFileError("The file has entries that are compressed or encrypted, or larger than itself.")
    return names


class _Upgrade:
    """Converts documents of format 1.

    Parameters
    ----------
    arrays : dict of int to ndarray
    """

    def __init__(self, arrays: dict[int, np.ndarray]):
        self._arrays = arrays
        self._documents: list[Document] = []
        self._structures: dict[int, int] = {}

    def documents(self, estimator: Document) -> list[Document]:
        """All documents, that of the estimator first."""
        self._part(estimator)
        return self._documents

    def _part(self, document: Document) -> int:
        number = len(self._documents)
        self._documents.append({})
        fitted = document.get("fitted")
        self._documents[number] = {
            "kind": document["class"],
            "params": self._params(document),
            "fitted": None if fitted is None else self._fitted(fitted),
        }
        return number

    def _params(self, document: Document) -> Document:
        return {name: self._value(value) for name, value in document["params"].items()}

    def _fitted(self, fitted: Document) -> Document:
        # Earlier versions did not write what is read by `get`.
        found = {
            "n_features_in_": fitted["n_features_in"],
            "image_reading_": self._value(fitted.get("image_reading")),
            "classes": self._value(fitted["classes"]),
            "choices": {name: self._value(value) for name, value in fitted.get("choices", {}).items()},
            "history": fitted["history"],
        }
        if fitted["feature_names"] is not None:
            found["feature_names_in_"] = self._value(fitted["feature_names"])
        if "network" in fitted:
            return {**found, "network": self._network(fitted["network"])}
        return {
            **found,
            "estimators": [{"part": self._part(estimator)} for estimator in fitted["estimators"]],
            "joint": None if fitted["joint"] is None else self._network(fitted["joint"]),
            "searches": None,
            "multilabel": fitted.get("multilabel", False),
            "thresholds": self._value(fitted["thresholds"]),
            "promises": self._value(fitted.get("promises")),
            "calibrators": self._value(fitted["calibrators"]),
        }

    def _network(self, document: Document) -> Document:
        number = document.get("keras_model")
        return {**document, "structure": None if number is None else self._structure(number)}

    def _structure(self, number: int) -> int:
        """Number of the document of a Keras model, whose configuration was an array of characters."""
        if number not in self._structures:
            described = parse_json(self._arrays[number].tobytes(), "The configuration of a Keras model")
            config = parse_json(described["config"].encode(), "The configuration of a Keras model")
            self._structures[number] = len(self._documents)
            self._documents.append({"kind": "structure", "config": config, "trainable": described["trainable"]})
        return self._structures[number]

    def _value(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if "array" in value:
            if not value["objects"]:
                return {"array": value["array"]}
            array = self._arrays[value["array"]]
            return {"objects": array.ravel().tolist(), "shape": list(array.shape)}
        for kind in ("list", "tuple"):
            if kind in value:
                return {kind: [self._value(item) for item in value[kind]]}
        if "dict" in value:
            return {"dict": [[self._value(k), self._value(v)] for k, v in value["dict"]]}
        if "keras_model" in value:
            document = value["keras_model"]
            return {"keras_model": {**document, "structure": self._structure(document["structure"])}}
        if "estimator" in value:
            document = value["estimator"]
            if document["class"] in BY_NAME:
                return {"part": self._part(document)}
            return {"estimator": {"import": document["import"], "params": self._params(document)}}
        return value

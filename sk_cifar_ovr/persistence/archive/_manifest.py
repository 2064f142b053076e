"""The manifest of a file: name, size and SHA-256 of every part, and dtype and shape of the arrays."""

import re
from dataclasses import asdict, dataclass
from typing import Any

from ...exceptions import SavedFileError
from ._json import parse_json, to_json
from ._npy import DType, n_bytes, npy_header

FORMAT = 2
MANIFEST = "manifest.json"
# Offsets in a zip file have four bytes; the directory at its end needs some of them.
MAX_BYTES = 4_000_000_000
_NAME = re.compile(r"[a-z_]{1,32}\.json|arrays/(0|[1-9]\d{0,8})\.npy")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_VERSION = re.compile(r"[\w.+-]{1,40}")


@dataclass(frozen=True)
class Part:
    """One part of a file.

    Attributes
    ----------
    name : str
    size : int
        Number of bytes, with the header of an array.
    sha256 : str
        Of these bytes, in lower case.
    dtype, shape, fortran
        Of an array; None for a document.
    """

    name: str
    size: int
    sha256: str
    dtype: DType | None = None
    shape: list[int] | None = None
    fortran: bool | None = None

    def header(self) -> bytes:
        """The first bytes of an array."""
        if self.dtype is None or self.shape is None:
            return b""
        return npy_header(self.dtype, self.shape, bool(self.fortran))


@dataclass(frozen=True)
class Manifest:
    """What a file holds, and with which versions it was written.

    Attributes
    ----------
    versions : dict of str to str
    backend : str
    parts : list of Part
        In the order of the file.
    """

    versions: dict[str, str]
    backend: str
    parts: list[Part]

    def to_json(self) -> bytes:
        """The manifest as it is written."""
        parts = [{key: value for key, value in asdict(part).items() if value is not None} for part in self.parts]
        document = {"format": FORMAT, "versions": self.versions, "backend": self.backend, "parts": parts}
        return to_json(document, "The manifest", n_bytes=sum(part.size for part in self.parts))


def parse_manifest(data: bytes | bytearray, *, n_bytes: int) -> Manifest:
    """Read a manifest of unknown origin.

    Parameters
    ----------
    data : bytes
    n_bytes : int
        Size of the file.

    Raises
    ------
    SavedFileError
        If a later version wrote it, or a part is described wrongly or twice.
    """
    document = parse_json(data, "The manifest", n_bytes=n_bytes)
    if not isinstance(document, dict):
        raise SavedFileError("The manifest is no object.")
    versions = _checked_versions(document.get("versions"))
    if document.get("format") != FORMAT or type(document["format"]) is not int:
        raise SavedFileError(
            f"The file has format {str(document.get('format'))[:40]}, and this version reads the formats 1 and "
            f"{FORMAT}. Use sk_cifar_ovr {versions.get('sk_cifar_ovr', '')} or later, which wrote it."
        )
    if set(document) != {"format", "versions", "backend", "parts"} or not isinstance(document["parts"], list):
        raise SavedFileError("The manifest lacks an entry, or has one that no version writes.")
    if not isinstance(document["backend"], str) or not _VERSION.fullmatch(document["backend"]):
        raise SavedFileError("The manifest names no backend.")
    parts = [_checked_part(part) for part in document["parts"]]
    if len({part.name for part in parts}) < len(parts):
        raise SavedFileError("The manifest lists a part twice.")
    return Manifest(versions, document["backend"], parts)


def checked_digest(digest) -> str | None:
    """The digest that a caller gives, in lower case.

    Raises
    ------
    ValueError
        If it is not that of any file.
    """
    if digest is None:
        return None
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ValueError(f"digest={digest!r}: give the 64 hexadecimal digits that save returned.")
    return digest.lower()


def _checked_versions(versions: Any) -> dict[str, str]:
    if not isinstance(versions, dict) or len(versions) > 32:
        raise SavedFileError("The manifest does not tell the versions with which the file was written.")
    for name, version in versions.items():
        if not isinstance(version, str) or not _VERSION.fullmatch(version) or not _VERSION.fullmatch(name):
            raise SavedFileError("The manifest names a version that is none.")
    return versions


def _checked_part(document: Any) -> Part:
    if not isinstance(document, dict):
        raise SavedFileError("The manifest describes a part wrongly.")
    try:
        part = Part(**document)
    except TypeError:
        raise SavedFileError("The manifest describes a part wrongly.") from None
    if not isinstance(part.name, str) or not _NAME.fullmatch(part.name) or part.name == MANIFEST:
        raise SavedFileError(f"The manifest names a part {str(part.name)[:60]!r}, which no version writes.")
    if type(part.size) is not int or not 0 <= part.size <= MAX_BYTES:
        raise SavedFileError(f"The manifest gives no size of {part.name}.")
    if not isinstance(part.sha256, str) or not _SHA256.fullmatch(part.sha256):
        raise SavedFileError(f"The manifest gives no SHA-256 of {part.name}, as 64 digits in lower case.")
    if part.name.endswith(".npy"):
        if part.dtype is None or part.shape is None or not isinstance(part.fortran, bool):
            raise SavedFileError(f"The manifest does not describe the array {part.name}.")
        if part.size != len(part.header()) + n_bytes(part.dtype, part.shape):
            raise SavedFileError(f"{part.name} of shape {part.shape[:8]} cannot have {part.size} bytes.")
    elif (part.dtype, part.shape, part.fortran) != (None, None, None):
        raise SavedFileError(f"The manifest describes {part.name} as an array.")
    return part

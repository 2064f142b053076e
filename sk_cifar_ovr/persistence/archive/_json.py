"""JSON without surprises: bounded in size and depth, no key twice, no NaN, no numbers out of range."""

import json
from collections.abc import Callable
from typing import Any

from ...exceptions import SavedFileError

MAX_DEPTH = 200
# Brackets, commas and colons, each of which takes up to 100 bytes of memory when it is parsed.
MAX_MARKS = 500_000
BYTES_A_MARK = 16
_MARKS = (b"[", b"{", b",", b":")
# Digits of the state of a random generator, the longest integers that are written.
_MAX_DIGITS = 40


def to_json(document: Any, what: str, *, n_bytes: int = 0) -> bytes:
    """Write a document as JSON that `parse_json` accepts.

    Parameters
    ----------
    document : object
        Plain data.
    what : str
        Name of the document, for messages.
    n_bytes : int, default=0
        Size of the data that the document describes; larger data may have a larger document.

    Raises
    ------
    SavedFileError
        If it is too large or too deeply nested, or holds numbers that are not finite.
    """
    try:
        data = json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError) as error:
        raise SavedFileError(f"{what} cannot be written as JSON: {error}.") from error
    parse_json(data, what, n_bytes=n_bytes)
    return data


def parse_json(
    data: bytes | bytearray, what: str, *, n_bytes: int = 0, constant: Callable[[str], Any] | None = None
) -> Any:
    """Parse JSON of unknown origin.

    Parameters
    ----------
    data : bytes
    what : str
        Name of the document, for messages.
    n_bytes : int, default=0
        Size of the file; larger files may have larger documents.
    constant : callable or None
        Converts NaN and Infinity, which are refused otherwise.

    Raises
    ------
    SavedFileError
        If it is not JSON, or exceeds a limit. The message says which.
    """
    n_marks = sum(map(data.count, _MARKS))
    if n_marks > MAX_MARKS + n_bytes // BYTES_A_MARK:
        raise SavedFileError(f"{what} has {n_marks:,} values, which is more than such a file needs.")

    def refuse(text: str):
        raise SavedFileError(f"{what} holds the number {text[:40]}, which is not finite.")

    def finite(text: str) -> float:
        value = float(text)
        return value if abs(value) < float("inf") else refuse(text)

    def bounded(text: str) -> int:
        if len(text) > _MAX_DIGITS:
            raise SavedFileError(f"{what} holds a number of {len(text)} digits.")
        return int(text)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise SavedFileError(f"{what} has an object with one key twice.")
        return found

    try:
        document = json.loads(
            data.decode(),
            parse_constant=constant or refuse,
            parse_float=finite,
            parse_int=bounded,
            object_pairs_hook=unique,
        )
    except RecursionError:
        raise _too_deep(what) from None
    except SavedFileError:
        raise
    except ValueError as error:
        raise SavedFileError(f"{what} is not JSON: {error}.") from error
    _check_depth(document, what)
    return document


def _check_depth(document: Any, what: str) -> None:
    """Refuse deep nesting, which would exhaust the stack of whatever reads the document."""
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for value in level
            if isinstance(value, (dict, list))
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise _too_deep(what)


def _too_deep(what: str) -> SavedFileError:
    return SavedFileError(f"{what} is nested more than {MAX_DEPTH} levels deep.")

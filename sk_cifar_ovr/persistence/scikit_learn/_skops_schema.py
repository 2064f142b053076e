"""The schema of a file of skops: made independent of addresses, and checked before skops reads it."""

import json
import re
from typing import Any

from ...exceptions import SavedFileError
from .._trusted_names import TrustedNames
from ..archive import parse_json
from ._references import Reference

# Those that versions of skops from 0.16 on write. The others are not needed, and some resolve names of their own.
_LOADERS = {
    "BytesNode",
    "ConstructorFromReduceNode",
    "DTypeNode",
    "DefaultDictNode",
    "DictNode",
    "FunctionNode",
    "JsonNode",
    "ListNode",
    "LossNode",
    "MaskedArrayNode",
    "NdArrayNode",
    "ObjectNode",
    "OperatorFuncNode",
    "PartialNode",
    "RandomGeneratorNode",
    "RandomStateNode",
    "SetNode",
    "SliceNode",
    "SparseMatrixNode",
    "TreeNode",
    "TupleNode",
    "TypeNode",
}
# Classes that a loader may make. `numpy.void` of a number, for example, takes as many bytes as the number says.
_CLASSES = {
    "NdArrayNode": re.compile(r"numpy\.(ndarray|bool|str_|u?int\d+|u?longlong|float\d+|longdouble|complex\d+)"),
    "DTypeNode": re.compile(r"numpy\.dtype"),
    "MaskedArrayNode": re.compile(r"numpy\.ma(\.core)?\.MaskedArray"),
    "SparseMatrixNode": re.compile(r"scipy\.sparse\._(bsr|csc|csr)\.(bsr|csc|csr)_(array|matrix)"),
    "ListNode": re.compile(r"builtins\.list"),
    "SetNode": re.compile(r"builtins\.set"),
    "TupleNode": re.compile(r"builtins\.tuple"),
    "DictNode": re.compile(r"builtins\.dict|collections\.OrderedDict|sklearn\.utils\._bunch\.Bunch"),
    # Attributes of these are checked by nobody.
    "ObjectNode": re.compile(r"(?!numpy|scipy|builtins).*"),
}
_FIRST_PROTOCOL = 2
_MAX_TEXT = 1_000_000


def renumbered(schema: Any, files: dict[str, str]) -> Any:
    """A schema with small numbers in place of the addresses of objects, and other names of files."""
    numbers: dict[int, int] = {}

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        found = {key: changed(inner) for key, inner in value.items()}
        if "__loader__" in value and isinstance(value.get("__id__"), int):
            found["__id__"] = numbers.setdefault(value["__id__"], len(numbers) + 1)
        if "__loader__" in value and isinstance(value.get("file"), str):
            found["file"] = files[value["file"]]
        return found

    return changed(schema)


def check_schema(schema: Any, files: Any, names: TrustedNames) -> None:
    """Check the structure of a schema of unknown origin.

    Parameters
    ----------
    schema : object
    files : dict
        The files that it may name.
    names : TrustedNames

    Raises
    ------
    SavedFileError
        If a node is of an unknown kind, calls something that is not trusted, or stands for another node of the same
        number with other content: such references multiply, or point back to themselves.
    """
    if not isinstance(files, dict) or not isinstance(schema, dict):
        raise SavedFileError("The file describes an estimator wrongly.")
    if type(schema.get("protocol")) is not int or schema["protocol"] < _FIRST_PROTOCOL:
        raise SavedFileError("The file holds an estimator that skops wrote in an unknown way.")
    known: dict[int, int] = {}
    contents: dict[Any, int] = {}

    def content_number(value: Any) -> int:
        """Equal numbers for equal content, whatever the numbers of the nodes are."""
        key: Any
        if isinstance(value, dict):
            key = tuple((name, content_number(inner)) for name, inner in value.items() if name != "__id__")
            if value.keys() & {"__loader__", "__class__", "__id__"}:
                _check_node(value, files, names)
        elif isinstance(value, list):
            key = ("list", *map(content_number, value))
        else:
            key = (type(value).__name__, value)
        number = contents.setdefault(key, len(contents))
        identity = value.get("__id__") if isinstance(value, dict) else None
        if identity is not None and known.setdefault(identity, number) != number:
            raise SavedFileError(f"The file describes two objects with the number {identity}.")
        return number

    content_number(_with_contents_of_files(schema, files))


def _with_contents_of_files(schema: Any, files: dict[str, Any]) -> Any:
    """A schema that names the content of each file: an object that occurs twice has two files with one content."""
    if isinstance(schema, list):
        return [_with_contents_of_files(inner, files) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _with_contents_of_files(inner, files) for key, inner in schema.items()}
    if "__loader__" in schema and "file" in schema:
        if not isinstance(schema["file"], str) or schema["file"] not in files:
            raise SavedFileError("The file names an array that it does not hold.")
        found["file"] = json.dumps(files[schema["file"]], sort_keys=True)
    return found


def _check_node(node: dict[str, Any], files: dict[str, Any], names: TrustedNames) -> None:
    texts = [node.get(key) for key in ("__loader__", "__class__", "__module__")]
    if not all(isinstance(text, str) and 0 < len(text) < 200 for text in texts) or type(node.get("__id__")) is not int:
        raise SavedFileError("The file describes an object without class or number.")
    loader, kind, module = texts
    if loader not in _LOADERS:
        raise SavedFileError(f"The file holds a {loader!r} of skops, which is not saved.")
    if loader == "ConstructorFromReduceNode":
        is_reference = (module, kind) == (Reference.__module__, Reference.__qualname__)
        if not is_reference and f"{module}:{kind}" not in names:
            raise names.refusal([f"{module}:{kind}"])
    if loader in _CLASSES and not _CLASSES[loader].fullmatch(f"{module}.{kind}") and f"{module}:{kind}" not in names:
        raise names.refusal([f"{module}:{kind}"])
    if loader == "JsonNode":
        _check_scalar(node.get("content"))


def _check_scalar(text: Any) -> None:
    """Check JSON inside JSON, which is one number or text."""
    if not isinstance(text, str) or len(text) > _MAX_TEXT or text.lstrip()[:1] in ("[", "{"):
        raise SavedFileError("The file holds a value of skops that is none.")
    if text not in ("NaN", "Infinity", "-Infinity"):
        parse_json(text.encode(), "A value of skops")

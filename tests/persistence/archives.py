"""Saved files taken apart and put together again, with and without correct checksums."""

import hashlib
import io
import json
import zlib
from pathlib import Path

import numpy as np

from sk_cifar_ovr.persistence.archive._zip_records import Entry, directory

MANIFEST, DOCUMENT = "manifest.json", "estimator.json"


def parts_of(path):
    """Names and contents of the entries of a saved file, in their order."""
    import zipfile

    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_parts(path, parts, *, change_entry=lambda entry: entry, end=b""):
    """Write entries as `save` does."""
    entries, data = [], io.BytesIO()
    for name, content in parts if isinstance(parts, list) else parts.items():
        start = entries[-1].end if entries else 0
        entries.append(Entry(name, len(content), zlib.crc32(content), start))
        data.write(change_entry(entries[-1]).local_header() + content)
    data.write(directory(entries) + end)
    Path(path).write_bytes(data.getvalue())


def sealed(parts, change=lambda manifest: None):
    """Parts with a manifest whose sizes and checksums are theirs, as a forger would make it."""
    manifest = json.loads(parts[MANIFEST])
    for part in manifest["parts"]:
        if part["name"] in parts:
            content = parts[part["name"]]
            part.update(size=len(content), sha256=hashlib.sha256(content).hexdigest())
    change(manifest)
    return {**parts, MANIFEST: json.dumps(manifest, separators=(",", ":")).encode()}


def forge(path, target, change, change_manifest=lambda manifest: None):
    """Write a saved file with another document and correct checksums."""
    parts = parts_of(path)
    documents = json.loads(parts[DOCUMENT])["documents"]
    changed = change(documents)
    documents = documents if changed is None else changed
    parts[DOCUMENT] = json.dumps({"documents": documents}).encode()
    write_parts(target, sealed(parts, change_manifest))


def npy(array):
    """An array as `.npy` data."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()

"""The listing of a folder: regular files alone, links inside of it, and no cycles."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from ...exceptions import DatasetError
from ._source import Source, SourceFile, is_clutter


def list_folder(source: Source, is_selected: Callable[[str], bool], *, follow_links: bool = False) -> None:
    """List the files of a folder, at any depth.

    A link to a folder above it, and a link to a folder inside a linked folder, are not followed, so that the listing
    ends whatever the links are.

    Parameters
    ----------
    source : Source
        Its `path` is a folder; the lists are filled.
    is_selected : callable ``(name) -> bool``
        Selects the files.
    follow_links : bool, default=False
        Whether links that lead out of the folder are followed.

    Raises
    ------
    DatasetError
        If a folder inside cannot be listed.
    """
    top = os.path.realpath(source.path)
    pending = [(str(source.path), "", False)]
    while pending:
        folder, prefix, in_link = pending.pop()
        for entry in _entries(folder):
            name = prefix + entry.name
            is_link = entry.is_symlink()
            is_folder, is_file = _kind(entry)
            if is_link and (
                (is_folder and (in_link or _is_inside(os.path.realpath(folder), os.path.realpath(entry.path))))
                or not (follow_links or _is_inside(os.path.realpath(entry.path), top))
            ):
                source.passed_over.append(name)
            elif is_folder:
                source.folders.append(name)
                pending.append((entry.path, f"{name}/", in_link or is_link))
            elif not is_file:
                source.passed_over.append(name)
            elif is_selected(name):
                source.files.append(SourceFile(name, entry.path))
            else:
                source.ignored.append(name)
    source.passed_over.sort()


def _entries(folder: str) -> Iterator[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if not is_clutter(entry.name)]
    except OSError as error:
        raise DatasetError(
            f"The folder {folder!r} cannot be listed ({error}). Change its permissions, or move it elsewhere."
        ) from error
    yield from sorted(found, key=lambda entry: entry.name)


def _kind(entry: os.DirEntry) -> tuple[bool, bool]:
    """Return whether an entry is a folder, and whether it is a regular file; a link is what it leads to."""
    try:
        return entry.is_dir(), entry.is_file()
    except OSError:  # a link that leads to itself
        return False, False


def _is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)

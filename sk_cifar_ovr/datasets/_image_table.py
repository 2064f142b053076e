"""`load_image_table`: images and labels from a table of paths, one or several labels an image."""

from __future__ import annotations

import hashlib
import os
import stat
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from .._shared.text import nearest
from ..exceptions import DatasetError
from ._table_labels import (
    check_labels_left,
    has_class,
    label_matrix,
    refuse_empty_cells,
    single_labels,
    without_small_classes,
)
from .files import SUFFIXES, Fit, Loading, OnError, SixteenBit, SourceFile, checked_reading, hash_files, load_images

# Examples in an error message.
N_SHOWN = 3


def load_image_table(
    frame: Any,
    *,
    path_column: str,
    label_columns: str | list[str],
    root: str | os.PathLike | None = None,
    image_size: tuple[int, int] | None = None,
    fit: Fit = "crop",
    lazy: bool = False,
    cache: str | os.PathLike | None = None,
    min_images: int = 1,
    sixteen_bit: SixteenBit = "refuse",
    on_error: OnError = "raise",
    verbose: int = 1,
) -> Bunch:
    """Load images and labels from a table with one row an image.

    Parameters
    ----------
    frame : pandas.DataFrame or path-like
        The table, or a CSV file (.tsv: separated by tabs) with a header.
    path_column : str
        Column of the paths of the images.
    label_columns : str, or list or other sequence of str
        Column of the class of each image, or several columns of 0 and 1 (also false and true), one a class, for images
        with any number of labels. Empty cells of several columns are labels that are not known.
    root : path-like, default=None
        Folder to which the paths are relative. None is the folder of the CSV file, or for a DataFrame the working
        directory.
    image_size : tuple of int, default=None
        Height and width to which all images are brought. If None, all images must have the same size.
    fit : {"crop", "pad", "stretch"}, default="crop"
        What to do with images of another aspect ratio, as in `load_image_folder`.
    lazy : bool, default=False
        If True, `images` is an `ImageFiles`, an array whose pixels are read from the files when they are needed.
    cache : path-like, default=None
        Folder in which the decoded images are kept in a memory-mapped file, as in `load_image_folder`.
    min_images : int, default=1
        Classes with fewer images in the table are left out, with their images, and listed in ``skipped_classes``. Of
        several label columns those with fewer images that have the label are left out; images stay.
    sixteen_bit : {"refuse", "scale"}, default="refuse"
        Whether a 16-bit grayscale image is an error or is scaled from 0-65535 to 0-255.
    on_error : {"raise", "skip"}, default="raise"
        Whether a path without a readable image is an error. With "skip", such paths are listed in ``skipped``.
    verbose : int, default=1
        If 1, show progress on standard error.

    Returns
    -------
    sklearn.utils.Bunch
        With the fields:

        - images : ndarray of uint8, shape (n, h, w, c), in the order of the table. One channel if all images are
          grayscale, RGB otherwise. With ``lazy=True`` an `ImageFiles`, with `cache` a read-only ``numpy.memmap``.
        - target : ndarray. For one label column int64, shape (n,). For several int8, shape (n, K), or float32 with NaN
          if there are empty cells.
        - target_names : list of str. The sorted classes, or the names of the columns.
        - filenames : list of str. Paths of the images, as in the table.
        - rows : ndarray of int, shape (n,). Positions in the table of the images.
        - frame : pandas.DataFrame, n rows. These rows of the table with all columns, such as one to group images by.
        - n_train, n_val : None. A table is not split.
        - skipped : list of str. Paths that were skipped.
        - skipped_classes : dict of str to int. Classes that `min_images` left out, and how many images they have.
        - reading : dict. `image_size`, `fit` and `sixteen_bit`.
        - sha256 : str. Hash of the names and contents of the images, and of `target`. With `lazy` or `cache`, sizes
          take the place of contents.
        - DESCR : str.

    Raises
    ------
    FileNotFoundError
        If the CSV file does not exist.
    DatasetError
        If the table has no such column, no rows, an empty label column, missing paths or classes, a single class, or
        values other than 0 and 1 in one of several columns; if a path does not exist; if an image cannot be read, or
        differs in size from the first and `image_size` is None.
    TypeError
        If `frame` or `label_columns` is something else.
    ValueError
        If a parameter has another value.
    MemoryError
        If the images would fill more than half of the memory that is free, without `lazy` and `cache`.

    See Also
    --------
    load_image_folder : Classes are folders.
    OneVsRestCNNClassifier : Takes several labels an image, and labels that are not known.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from PIL import Image
    >>> from sk_cifar_ovr import load_image_table
    >>> table = pd.DataFrame({"file": ["1.png", "2.png"], "cat": [1, 0], "indoors": [1, None]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in table["file"]:
    ...         Image.new("RGB", (40, 30)).save(Path(folder) / name)
    ...     data = load_image_table(
    ...         table, path_column="file", label_columns=["cat", "indoors"], root=folder, image_size=(8, 8), verbose=0
    ...     )
    >>> data.images.shape, data.target.tolist(), data.target_names
    ((2, 8, 8, 3), [[1.0, 1.0], [0.0, nan]], ['cat', 'indoors'])
    """
    loading = Loading(checked_reading(image_size, fit, sixteen_bit), on_error, lazy, cache, verbose)
    label_columns = _checked_labels(label_columns)
    table, name, folder = _read_table(frame)
    _check_columns(table, path_column, label_columns, name)
    root = os.fspath(folder if root is None else Path(root).expanduser())
    if isinstance(label_columns, str):
        target, target_names = single_labels(table[label_columns])
    else:
        target, target_names = label_matrix(table[label_columns]), [str(column) for column in label_columns]
    target, target_names, skipped_classes = without_small_classes(target, target_names, min_images, name)
    paths = _paths(table[path_column])
    present, missing = _existing(paths, np.flatnonzero(has_class(target)), root, on_error)
    files = [SourceFile(paths[i], os.path.join(root, paths[i])) for i in present]
    images, kept, skipped = load_images(files, root, loading)
    rows = present[kept]
    target = target[rows]
    check_labels_left(target, target_names)
    digest = hash_files([files[i] for i in kept], contents=not lazy and cache is None)
    return Bunch(
        images=images,
        target=target,
        target_names=target_names,
        filenames=[paths[i] for i in rows],
        rows=rows,
        frame=table.iloc[rows],
        n_train=None,
        n_val=None,
        skipped=missing + [file.name for file in skipped],
        skipped_classes=skipped_classes,
        reading=loading.reading.as_dict(),
        sha256=hashlib.sha256(digest.encode() + target.tobytes()).hexdigest(),
        DESCR=f"{len(images)} images with {len(target_names)} labels from {name}.",
    )


def _read_table(frame: Any) -> tuple[Any, str, Path]:
    """Return the table, its name, and the folder to which its paths are relative."""
    import pandas as pd

    if isinstance(frame, pd.DataFrame):
        return frame, "a table", Path()
    if not isinstance(frame, (str, os.PathLike)):
        raise TypeError(f"frame is a {type(frame).__name__}; pass a pandas DataFrame or the path of a CSV file.")
    path = Path(frame).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"There is no CSV file at {str(path)!r}; check the path.")
    if not path.is_file():
        raise DatasetError(f"{str(path)!r} is not a CSV file. Pass folders of images to load_image_folder.")
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        # Cells are kept as they are written: 007 is no number, and NA may be a class. File names need not be UTF-8.
        with warnings.catch_warnings():
            # Cells beyond the header, unless all of them are empty.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path,
                sep=separator,
                index_col=False,
                # Not str, which is Arrow's if pyarrow is installed, and must be UTF-8.
                dtype=object,
                keep_default_na=False,
                na_values=[""],
                encoding_errors="surrogateescape",
            )
    except pd.errors.ParserWarning as error:
        raise DatasetError(f"{str(path)!r} has rows with more cells than its header. Name all columns.") from error
    except (ValueError, OSError) as error:
        raise DatasetError(
            f"{str(path)!r} cannot be read as a table ({error}). Pass a CSV file with a header."
        ) from error
    return table, path.name, path.parent


def _checked_labels(label_columns: Any) -> str | list:
    if isinstance(label_columns, str):
        return label_columns
    if not isinstance(label_columns, Iterable):
        raise TypeError(
            f"label_columns is {label_columns!r}; pass the name of one column as a string, or a list of names."
        )
    label_columns = list(label_columns)
    if len(label_columns) < 2:
        raise ValueError(
            f"label_columns is {label_columns!r}; pass the name of one column as a string, or at least two names."
        )
    return label_columns


def _check_columns(table: Any, path_column: str, label_columns: str | list, name: str) -> None:
    labels = [label_columns] if isinstance(label_columns, str) else label_columns
    known = [str(column) for column in table.columns]
    for column in (path_column, *labels):
        count = list(table.columns).count(column)
        if count != 1:
            problem = f"{count} columns" if count else "no column"
            raise DatasetError(
                f"{name} has {problem} {column!r}{nearest(str(column), known)}. Its columns are {', '.join(known)}."
            )
    if len({path_column, *labels}) <= len(labels):
        raise ValueError("path_column and label_columns name a column twice.")
    if len(table) == 0:
        raise DatasetError(f"{name} has no rows.")


def _paths(column: Any) -> list[str]:
    refuse_empty_cells(column)
    return [os.fspath(cell) if isinstance(cell, os.PathLike) else str(cell) for cell in column]


def _existing(paths: list[str], rows: np.ndarray, root: str, on_error: str) -> tuple[np.ndarray, list[str]]:
    """Return the rows whose paths are regular files, and the paths of the remaining ones."""
    exists = np.array([_is_file(os.path.join(root, paths[i])) for i in rows])
    missing = [paths[i] for i in rows[~exists]]
    if missing and (on_error == "raise" or not exists.any()):
        shown = ", ".join(map(repr, missing[:N_SHOWN])) + (", ..." if len(missing) > N_SHOWN else "")
        endings = [ending for ending in SUFFIXES if _is_file(os.path.join(root, missing[0] + ending))]
        hint = f" There is {missing[0] + endings[0]!r}: add {endings[0]!r} to the paths." if endings else ""
        raise DatasetError(
            f"{len(missing)} of {len(rows)} paths are no files in {os.path.abspath(root)!r}: {shown}.{hint} "
            "Pass root= if they are relative to another folder, or on_error='skip' to leave out those that are missing."
        )
    return rows[exists], missing


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):  # a name with a null character
        return False

"""Predictions of a fitted estimator: each image is read once, in blocks if the images are not in memory."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .._shared.lazy_arrays import blocks
from ..datasets import Fit, image_file_blocks
from ..datasets.files import MODES, SixteenBit, printable
from ..exceptions import ImageShapeError, SavedFileError
from ..metrics import positive_probabilities

Predictions = dict[str, np.ndarray]


def load_model(path: Path):
    """Load a model that was saved by a report, or by `save`.

    Raises
    ------
    SavedFileError, FileNotFoundError
        If it is no such file; the message says which file is expected.
    """
    from ..persistence import load

    expected = "Name a model file: the model.skovr of a report, or a file written by save."
    if path.is_dir():
        raise SavedFileError(f"{str(path)!r} is a folder. {expected}")
    if not path.exists():
        raise FileNotFoundError(f"There is no file {str(path)!r}. {expected}")
    if not path.is_file():
        raise SavedFileError(f"{str(path)!r} is no regular file. {expected}")
    return load(path)


def decoded_blocks(images) -> Iterator[np.ndarray]:
    """Yield images in memory: an array as it is, image files in blocks of bounded size.

    Parameters
    ----------
    images : ndarray or ImageFiles, shape (n, h, w, c)
    """
    parts = [slice(None)] if isinstance(images, np.ndarray) else blocks(images)
    return (np.asarray(images[part]) for part in parts)


def predict_images(estimator, images) -> Predictions:
    """Return every kind of prediction for images.

    Parameters
    ----------
    estimator : OneVsRestCNNClassifier or CNNClassifier
    images : ndarray or ImageFiles, shape (n, h, w, c)

    Returns
    -------
    dict of str to ndarray
        `labels` (`predict`), `probabilities` (of the class in each task) and, of a one-vs-rest classifier, `yes`
        (`predict_ovr`).
    """
    return _joined([_predictions(estimator, pixels) for pixels in decoded_blocks(images)])


def predict_files(
    estimator,
    paths: Iterable[Path],
    *,
    fit: Fit | None = None,
    sixteen_bit: SixteenBit | None = None,
    verbose: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """Predict image files, in blocks.

    Parameters
    ----------
    estimator : OneVsRestCNNClassifier or CNNClassifier
    paths : iterable of Path
        Image files, and folders, of which all images are read.
    fit : {"crop", "pad", "stretch"} or None, default=None
        How images of another size are brought to that of the estimator. None is as in training; if all training
        images had that size, other sizes are an error.
    sixteen_bit : {"refuse", "scale"} or None, default=None
        Whether 16-bit grayscale images are left out or scaled. None is as in training.
    verbose : int, default=0
        If 1, show progress on standard error.

    Returns
    -------
    table : pandas.DataFrame
        Predictions as values, with one row for each image. Bytes of a path that are not UTF-8 are escaped.
    shown : pandas.DataFrame
        Predictions as text to be printed.
    skipped : dict of str to str
        Paths that were left out, and why.

    Raises
    ------
    FileNotFoundError, DatasetError, ImageShapeError
        As `read_image_files` raises them; the last also if the estimator was trained on flat rows.
    """
    shape = estimator.image_shape_
    if len(shape) != 3:
        raise ImageShapeError(
            f"The model was trained on flat rows of {shape[0]} values: train it with image_shape=(height, width, "
            "channels) to have it read image files."
        )
    as_trained = getattr(estimator, "image_reading_", None)
    if as_trained is not None:
        if fit is None and as_trained["image_size"] is not None:
            fit = as_trained["fit"]
        sixteen_bit = sixteen_bit or as_trained["sixteen_bit"]
    files = image_file_blocks(paths, shape=shape, fit=fit, sixteen_bit=sixteen_bit or "refuse", verbose=verbose)
    if as_trained is None and shape[-1] in MODES:
        files = _with_hint(files)
    # An estimator that was trained on pixels between 0 and 1 gets such pixels.
    scale = np.float32(getattr(estimator, "estimators_", [estimator])[0].pixel_scale_)
    names: list[str] = []
    skipped: dict[str, str] = {}
    found = []
    for block, images, left_out in files:
        names += map(printable, block)
        skipped |= {printable(path): reason for path, reason in left_out.items()}
        if block:
            found.append(_predictions(estimator, images if scale == 1 else images / scale))
    return (*_tables(estimator, names, _joined(found)), skipped)


def _with_hint(files: Iterator) -> Iterator:
    """The blocks of files; an error about a size says why the model does not know what to do with it."""
    try:
        yield from files
    except ImageShapeError as error:
        raise ImageShapeError(
            f"{error} The model does not know how its training images were brought to their size: it was trained on an "
            "array. In Python, estimator.image_reading_ = data.reading before save keeps that for predict."
        ) from error


def _predictions(estimator, pixels: np.ndarray) -> Predictions:
    found = {"labels": estimator.predict(pixels), "probabilities": positive_probabilities(estimator, pixels)}
    if hasattr(estimator, "predict_ovr"):
        found["yes"] = np.asarray(estimator.predict_ovr(pixels))
    return found


def _joined(parts: list[Predictions]) -> Predictions:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _tables(estimator, paths: list[str], found: Predictions) -> tuple[pd.DataFrame, pd.DataFrame]:
    names = [str(label) for label in estimator.classes_]
    multilabel = getattr(estimator, "multilabel_", False)
    columns: dict[str, Any] = {"image": paths}
    if not multilabel:
        columns["predicted"] = found["labels"]
    shown = dict(columns)
    if "yes" in found:
        answers = found["yes"]
        lists = [", ".join(name for name, yes in zip(names, row, strict=True) if yes) for row in answers]
        shown["predicted" if multilabel else "yes"] = [text or "-" for text in lists]
        if multilabel:
            columns["predicted"] = lists
        columns |= {f"is {name}": answer for name, answer in zip(names, answers.T, strict=True)}
    for name, probability in zip(names, found["probabilities"].T, strict=True):
        columns[f"probability of {name}"] = probability
        shown[f"{name} %"] = [f"{100 * value:.1f}" for value in probability]
    return pd.DataFrame(columns), pd.DataFrame(shown)

"""`save` and `load`: one file, weights as plain arrays and the rest as JSON; nothing is ever unpickled."""

import json
import os
import zipfile
import zlib
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras

from .._shared.files import write_whole
from ..classifier import CNNClassifier
from ..exceptions import SavedFileError
from ..one_vs_rest import OneVsRestCNNClassifier
from ._decoder import Decoder
from ._encoder import Encoder
from ._trusted_names import TrustedNames

FORMAT = 1
# What a document or archive with one wrong byte can raise on its way to an estimator.
_WRONG_CONTENT = (ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError)
ESTIMATORS: dict[str, type] = {kind.__name__: kind for kind in (CNNClassifier, OneVsRestCNNClassifier)}


def save(estimator, path) -> None:
    """Write a fitted estimator to one file.

    The file is a zip archive of ``estimator.json`` and one ``.npy`` array for each distinct array. It is
    written under a temporary name and renamed, so that `path` never holds half a file.

    Parameters
    ----------
    estimator : CNNClassifier or OneVsRestCNNClassifier
        Fitted.
    path : str or path-like
        File to write; an existing one is replaced.

    Raises
    ------
    TypeError
        If the estimator is of another type, or a parameter cannot be written as JSON or arrays.
    ValueError
        If ``set_params`` changed the network's parameters since the fit.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sk_cifar_ovr import CNNClassifier, load, load_digit_images, save
    >>> digits = load_digit_images()
    >>> clf = CNNClassifier(epochs=1, random_state=0).fit(digits.images[:256], digits.target[:256])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(clf, pathlib.Path(folder) / "digits.skovr")
    ...     again = load(pathlib.Path(folder) / "digits.skovr")
    >>> bool((again.predict(digits.images) == clf.predict(digits.images)).all())
    True
    """
    if type(estimator).__name__ not in ESTIMATORS:
        raise TypeError(f"save takes {sorted(ESTIMATORS)}, not {type(estimator).__name__}.")
    encoder = Encoder()
    document = {
        "format": FORMAT,
        "versions": {name: version(name) for name in ("sk_cifar_ovr", "keras", "scikit-learn", "numpy")},
        "backend": keras.backend.backend(),
        "estimator": encoder.estimator(estimator),
    }
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {path.parent} to save {path.name} in.")

    def write_to(temporary: Path) -> None:
        with temporary.open("wb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("estimator.json", json.dumps(document, indent=1))
                encoder.write_arrays(archive)
            file.flush()
            os.fsync(file.fileno())

    write_whole(path, write_to)


def load(path, *, trusted: Iterable[str] = ()):
    """Read an estimator that `save` wrote.

    Parameters
    ----------
    path : str or path-like
        The file.
    trusted : iterable of str, default=()
        Builders, losses, optimizers, layers and functions of samplers, of your own, that the file may name, as
        ``"module:name"``. Nothing else is imported but what Keras, this package, scikit-learn and
        imbalanced-learn bring; of the last two only estimators, which are not fitted.

    Returns
    -------
    estimator
        Fitted; it predicts the same bits on the same machine, backend and versions.

    Raises
    ------
    SavedFileError
        If the file is damaged, of a newer format, or names something that is not trusted.
    FileNotFoundError
        If there is no such file.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            document: dict[str, Any] = json.loads(archive.read("estimator.json"))
            if document.get("format") != FORMAT:
                raise SavedFileError(
                    f"{path} has format {document.get('format')!r}, and this version reads {FORMAT}: it was written "
                    f"with {document.get('versions')}."
                )
            return Decoder(archive, TrustedNames(trusted), ESTIMATORS).estimator(document["estimator"])
    except SavedFileError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, *_WRONG_CONTENT) as error:
        raise SavedFileError(f"{path} is not a whole file written by save: {error}.") from error

"""`save` and `load`: one file with the weights as plain arrays and everything else as JSON; no pickle."""

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
# Errors that reading a damaged document or archive can raise.
_DAMAGED_FILE_ERRORS = (ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError)
ESTIMATORS: dict[str, type] = {kind.__name__: kind for kind in (CNNClassifier, OneVsRestCNNClassifier)}


def save(estimator, path) -> None:
    """Save a fitted estimator to one file, without pickle.

    The file is a zip archive with ``estimator.json`` and one ``.npy`` file per array. It is written under a temporary
    name and then renamed, so `path` never contains an incomplete file.

    Parameters
    ----------
    estimator : CNNClassifier or OneVsRestCNNClassifier
        Fitted estimator.
    path : str or path-like
        File to write. An existing file is replaced.

    Raises
    ------
    TypeError
        If the estimator is of another type, or a parameter cannot be stored as JSON or arrays.
    ValueError
        If ``set_params`` has changed the parameters of the network since `fit`.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    OSError
        If the file cannot be written.

    See Also
    --------
    load : Loads the file.
    skops.io.dump : Saves scikit-learn estimators without pickle.
    joblib.dump : Saves any Python object with pickle.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sk_cifar_ovr import CNNClassifier, load, load_digit_images, save
    >>> digits = load_digit_images()
    >>> clf = CNNClassifier(epochs=1, random_state=0).fit(digits.images[:256], digits.target[:256])
    >>> with TemporaryDirectory() as folder:
    ...     save(clf, Path(folder) / "digits.skovr")
    ...     loaded = load(Path(folder) / "digits.skovr")
    >>> bool((loaded.predict(digits.images) == clf.predict(digits.images)).all())
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
    """Load an estimator that was saved with `save`.

    Parameters
    ----------
    path : str or path-like
        File to read.
    trusted : iterable of str, default=()
        Your own builders, losses, optimizers, layers and sampler functions that may be imported, as
        ``["module:name", ...]``. Builders, losses, optimizers and layers of this package and Keras, and estimators of
        scikit-learn and imbalanced-learn, need not be listed. Nothing else is imported.

    Returns
    -------
    estimator : CNNClassifier or OneVsRestCNNClassifier
        Fitted estimator. Its predictions are bitwise equal on the same machine with the same backend and versions.

    Raises
    ------
    SavedFileError
        If the file is damaged, has an unknown format, or refers to something that is not trusted.
    FileNotFoundError
        If there is no such file.

    See Also
    --------
    save : Saves an estimator.
    skops.io.load : Loads scikit-learn estimators without pickle.
    joblib.load : Loads pickled objects; only for files that you trust.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sk_cifar_ovr import CNNClassifier, load, load_digit_images, save
    >>> digits = load_digit_images()
    >>> clf = CNNClassifier(epochs=1, random_state=0).fit(digits.images[:256], digits.target[:256])
    >>> with TemporaryDirectory() as folder:
    ...     save(clf, Path(folder) / "digits.skovr")
    ...     load(Path(folder) / "digits.skovr")
    CNNClassifier(epochs=1, random_state=0)
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
    except (zipfile.BadZipFile, zlib.error, EOFError, *_DAMAGED_FILE_ERRORS) as error:
        raise SavedFileError(f"{path} is not a whole file written by save: {error}.") from error

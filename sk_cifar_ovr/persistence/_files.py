"""`save` and `load`: one file with the weights as plain arrays and everything else as JSON; no pickle."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import keras
import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._shared.files import write_whole
from ..exceptions import SavedFileError
from ._decoder import Decoder
from ._encoder import Encoder
from ._format_1 import DOCUMENT, read_format_1
from ._trusted_names import TrustedNames
from .archive import ArchiveReader, ArchiveWriter, checked_digest, first_entry
from .estimators import KINDS
from .scikit_learn import check_objects

_LIBRARIES = ("sk_cifar_ovr", "keras", "scikit-learn", "imbalanced-learn", "skops", "numpy")


def save(estimator, path) -> str:
    """Save a fitted estimator to one file, without pickle.

    The file is a zip archive with a manifest, a JSON document and one ``.npy`` file per array. It is written under a
    temporary name and then renamed, so `path` never contains an incomplete file.

    Parameters
    ----------
    estimator : estimator
        A fitted `CNNClassifier`, `OneVsRestCNNClassifier`, `CNNFeatures`, `TSNETransformer` or `ImageSampler`, or a
        fitted estimator of scikit-learn or imbalanced-learn, such as a `Pipeline`, a search or a
        `CalibratedClassifierCV`, that holds them.
    path : str or path-like
        File to write. An existing file is replaced.

    Returns
    -------
    str
        The digest of the file: the SHA-256, 64 hexadecimal digits, of its manifest, which lists the SHA-256 of every
        part. `load` takes it. It can be read later by ``unzip -p FILE manifest.json | sha256sum``.

    Raises
    ------
    TypeError
        If the estimator is of another type, or a part of it cannot be stored without pickle.
    ValueError
        If ``set_params`` has changed the parameters of the network since `fit`, a parameter is invalid, or the arrays
        have more than 4 GB.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    OSError
        If the file cannot be written. The old file and the estimator are as before.

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
    ...     digest = save(clf, Path(folder) / "digits.skovr")
    ...     loaded = load(Path(folder) / "digits.skovr", digest=digest)
    >>> bool((loaded.predict(digits.images) == clf.predict(digits.images)).all())
    True
    """
    _check_can_be_saved(estimator)
    encoder = Encoder()
    encoder.part(estimator)
    writer = ArchiveWriter()
    for number, array in enumerate(encoder.arrays):
        writer.add_array(array, f"arrays/{number}.npy")
    writer.add_document({"documents": encoder.documents}, DOCUMENT)
    versions = {name: version(name) for name in _LIBRARIES}
    manifest = writer.manifest(versions, keras.backend.backend())
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {path.parent} to save {path.name} in.")
    if path.exists() and not path.is_file():
        raise FileExistsError(f"{path} is a folder or a device, which save does not replace.")

    def write_to(temporary: Path) -> None:
        with temporary.open("wb") as file:
            writer.write(file, manifest)
            file.flush()
            os.fsync(file.fileno())

    write_whole(path, write_to)
    return hashlib.sha256(manifest).hexdigest()


def load(path, *, trusted: Iterable[str] = (), digest: str | None = None) -> Any:
    """Load an estimator that was saved with `save`.

    No code of the file is run, and nothing is believed that it says of itself: sizes and checksums are checked before
    a part is used, parameters as `fit` does, weights for NaN. See ``SECURITY.md`` for what is promised.

    Parameters
    ----------
    path : str or path-like
        File to read. Files of earlier versions can be read.
    trusted : iterable of str, default=()
        Your own builders, losses, optimizers, layers, transformers and functions that may be imported, as
        ``["module:name", ...]``. Builders, losses, optimizers and layers of this package and Keras, metrics and
        estimators of scikit-learn and imbalanced-learn need not be listed. Nothing else is imported.
    digest : str or None, default=None
        The digest that `save` returned, in digits of either case. A file with another digest is refused: not a bit of
        it was changed.

    Returns
    -------
    estimator
        Fitted estimator. Its predictions are bitwise equal on the same machine with the same backend and versions,
        and equal up to rounding elsewhere.

    Raises
    ------
    SavedFileError
        If the file is damaged, has an unknown format or another digest, refers to something that is not trusted, or
        has more than 4 GB.
    FileNotFoundError
        If there is no such file.
    ValueError
        If `digest` is none.

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
    ...     digest = save(clf, Path(folder) / "digits.skovr")
    ...     load(Path(folder) / "digits.skovr", digest=digest)
    CNNClassifier(epochs=1, random_state=0)
    """
    digest, names = checked_digest(digest), TrustedNames(trusted)
    path = Path(path)
    if not stat.S_ISREG(path.stat().st_mode):
        raise SavedFileError(f"{path} is no file.")
    with _refusing(path), path.open("rb") as file:
        documents, array = _read(file, digest)
    with _refusing(path, OSError):
        estimator = Decoder(documents, array, names).part(0)
        check_objects(estimator)
        check_is_fitted(estimator)
    return estimator


@contextmanager
def _refusing(path: Path, *errors: type[Exception]) -> Iterator[None]:
    """Refuse a file whatever error it causes: a document of unknown origin may make any constructor fail in any way.

    Errors of reading the file are no fault of the file, and neither are warnings that the user has made errors.
    """
    try:
        yield
    except SavedFileError as error:
        raise SavedFileError(f"{path}: {error}") from error.__cause__
    except Exception as error:
        if isinstance(error, (OSError, Warning)) and not isinstance(error, errors):
            raise
        text = str(error).strip().partition("\n")[0][:300]
        raise SavedFileError(f"{path} does not hold a fitted estimator: {type(error).__name__}: {text}") from error


def _read(file: BinaryIO, digest: str | None) -> tuple[Any, Callable[[Any], np.ndarray]]:
    """Documents of a file, and the function that gives its arrays by number."""
    found = first_entry(file)
    if found is None or found[0] != DOCUMENT:
        reader = ArchiveReader(file, digest)
        return reader.document(DOCUMENT)["documents"], lambda number: reader.array(f"arrays/{number}.npy")
    if digest is not None:
        raise SavedFileError("The file has format 1, which has no digest: load it without, and save it again.")
    documents, arrays = read_format_1(file)
    return documents, arrays.__getitem__


def _check_can_be_saved(estimator) -> None:
    names = ", ".join(kind.__name__ for kind in KINDS)
    if isinstance(estimator, type) or not hasattr(estimator, "get_params") or not hasattr(estimator, "fit"):
        raise TypeError(
            f"save takes an estimator, {names} or one of scikit-learn that holds them, not {type(estimator).__name__}."
        )
    subclassed = [kind.__name__ for kind in KINDS if isinstance(estimator, kind) and type(estimator) is not kind]
    if subclassed:
        raise TypeError(f"save takes {subclassed[0]} itself, not {type(estimator).__name__}, a subclass of it.")
    check_is_fitted(estimator)
    check_objects(estimator)

"""The folder of checkpoints in the output folder of a run, while the run lasts."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..one_vs_rest import OneVsRestCNNClassifier

NAME = "checkpoint"


def checkpoint_folder(folder: Path, *, resume: bool) -> Path:
    """Return the folder of checkpoints of a run.

    Parameters
    ----------
    folder : pathlib.Path
        Output folder.
    resume : bool
        Whether a run that was killed shall go on.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileExistsError
        If the output folder holds a run that was killed, and `resume` is False.
    """
    path = folder / NAME
    if any(path.glob("*.checkpoint")) and not resume:
        raise FileExistsError(
            f"{folder} holds a run that was interrupted. Add --resume to the same command to go on with it, remove "
            f"{path} to start anew, or name another folder with --out."
        )
    return path


@contextmanager
def keeping_checkpoints(estimator: OneVsRestCNNClassifier, path: Path | None) -> Iterator[None]:
    """Let the trainings inside write checkpoints to a folder, which the estimator's parameters name only meanwhile.

    Parameters
    ----------
    estimator : OneVsRestCNNClassifier
    path : pathlib.Path or None
        None leaves the parameter `checkpoint` as it is.
    """
    if path is None:
        yield
        return
    estimator.estimator.set_params(checkpoint=path)
    try:
        yield
    finally:
        for each in (estimator.estimator, *getattr(estimator, "estimators_", [])):
            each.set_params(checkpoint=None)


def remove_checkpoints(path: Path | None) -> None:
    """Remove the checkpoints of a run whose model is saved."""
    if path is not None:
        shutil.rmtree(path, ignore_errors=True)

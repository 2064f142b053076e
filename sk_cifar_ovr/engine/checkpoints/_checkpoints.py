"""The checkpoints of one training: found or refused when it begins, written while it goes on."""

import logging
import multiprocessing
import threading
import time
import warnings
from pathlib import Path

from ...exceptions import CheckpointError, CheckpointWarning
from ._files import DamagedCheckpointError, Description, Snapshot, read_checkpoint, write_checkpoint
from ._folder import differences, digest_of, slots, unfinished

logger = logging.getLogger(__name__)

# Writing takes at most a fiftieth of the time: epochs of milliseconds do not each get a checkpoint.
SHARE = 50
# Trainings that this process has begun, by their first file.
_begun: set[Path] = set()


class Checkpoints:
    """Checkpoints of one training in a folder.

    There are two files, written in turn, so that the one before stays until the new one stands.

    Parameters
    ----------
    folder : pathlib.Path
    description : dict of str to str
        Of the training, by `describe`.
    is_shared : bool, default=False
        Whether the folder serves other trainings too, as those of a search, so that theirs are no reason to stop.
    """

    def __init__(self, folder: Path, description: Description, *, is_shared: bool = False):
        self._folder, self._description, self._is_shared = folder, description, is_shared
        self._slots = slots(folder, description)
        self._next = 0
        self._written, self._cost = 0.0, 0.0
        self._has_failed = False

    def latest(self) -> Snapshot | None:
        """The last whole checkpoint; None if there is none.

        Raises
        ------
        CheckpointError
            If there is none, and the folder holds an unfinished training of other data or settings.

        Warns
        -----
        CheckpointWarning
            If a file is damaged, and the one before it is used. If the folder holds another unfinished training which
            this process began, or which may belong to another candidate of a search.
        """
        found: list[tuple[int, int, Snapshot]] = []
        for place, path in enumerate(self._slots):
            if not path.exists():
                continue
            try:
                snapshot = read_checkpoint(path)
            except DamagedCheckpointError as error:
                self._warn(f"{path} is damaged ({error}), and the checkpoint before it is used, if there is one.")
            else:
                found.append((len(snapshot.losses), place, snapshot))
        if not any(path.exists() for path in self._slots):
            self._check_others()
        _begun.add(self._slots[0])
        if not found:
            return None
        n_epochs, place, snapshot = max(found, key=lambda item: (item[2].is_finished, item[0]))
        self._next = 1 - place
        logger.info("goes on after epoch %d, from %s", n_epochs, self._slots[place])
        return snapshot

    def is_due(self) -> bool:
        """Whether enough time has passed since the last checkpoint."""
        return time.monotonic() - self._written >= SHARE * self._cost

    def write(self, snapshot: Snapshot) -> None:
        """Write a checkpoint; of a finished training in place of all others.

        Warns
        -----
        CheckpointWarning
            Once, if it cannot be written. The training goes on.
        """
        began = time.monotonic()
        try:
            write_checkpoint(self._slots[self._next], self._description, snapshot)
        except OSError as error:
            if not self._has_failed:
                self._warn(
                    f"No checkpoint could be written ({error}): the training goes on, but cannot be resumed from here. "
                    "Make room, or look at the permissions of the folder."
                )
            self._has_failed = True
            return
        self._next = 1 - self._next
        if snapshot.is_finished:
            self._slots[self._next].unlink(missing_ok=True)
        self._written = time.monotonic()
        self._cost = self._written - began

    def discard(self) -> None:
        """Remove the checkpoints of a training that cannot end well."""
        for path in self._slots:
            path.unlink(missing_ok=True)

    def _check_others(self) -> None:
        """Refuse to start anew beside an unfinished training that the user may have meant to resume."""
        # Workers of a search train several candidates at once.
        is_worker = (
            multiprocessing.parent_process() is not None or threading.current_thread() is not threading.main_thread()
        )
        for other in unfinished(self._folder, of_earlier_processes=is_worker).values():
            names = ", ".join(differences(self._description, other))
            files = self._folder / f"{digest_of(other)}-*"
            message = f"The checkpoints {files} belong to an unfinished training with other data or settings ({names})"
            if is_worker or self._is_shared or slots(self._folder, other)[0] in _begun:
                self._warn(f"{message}: they are left alone, and this training starts anew.")
                return
            raise CheckpointError(
                f"{message}. To resume it, fit with the same data, parameters and random_state; to start anew, remove "
                "these files or set another folder as checkpoint."
            )

    def _warn(self, message: str) -> None:
        warnings.warn(message, CheckpointWarning, stacklevel=2)

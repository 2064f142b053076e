#!/usr/bin/env python
"""Read a thousand malformed or unusual image files, and hostile archives, as `load_image_folder` does.

Each file is read right or refused with its name. Run it with ``python .ci/hostile_images.py``; it prints a summary, and
its exit code is 1 if a file is read wrong, an error is of another kind, a file takes longer than SECONDS, or memory
grows by more than the documented ceiling. Messages of libtiff are its own.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "datasets"))

from hostile_archives import archive_outcome, hostile_archives
from hostile_images import Case, bombs, hostile_images, outcome

from sk_cifar_ovr.datasets.files import Reading, SourceFile, decode_files

# Most CPU time that one file may take; another process may keep the machine busy.
SECONDS = 30
# MiB; see `load_image_folder`.
CEILING = 3072


class Readings:
    """Outcomes of readings, and what each took."""

    def __init__(self) -> None:
        self.counts: Counter = Counter()
        self.wrong: list[str] = []
        self.slowest: list[tuple[float, str]] = []

    def add(self, kind: str, name: str, read: Callable[[], str]) -> None:
        """Read a file."""
        start = time.process_time()
        result = read()
        seconds = time.process_time() - start
        if seconds > SECONDS:
            result = f"WRONG: it took {seconds:.1f} s"
        self.slowest.append((seconds, name))
        self.counts[kind, result.split(":")[0]] += 1
        if result.startswith("WRONG"):
            self.wrong.append(f"{name}: {result}")


def peak() -> float:
    """Largest memory so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def write_large(folder: Path) -> tuple[list[Case], list[tuple[Path, str]]]:
    """Write the files whose making takes much memory; in a process of its own."""
    cases = []
    for case in bombs():
        (folder / case.name).write_bytes(case.content or b"")
        cases.append(replace(case, content=None))
    return cases, list(hostile_archives(folder, large=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="show the slowest files and those that took memory")
    parser.add_argument("--short", action="store_true", help="leave out large files")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # Pillow's
    readings = Readings()
    with tempfile.TemporaryDirectory() as name, multiprocessing.get_context("spawn").Pool(1) as other:
        folder = Path(name)
        cases, archives = ([], []) if arguments.short else other.apply(write_large, (folder,))
        decode_one(folder)
        before = last = peak()
        small = [(case, size) for case in hostile_images(arguments.seed, every_tenth=True) for size in (None, (32, 32))]
        for case, size in [*small, *((case, (32, 32)) for case in cases)]:
            readings.add(case.kind, case.name, lambda case=case, size=size: outcome(case, folder, size))
            (folder / case.name).unlink(missing_ok=True)
            if arguments.verbose and peak() > last + 50:
                print(f"{case.name}: {peak() - before:.0f} MiB", flush=True)
                last = peak()
        for path, expected in [*hostile_archives(folder), *archives]:
            readings.add("archive", path.name, lambda path=path, expected=expected: archive_outcome(path, expected))
            if arguments.verbose and peak() > last + 50:
                print(f"{path.name}: {peak() - before:.0f} MiB", flush=True)
                last = peak()
    for (kind, result), n in sorted(readings.counts.items()):
        print(f"{kind:16} {result:8} {n:5}")
    grown = peak() - before
    readings.slowest.sort(reverse=True)
    shown = readings.slowest[: 10 if arguments.verbose else 1]
    print(f"{readings.counts.total()} readings; memory grew by {grown:.0f} MiB at most")
    print("slowest: " + ", ".join(f"{name} {seconds:.1f} s" for seconds, name in shown))
    if grown > CEILING:
        readings.wrong.append(f"memory grew by {grown:.0f} MiB, and {CEILING} is the ceiling")
    print("\n".join(readings.wrong) or "all right")
    return 1 if readings.wrong else 0


def decode_one(folder: Path) -> None:
    """Load what reading images needs anyway."""
    from PIL import Image

    Image.new("RGB", (8, 8)).save(folder / "first.png")
    decode_files([SourceFile("first.png", str(folder / "first.png"))], Reading((4, 4)))


if __name__ == "__main__":
    sys.exit(main())

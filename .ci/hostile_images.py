#!/usr/bin/env python
"""Read a thousand malformed or unusual image files, and hostile archives, as `load_image_folder` does.

Each file is read right or refused with its name. Run it with ``python .ci/hostile_images.py``; it prints a summary, and
its exit code is 1 if a file is read wrong, an error is of another kind, a file takes longer than SECONDS, or memory
grows by more than the documented ceiling. Messages of libtiff are its own.
"""

import argparse
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "datasets"))

from hostile_archives import archive_outcome, hostile_archives
from hostile_images import hostile_images, outcome

from sk_cifar_ovr.datasets.files import Reading, SourceFile, decode_files

# Slowest that one file may be, on a busy machine.
SECONDS = 30
# MiB; see `load_image_folder`.
CEILING = 2560


def in_time(result: str, start: float) -> str:
    seconds = time.perf_counter() - start
    return result if seconds < SECONDS else f"WRONG: {seconds:.1f} s"


def peak() -> float:
    """Largest memory so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="show the slowest files and the growth of memory")
    parser.add_argument("--short", action="store_true", help="leave out large files")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # Pillow's
    counts: Counter = Counter()
    wrong, slowest = [], []
    with tempfile.TemporaryDirectory() as folder:
        decode_one(Path(folder))
        before = last = peak()
        for case in hostile_images(arguments.seed, large=not arguments.short):
            for image_size in [(32, 32)] if case.is_large else [None, (32, 32)]:
                start = time.perf_counter()
                result = in_time(outcome(case, Path(folder), image_size), start)
                slowest.append((time.perf_counter() - start, case.name))
                counts[case.kind, result.split(":")[0]] += 1
                if result.startswith("WRONG"):
                    wrong.append(f"{case.name} {image_size}: {result}")
            if arguments.verbose and peak() > last + 50:
                print(f"{case.name}: {peak() - before:.0f} MiB")
                last = peak()
            (Path(folder) / case.name).unlink(missing_ok=True)
        images_peak = peak()
        for path, expected in hostile_archives(Path(folder), large=not arguments.short):
            start = time.perf_counter()
            result = in_time(archive_outcome(path, expected), start)
            slowest.append((time.perf_counter() - start, path.name))
            counts["archives", result.split(":")[0]] += 1
            if result.startswith("WRONG"):
                wrong.append(f"{path.name}: {result}")
            if arguments.verbose and peak() > last + 50:
                print(f"{path.name}: {peak() - before:.0f} MiB")
                last = peak()
    for (kind, result), n in sorted(counts.items()):
        print(f"{kind:24} {result:8} {n:5}")
    grown = peak() - before
    print(
        f"{sum(counts.values())} readings; memory grew by {images_peak - before:.0f} MiB for images and to {grown:.0f}"
    )
    slowest.sort(reverse=True)
    shown = slowest[: 10 if arguments.verbose else 1]
    print("slowest: " + ", ".join(f"{name} {seconds:.1f} s" for seconds, name in shown))
    if grown > CEILING:
        wrong.append(f"memory grew by {grown:.0f} MiB, and {CEILING} is the ceiling")
    print("\n".join(wrong) or "all right")
    return 1 if wrong else 0


def decode_one(folder: Path) -> None:
    """Load what reading images needs anyway."""
    from PIL import Image

    Image.new("RGB", (8, 8)).save(folder / "first.png")
    decode_files([SourceFile("first.png", str(folder / "first.png"))], Reading((4, 4)))


if __name__ == "__main__":
    sys.exit(main())

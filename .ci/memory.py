"""Measure the memory of many fits: of one graph, of ever other graphs, and of a search with worker processes.

    python .ci/memory.py --fits 40

Prints the growth of memory for each fit after a warm-up, for one graph and for graphs of other sizes, each in a process
of its own, and the largest memory that a worker of ``GridSearchCV(n_jobs=2)`` over as many network sizes had. Exit
status 1 if fits of one graph grow by more than 1 MB each, or a worker was not renewed before it grew by 500 MB.
"""

import argparse
import gc
import os
import subprocess
import sys
import threading
import time

import psutil

MEGABYTE = 2**20
WARM_UP = 10
# joblib renews a worker that has grown by 300 MB after a task, and one task may grow by some.
ALLOWED = 500


def images():
    from sk_cifar_ovr import load_digit_images

    bunch = load_digit_images()
    return bunch.images[:128], bunch.target[:128]


def classifier(width):
    from sk_cifar_ovr import CNNClassifier

    settings = {"recipe": None, "epochs": 1, "batch_size": 64, "random_state": 0, "precision": "float32"}
    return CNNClassifier(**settings, model__filters=(width, width, width))


def memory(process):
    return process.memory_info().rss / MEGABYTE


def growth(widths):
    """Megabytes for each fit after the warm-up."""
    X, y = images()
    before = 0.0
    for i, width in enumerate(widths):
        if i == WARM_UP:
            gc.collect()
            before = memory(psutil.Process())
        classifier(width).fit(X, y)
    gc.collect()
    return (memory(psutil.Process()) - before) / (len(widths) - WARM_UP)


def search(widths):
    """First and largest memory of a worker, and the number of workers, in a search over network sizes."""
    from sklearn.model_selection import GridSearchCV, ShuffleSplit

    X, y = images()
    first, largest, is_done = {}, {}, threading.Event()

    def watch():
        while not is_done.wait(0.2):
            for worker in psutil.Process().children(recursive=True):
                try:
                    if "popen_loky" in " ".join(worker.cmdline()):
                        used = memory(worker)
                        largest[worker.pid] = max(largest.get(worker.pid, 0), used)
                        # After the first fit has imported everything.
                        if time.time() - worker.create_time() > 60:
                            first.setdefault(worker.pid, used)
                except psutil.Error:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    grid = {"model__filters": [(width, width, width) for width in widths]}
    GridSearchCV(classifier(8), grid, cv=ShuffleSplit(1, random_state=0), n_jobs=2, refit=False).fit(X, y)
    is_done.set()
    watcher.join()
    workers = [pid for pid in largest if largest[pid] > 400]
    grown = max((largest[pid] - first.get(pid, largest[pid]) for pid in workers), default=0)
    return max(largest.values()), grown, len(workers)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fits", type=int, default=40, help="number of fits after the warm-up")
    parser.add_argument("--only", choices=["one-graph", "many-graphs", "search"], help="one of the three")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        widths = (
            range(8, 8 + WARM_UP + arguments.fits)
            if arguments.only == "many-graphs"
            else [8] * (WARM_UP + arguments.fits)
        )
        print(growth(list(widths)))
        return 0
    holds = True
    for name in ("one-graph", "many-graphs"):
        if arguments.only in (None, name):
            command = [sys.executable, __file__, "--child", "--only", name, "--fits", str(arguments.fits)]
            environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
            per_fit = float(done.stdout.split()[-1])
            print(f"{name}: {per_fit:.2f} MB a fit", flush=True)
            holds &= name != "one-graph" or per_fit <= 1
    if arguments.only in (None, "search"):
        peak, grown, n_workers = search(range(8, 8 + arguments.fits))
        print(f"search: {n_workers} workers, peak of one {peak:.0f} MB, which grew by {grown:.0f} MB")
        holds &= grown <= ALLOWED
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())

"""Kill fits, saves, reports, caches and searches at random moments, and check that nothing is lost.

    python .ci/kills.py --n 200

Each scenario is a process that is killed by SIGKILL at a random moment and started again, until it ends by itself.
Then its result must be that of a process that was never killed, no file may be damaged, no leftover of a killed
process may remain, and no worker may live on. Prints a line a scenario; exit status 1 if anything did not hold.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

READY, DONE = "ready", "done"
ORPHAN_SECONDS = 15.0


def images(folder):
    """A small folder of images, the same each time."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for part, n in (("train", 30), ("test", 10)):
        for k, name in enumerate("abc"):
            (folder / part / name).mkdir(parents=True)
            for i in range(n):
                pixels = rng.integers(60 * k, 60 * k + 120, (8, 8, 3)).astype("uint8")
                Image.fromarray(pixels).save(folder / part / name / f"{i}.png")


def digest(*arrays):
    """SHA-256 of arrays."""
    import numpy as np

    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def states(estimator):
    return digest(*(v for each in getattr(estimator, "estimators_", [estimator]) for v in each.network_.state))


def digits():
    from sk_cifar_ovr import load_digit_images

    bunch = load_digit_images()
    return bunch.images[:400], bunch.target[:400]


def classifier(folder, **settings):
    from sk_cifar_ovr import CNNClassifier

    defaults = {"recipe": None, "epochs": 10, "batch_size": 32, "random_state": 0, "checkpoint": folder / "kept"}
    return CNNClassifier(**{**defaults, **settings})


def run_fit(folder, ready):
    from sk_cifar_ovr import OneVsRestCNNClassifier

    X, y = digits()
    ovr = OneVsRestCNNClassifier(classifier(folder, early_stopping=True, epochs=3), strategy="independent")
    ready()
    return states(ovr.fit(X, y))


def run_save(folder, ready):
    from sk_cifar_ovr import load, save

    X, y = digits()
    one, other = (classifier(folder, epochs=1, random_state=seed).fit(X, y) for seed in (0, 1))
    known = {states(one), states(other)}
    path = folder / "model.skovr"
    ready()
    for i in range(60):
        if path.exists() and states(load(path)) not in known:
            raise RuntimeError("the saved file is neither of the two")
        save((one, other)[i % 2], path)
    return states(load(path))


def run_report(folder, ready):
    from sk_cifar_ovr.cli import main

    ready()
    out = folder / "out"
    command = ["report", "--data", str(folder / "images"), "--epochs", "3", "--strategy", "independent", "--quiet"]
    if main([*command, "--out", str(out), "--resume"]):
        raise RuntimeError("the report failed")
    metrics = json.loads((out / "metrics.json").read_text())
    return hashlib.sha256(json.dumps(metrics["classes"], sort_keys=True).encode()).hexdigest()


def run_cache(folder, ready):
    from sk_cifar_ovr import load_image_folder

    ready()
    found = []
    for side in range(8, 40):
        data = load_image_folder(folder / "images", image_size=(side, side), cache=folder / "cache", verbose=0)
        found.append(data.images[:])
    X, y = digits()
    clf = classifier(folder, head_epochs=2, epochs=1, checkpoint=None, feature_cache=folder / "features")
    return digest(*found, *clf.fit(X, y).network_.state)


def run_search(folder, ready):
    from sklearn.model_selection import GridSearchCV

    X, y = digits()
    ready()
    search = GridSearchCV(
        classifier(folder), {"optimizer__learning_rate": [1e-3, 1e-2, 1e-1]}, cv=2, n_jobs=2, error_score="raise"
    )
    search.fit(X, y)
    return digest(search.cv_results_["mean_test_score"]) + states(search.best_estimator_)


SCENARIOS = {
    function.__name__.removeprefix("run_"): function
    for function in (run_fit, run_save, run_report, run_cache, run_search)
}


def child(name, folder):
    """Run a scenario in this process."""
    from sk_cifar_ovr.engine.checkpoints import _checkpoints

    # A checkpoint after each epoch, however short.
    _checkpoints.SHARE = 0
    (folder / DONE).write_text(SCENARIOS[name](folder, (folder / READY).touch))


class Scenario:
    """One scenario in a folder, and the times it takes."""

    def __init__(self, name, root):
        self.name, self.folder = name, root / name
        self.faults: list[str] = []
        self.kills = 0
        began = time.monotonic()
        started, self.expected = self.run(root / f"{name}-unbroken")
        self.seconds = time.monotonic() - began - started
        if self.expected is None:
            raise SystemExit(f"{name} fails without being killed")

    def start(self, folder):
        if not folder.exists():
            folder.mkdir()
            images(folder / "images")
        (folder / READY).unlink(missing_ok=True)
        command = [sys.executable, __file__, "--child", self.name, "--folder", str(folder)]
        with (folder / "log.txt").open("a") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        began = time.monotonic()
        while not (folder / READY).exists() and process.poll() is None:
            time.sleep(0.01)
        return process, time.monotonic() - began

    def run(self, folder):
        """Run to the end; seconds until it was ready, and its result or None."""
        process, started = self.start(folder)
        ok = process.wait() == 0
        return started, (folder / DONE).read_text() if ok else None

    def kill_once(self, rng):
        """Start, kill at a random moment, and start anew in an empty folder if the process ended before."""
        process, _ = self.start(self.folder)
        deadline = time.monotonic() + rng.uniform(0, self.seconds)
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        if process.poll() is not None:
            self.check_end(process.returncode)
            return
        workers = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        self.kills += 1
        self.check_files()
        _, alive = psutil.wait_procs(workers, timeout=ORPHAN_SECONDS)
        # Joblib's tracker of its resources ends by itself once the workers have.
        self.expect(not alive, f"orphans: {[each.cmdline()[-3:] for each in alive if each.is_running()]}")

    def check_files(self):
        """Every file under its own name is whole."""
        from sk_cifar_ovr.engine.checkpoints._files import read_checkpoint

        for path in self.folder.rglob("*.checkpoint"):
            if not path.parent.name.endswith(".part"):
                try:
                    read_checkpoint(path)
                except Exception as error:
                    self.expect(False, f"{path.name} is damaged: {error}")

    def check_end(self, status):
        """The result is that of a process that was never killed, and nothing else is left."""
        found = (self.folder / DONE).read_text() if status == 0 else (self.folder / "log.txt").read_text()[-2000:]
        self.expect(found == self.expected, f"ended with {found}")
        left = [str(path) for path in self.folder.rglob("*.part")]
        self.expect(not left, f"leftovers: {left}")
        shutil.rmtree(self.folder)

    def expect(self, holds, message):
        if not holds:
            self.faults.append(message)
            print(f"{self.name}: {message}", flush=True)

    def finish(self):
        """Let the last run end by itself."""
        if self.folder.exists():
            process, _ = self.start(self.folder)
            self.check_end(process.wait())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=200, help="number of kills, over all scenarios")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument("--child", choices=SCENARIOS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.folder)
        return 0
    rng = random.Random(arguments.seed)
    faults = 0
    with tempfile.TemporaryDirectory() as root:
        for i, name in enumerate(arguments.scenarios):
            scenario = Scenario(name, Path(root))
            wanted = arguments.n // len(arguments.scenarios) + (i < arguments.n % len(arguments.scenarios))
            while scenario.kills < wanted:
                scenario.kill_once(rng)
            scenario.finish()
            faults += len(scenario.faults)
            print(f"{name}: {scenario.kills} kills, {len(scenario.faults)} faults", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

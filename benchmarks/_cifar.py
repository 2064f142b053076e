"""CIFAR-10's images for the benchmarks, and the splits of its training images."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class Part:
    """Images to train on and images to be scored."""

    X: np.ndarray
    y: np.ndarray
    X_scored: np.ndarray
    y_scored: np.ndarray
    facts: dict
    X_held_back: np.ndarray | None = None
    y_held_back: np.ndarray | None = None


def read(path, subset):
    """Images, labels and SHA-256 of the source; ``SK_CIFAR_OVR_BENCH_CACHE`` names a folder for decoded copies."""
    from sk_cifar_ovr import load_image_folder

    cache = os.environ.get("SK_CIFAR_OVR_BENCH_CACHE")
    place = hashlib.sha256(str(Path(path).resolve()).encode()).hexdigest()[:12]
    stored = Path(cache) / f"cifar10_{place}_{subset}.npz" if cache else None
    if stored and stored.exists():
        arrays = np.load(stored)
        return arrays["X"], arrays["y"], str(arrays["sha256"])
    whole = load_image_folder(path, subset=subset, verbose=0)
    if stored:
        stored.parent.mkdir(parents=True, exist_ok=True)
        temporary = stored.with_name(f"{os.getpid()}_{stored.name}")
        np.savez(temporary, X=whole.images, y=whole.target, sha256=whole.sha256)
        temporary.replace(stored)
    return whole.images, whole.target, whole.sha256


def held_out(path, n_scored=5000, n_train=None, seed=0):
    """Training images alone, `n_scored` of them held out, stratified; `n_train` of the others."""
    from sklearn.model_selection import train_test_split

    X, y, sha256 = read(path, "train")
    train, scored = train_test_split(np.arange(len(X)), test_size=n_scored, stratify=y, random_state=seed)
    if n_train is not None and n_train < len(train):
        train, _ = train_test_split(train, train_size=n_train, stratify=y[train], random_state=seed)
    return Part(X[train], y[train], X[scored], y[scored], _facts(path, sha256, "training images", train, scored))


def whole(path, n_held_back=0):
    """Test images to be read once, and all training images but `n_held_back`, stratified, to choose thresholds on."""
    X, y, sha256 = read(path, "train")
    X_test, y_test, _ = read(path, "test")
    if not n_held_back:
        indices = np.arange(len(X)), np.arange(len(X_test))
        return Part(X, y, X_test, y_test, _facts(path, sha256, "test images", *indices))
    kept = held_out(path, n_scored=n_held_back)
    facts = {**kept.facts, "scored_on": "test images", "n_scored": len(X_test), "n_held_back": n_held_back}
    return Part(kept.X, kept.y, X_test, y_test, facts, kept.X_scored, kept.y_scored)


def indices_digest(*indices):
    """SHA-256 of row numbers."""
    return hashlib.sha256(b"".join(np.asarray(index, "<i8").tobytes() for index in indices)).hexdigest()


def _facts(path, sha256, scored_on, train, scored):
    return {
        "data": Path(path).name,
        "data_sha256": sha256,
        "scored_on": scored_on,
        "n_train": len(train),
        "n_scored": len(scored),
        "indices_sha256": indices_digest(train, scored),
    }

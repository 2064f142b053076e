"""A file that one backend writes is loaded by each other: another process, other threads, the same predictions."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

BACKENDS = [name for name in ("tensorflow", "jax", "torch") if importlib.util.find_spec(name)]
# Sums of float32 in another order. Four digits more than probabilities are read to.
TOLERANCE = 1e-5
# One writes with two threads, the others read with one.
SAVE = """
import sys, numpy as np
from sk_cifar_ovr import CNNClassifier, CNNFeatures, OneVsRestCNNClassifier, load_digit_images, save
from sklearn.frozen import FrozenEstimator
digits = load_digit_images()
X, y = digits.images[:120], digits.target[:120] % 3
tiny = CNNClassifier(model__filters=(2, 2, 4), epochs=1, recipe=None, precision="float32", random_state=0)
ovr = OneVsRestCNNClassifier(tiny).fit(X, y)
features = CNNFeatures(FrozenEstimator(ovr)).fit(X)
for name, estimator, output in (("ovr", ovr, ovr.predict_proba), ("features", features, features.transform)):
    save(estimator, f"{sys.argv[1]}/{name}")
    np.save(f"{sys.argv[1]}/{name}.npy", output(X))
"""
LOAD = """
import sys, numpy as np
from sk_cifar_ovr import load, load_digit_images
X = load_digit_images().images[:120]
for folder in sys.argv[2:]:
    for name, method in (("ovr", "predict_proba"), ("features", "transform")):
        found = getattr(load(f"{folder}/{name}"), method)(X)
        np.save(f"{folder}/{name} in {sys.argv[1]}.npy", found)
"""


def run(code, backend, n_threads, *arguments):
    threads = {name: str(n_threads) for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")}
    flags = f"--xla_cpu_multi_thread_eigen={str(n_threads > 1).lower()}"
    environment = {**os.environ, **threads, "XLA_FLAGS": flags, "KERAS_BACKEND": backend}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)], check=True, env=environment)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folders = {backend: tmp_path_factory.mktemp(backend) for backend in BACKENDS}
    for backend, folder in folders.items():
        run(SAVE, backend, 2, folder)
    for backend in BACKENDS:
        run(LOAD, backend, 1, backend, *folders.values())
    return folders


@pytest.mark.parametrize("reader", ["tensorflow", "jax", "torch"])
@pytest.mark.parametrize("writer", ["tensorflow", "jax", "torch"])
def test_each_backend_reads_what_another_wrote(folders, writer, reader):
    for name in (writer, reader):
        if name not in BACKENDS:
            pytest.skip(f"{name} is not installed")
    for name in ("ovr", "features"):
        expected = np.load(folders[writer] / f"{name}.npy")
        found = np.load(folders[writer] / f"{name} in {reader}.npy")
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * max(1, np.abs(expected).max()))

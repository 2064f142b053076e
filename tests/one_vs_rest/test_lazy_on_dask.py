"""Lazy images on a Dask cluster: workers read the files themselves, and no pixels are sent to them."""

import pickle

import numpy as np
import pytest
from joblib import parallel_config
from PIL import Image
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load_digit_images, load_image_folder

distributed = pytest.importorskip("distributed", reason="the extra [dask] is not installed")

TINY = {"model": dense, "epochs": 2, "optimizer__learning_rate": 0.01, "random_state": 0, "precision": "float32"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """300 digits of three classes as PNG files."""
    root = tmp_path_factory.mktemp("digits")
    digits = load_digit_images()
    for i in range(300):
        path = root / str(digits.target[i] % 3) / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(digits.images[i, ..., 0]).save(path)
    return root


@pytest.fixture(scope="module")
def cluster():
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as local,
        distributed.Client(local) as client,
    ):
        yield client


def test_workers_read_the_files_of_a_search_and_of_separate_networks(folder, cluster):
    here, lazy = (load_image_folder(folder, lazy=lazy, verbose=0) for lazy in (False, True))
    y = lazy.target
    # What is sent are paths: fewer bytes than the pixels of even these small images.
    assert len(pickle.dumps(lazy.images)) < here.images.nbytes / 2
    search = GridSearchCV(
        CNNClassifier(**TINY),
        {"loss": ["focal"], "loss__gamma": [0.0, 2.0]},
        cv=StratifiedKFold(2, shuffle=True, random_state=0),
    )
    ovr = OneVsRestCNNClassifier(CNNClassifier(**TINY), strategy="independent", n_jobs=2)
    with parallel_config(backend="dask"):
        search.fit(lazy.images, y)
        ovr.fit(lazy.images, y)
        scores = search.cv_results_["mean_test_score"]
        found = ovr.predict_proba(lazy.images)
    np.testing.assert_array_equal(scores, search.fit(here.images, y).cv_results_["mean_test_score"])
    np.testing.assert_array_equal(found, ovr.set_params(n_jobs=None).fit(here.images, y).predict_proba(here.images))


def test_answers_of_workers_are_those_of_this_process(folder, cluster):
    lazy = load_image_folder(folder, lazy=True, verbose=0)
    classifier = CNNClassifier(**TINY).fit(lazy.images, lazy.target)
    parts = [lazy.images[start : start + 100] for start in range(0, 300, 100)]
    answers = cluster.gather(cluster.map(classifier.predict_proba, parts))
    np.testing.assert_allclose(np.concatenate(answers), classifier.predict_proba(lazy.images), atol=1e-6)

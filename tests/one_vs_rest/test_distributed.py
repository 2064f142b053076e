"""The same searches and one-vs-rest fits in other processes: on loky, and on a Dask cluster that loses a worker."""

import os
import pickle
import random
import signal
import time
from concurrent.futures import CancelledError
from threading import Thread

import keras
import numpy as np
import pytest
from joblib import parallel_config, register_parallel_backend
from joblib._parallel_backends import LokyBackend
from sklearn.base import clone
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load_digit_images
from sk_cifar_ovr._shared.variables import to_numpy
from sk_cifar_ovr.engine.compiled import seeded_building

distributed = pytest.importorskip("distributed", reason="the extra [dask] is not installed")

TINY = {
    "model": dense,
    "epochs": 3,
    "batch_size": 64,
    "optimizer__learning_rate": 0.01,
    "random_state": 0,
    "precision": "float32",
}


@pytest.fixture(scope="module")
def many():
    """Digits as three classes, so many that joblib hands images, labels and folds to workers as data of their own."""
    digits = load_digit_images()
    return digits.images[:1500], digits.target[:1500] % 3


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes; a lost one is started again."""
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as local,
        distributed.Client(local) as client,
    ):
        # Dask would remove all copies of scattered data but one, after two seconds in which no task needs it.
        client.amm.stop()
        yield client


def die_once(flag, home):
    """Kill the first process but `home` that comes here, in the middle of its work."""
    if os.getpid() != home and not flag.exists():
        flag.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)


class F1AndOneDeath:
    """A score that a worker does not survive."""

    def __init__(self, flag):
        self.flag, self.home = flag, os.getpid()

    def __call__(self, estimator, X, y):
        die_once(self.flag, self.home)
        return f1_score(y, estimator.predict(X), average="macro")


class OneDeath(keras.callbacks.Callback):
    """An epoch that a worker does not survive."""

    def __init__(self, flag):
        super().__init__()
        self.flag, self.home = flag, os.getpid()

    def on_epoch_begin(self, epoch, logs=None):
        die_once(self.flag, self.home)


def one_vs_rest(**settings):
    return OneVsRestCNNClassifier(CNNClassifier(**{**TINY, **settings}), strategy="independent")


def assert_died(flag, client):
    """The worker is gone, and another one stands in its place."""
    assert int(flag.read_text()) not in client.run(os.getpid).values()
    client.wait_for_workers(2, timeout=60)


def test_a_search_on_dask_survives_the_loss_of_a_worker(many, cluster, tmp_path):
    """The images and the folds are sent to every worker and stay there, as the docs advise."""
    X, y = many
    folds = list(StratifiedKFold(2).split(X, y))
    scoring = F1AndOneDeath(tmp_path / "died")
    grid = {"loss": ["focal"], "loss__gamma": [0.0, 2.0], "optimizer__learning_rate": [0.0, 0.01]}
    search = GridSearchCV(CNNClassifier(**TINY), grid, cv=folds, scoring=scoring, error_score="raise")
    here = clone(search).fit(X, y)
    assert not scoring.flag.exists()
    with parallel_config(backend="dask", scatter=[X, y, *(rows for fold in folds for rows in fold)]):
        # As on a busy machine, where the first task may come seconds after the data.
        time.sleep(3)
        there = search.fit(X, y)
    assert_died(scoring.flag, cluster)
    for name in ("split0_test_score", "split1_test_score", "rank_test_score"):
        np.testing.assert_array_equal(there.cv_results_[name], here.cv_results_[name])
    np.testing.assert_array_equal(there.predict_proba(X), here.predict_proba(X))


def test_one_vs_rest_on_dask_survives_the_loss_of_a_worker(many, cluster, tmp_path):
    """Whatever the lost worker held: its problems are trained again."""
    X, y = many
    here = one_vs_rest().fit(X, y)
    flag = tmp_path / "died"
    with parallel_config(backend="dask"):
        there = one_vs_rest(callbacks=[OneDeath(flag)]).fit(X, y)
    assert_died(flag, cluster)
    np.testing.assert_array_equal(there.decision_function(X), here.decision_function(X))


def test_thresholds_tuned_on_dask(many, cluster):
    X, y = many
    ovr = one_vs_rest().set_params(threshold="f1", cv=2)
    here = clone(ovr).fit(X, y)
    with parallel_config(backend="dask"):
        there = clone(ovr).fit(X, y)
    np.testing.assert_array_equal(there.thresholds_, here.thresholds_)


def test_draws_of_other_threads_do_not_reach_the_weights():
    """A Dask worker's event loop draws from Python's global generator while a task builds its network."""

    def kernel(meanwhile):
        with seeded_building(0):
            thread = Thread(target=meanwhile)
            thread.start()
            thread.join()
            layer = keras.layers.Dense(3)
            layer.build((None, 4))
        return to_numpy(layer.kernel)

    state = random.getstate()
    np.testing.assert_array_equal(kernel(random.random), kernel(lambda: None))
    assert random.getstate() == state


def test_workers_that_keep_dying_are_an_error(many, monkeypatch):
    """Three losses are made good; the fourth is the caller's to know of."""
    from sk_cifar_ovr.one_vs_rest import _independent_training

    class Lost:
        calls = 0

        def __init__(self, **settings):
            Lost.calls += 1

        def __call__(self, tasks):
            if Lost.calls == 1:
                function, args, how = tasks[0]
                yield function(*args, **how)
            raise CancelledError

    X, y = many
    monkeypatch.setattr(_independent_training, "Parallel", Lost)
    with pytest.raises(CancelledError):
        one_vs_rest().set_params(n_jobs=2).fit(X, y)
    assert Lost.calls == 4


def test_loky_finds_the_same(many):
    X, y = many
    grid = {"estimator__loss": ["focal"], "estimator__loss__gamma": [0.0, 2.0]}
    here, there = (GridSearchCV(one_vs_rest(), grid, cv=2, n_jobs=n_jobs, error_score="raise") for n_jobs in (1, 2))
    here.fit(X, y)
    with parallel_config(backend="loky"):
        there.fit(X, y)
        spread = one_vs_rest().set_params(n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(there.cv_results_["mean_test_score"], here.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(there.predict_proba(X), here.predict_proba(X))
    np.testing.assert_array_equal(spread.predict_proba(X), one_vs_rest().fit(X, y).predict_proba(X))


def test_a_backend_without_generators(many):
    """As Ray's is."""

    class Listing(LokyBackend):
        supports_return_generator = False

    X, y = many
    register_parallel_backend("listing", Listing)
    with parallel_config(backend="listing", n_jobs=2):
        there = one_vs_rest().fit(X, y)
    np.testing.assert_array_equal(there.predict_proba(X), one_vs_rest().fit(X, y).predict_proba(X))


@pytest.mark.parametrize("strategy", ["joint", "independent"])
def test_what_travels_is_arrays(many, strategy):
    """No Keras model and no compiled program, even where both are at hand."""
    X, y = many
    fitted = one_vs_rest().set_params(strategy=strategy).fit(X, y)
    fitted.predict(X)
    assert fitted.estimators_[0].model_.count_params() > 0
    sent = pickle.dumps(fitted)
    for name in (b"keras.src.models", b"tensorflow", b"Program", b"KerasVariable"):
        assert name not in sent
    arrays = {id(a): a.nbytes for e in fitted.estimators_ for a in e.network_.state}
    joint = 0 if fitted.joint_network_ is None else sum(a.nbytes for a in fitted.joint_network_.state)
    assert len(sent) < sum(arrays.values()) + joint + 60_000

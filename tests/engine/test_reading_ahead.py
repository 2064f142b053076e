"""Batches that are read by a thread while the network trains or predicts."""

import _thread
import signal
import threading

import numpy as np
import pytest
from lazy_sources import Rows, reading_threads
from small_networks import dense

from sk_cifar_ovr import CNNClassifier
from sk_cifar_ovr._shared.lazy_arrays import LazyArray
from sk_cifar_ovr.engine import _prediction, _training_loop, image_blocks

N, BATCH = 96, 24


@pytest.fixture
def images(digits):
    X, y = digits
    return X[:N], y[:N] % 3


def classifier(**settings):
    return CNNClassifier(dense, batch_size=BATCH, random_state=0, **{"epochs": 1, **settings})


@pytest.mark.parametrize("module", [_training_loop, _prediction])
def test_the_next_batch_is_read_while_this_one_is_used(images, monkeypatch, module):
    X, y = images
    fitted = classifier().fit(X, y)
    monkeypatch.setattr(_prediction, "PREDICTION_BATCH", BATCH)
    n_batches = N // BATCH
    begun = [threading.Event() for _ in range(n_batches + 1)]
    real, used = module.for_device, []

    def waiting(x, dtype):
        used.append(len(x))
        # The next batch is asked for by this thread after this one only.
        assert len(used) >= n_batches or begun[len(used)].wait(60)
        return real(x, dtype)

    monkeypatch.setattr(module, "for_device", waiting)
    source = Rows(X, before_read=lambda n: begun[n].set())
    if module is _prediction:
        fitted.predict(source)
    else:
        classifier().fit(source, y)
    assert used[:n_batches] == [BATCH] * n_batches


def test_an_interrupt_ends_the_thread(images):
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("Only the main thread is interrupted.")
    X, y = images
    source = Rows(X, before_read=lambda n: _thread.interrupt_main() if n == 6 else None)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            classifier(epochs=1000).fit(source, y)
    finally:
        signal.signal(signal.SIGINT, before)
    assert reading_threads() == []
    # The network that was interrupted is lent again.
    np.testing.assert_array_equal(*(classifier().fit(each, y).predict_proba(X) for each in (Rows(X), X)))


def test_predictions_do_not_depend_on_blocks(images, monkeypatch):
    X, y = images
    fitted = classifier().fit(X, y)
    monkeypatch.setattr(_prediction, "MAX_VALUES", 2**9)
    blocks = list(image_blocks(LazyArray(Rows(X))))
    assert len(blocks) == N // 8
    np.testing.assert_array_equal(
        np.concatenate([fitted.network_.predict(part) for _, part in blocks]), fitted.network_.predict(X)
    )
    ((rows, whole),) = image_blocks(X)
    assert whole is X
    assert rows == slice(None)


def test_only_layers_that_adapt_are_shown_images(images):
    X, y = images
    source = Rows(X)
    classifier().fit(source, y)
    assert max(source.asked) == BATCH

"""What a report chooses from its images."""

import numpy as np
import pytest

from sk_cifar_ovr import report
from sk_cifar_ovr.report._defaults import choose_batch_size, choose_epochs, choose_image_size, choose_network


@pytest.mark.parametrize(
    ("sizes", "chosen"),
    [
        ([(8, 8), (8, 8)], None),
        ([(128, 100), (128, 100)], None),
        ([(129, 129)], (96, 96)),
        ([(8, 8), (8, 9)], (32, 32)),
        ([(64, 500), (500, 64), (30, 30)], (64, 64)),
        ([(95, 95), (95, 96)], (64, 64)),
        ([(3000, 4000), (4000, 3000)], (96, 96)),
    ],
)
def test_image_size_is_the_largest_that_most_images_have(sizes, chosen):
    assert choose_image_size(np.array(sizes)) == chosen


@pytest.mark.parametrize(
    ("n", "batch_size", "epochs"),
    [(1, 16, 300), (48, 16, 100), (480, 16, 10), (1437, 32, 10), (3840, 128, 10), (50_000, 128, 10)],
)
def test_small_training_sets_get_small_batches_and_many_epochs(n, batch_size, epochs):
    assert (choose_batch_size(n), choose_epochs(n, batch_size)) == (batch_size, epochs)


def test_training_length_is_told_and_a_batch_size_kept():
    estimator = report.make_estimator(settings={"batch_size": 8})
    told = report.set_training_length(estimator, 48, batch_size=8)
    assert told.startswith("48 training images get 50 epochs in batches of 8;")
    assert (estimator.estimator.epochs, estimator.estimator.batch_size) == (50, 8)
    told = report.set_training_length(estimator, 48, epochs=7)
    assert told == "48 training images get 7 epochs in batches of 16; choose other numbers with --set batch_size=N."
    assert (estimator.estimator.epochs, estimator.estimator.batch_size) == (7, 16)
    assert report.set_training_length(estimator, 48, epochs=7, batch_size=8) == ""


def test_network_is_the_one_asked_for():
    assert (choose_network(), choose_network("small_resnet")) == ("cifar_cnn", "small_resnet")
    with pytest.raises(ValueError, match="did you mean 'cifar_cnn'"):
        report.make_estimator(settings={"model": "cifar_cn"})

"""What a report chooses from its images."""

import numpy as np
import pytest

from sk_cifar_ovr import report
from sk_cifar_ovr.report._defaults import choose_image_size, choose_network


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


def test_network_is_the_one_asked_for():
    assert (choose_network(), choose_network("small_resnet")) == ("cifar_cnn", "small_resnet")
    with pytest.raises(ValueError, match="did you mean 'cifar_cnn'"):
        report.make_estimator(settings={"model": "cifar_cn"})

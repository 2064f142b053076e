"""Equal samples share a position."""

import numpy as np
from small_tsne import SMALL

from sk_cifar_ovr import TSNETransformer


def test_equal_rows_share_a_place(rows):
    X, _ = rows
    doubled = np.concatenate([X[:100], -np.zeros((1, 64)), X[:50], np.zeros((1, 64))])
    tsne = TSNETransformer(**SMALL)
    places = tsne.fit_transform(doubled)
    np.testing.assert_array_equal(places[:50], places[101:151])
    np.testing.assert_array_equal(places[100], places[151])
    np.testing.assert_array_equal(tsne.transform(doubled), places)
    np.testing.assert_array_equal(places[:101], TSNETransformer(**SMALL).fit_transform(doubled[:101]))

"""Folds and held-out images keep the shares of labels, of label matrices and of what is not known."""

import warnings

import numpy as np
import pytest
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from sk_cifar_ovr._shared.stratification import stratified_folds, stratified_split


@pytest.fixture
def matrix():
    """Labels of 400 images: frequent, rare and very rare, the last column half unknown."""
    rng = np.random.default_rng(0)
    labels = (rng.random((400, 4)) < (0.5, 0.1, 0.02, 0.3)).astype("int8")
    labels[rng.random(400) < 0.5, 3] = -1
    return labels


def all_tested(folds):
    return np.sort(np.concatenate([test for _, test in folds]))


def test_folds_keep_the_shares_of_a_matrix(matrix):
    folds = stratified_folds(matrix, matrix, 5)
    np.testing.assert_array_equal(all_tested(folds), np.arange(400))
    for train, test in folds:
        assert len(np.intersect1d(train, test)) == 0
        assert abs(len(test) - 80) <= 4
        for value in (0, 1, -1):
            expected = (matrix == value).sum(axis=0) / 5
            np.testing.assert_allclose((matrix[test] == value).sum(axis=0), expected, atol=5)
        np.testing.assert_allclose((matrix[test] == 1).sum(axis=0), (matrix == 1).sum(axis=0) / 5, atol=1.5)


def test_held_out_images_keep_the_shares_of_a_matrix(matrix):
    train, test = stratified_split(matrix, 0.25, seed=3)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(400))
    assert abs(len(test) - 100) <= 4
    for value in (1, -1):
        np.testing.assert_allclose((matrix[test] == value).sum(axis=0), (matrix == value).sum(axis=0) / 4, atol=2)


def test_equal_seeds_and_no_global_state(matrix):
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    first, second, other = (stratified_split(matrix, 0.2, seed)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
    for one, two in zip(stratified_folds(matrix, matrix), stratified_folds(matrix, matrix), strict=True):
        np.testing.assert_array_equal(one[1], two[1])
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_plain_labels_are_split_by_scikit_learn():
    y = np.random.default_rng(0).choice(["a", "b", "c"], 90, p=[0.6, 0.3, 0.1])
    for ours, theirs in zip(stratified_folds(y, y, 4), StratifiedKFold(4).split(y, y), strict=True):
        np.testing.assert_array_equal(ours[1], theirs[1])
    ours = stratified_split(y, 0.2, 7)
    theirs = train_test_split(np.arange(90), test_size=0.2, stratify=y, random_state=7)
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_array_equal(ours[1], theirs[1])


def test_one_column_is_split_like_plain_labels(matrix):
    column = matrix[:, [3]]
    for ours, theirs in zip(stratified_folds(column, column), stratified_folds(column, column[:, 0]), strict=True):
        np.testing.assert_array_equal(ours[1], theirs[1])


def test_given_splitters_see_the_labels(matrix):
    folds = stratified_folds(matrix, matrix, KFold(4))
    np.testing.assert_array_equal(folds[0][1], np.arange(100))
    assert stratified_folds(matrix, matrix, [folds[1]]) == [folds[1]]
    with pytest.raises(ValueError, match="pass the number of folds, which are then stratified too, or KFold"):
        stratified_folds(matrix, matrix, StratifiedKFold(4))


def test_rare_classes_are_no_warning_here_but_too_many_folds_are_an_error():
    y = np.array([0] * 10 + [1] * 10 + [2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(stratified_folds(y, y, 5)) == 5
    with pytest.raises(ValueError, match="cv=11 folds need 11 images of a class, and the most frequent class has 10"):
        stratified_folds(y, y, 11)


def test_the_only_image_of_a_class_is_not_held_out():
    y = np.array([0] * 10 + [1] * 10 + [2])
    for seed in range(5):
        train, test = stratified_split(y, 0.2, seed)
        assert 20 in train
        assert np.bincount(y[test]).tolist() == [2, 2]


def test_too_few_images_are_refused():
    with pytest.raises(ValueError, match="number of classes"):
        stratified_split(np.repeat([0, 1, 2], 2), 0.2, 0)
    with pytest.raises(ValueError, match="n_splits=5"):
        stratified_folds(np.eye(3), np.eye(3, dtype="int8"), 5)


def test_the_only_image_of_a_label_of_a_matrix_is_not_held_out():
    labels = np.zeros((40, 3), dtype="int8")
    labels[::2, 0] = 1
    labels[7, 1] = 1
    labels[:, 2] = -1
    labels[[3, 9, 20], 2] = [1, 0, 0]
    for seed in range(20):
        train, test = stratified_split(labels, 0.5, seed)
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(40))
        assert {3, 7} <= set(train.tolist())
        assert 17 <= len(test) <= 21
    with pytest.raises(ValueError, match="the only one of some label"):
        stratified_split(np.eye(3, dtype="int8"), 0.4, 0)

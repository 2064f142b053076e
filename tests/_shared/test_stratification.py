"""Folds and held-out images keep the shares of labels, of label matrices and of what is not known, and groups."""

import warnings

import numpy as np
import pytest
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    StratifiedGroupKFold,
    StratifiedKFold,
    train_test_split,
)

from sk_cifar_ovr._shared.groups import group_codes
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


@pytest.fixture
def patients():
    """Groups of 400 images, 1 to 40 images each."""
    return np.random.default_rng(1).geometric(0.04, 400).astype(str)


def cuts(groups, parts):
    return bool(set(groups[parts[0]].tolist()) & set(groups[parts[1]].tolist()))


def test_folds_of_groups_are_those_of_scikit_learn(patients):
    y = np.random.default_rng(0).choice(["a", "b", "c"], 400, p=[0.6, 0.3, 0.1])
    for ours, theirs in zip(
        stratified_folds(y, y, 4, patients), StratifiedGroupKFold(4).split(y, y, patients), strict=True
    ):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])


def test_folds_of_a_matrix_keep_groups_and_shares(matrix, patients):
    assert len(np.unique(patients)) > 40
    folds = stratified_folds(matrix, matrix, 5, patients)
    np.testing.assert_array_equal(all_tested(folds), np.arange(400))
    for fold in folds:
        assert not cuts(patients, fold)
        assert abs(len(fold[1]) - 80) <= 6
        for value in (1, -1):
            expected = (matrix == value).sum(axis=0) / 5
            np.testing.assert_allclose((matrix[fold[1]] == value).sum(axis=0), expected, atol=8)
    again = stratified_folds(matrix, matrix, 5, patients)
    assert all(np.array_equal(one[1], two[1]) for one, two in zip(folds, again, strict=True))


@pytest.mark.parametrize("kind", ["plain", "matrix"])
def test_held_out_groups_keep_the_shares(matrix, patients, kind):
    labels = matrix if kind == "matrix" else matrix[:, 0] + 2 * matrix[:, 1]
    parts = [stratified_split(labels, 0.2, seed, patients) for seed in range(8)]
    for train, test in parts:
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(400))
        assert not cuts(patients, (train, test))
        assert abs(len(test) - 80) <= 6
        for value in (0, 1):
            share = (labels[test] == value).sum(axis=0) / (labels == value).sum(axis=0)
            np.testing.assert_allclose(share[:2] if kind == "matrix" else share, 0.2, atol=0.07)
    np.testing.assert_array_equal(parts[3][1], stratified_split(labels, 0.2, 3, patients)[1])
    assert len({tuple(test) for _, test in parts}) > 1


def test_the_last_group_of_a_label_stays_in_training():
    groups = np.repeat(np.arange(20), 5)
    y = np.zeros(100, int)
    y[groups == 3] = 1
    y[(groups == 7) | (groups == 8)] = 2
    several = np.stack([y == 1, y == 2], axis=1).astype("int8")
    for labels in (y, several):
        for seed in range(10):
            train, test = stratified_split(labels, 0.5, seed, groups)
            assert 3 in groups[train]
            assert len({7, 8} & set(groups[test])) == 1
            assert 40 <= len(test) <= 60


def test_few_groups_and_a_giant_one():
    y = np.arange(100) % 2
    train, test = stratified_split(y, 0.1, 0, np.repeat(["a", "b"], [60, 40]))
    assert (len(train), len(test)) == (60, 40)
    giant = np.where(np.arange(100) < 90, -1, np.arange(100))
    train, test = stratified_split(y, 0.1, 0, giant)
    assert set(range(90)) <= set(train)
    assert 8 <= len(test) <= 10
    with pytest.raises(ValueError, match="one group only"):
        stratified_split(y, 0.1, 0, np.zeros(100))
    with pytest.raises(ValueError, match="Every group holds all images of some label"):
        stratified_split(y, 0.1, 0, y)
    for labels in (y, np.stack([y, y], axis=1).astype("int8")):
        with pytest.raises(ValueError, match="cv=3 folds need 3 groups, and groups holds 2"):
            stratified_folds(y, labels, 3, y)


def test_splitters_get_groups_and_ask_for_them(matrix, patients):
    y = matrix[:, 0]
    for splitter in (GroupKFold(3), LeaveOneGroupOut(), StratifiedGroupKFold(3), GroupShuffleSplit(2, random_state=0)):
        for labels in (y,) if isinstance(splitter, StratifiedGroupKFold) else (y, matrix):
            folds = stratified_folds(y, labels, splitter, patients)
            assert len(folds) == splitter.get_n_splits(y, y, patients)
            assert not any(cuts(patients, fold) for fold in folds)
        with pytest.raises(ValueError, match=r"pass fit\(X, y, groups=...\)"):
            stratified_folds(y, y, splitter)
    for cutting in (KFold(3), StratifiedKFold(3), list(KFold(3).split(y))):
        with pytest.raises(ValueError, match="images of one group on both sides"):
            stratified_folds(y, y, cutting, patients)


def test_groups_of_any_labels():
    import pandas as pd

    values = ["b", "a", "b", "c"]
    for groups in (values, np.array(values), pd.Series(values, index=[9, 8, 7, 6]), pd.Categorical(values)):
        assert group_codes(groups, 4).tolist() == [1, 0, 1, 2]
    assert group_codes([("x", 1), 3, ("x", 1), "c"], 4).tolist() == [0, 1, 0, 2]
    assert group_codes(pd.to_datetime(["2024-02-01", "2024-01-01"]), 2).tolist() == [1, 0]
    assert group_codes(None, 4) is None
    assert group_codes([2.0, 1.0], 2).dtype.kind == "i"


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (["a", None, "b"], "1 missing values, the first for image 1"),
        ([1.0, 2.0, float("nan")], "1 missing values, the first for image 2"),
        (np.ma.masked_array([1, 2, 3], [True, False, False]), "the first for image 0"),
        (["a", "b"], "holds 2 labels, expected one an image: 3"),
        (np.ones((3, 1)), r"expected one label an image: \(3,\)"),
        ("abc", "must hold one label an image, 3 in all"),
        (5, "must hold one label an image"),
        ([[1], [2], [3]], "hashable"),
    ],
)
def test_wrong_groups_are_refused(groups, message):
    import pandas as pd

    with pytest.raises((ValueError, TypeError), match=message):
        group_codes(groups, 3)
    with pytest.raises(ValueError, match="1 missing values"):
        group_codes(pd.array([1, pd.NA, 2], dtype="Int64"), 3)

"""Label matrices as users have them become one int8 array."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sk_cifar_ovr._shared.label_matrices import check_plain_labels, is_label_matrix, label_matrix

NAN = float("nan")


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        ([[0, 1], [1, 0]], [[0, 1], [1, 0]]),
        ([[0, NAN], [None, True]], [[0, -1], [-1, 1]]),
        (np.array([[1.0, NAN]]), [[1, -1]]),
        (np.ma.masked_array([[7, 1]], mask=[[True, False]]), [[-1, 1]]),
        (sparse.csr_array(np.array([[0.0, NAN], [1.0, 0.0]])), [[0, -1], [1, 0]]),
        (pd.DataFrame({"a": pd.array([True, None], dtype="boolean"), "b": [1.0, NAN]}), [[1, 1], [-1, -1]]),
        (pd.DataFrame({"a": [None, 1], "b": [0, "x"]}).iloc[:1], [[-1, 0]]),
        (np.array([[pd.NA, 1], [True, pd.NaT]], dtype=object), [[-1, 1], [1, -1]]),
        ([[pd.NA, 1], [0, None]], [[-1, 1], [0, -1]]),
    ],
    ids=["list", "none", "float", "masked", "sparse", "frame", "objects", "missing", "list of missing"],
)
def test_forms(y, expected):
    labels, _ = label_matrix(y)
    assert labels.dtype == np.int8
    assert labels.tolist() == expected


def test_names():
    frame = pd.DataFrame(np.eye(3, dtype=int), columns=["a", 2, ("b", 1)])
    assert label_matrix(frame)[1].tolist() == ["a", "2", "('b', 1)"]
    assert label_matrix(pd.DataFrame(np.eye(2), columns=[3, 5]))[1].tolist() == [3, 5]
    assert label_matrix(np.eye(2))[1].tolist() == [0, 1]


def test_the_callers_matrix_stays_as_it_is():
    y = np.array([[1.0, NAN], [0.0, 1.0]])
    masked = np.ma.masked_array([[1, 1]], mask=[[True, False]])
    label_matrix(y)
    label_matrix(masked)
    np.testing.assert_array_equal(y, [[1.0, NAN], [0.0, 1.0]])
    assert masked.mask.tolist() == [[True, False]]
    assert masked.data.tolist() == [[1, 1]]


def test_what_is_a_matrix():
    assert is_label_matrix([[0, 1], [1, 0]])
    assert is_label_matrix([np.array([0, 1])])
    assert not any(map(is_label_matrix, (None, [0, 1], np.zeros((3, 1)), [[0], [1]], [[0, 1], [1]], "ab", 5)))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.ma.masked_array([0, 1, 1], [False, True, False]), "masked entries: 1 of its 3 labels is not known"),
        (np.ma.masked_array([[0], [1]], [[True], [True]]), "masked entries: 2 of its 2 labels are not known"),
        (np.array([[0.0], [NAN]]), "Input y contains NaN: 1 of its 2 .*One column counts as plain labels"),
        (pd.Series(["a", None]), "Input y contains NaN"),
        (pd.Series([1, None], dtype="Int64"), "Input y contains NaN"),
        (
            sparse.csr_array(np.eye(3)[:, :1]),
            r"y is sparse, of shape \(3, 1\): one column .* y\.toarray\(\)\.ravel\(\)",
        ),
    ],
)
def test_plain_labels_must_be_known_and_dense(y, message):
    with pytest.raises(ValueError, match=message):
        check_plain_labels(y)


def test_plain_labels_of_any_kind_pass():
    masked = np.ma.masked_array([0, 1], [False, False])
    for y in (None, masked, [0, 1], ["a", "b"], np.array([[1], [0]]), pd.Series(["a", "b"]), [[1, 2], [3]]):
        check_plain_labels(y)

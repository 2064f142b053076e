import numpy as np
import pytest

from sk_cifar_ovr.metrics import ovr_report


@pytest.mark.parametrize(
    ("y", "predicted", "options", "message"),
    [
        ([0, 1, 2], [0, 1], {}, "inconsistent numbers of samples"),
        ([0, 1, 2], np.eye(2, dtype=bool), {}, "inconsistent numbers of samples"),
        ([0, 1, 2], np.zeros((3, 4), bool), {}, "4 columns for 3 classes"),
        ([0, 1, 2], np.zeros(3, bool), {}, "1 columns for 3 classes"),
        ([0, 1, 2], np.full((3, 3), 0.7), {}, "go into `probabilities`"),
        ([0, 1, 2], [0, 1, 2], {"classes": [0, 1]}, r"`y_true` holds labels .* \[2\]"),
        ([0, 1, 1], [0, 1, 2], {"classes": [0, 1]}, r"`predicted` holds labels .* \[2\]"),
        ([0, 1, 1], [0, 1, 1], {"classes": ["a", "b"]}, "`y_true` holds labels"),
        ([0, 1, 1], [0, 1, 1], {"classes": [0, 1, 1]}, "names a class twice"),
        ([0, 0], [0, 0], {}, "at least two classes"),
        ([0, 1], ["a", "b"], {}, "Mix of label input types"),
        ([0.5, 1.2], np.eye(2), {}, "Unknown label type"),
        ([0, 1], [0, np.nan], {}, "NaN"),
        ([], [], {}, "0 sample"),
        ([0, 1], [0, 1], {"probabilities": [[2, 0], [0, 1]]}, "outside 0-1"),
        ([0, 1], [0, 1], {"probabilities": [[1, 0, 0], [0, 1, 0]]}, "3 columns for 2 classes"),
        ([0, 1], [0, 1], {"probabilities": [[1, 0]]}, "1 rows, but `y_true` has 2"),
    ],
)
def test_bad_input_is_named(y, predicted, options, message):
    with pytest.raises(ValueError, match=message):
        ovr_report(y, predicted, **options)

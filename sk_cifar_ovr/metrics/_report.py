"""The one-vs-rest report: confusion counts of each class, and every metric computed from them."""

import warnings
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ._columns import COUNTS, column_means
from ._probabilities import Absent, check_absent, probability_scores
from ._ratios import ratio, warn_undefined
from ._tables import html_table, markdown_table
from ._validation import check_predicted


@dataclass(frozen=True, eq=False, repr=False)
class OvRReport:
    """Confusion counts of K class-vs-rest tasks, and the metrics computed from them.

    Create it with :func:`ovr_report`. It is shown as a table in notebooks.

    Attributes
    ----------
    classes : ndarray of shape (K,)
        Label of each class.
    confusion : ndarray of shape (K, 2, 2), int64
        ``[[tp, fn], [fp, tn]]`` of each class against the rest.
    scores : pandas.DataFrame or None
        Average precision, ROC AUC and calibration error of each class if probabilities were given.
    argmax : bool
        True if the predictions are one label per sample, so that exactly one task answers "yes".
    n_samples : int or None
        Number of samples. None is the largest number that was counted for a class. If some entries of a label matrix
        are not known, fewer samples are counted for these classes.
    absent : {"zero", "nan"}
        What the metrics of a class without samples are.

    See Also
    --------
    sk_cifar_ovr.OvRConfusionDisplay : Draws the confusion counts.
    sk_cifar_ovr.metrics.reference_table : Published results to compare with.

    Examples
    --------
    >>> from sk_cifar_ovr import ovr_report
    >>> report = ovr_report(["cat", "dog", "dog", "owl"], ["cat", "dog", "cat", "owl"])
    >>> report
    OvRReport(3 classes, 4 rows, mean class F1 77.8 %, mean macro F1 82.2 %, argmax labels)
    >>> report.mean()[["class_precision", "class_recall"]].round(2).to_dict()
    {'class_precision': 0.83, 'class_recall': 0.83}
    """

    classes: NDArray[Any]
    confusion: NDArray[np.int64]
    scores: pd.DataFrame | None = None
    argmax: bool = False
    n_samples: int | None = None
    absent: Absent = "zero"

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Which classes have metrics, shape (K,): with ``absent="nan"`` those that have samples, otherwise all."""
        has_samples = self.confusion[:, 0].sum(axis=1) > 0
        return has_samples if self.absent == "nan" else np.ones_like(has_samples)

    def frame(self, imbalance: bool = False) -> pd.DataFrame:
        """Return the metrics as a table with one row per class.

        Parameters
        ----------
        imbalance : bool, default=False
            Whether to add imbalanced-learn's `specificity`, `geometric_mean` and `index_balanced_accuracy` (of the
            squared geometric mean, with alpha 0.1), and the columns of `scores`.

        Returns
        -------
        pandas.DataFrame
            Fractions, not percent, and counts. The columns `class_...` are the metrics of the class, `others_...` of
            the rest, and `macro_...` the means of the two.

        Warns
        -----
        UndefinedMetricWarning
            If a metric of a measured class is 0/0, which is set to 0.

        Examples
        --------
        >>> from sk_cifar_ovr import ovr_report
        >>> ovr_report([0, 1, 1], [0, 1, 0]).frame()[["class", "class_f1", "macro_f1", "tp", "fn", "fp", "tn"]].round(3)
           class  class_f1  macro_f1  tp  fn  fp  tn
        0      0     0.667     0.667   1   0   1   1
        1      1     0.667     0.667   1   1   0   1
        """
        tp, fn, fp, tn = self.confusion.reshape(-1, 4).T
        ratios = {
            "accuracy": (tp + tn, tp + fn + fp + tn),
            "class_precision": (tp, tp + fp),
            "class_recall": (tp, tp + fn),
            "class_f1": (2 * tp, 2 * tp + fp + fn),
            "others_precision": (tn, tn + fn),
            "others_recall": (tn, tn + fp),
            "others_f1": (2 * tn, 2 * tn + fp + fn),
        }
        table: dict[str, Any] = {"class": self.classes}
        for name, (numerator, denominator) in ratios.items():
            table[name] = np.where(self.measured, ratio(numerator, denominator), np.nan)
            warn_undefined(name, (denominator == 0) & self.measured, self.classes)
        for name in ("precision", "recall", "f1"):
            table[f"macro_{name}"] = (table[f"class_{name}"] + table[f"others_{name}"]) / 2
        table |= zip(COUNTS, (tp, fn, fp, tn), strict=True)
        if imbalance:
            sensitivity, specificity = table["class_recall"], table["others_recall"]
            table["specificity"] = specificity
            table["geometric_mean"] = np.sqrt(sensitivity * specificity)
            dominance = sensitivity - specificity
            table["index_balanced_accuracy"] = (1 + 0.1 * dominance) * sensitivity * specificity
            if self.scores is not None:
                table |= self.scores.drop(columns="class").to_dict("series")
        return pd.DataFrame(table)

    def mean(self, imbalance: bool = False) -> pd.Series:
        """Return the mean over the measured classes of every column of :meth:`frame` except the counts.

        Parameters
        ----------
        imbalance : bool, default=False
            Whether to add the columns that :meth:`frame` adds.

        Returns
        -------
        pandas.Series
            Fractions, indexed by column.
        """
        return column_means(self.frame(imbalance))

    def beside(self, reference: pd.DataFrame, imbalance: bool = False) -> pd.DataFrame:
        """Return :meth:`frame` with the columns of a reference table beside it, named `reference_...`.

        Parameters
        ----------
        reference : pandas.DataFrame
            Another report's :meth:`frame`, or :func:`~sk_cifar_ovr.metrics.reference_table`. Rows are matched by
            `class`. If the two tables have the same length and no label in common (names in one, numbers in the
            other), rows are matched by position.
        imbalance : bool, default=False
            Whether to add the columns that :meth:`frame` adds.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        ValueError
            If the rows cannot be matched.

        Examples
        --------
        >>> from sk_cifar_ovr import ovr_report
        >>> new, old = ovr_report([0, 1, 1], [0, 1, 1]), ovr_report([0, 1, 1], [0, 1, 0])
        >>> new.beside(old.frame())[["class", "accuracy", "reference_accuracy"]].round(3)
           class  accuracy  reference_accuracy
        0      0       1.0               0.667
        1      1       1.0               0.667
        """
        matched = self._matched(reference).drop(columns="class")
        return pd.concat([self.frame(imbalance), matched.add_prefix("reference_")], axis=1)

    def against(self, reference: pd.DataFrame, column: str = "class_f1") -> pd.DataFrame:
        """Return one column of this report and of a reference table, with the differences and the means.

        Parameters
        ----------
        reference : pandas.DataFrame
            Reference table, matched as in :meth:`beside`.
        column : str, default="class_f1"
            A column of :meth:`frame`.

        Returns
        -------
        pandas.DataFrame
            Columns `class`, `measured`, `reference` and `difference`, in fractions. The last row holds the means;
            its class is "mean".

        See Also
        --------
        sk_cifar_ovr.plots.ReferenceDisplay : Draws this table.
        """
        measured, other = self.frame()[column], self._matched(reference)[column]
        table = pd.DataFrame(
            {
                "class": [*self.classes.tolist(), "mean"],
                "measured": [*measured, measured.mean()],
                "reference": [*other, other.mean()],
            }
        )
        return table.assign(difference=table["measured"] - table["reference"])

    def cells(self) -> pd.DataFrame:
        """Return the confusion matrices as a long table with one row per cell.

        Returns
        -------
        pandas.DataFrame
            Columns `class`, `true` and `answered` ("class" or "others"), `count`, and `row_share`: the share of the
            cell in the samples with the same truth.
        """
        sides = pd.MultiIndex.from_product(
            [self.classes.tolist(), ["class", "others"], ["class", "others"]],
            names=["class", "true", "answered"],
        )
        shares = ratio(self.confusion, self.confusion.sum(axis=2, keepdims=True))
        table = pd.DataFrame({"count": self.confusion.ravel(), "row_share": shares.ravel()}, index=sides)
        return table.reset_index()

    def to_markdown(self, reference: pd.DataFrame | None = None, *, imbalance: bool = False) -> str:
        """Return the table in percent as Markdown, with aligned columns and the means as last row.

        Parameters
        ----------
        reference : pandas.DataFrame, default=None
            Reference table to show in brackets, matched as in :meth:`beside`.
        imbalance : bool, default=False
            Whether to add the columns that :meth:`frame` adds.

        Returns
        -------
        str

        Examples
        --------
        >>> from sk_cifar_ovr import ovr_report
        >>> print(ovr_report([0, 1, 1], [0, 1, 0]).to_markdown())
        | class | accuracy | class P | class R | class F1 | others P | ... | tp | fn | fp | tn |
        | ----- | -------: | ------: | ------: | -------: | -------: | ... | -: | -: | -: | -: |
        | 0     |     66.7 |    50.0 |   100.0 |     66.7 |    100.0 | ... |  1 |  0 |  1 |  1 |
        | 1     |     66.7 |   100.0 |    50.0 |     66.7 |     50.0 | ... |  1 |  1 |  0 |  1 |
        | mean  |     66.7 |    75.0 |    75.0 |     66.7 |     75.0 | ... |    |    |    |    |
        """
        return markdown_table(self.frame(imbalance), None if reference is None else self._matched(reference))

    def to_csv(
        self, path: str | PathLike[str], reference: pd.DataFrame | None = None, *, imbalance: bool = False
    ) -> None:
        """Write :meth:`frame`, or :meth:`beside` a reference, to a CSV file, in fractions.

        Parameters
        ----------
        path : path-like
            File to write.
        reference : pandas.DataFrame, default=None
            Reference table, matched as in :meth:`beside`.
        imbalance : bool, default=False
            Whether to add the columns that :meth:`frame` adds.
        """
        table = self.frame(imbalance) if reference is None else self.beside(reference, imbalance)
        table.to_csv(path, index=False)

    def _matched(self, reference: pd.DataFrame) -> pd.DataFrame:
        """Rows of a reference table in the order of the classes."""
        labels, others = self.classes.tolist(), reference["class"].tolist()
        if set(labels) <= set(others):
            # Not `.loc[labels]`: a list of boolean labels would be a mask.
            return reference.set_index("class").reindex(labels).reset_index()
        if len(labels) == len(others) and not set(labels) & set(others):
            return reference.reset_index(drop=True)
        raise ValueError(f"The classes {labels} cannot be matched with the reference's {others}.")

    def __repr__(self) -> str:
        with warnings.catch_warnings(action="ignore"):
            means = self.mean()
        return (
            f"OvRReport({len(self.classes)} classes, {self._counted()}, "
            f"mean class F1 {100 * means['class_f1']:.1f} %, mean macro F1 {100 * means['macro_f1']:.1f} %"
            f"{', argmax labels' if self.argmax else ''})"
        )

    def _repr_html_(self) -> str:
        with warnings.catch_warnings(action="ignore"):
            table = self.frame(imbalance=True)
        answers = "argmax labels" if self.argmax else "each problem's own answers"
        return html_table(table, f"Each class vs the others, percent ({self._counted(',')}; {answers})")

    def _counted(self, number_format: str = "") -> str:
        """Number of samples and, if there are any, of labels that are not known."""
        counts = self.confusion.sum(axis=(1, 2))
        n_samples = int(counts.max()) if self.n_samples is None else self.n_samples
        text = f"{n_samples:{number_format}} rows"
        n_unknown = int((n_samples - counts).sum())
        return f"{text}, {n_unknown:{number_format}} labels not known" if n_unknown else text


def ovr_report(
    y_true: ArrayLike,
    predicted: ArrayLike,
    *,
    classes: ArrayLike | None = None,
    probabilities: ArrayLike | None = None,
    absent: Absent = "zero",
) -> OvRReport:
    """Build a report of accuracy, precision, recall and F1 of each class against the rest.

    Parameters
    ----------
    y_true : array-like of shape (n,) or (n, K)
        True labels. Several labels per sample are given as a label matrix: 1 if the sample belongs to the class, 0 if
        not, and NaN if that is not known. It may be dense, sparse, masked (masked entries are not known) or a data
        frame. An entry that is not known is left out of the results of its class only.
    predicted : array-like of shape (n, K) or (n,)
        Yes/no predictions of the K class-vs-rest tasks (`predict_ovr`), or one label per sample (`predict`). With
        two classes, booleans of shape (n,) or (n, 1) are, as in scikit-learn, the predictions for the second class.
        With a label matrix, the shape must be (n, K). The columns of a data frame that has the names of the classes
        are matched by name.
    classes : array-like of shape (K,), default=None
        Labels in column order. None takes the sorted labels of `y_true`, and of `predicted` if it holds labels. For
        a label matrix, None takes the column names of a data frame, otherwise 0 to K - 1. If a data frame has the
        names of `classes` in another order, its columns are sorted.
    probabilities : array-like of shape (n, K), default=None
        Positive-class probability in each task, for the columns of `scores`. With two classes, (n,) is accepted too:
        the probability of the second class. A data frame is matched as `predicted` is.
    absent : {"zero", "nan"}, default="zero"
        Metrics of a class without samples in `y_true`. With "zero" they are computed from the counts, and what is 0/0
        is 0. With "nan" all are NaN, which tables show as a dash, and means are over the remaining classes.

    Returns
    -------
    OvRReport

    Raises
    ------
    ValueError
        If lengths, numbers of columns or labels do not match, or a label matrix holds other values than 0, 1 and NaN
        or a column without any known label.

    See Also
    --------
    sk_cifar_ovr.metrics.ovr_answers : Predictions of any classifier, as this function takes them.
    sk_cifar_ovr.metrics.positive_probabilities : Probabilities of any classifier, as this function takes them.
    sk_cifar_ovr.OvRConfusionDisplay : Draws the confusion counts.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_cifar_ovr import ovr_report
    >>> y = ["cat", "dog", "dog", "owl"]
    >>> answers = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]], dtype=bool)
    >>> report = ovr_report(y, answers)
    >>> report
    OvRReport(3 classes, 4 rows, mean class F1 77.8 %, mean macro F1 82.2 %)
    >>> report.confusion[0].tolist()
    [[1, 0], [1, 2]]
    >>> report.frame().loc[:, ["class", "accuracy", "class_precision", "class_recall"]]
      class  accuracy  class_precision  class_recall
    0   cat      0.75              0.5           1.0
    1   dog      0.75              1.0           0.5
    2   owl      1.00              1.0           1.0

    Two labels per sample, of which one is not known:

    >>> labels, answers = [[1, 0], [1, np.nan], [0, 1]], [[1, 0], [0, 0], [0, 1]]
    >>> ovr_report(labels, answers, classes=["indoors", "person"]).frame()[["class", "tp", "fn", "fp", "tn"]]
         class  tp  fn  fp  tn
    0  indoors   1   1   0   1
    1   person   1   0   0   1

    A class without samples, which is not measured:

    >>> ovr_report([0, 1, 1], [0, 1, 0], classes=[0, 1, 2], absent="nan").frame()[["class", "class_f1", "fp", "tn"]]
       class  class_f1  fp  tn
    0      0  0.666667   1   1
    1      1  0.666667   0   1
    2      2       NaN   0   3
    """
    check_absent(absent)
    truth, answers, argmax = check_predicted(y_true, predicted, classes)
    cells = [
        [(is_class & yes).sum(axis=0) for yes in (answers, ~answers)] for is_class in (truth.positive, truth.negative)
    ]
    confusion = np.moveaxis(np.array(cells, dtype=np.int64), -1, 0)
    scores = None
    if probabilities is not None:
        scores = probability_scores(y_true, probabilities, classes=truth.classes, absent=absent)
    return OvRReport(truth.classes, confusion, scores, argmax, len(truth), absent)

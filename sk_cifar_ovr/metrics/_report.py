"""The table of a one-vs-rest: counts of each class and every figure that follows from them."""

import warnings
from dataclasses import dataclass
from importlib.resources import files
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ._curves import divide, probability_scores, warn_undefined
from ._input import check_predicted
from ._tables import COUNTS, html_table, markdown_table


@dataclass(frozen=True, eq=False, repr=False)
class OvRReport:
    """The counts of K one-vs-rest problems, and every figure that follows from them.

    Made by :func:`ovr_report`.

    Attributes
    ----------
    classes : ndarray of shape (K,)
        The class each row speaks of.
    confusion : ndarray of shape (K, 2, 2), int64
        [[tp, fn], [fp, tn]] of each class against the others.
    scores : pandas.DataFrame or None
        Average precision, ROC AUC and calibration error where probabilities were given.
    argmax : bool
        True where the answers were made from one label a row, so that no row answers yes twice.
    """

    classes: NDArray[Any]
    confusion: NDArray[np.int64]
    scores: pd.DataFrame | None = None
    argmax: bool = False

    def frame(self, imbalance: bool = False) -> pd.DataFrame:
        """Return one row a class, in fractions.

        Parameters
        ----------
        imbalance : bool, default=False
            Whether to add imbalanced-learn's `specificity`, `geometric_mean` and
            `index_balanced_accuracy` (of the geometric mean, squared, alpha 0.1), and the columns of
            `scores`.

        Returns
        -------
        pandas.DataFrame
            0/0 is 0, with scikit-learn's ``UndefinedMetricWarning``.
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
            table[name], undefined = divide(numerator, denominator)
            warn_undefined(name, undefined, self.classes)
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
        """Return the mean over classes of every column of :meth:`frame` but the counts.

        Parameters
        ----------
        imbalance : bool, default=False
            As in :meth:`frame`.

        Returns
        -------
        pandas.Series
            In fractions, by column.
        """
        return self.frame(imbalance).drop(columns=["class", *COUNTS]).mean()

    def beside(self, reference: pd.DataFrame, imbalance: bool = False) -> pd.DataFrame:
        """Return :meth:`frame` with a reference table's columns beside it, named `reference_...`.

        Parameters
        ----------
        reference : pandas.DataFrame
            Another report's :meth:`frame`, or :func:`~sk_cifar_ovr.metrics.reference_table`. Rows are matched by
            `class`; where the two share no label (names here, numbers there) and are as many, by position.
        imbalance : bool, default=False
            As in :meth:`frame`.

        Returns
        -------
        pandas.DataFrame
        """
        matched = self._matched(reference).drop(columns="class")
        return pd.concat([self.frame(imbalance), matched.add_prefix("reference_")], axis=1)

    def against(self, reference: pd.DataFrame, column: str = "class_f1") -> pd.DataFrame:
        """Return one column measured here and in a reference table, class by class and on average.

        Parameters
        ----------
        reference : pandas.DataFrame
            As in :meth:`beside`.
        column : str, default="class_f1"
            A column of :meth:`frame`, in fractions.

        Returns
        -------
        pandas.DataFrame
            Columns `class`, `measured`, `reference` and `difference`; the last row's class is "mean".
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
        """Return the four cells of each class's confusion matrix, one a row.

        Returns
        -------
        pandas.DataFrame
            Columns `class`, `true` and `answered` ("class" or "others"), `count`, and `row_share`, the
            cell's share of the rows that are so in truth.
        """
        sides = pd.MultiIndex.from_product(
            [self.classes.tolist(), ["class", "others"], ["class", "others"]],
            names=["class", "true", "answered"],
        )
        shares, _ = divide(self.confusion, self.confusion.sum(axis=2, keepdims=True))
        table = pd.DataFrame({"count": self.confusion.ravel(), "row_share": shares.ravel()}, index=sides)
        return table.reset_index()

    def to_markdown(self, reference: pd.DataFrame | None = None, *, imbalance: bool = False) -> str:
        """Return the table in percent, the means last, as Markdown that also reads well unrendered.

        Parameters
        ----------
        reference : pandas.DataFrame, default=None
            A table to show in brackets, matched as in :meth:`beside`.
        imbalance : bool, default=False
            As in :meth:`frame`.

        Returns
        -------
        str
        """
        matched = None if reference is None else self._matched(reference)
        table = self.frame(imbalance)
        return markdown_table(table, table.drop(columns=["class", *COUNTS]).mean(), matched)

    def to_csv(
        self, path: str | PathLike[str], reference: pd.DataFrame | None = None, *, imbalance: bool = False
    ) -> None:
        """Write :meth:`frame`, or :meth:`beside` a reference, as CSV in fractions.

        Parameters
        ----------
        path : path-like
            The file to write.
        reference : pandas.DataFrame, default=None
            As in :meth:`beside`.
        imbalance : bool, default=False
            As in :meth:`frame`.
        """
        table = self.frame(imbalance) if reference is None else self.beside(reference, imbalance)
        table.to_csv(path, index=False)

    def _matched(self, reference: pd.DataFrame) -> pd.DataFrame:
        labels, others = self.classes.tolist(), reference["class"].tolist()
        if set(labels) <= set(others):
            return reference.set_index("class").loc[labels].reset_index()
        if len(labels) == len(others) and not set(labels) & set(others):
            return reference.reset_index(drop=True)
        raise ValueError(f"The classes {labels} cannot be matched with the reference's {others}.")

    def __repr__(self) -> str:
        with warnings.catch_warnings(action="ignore"):
            means = self.mean()
        return (
            f"OvRReport({len(self.classes)} classes, {self.confusion[0].sum()} rows, "
            f"mean class F1 {100 * means['class_f1']:.1f} %, mean macro F1 {100 * means['macro_f1']:.1f} %"
            f"{', argmax labels' if self.argmax else ''})"
        )

    def _repr_html_(self) -> str:
        with warnings.catch_warnings(action="ignore"):
            table, means = self.frame(imbalance=True), self.mean(imbalance=True)
        answers = "argmax labels" if self.argmax else "each problem's own answers"
        return html_table(
            table, means, f"Each class vs the others, percent ({self.confusion[0].sum():,} rows; {answers})"
        )


def ovr_report(
    y_true: ArrayLike,
    predicted: ArrayLike,
    *,
    classes: ArrayLike | None = None,
    probabilities: ArrayLike | None = None,
) -> OvRReport:
    """Count what each "class k vs others" problem got right.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        The true labels.
    predicted : array-like of shape (n, K) or (n,)
        The yes/no answers of K problems (`predict_ovr`), or one label a row, whose answers are then yes
        for that class alone. With two classes (n,) or (n, 1) booleans are, as in scikit-learn, the
        answers for the second class, and the first class's are their opposite.
    classes : array-like of shape (K,), default=None
        The labels in column order. None takes the sorted labels of `y_true`, and of `predicted` where
        it holds labels.
    probabilities : array-like of shape (n, K), default=None
        The positive-class probability of each problem; of two classes also (n,), that of the second.

    Returns
    -------
    OvRReport

    Raises
    ------
    ValueError
        Lengths, columns or labels that do not fit together.

    Examples
    --------
    >>> import numpy as np
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
    """
    truth, answers, found, argmax = check_predicted(y_true, predicted, classes)
    counts = [truth & answers, truth & ~answers, ~truth & answers, ~truth & ~answers]
    confusion = np.stack([count.sum(axis=0, dtype=np.int64) for count in counts], axis=1).reshape(-1, 2, 2)
    scores = None if probabilities is None else probability_scores(y_true, probabilities, classes=found)
    return OvRReport(found, confusion, scores, argmax)


def reference_table() -> pd.DataFrame:
    """Return the reference report's figures on CIFAR-10's test images, in fractions.

    Ten independent one-vs-rest networks with focal loss. Kept as their exact counts, which every
    column here follows from; the percents printed there disagree with them in places (classes 5 to 9).

    Returns
    -------
    pandas.DataFrame
        The columns of :meth:`~sk_cifar_ovr.OvRReport.frame`, `class` being 0-9.

    Examples
    --------
    >>> means = reference_table()[["class_f1", "macro_f1"]].mean()
    >>> print(f"{means['class_f1']:.3f} {means['macro_f1']:.3f}")
    0.763 0.869
    """
    with (files(__package__) / "reference_table.csv").open() as file:
        counts = pd.read_csv(file)
    confusion = counts[list(COUNTS)].to_numpy(np.int64).reshape(-1, 2, 2)
    return OvRReport(counts["class"].to_numpy(), confusion).frame()

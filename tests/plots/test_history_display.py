"""Metrics by epoch: values, networks and baseline pictures."""

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_cifar_ovr.plots import HistoryDisplay


class OneHistory:
    def __init__(self, first):
        self.history_ = {"loss": [float(first), 1.0]}


def test_history_draws_its_frame(history):
    display = HistoryDisplay(history).plot()
    table = display.frame()
    assert [ax.get_title() for ax in display.axes_] == ["loss by epoch", "accuracy by epoch"]
    training, validation = display.axes_[0].lines
    assert training.get_ydata().tolist() == history["loss"]
    assert validation.get_ydata().tolist() == history["val_loss"]
    assert (training.get_linestyle(), validation.get_linestyle()) == ("-", "--")
    assert table.groupby(["metric", "subset"], sort=False)["value"].apply(list).tolist() == [
        history["loss"],
        history["val_loss"],
        history["accuracy"],
    ]


def test_history_of_an_estimator_of_several_networks(digits):
    display = HistoryDisplay.from_estimator(digits[0])
    assert display.frame()["network"].unique().tolist() == list(range(10))
    assert len(display.axes_[0].lines) == 10


def test_history_of_a_pipeline_is_that_of_its_classifier(digits):
    pipeline = make_pipeline(StandardScaler(), digits[0])
    drawn = HistoryDisplay.from_estimator(pipeline).frame()
    assert drawn.equals(HistoryDisplay.from_estimator(digits[0]).frame())


def test_history_of_separate_networks_has_a_line_for_each():
    class Independent:
        strategy = "independent"
        classes_ = np.array(["ant", "bee", "cow"])
        history_ = {"loss": [2.0, 1.0]}
        estimators_ = [OneHistory(k) for k in range(3)]

    table = HistoryDisplay.from_estimator(Independent()).frame()
    assert table.groupby("network", sort=False)["value"].apply(list).to_dict() == {
        "ant": [0.0, 1.0],
        "bee": [1.0, 1.0],
        "cow": [2.0, 1.0],
    }


def test_history_like_baseline(history, assert_like_baseline):
    halved = {name: [value / 2 for value in values] for name, values in history.items()}
    assert_like_baseline(HistoryDisplay(history).plot, 2, "history")
    several = HistoryDisplay({"ant": history, "bee": halved})
    assert_like_baseline(several.plot, 2, "history_networks")

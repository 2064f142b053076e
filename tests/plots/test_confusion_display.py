"""Confusion matrices: numbers and baseline picture."""

import numpy as np

from sk_cifar_ovr.metrics import ovr_report
from sk_cifar_ovr.plots import OvRConfusionDisplay


def test_confusion_draws_the_report(digits):
    estimator, X, y = digits
    display = OvRConfusionDisplay.from_estimator(estimator, X, y)
    confusion = ovr_report(y, estimator.predict_ovr(X)).confusion
    cells = display.frame()
    np.testing.assert_array_equal(cells["count"].to_numpy().reshape(-1, 2, 2), confusion)
    assert len(display.axes_) == 10
    assert len(display.figure_.axes) == 10
    for k, ax in enumerate(display.axes_):
        texts = [text.get_text().split("\n") for text in ax.texts]
        assert [int(count.replace(",", "")) for count, _ in texts] == confusion[k].ravel().tolist()
        shares = cells.loc[cells["class"] == k, "row_share"].to_numpy()
        assert [share for _, share in texts] == [f"{share:.1%}" for share in shares]
        np.testing.assert_allclose(ax.images[0].get_array(), shares.reshape(2, 2))
        assert ax.get_title() == f"{k} vs others"
    assert "one-vs-rest answers" in display.figure_.get_suptitle()
    labels = OvRConfusionDisplay.from_predictions(y, estimator.predict(X))
    assert "argmax labels" in labels.figure_.get_suptitle()


def test_confusion_like_baseline(synthetic, assert_like_baseline):
    y, probabilities, *_ = synthetic
    report = ovr_report(y, probabilities > 0.5)
    assert_like_baseline(OvRConfusionDisplay(report).plot, 3, "confusion")

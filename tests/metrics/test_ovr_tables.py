import numpy as np
from ovr_samples import random_predictions

from sk_cifar_ovr.metrics import OvRReport, ovr_report


def test_markdown_shows_percent_and_the_reference_in_brackets():
    report = ovr_report(*random_predictions()[:2])
    lines = report.to_markdown().splitlines()
    assert len(lines) == 2 + 4 + 1
    assert len({len(line) for line in lines}) == 1
    cells = [cell.strip() for cell in lines[2].strip("|").split("|")]
    first = report.frame().iloc[0]
    assert cells[0] == "ant"
    assert cells[4] == f"{100 * first['class_f1']:.1f}"
    assert cells[-4:] == [str(first[name]) for name in ("tp", "fn", "fp", "tn")]
    assert lines[-1].startswith("| mean")
    other = report.frame().assign(class_f1=0.123)
    beside = report.to_markdown(other).splitlines()
    assert f"{cells[4]} (12.3)" in beside[2]
    assert f"{100 * report.mean()['class_f1']:.1f} (12.3)" in beside[-1]
    imbalance = report.to_markdown(other, imbalance=True)
    assert "G-mean" in imbalance


def test_html_is_escaped_and_names_every_figure():
    y, predicted, probabilities = random_predictions()
    report = OvRReport(np.array(["<b>", "x"]), np.array([[[1, 2], [3, 4]]] * 2))
    html = report._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    full = ovr_report(y, predicted, probabilities=probabilities)._repr_html_()
    assert full.count("<tr>") == 2 + 4 + 1
    assert all(heading in full for heading in ("AUC", "ECE", "IBA", "others", "macro"))

import numpy as np

from sk_cifar_ovr.metrics import ovr_report, worst_mistakes


def test_worst_mistakes_are_all_mistakes_the_surest_first():
    rng = np.random.default_rng(0)
    y = rng.choice(["a", "b", "c"], 200)
    probabilities = rng.uniform(size=(200, 3))
    answers = probabilities >= 0.5
    whole = worst_mistakes(y, answers, probabilities, n=None)
    counts = ovr_report(y, answers).frame().set_index("class")
    for (label, mistake), rows in whole.groupby(["class", "mistake"]):
        k = "abc".index(label)
        assert len(rows) == counts.loc[label, "fn" if mistake == "missed" else "fp"]
        assert (y[rows["row"]] == rows["true"]).all()
        assert ((rows["true"] == label) == (mistake == "missed")).all()
        assert (answers[rows["row"], k] == (mistake == "false yes")).all()
        np.testing.assert_array_equal(rows["probability"], probabilities[rows["row"], k])
        distance = rows["probability"] if mistake == "missed" else 1 - rows["probability"]
        assert distance.is_monotonic_increasing
    few = worst_mistakes(y, answers, probabilities, n=2)
    assert few.equals(whole.groupby(["class", "mistake"], sort=False).head(2).reset_index(drop=True))


def test_no_mistake_is_an_empty_table():
    table = worst_mistakes([0, 1], [0, 1], [0.2, 0.9])
    assert table.empty
    assert list(table.columns) == ["class", "mistake", "row", "true", "probability"]

"""Balanced mini-batches: which rows they hold, and what comes of it."""

import numpy as np
import pytest
from sklearn.metrics import recall_score
from sklearn.model_selection import GridSearchCV
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier
from sk_cifar_ovr.engine import balanced_batches
from sk_cifar_ovr.engine._batches import balanced_orders, shuffled_orders
from sk_cifar_ovr.engine._training_loop import _TrainingLoop
from sk_cifar_ovr.engine.compiled import trace_count

TINY = {"model": dense, "loss": "focal", "epochs": 2, "batch_size": 40, "recipe": None, "random_state": 0}


def epochs(labels, balance, batch, n, seed=0):
    orders = balanced_orders(balanced_batches(labels, balance), batch, np.random.default_rng(seed))
    return [next(orders) for _ in range(n)]


@pytest.fixture
def batches(monkeypatch):
    """The arrays that every batch was cut from, its rows and labels."""
    seen = []
    real = _TrainingLoop.targets_of

    def spy(self, index, n_new):
        seen.append((self.data, index[:n_new]))
        return real(self, index, n_new)

    monkeypatch.setattr(_TrainingLoop, "targets_of", spy)
    return seen


@pytest.fixture(scope="module")
def rare(digits):
    """200 digits, 20 of them eights, which are the positives."""
    X, y = digits
    rows = np.r_[np.flatnonzero(y == 8)[:20], np.flatnonzero(y != 8)[:180]]
    rows = np.random.default_rng(0).permutation(rows)
    return X[rows], (y[rows] == 8).astype(int)


# -- the draw -----------------------------------------------------------------------------------------------


def test_every_batch_holds_the_share():
    labels = np.repeat([0, 1], [900, 100])
    for order in epochs(labels, 0.25, 40, 3):
        assert order.shape == (1000,)
        np.testing.assert_array_equal(labels[order].reshape(-1, 40).sum(axis=1), 10)


def test_a_share_that_is_no_whole_number_of_rows_holds_on_average():
    labels = np.repeat([0, 1], [950, 50])
    counts = np.concatenate([labels[order].reshape(-1, 10).sum(axis=1) for order in epochs(labels, 0.125, 10, 40)])
    assert set(counts) == {1, 2}
    assert counts.mean() == pytest.approx(1.25, abs=0.02)


def test_all_classes_evenly():
    labels = np.repeat(np.arange(4), [700, 200, 90, 10])
    for order in epochs(labels, True, 50, 2):
        counts = np.stack([np.bincount(labels[part], minlength=4) for part in order.reshape(-1, 50)])
        assert counts.min() == 12
        assert counts.max() == 13
    # A number is the share of the rarest; the others keep their proportions.
    order = epochs(labels, 0.5, 1000, 1)[0]
    assert np.abs(np.bincount(labels[order]) - [353.5, 101.0, 45.5, 500]).max() <= 1


def test_rows_of_a_class_take_turns():
    """No row comes twice before all others of its class have come once, over epochs too."""
    labels = np.repeat([0, 1], [95, 5])
    orders = np.concatenate(epochs(labels, 0.3, 10, 19))
    for label, count in ((0, 95), (1, 5)):
        rows = orders[labels[orders] == label]
        rounds = rows[: len(rows) // count * count].reshape(-1, count)
        assert (np.sort(rounds, axis=1) == np.sort(rounds[0])).all()
        assert len(np.unique(rounds, axis=0)) > 1


def test_classes_are_mixed_within_a_batch():
    labels = np.repeat([0, 1], [180, 20])
    order = epochs(labels, 0.5, 200, 1)[0]
    assert 30 < labels[order][:100].sum() < 70


def test_the_same_seed_draws_the_same_rows():
    labels = np.repeat([0, 1], [90, 10])
    one, same, other = (epochs(labels, True, 20, 2, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_rarest_of_equals_is_the_last():
    assert balanced_batches(np.array([0, 1] * 5), 0.2).shares.tolist() == [0.8, 0.2]
    assert balanced_batches(np.array([0, 1, 1]), 0.2).shares.tolist() == [0.2, 0.8]
    assert balanced_batches(np.zeros(3), 0.2).shares.tolist() == [1.0]


@pytest.mark.parametrize("balance", [False, np.False_])
def test_without_it_every_row_comes_once(balance):
    assert balanced_batches(np.array([0, 1]), balance) is None
    orders = shuffled_orders(50, np.random.default_rng(0))
    first, second = next(orders), next(orders)
    np.testing.assert_array_equal(np.sort(first), np.arange(50))
    np.testing.assert_array_equal(np.sort(second), np.arange(50))
    assert not np.array_equal(first, second)


# -- in the estimators --------------------------------------------------------------------------------------


def test_batches_of_a_network_hold_the_share_and_copy_nothing(rare, batches):
    X, y = rare
    CNNClassifier(**TINY, balanced_batches=0.4).fit(X, y)
    assert len(batches) == 2 * 5
    for rows, index in batches:
        assert y[index].sum() == 16
        assert np.shares_memory(rows.X, X)
    # Each of 20 positives is drawn 4 times an epoch, and no negative twice.
    drawn_rows = np.concatenate([index for _, index in batches[:5]])
    counts = np.bincount(drawn_rows, minlength=len(y))
    assert (counts[y == 1] == 4).all()
    assert counts[y == 0].max() == 1


def test_held_out_rows_are_never_drawn(rare, batches):
    X, y = rare
    clf = CNNClassifier(**TINY, balanced_batches=True, validation_fraction=0.5).fit(X, y)
    rows = batches[0][0]
    seen = np.unique(np.concatenate([index for _, index in batches]))
    assert not np.intersect1d(seen, rows.validation).size
    assert y[rows.validation].mean() == pytest.approx(0.1)
    assert "val_loss" in clf.history_


def test_rows_without_weight_are_never_drawn(rare, batches):
    X, y = rare
    weights = np.where(np.arange(len(y)) % 2, 1.0, 0.0)
    CNNClassifier(**TINY, balanced_batches=True).fit(X, y, sample_weight=weights)
    assert (np.concatenate([index for _, index in batches]) % 2 == 1).all()


def test_more_rare_answers_and_the_same_program(rare):
    X, y = rare
    settings = {**TINY, "epochs": 6, "optimizer__learning_rate": 0.003}
    plain = CNNClassifier(**settings).fit(X, y)
    before = trace_count()
    balanced = CNNClassifier(**settings, balanced_batches=0.5).fit(X, y)
    again = CNNClassifier(**settings, balanced_batches=0.5).fit(X, y)
    assert trace_count() == before
    # Ten seeds: 0.0 to 0.1 without, 0.4 and more with it.
    assert recall_score(y, balanced.predict(X)) > recall_score(y, plain.predict(X)) + 0.2
    np.testing.assert_array_equal(balanced.predict_proba(X), again.predict_proba(X))


def test_weights_count_in_proportion_to_the_rows_drawn(digits):
    """Without learning, the losses of all rows are known, and so is their mean over whole rounds of both classes."""
    X, y = digits
    rows = np.r_[np.flatnonzero(y == 8)[:10], np.flatnonzero(y != 8)[:90]]
    X, y = X[rows], (y[rows] == 8).astype(int)
    weights = np.linspace(0.5, 2.0, 100)
    still = {"model": dense, "loss": "crossentropy", "precision": "float64", "random_state": 0}
    still |= {"optimizer__learning_rate": 0.0, "batch_size": 100}
    # Nine epochs of 50 negatives are five rounds of 90.
    clf = CNNClassifier(**still, epochs=9, balanced_batches=0.5, class_weight={0: 1.0, 1: 3.0})
    clf.fit(X, y, sample_weight=weights)
    losses = -np.log(clf.predict_proba(X)[np.arange(100), y])
    counts = np.where(y == 1, 5.0, 5 / 9) * weights * np.where(y == 1, 3.0, 1.0)
    assert np.mean(clf.history_["loss"]) == pytest.approx(np.average(losses, weights=counts), rel=1e-9)


def test_independent_problems_are_balanced_each_on_its_own(digits, batches):
    X, y = digits
    labels = np.where(y == 8, 0, np.where(y < 3, 1, 2))
    OneVsRestCNNClassifier(CNNClassifier(**TINY, balanced_batches=0.5), strategy="independent").fit(X, labels)
    per_network = np.array_split(np.array([rows.labels[index[:40]].mean() for rows, index in batches]), 3)
    for shares in per_network:
        np.testing.assert_allclose(shares, 0.5)


def test_the_heads_of_a_joint_network_share_batches_drawn_from_all_classes(digits, batches):
    X, y = digits
    labels = np.where(y == 8, 0, np.where(y < 3, 1, 2))
    OneVsRestCNNClassifier(CNNClassifier(**TINY, balanced_batches=True)).fit(X, labels)
    for rows, index in batches:
        counts = np.bincount(labels[index])
        assert counts.min() >= 13
        assert counts.max() <= 14
        assert rows.labels.shape == (len(X), 3)


def test_partial_fit_draws_from_the_classes_that_are_there(rare):
    X, y = rare
    clf = CNNClassifier(**TINY, balanced_batches=True)
    clf.partial_fit(X[y == 0], y[y == 0], classes=[0, 1]).partial_fit(X, y)
    assert len(clf.history_["loss"]) == 2


def test_a_search_chooses_the_share(rare):
    X, y = rare
    shares = {"balanced_batches": [False, True, 0.3]}
    search = GridSearchCV(CNNClassifier(**TINY), shares, cv=2, scoring="neg_log_loss", error_score="raise").fit(X, y)
    assert len(set(search.cv_results_["mean_test_score"])) == 3


@pytest.mark.parametrize("share", [0, 1, 1.5, -0.1, "balanced", None])
def test_shares_that_are_none_are_refused(rare, share):
    with pytest.raises(ValueError, match="'balanced_batches' parameter"):
        CNNClassifier(**TINY, balanced_batches=share).fit(*rare)

"""`TSNETransformer` in `fit`, `transform`, pipelines and pickles."""

import pickle

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from small_tsne import SMALL
from threadpoolctl import threadpool_info

from sk_cifar_ovr import TSNETransformer


def test_unseen_digits_are_really_placed(rows, fitted):
    X, y = rows
    classifier = KNeighborsClassifier(5).fit(fitted.embedding_, y[:600])
    seen = classifier.score(fitted.embedding_, y[:600])
    unseen = classifier.score(fitted.transform(X[600:]), y[600:])
    assert unseen >= 0.93
    assert unseen >= seen - 0.03


def test_training_rows_keep_their_places(rows, fitted):
    X, _ = rows
    np.testing.assert_array_equal(fitted.transform(X[:600]), fitted.embedding_)
    mixed = fitted.transform(X[[5, 700, 3]])
    np.testing.assert_array_equal(mixed[[0, 2]], fitted.embedding_[[5, 3]])


def test_a_row_is_placed_alone(rows, fitted):
    X, _ = rows
    together = fitted.transform(X[600:])
    np.testing.assert_array_equal(np.vstack([fitted.transform(X[i : i + 1]) for i in range(600, 610)]), together[:10])
    np.testing.assert_array_equal(fitted.transform(X[900:599:-1]), together[::-1])


def test_as_good_as_scikit_learns(rows):
    """On average: from one set of rows to the next, both vary by more than they differ."""
    parts = [rows[0][start : start + 300] for start in (0, 300, 600)]
    ours, theirs = ([kind(random_state=0).fit(X) for X in parts] for kind in (TSNETransformer, TSNE))
    divergences = [np.mean([tsne.kl_divergence_ for tsne in side]) for side in (ours, theirs)]
    assert divergences[0] < 1.03 * divergences[1]
    trusted = [
        np.mean([trustworthiness(X, tsne.embedding_) for X, tsne in zip(parts, side, strict=True)])
        for side in (ours, theirs)
    ]
    assert trusted[0] > trusted[1] - 0.003


def test_method_is_chosen_by_the_number_of_rows(rows, monkeypatch):
    X, _ = rows
    quick = {**SMALL, "max_iter": 4}
    monkeypatch.setattr("sk_cifar_ovr.manifold._tsne.MIN_SAMPLES_FFT", 200)
    assert TSNETransformer(**quick).fit(X[:199]).method_ == "barnes_hut"
    assert TSNETransformer(**quick).fit(X[:200]).method_ == "fft"
    assert TSNETransformer(3, **quick).fit(X[:200]).method_ == "barnes_hut"
    with pytest.raises(ValueError, match="fft"):
        TSNETransformer(3, **quick, method="fft").fit(X[:200])


def test_attributes_and_names(rows):
    X, _ = rows
    tsne = TSNETransformer(**SMALL).set_output(transform="pandas")
    frame = tsne.fit_transform(X[:100])
    assert list(frame.columns) == ["tsnetransformer0", "tsnetransformer1"]
    assert list(tsne.get_feature_names_out()) == list(frame.columns)
    assert tsne.n_features_in_ == 64
    assert tsne.n_iter_ == 200
    assert 0 < tsne.kl_divergence_ < 2
    assert TSNETransformer(1, **SMALL).fit_transform(X[:100]).shape == (100, 1)
    assert TSNETransformer(3, **SMALL).fit_transform(X[:100]).shape == (100, 3)


def test_pickle(rows, fitted):
    X, _ = rows
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))


def test_as_last_and_inner_step(rows):
    X, y = rows
    last = make_pipeline(PCA(20, random_state=0), TSNETransformer(**SMALL)).fit(X[:300])
    assert last.transform(X).shape == (900, 2)
    inner = make_pipeline(PCA(20, random_state=0), TSNETransformer(**SMALL), KNeighborsClassifier(5))
    assert inner.fit(X[:600], y[:600]).score(X[600:], y[600:]) > 0.85


@pytest.mark.parametrize("metric", ["euclidean", "precomputed"])
def test_what_is_done_to_the_result_does_not_reach_the_transformer(rows, metric):
    X = pairwise_distances(rows[0][:100]) if metric == "precomputed" else rows[0][:100]
    tsne = TSNETransformer(**SMALL, metric=metric)
    places = tsne.fit_transform(X)
    expected = places.copy()
    places[:] = 0
    np.testing.assert_array_equal(tsne.transform(X), expected)


def test_progress_is_silent_unless_asked_for(rows, capsys):
    X, _ = rows
    TSNETransformer(**SMALL).fit(X[:100])
    assert capsys.readouterr() == ("", "")
    TSNETransformer(**SMALL, verbose=1).fit(X[:100])
    out, err = capsys.readouterr()
    assert out == ""
    assert "KL divergence" in err


def test_progress_changes_nothing(rows):
    X, _ = rows
    silent, loud = (TSNETransformer(**SMALL, verbose=v).fit_transform(X[:100]) for v in (0, 1))
    np.testing.assert_array_equal(silent, loud)


def test_global_settings_and_input_stay(rows):
    X, _ = rows
    before, state = threadpool_info(), np.random.get_state()[1].copy()
    writable = X[:100].copy()
    tsne = TSNETransformer(**SMALL, n_jobs=1).fit(writable)
    np.testing.assert_array_equal(writable, X[:100])
    place = tsne.transform(X[200:201])
    writable[:] = 0
    np.testing.assert_array_equal(tsne.transform(X[200:201]), place)
    assert threadpool_info() == before
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_float32_stays_float32(rows):
    X, _ = rows
    tsne = TSNETransformer(**SMALL)
    places = tsne.fit_transform(X[:100].astype("float32"))
    assert places.dtype == np.float32
    assert tsne.transform(X[:200].astype("float32")).dtype == np.float32
    np.testing.assert_array_equal(tsne.transform(X[:100]), places)

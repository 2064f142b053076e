import pickle

import numpy as np
import pytest
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.manifold import TSNE, trustworthiness
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_info, threadpool_limits

from sk_cifar_ovr import TSNETransformer
from sk_cifar_ovr.manifold import _tsne as manifold

SMALL = {"perplexity": 10, "max_iter": 200, "random_state": 0}


@pytest.fixture(scope="module")
def rows():
    """900 digits as rows of 64 values, in a fixed shuffled order, and their labels."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))[:900]
    X, y = X[order], y[order]
    X.setflags(write=False)
    return X, y


@pytest.fixture(scope="module")
def fitted(rows):
    return TSNETransformer(random_state=0, max_iter=500).fit(rows[0][:600])


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


@pytest.mark.parametrize("method", ["barnes_hut", "fft"])
def test_threads_change_no_bit(rows, method, monkeypatch):
    X, _ = rows
    # Two threads even where the environment allows one.
    monkeypatch.setattr("sk_cifar_ovr.manifold._tsne.openmp_threads", lambda: 2)
    quick = {**SMALL, "max_iter": 60}
    one, two = (TSNETransformer(**quick, method=method, n_jobs=n).fit(X[:600]) for n in (1, 2))
    np.testing.assert_array_equal(one.embedding_, two.embedding_)
    np.testing.assert_array_equal(one.transform(X), two.transform(X))
    assert one.kl_divergence_ == two.kl_divergence_
    other = TSNETransformer(**{**quick, "random_state": 1}, method=method).fit(X[:600])
    assert not np.array_equal(one.embedding_, other.embedding_)


def test_processes_change_no_bit(rows):
    """Several at once in worker processes, which have fewer threads each."""
    X, _ = rows
    quick = {**SMALL, "max_iter": 100}
    here = [TSNETransformer(**quick, n_jobs=n).fit(X[:300]) for n in (None, 2)]
    there = Parallel(n_jobs=2, backend="loky")(delayed(clone(tsne).fit)(X[:300]) for tsne in here)
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one.embedding_, other.embedding_)
        np.testing.assert_array_equal(one.transform(X[300:]), other.transform(X[300:]))


def test_threads_of_matrix_products_change_no_bit(rows):
    """The start by principal components is made of them."""
    X, _ = rows
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            found.append(TSNETransformer(**{**SMALL, "max_iter": 20}).fit(X[:300]).embedding_)
    np.testing.assert_array_equal(*found)


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


def test_no_more_threads_than_openmp_has(monkeypatch):
    monkeypatch.setattr("sk_cifar_ovr.manifold._tsne.openmp_threads", lambda: 2)
    monkeypatch.setattr("sk_cifar_ovr.manifold._tsne.effective_n_jobs", lambda n: 8 if n == -1 else n)
    assert [TSNETransformer(n_jobs=n)._threads for n in (None, -1, 1, 2, 7)] == [2, 2, 1, 2, 2]


def test_equal_rows_share_a_place(rows):
    X, _ = rows
    doubled = np.concatenate([X[:100], -np.zeros((1, 64)), X[:50], np.zeros((1, 64))])
    tsne = TSNETransformer(**SMALL)
    places = tsne.fit_transform(doubled)
    np.testing.assert_array_equal(places[:50], places[101:151])
    np.testing.assert_array_equal(places[100], places[151])
    np.testing.assert_array_equal(tsne.transform(doubled), places)
    np.testing.assert_array_equal(places[:101], TSNETransformer(**SMALL).fit_transform(doubled[:101]))


def test_method_is_chosen_by_the_number_of_rows(rows, monkeypatch):
    X, _ = rows
    quick = {**SMALL, "max_iter": 4}
    monkeypatch.setattr("sk_cifar_ovr.manifold._tsne.FFT_FROM", 200)
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


def test_starts_as_principal_components(rows):
    X, _ = rows
    components = PCA(2, random_state=0).fit_transform(X[:300])
    before = TSNETransformer(**{**SMALL, "max_iter": 1}).fit_transform(X[:300])
    for component, place in zip(components.T, before.T, strict=True):
        assert abs(np.corrcoef(component, place)[0, 1]) > 0.9


@pytest.mark.parametrize("start", ["pca", "spectral", "random", "array"])
def test_starts(rows, start):
    X, _ = rows
    given = np.random.default_rng(1).normal(0, 1e-4, (300, 2)) if start == "array" else start
    settings = {**SMALL, "max_iter": 400}
    places = TSNETransformer(**settings, initialization=given).fit_transform(X[:300])
    assert trustworthiness(X[:300], places, n_neighbors=5) > 0.95


def test_precomputed_distances(rows):
    X, y = rows
    distances = pairwise_distances(X[:300])
    spectral = TSNETransformer(**SMALL, initialization="spectral")
    tsne = TSNETransformer(**SMALL, metric="precomputed").fit(distances)
    np.testing.assert_allclose(tsne.kl_divergence_, spectral.fit(X[:300]).kl_divergence_, rtol=0.05)
    np.testing.assert_array_equal(tsne.transform(distances), tsne.embedding_)
    placed = tsne.transform(pairwise_distances(X[300:500], X[:300]))
    assert KNeighborsClassifier(5).fit(tsne.embedding_, y[:300]).score(placed, y[300:500]) > 0.85
    with pytest.raises(ValueError, match="square"):
        TSNETransformer(**SMALL, metric="precomputed").fit(distances[:, :200])


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_precomputed_affinities(rows, form):
    X, y = rows
    affinities = np.exp(-pairwise_distances(X, X[:300], squared=True, metric="euclidean") / 200)
    tsne = TSNETransformer(**SMALL, metric="precomputed_affinities")
    places = tsne.fit_transform(form(affinities[:300]))
    np.testing.assert_array_equal(tsne.transform(form(affinities[:300])), places)
    placed = tsne.transform(form(affinities[300:500]))
    assert KNeighborsClassifier(5).fit(places, y[:300]).score(placed, y[300:500]) > 0.8
    alone = affinities[:300].copy()
    alone[7] = alone[:, 7] = 0
    with pytest.raises(ValueError, match="Row 7 has no affinity"):
        TSNETransformer(**SMALL, metric="precomputed_affinities").fit(form(alone))


@pytest.mark.parametrize("metric", ["manhattan", "cosine", "chebyshev"])
def test_other_metrics(rows, metric):
    X, y = rows
    tsne = TSNETransformer(**SMALL, metric=metric).fit(X[:300])
    np.testing.assert_array_equal(tsne.transform(X[:300]), tsne.embedding_)
    score = KNeighborsClassifier(5).fit(tsne.embedding_, y[:300]).score(tsne.transform(X[300:500]), y[300:500])
    assert score > 0.85


def test_bad_input(rows):
    X, _ = rows
    with pytest.raises(ValueError, match=r"perplexity=30.0 needs at least 90 .* has 60 rows: set perplexity to 20"):
        TSNETransformer().fit(X[:60])
    with pytest.raises(ValueError, match="has 60 different rows"):
        TSNETransformer().fit(np.concatenate([X[:60], X[:60]]))
    with pytest.raises(ValueError, match=r"constant features"):
        TSNETransformer().fit(np.ones((200, 5)))
    with pytest.raises(ValueError, match="contains NaN"):
        TSNETransformer().fit(np.where(X == 16, np.nan, X))
    with pytest.raises(ValueError, match=r"\(100, 3\) where \(100, 2\)"):
        TSNETransformer(**SMALL, initialization=np.zeros((100, 3))).fit(X[:100])
    with pytest.raises(ValueError, match="needs at least 3 different rows, and X has 2"):
        TSNETransformer(perplexity=1).fit(X[:2])
    with pytest.raises(NotFittedError):
        TSNETransformer().transform(X)


@pytest.mark.parametrize(
    ("metric", "spoil"),
    [
        ("correlation", lambda X: np.concatenate([X, np.ones((1, 64))])),
        ("euclidean", lambda X: (1e20 * X).astype(np.float32)),
        ("euclidean", lambda X: (1e-30 * X).astype(np.float32)),
    ],
)
def test_no_place_is_nan(rows, metric, spoil):
    X, _ = rows
    with pytest.raises(ValueError, match="Scale X, or leave such rows out"), np.errstate(all="ignore"):
        TSNETransformer(**SMALL, metric=metric).fit(spoil(X[:100]))
    tsne = TSNETransformer(**SMALL, metric=metric).fit(X[:100])
    with pytest.raises(ValueError, match="Scale X"), np.errstate(all="ignore"):
        tsne.transform(np.full((1, 64), 1.0 if metric == "correlation" else 1e200))


@pytest.mark.parametrize("metric", ["euclidean", "precomputed"])
def test_what_is_done_to_the_result_does_not_reach_the_transformer(rows, metric):
    X = pairwise_distances(rows[0][:100]) if metric == "precomputed" else rows[0][:100]
    tsne = TSNETransformer(**SMALL, metric=metric)
    places = tsne.fit_transform(X)
    expected = places.copy()
    places[:] = 0
    np.testing.assert_array_equal(tsne.transform(X), expected)


@pytest.mark.parametrize("metric", ["euclidean", "precomputed"])
def test_perplexity_is_checked_before_any_work(rows, metric, monkeypatch):
    X = pairwise_distances(rows[0][:60]) if metric == "precomputed" else rows[0][:60]

    def work(*args, **kwargs):
        raise AssertionError("work was done")

    for name in ("distinct", "neighbors_among", "principal_start"):
        monkeypatch.setattr(manifold, name, work)
    with pytest.raises(ValueError, match="perplexity=30.0 needs at least 90"):
        TSNETransformer(metric=metric).fit(X)


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

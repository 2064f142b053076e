"""`ImageSampler` on images; imbalanced-learn's and scikit-learn's own checks of it are in test_common."""

import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from imblearn import FunctionSampler
from imblearn.combine import SMOTEENN, SMOTETomek
from imblearn.over_sampling import ADASYN, SMOTE, SVMSMOTE, BorderlineSMOTE, KMeansSMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import ClusterCentroids, NearMiss, RandomUnderSampler, TomekLinks
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, ImageSampler
from sk_cifar_ovr.exceptions import ImageShapeError, ResamplingError

TINY = {"model": dense, "loss": "focal", "epochs": 2, "batch_size": 64, "recipe": None, "random_state": 0}
PICKERS = [RandomOverSampler(random_state=0), RandomUnderSampler(random_state=0), TomekLinks(), NearMiss()]
MAKERS = [
    SMOTE(random_state=0),
    ADASYN(random_state=0, n_neighbors=3),
    ClusterCentroids(random_state=0),
    SMOTEENN(random_state=0),
    SMOTETomek(random_state=0),
    RandomOverSampler(random_state=0, shrinkage=1.0),
]


def ids(sampler):
    return repr(sampler)


@pytest.fixture(scope="module")
def rare(digits):
    """129 digits, nine of them of class 1, the rest of class 0 or 2."""
    X, y = digits
    groups = np.where(y == 8, 1, np.where(y < 5, 0, 2))
    rows = np.r_[np.flatnonzero(groups == 1)[:9], np.flatnonzero(groups == 0)[:50], np.flatnonzero(groups == 2)[:70]]
    rows = np.random.default_rng(0).permutation(rows)
    return X[rows], groups[rows]


def is_between_a_pair(image, sources):
    """Whether two of the sources exist with every pixel of an image between theirs."""
    image, sources = image.astype(float), sources.astype(float)
    low = np.minimum(sources[:, None], sources[None])
    high = np.maximum(sources[:, None], sources[None])
    inside = (low <= image) & (image <= high)
    return inside.reshape(len(sources), len(sources), -1).all(axis=2).any()


# -- what comes out -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", PICKERS, ids=ids)
@pytest.mark.parametrize("dtype", ["uint8", "bool", "int64", "float16", "float64"])
def test_picked_images_are_the_ones_given(rare, sampler, dtype):
    X, y = rare
    X = X > 100 if dtype == "bool" else X.astype(dtype)
    image_sampler = ImageSampler(sampler)
    picked, labels = image_sampler.fit_resample(X, y)
    rows = image_sampler.sample_indices_
    np.testing.assert_array_equal(picked, X[rows])
    np.testing.assert_array_equal(labels, y[rows])
    assert picked.dtype == X.dtype
    # The same rows as without us, where distances count too.
    alone = clone(sampler)
    alone.fit_resample(X.reshape(len(X), -1).astype(float), y)
    np.testing.assert_array_equal(rows, alone.sample_indices_)


@pytest.mark.parametrize("sampler", MAKERS, ids=ids)
@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 8), (64,)], ids=["4-D", "3-D", "flat"])
def test_made_images_are_those_of_floats_rounded(rare, sampler, shape):
    X, y = rare
    images = X.reshape(len(X), *shape)
    made, labels = ImageSampler(sampler).fit_resample(images, y)
    floats, expected = clone(sampler).fit_resample(X.reshape(len(X), -1).astype("float32"), y)
    assert made.shape == (len(expected), *shape)
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_array_equal(made.reshape(len(made), -1), np.clip(np.rint(floats), 0, 255))
    assert not np.array_equal(made[-20:], X[-20:].reshape(20, *shape))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int64", "bool"])
@pytest.mark.parametrize(
    "sampler",
    [SMOTE(random_state=0), BorderlineSMOTE(random_state=0), ADASYN(random_state=0)],
    ids=ids,
)
def test_synthetic_pixels_lie_between_their_parents(rare, sampler, dtype):
    X, y = rare
    X = {"int8": lambda: X.astype(int) // 2 - 64, "uint16": lambda: X.astype(int) * 257, "bool": lambda: X > 100}.get(
        dtype, lambda: X
    )()
    X = X.astype(dtype)
    sampler = clone(sampler).set_params(sampling_strategy={1: 40})
    made, labels = ImageSampler(sampler).fit_resample(X, y)
    np.testing.assert_array_equal(made[: len(X)], X)
    new = made[len(X) :]
    assert len(new) > 5
    assert (labels[len(X) :] == 1).all()
    assert all(is_between_a_pair(image, X[y == 1]) for image in new)


def test_smote_alone_wraps_around(rare):
    """What the last test is about: the same images through imbalanced-learn alone leave their parents' range."""
    X, y = rare
    made, _ = SMOTE(random_state=0).fit_resample(X.reshape(len(X), -1), y)
    new = made[len(X) :].reshape(-1, *X.shape[1:])
    assert not all(is_between_a_pair(image, X) for image in new[:10])


def test_noise_is_clipped_to_the_range_of_pixels():
    X = np.repeat(np.array([0, 255], "uint8"), 20)[:, None, None, None] * np.ones((1, 4, 4, 1), "uint8")
    X[::7] = 255 - X[::7]
    y = np.arange(40) // 30
    made, _ = ImageSampler(RandomOverSampler(random_state=0, shrinkage=5.0)).fit_resample(X, y)
    noise = made[40:].astype(int)
    assert ((noise == 0) | (noise == 255)).mean() > 0.3  # half of the noise points outwards
    assert len(np.unique(noise)) > 20


def test_large_integers_survive_the_way_through_floats(rare):
    X, y = rare
    X = X.astype("int32") + 2**30
    made, _ = ImageSampler(SMOTE(random_state=0)).fit_resample(X, y)
    np.testing.assert_array_equal(made[: len(X)], X)


@pytest.mark.parametrize(
    ("sampler", "limit"), [(RandomUnderSampler(random_state=0), 0.3), (RandomOverSampler(random_state=0), 2.2)], ids=ids
)
def test_picking_copies_the_picked_images_only(sampler, limit):
    """Of 20,000 images 2,000 are picked, then 36,000: the peak is what is returned, and little else."""
    X = np.zeros((20_000, 16, 16, 3), "uint8")
    few = 1000 if isinstance(sampler, RandomUnderSampler) else 2000
    y = (np.arange(len(X)) < few).astype(int)
    tracemalloc.start()
    ImageSampler(sampler).fit_resample(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < limit * X.nbytes


# -- what goes in -------------------------------------------------------------------------------------------


def test_inputs_are_only_read(rare):
    X, y = (array.copy() for array in rare)
    for sampler in (*PICKERS, *MAKERS):
        for array in (X, y):
            array.setflags(write=False)
        ImageSampler(sampler).fit_resample(X, y)
    np.testing.assert_array_equal(X, rare[0])
    np.testing.assert_array_equal(y, rare[1])


def test_containers_come_back_as_they_went_in(rare):
    X, y = rare
    sampler = ImageSampler(SMOTE(random_state=0))
    expected, labels = sampler.fit_resample(X, y)
    frame = pd.DataFrame(X.reshape(len(X), -1)).add_prefix("pixel")
    from_frame, series = sampler.fit_resample(frame, pd.Series(y, name="kind"))
    assert list(from_frame.columns) == list(frame.columns) == list(sampler.feature_names_in_)
    assert (from_frame.dtypes == "uint8").all()
    assert series.name == "kind"
    np.testing.assert_array_equal(from_frame, expected.reshape(len(expected), -1))
    from_list, names = sampler.fit_resample(X.tolist(), np.array(["a", "b", "c"])[y].tolist())
    assert not hasattr(sampler, "feature_names_in_")
    np.testing.assert_array_equal(np.array(from_list), expected)
    np.testing.assert_array_equal(names, np.array(["a", "b", "c"])[labels])


def test_what_is_learnt(rare):
    X, y = rare
    sampler = ImageSampler(RandomUnderSampler(random_state=0)).fit(X, y)
    assert sampler.n_features_in_ == 64
    assert sampler.sampling_strategy_ == {0: 9, 2: 9}
    sampler.fit_resample(X, y)
    assert sampler.sampler_ is not sampler.sampler
    assert not hasattr(sampler.sampler, "sampling_strategy_")
    assert len(sampler.sample_indices_) == 27
    # Another sampler leaves nothing of the last one.
    sampler.set_params(sampler=SMOTE()).fit_resample(X, y)
    assert not hasattr(sampler, "sample_indices_")
    assert ImageSampler(SMOTEENN(random_state=0)).fit(X, y).sampling_strategy_ == {0: 20, 1: 61}


def test_a_sampler_of_ones_own(rare):
    X, y = rare

    def darker(X, y):
        assert X.ndim == 2
        assert X.dtype == "float32"
        return np.vstack([X, X[y == 1] * 0.501 - 1]), np.append(y, y[y == 1])

    made, labels = ImageSampler(FunctionSampler(func=darker)).fit_resample(X, y)
    expected = np.clip(np.rint(X[y == 1].astype("float32") * 0.501 - 1), 0, 255)
    np.testing.assert_array_equal(made[len(X) :], expected)
    assert (labels[len(X) :] == 1).all()


# -- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sampler",
    [
        SMOTE(),
        SMOTE(k_neighbors=1),
        ADASYN(),
        BorderlineSMOTE(),
        SVMSMOTE(),
        KMeansSMOTE(),
        SMOTEENN(),
        SMOTETomek(smote=SMOTE(k_neighbors=2)),
    ],
    ids=ids,
)
def test_a_class_with_one_image_cannot_be_oversampled(digits, sampler):
    X, y = digits
    names = np.where(np.arange(len(y)) == 3, "dodo", "other")
    with pytest.raises(ResamplingError, match=r"class 'dodo' has 1 image: use RandomOverSampler.*sampling_strategy"):
        ImageSampler(sampler).fit_resample(X, names)
    repeated, _ = ImageSampler(RandomOverSampler(random_state=0)).fit_resample(X, names)
    assert len(repeated) == 2 * (len(X) - 1)


def test_too_few_neighbours_say_how_many_would_do(digits):
    X, y = digits
    labels = (np.arange(len(y)) < 4).astype(int)
    with pytest.raises(ResamplingError, match="class 1 has 4 images: set its neighbours to 3 or less"):
        ImageSampler(SMOTE()).fit_resample(X, labels)
    made, _ = ImageSampler(SMOTE(k_neighbors=3, random_state=0)).fit_resample(X, labels)
    assert len(made) == 2 * (len(X) - 4)


def test_a_rare_class_that_is_left_alone_is_no_trouble(digits):
    X, y = digits
    labels = np.where(np.arange(len(y)) == 3, 2, np.arange(len(y)) // 300)
    made, resampled = ImageSampler(SMOTE(sampling_strategy={1: 100}, random_state=0)).fit_resample(X, labels)
    assert (resampled == 2).sum() == 1
    assert (resampled == 1).sum() == 100


@pytest.mark.parametrize("sampler", [None, "smote", LogisticRegression(), np.mean])
def test_what_is_no_sampler_is_refused(rare, sampler):
    with pytest.raises(ValueError, match="'sampler' parameter of ImageSampler must be an object implementing"):
        ImageSampler(sampler).fit_resample(*rare)


def test_the_samplers_own_parameters_are_checked(rare):
    with pytest.raises(ValueError, match="'k_neighbors' parameter of SMOTE"):
        ImageSampler(SMOTE(k_neighbors=-1)).fit_resample(*rare)
    with pytest.raises(TypeError, match="instance"):
        ImageSampler(SMOTE).fit_resample(*rare)


def test_bad_images_and_labels_are_refused(rare):
    X, y = rare
    sampler = ImageSampler(SMOTE())
    with pytest.raises(ImageShapeError, match="5 dimensions"):
        sampler.fit_resample(X[:, None], y)
    with pytest.raises(ValueError, match="NaN"):
        sampler.fit_resample(np.where(X > 200, np.nan, X), y)
    with pytest.raises(ValueError, match="inconsistent"):
        sampler.fit_resample(X, y[:-1])
    with pytest.raises(ValueError, match="more than 1 class"):
        sampler.fit_resample(X, np.zeros(len(X)))
    with pytest.raises(ValueError, match="Unknown label type"):
        sampler.fit_resample(X, y + 0.25)


# -- in pipelines and searches ------------------------------------------------------------------------------


def test_a_pipeline_trains_on_resampled_images_and_predicts_all(rare):
    X, y = rare
    classifier = CNNClassifier(**TINY, optimizer__learning_rate=0.01)
    pipeline = make_pipeline(ImageSampler(SMOTE(random_state=0)), clone(classifier)).fit(X, y)
    by_hand = clone(classifier).fit(*ImageSampler(SMOTE(random_state=0)).fit_resample(X, y))
    plain = classifier.fit(X, y)
    np.testing.assert_array_equal(pipeline.predict_proba(X), by_hand.predict_proba(X))
    assert pipeline.predict(X).shape == y.shape
    # The rare class is expected more often for it: by 0.10 and more with ten seeds.
    assert pipeline.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean() + 0.05


def test_cross_validation_resamples_training_parts_only(rare):
    X, y = rare
    pipeline = make_pipeline(ImageSampler(RandomUnderSampler(random_state=0)), CNNClassifier(**TINY))
    folds = StratifiedKFold(3)
    found = cross_validate(pipeline, X, y, cv=folds, return_estimator=True, return_indices=True)
    for fitted, train, test in zip(
        found["estimator"], found["indices"]["train"], found["indices"]["test"], strict=True
    ):
        assert len(fitted[0].sample_indices_) == 3 * 6
        assert fitted[0].sample_indices_.max() < len(train)
        assert fitted.predict(X[test]).shape == test.shape


def test_a_grid_search_reaches_the_sampler(rare):
    X, y = rare
    pipeline = make_pipeline(ImageSampler(SMOTE(random_state=0)), CNNClassifier(**TINY))
    grid = {
        "imagesampler__sampler__k_neighbors": [1, 5, 8],
        "cnnclassifier__loss": ["focal"],
        "cnnclassifier__loss__gamma": [0.0, 2.0],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = GridSearchCV(pipeline, grid, scoring="f1_macro", cv=StratifiedKFold(3), error_score=np.nan).fit(X, y)
    table = pd.DataFrame(search.cv_results_)
    # Six images of the rare class are left to train on: eight neighbours are too many.
    failed = table["param_imagesampler__sampler__k_neighbors"] == 8
    assert table.loc[failed, "mean_test_score"].isna().all()
    assert table.loc[~failed, "mean_test_score"].notna().all()
    best = search.best_params_["imagesampler__sampler__k_neighbors"]
    assert search.best_estimator_[0].sampler_.k_neighbors == best
    switch = GridSearchCV(
        pipeline, {"imagesampler": ["passthrough", ImageSampler(RandomOverSampler(random_state=0))]}, cv=2
    ).fit(X, y)
    assert switch.best_estimator_.predict(X).shape == y.shape


def test_parameters_reach_the_inner_sampler_and_clones(rare):
    sampler = ImageSampler(SMOTE()).set_params(sampler__k_neighbors=2, sampler__random_state=3)
    assert sampler.sampler.k_neighbors == 2
    copy = clone(sampler)
    assert copy.sampler is not sampler.sampler
    for a, b in zip(sampler.fit_resample(*rare), copy.fit_resample(*rare), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="Invalid parameter 'k_neighbours'"):
        sampler.set_params(sampler__k_neighbours=2)

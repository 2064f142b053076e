"""Networks of `keras.applications` as builders: what is trained, image sizes, and bad input that they refuse."""

import pickle
import shutil

import numpy as np
import pytest
from backbone_helpers import META, SMALL, assert_close, leaves, random_rgb, run_eagerly, same, small_weights
from sk_cifar_ovr.backbones import mobilenet
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_networks import KERAS_SAVES, initial_model

from sk_cifar_ovr import CNNClassifier, CNNFeatures, OneVsRestCNNClassifier, load, save
from sk_cifar_ovr._shared.variables import read
from sk_cifar_ovr.engine.compiled._pool import borrow
from sk_cifar_ovr.exceptions import ColorWarning, ImageShapeError, NetworkError, WeightsError

pytestmark = [
    pytest.mark.filterwarnings("ignore::sk_cifar_ovr.exceptions.ColorWarning"),
    # Keras writes the files of weights.
    pytest.mark.filterwarnings(KERAS_SAVES),
]

# With their top of 1,000 classes, as Keras publishes them.
PUBLISHED = {
    "resnet50": 25_636_712,
    "mobilenet": 4_253_864,
    "mobilenet_v2": 3_538_984,
    "densenet121": 8_062_504,
    "efficientnet_b0": 5_330_571,
    "efficientnet_v2_b0": 7_200_312,
    "convnext_tiny": 28_589_128,
}
untraced = pytest.fixture(autouse=True)(run_eagerly)


@pytest.fixture(scope="module")
def rgb():
    return random_rgb()


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    return small_weights(tmp_path_factory.mktemp("weights"))


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_every_backbone_trains_what_is_not_frozen_and_nothing_else(rgb, name):
    """First its head alone, then its last three layers that have weights; also counts its parameters."""
    X, y = rgb
    clf = CNNClassifier(
        name, model__trainable="last_3", head_epochs=1, epochs=1, batch_size=12, random_state=0, precision="float32"
    )
    try:
        clf.fit(X, y)
    except NetworkError as error:
        if "grouped convolutions" not in str(error):
            raise
        pytest.skip(str(error))
    seed = int(np.random.RandomState(0).randint(np.iinfo(np.int32).max))
    with borrow(clf.network_.spec) as network:
        backbone = network.model.get_layer("backbone")
        features = int(backbone.output.shape[1])
        # Of EfficientNet's preprocessing, Keras counts mean, variance and a count as parameters.
        preprocessing = 7 if name == "efficientnet_b0" else 0
        top, head = 1000 * (features + 1), 2 * (features + 1)
        assert network.model.count_params() == PUBLISHED[name] - preprocessing - top + head
        network.set_state(network.initial_state(seed))
        before = leaves(network.model)
        network.set_state(clf.network_.state)
        after = leaves(network.model)
    unchanged = [same(*pair) for pair in zip(before, after, strict=True)]
    assert unchanged == [True] * (len(before) - 3) + [False] * 3


@pytest.mark.parametrize("trainable", [False, True])
def test_a_backbone_is_frozen_to_the_bit_or_trained_as_a_whole(rgb, trainable):
    X, y = rgb
    clf = CNNClassifier(**SMALL, epochs=2, model__trainable=trainable).fit(X, y)
    old, new = leaves(initial_model(clf)), leaves(clf.model_)
    assert [same(*pair) for pair in zip(old, new, strict=True)] == [not trainable] * len(old)
    assert not same(read(initial_model(clf).layers[-1].weights), read(clf.model_.layers[-1].weights))


def test_a_frozen_backbone_stays_frozen_where_images_go_through_it_every_epoch(rgb):
    """Whose batch normalisation would else learn new statistics."""
    X, y = rgb
    clf = CNNClassifier(**SMALL, epochs=2, augment="flip_shift").fit(X, y)
    assert len(clf.model_.trainable_variables) == 2
    assert all(same(*pair) for pair in zip(leaves(initial_model(clf)), leaves(clf.model_), strict=True))


def test_grey_images_become_three_channels_and_that_is_said(digits):
    X, y = digits
    extractor = CNNFeatures(CNNClassifier(**SMALL, epochs=1, precision="float32"))
    with pytest.warns(ColorWarning, match="grey"):
        grey = extractor.fit_transform(X[:32], y[:32])
    assert_close(grey, extractor.fit_transform(np.repeat(X[:32], 3, axis=-1), y[:32]))


def test_flat_rows_of_grey_images_are_said_to_be_grey(digits):
    X, y = digits
    with pytest.warns(ColorWarning, match="grey"):
        CNNClassifier(**SMALL, epochs=1).fit(X[:32].reshape(32, -1), y[:32])


def test_numbers_and_flags_of_numpy_are_taken(rgb):
    clf = CNNClassifier(**SMALL, epochs=1, model__image_size=np.int64(40), model__trainable=np.False_).fit(*rgb)
    assert clf.model_.get_layer("backbone").input.shape == (None, 40, 40, 3)


def test_images_are_resized_inside(rgb):
    X, y = rgb
    clf = CNNClassifier(**SMALL, epochs=1, model__image_size=(40, 48)).fit(X, y)
    assert clf.model_.input_shape == (None, 32, 32, 3)
    assert clf.model_.get_layer("backbone").input.shape == (None, 40, 48, 3)
    assert "resize" not in [layer.name for layer in mobilenet(META).layers]


def test_one_vs_rest_shares_a_backbone_and_is_saved_without_its_file(digits, small_file, tmp_path):
    X, y = np.repeat(digits[0][:60], 3, axis=-1), digits[1][:60]
    source = tmp_path / "moved.weights.h5"
    shutil.copy(small_file, source)
    ovr = OneVsRestCNNClassifier(CNNClassifier(**SMALL, epochs=2, model__weights=source)).fit(X, y)
    backbones = [leaves(estimator.model_) for estimator in (ovr.estimators_[0], ovr.estimators_[9])]
    assert all(same(*pair) for pair in zip(*backbones, strict=True))
    save(ovr, tmp_path / "ovr.skovr")
    source.unlink()
    again = load(tmp_path / "ovr.skovr")
    assert np.array_equal(again.decision_function(X), ovr.decision_function(X))
    with pytest.raises(FileNotFoundError, match=r"moved\.weights\.h5"):
        again.fit(X, y)


def test_a_search_chooses_between_backbones(rgb):
    clf = CNNClassifier(epochs=1, batch_size=16, random_state=0)
    grid = [
        {"model": ["mobilenet"], "model__options": [{"alpha": 0.25}]},
        {"model": ["keras_application"], "model__name": ["MobileNetV2"], "model__options": [{"alpha": 0.35}]},
        {"model": ["cifar_cnn"]},
    ]
    search = GridSearchCV(clf, grid, cv=2, error_score="raise").fit(*rgb)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(search.cv_results_["params"]) == 3


def test_features_of_a_backbone_go_into_any_classifier(rgb, small_file):
    X, y = rgb
    clf = CNNClassifier(**SMALL, epochs=1, model__weights=small_file)
    pipe = make_pipeline(CNNFeatures(clf), StandardScaler(), LogisticRegression()).fit(X, y)
    assert pipe[0].transform(X).shape == (24, 256)
    assert pipe[0].layer_ == "backbone"
    assert pipe.score(X, y) > 0.9


def test_estimators_with_a_backbone_pickle(rgb):
    clf = CNNClassifier(**SMALL, epochs=1).fit(*rgb)
    assert np.array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(rgb[0]), clf.predict_proba(rgb[0]))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"model": "densnet121"}, ValueError, "did you mean 'densenet121'"),
        ({"model": "resnet101"}, ValueError, "model='keras_application'.*model__name"),
        ({"model": "keras_application"}, NetworkError, "model__name"),
        ({"model": "keras_application", "model__name": "Resnet_101"}, NetworkError, "did you mean 'ResNet101'"),
        ({"model": "mobilenet", "model__image_size": 31}, ImageShapeError, "32 pixels"),
        ({"model": "mobilenet", "model__image_size": (64, 16)}, ImageShapeError, "32 pixels"),
        ({"model": "keras_application", "model__name": "Xception", "model__image_size": 64}, ImageShapeError, "71"),
        ({"model": "mobilenet", "model__trainable": "last_none"}, NetworkError, "'last_20'"),
        ({"model": "mobilenet", "model__trainable": "last_0"}, NetworkError, "'last_20'"),
        ({"model": "mobilenet", "model__image_size": 64.0}, ImageShapeError, "give one number"),
        ({"model": "mobilenet", "model__options": {"alfa": 0.25}}, NetworkError, "alpha"),
        ({"model": "mobilenet", "model__options": 0.25}, NetworkError, "a dict"),
        ({"model": "mobilenet", "model__weight": None}, TypeError, "did you mean 'weights'"),
        ({"model": "mobilenet", "model__weights": 5}, TypeError, "of type int"),
        ({"model": "mobilenet", "model__weights": "nowhere.h5"}, FileNotFoundError, "nowhere.h5"),
        ({"model": "mobilenet", "model__weights": __file__}, WeightsError, r"\.weights\.h5"),
    ],
)
def test_bad_input_is_refused_before_training(rgb, settings, error, message):
    with pytest.raises(error, match=message):
        CNNClassifier(**settings, epochs=1).fit(*rgb)


def test_images_of_two_channels_are_refused(rgb):
    with pytest.raises(ImageShapeError, match="these have 2"):
        CNNClassifier("mobilenet", epochs=1).fit(rgb[0][..., :2], rgb[1])

"""SciKeras does the routing, the encoding and the building, and none of its faults reaches our users.

Each fault is seen on a bare ``KerasClassifier`` first and found absent here second.
"""

import json
import os
import pickle
import random
import subprocess
import sys
from collections import deque
from pathlib import Path

import keras
import numpy as np
import pytest
import scikeras.wrappers
from scikeras.utils.transformers import ClassifierLabelEncoder
from scikeras.wrappers import KerasClassifier
from sklearn.base import clone, is_classifier
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold, check_cv
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from small_networks import KERAS_SAVES, dense

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, SparseCategoricalFocalLoss, load, save
from sk_cifar_ovr._shared.variables import read
from sk_cifar_ovr.classifier import optimizer_class, set_up_network
from sk_cifar_ovr.engine.compiled import Network, trace_count
from sk_cifar_ovr.engine.compiled import _pool as _pool
from sk_cifar_ovr.exceptions import UnknownParameterError
from sk_cifar_ovr.networks import cifar_cnn


def bare(**settings):
    defaults = {"model": dense, "loss": "sparse_categorical_crossentropy", "optimizer": "adam", "verbose": 0}
    return KerasClassifier(**{**defaults, **settings})


def ours(**settings):
    return CNNClassifier(
        **{"model": dense, "epochs": 1, "batch_size": 128, "recipe": None, "random_state": 0, **settings}
    )


@pytest.fixture
def images(digits):
    """100 digits of three kinds."""
    X, y = digits
    keep = np.flatnonzero(y < 3)[:100]
    return X[keep], y[keep]


# -- a classifier for scikit-learn --------------------------------------------------------------------------


def test_scikit_learn_sees_a_classifier():
    assert not is_classifier(bare())
    assert is_classifier(ours())


def test_folds_are_stratified(images):
    X, y = images

    def chosen(estimator):
        # What GridSearchCV does with cv=3.
        search = GridSearchCV(estimator, {}, cv=3)
        return type(check_cv(search.cv, y, classifier=is_classifier(search.estimator)))

    assert chosen(bare()) is KFold
    assert chosen(ours()) is StratifiedKFold


def test_grid_search_finds_every_class_in_every_fold(images):
    """Sorted labels: without stratification most labels of a test part are missing from its training part."""
    X, y = images
    # Pixels of 0 to 255 saturate the tanh of this network.
    X = X / 127.5 - 1
    order = np.argsort(y, kind="stable")
    settings = {"epochs": 8, "optimizer__learning_rate": 0.02, "batch_size": 32}

    def best_score(estimator):
        return GridSearchCV(estimator, {}, cv=3).fit(X[order], y[order]).best_score_

    assert best_score(bare(**settings)) < 0.5
    assert best_score(ours(**settings)) > 0.8


def test_voting_takes_it(images):
    X, y = images
    flat = X.reshape(len(X), -1)
    with pytest.raises(ValueError, match="should be a classifier"):
        VotingClassifier([("a", bare()), ("b", bare())]).fit(flat, y)
    vote = VotingClassifier([("a", ours()), ("b", ours())], voting="soft").fit(flat, y)
    assert vote.predict(flat).shape == y.shape


# -- random_state -------------------------------------------------------------------------------------------

SEEDED_THEN_NOT = """
import json, os, sys
import numpy as np
from small_networks import dense
from tensorflow.python.framework import config

X, y = np.random.default_rng(0).integers(0, 255, (40, 16), "uint8"), np.arange(40) % 2
if sys.argv[1] == "bare":
    from scikeras.wrappers import KerasClassifier

    make = lambda seed: KerasClassifier(
        dense, loss="sparse_categorical_crossentropy", optimizer="adam", verbose=0, random_state=seed
    )
else:
    from sk_cifar_ovr import CNNClassifier

    make = lambda seed: CNNClassifier(dense, epochs=1, random_state=seed)
environment = dict(os.environ)
make(0).fit(X, y)
found = {"determinism": config.is_op_determinism_enabled(), "environment": environment == dict(os.environ)}
try:
    make(None).fit(X, y)
except RuntimeError as error:
    found["error"] = str(error)
print(json.dumps(found))
"""


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="op determinism is TensorFlow's")
@pytest.mark.parametrize("whose", ["bare", "ours"])
def test_a_seed_is_not_the_whole_process_s(whose):
    """In a process of its own, as SciKeras' seed stays switched on for all that follows."""
    path = os.pathsep.join(str(Path(__file__).parents[n]) for n in (1, 2))
    done = subprocess.run(
        [sys.executable, "-c", SEEDED_THEN_NOT, whose],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    if whose == "bare":
        assert found["determinism"]
        assert "require a seed" in found["error"]
    else:
        assert found == {"determinism": False, "environment": True}


def test_global_state_is_left_alone(images):
    X, y = images
    before = (random.getstate(), np.random.get_state()[1].tolist(), dict(os.environ))
    policy, floatx = keras.config.dtype_policy().name, keras.config.floatx()
    ours(precision="float64", random_state=3).fit(X, y).predict(X)
    assert (random.getstate(), np.random.get_state()[1].tolist(), dict(os.environ)) == before
    assert (keras.config.dtype_policy().name, keras.config.floatx()) == (policy, floatx)


def test_scikeras_never_sees_the_seed(images):
    X, y = images
    adapter = set_up_network(ours(random_state=7), X, np.unique(y)).adapter
    assert adapter.random_state is None
    assert adapter._random_state is None


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch's fault: set KERAS_BACKEND=torch")
def test_the_seed_works_on_pytorch(images):
    X, y = images
    first, second = (bare(random_state=0).fit(X, y).predict_proba(X) for _ in range(2))
    assert not np.array_equal(first, second)
    first, second = (ours(random_state=0).fit(X, y).predict_proba(X) for _ in range(2))
    assert np.array_equal(first, second)


def test_the_seed_decides_everything(images):
    X, y = images
    first, same, other = (ours(random_state=seed).fit(X, y).predict_proba(X) for seed in (0, 0, 1))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


# -- what goes in -------------------------------------------------------------------------------------------


def test_fit_on_uint8_predict_on_float(images):
    X, y = images
    with pytest.raises(ValueError, match="not safe"):
        bare().fit(X, y).predict(X.astype("float32"))
    fitted = ours().fit(X, y)
    np.testing.assert_array_equal(fitted.predict_proba(X.astype("float32")), fitted.predict_proba(X))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_one_row_has_one_row_of_probabilities(images, n_classes):
    X, y = images
    assert bare().fit(X, y % n_classes).predict_proba(X[:1]).shape == (n_classes,)
    fitted = ours().fit(X, y % n_classes)
    assert fitted.predict_proba(X[:1]).shape == (1, n_classes)
    assert fitted.predict(X[:1]).shape == (1,)


def test_class_weight_leaves_the_callers_weights_alone(images):
    X, y = images
    weights = np.ones(len(y))
    bare(class_weight={0: 2, 1: 3, 2: 4}).fit(X, y, sample_weight=weights)
    assert set(weights) == {2.0, 3.0, 4.0}
    weights = np.ones(len(y))
    ours(class_weight={0: 2, 1: 3, 2: 4}).fit(X, y, sample_weight=weights)
    assert set(weights) == {1.0}


def test_class_weight_takes_integer_weights(images):
    X, y = images
    weights = 1 + y % 2
    assert weights.dtype.kind == "i"
    with pytest.raises(TypeError, match="Cannot cast"):
        bare(class_weight="balanced").fit(X, y, sample_weight=weights.copy())
    whole = ours(class_weight="balanced").fit(X, y, sample_weight=weights)
    float_ = ours(class_weight="balanced").fit(X, y, sample_weight=weights.astype(float))
    np.testing.assert_array_equal(whole.predict_proba(X), float_.predict_proba(X))


@pytest.mark.filterwarnings(KERAS_SAVES)
def test_a_prebuilt_model_is_copied(images):
    X, y = images
    model = dense({"X_shape_": (None, 8, 8, 1), "n_classes_": 3})
    initial = read(model.weights)
    estimator = bare(model=model).fit(X, y)
    assert estimator.model_ is model
    carried = read(clone(estimator).model.weights)
    assert any(not np.array_equal(a, b) for a, b in zip(initial, carried, strict=True))

    trained = read(model.weights)
    ours(model=model, model__pixels="0-255").fit(X, y)
    assert all(np.array_equal(a, b) for a, b in zip(trained, read(model.weights), strict=True))


def test_validation_takes_string_labels(images):
    X, y = images
    names = np.array(["zero", "one", "two"])[y]
    with pytest.raises(ValueError, match="Invalid dtype"):
        bare(fit__validation_data=(X, names)).fit(X, names)
    fitted = ours(validation_fraction=0.25, epochs=2).fit(X, names)
    assert np.isfinite(fitted.history_["val_loss"]).all()
    assert len(fitted.history_["val_loss"]) == 2
    assert set(fitted.predict(X)) <= {"zero", "one", "two"}


# -- routed parameters --------------------------------------------------------------------------------------


def compiled(meta):
    """A builder that compiles its network, as SciKeras lets it."""
    model = dense(meta)
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam")
    return model


def test_bare_scikeras_accepts_misspelt_parameters(images):
    X, y = images
    bare(los__gamma=1.0, optimiser__learning_rate=1.0).fit(X, y)
    bare(model=compiled, loss__gama=1.0, optimizer__lr=1.0).fit(X, y)
    assert bare().set_params(loss__gama=1.0).get_params()["loss__gama"] == 1.0


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ({"loss": "focal", "loss__gama": 1.0}, "did you mean 'gamma'"),
        ({"optimizer__learningrate": 1.0}, "did you mean 'learning_rate'"),
        ({"optimizer__lr": 1.0}, "'learning_rate'"),
        ({"model__filter": (4, 4)}, "did you mean 'filters'"),
    ],
    ids=["loss", "optimizer", "abbreviation", "model"],
)
def test_a_misspelt_routed_parameter_names_its_neighbour(images, wrong, meant):
    with pytest.raises(UnknownParameterError, match=meant):
        CNNClassifier(**wrong).fit(*images)


@pytest.mark.parametrize(("wrong", "meant"), [("epoch", "epochs"), ("rondom_state", "random_state")])
def test_a_misspelt_parameter_is_refused(images, wrong, meant):
    """By set_params at once and by fit: scikit-learn wants no errors of a constructor."""
    with pytest.raises(UnknownParameterError, match=f"{wrong}.*did you mean '{meant}'"):
        CNNClassifier().set_params(**{wrong: 1})
    for estimator in (CNNClassifier(**{wrong: 1}), OneVsRestCNNClassifier(CNNClassifier(**{wrong: 1}))):
        with pytest.raises(UnknownParameterError, match=f"{wrong}.*did you mean '{meant}'"):
            estimator.fit(*images)


@pytest.mark.parametrize("wrong", ["optimiser__learning_rate", "los__gamma", "fit__epochs", "model__"])
def test_a_route_to_nowhere_is_refused(images, wrong):
    with pytest.raises(UnknownParameterError, match=wrong):
        CNNClassifier().set_params(**{wrong: 1})
    with pytest.raises(UnknownParameterError, match=wrong):
        CNNClassifier(**{wrong: 1}).fit(*images)


@pytest.mark.parametrize("name", ["lamb", "Muon", "adam"])
def test_every_optimizer_of_keras_has_a_name(name):
    assert optimizer_class(name).__name__.lower() == name.lower()


def test_the_base_of_all_optimizers_has_none():
    with pytest.raises(ValueError, match="'optimizer' is not an optimizer"):
        optimizer_class("optimizer")


def test_instances_take_no_routed_parameters(images):
    with pytest.raises(UnknownParameterError, match="is an instance"):
        ours(optimizer=keras.optimizers.Adam(), optimizer__learning_rate=0.1).fit(*images)


def test_routed_parameters_survive_clone_and_arrive(images):
    X, y = images
    estimator = clone(ours(model__units=5, loss="focal", loss__gamma=0.5, optimizer__learning_rate=0.25))
    fitted = estimator.set_params(loss__alpha=[1.0, 2.0, 3.0]).fit(X, y)
    setup = set_up_network(fitted, X, fitted.classes_)
    assert (setup.loss.gamma, setup.loss.alpha) == (0.5, [1.0, 2.0, 3.0])
    assert float(setup.optimizer.learning_rate) == 0.25
    assert fitted.model_.layers[-2].units == 5


# -- losses -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss",
    [
        keras.losses.CategoricalFocalCrossentropy(),
        keras.losses.CategoricalFocalCrossentropy,
        keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
    ],
    ids=["instance", "class", "crossentropy"],
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_loss_gets_the_labels_it_takes(images, loss, n_classes):
    """The loss of a network that does not learn is that of its predictions on one-hot labels."""
    X, y = images
    y = y % n_classes
    settings = {"loss": loss, "optimizer__learning_rate": 0.0, "batch_size": 200}
    fitted = ours(**settings).fit(X, y)
    instance = loss() if isinstance(loss, type) else loss
    expected = float(instance(np.eye(n_classes)[y], fitted.predict_proba(X)))
    assert fitted.history_["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_bare_scikeras_goes_by_the_name_of_the_loss(images):
    X, y = images
    by_name = bare(loss=keras.losses.CategoricalCrossentropy()).fit(X, y)
    assert by_name.target_encoder_.transform(y).shape == (len(y), 3)
    focal = bare(loss=keras.losses.CategoricalFocalCrossentropy(), optimizer__learning_rate=0.0).fit(X, y)
    assert focal.target_encoder_.transform(y).shape == (len(y), 1)
    expected = float(focal.loss(np.eye(3)[y], focal.predict_proba(X)))
    assert focal.history_["loss"][0] != pytest.approx(expected, rel=0.1)


# -- what comes out -----------------------------------------------------------------------------------------


@pytest.mark.filterwarnings(KERAS_SAVES)
def test_a_fitted_estimator_can_be_kept(images, tmp_path):
    X, y = images
    skops = pytest.importorskip("skops.io")
    with pytest.raises(RecursionError):
        skops.dumps(bare().fit(X, y))
    fitted = ours(model=cifar_cnn, model__filters=(4, 4, 4)).fit(X, y)
    save(fitted, tmp_path / "model")
    for again in (load(tmp_path / "model"), pickle.loads(pickle.dumps(fitted))):
        np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))


class CountBatches(keras.callbacks.Callback):
    batches = 0

    def on_predict_batch_end(self, batch, logs=None):
        self.batches += 1


def test_predictions_are_made_in_large_batches(images, monkeypatch):
    X, y = images
    many = np.tile(X, (21, 1, 1, 1))
    count = CountBatches()
    bare(predict__callbacks=[count]).fit(X, y).predict(many)
    assert count.batches == 66

    fitted, sizes = ours().fit(X, y), []
    real = Network.predict_batch

    def counted(self, x, scale):
        sizes.append(len(x))
        return real(self, x, scale)

    monkeypatch.setattr(Network, "predict_batch", counted)
    fitted.predict(many)
    assert sizes == [1024, 1024, 52]


# No list: what a builder names, and changes, would make each fit another graph.
built: deque = deque()


def counting(meta):
    """A builder that counts its calls."""
    built.append(meta)
    return dense(meta)


def test_one_graph_is_compiled_once(images):
    """A builder of the user's is called by each fit, since only the model tells its graph."""
    X, y = images
    _pool.clear_programs()
    built.clear()
    for _ in range(3):
        bare(model=counting).fit(X, y)
    assert len(built) == 3
    built.clear()
    before = trace_count()
    for rate in (0.1, 0.2, 0.3):
        ours(model=counting, optimizer__learning_rate=rate).fit(X, y)
    assert len(built) == 3
    assert trace_count() - before == 1


# -- SciKeras at work ---------------------------------------------------------------------------------------


def refuse(*args, **kwargs):
    raise RuntimeError("SciKeras is gone")


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (KerasClassifier, "_build_keras_model"),
        (KerasClassifier, "_get_compile_kwargs"),
        (KerasClassifier, "_validate_data"),
        (scikeras.wrappers.BaseWrapper, "_get_metadata"),
        (ClassifierLabelEncoder, "fit"),
        (ClassifierLabelEncoder, "transform"),
        (scikeras.wrappers, "route_params"),
    ],
    ids=lambda thing: getattr(thing, "__name__", thing),
)
def test_nothing_is_fitted_without_scikeras(images, monkeypatch, owner, name):
    _pool.clear_programs()
    monkeypatch.setattr(owner, name, refuse)
    with pytest.raises(RuntimeError, match="SciKeras is gone"):
        ours().fit(*images)


def test_the_builder_gets_scikeras_meta_and_ours(images):
    X, y = images
    _pool.clear_programs()
    built.clear()
    ours(model=counting).fit(X, y)
    (meta,) = built
    assert meta["image_shape_"] == (8, 8, 1)
    assert meta["X_shape_"][1:] == (8, 8, 1)
    assert (meta["n_classes_"], meta["target_type_"]) == (3, "multiclass")


# -- our parts in a bare KerasClassifier --------------------------------------------------------------------


def bare_cnn(**settings):
    return bare(
        model=cifar_cnn,
        model__filters=(4, 4),
        loss=SparseCategoricalFocalLoss,
        loss__gamma=1.0,
        batch_size=64,
        **settings,
    )


def test_the_custom_cnn_and_the_focal_loss_in_a_pipeline(images):
    X, y = images
    names = np.array(["zero", "one", "two"])[y]
    fitted = make_pipeline(FunctionTransformer(np.fliplr), bare_cnn()).fit(X, names)
    assert set(fitted.predict(X)) <= {"zero", "one", "two"}
    assert fitted[-1].model_.loss.gamma == 1.0
    assert fitted[-1].model_.name == "cifar_cnn"


def test_the_custom_cnn_and_the_focal_loss_in_a_grid_search(images):
    X, y = images
    grid = {"loss__gamma": [0.0, 2.0], "model__momentum": [0.8]}
    search = GridSearchCV(bare_cnn(), grid, cv=2, error_score="raise").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.model_.loss.gamma == search.best_params_["loss__gamma"]


def test_the_custom_cnn_and_the_focal_loss_in_scikit_learns_one_vs_rest(images):
    X, y = images
    fitted = OneVsRestClassifier(bare_cnn()).fit(X, y)
    assert len(fitted.estimators_) == 3
    assert fitted.estimators_[0].model_.output_shape == (None, 2)
    assert fitted.predict_proba(X).shape == (len(X), 3)
    assert fitted.predict(X).shape == y.shape

import json
import os
import zipfile

import keras
import numpy as np
import pandas as pd
import pytest
from small_networks import dense, skip_if_refused

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load, save
from sk_cifar_ovr.exceptions import RareClassWarning, SavedFileError
from sk_cifar_ovr.networks import BUILDERS
from sk_cifar_ovr.persistence._trusted_names import TrustedNames, import_name

TINY = {"model__filters": (4, 4, 4), "epochs": 1, "batch_size": 64, "recipe": None, "random_state": 0}
TRUSTED = [f"{dense.__module__}:dense"]


@pytest.mark.parametrize(
    "estimator",
    [
        CNNClassifier(**TINY),
        CNNClassifier(**{**TINY, "recipe": "strong"}, precision="mixed_bfloat16", test_flip=True),
        CNNClassifier(**TINY, loss=keras.losses.CategoricalFocalCrossentropy(gamma=1.0)),
        CNNClassifier(**TINY, optimizer=keras.optimizers.SGD(0.1), class_weight="balanced"),
        OneVsRestCNNClassifier(CNNClassifier(**TINY), threshold=[0.1] * 5),
        OneVsRestCNNClassifier(CNNClassifier(**TINY), strategy="independent", class_weight={"1": 2.0}),
    ],
    ids=["plain", "recipe", "loss", "optimizer", "joint", "independent"],
)
def test_predicts_the_same_bits(digits, tmp_path, estimator):
    skip_if_refused(getattr(estimator, "precision", "auto"))
    X, y = digits
    fitted = estimator.fit(X, (y % 5).astype(str))
    save(fitted, tmp_path / "model.skovr")
    again = load(tmp_path / "model.skovr")
    assert fitted.predict_proba(X).tobytes() == again.predict_proba(X).tobytes()
    np.testing.assert_array_equal(fitted.predict(X), again.predict(X))
    if hasattr(fitted, "predict_ovr"):
        np.testing.assert_array_equal(fitted.predict_ovr(X), again.predict_ovr(X))
    assert again.history_ == fitted.history_
    assert again.n_features_in_ == fitted.n_features_in_
    assert list(again.get_params()) == list(fitted.get_params())


def test_joint_trunk_is_stored_once(digits, tmp_path):
    X, y = digits
    save(OneVsRestCNNClassifier(CNNClassifier(**TINY)).fit(X, y), tmp_path / "ten")
    save(CNNClassifier(**TINY).fit(X, y), tmp_path / "one")
    with zipfile.ZipFile(tmp_path / "ten") as ten, zipfile.ZipFile(tmp_path / "one") as one:
        size = [sum(i.file_size for i in z.infolist() if i.filename.endswith(".npy")) for z in (ten, one)]
    assert size[0] < 2 * size[1]


def test_a_builder_of_ones_own_has_to_be_trusted(digits, tmp_path):
    X, y = digits
    fitted = CNNClassifier(model=dense, epochs=1, random_state=0).fit(X, y)
    save(fitted, tmp_path / "model")
    with pytest.raises(SavedFileError, match="trusted"):
        load(tmp_path / "model")
    again = load(tmp_path / "model", trusted=TRUSTED)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))


def test_nothing_is_pickled(digits, tmp_path):
    X, y = digits
    save(CNNClassifier(**TINY).fit(X, y), tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "model") as archive:
        for name in archive.namelist():
            if name.endswith(".npy"):
                with archive.open(name) as file:
                    np.load(file, allow_pickle=False)
            else:
                json.loads(archive.read(name))


@pytest.mark.parametrize("make", [lambda c: c, OneVsRestCNNClassifier], ids=["one", "one-vs-rest"])
def test_how_the_images_were_read_is_kept(digits, tmp_path, make):
    X, y = digits
    fitted = make(CNNClassifier(**TINY)).fit(X, y % 3)
    assert fitted.image_reading_ is None
    save(fitted, tmp_path / "model")
    assert load(tmp_path / "model").image_reading_ is None
    reading = {"image_size": [8, 8], "fit": "crop", "sixteen_bit": "refuse"}
    fitted.image_reading_ = reading
    save(fitted, tmp_path / "model")
    assert load(tmp_path / "model").image_reading_ == reading


@pytest.mark.parametrize("strategy", ["joint", "independent"])
def test_label_matrices_and_promises_that_cannot_be_told(digits, tmp_path, strategy):
    X, y = digits
    Y = pd.DataFrame({"even": y % 2, "one image": np.arange(len(y)) == 3}, dtype=float)
    Y.iloc[:40, 0] = np.nan
    estimator = OneVsRestCNNClassifier(CNNClassifier(**TINY), strategy=strategy, threshold={"recall": 0.9}, cv=2)
    with pytest.warns(RareClassWarning):
        fitted = estimator.fit(X, Y)
    save(fitted, tmp_path / "model")
    again = load(tmp_path / "model")
    assert str(again.promises_) == str(fitted.promises_)
    assert np.isnan(again.promises_[1]["reached"])
    assert again.classes_.tolist() == ["even", "one image"]
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    for goes_on in (fitted, again):
        goes_on.set_params(threshold=None).partial_fit(X, Y)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))


@pytest.mark.parametrize("damage", ["truncated", "text", "empty"])
def test_a_damaged_file_is_refused(digits, tmp_path, damage):
    X, y = digits
    path = tmp_path / "model"
    save(CNNClassifier(**TINY).fit(X, y), path)
    whole = path.read_bytes()
    path.write_bytes({"truncated": whole[: len(whole) // 2], "text": b"no archive", "empty": b""}[damage])
    with pytest.raises(SavedFileError, match="whole file"):
        load(path)


class Subclass(CNNClassifier):
    pass


def test_what_cannot_be_saved_says_so(digits, tmp_path):
    X, y = digits
    fitted = CNNClassifier(model=lambda meta: dense(meta), epochs=1).fit(X, y)
    with pytest.raises(TypeError, match="top level"):
        save(fitted, tmp_path / "model")
    with pytest.raises(TypeError, match="save takes"):
        save({"a": 1}, tmp_path / "model")
    with pytest.raises(TypeError, match="subclass"):
        save(Subclass(**TINY).fit(X, y), tmp_path / "model")
    with pytest.raises(Exception, match="not fitted"):
        save(CNNClassifier(), tmp_path / "model")
    assert not os.listdir(tmp_path)


def of_a_folder(meta, folder=None):
    return dense(meta)


def test_a_path_among_the_options_is_saved(digits, tmp_path):
    X, y = digits
    base = CNNClassifier(of_a_folder, model__folder=tmp_path, epochs=1, random_state=0)
    ovr = OneVsRestCNNClassifier(base).fit(X, y % 3)
    save(ovr, tmp_path / "model")
    trusted = [f"{__name__}:of_a_folder"]
    np.testing.assert_array_equal(load(tmp_path / "model", trusted=trusted).predict(X), ovr.predict(X))


def test_parameters_changed_since_the_fit_are_no_part_of_it(digits, tmp_path):
    X, y = digits
    clf = CNNClassifier(model__filters=(4, 4, 8), epochs=1, random_state=0).fit(X, y)
    save(clf.set_params(epochs=3), tmp_path / "model")
    with pytest.raises(ValueError, match="fit again"):
        save(clf.set_params(model__filters=(4, 4, 9)), tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    "make",
    [
        lambda: CNNClassifier(**{**TINY, "recipe": "long"}),
        lambda: CNNClassifier(**TINY, optimizer=keras.optimizers.SGD(0.01, momentum=0.9)),
        lambda: OneVsRestCNNClassifier(CNNClassifier(**TINY)),
        lambda: OneVsRestCNNClassifier(CNNClassifier(**TINY), strategy="independent"),
    ],
)
def test_training_goes_on_as_if_nothing_had_been_saved(make, digits, tmp_path):
    X, y = digits[0], digits[1] % 3
    estimator = make().partial_fit(X, y, classes=[0, 1, 2]).partial_fit(X, y)
    save(estimator, tmp_path / "model")
    loaded = load(tmp_path / "model")
    np.testing.assert_array_equal(
        loaded.partial_fit(X, y).predict_proba(X), estimator.partial_fit(X, y).predict_proba(X)
    )


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_every_builtin_network_can_be_given_as_a_function(name):
    builder = BUILDERS[name]
    assert TrustedNames(()).setting(import_name(builder)) is builder

"""Files that earlier versions wrote are loaded; what is wrong with one is found as in the present format."""

import json
import os
import zipfile

import keras
import numpy as np
import pandas as pd
import pytest
from format_1 import save_format_1
from imblearn.over_sampling import RandomOverSampler
from keras_networks import plain

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load
from sk_cifar_ovr.exceptions import SavedFileError

TINY = {"model__filters": (2, 2, 4), "epochs": 1, "batch_size": 64, "recipe": None, "random_state": 0}
ESTIMATORS = {
    "plain": CNNClassifier(**TINY),
    "schedule and loss": CNNClassifier(**TINY, loss=keras.losses.CategoricalFocalCrossentropy(gamma=1.0)),
    "joint": OneVsRestCNNClassifier(CNNClassifier(**TINY), calibration="isotonic", threshold="f1", cv=2),
    "independent": OneVsRestCNNClassifier(CNNClassifier(**TINY), strategy="independent", calibration="sigmoid", cv=2),
    "sampler": OneVsRestCNNClassifier(CNNClassifier(**TINY), sampler=RandomOverSampler(random_state=0)),
    "warm": CNNClassifier(**TINY, warm_start=True),
    "Keras model": OneVsRestCNNClassifier(CNNClassifier(plain(), recipe=None, epochs=1, random_state=0)),
}


@pytest.fixture(scope="module")
def images(digits):
    return digits[0][:120], np.array(["a", "b", "c"], object)[digits[1][:120] % 3]


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.filterwarnings("ignore:Nothing tells which pixels")
def test_files_of_format_1_are_loaded(images, tmp_path, name):
    X, y = images
    fitted = ESTIMATORS[name].fit(X, y)
    save_format_1(fitted, tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert again.history_ == fitted.history_
    assert list(again.get_params()) == list(fitted.get_params())


def test_a_label_matrix_with_promises(images, tmp_path):
    X = images[0]
    Y = pd.DataFrame({"a": np.arange(120) % 2, "b": np.arange(120) % 3 == 0}, dtype=float)
    fitted = OneVsRestCNNClassifier(CNNClassifier(**TINY), threshold={"recall": 0.9}, cv=2).fit(X, Y)
    save_format_1(fitted, tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.promises_ == fitted.promises_
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


@pytest.fixture
def saved(images, tmp_path):
    save_format_1(CNNClassifier(**TINY).fit(*images), tmp_path / "model")
    return tmp_path / "model"


def rewritten(path, change=lambda document: None, arrays=lambda name, data: data):
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    document = json.loads(parts.pop("estimator.json"))
    change(document)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("estimator.json", json.dumps(document))
        for name, content in parts.items():
            archive.writestr(name, arrays(name, content))


def test_what_the_first_versions_did_not_write(images, tmp_path):
    X, y = images
    fitted = OneVsRestCNNClassifier(CNNClassifier(**TINY), calibration="sigmoid", cv=2).fit(X, y)
    save_format_1(fitted, tmp_path / "model")

    def without(document):
        for name in ("multilabel", "promises", "image_reading"):
            del document["estimator"]["fitted"][name]
        for estimator in document["estimator"]["fitted"]["estimators"]:
            del estimator["fitted"]["image_reading"]

    rewritten(tmp_path / "model", without)
    again = load(tmp_path / "model")
    assert (again.multilabel_, again.promises_, again.image_reading_) == (False, None, None)
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


@pytest.mark.parametrize("name", ["os:system", "builtins:eval", "keras.utils:get_file", "sk_cifar_ovr.cli:main"])
def test_a_file_cannot_name_code_to_run(saved, name):
    rewritten(saved, lambda document: document["estimator"]["params"].update(model={"import": name}))
    with pytest.raises(SavedFileError, match=name.partition(":")[2]):
        load(saved)


def test_an_array_that_claims_more_than_it_has(saved):
    rewritten(saved, arrays=lambda name, data: data.replace(b"'shape': (4,)", b"'shape': (4000000000000,)"))
    with pytest.raises(SavedFileError):
        load(saved)


def test_weights_that_are_not_finite(saved):
    rewritten(saved, arrays=lambda name, data: data[:-4] + np.float32(np.nan).tobytes() if b"<f4" in data else data)
    with pytest.raises(SavedFileError, match="not finite"):
        load(saved)


def test_compressed_entries_and_damage(saved):
    whole = saved.read_bytes()
    for share in range(0, 100, 7):
        saved.write_bytes(whole[: len(whole) * share // 100])
        with pytest.raises(SavedFileError):
            load(saved)
    saved.write_bytes(whole)
    with zipfile.ZipFile(saved, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("arrays/999.npy", bytes(10_000_000))
    assert os.path.getsize(saved) < 1_000_000
    with pytest.raises(SavedFileError, match="compressed"):
        load(saved)


def test_there_is_no_digest(saved):
    with pytest.raises(SavedFileError, match="no digest"):
        load(saved, digest="0" * 64)


def test_another_format(saved):
    rewritten(saved, lambda document: document.update(format=99))
    with pytest.raises(SavedFileError, match="format 99"):
        load(saved)

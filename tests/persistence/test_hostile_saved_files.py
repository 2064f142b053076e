"""No file runs code, touches other files or sockets, exhausts memory or is taken for another one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from archives import forge, parts_of, sealed, write_parts
from hostile_files import SIGN, craft
from keras_networks import plain
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sk_cifar_ovr import CNNClassifier, CNNFeatures, OneVsRestCNNClassifier, load, save
from sk_cifar_ovr.exceptions import SavedFileError
from sk_cifar_ovr.persistence.estimators import check_size
from sk_cifar_ovr.persistence.scikit_learn import check_objects
from sk_cifar_ovr.persistence.scikit_learn._documents import _check_sparse

TINY = {"model__filters": (2, 2, 4), "epochs": 1, "batch_size": 64, "recipe": None, "random_state": 0}
MAX_MEGABYTES = 64


@pytest.fixture(scope="module")
def files(digits, tmp_path_factory):
    """Folder of saved files: a one-vs-rest classifier, a Pipeline, and a classifier on a Keras model."""
    folder = tmp_path_factory.mktemp("saved")
    X, y = digits[0][:60], digits[1][:60] % 3
    save(OneVsRestCNNClassifier(CNNClassifier(**TINY)).fit(X, y), folder / "classifier")
    neighbors = make_pipeline(CNNFeatures(CNNClassifier(**TINY)), KNeighborsClassifier(algorithm="brute"))
    save(neighbors.fit(X, y), folder / "neighbors")
    save(CNNClassifier.from_keras(plain(), classes=range(3)), folder / "keras")
    return folder


@pytest.fixture(scope="module")
def results(files, tmp_path_factory):
    """What became of each hostile file, in a process of its own."""
    folder = tmp_path_factory.mktemp("hostile")
    usual = [files / name for name in ("classifier", "neighbors", "keras")]
    craft(folder, *usual)
    Path(SIGN).unlink(missing_ok=True)
    script = Path(__file__).with_name("load_watched.py")
    command = [sys.executable, str(script), str(folder), *map(str, usual)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return json.loads(out[out.index("RESULTS") + len("RESULTS") :])


def test_only_saved_file_errors(results):
    assert len(results) > 400
    assert {name: outcome for name, (outcome, *_) in results.items() if not outcome.startswith("refused")} == {}


def test_nothing_is_executed_and_nothing_touched(results):
    assert {name: events for name, (_, events, *_) in results.items() if events} == {}
    assert not Path(SIGN).exists()


def test_memory(results):
    assert {name: grown for name, (*_, grown, _) in results.items() if grown > MAX_MEGABYTES} == {}


@pytest.mark.parametrize("change", [str.upper, str.lower, str.title], ids=["upper", "lower", "title"])
def test_a_digest_may_have_either_case(files, change):
    digest = save(load(files / "classifier"), files / "again")
    assert digest == digest.lower()
    assert len(digest) == 64
    load(files / "again", digest=change(digest))


def test_the_digest_is_that_of_the_manifest(files):
    import hashlib

    digest = save(load(files / "classifier"), files / "again")
    assert hashlib.sha256(parts_of(files / "again")["manifest.json"]).hexdigest() == digest


def test_a_forged_file_has_another_digest(files, tmp_path):
    digest = save(load(files / "classifier"), tmp_path / "again")
    forge(tmp_path / "again", tmp_path / "forged", lambda documents: documents[0]["params"].update(verbose=1))
    assert load(tmp_path / "forged").verbose == 1
    with pytest.raises(SavedFileError, match="digest"):
        load(tmp_path / "forged", digest=digest)


@pytest.mark.parametrize("digest", ["", "0" * 63, "0" * 65, "g" * 64, "0x" + "0" * 62, 3, b"0" * 64, " " + "0" * 63])
def test_a_digest_that_is_none(files, digest):
    with pytest.raises(ValueError, match="64 hexadecimal"):
        load(files / "classifier", digest=digest)


def test_a_wrong_digest(files):
    with pytest.raises(SavedFileError, match="another file"):
        load(files / "classifier", digest="0" * 64)


def test_a_later_format_names_the_version(files, tmp_path):
    def later(manifest):
        manifest.update(format=3, parts="something else")
        manifest["versions"]["sk_cifar_ovr"] = "9.1"

    write_parts(tmp_path / "model", sealed(parts_of(files / "classifier"), later))
    with pytest.raises(SavedFileError, match=r"format 3.*sk_cifar_ovr 9\.1 or later"):
        load(tmp_path / "model")


def test_every_changed_byte_is_noticed(files, tmp_path):
    whole = (files / "neighbors").read_bytes()
    for place in np.random.default_rng(0).integers(0, len(whole), 500):
        changed = bytearray(whole)
        changed[place] ^= 1 << int(place % 8)
        (tmp_path / "model").write_bytes(changed)
        with pytest.raises(SavedFileError):
            load(tmp_path / "model")


def test_what_is_no_file(tmp_path):
    with pytest.raises(SavedFileError, match="no file"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SavedFileError, match="no file"):
        load(tmp_path / "pipe")


def test_a_sparse_matrix_does_not_point_outside_of_itself():
    arrays = {
        "format": np.array(b"csr"),
        "shape": np.array([2, 3]),
        "data": np.ones(2),
        "indices": np.array([0, 7]),
        "indptr": np.array([0, 1, 2]),
    }
    with pytest.raises(ValueError, match="indices"):
        _check_sparse(arrays)
    _check_sparse({**arrays, "indices": np.array([0, 2])})
    with pytest.raises(SavedFileError, match="format"):
        _check_sparse({**arrays, "format": np.array(b"dia")})


def test_a_random_state_does_not_point_outside_of_itself():
    state = np.random.RandomState(0)
    name, keys, _, *gauss = state.get_state()
    state.set_state((name, keys, 10**6, *gauss))
    with pytest.raises(SavedFileError, match="random generator"):
        check_objects({"random_state": state})
    for fine in (np.random.RandomState(0), np.random.default_rng(0), np.random.Generator(np.random.Philox(0))):
        check_objects([fine])


def test_heads_count_for_the_size_of_a_network():
    def build():
        inputs = keras.Input((3,))
        return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Dense(10)(inputs)))

    trunk, head = [30, 10], [20, 2]
    check_size(build, [*trunk, *head])
    check_size(build, [*trunk, 200, 20], n_heads=10)
    for n_heads in (11, 10**9):
        with pytest.raises(SavedFileError, match="more weights"):
            check_size(build, [*trunk, 200, 20], n_heads=n_heads)


def test_trusted_is_a_list(files):
    with pytest.raises(TypeError, match="give a list"):
        load(files / "classifier", trusted="os:system")

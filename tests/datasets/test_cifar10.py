"""Where `fetch_cifar10` looks for copies."""

import logging

import pytest
from cifar10_copies import (
    check_cifar,
    read_cifar,
    write_archive,
    write_cifar,
)

from sk_cifar_ovr.exceptions import DatasetError


def test_missing_batches_and_sources(tmp_path):
    folder = write_cifar(tmp_path, "binary")
    (folder / "data_batch_3.bin").unlink()
    with pytest.raises(DatasetError, match="data_batch_3.bin not found"):
        read_cifar(folder, verify=False)
    (tmp_path / "void").mkdir()
    with pytest.raises(DatasetError, match="neither"):
        read_cifar(tmp_path / "void")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_cifar(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name",
    [
        "cifar-10-batches-py-target/cifar-10-batches-py",
        "cifar-10-batches-py",
        "cifar-10-batches-py-target_archive",
    ],
)
def test_the_cache_of_keras_comes_first(tmp_path, monkeypatch, no_network, name):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    place = tmp_path / "keras/datasets" / name
    place.parent.mkdir(parents=True)
    make = write_archive if name.endswith("archive") else write_cifar
    make(tmp_path, "python").rename(place)
    check_cifar(read_cifar(verify=False))


def test_a_bad_copy_in_the_cache_of_keras_is_passed_over(tmp_path, monkeypatch, no_network, caplog):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    write_cifar(tmp_path / "datasets", "python")
    with pytest.raises(DatasetError, match="could not be downloaded"), caplog.at_level(logging.WARNING):
        read_cifar(data_home=tmp_path / "home")
    assert "cache" in caplog.text

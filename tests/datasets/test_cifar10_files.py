"""The formats and checksums of CIFAR-10, and files that are refused."""

import hashlib
import os
import pickle

import numpy as np
import pytest
from cifar10_copies import (
    FORMATS,
    binary,
    check_cifar,
    cifar_rows,
    python2_pickle,
    python3_pickle,
    read_cifar,
    write_archive,
    write_cifar,
)

from sk_cifar_ovr.datasets.cifar10 import _cifar10_files, _download
from sk_cifar_ovr.exceptions import ChecksumError, DatasetError


@pytest.mark.parametrize("form", FORMATS)
def test_cifar_formats(tmp_path, form):
    folder, archive = write_cifar(tmp_path, form), write_archive(tmp_path, form)
    for source in (folder, str(folder), archive):
        data = read_cifar(source, verify=False)
        check_cifar(data)
        assert not data.verified
    assert data.sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
    check_cifar(read_cifar(tmp_path, verify=False))


@pytest.mark.parametrize("form", ["python", "binary"])
def test_cifar_subsets(tmp_path, form):
    folder = write_cifar(tmp_path, form)
    test = read_cifar(folder, subset="test", verify=False)
    check_cifar(test, [6])
    assert test.n_train == 0
    whole = read_cifar(folder, subset="all", verify=False)
    check_cifar(whole, [1, 2, 3, 4, 5, 6])
    assert whole.n_train == 15
    assert whole.sha256 == test.sha256


@pytest.mark.parametrize("pack_as", [write_cifar, write_archive])
@pytest.mark.parametrize("form", FORMATS)
def test_cifar_that_is_not_the_published_is_refused(tmp_path, form, pack_as):
    with pytest.raises(ChecksumError, match="verify=False"):
        read_cifar(pack_as(tmp_path, form))


@pytest.mark.parametrize("form", ["python", "binary"])
def test_cifar_published_files_pass_and_a_changed_bit_does_not(tmp_path, form, monkeypatch):
    folder = write_cifar(tmp_path, form)
    md5 = {file.name: hashlib.md5(file.read_bytes()).hexdigest() for file in folder.glob("*_batch*")}
    monkeypatch.setattr(_cifar10_files, "PUBLISHED_MD5", md5)
    data = read_cifar(folder)
    check_cifar(data)
    assert data.verified
    victim = folder / f"data_batch_4{FORMATS[form][1]}"
    content = bytearray(victim.read_bytes())
    content[1000] ^= 1
    victim.write_bytes(content)
    with pytest.raises(ChecksumError, match=victim.name):
        read_cifar(folder)
    check_cifar(read_cifar(folder, subset="test"), [6])


def test_cifar_checksums_are_well_formed():
    assert all(len(bytes.fromhex(md5)) == 16 for md5 in _cifar10_files.PUBLISHED_MD5.values())
    assert len(set(_cifar10_files.PUBLISHED_MD5.values())) == 12
    assert len(bytes.fromhex(_download.SHA256)) == 32


class Malice:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("call", [(os.mkdir,), (eval,), (getattr,), (__import__,), (np.load,)])
def test_malicious_pickles_are_refused(tmp_path, call, protocol):
    folder, trace = write_cifar(tmp_path, "python"), tmp_path / "trace"
    argument = f"__import__('os').mkdir({str(trace)!r})" if call == (eval,) else str(trace)
    content = {"data": Malice(*call, (argument,)), "labels": [0]}
    (folder / "data_batch_1").write_bytes(pickle.dumps(content, protocol))
    with pytest.raises(DatasetError, match="refused to run"):
        read_cifar(folder, verify=False)
    assert not trace.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        pickle.dumps([1, 2]),
        pickle.dumps({"labels": [1]}),
        pickle.dumps({"data": [1], "labels": [1]}, 4),
        pickle.dumps({"data": np.zeros((1, 3072)), "labels": [1]}, 4),
        pickle.dumps({"data": np.zeros((1, 30), np.uint8), "labels": [1]}, 4),
        python3_pickle(cifar_rows(0)[0], [1, 2]),
        python3_pickle(cifar_rows(0)[0], [1, 2, 10]),
        python2_pickle(*cifar_rows(0))[:4000],
    ],
)
def test_bad_python_batches(tmp_path, content):
    folder = write_cifar(tmp_path, "python")
    (folder / "data_batch_2").write_bytes(content)
    with pytest.raises(DatasetError, match="data_batch_2"):
        read_cifar(folder, verify=False)


@pytest.mark.parametrize("content", [b"", b"\x01" * 3000, b"\x0a" * 3073, binary(*cifar_rows(0))[:-1]])
def test_bad_binary_batches(tmp_path, content):
    folder = write_cifar(tmp_path, "binary")
    (folder / "data_batch_2.bin").write_bytes(content)
    with pytest.raises(DatasetError, match="data_batch_2.bin"):
        read_cifar(folder, verify=False)


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_truncated_cifar_archive(tmp_path, share):
    path = write_archive(tmp_path, "binary")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DatasetError, match="it is truncated"):
        read_cifar(path, verify=False)

"""The original CIFAR-10: its formats, its checksums, the copies found and the download."""

import hashlib
import logging
import os
import pickle
import shutil
import struct
import tarfile
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from sk_cifar_ovr import fetch_cifar10
from sk_cifar_ovr.datasets import _cifar10 as _cifar
from sk_cifar_ovr.datasets import _download as _download
from sk_cifar_ovr.exceptions import ChecksumError, DatasetError

read_cifar = partial(fetch_cifar10, verbose=0)


def cifar_rows(seed, n=3):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 3072), dtype=np.uint8), rng.integers(0, 10, n)


def as_images(rows):
    return rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def python2_pickle(rows, labels):
    """Pickle a batch opcode by opcode as Python 2 with numpy 1 wrote the original files (protocol 2)."""

    def text(value):
        return b"U" + bytes([len(value)]) + value

    dtype = (
        b"cnumpy\ndtype\n"
        + text(b"u1")
        + b"K\0K\1\x87R(K\3"
        + text(b"|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
    )
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85" + text(b"b") + b"\x87R"
    shape = b"M" + struct.pack("<H", rows.shape[0]) + b"M" + struct.pack("<H", rows.shape[1]) + b"\x86"
    state = b"(K\1" + shape + dtype + b"\x89T" + struct.pack("<i", rows.size) + rows.tobytes() + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    names = b"](" + b"".join(text(b"leptodactylus_%d.png" % i) for i in range(len(labels))) + b"e"
    items = text(b"batch_label") + text(b"batch 1 of 5") + text(b"labels") + numbers
    items += text(b"data") + array + state + text(b"filenames") + names
    return b"\x80\2}(" + items + b"u."


def python3_pickle(rows, labels):
    return pickle.dumps({"data": rows, "labels": [int(label) for label in labels]}, protocol=4)


def binary(rows, labels):
    return np.column_stack([labels.astype(np.uint8), rows]).tobytes()


FORMATS = {
    "python": ("cifar-10-batches-py", "", python2_pickle),
    "python 3": ("cifar-10-batches-py", "", python3_pickle),
    "binary": ("cifar-10-batches-bin", ".bin", binary),
}


def write_cifar(parent, form):
    """Write a small CIFAR-10 of three images a batch; seeds 1 to 5 and, for the test batch, 6."""
    name, ending, encode = FORMATS[form]
    folder = parent / name
    folder.mkdir(parents=True)
    for seed, batch in enumerate([*_cifar.BATCHES["train"], *_cifar.BATCHES["test"]], start=1):
        (folder / (batch + ending)).write_bytes(encode(*cifar_rows(seed)))
    (folder / f"batches.meta{'.txt' if ending else ''}").write_bytes(b"airplane\n")
    (folder / "readme.html").write_text("")
    return folder


def write_archive(parent, form):
    """Pack it as the original is packed, its batches in no order."""
    folder = write_cifar(parent / "unpacked", form)
    path = parent / ("cifar-10-binary.tar.gz" if form == "binary" else "cifar-10-python.tar.gz")
    with tarfile.open(path, "w:gz") as archive:
        for file in sorted(folder.iterdir(), reverse=True):
            archive.add(file, f"{folder.name}/{file.name}")
    shutil.rmtree(folder)
    return path


def check_cifar(data, seeds=(1, 2, 3, 4, 5)):
    rows, labels = zip(*(cifar_rows(seed) for seed in seeds), strict=True)
    np.testing.assert_array_equal(data.images, as_images(np.concatenate(rows)))
    np.testing.assert_array_equal(data.target, np.concatenate(labels))
    assert data.images.flags.c_contiguous
    assert data.target.dtype == np.int64
    assert data.target_names[:2] == ["airplane", "automobile"]


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
    monkeypatch.setattr(_cifar, "PUBLISHED_MD5", md5)
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
    assert all(len(bytes.fromhex(md5)) == 16 for md5 in _cifar.PUBLISHED_MD5.values())
    assert len(set(_cifar.PUBLISHED_MD5.values())) == 12
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


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_truncated_cifar_archive(tmp_path, share):
    path = write_archive(tmp_path, "binary")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DatasetError, match="it is truncated"):
        read_cifar(path, verify=False)


@pytest.fixture
def no_network(monkeypatch):
    monkeypatch.setattr(_download, "HOST", "http://127.0.0.1:9/")
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)


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


class Server(ThreadingHTTPServer):
    """Serves one file; `faults` says what goes wrong with the first requests."""

    def __init__(self, content, faults=()):
        self.content, self.faults, self.requests = content, list(faults), 0
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests += 1
        fault = self.server.faults.pop(0) if self.server.faults else ""
        self.send_response(503 if fault == "busy" else 200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        content = self.server.content
        self.wfile.write({"cut": content[:1000], "wrong": bytes(len(content))}.get(fault, content))

    def log_message(self, *args):
        pass


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Put a server in the place of the real one, and nothing into the cache of Keras."""
    content = write_archive(tmp_path / "server", "binary").read_bytes()
    servers = []

    def start(faults=()):
        servers.append(Server(content, faults))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setattr(_download, "HOST", servers[-1].url)
        return servers[-1]

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(_download, "SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def kept(home):
    return sorted(path.name for path in home.rglob("*") if path.is_file())


def test_download_and_then_the_kept_copy(tmp_path, serve, capfd):
    server = serve()
    data = read_cifar(data_home=tmp_path / "home", verify=False)
    check_cifar(data)
    assert data.sha256 == _download.SHA256
    assert kept(tmp_path / "home") == [_download.FILE]
    read_cifar(data_home=tmp_path / "home", verify=False)
    assert server.requests == 1
    assert capfd.readouterr() == ("", "")


def test_download_shows_progress_and_how_to_name_a_copy(tmp_path, serve, capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    serve()
    fetch_cifar10(data_home=tmp_path, verify=False, verbose=1)
    out, err = capfd.readouterr()
    assert out == ""
    assert "Downloading CIFAR-10" in err
    assert "source='PATH'" in err


@pytest.mark.parametrize("faults", [["busy"], ["cut"], ["wrong"], ["busy", "cut", "wrong"]])
def test_download_is_retried(tmp_path, serve, faults):
    server = serve(faults)
    check_cifar(read_cifar(data_home=tmp_path / "home", verify=False))
    assert server.requests == len(faults) + 1


@pytest.mark.parametrize(("fault", "kind"), [("busy", DatasetError), ("cut", DatasetError), ("wrong", ChecksumError)])
def test_failed_download_leaves_nothing_and_says_what_to_do(tmp_path, serve, fault, kind):
    serve([fault] * 10)
    with pytest.raises(kind, match="source='PATH'") as caught:
        read_cifar(data_home=tmp_path / "home")
    assert type(caught.value) is kind
    assert kept(tmp_path / "home") == []


def test_damaged_kept_copy_is_fetched_again(tmp_path, serve):
    server = serve()
    (tmp_path / "home/sk_cifar_ovr").mkdir(parents=True)
    (tmp_path / "home/sk_cifar_ovr" / _download.FILE).write_bytes(b"half")
    check_cifar(read_cifar(data_home=tmp_path / "home", verify=False))
    assert server.requests == 1

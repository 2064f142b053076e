"""The download of CIFAR-10: retried, verified and kept."""

import gc
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cifar10_copies import (
    check_cifar,
    read_cifar,
    write_archive,
)

from sk_cifar_ovr import fetch_cifar10
from sk_cifar_ovr.datasets.cifar10 import _download
from sk_cifar_ovr.exceptions import ChecksumError, DatasetError

# pooch does not close a connection that was cut; the socket stays open until it is collected as garbage.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")


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
    gc.collect()


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

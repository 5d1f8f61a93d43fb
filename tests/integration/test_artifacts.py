"""Downloads of the embedded services' jars, from a real HTTP server on loopback."""

from __future__ import annotations

import hashlib
import http.server
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machine import PROGRAM, Machine
from tokentrail.devservices import maven
from tokentrail.devservices.artifacts import Locked, locked
from tokentrail.devservices.progress import Progress
from tokentrail.errors import NotConnected

CONTENT = b"a jar, as it were" * 1000
LOCKED = Locked("org.example:thing:jar:1.0", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
PATH = "org/example/thing/1.0/thing-1.0.jar"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory of a Maven repository that jgo's own configuration file names as `central`."""
    root = tmp_path / "repository"

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(root))  # type: ignore[arg-type]

        def log_message(self, *_arguments: object) -> None:
            """Nothing on stderr."""

    (root / PATH).parent.mkdir(parents=True)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        _configure(tmp_path, monkeypatch, server.server_port)
        yield root
        server.shutdown()
        thread.join()


def _configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    config = tmp_path / "jgo.conf"
    config.write_text(f"[repositories]\ncentral = http://127.0.0.1:{port}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(config))
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
    monkeypatch.setattr(maven, "ATTEMPTS", 1)


def test_a_download_is_kept_and_not_repeated(repository: Path, tmp_path: Path) -> None:
    (repository / PATH).write_bytes(CONTENT)
    [path] = maven.fetch("thing", [LOCKED], Progress())
    assert path == tmp_path / "m2" / PATH
    assert path.read_bytes() == CONTENT
    (repository / PATH).unlink()
    assert maven.fetch("thing", [LOCKED], Progress()) == [path]


@pytest.mark.parametrize("wrong", [b"", CONTENT[:-1], CONTENT[:-1] + b"!"])
def test_a_wrong_file_is_refused_and_leaves_nothing(repository: Path, tmp_path: Path, wrong: bytes) -> None:
    (repository / PATH).write_bytes(wrong)
    with pytest.raises(NotConnected, match=r"org\.example:thing.* from 127\.0\.0\.1: .*SHA-256"):
        maven.fetch("thing", [LOCKED], Progress())
    assert not any(path.is_file() for path in (tmp_path / "m2").rglob("*"))


def test_half_a_file_of_another_tool_is_replaced(repository: Path, tmp_path: Path) -> None:
    (repository / PATH).write_bytes(CONTENT)
    broken = tmp_path / "m2" / PATH
    broken.parent.mkdir(parents=True)
    broken.write_bytes(CONTENT[:100])
    [path] = maven.fetch("thing", [LOCKED], Progress())
    assert path.read_bytes() == CONTENT


def test_a_missing_file_says_so(repository: Path) -> None:
    with pytest.raises(NotConnected, match="HTTP 404"):
        maven.fetch("thing", [LOCKED], Progress())


def test_up_without_network_and_cache_is_one_line_and_leaves_nothing_running(tmp_path: Path, machine: Machine) -> None:
    machine.down()
    fresh = Machine(tmp_path / "state")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        config = tmp_path / "jgo.conf"
        config.write_text(f"[repositories]\ncentral = http://127.0.0.1:{closed.getsockname()[1]}\n")
        fresh.env |= {"XDG_CACHE_HOME": str(tmp_path), "M2_REPO": str(tmp_path), "JGO_CONFIG_FILE": str(config)}
        done = fresh.run("up")
    assert done.returncode == 2
    *_, last = done.stderr.splitlines()
    assert last.startswith("tokentrail: ")
    assert "could not be downloaded from 127.0.0.1" in last
    assert "offline" in last
    assert "Traceback" not in done.stderr
    assert fresh.processes() == []


def test_ctrl_c_ends_a_download_and_what_was_started(tmp_path: Path) -> None:
    """A repository that never finishes sending: nobody should have to wait for it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        config = tmp_path / "jgo.conf"
        config.write_text(f"[repositories]\ncentral = http://127.0.0.1:{server.getsockname()[1]}\n")
        fresh = Machine(tmp_path / "state")
        fresh.env |= {"XDG_CACHE_HOME": str(tmp_path), "M2_REPO": str(tmp_path), "JGO_CONFIG_FILE": str(config)}
        with subprocess.Popen(  # noqa: S603
            [*PROGRAM, "up"], env=fresh.env, stderr=subprocess.PIPE, text=True
        ) as starting:
            drips = [threading.Thread(target=_drip, args=(server,)) for _ in range(5)]
            for drip in drips:
                drip.start()
            while not fresh.processes():
                time.sleep(0.05)
            starting.send_signal(signal.SIGINT)
            _, words = starting.communicate(timeout=60)
        assert starting.returncode != 0
        assert "Traceback" not in words
        assert fresh.processes() == []
        server.close()
        for drip in drips:
            drip.join()


def _drip(server: socket.socket) -> None:
    """Answer one request with 300 KB a second for ever."""
    try:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            while True:
                connection.sendall(b"x" * 150_000)
                time.sleep(0.5)
    except OSError:
        return


def test_the_lock_names_exact_versions_of_both_programs() -> None:
    names = {item.coordinate for item in locked()}
    assert "org.apache.kafka:kafka_2.13:jar:4.3.1" in names
    assert "io.apicurio:apicurio-registry-app:tar.gz:all:3.3.3" in names
    assert len(names) == len(locked())

"""The health checks of docker-compose.yml, tried on servers that are well and on none."""

from __future__ import annotations

import runpy
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import yaml

from tests.servers import Servers

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def healthy() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "deploy" / "healthy.py"))


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_answers(healthy: dict[str, Any], servers: Servers, closed_port: int) -> None:
    assert healthy["answers"](f"{servers.schema_registry_url}/subjects")
    assert not healthy["answers"](f"{servers.schema_registry_url}/subjects/no-such/versions")
    assert not healthy["answers"](f"http://127.0.0.1:{closed_port}/health")


def test_connected(healthy: dict[str, Any], database: str, closed_port: int) -> None:
    address = urlsplit(database)
    with psycopg.connect(database):
        assert healthy["connected"](f"{address.hostname}:{address.port}")
        assert not healthy["connected"](f"{address.hostname}:{address.port}", f"127.0.0.1:{closed_port}")
    assert not healthy["connected"]("no-such-host.invalid:5432")


@pytest.mark.skipif(shutil.which("bash") is None, reason="the registry's image has bash, this machine has not")
def test_the_registry_s_check_needs_no_curl(servers: Servers, closed_port: int) -> None:
    service = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["registry"]
    kind, *command = service["healthcheck"]["test"]
    assert kind == "CMD"
    address = urlsplit(servers.schema_registry_url)
    for port, well in ((address.port, True), (closed_port, False)):
        here = [part.replace("127.0.0.1/8080", f"{address.hostname}/{port}").replace("$$", "$") for part in command]
        done = subprocess.run(here, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
        assert (done.returncode == 0) is well, done.stderr

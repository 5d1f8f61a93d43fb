"""Keys of a stack: from the environment, made beside embedded servers, never made beside one's own."""

import socket
from pathlib import Path

import pytest

from tokentrail.cli.processes import free_port, missing_keys
from tokentrail.config import load_settings
from tokentrail.tokens import make_keys

NAMES = sorted(make_keys.environment())


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*NAMES, "TOKENTRAIL_KAFKA_BOOTSTRAP", "TOKENTRAIL_DATABASE_URL", "TOKENTRAIL_SCHEMA_REGISTRY_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TOKENTRAIL_STATE_DIR", str(tmp_path))


def test_keys_are_made_once_said_by_name_only() -> None:
    said: list[str] = []
    made = missing_keys(load_settings(), said.append)
    assert sorted(made) == NAMES
    assert len(said) == 1
    assert all(name in said[0] for name in made)
    assert not any(value in said[0] for value in made.values())


def test_given_keys_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in make_keys.environment().items():
        monkeypatch.setenv(name, value)
    said: list[str] = []
    assert missing_keys(load_settings(), said.append) == {}
    assert said == []


def test_nothing_is_made_beside_servers_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENTRAIL_DATABASE_URL", "postgresql://somewhere/else")
    assert missing_keys(load_settings(), lambda _line: None) == {}


def test_a_taken_port_is_replaced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert free_port(port) not in (0, port)

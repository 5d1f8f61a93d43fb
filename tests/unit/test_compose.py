"""docker-compose.yml says what it promises: right images, nothing beyond loopback, no secret of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from tests import docker_servers
from tokentrail.cli import app

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
OURS = ["migrate", "issuer", "ledger-writer", "scorer", "checkpointer", "web"]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def test_servers_are_those_of_the_embedded_ones(services: dict[str, Any]) -> None:
    assert services["kafka"]["image"] == docker_servers.KAFKA_IMAGE == "apache/kafka:4.3.1"
    assert services["postgres"]["image"] == docker_servers.POSTGRES_IMAGE == "postgres:18"
    assert services["registry"]["image"].endswith(docker_servers.REGISTRY_IMAGE)


def test_postgres_keeps_its_data_where_version_18_has_it(services: dict[str, Any]) -> None:
    assert "postgres:/var/lib/postgresql" in services["postgres"]["volumes"]


def test_all_our_processes_run_from_one_image(services: dict[str, Any]) -> None:
    assert set(services) == {"kafka", "postgres", "registry", *OURS}
    assert len({services[name]["image"] for name in OURS}) == 1


def test_every_process_is_a_command_of_the_program(services: dict[str, Any]) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert {services[name]["command"][0] for name in OURS} == set(OURS)
    assert set(OURS) <= set(commands)
    assert ("web" in commands) == ("web" in services), "the web pages run here too once they exist"


def test_ports_are_published_on_loopback_only(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in published)
    assert not any("network_mode" in service for service in services.values())


def test_everything_that_goes_on_is_health_checked_and_awaited(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if "healthcheck" not in service] == ["migrate"]
    waits = {name: dict(service.get("depends_on", {})) for name, service in services.items()}
    assert set(waits["migrate"]) == {"kafka", "postgres", "registry"}
    assert {entry["condition"] for entry in waits["migrate"].values()} == {"service_healthy"}
    for name in OURS[1:]:
        assert waits[name] == {"migrate": {"condition": "service_completed_successfully"}}


def test_our_containers_can_write_nothing_and_may_nothing(services: dict[str, Any]) -> None:
    for name in OURS:
        service = services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert not service.get("privileged")


def test_secrets_come_from_the_environment_and_are_asked_for_by_name(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|_KEY$", variable):
                assert re.fullmatch(r"\$\{TOKENTRAIL_[A-Z_]+:\?[^}]+\}", value), f"{name}: {variable}"
    url = services["migrate"]["environment"]["TOKENTRAIL_DATABASE_URL"]
    assert re.search(r"postgres:\$\{TOKENTRAIL_DATABASE_PASSWORD:\?[^}]+\}@postgres:5432/", url)


def test_each_process_is_given_the_keys_it_needs_and_no_other(services: dict[str, Any]) -> None:
    held = {
        name: {v.removeprefix("TOKENTRAIL_") for v in services[name]["environment"] if re.search("KEY|SECRET", v)}
        for name in OURS
    }
    assert held == {
        "migrate": set(),
        "web": {"DATA_KEY"},
        "issuer": {"SIGNING_KEY", "ENCRYPTION_KEY", "ISSUER_SECRET", "COMMAND_PUBLIC_KEY"},
        "ledger-writer": {"DATA_KEY"},
        "scorer": {"DATA_KEY", "COMMAND_KEY"},
        "checkpointer": {"CHECKPOINT_KEY"},
    }


def test_the_image_is_built_from_what_is_there_by_the_lock_and_not_as_root() -> None:
    lines = (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    assert all((ROOT / source).exists() for sources in copied for source in sources)
    allowed = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    assert {f"!{source}" for sources in copied for source in sources} <= set(allowed)
    text = "\n".join(lines)
    assert "pip install --require-hashes -r requirements/runtime.txt" in text
    assert text.index("\nUSER 10001") < text.index("\nENTRYPOINT")
    assert all(line.split()[1] == "python:3.11-slim" for line in lines if line.startswith("FROM "))


def _compose() -> list[str] | None:
    """The compose command of this machine: docker's plugin, or the program of Debian's docker-compose."""
    docker, alone = shutil.which("docker"), shutil.which("docker-compose")
    if docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0:  # noqa: S603
        return [docker, "compose"]
    return [alone] if alone else None


def test_docker_compose_accepts_it() -> None:
    compose = _compose()
    if compose is None:
        pytest.skip("neither `docker compose` nor docker-compose is here (Debian: apt-get install docker-compose)")
    names = sorted(set(re.findall(r"\$\{(TOKENTRAIL_[A-Z_]+):\?", COMPOSE.read_text())))
    mine = {name: value for name, value in os.environ.items() if not name.startswith("TOKENTRAIL_")}
    env = mine | dict.fromkeys(names, "x")
    command = [*compose, "--file", str(COMPOSE), "config", "--quiet"]
    accepted = subprocess.run(command, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    assert accepted.returncode == 0, accepted.stderr
    for name in names:
        refused = subprocess.run(  # noqa: S603
            command, env={k: v for k, v in env.items() if k != name}, capture_output=True, text=True, check=False
        )
        assert refused.returncode != 0, name

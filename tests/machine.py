"""A state directory with embedded services, used as a person would: through the program."""

# ruff: noqa: S603
from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import TopicPartition

from tokentrail.config import Settings, load_settings
from tokentrail.devservices.kafka import PART as KAFKA
from tokentrail.devservices.part import Part
from tokentrail.devservices.postgres import PART as POSTGRES
from tokentrail.devservices.processes import find_all
from tokentrail.devservices.registry import part as registry_part
from tokentrail.devservices.state import existing
from tokentrail.kafka import consumer, ensure_topics, producer

PARTS: dict[str, Part] = {"kafka": KAFKA, "postgres": POSTGRES, "registry": registry_part(0)}
PROGRAM = [sys.executable, "-c", "from tokentrail.cli import main; main()"]


class Machine:
    """One state directory, used as a person would: through the program, in processes of their own."""

    def __init__(self, state: Path) -> None:
        self.state = state
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TOKENTRAIL_")}
        self.env = kept | {"TOKENTRAIL_STATE_DIR": str(state), "PYTHONWARNINGS": "error"}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        command = [*PROGRAM, *arguments]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=120, check=False)

    def up(self) -> dict[str, Any]:
        """`tokentrail up --json`, which must succeed."""
        done = self.run("up", "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        assert found["healthy"] is True
        return found

    def down(self) -> None:
        """`tokentrail down`, which must succeed and leave no process."""
        done = self.run("down")
        assert done.returncode == 0, done.stderr
        assert self.processes() == []

    def pid(self, name: str) -> int:
        """Process id of a part as recorded."""
        known = json.loads((self.state / "services.json").read_text())
        return int(known["processes"][name]["pid"])

    def processes(self) -> list[psutil.Process]:
        """All living processes of this state directory."""
        state = existing(self.state)
        return [process for part in PARTS.values() for process in find_all(part.family(state))]

    def settings(self) -> Settings:
        """What any command of ours would work with."""
        return load_settings(state_dir=self.state)

    def produce(self, value: bytes) -> None:
        """Publish a value that is acknowledged when this returns."""
        writer = producer(self.settings())
        writer.produce("tokens.alerts", value)
        assert writer.flush(20) == 0

    def read_all(self) -> list[bytes | None]:
        """Every value published so far."""
        reader = consumer(self.settings(), "test-devservices")
        try:
            _, end = reader.get_watermark_offsets(TopicPartition("tokens.alerts", 0), timeout=20)
            reader.assign([TopicPartition("tokens.alerts", 0, 0)])
            values: list[bytes | None] = []
            while len(values) < end:
                message = reader.poll(20)
                assert message is not None
                assert message.error() is None
                values.append(message.value())
            return values
        finally:
            reader.close()


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    given = [name for name in os.environ if name.startswith("TOKENTRAIL_")]
    with pytest.MonkeyPatch.context() as patch:
        for name in given:
            patch.delenv(name)
        machine = Machine(tmp_path_factory.mktemp("devservices") / "Zürich, state of")
        try:
            yield machine
        finally:
            machine.run("down")


@pytest.fixture
def running(machine: Machine) -> dict[str, Any]:
    """The machine's services, up and with the contract's topics: what `up --json` printed."""
    found = machine.up()
    ensure_topics(machine.settings())
    return found

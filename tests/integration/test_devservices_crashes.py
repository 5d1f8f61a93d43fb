"""What a crash, a kill or a neighbour leaves behind never blocks the embedded services, nor costs data."""

# ruff: noqa: S603, S607
from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from typing import Any

import psutil
import psycopg
import pytest

from tests.machine import PARTS, PROGRAM, Machine
from tokentrail.devservices.processes import find_all
from tokentrail.devservices.state import existing


@pytest.mark.parametrize("name", PARTS)
def test_up_heals_a_killed_service_and_keeps_its_data(name: str, running: dict[str, Any], machine: Machine) -> None:
    mark = f"before {name} was killed".encode()
    machine.produce(mark)
    with psycopg.connect(running["database_url"]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS mark (text bytea)")
        connection.execute("INSERT INTO mark VALUES (%s)", [mark])
    before = machine.pid(name)
    os.kill(before, signal.SIGKILL)
    _await_gone(before)
    status_before = machine.run("status", "--json")
    assert status_before.returncode == 1
    assert json.loads(status_before.stdout)["healthy"] is False

    assert machine.up() == running
    assert machine.pid(name) != before
    assert mark in machine.read_all()
    with psycopg.connect(running["database_url"]) as connection:
        assert connection.execute("SELECT 1 FROM mark WHERE text = %s", [mark]).fetchone() == (1,)


def test_up_heals_when_all_were_killed_and_the_record_is_damaged(running: dict[str, Any], machine: Machine) -> None:
    for process in machine.processes():
        if process.pid != machine.pid("registry"):
            process.kill()
    (machine.state / "services.json").write_text('{"processes": {"kaf')
    healed = machine.up()
    assert healed["database_url"].split("@")[0] == running["database_url"].split("@")[0]
    assert len(find_all(PARTS["registry"].family(existing(machine.state)))) == 1, "the orphan was replaced"


@pytest.mark.usefixtures("running")
def test_up_replaces_a_frozen_broker(machine: Machine) -> None:
    frozen = machine.pid("kafka")
    os.kill(frozen, signal.SIGSTOP)
    machine.up()
    assert machine.pid("kafka") != frozen
    assert not psutil.pid_exists(frozen) or psutil.Process(frozen).status() == psutil.STATUS_ZOMBIE


def test_a_process_that_got_an_old_number_is_left_alone(machine: Machine) -> None:
    machine.down()
    with subprocess.Popen(["sleep", "600"]) as stranger:
        record = json.loads((machine.state / "services.json").read_text())
        for entry in record["processes"].values():
            entry["pid"] = stranger.pid
        (machine.state / "services.json").write_text(json.dumps(record))
        (machine.state / "postgres" / "data" / "postmaster.pid").write_text(f"{stranger.pid}\n")
        machine.up()
        machine.down()
        assert stranger.poll() is None
        stranger.kill()


def test_a_taken_port_is_changed_for_another(running: dict[str, Any], machine: Machine) -> None:
    machine.down()
    host, port = running["kafka_bootstrap"].split(":")
    with socket.create_server((host, int(port))):
        moved = machine.up()
    assert moved["kafka_bootstrap"] != running["kafka_bootstrap"]
    assert moved["database_url"] == running["database_url"]


def test_two_ups_at_once_agree(machine: Machine) -> None:
    machine.down()
    command = [*PROGRAM, "up", "--json"]
    both = [
        subprocess.Popen(command, env=machine.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    state = existing(machine.state)
    assert all(len(find_all(part.main(state))) == 1 for part in (PARTS["kafka"], PARTS["postgres"]))
    assert len(find_all(PARTS["registry"].family(state))) == 1


def test_an_up_that_was_killed_halfway_blocks_nothing(machine: Machine) -> None:
    machine.down()
    with subprocess.Popen([*PROGRAM, "up"], env=machine.env, stderr=subprocess.DEVNULL) as starting:
        while not machine.processes():
            time.sleep(0.01)
        starting.kill()
    machine.up()
    state = existing(machine.state)
    assert all(len(find_all(part.main(state))) == 1 for part in (PARTS["kafka"], PARTS["postgres"]))


def _await_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)

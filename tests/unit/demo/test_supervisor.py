"""Children are kept running, started again after growing pauses, and ended in order."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tokentrail.cli.supervisor import Child, Supervisor

SHELL = ("/bin/sh", "-c")


def _until(holds: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False


def test_a_child_that_dies_is_started_again_after_growing_pauses(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(lambda _name: tmp_path / "log", said.append, SHELL)
    supervisor.start([Child("echo up; exit 3")], {})
    try:
        assert _until(lambda: len(said) >= 3)
    finally:
        supervisor.stop()
    assert "ended with code 3: again in 0.5 s" in said[0]
    assert "again in 1 s" in said[1]
    assert "again in 2 s" in said[2]
    assert (tmp_path / "log").read_text().count("up") >= 3


def test_the_environment_is_added_and_output_goes_to_the_log(tmp_path: Path) -> None:
    supervisor = Supervisor(lambda _name: tmp_path / "log", lambda _line: None, SHELL)
    supervisor.start([Child('echo "$ADDED $HOME" >&2; sleep 60')], {"ADDED": "yes"})
    try:
        assert _until(lambda: f"yes {os.environ['HOME']}" in (tmp_path / "log").read_text())
    finally:
        supervisor.stop()


def test_stop_ends_readers_last_and_leaves_nobody(tmp_path: Path) -> None:
    log = tmp_path / "log"
    said = "trap 'echo {0} >> " + str(log) + "; exit' TERM; echo {0} is up >> " + str(log)
    script = said + "; while :; do sleep 0.05; done"
    supervisor = Supervisor(lambda _name: tmp_path / "other", lambda _line: None, SHELL)
    readers, writers = Child(script.format("reader"), (), 1), Child(script.format("writer"))
    supervisor.start([readers, writers], {})
    assert _until(lambda: log.exists() and log.read_text().count("is up") == 2)
    pids = supervisor.pids().values()
    supervisor.stop()
    assert log.read_text().splitlines()[-2:] == ["writer", "reader"]
    assert not any(psutil.pid_exists(pid) for pid in pids)

"""Run ledger writers as child processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tokentrail.config import Settings

ROOT = Path(__file__).parents[1]


def environment(settings: Settings) -> dict[str, str]:
    """What a child needs to know: servers and keys, by environment only."""
    return os.environ | {
        "TOKENTRAIL_KAFKA_BOOTSTRAP": settings.require("kafka_bootstrap"),
        "TOKENTRAIL_DATABASE_URL": settings.require("database_url"),
        "TOKENTRAIL_SCHEMA_REGISTRY_URL": settings.require("schema_registry_url"),
        "TOKENTRAIL_DATA_KEY": settings.require("data_key"),
        "TOKENTRAIL_STATE_DIR": str(settings.state_dir),
    }


@contextmanager
def writer(settings: Settings, *strike: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """A ledger writer; `strike` are the arguments of tests.faults.stopping_writer. Killed on leaving."""
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "tests.faults.stopping_writer", *strike],
        cwd=ROOT,
        env=environment(settings) | env,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        assert process.stderr is not None
        sys.stderr.write(process.stderr.read())
        process.stderr.close()


def ledger_offsets(settings: Settings) -> int:
    """How many Kafka records the ledger has dealt with: the sum of its positions."""
    with psycopg.connect(settings.require("database_url")) as conn:
        row = conn.execute("select coalesce(sum(next_offset), 0) from ledger.partition_position").fetchone()
    assert row is not None
    return int(row[0])


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> float:
    """Wait until it holds; returns how long that took. Fails after `seconds`."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, f"not within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - started

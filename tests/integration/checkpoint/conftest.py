"""A log that grows without Kafka, and a checkpointer with a key and a memory of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from consumers.checkpointer.loop import Checkpointer
from consumers.checkpointer.settings import CheckpointerSettings
from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.ledger.checkpoints import Stored, history
from tokentrail.ledger.drafts import own
from tokentrail.ledger.head import open_log
from tokentrail.ledger.own_entry import append_own, find_log
from tokentrail.tokens.make_keys import secret

BATCH = 10_000
Grow = Callable[[int], None]
Start = Callable[..., Checkpointer]


@pytest.fixture
def log(settings: Settings) -> Settings:
    """Settings with keys, and an empty log."""
    from pydantic import SecretStr  # noqa: PLC0415

    made = settings.model_copy(update={"data_key": SecretStr(secret()), "checkpoint_key": SecretStr(secret())})
    with connect(made, "writer", autocommit=True) as conn:
        open_log(conn, made.ledger_origin)
    return made


@pytest.fixture
def grow(log: Settings) -> Grow:
    """Append so many entries."""

    def append(count: int) -> None:
        with connect(log, "writer") as conn:
            log_id = find_log(conn, log.ledger_origin)
            for start in range(0, count, BATCH):
                said = [own("Test", number=i) for i in range(start, min(count, start + BATCH))]
                append_own(conn, log, log_id, said)
                conn.commit()

    return append


@pytest.fixture
def superuser(log: Settings) -> Iterator[psycopg.Connection]:
    """The database's owner of everything, with the triggers off: what A21 and F37 are about."""
    with psycopg.connect(log.require("database_url"), autocommit=True) as conn:
        conn.execute("set session_replication_role = replica")
        yield conn


Running = list[tuple[threading.Thread, threading.Event]]


@pytest.fixture
def running() -> Running:
    """Threads of checkpointers, with what stops them."""
    return []


@pytest.fixture
def stop_all(running: Running) -> Callable[[], None]:
    """End all checkpointers and wait for it."""

    def end() -> None:
        for _, stop in running:
            stop.set()
        for thread, _ in running:
            thread.join(10)
            assert not thread.is_alive()

    return end


@pytest.fixture
def start(log: Settings, tmp_path: Path, running: Running, stop_all: Callable[[], None]) -> Iterator[Start]:
    """Start a checkpointer in a thread; keywords are its settings. All end with the test."""

    def begin(settings: Settings = log, **own: object) -> Checkpointer:
        own.setdefault("checkpoint_state", tmp_path / "memory.sqlite")
        own.setdefault("checkpoint_interval", 0.05)
        stop, ready = threading.Event(), threading.Event()
        made: list[Checkpointer] = []

        def work() -> None:  # a SQLite connection belongs to its thread
            made.append(Checkpointer(settings, CheckpointerSettings(**own)))
            ready.set()
            with connect(settings, "checkpointer", autocommit=True) as conn:
                made[0].session(conn, stop)
            made[0].close()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        assert ready.wait(5)
        running.append((thread, stop))
        return made[0]

    yield begin
    stop_all()


def stored(settings: Settings) -> list[Stored]:
    """All checkpoints, newest first."""
    with connect(settings, "reader", autocommit=True) as conn:
        return history(conn, find_log(conn, settings.ledger_origin), limit=10_000)


def await_size(settings: Settings, size: int, seconds: float = 5, cosignatures: int = 0) -> Stored:
    """The checkpoint of this size, once it is there."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for row in stored(settings):
            if row.tree_size == size and row.cosignatures >= cosignatures:
                return row
        time.sleep(0.02)
    raise AssertionError(f"no checkpoint of size {size} with {cosignatures} cosignatures after {seconds} s")

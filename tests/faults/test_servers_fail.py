"""Servers that die, hang or are set up to lose data, under a writer at work (faults F1, F10, F13, F14)."""

from __future__ import annotations

import base64
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from tests.feed import Feed
from tests.machine import Machine, machine, running
from tests.replay import assert_exactly_once
from tests.writers import ROOT, environment, ledger_offsets, wait_for, writer
from tokentrail.codec import register_schemas
from tokentrail.config import Settings
from tokentrail.sql.migrate import upgrade
from tokentrail.watchdog import EXIT_HUNG

__all__ = ["machine", "running"]


@pytest.mark.parametrize("part", ["postgres", "kafka"])
def test_a_server_killed_under_the_writer(machine: Machine, running: dict[str, Any], part: str) -> None:
    base = machine.settings()
    url = make_url(running["database_url"]).set(database=f"ledger_{part}")
    with psycopg.connect(running["database_url"], autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(f"ledger_{part}")))
    settings = base.model_copy(
        update={
            "database_url": url.render_as_string(hide_password=False),
            "data_key": SecretStr(base64.b64encode(secrets.token_bytes(32)).decode()),
        }
    )
    upgrade(settings.require("database_url"))
    register_schemas(settings.require("schema_registry_url"))
    feed = Feed(settings)
    feed.events(1500)
    with writer(settings):
        wait_for(lambda: ledger_offsets(settings) >= 500)
        os.kill(machine.pid(part), signal.SIGKILL)
        assert machine.up() == running
        feed.events(1500)
        total = len_of_topics(settings)
        wait_for(lambda: ledger_offsets(settings) == total, 90)
    assert assert_exactly_once(settings) == total


def len_of_topics(settings: Settings) -> int:
    """How many records the ledger's topics hold; other tests of the machine may have left some."""
    from tests.replay import records  # noqa: PLC0415

    return len(records(settings.require("kafka_bootstrap")))


class Proxy:
    """Forwards TCP to Postgres until told to swallow everything: the connection stays open and silent."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self.swallow = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._to)
            self._open += [client, server]
            for here, there in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(here, there), daemon=True).start()

    def _pump(self, here: socket.socket, there: socket.socket) -> None:
        try:
            while data := here.recv(65536):
                if not self.swallow.is_set():
                    there.sendall(data)
        except OSError:
            return

    def close(self) -> None:
        """Let go of everything."""
        for sock in [self._listener, *self._open]:
            sock.close()


@pytest.fixture
def proxy(ledger: Settings) -> Iterator[Proxy]:
    place = conninfo_to_dict(ledger.require("database_url"))
    made = Proxy(str(place["host"]), int(place["port"] or 5432))
    yield made
    made.close()


def test_a_database_call_that_hangs_ends_the_process(ledger: Settings, feed: Feed, proxy: Proxy) -> None:
    through = make_url(ledger.require("database_url")).set(host="127.0.0.1", port=proxy.port)
    hung = ledger.model_copy(update={"database_url": through.render_as_string(hide_password=False)})
    feed.events(500)
    with writer(hung) as process:
        wait_for(lambda: ledger_offsets(ledger) == 500)
        proxy.swallow.set()
        feed.events(500)
        assert process.wait(40) == EXIT_HUNG
    with writer(ledger):
        wait_for(lambda: ledger_offsets(ledger) == 1000)
    assert assert_exactly_once(ledger) == 1000


@pytest.mark.parametrize("setting", ["synchronous_commit"])
def test_a_server_that_may_lose_commits_is_refused(ledger: Settings, setting: str) -> None:
    name = make_url(ledger.require("database_url")).database
    with psycopg.connect(ledger.require("database_url"), autocommit=True) as conn:
        conn.execute(
            sql.SQL("alter database {} set {} = off").format(sql.Identifier(str(name)), sql.Identifier(setting))
        )
    done = subprocess.run(
        [sys.executable, "-c", "from tokentrail.cli import main; main()", "ledger-writer"],
        cwd=ROOT, env=environment(ledger), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"{setting}=off" in done.stderr
    assert "Traceback" not in done.stderr

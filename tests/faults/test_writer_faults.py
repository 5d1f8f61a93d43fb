"""Faults of the writer, its database and its broker; each ends in the same check (faults F7 to F13, F19, I1 to I4)."""

from __future__ import annotations

import signal
import time

import psycopg
import pytest

from tests.feed import Feed
from tests.replay import assert_exactly_once
from tests.writers import ledger_offsets, wait_for, writer
from tokentrail.config import Settings

EVENTS = 4000


@pytest.mark.parametrize("step", ["prepared", "before_lock", "locked", "copied", "before_commit", "committed"])
def test_killed_at_every_step(ledger: Settings, feed: Feed, step: str) -> None:
    feed.events(EVENTS // 2)
    with writer(ledger, step, "KILL", "2") as first:
        wait_for(lambda: ledger_offsets(ledger) > 0 or first.poll() is not None)
        feed.events(EVENTS // 2)
        assert first.wait(30) == -signal.SIGKILL
    with writer(ledger):
        wait_for(lambda: ledger_offsets(ledger) == EVENTS)
    assert assert_exactly_once(ledger) == EVENTS


@pytest.mark.parametrize("step", ["prepared", "locked", "before_commit", "committed"])
def test_a_zombie_that_slept_through_its_take_over_loses(ledger: Settings, feed: Feed, step: str) -> None:
    feed.events(EVENTS // 2)
    with writer(ledger, step, "STOP", "1") as zombie:
        assert zombie.stderr is not None
        while not (line := zombie.stderr.readline()).startswith("at "):
            assert zombie.poll() is None, line
        feed.events(EVENTS // 2)
        # Whoever comes next must not wait for the sleeper: the server ends its open transaction.
        with writer(ledger):
            took = wait_for(lambda: ledger_offsets(ledger) == EVENTS, 90)
            zombie.send_signal(signal.SIGCONT)
            feed.events(500)
            wait_for(lambda: ledger_offsets(ledger) == EVENTS + 500, 60)
            time.sleep(1)
    assert took < 60
    assert assert_exactly_once(ledger) == EVENTS + 500


def test_postgres_connections_cut_again_and_again(ledger: Settings, feed: Feed) -> None:
    with writer(ledger), psycopg.connect(ledger.require("database_url"), autocommit=True) as conn:
        for _ in range(8):
            feed.events(EVENTS // 8)
            conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where pid <> pg_backend_pid() and datname = current_database()"
            )
        wait_for(lambda: ledger_offsets(ledger) == EVENTS)
    assert assert_exactly_once(ledger) == EVENTS


def test_writers_that_come_and_go(ledger: Settings, feed: Feed) -> None:
    with writer(ledger):
        for _ in range(4):
            feed.events(EVENTS // 8)
            with writer(ledger), writer(ledger):
                feed.events(EVENTS // 8)
                time.sleep(0.7)
        wait_for(lambda: ledger_offsets(ledger) == EVENTS)
    assert assert_exactly_once(ledger) == EVENTS


def test_the_same_records_produced_twice(ledger: Settings, feed: Feed) -> None:
    made = feed.events(1000)
    feed.send(made[:400])
    with writer(ledger):
        wait_for(lambda: ledger_offsets(ledger) == 1400)
        feed.send(made[500:700])
        wait_for(lambda: ledger_offsets(ledger) == 1600)
    assert assert_exactly_once(ledger, duplicates=600) == 1600

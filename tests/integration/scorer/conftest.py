"""A scorer of its own for each test: fresh database, empty topics, keys made for the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from consumers.anomaly_scorer import run
from tokentrail import events as e
from tokentrail.codec import Codec
from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.detect.policy import Policy
from tokentrail.kafka import consumer, producer
from tokentrail.tokens.make_keys import ed25519_pem, secret

ISSUER = "https://issuer.test"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile Safari/604.1"
SCRIPT = "python-requests/2.32"


@pytest.fixture
def scoring(settings: Settings, topics: list[str]) -> Settings:
    """Settings with a data key and a command key."""
    return settings.model_copy(
        update={"data_key": SecretStr(secret()), "command_key": SecretStr(ed25519_pem()), "issuer": ISSUER}
    )


class Stream:
    """Produces events as issuers would and reads what the scorer says."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.codec = Codec(settings.require("schema_registry_url"))
        self._producer = producer(settings)
        self._seq = 0

    def send(self, type_: str, **fields: Any) -> dict[str, Any]:
        """One event; sent twice it would have the same id and bytes."""
        event = e.new_event(issuer=fields.pop("issuer", ISSUER), **fields)
        self._seq += 1
        event["issuer_seq"] = self._seq
        self.resend(type_, event)
        return event

    def resend(self, type_: str, event: dict[str, Any]) -> None:
        """Produce the very bytes of an event."""
        key = e.partition_key(event) or "-"
        self._producer.produce(e.EVENTS, key=key.encode(), value=self.codec.encode(e.EVENTS, type_, event))

    def flush(self) -> None:
        """Wait for the acknowledgements."""
        assert self._producer.flush(20) == 0

    def rows(self, query: str, *args: Any) -> list[tuple[Any, ...]]:
        """A query as the scorer."""
        with connect(self.settings, "scorer", autocommit=True) as conn:
            return conn.execute(query, args).fetchall()

    def topic(self, name: str, seconds: float = 10.0, at_least: int = 1) -> list[tuple[str, dict[str, Any]]]:
        """What a topic holds: (type, event), waiting until `at_least` are there."""
        client = consumer(self.settings, f"look-{e.uuid7()}", **{"auto.offset.reset": "earliest"})
        client.subscribe([name])
        found: list[tuple[str, dict[str, Any]]] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end and len(found) < at_least:
            message = client.poll(0.2)
            if message is not None and message.error() is None:
                decoded = self.codec.decode(name, message.value())
                found.append((decoded.type, decoded.event))
        client.close()
        return found


@pytest.fixture
def stream(scoring: Settings) -> Stream:
    """A source of events for this test's scorer."""
    return Stream(scoring)


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something holds, or fail."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.05)


class Scorer:
    """A scorer in a thread that can be stopped and started again."""

    def __init__(self, settings: Settings, policy: Policy | None = None) -> None:
        self._settings = settings
        self._policy = policy
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=run, args=(self._settings, self._stop, self._policy), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End and wait."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(20)


@pytest.fixture
def scorer(scoring: Settings) -> Iterator[Scorer]:
    """A scorer that runs until the test ends."""
    running = Scorer(scoring)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def shadowed(scoring: Settings) -> Iterator[Scorer]:
    """A scorer in shadow mode."""
    running = Scorer(scoring, Policy(shadow=True))
    running.start()
    yield running
    running.stop()

"""Produce real events for tests."""

from __future__ import annotations

import random
from typing import Any

from tokentrail.codec import Codec, headers
from tokentrail.config import Settings
from tokentrail.events import EVENTS, TOKEN_USED, new_event, partition_key, source, uuid7
from tokentrail.kafka import producer


def token_used(random_: random.Random, **over: Any) -> dict[str, Any]:
    """A use of a token by one of some hundred people."""
    number = random_.randrange(300)
    event = new_event(
        issuer="https://idp.test",
        subject=f"u-{number:04d}",
        client_id="web",
        session_id=f"s-{number % 97}",
        jti=uuid7(),
        source=source(
            ip=f"198.51.100.{number % 250}", user_agent="Mozilla/5.0 (canary agent)", device_id=f"d-{number}",
            country="DE", city="Canaryville", asn=64500, lat=52.5, lon=13.4,
        ),
        success=True,
        failure_reason=None,
        token_issuer="https://idp.test",
        kid="k1",
        issued_at=1_700_000_000_000_000,
        expires_at=1_700_000_900_000_000,
        audience="ehr",
        scope="read",
        uses=1,
        window_seconds=0,
    )  # fmt: skip
    return event | over


class Feed:
    """A producer of events with a sequence of its own."""

    def __init__(self, settings: Settings, seed: int = 1) -> None:
        self._codec = Codec(settings.require("schema_registry_url"))
        self._producer = producer(settings)
        self._random = random.Random(seed)  # noqa: S311 - test data
        self._stream = uuid7()
        self._seq = 0

    def values(self, count: int) -> list[tuple[dict[str, Any], bytes]]:
        """Events with their encoded values, numbered."""
        made = []
        for _ in range(count):
            event = token_used(self._random, issuer_stream=self._stream, issuer_seq=self._seq)
            self._seq += 1
            made.append((event, self._codec.encode(EVENTS, TOKEN_USED, event)))
        return made

    def send(self, made: list[tuple[dict[str, Any], bytes]]) -> None:
        """Produce and wait for the acknowledgements."""
        for event, value in made:
            key = partition_key(event)
            self._producer.produce(
                EVENTS, value=value, key=key.encode() if key else None, headers=list(headers(TOKEN_USED, event))
            )
            self._producer.poll(0)
        assert self._producer.flush(30) == 0

    def raw(self, value: bytes | None, key: bytes | None = b"raw", topic: str = EVENTS) -> None:
        """Produce bytes as they are."""
        self._producer.produce(topic, value=value, key=key)
        assert self._producer.flush(30) == 0

    def events(self, count: int) -> list[tuple[dict[str, Any], bytes]]:
        """Make and send `count` events."""
        made = self.values(count)
        self.send(made)
        return made

"""Events to measure with, made once: what an issuer and its resource servers send in the course of a day."""

from __future__ import annotations

import random
from typing import Any

from tokentrail.codec import Codec
from tokentrail.config import Settings
from tokentrail.events import EVENTS, LOGIN_ATTEMPTED, TOKEN_ISSUED, TOKEN_USED, new_event, partition_key, source, uuid7
from tokentrail.kafka import producer

ISSUER = "https://idp.example"
MIX = ((TOKEN_USED, 0.7), (TOKEN_ISSUED, 0.2), (LOGIN_ATTEMPTED, 0.1))
Made = list[tuple[bytes, bytes]]


def made_events(codec: Codec, count: int, *, subjects: int = 5000, seed: int = 1) -> Made:
    """(key, value) of `count` events of so many subjects."""
    dice = random.Random(seed)  # noqa: S311 - test data
    stream = uuid7()
    types = dice.choices([name for name, _ in MIX], [weight for _, weight in MIX], k=count)
    made = []
    for seq, type_ in enumerate(types):
        event = _event(dice, type_, dice.randrange(subjects)) | {"issuer_stream": stream, "issuer_seq": seq}
        made.append(((partition_key(event) or "").encode(), codec.encode(EVENTS, type_, event)))
    return made


def fill(settings: Settings, topic: str, made: Made) -> None:
    """Produce them all and wait for the acknowledgements."""
    client = producer(settings, linger_ms=20, queue_buffering_max_messages=1_000_000)
    for number, (key, value) in enumerate(made):
        client.produce(topic, value=value, key=key)
        if number % 1000 == 0:
            client.poll(0)
    if client.flush(120):
        raise RuntimeError("the broker did not take all events")


def _event(dice: random.Random, type_: str, person: int) -> dict[str, Any]:
    where = source(
        ip=f"10.{person % 200}.{dice.randrange(4)}.{person % 250}",
        user_agent="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36",
        device_id=f"device-{person:06d}",
        country="DE",
        city="Hamburg",
        asn=3320,
        lat=53.55,
        lon=9.99,
    )
    common = new_event(
        issuer=ISSUER,
        subject=f"user-{person:06d}",
        client_id=f"client-{person % 20}",
        session_id=uuid7(),
        jti=uuid7(),
        source=where,
    )
    return common | _SPECIFIC[type_](common["occurred_at"])


def _used(now: int) -> dict[str, Any]:
    return {
        "success": True, "failure_reason": None, "token_issuer": ISSUER, "kid": "2026-01", "issued_at": now,
        "expires_at": now + 900_000_000, "audience": "records", "scope": "openid records.read", "uses": 1,
        "window_seconds": 0,
    }  # fmt: skip


def _issued(now: int) -> dict[str, Any]:
    return {
        "grant": "authorization_code", "scope": "openid records.read", "audience": "records", "kid": "2026-01",
        "issued_at": now, "expires_at": now + 900_000_000, "family": uuid7(), "gen": 0,
    }  # fmt: skip


def _login(_now: int) -> dict[str, Any]:
    return {"success": True, "method": "password", "failure_reason": None, "typed_name_hash": None}


_SPECIFIC = {TOKEN_USED: _used, TOKEN_ISSUED: _issued, LOGIN_ATTEMPTED: _login}

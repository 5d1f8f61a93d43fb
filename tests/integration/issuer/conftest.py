"""A whole issuer in this process: HTTP, relay and enforcer on real Kafka, Postgres and registry."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from confluent_kafka import TopicPartition
from pydantic import SecretStr

from producers.issuer import admin
from producers.issuer.passwords import Passwords
from producers.issuer.settings import IssuerSettings
from tests.servers import _await_leaders
from tokentrail import kafka
from tokentrail.cli.issuer import run_issuer
from tokentrail.codec import Codec, Decoded
from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.http_server import listen, url_of
from tokentrail.kafka import admin as admin_client
from tokentrail.kafka import ensure_topics
from tokentrail.tokens import keys, make_keys

AUDIENCE = "records"
PASSWORD = "correct horse 1"
ENVIRONMENT = make_keys.environment()


@dataclass
class Issuer:
    """A running issuer and what a test needs to talk to it."""

    url: str
    settings: Settings
    own: IssuerSettings
    http: httpx.Client
    people: dict[str, admin.Person] = field(default_factory=dict)

    def add_client(self, *grants: str, **over: Any) -> tuple[str, str]:
        given = {"scope": ("records.read", "records.write")} | over
        with connect(self.settings, "issuer") as conn:
            made = admin.add_client(conn, admin.NewClient("test", grants, (AUDIENCE,), **given))
        return made.client_id, made.client_secret or ""

    def add_person(self, name: str, *, totp: bool = False) -> admin.Person:
        hashed = Passwords(self.own).hash(PASSWORD)
        with connect(self.settings, "issuer") as conn:
            return admin.add_person(conn, admin.issuer_secret(self.own), name, hashed, totp=totp)

    def token(self, client: tuple[str, str], grant: str, **form: str) -> httpx.Response:
        return self.http.post("/token", data={"grant_type": grant, **form}, auth=client)

    def login(self, client: tuple[str, str], name: str, password: str = PASSWORD, **form: str) -> httpx.Response:
        return self.token(client, "password", username=name, password=password, **form)

    def introspect(self, client: tuple[str, str], token: str) -> dict[str, Any]:
        answer = self.http.post("/introspect", data={"token": token}, auth=client)
        assert answer.status_code == 200
        return dict(answer.json())


class Tail:
    """Reads topics from where they end now; remembers what it has seen."""

    def __init__(self, settings: Settings, *topics: str) -> None:
        self.seen: list[Decoded] = []
        self._values: list[bytes] = []
        self._codec = Codec(settings.require("schema_registry_url"))
        self._consumer = kafka.consumer(settings, f"tail-{time.time_ns()}", group_protocol="classic")
        known = self._consumer.list_topics(timeout=10).topics
        ends = [TopicPartition(t, p) for t in topics for p in known[t].partitions]
        for end in ends:
            end.offset = self._consumer.get_watermark_offsets(end, timeout=10)[1]
        self._consumer.assign(ends)

    def wait(self, type_: str, count: int = 1, seconds: float = 10.0, **fields: Any) -> list[dict[str, Any]]:
        """Events of a type with these fields, once there are `count`; fails when they do not come."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.of(type_, **fields)
            if len(found) >= count:
                return found
            assert time.monotonic() < deadline, f"{len(found)} of {count} {type_} {fields} came"
            self._read(0.1)

    def settle(self, seconds: float = 1.0) -> None:
        """Read until nothing comes for a while."""
        while self._read(seconds):
            pass

    def of(self, type_: str, **fields: Any) -> list[dict[str, Any]]:
        return [d.event for d in self.seen if d.type == type_ and all(d.event[k] == v for k, v in fields.items())]

    def _read(self, seconds: float) -> bool:
        message = self._consumer.poll(seconds)
        if message is None or message.error() is not None:
            return False
        if message.value() is not None:
            self._values.append(message.value())
            self.seen.append(self._codec.decode(message.topic(), message.value()))
        return True

    def leaf_hashes(self, issuer: str) -> list[bytes]:
        """RFC 6962 leaf hashes of an issuer's numbered events, in their order."""
        numbered = [
            (decoded.event["issuer_seq"], hashlib.sha256(b"\x00" + value).digest())
            for decoded, value in zip(self.seen, self._values, strict=True)
            if decoded.event.get("issuer") == issuer and "issuer_seq" in decoded.event
        ]
        return [digest for _, digest in sorted(numbered)]

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture
def keyed(settings: Settings) -> Settings:
    """The test's settings with fresh keys in them.

    Topics are shared: each test has an issuer URL of its own.
    """
    ensure_topics(settings)
    _await_leaders(admin_client(settings))
    names = ("signing_key", "encryption_key", "command_key", "command_public_key")
    return settings.model_copy(update={n: SecretStr(ENVIRONMENT[f"TOKENTRAIL_{n.upper()}"]) for n in names})


@pytest.fixture
def own() -> IssuerSettings:
    """Cheap passwords; this machine may speak for clients."""
    return cheap_settings()


@pytest.fixture
def issuer(keyed: Settings, own: IssuerSettings) -> Iterator[Issuer]:
    """A running issuer with one audience."""
    listener = listen("127.0.0.1", 0)
    url = url_of(listener)
    stop = threading.Event()
    with connect(keyed, "issuer") as conn:
        admin.add_audience(conn, AUDIENCE, make_keys.public_pem(audience_pem()))
    thread = threading.Thread(target=run_issuer, args=(keyed, url, listener, stop), kwargs={"own": own})
    thread.start()
    with httpx.Client(base_url=url, timeout=20) as http:
        try:
            yield Issuer(url, keyed, own, http)
        finally:
            stop.set()
            thread.join(20)
            assert not thread.is_alive()


@pytest.fixture
def tail(keyed: Settings) -> Iterator[Tail]:
    """What comes into tokens.events and tokens.denylist from now on."""
    made = Tail(keyed, "tokens.events", "tokens.denylist")
    yield made
    made.close()


def cheap_settings(**over: Any) -> IssuerSettings:
    return IssuerSettings(
        issuer_secret=SecretStr(ENVIRONMENT["TOKENTRAIL_ISSUER_SECRET"]),
        trusted_proxies="127.0.0.0/8",
        argon2_memory_kib=64,
        argon2_time_cost=1,
        refresh_retry_seconds=2,
        **over,
    )


def audience_pem() -> str:
    return keys.pem_blocks(ENVIRONMENT["TOKENTRAIL_ENCRYPTION_KEY"], "test")[0]

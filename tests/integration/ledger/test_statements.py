"""Issuer statements: loss before Kafka, writing in another's name, and denial are all found (faults B28, A1, I5)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import psycopg
import pytest
from joserfc import jws
from joserfc.jwk import RSAKey

from tests.feed import Feed, token_used
from tests.writers import wait_for, writer
from tokentrail.codec import Codec
from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.events import EVENTS, TOKEN_USED
from tokentrail.outbox import Relay, put, relay, statement
from tokentrail.outbox.numbering import Row
from tokentrail.tokens.statements import STATEMENT_TYP

Sent = list[Row]


class Issuer:
    """An issuer with a JWK Set of its own, its outbox in the test's database."""

    def __init__(self, settings: Settings) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})
        keys = json.dumps({"keys": [self.key.as_dict(private=False)]}).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(keys)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.settings = settings.model_copy(update={"issuer": self.url})

    def sign(self, payload: dict[str, Any], key: RSAKey | None = None) -> str:
        header = {"alg": "RS256", "typ": STATEMENT_TYP, "kid": "k1"}
        registry = jws.JWSRegistry(algorithms=["RS256"])
        return jws.serialize_compact(header, json.dumps(payload).encode(), key or self.key, registry=registry)

    def publish(self, feed: Feed, count: int, signer: Callable[[dict[str, Any]], str] | None = None) -> None:
        """Put events into the outbox and relay them, with a statement at the end."""
        with connect(self.settings, "issuer") as conn:
            for _ in range(count):
                put(conn, "issuer", EVENTS, TOKEN_USED, token_used(feed._random), "k")
        codec = Codec(self.settings.require("schema_registry_url"))
        running = Relay(self.settings, "issuer", "outbox", "issuer", codec, issuer=self.url, signer=signer or self.sign)
        running.start()
        wait_for(self._stated, 30)
        running.stop()

    def _stated(self) -> bool:
        with psycopg.connect(self.settings.require("database_url")) as conn:
            row = conn.execute(
                "select stated_seq + 1 >= next_seq and not exists (select from issuer.outbox) from issuer.sequence"
            ).fetchone()
        return bool(row and row[0])


@pytest.fixture
def issuer(ledger: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    monkeypatch.setattr(statement, "STATEMENT_SECONDS", 0.5)
    made = Issuer(ledger)
    yield made
    made.server.shutdown()
    made.server.server_close()


def verdict(settings: Settings) -> str:
    """The verdict of the one statement, when it is there."""
    found: list[str] = []

    def judged() -> bool:
        with psycopg.connect(settings.require("database_url")) as conn:
            rows = conn.execute("select verdict from ledger.statement where judged_at is not null").fetchall()
        found.extend(row[0] for row in rows)
        return bool(rows)

    with writer(settings, TOKENTRAIL_ISSUER=str(settings.issuer), TOKENTRAIL_STATEMENT_GRACE_SECONDS="3"):
        wait_for(judged, 60)
    return found[0]


def alerts(settings: Settings) -> int:
    with psycopg.connect(settings.require("database_url")) as conn:
        row = conn.execute("select count(*) from ledger.entry where type = 'StatementDiffers'").fetchone()
    return int(row[0]) if row else 0


def test_what_was_stated_is_there(issuer: Issuer, feed: Feed) -> None:
    issuer.publish(feed, 300)
    assert verdict(issuer.settings) == "complete"
    assert alerts(issuer.settings) == 0


def test_an_event_lost_on_the_way(issuer: Issuer, feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    original = relay.Relay._publish

    def lose(self: Relay, client: Any, rows: Sent) -> None:
        original(self, client, [row for row in rows if not row.event or row.event["issuer_seq"] not in (7, 8)])

    monkeypatch.setattr(relay.Relay, "_publish", lose)
    issuer.publish(feed, 40)
    assert verdict(issuer.settings) == "events 7 to 8 are not in the ledger"
    assert alerts(issuer.settings) == 1


def test_somebody_writes_in_the_issuers_name(issuer: Issuer, feed: Feed) -> None:
    issuer.publish(feed, 40)
    codec = Codec(issuer.settings.require("schema_registry_url"))
    forged = token_used(feed._random, issuer=issuer.url, issuer_stream="outbox", issuer_seq=11)
    feed.raw(codec.encode(EVENTS, TOKEN_USED, forged), b"k")
    assert verdict(issuer.settings) == "numbers used twice: 11"


def test_an_event_replaced_before_kafka(issuer: Issuer, feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    original = relay.Relay._publish
    codec = Codec(issuer.settings.require("schema_registry_url"))

    def replace(self: Relay, client: Any, rows: Sent) -> None:
        for row in rows:
            if row.event and row.event["issuer_seq"] == 5:
                row.value = codec.encode(EVENTS, TOKEN_USED, row.event | {"success": False})
        original(self, client, rows)

    monkeypatch.setattr(relay.Relay, "_publish", replace)
    issuer.publish(feed, 40)
    assert verdict(issuer.settings) == "the events are not those stated: another root"


def test_a_statement_signed_by_somebody_else(issuer: Issuer, feed: Feed) -> None:
    other = RSAKey.generate_key(2048, {"kid": "k1"})
    issuer.publish(feed, 10, lambda payload: issuer.sign(payload, other))
    assert verdict(issuer.settings) == "signature: bad"

"""Judges issuer statements while the ledger writer runs: each is held against the entries that it covers.

A thread beside the writer, with a connection of its own. Partitions may lag behind each other, so a range
that is not complete yet is looked at again; after the grace it is an entry and an alert.
"""

from __future__ import annotations

import json
import threading
from typing import Any

import psycopg
import structlog
from joserfc.errors import JoseError
from psycopg import Connection

from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.errors import TokentrailError
from tokentrail.events import ALERTS, ANOMALY_DETECTED, new_event
from tokentrail.ledger import drafts
from tokentrail.ledger.own_entry import append_own
from tokentrail.ledger.seal import KeyRing, master_keys
from tokentrail.ledger.statements import (
    STATEMENT_DIFFERS,
    Finding,
    Statement,
    judge,
    predecessor_known,
    settle,
    unjudged,
)
from tokentrail.outbox import put
from tokentrail.tokens.refusal import NotReadyError
from tokentrail.tokens.statements import signed_claims
from tokentrail.tokens.trust import Keys, RemoteKeys

LOOK_SECONDS = 1.0
ISSUER_KEY = "IssuerKey"
DETECTION = "issuer_statement"

log = structlog.get_logger()


class Completeness:
    """Judges statements of one log until stopped. Owns its connection."""

    def __init__(self, settings: Settings, log_id: int) -> None:
        self._settings = settings
        self._log_id = log_id
        self._grace = settings.statement_grace_seconds
        self._keys: dict[str, Keys] = {}
        self._stored: set[tuple[str, str]] = set()
        if settings.issuer:
            self._keys[settings.issuer] = RemoteKeys(settings.issuer.rstrip("/") + "/jwks.json")

    def run(self, stop: threading.Event) -> None:
        """Look every second; an error of a server is waited out."""
        while not stop.wait(LOOK_SECONDS):
            try:
                with connect(self._settings, "writer", autocommit=True) as conn:
                    ring = KeyRing(conn, self._log_id, master_keys(self._settings))
                    while not stop.wait(LOOK_SECONDS):
                        for said in unjudged(conn, self._log_id):
                            self._look(conn, ring, said)
            except (psycopg.Error, TokentrailError) as error:
                log.warning("statements wait", reason=str(error).strip().partition("\n")[0])

    def _look(self, conn: Connection[Any], ring: KeyRing, said: Statement) -> None:
        signature = self._signature(conn, said)
        if signature is None and said.age < self._grace:
            return  # the issuer's keys cannot be had at the moment
        finding = judge(conn, ring, self._log_id, said)
        waits = bool(finding.missing) or not predecessor_known(conn, self._log_id, said)
        if waits and said.age < self._grace:
            return
        problems = _problems(finding, said, signature, waits)
        with conn.transaction():
            verdict = "complete" if not problems else "; ".join(problems)
            if settle(conn, self._log_id, said, verdict) and problems:
                self._say(conn, said, problems)

    def _signature(self, conn: Connection[Any], said: Statement) -> str | None:
        """`good`, `bad`, `unknown issuer`, or None while the keys cannot be fetched."""
        keys = self._keys.get(said.issuer)
        if keys is None:
            return "unknown issuer"
        try:
            claims, key = signed_claims(said.signature, keys)
        except NotReadyError:
            return None
        except (JoseError, ValueError):
            return "bad"
        self._keep_key(conn, said.issuer, key.kid, json.dumps(key.key.as_dict(private=False), sort_keys=True))
        stated = {
            "iss": said.issuer,
            "stream": said.stream,
            "first_seq": said.first_seq,
            "last_seq": said.last_seq,
            "count": said.count,
            "root_hash": said.root_hash.hex(),
        }
        return "good" if claims == stated else "bad"

    def _keep_key(self, conn: Connection[Any], issuer: str, kid: str, jwk: str) -> None:
        """The key becomes an entry, so that the verifier needs no issuer."""
        if (issuer, kid) in self._stored:
            return
        with conn.transaction():
            new = conn.execute(
                "insert into ledger.issuer_key (log_id, issuer, kid, jwk) values (%s, %s, %s, %s) "
                "on conflict do nothing returning 1",
                (self._log_id, issuer, kid, jwk),
            ).fetchone()
            if new:
                entry = drafts.own(ISSUER_KEY, issuer=issuer, kid=kid, jwk=json.loads(jwk))
                append_own(conn, self._settings, self._log_id, [entry])
        self._stored.add((issuer, kid))

    def _say(self, conn: Connection[Any], said: Statement, problems: list[str]) -> None:
        """An entry and an alert, in the transaction of the verdict."""
        entry = drafts.own(
            STATEMENT_DIFFERS,
            issuer=said.issuer,
            stream=said.stream,
            first_seq=said.first_seq,
            last_seq=said.last_seq,
            statement=said.event_id,
            problems=problems,
        )
        append_own(conn, self._settings, self._log_id, [entry])
        alert = new_event(
            issuer=self._settings.ledger_origin,
            alert_id=said.event_id,
            detections=[DETECTION],
            reasons=[f"{said.issuer}: {problem}" for problem in problems],
            score=1.0,
            severity="critical",
            trigger_event_id=said.event_id,
            trigger_type="IssuerStatement",
            trigger_occurred_at=None,
            command_id=None,
            policy="ledger",
            model=None,
        )
        put(conn, "ledger", ALERTS, ANOMALY_DETECTED, alert, said.issuer)
        log.error("an issuer's statement does not hold", issuer=said.issuer, first=said.first_seq, last=said.last_seq)


def _problems(finding: Finding, said: Statement, signature: str | None, waits: bool) -> list[str]:
    problems = [f"events {first} to {last} are not in the ledger" for first, last in finding.missing]
    if finding.repeated:
        problems.append(f"numbers used twice: {', '.join(map(str, finding.repeated[:20]))}")
    if finding.root_differs:
        problems.append("the events are not those stated: another root")
    if waits and not finding.missing:
        problems.append(f"no statement covers the events before {said.first_seq}")
    if signature != "good":
        problems.append(f"signature: {signature or 'no keys to be had'}")
    return problems

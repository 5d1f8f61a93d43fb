"""Revoking: one function for commands, clients, reuse and operators, inside the caller's transaction.

It writes the cut-off that the issuer itself obeys and puts TokenRevoked and Denied into the outbox, so that
either all of it happens or nothing does. Doing it again changes nothing but the record that it was asked for
again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from tokentrail import events, outbox
from tokentrail.tokens.claims import MAX_LIFETIME
from tokentrail.tokens.denylist import MICROS

SCHEMA = "issuer"
SKEW_SECONDS = 60
"""How long beyond its expiry a token might still be shown to a validator with a slow clock."""
KEEP_SECONDS = 30 * 86400
"""How long the issuer remembers a cut-off: longer than any session lives."""


@dataclass(frozen=True)
class Revocation:
    """What to revoke, why, and by whose hand: command, client, reuse, logout or operator."""

    target: str
    value: str
    reason: str
    revoked_by: str
    caused_by: str | None = None


def revoke(
    conn: Connection, issuer: str, what: Revocation, *, source: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Write cut-off, TokenRevoked and Denied in the caller's transaction; returns the TokenRevoked event."""
    now = events.now_micros()
    _cut_off(conn, what, now)
    subject, client_id, session_id, jti = _who(conn, what)
    event = events.new_event(
        issuer=issuer,
        subject=subject,
        client_id=client_id,
        session_id=session_id,
        jti=jti,
        source=dict(source) if source else None,
        target=what.target,
        value=what.value,
        reason=what.reason,
        revoked_by=what.revoked_by,
        caused_by=what.caused_by,
    )
    outbox.put(conn, SCHEMA, events.EVENTS, events.TOKEN_REVOKED, event, events.partition_key(event) or what.value)
    denied = {
        "target": what.target,
        "value": what.value,
        "revoked_at": now,
        "until": now + (MAX_LIFETIME + SKEW_SECONDS) * MICROS,
        "reason": what.reason,
        "caused_by": what.caused_by,
        "issuer": issuer,
    }
    _deny(conn, denied)
    if what.target == "family":
        for jti, expires_at in _live_tokens(conn, what.value, now):
            until = (expires_at + SKEW_SECONDS) * MICROS
            _deny(conn, denied | {"target": "jti", "value": jti, "until": until})
    return event


def release(conn: Connection, target: str, value: str) -> bool:
    """Undo a cut-off: tokens it killed live again until their expiry. False when there was none."""
    gone = conn.execute("delete from issuer.cutoff where target = %s and value = %s", (target, value)).rowcount
    if gone:
        outbox.put(conn, SCHEMA, events.DENYLIST, events.DENIED, None, f"{target}:{value}")
    return gone > 0


def _cut_off(conn: Connection, what: Revocation, now: int) -> None:
    conn.execute(
        """insert into issuer.cutoff as c (target, value, revoked_at, until, reason, caused_by)
        values (%s, %s, %s, %s, %s, %s)
        on conflict (target, value) do update
            set revoked_at = greatest(c.revoked_at, excluded.revoked_at), until = greatest(c.until,
            excluded.until)""",
        (what.target, what.value, now, now + KEEP_SECONDS * MICROS, what.reason, what.caused_by),
    )


def _deny(conn: Connection, denied: Mapping[str, Any]) -> None:
    key = f"{denied['target']}:{denied['value']}"
    outbox.put(conn, SCHEMA, events.DENYLIST, events.DENIED, dict(denied), key)


def _live_tokens(conn: Connection, family: str, now: int) -> list[tuple[str, int]]:
    """Access tokens of a refresh family do not name it, so its revocation names each of them."""
    return conn.execute(
        "select jti, expires_at from issuer.access_token where family = %s and expires_at > %s",
        (family, now // MICROS - SKEW_SECONDS),
    ).fetchall()


_WHO = {
    "jti": "select subject, client_id, sid, jti from issuer.access_token where jti = %s limit 1",
    "session": "select subject, client_id, sid, null from issuer.session where sid = %s",
    "family": "select subject, client_id, sid, null from issuer.refresh_token where family = %s limit 1",
}


def _who(conn: Connection, what: Revocation) -> tuple[str | None, ...]:
    """Subject, client, session and jti it concerns, as far as this issuer knows."""
    if what.target in _WHO:
        found = conn.execute(_WHO[what.target], (what.value,)).fetchone()
        if found is not None:
            return found
    return tuple(what.value if what.target == t else None for t in ("subject", "client", "session", "jti"))

"""Refresh families: tokens that follow one another, stored only as hashes.

The successor of a token is derived from it, so a client that lost the answer may show the same token again
within the retry window and gets the same successor: however many requests race, one refresh token lives.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from psycopg import Connection

from producers.issuer.core import Core, Grant
from producers.issuer.secret import token_hash

NONCE_BYTES = 16


@dataclass(frozen=True)
class Shown:
    """A refresh token that was presented, as stored. Ages in seconds."""

    family: str
    gen: int
    client_id: str
    subject: str
    sid: str
    audience: str
    scope: str | None
    nonce: bytes
    expired: bool
    used_ago: float | None
    successor_hash: bytes | None
    successor_used: bool
    last_jti: str | None
    jkt: str | None
    auth_time: int
    amr: list[str]
    disabled: bool
    revoked: bool


def begin(conn: Connection, core: Core, grant: Grant, jti: str) -> str:
    """The first refresh token of a family (generation 0)."""
    token = "r_" + secrets.token_urlsafe(32)
    _insert(conn, core, grant, token=token, gen=0, jti=jti)
    return token


def look_up(conn: Connection, issuer: str, token: str) -> Shown | None:
    """The presented token, its row locked, with all that decides about it; None when it was never given."""
    row = conn.execute(_LOOK_UP, {"hash": token_hash(token), "issuer": issuer}).fetchone()
    if row is None:
        return None
    return Shown(*row)


def rotate(conn: Connection, core: Core, shown: Shown, grant: Grant, *, presented: str, jti: str) -> str:
    """Use the presented token up and store its successor."""
    successor = core.secret.successor(presented, shown.nonce)
    conn.execute(
        """update issuer.refresh_token set used_at = clock_timestamp(), successor_hash = %s, last_jti = %s
        where token_hash = %s""",
        (token_hash(successor), jti, token_hash(presented)),
    )
    _insert(conn, core, grant, token=successor, gen=shown.gen + 1, jti=jti)
    return successor


def repeat(core: Core, presented: str, shown: Shown) -> str | None:
    """The successor once more, for a lost answer; None when the window is over or the successor was used."""
    if shown.used_ago is None or shown.used_ago > core.settings.refresh_retry_seconds or shown.successor_used:
        return None
    successor = core.secret.successor(presented, shown.nonce)
    if shown.successor_hash is None or not hmac.compare_digest(token_hash(successor), shown.successor_hash):
        return None
    return successor


def _insert(conn: Connection, core: Core, grant: Grant, *, token: str, gen: int, jti: str) -> None:
    conn.execute(
        """insert into issuer.refresh_token (token_hash, family, gen, client_id, subject, sid, audience, scope, nonce,
            expires_at, last_jti, cnf_jkt)
        select %s, %s, %s, %s, %s, s.sid, %s, %s, %s,
            least(now() + make_interval(secs => %s), s.expires_at), %s, %s
        from issuer.session s where s.sid = %s""",
        (
            token_hash(token),
            grant.family,
            gen,
            grant.client_id,
            grant.subject,
            grant.audience.name,
            grant.scope,
            secrets.token_bytes(NONCE_BYTES),
            core.settings.refresh_token_seconds,
            jti,
            # RFC 9449 section 5: bound to the key where no client authentication binds it.
            grant.jkt if core.directory.is_public(grant.client_id) else None,
            grant.sid,
        ),
    )


# A cut-off kills what was made up to its moment; what a person got by logging in again lives.
_LOOK_UP = """
select r.family, r.gen, r.client_id, r.subject, r.sid, r.audience, r.scope, r.nonce,
    r.expires_at <= now(), extract(epoch from clock_timestamp() - r.used_at)::float8, r.successor_hash,
    exists (
        select from issuer.refresh_token n where n.token_hash = r.successor_hash and n.used_at is not null
    ),
    r.last_jti, r.cnf_jkt, s.auth_time, s.amr,
    exists (select from issuer.person p where p.subject = r.subject and p.disabled_at is not null),
    exists (
        select from issuer.cutoff c
        where (c.target, c.value) in (('family', r.family), ('session', r.sid), ('subject', r.subject),
                ('client', r.client_id), ('issuer', %(issuer)s))
            and c.revoked_at >= extract(epoch from r.created_at) * 1000000
    )
from issuer.refresh_token r join issuer.session s using (sid)
where r.token_hash = %(hash)s
for update of r
"""

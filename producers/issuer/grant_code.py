"""The authorization code grant: the login that makes a code, and the exchange of a code for tokens."""

from __future__ import annotations

import secrets
import time
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from producers.issuer import login, refresh_family
from producers.issuer.authorization import CODE_SECONDS, Asked, fits
from producers.issuer.core import Core, Grant, Request, answer, choose_audience, mint, token_issued
from producers.issuer.grant_record import Record, write
from producers.issuer.oauth import OAuthError, required
from producers.issuer.secret import token_hash
from tokentrail import events
from tokentrail.tokens.claims import new_id
from tokentrail.tokens.revocation import Revocation, revoke


def log_in(core: Core, asked: Asked, form: dict[str, str], source: dict[str, Any]) -> str:
    """Log a person in at the page; returns the code. The attempt is recorded whatever comes of it."""
    attempt = login.Attempt(asked.client_id, source, [])
    try:
        person = login.check_password(core, attempt, form.get("username", ""), form.get("password", ""))
        sid = new_id("s_")
        login.note_login_success(core, attempt, person.subject, sid)
        amr = login.check_second_factor(core, attempt, person, form.get("otp"))
    except OAuthError:
        core.metrics.logins.labels("refused").inc()
        core.batch.submit(Record([], attempt.events)).result()
        raise
    core.metrics.logins.labels("accepted").inc()
    code, now = secrets.token_urlsafe(32), int(time.time())
    with core.pool.connection() as conn:
        login.open_session(conn, core, sid, person.subject, asked.client_id, auth_time=now, amr=amr)
        conn.execute(
            """insert into issuer.authorization_code (code_hash, client_id, redirect_uri, challenge, audience, scope,
                subject, sid, auth_time, amr, jkt, expires_at)
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now() + make_interval(secs => %s))""",
            (
                token_hash(code),
                asked.client_id,
                asked.redirect_uri,
                asked.challenge,
                asked.audience,
                asked.scope,
                person.subject,
                sid,
                now,
                list(amr),
                asked.jkt,
                CODE_SECONDS,
            ),
        )
        write(conn, [Record([], attempt.events)])
    core.wake()
    return code


def grant(core: Core, request: Request) -> dict[str, Any]:
    """Tokens for a code, once (RFC 6749 section 4.1.3)."""
    code = required(request.form, "code")
    with core.pool.connection() as conn:
        outcome = _exchange(conn, core, request, code)
    core.wake()
    if isinstance(outcome, OAuthError):  # raised only here, so that what the refusal wrote is committed
        raise outcome
    return outcome


def _exchange(conn: Connection, core: Core, request: Request, code: str) -> dict[str, Any] | OAuthError:
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(_LOOK_UP, (token_hash(code),)).fetchone()
    refused = OAuthError("invalid_grant", "the code is not good")
    if found is None or found["client_id"] != request.client.client_id:
        return refused
    if found["used"]:
        # Section 4.1.2: used twice, so what it gave is revoked.
        what = Revocation("session", found["sid"], "authorization code used twice", "reuse")
        revoke(conn, core.issuer, what, source=request.source)
        return refused
    conn.execute("update issuer.authorization_code set used_at = now() where code_hash = %s", (token_hash(code),))
    proven = fits(request.form.get("code_verifier", ""), found["challenge"])
    same_uri = request.form.get("redirect_uri") == found["redirect_uri"]
    same_key = found["jkt"] is None or found["jkt"] == request.jkt
    if found["expired"] or found["revoked"] or not (proven and same_uri and same_key):
        return refused
    return _start(conn, core, request, found)


def _start(conn: Connection, core: Core, request: Request, found: dict[str, Any]) -> dict[str, Any]:
    wanted = Grant(
        audience=choose_audience(core, request, found["audience"]),
        scope=found["scope"],
        subject=found["subject"],
        client_id=request.client.client_id,
        sid=found["sid"],
        family=new_id("f_") if "refresh_token" in request.client.grants else None,
        auth_time=found["auth_time"],
        amr=tuple(found["amr"]),
        jkt=request.jkt,
    )
    minted, row = mint(core, wanted)
    event = token_issued(core, wanted, minted, name="authorization_code", source=request.source)
    refresh_token = refresh_family.begin(conn, core, wanted, minted.jti) if wanted.family else None
    write(conn, [Record([row], [(events.TOKEN_ISSUED, event)])])
    return answer(wanted, minted, refresh_token)


_LOOK_UP = """
select c.client_id, c.redirect_uri, c.challenge, c.audience, c.scope, c.subject, c.sid, c.auth_time, c.amr, c.jkt,
    c.used_at is not null as used, c.expires_at <= now() as expired,
    exists (
        select from issuer.cutoff x
        where (x.target, x.value) in (('session', c.sid), ('subject', c.subject), ('client', c.client_id))
            and x.revoked_at >= c.auth_time * 1000000
    ) as revoked
from issuer.authorization_code c where c.code_hash = %s for update of c
"""

"""The password grant: for first-party programs of people, and for simulated people.

OAuth 2.1 leaves it out; new programs use the authorization code grant.
"""

from __future__ import annotations

import time
from typing import Any

from producers.issuer import login, refresh_family
from producers.issuer.core import (
    Core,
    Grant,
    Request,
    answer,
    choose_audience,
    choose_scope,
    mint,
    token_issued,
)
from producers.issuer.grant_record import Record, write
from producers.issuer.login import Known
from producers.issuer.oauth import OAuthError, required
from tokentrail import events
from tokentrail.tokens.claims import new_id


def grant(core: Core, request: Request) -> dict[str, Any]:
    """Log a person in and grant tokens.

    Whatever the outcome, the attempt is recorded before it is answered.
    """
    name, password = required(request.form, "username"), required(request.form, "password")
    attempt = login.Attempt(request.client.client_id, request.source, [])
    try:
        audience, scope = choose_audience(core, request), choose_scope(request, request.client.scope)
        person = login.check_password(core, attempt, name, password)
        sid = new_id("s_")
        login.note_login_success(core, attempt, person.subject, sid)
        amr = login.check_second_factor(core, attempt, person, request.form.get("otp"))
    except OAuthError:
        core.metrics.logins.labels("refused").inc()
        if attempt.events:
            core.batch.submit(Record([], attempt.events)).result()
        raise
    wanted = Grant(
        audience=audience,
        scope=scope,
        subject=person.subject,
        client_id=request.client.client_id,
        sid=sid,
        family=new_id("f_") if "refresh_token" in request.client.grants else None,
        auth_time=int(time.time()),
        amr=amr,
        jkt=request.jkt,
    )
    core.metrics.logins.labels("accepted").inc()
    return _start(core, request, wanted, attempt, person)


def _start(core: Core, request: Request, wanted: Grant, attempt: login.Attempt, person: Known) -> dict[str, Any]:
    """Session, first tokens and events in one transaction."""
    minted, row = mint(core, wanted)
    attempt.events.append(
        (events.TOKEN_ISSUED, token_issued(core, wanted, minted, name="password", source=request.source))
    )
    refresh_token = None
    with core.pool.connection() as conn, conn.pipeline():
        login.open_session(
            conn,
            core,
            wanted.sid or "",
            person.subject,
            wanted.client_id,
            auth_time=wanted.auth_time or 0,
            amr=wanted.amr,
        )
        if wanted.family:
            refresh_token = refresh_family.begin(conn, core, wanted, minted.jti)
        write(conn, [Record([row], attempt.events)])
    core.wake()
    return answer(wanted, minted, refresh_token)

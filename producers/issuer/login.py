"""Logging a person in: password, second factor, and the events that tell of each attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from producers.issuer.core import Core
from producers.issuer.oauth import OAuthError
from producers.issuer.passwords import totp_step
from tokentrail import events


@dataclass(frozen=True)
class Known:
    """A person as stored."""

    subject: str
    password_hash: str
    totp_sealed: bytes | None
    totp_last_step: int
    disabled: bool


@dataclass
class Attempt:
    """One attempt to log in, and the events it leaves, whatever comes of it."""

    client_id: str
    source: Mapping[str, Any]
    events: list[tuple[str, dict[str, Any]]]


def find(core: Core, name: str) -> Known | None:
    """The person of that login name, or None."""
    with core.pool.connection() as conn:
        row = conn.execute(
            """select subject, password_hash, totp_sealed, totp_last_step, disabled_at is not null
            from issuer.person where name_hash = %s""",
            (core.secret.name_hash(name),),
        ).fetchone()
    return None if row is None else Known(*row)


def check_password(core: Core, attempt: Attempt, name: str, password: str) -> Known:
    """The person, if name and password fit. Otherwise raises invalid_grant, the same for every reason."""
    account, address = core.secret.typed_name_hash(name), attempt.source.get("ip")
    person = find(core, name)
    wait = core.limits.wait(account, address)
    if wait:
        # Not even the right password helps now, so a guesser learns nothing by going on.
        subject = person.subject if person else None
        _note_login(core, attempt, subject, "rate_limited", typed=None if person else account)
        raise OAuthError("slow_down", "too many failures: try again later", 429, retry_after=wait)
    fits = core.passwords.verify(person.password_hash if person else None, password)
    if person is None:
        _note_login(core, attempt, None, "unknown_name", typed=core.secret.typed_name_hash(name))
    elif not fits:
        _note_login(core, attempt, person.subject, "wrong_password")
    elif person.disabled:
        _note_login(core, attempt, person.subject, "disabled")
    else:
        return person
    core.limits.failed(account, address)
    raise OAuthError("invalid_grant", "name or password is wrong")


def check_second_factor(core: Core, attempt: Attempt, person: Known, code: str | None) -> tuple[str, ...]:
    """The methods of authentication (RFC 8176) once all factors fit. Raises mfa_required or invalid_grant."""
    if person.totp_sealed is None:
        return ("pwd",)
    if code is None:
        raise OAuthError("mfa_required", "send the one-time code as otp", 403)
    wait = core.limits.wait(person.subject, None)
    if wait:
        note_mfa(core, attempt, person.subject, "rate_limited")
        raise OAuthError("slow_down", "too many failures: try again later", 429, retry_after=wait)
    secret = core.secret.unseal(person.totp_sealed, person.subject)
    step = totp_step(secret, code, person.totp_last_step)
    if step is None or not _use_step(core, person.subject, step):
        note_mfa(core, attempt, person.subject, "wrong_code")
        # A million codes are few: guesses of the second factor count by themselves.
        core.limits.failed(person.subject, attempt.source.get("ip"))
        raise OAuthError("invalid_grant", "the one-time code is wrong")
    note_mfa(core, attempt, person.subject, None)
    core.limits.accounts.succeeded(person.subject)
    return ("pwd", "otp", "mfa")


def _use_step(core: Core, subject: str, step: int) -> bool:
    """Use up a time step; of two requests with one code only one gets it."""
    with core.pool.connection() as conn:
        used = conn.execute(
            "update issuer.person set totp_last_step = %s where subject = %s and totp_last_step < %s",
            (step, subject, step),
        )
    return used.rowcount == 1


def _note_login(core: Core, attempt: Attempt, subject: str | None, reason: str, typed: str | None = None) -> None:
    attempt.events.append((events.LOGIN_ATTEMPTED, login_event(core, attempt, subject, reason, typed=typed)))


def note_login_success(core: Core, attempt: Attempt, subject: str, sid: str | None) -> None:
    """The password fitted; `sid` once there is a session."""
    event = login_event(core, attempt, subject, None) | {"session_id": sid}
    attempt.events.insert(0, (events.LOGIN_ATTEMPTED, event))


def login_event(
    core: Core, attempt: Attempt, subject: str | None, reason: str | None, *, typed: str | None = None
) -> dict[str, Any]:
    """LoginAttempted; `reason` None means success."""
    return events.new_event(
        issuer=core.issuer,
        subject=subject,
        client_id=attempt.client_id,
        source=dict(attempt.source),
        success=reason is None,
        method="password",
        failure_reason=reason,
        typed_name_hash=typed,
    )


def note_mfa(core: Core, attempt: Attempt, subject: str, reason: str | None) -> None:
    """MfaAttempted; `reason` None means success."""
    event = events.new_event(
        issuer=core.issuer,
        subject=subject,
        client_id=attempt.client_id,
        source=dict(attempt.source),
        success=reason is None,
        method="totp",
        failure_reason=reason,
    )
    attempt.events.append((events.MFA_ATTEMPTED, event))


def open_session(
    conn: Connection,
    core: Core,
    sid: str,
    subject: str,
    client_id: str,
    *,
    auth_time: int,
    amr: tuple[str, ...],
) -> None:
    """A session's row; it ends by itself after session_seconds."""
    conn.execute(
        """insert into issuer.session (sid, subject, client_id, auth_time, amr, expires_at)
        values (%s, %s, %s, %s, %s, now() + make_interval(secs => %s))""",
        (sid, subject, client_id, auth_time, list(amr), core.settings.session_seconds),
    )

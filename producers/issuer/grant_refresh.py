"""The refresh grant (RFC 6749 section 6) with rotation and reuse detection (RFC 9700 section 4.14.2)."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from producers.issuer import refresh_family
from producers.issuer.core import (
    Core,
    Grant,
    Request,
    answer,
    choose_audience,
    choose_scope,
    issued_fields,
    mint,
)
from producers.issuer.grant_record import Record, write
from producers.issuer.oauth import OAuthError, required
from producers.issuer.refresh_family import Shown
from tokentrail import events
from tokentrail.tokens.mint import Minted
from tokentrail.tokens.revocation import Revocation, revoke


def grant(core: Core, request: Request) -> dict[str, Any]:
    """New tokens for a refresh token. A refusal is recorded in the same transaction that found it."""
    presented = required(request.form, "refresh_token")
    with core.pool.connection() as conn:
        outcome = _decide(conn, core, request, presented)
    core.wake()
    if isinstance(outcome, OAuthError):  # raised only here: an exception would roll its own record back
        raise outcome
    return outcome


def _decide(conn: Connection, core: Core, request: Request, presented: str) -> dict[str, Any] | OAuthError:
    shown = refresh_family.look_up(conn, core.issuer, presented)
    reason = _reason(core, request, shown, presented)
    if shown is None or reason is not None:
        _record_refusal(conn, core, request, shown, reason or "unknown")
        return OAuthError("invalid_grant", "the refresh token is not good")
    try:
        return _renew(conn, core, request, presented, shown)
    except OAuthError as error:
        _record_refusal(conn, core, request, shown, error.error)
        return error


def _reason(core: Core, request: Request, shown: Shown | None, presented: str) -> str | None:
    """Why a presented token is not good, None if it is."""
    if shown is None:
        return "unknown"
    checks = (
        ("client_mismatch", shown.client_id != request.client.client_id),
        ("revoked", shown.revoked),
        ("reused", shown.used_ago is not None and refresh_family.repeat(core, presented, shown) is None),
        ("expired", shown.expired),
        ("disabled", shown.disabled),
        ("wrong_key", shown.jkt is not None and shown.jkt != request.jkt),
    )
    return next((name for name, holds in checks if holds), None)


def _renew(conn: Connection, core: Core, request: Request, presented: str, shown: Shown) -> dict[str, Any]:
    """Rotate, or repeat the answer that was lost. The scope may shrink and never grows."""
    wanted = Grant(
        audience=choose_audience(core, request, shown.audience),
        scope=choose_scope(request, frozenset((shown.scope or "").split())),
        subject=shown.subject,
        client_id=shown.client_id,
        sid=shown.sid,
        family=shown.family,
        auth_time=shown.auth_time,
        amr=tuple(shown.amr),
        jkt=request.jkt,
    )
    minted, row = mint(core, wanted)
    successor = refresh_family.repeat(core, presented, shown)
    if successor is None:
        successor = refresh_family.rotate(conn, core, shown, wanted, presented=presented, jti=minted.jti)
    write(conn, [Record([row], [(events.TOKEN_REFRESHED, _refreshed(core, request, shown, wanted, minted))])])
    return answer(wanted, minted, successor)


def _refreshed(core: Core, request: Request, shown: Shown, wanted: Grant, minted: Minted) -> dict[str, Any]:
    return events.new_event(
        issuer=core.issuer,
        source=dict(request.source),
        **issued_fields(wanted, minted),
        success=True,
        failure_reason=None,
        family=shown.family,
        gen=shown.gen,
        previous_jti=shown.last_jti,
    )


def _record_refusal(conn: Connection, core: Core, request: Request, shown: Shown | None, reason: str) -> None:
    """TokenRefreshed without success; reuse also revokes the family, whoever of the two was the thief."""
    event = events.new_event(
        issuer=core.issuer,
        subject=shown.subject if shown else None,
        client_id=request.client.client_id,
        session_id=shown.sid if shown else None,
        source=dict(request.source),
        success=False,
        failure_reason=reason,
        family=shown.family if shown else None,
        gen=shown.gen if shown else None,
        previous_jti=shown.last_jti if shown else None,
        scope=request.form.get("scope") if reason == "invalid_scope" else None,
        audience=shown.audience if shown else None,
        kid=None,
        issued_at=None,
        expires_at=None,
    )
    write(conn, [Record([], [(events.TOKEN_REFRESHED, event)])])
    if reason == "reused" and shown is not None:
        what = Revocation("family", shown.family, "refresh token used twice", "reuse", caused_by=None)
        revoke(conn, core.issuer, what, source=request.source)

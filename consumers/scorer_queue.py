"""The analyst's queue: alerts as the scorer stored them, and reviews that become events of the ledger."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from consumers.scorer_alerts import COMMANDER, SCHEMA
from consumers.scorer_state import Seal
from tokentrail import events as e
from tokentrail import outbox
from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.detect.detections import BY_ID
from tokentrail.errors import ConfigError, NotFound, Refused
from tokentrail.tokens.commands import Order, make_command
from tokentrail.tokens.keys import command_key

STATUS = {"ack": "acknowledged", "dismiss": "dismissed", "confirm": "confirmed"}
PERSONS = 2
STATES = ("open", *STATUS.values())
LIST = """
select alert_id::text, incident_id::text, created_at::text, subject, client_id, severity, score, detections,
    command_id::text, held, status, reviewer
from scorer.alert where status = %(status)s or %(status)s = 'all'
order by array_position(array['critical', 'high', 'medium', 'low'], severity), created_at desc limit %(limit)s
"""
DETAIL = """
select a.alert_id::text, a.incident_id::text, a.created_at::text, a.trigger_event_id, a.trigger_type,
    a.subject, a.client_id, a.severity, a.score, a.detections, a.sealed, a.command_id::text, a.held, a.status,
    a.reviewer, a.reviewed_at::text, a.comment,
    case when c.command_id is null then null when c.acknowledged_at is not null then 'acknowledged'
         when c.overdue_at is not null then 'not acknowledged in time' else 'sent' end as command_state
from scorer.alert a left join scorer.command c on c.command_id = a.command_id where a.alert_id = %s
"""
TIMELINE = """
select alert_id::text, created_at::text, severity, detections, status
from scorer.alert where incident_id = %s order by created_at limit 200
"""


def find(settings: Settings, status: str, limit: int) -> list[dict[str, Any]]:
    """Alerts of a status (or `all`), the gravest first. Raises ConfigError for an unknown status."""
    if status not in (*STATES, "all"):
        raise ConfigError(f"--status is one of {', '.join(STATES)}, all")
    with connect(settings, "scorer") as conn, conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(LIST, {"status": status, "limit": limit}).fetchall()


def detail(settings: Settings, alert_id: str) -> dict[str, Any]:
    """One alert with reasons, guide and timeline. Raises NotFound."""
    with connect(settings, "scorer") as conn, conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(DETAIL, (_uuid(alert_id),)).fetchone()
        if found is None:
            raise NotFound(f"no alert {alert_id}: `tokentrail alerts list --status all` shows them")
        timeline = cursor.execute(TIMELINE, (found["incident_id"],)).fetchall()
    opened = Seal(settings).open(found.pop("sealed"), str(found["alert_id"]))
    guide = [
        {"detection": d.id, "technique": d.technique, "source": d.source, "check": d.check}
        for d in (BY_ID[name] for name in found["detections"] if name in BY_ID)
    ]
    return {**found, **opened, "guide": guide, "timeline": timeline}


def review(settings: Settings, alert_id: str, verdict: str, reviewer: str, comment: str | None) -> dict[str, Any]:
    """Set an alert's status and queue AlertReviewed for the ledger. Raises NotFound."""
    with connect(settings, "scorer") as conn, conn.transaction():
        row = conn.execute(
            "update scorer.alert set status = %s, reviewer = %s, comment = %s, reviewed_at = now() "
            "where alert_id = %s returning subject, client_id",
            (STATUS[verdict], reviewer, comment, _uuid(alert_id)),
        ).fetchone()
        if row is None:
            raise NotFound(f"no alert {alert_id}: `tokentrail alerts list --status all` shows them")
        _publish(conn, alert_id, verdict, (reviewer, comment), row)
    return {"alert_id": alert_id, "status": STATUS[verdict], "reviewer": reviewer, "comment": comment}


def _publish(
    conn: Connection, alert_id: str, verdict: str, by: tuple[str, str | None], about: tuple[str | None, ...]
) -> None:
    subject, client_id = about
    event = e.new_event(issuer=COMMANDER, subject=subject, client_id=client_id, alert_id=alert_id, verdict=verdict,
                        reviewer=by[0], comment=by[1])  # fmt: skip
    outbox.put(conn, SCHEMA, e.EVENTS, e.ALERT_REVIEWED, event, e.partition_key(event))


def release(settings: Settings, alert_id: str, reviewer: str) -> dict[str, Any]:
    """Ask for a held revocation to be sent; the second person's word sends it. Raises NotFound, Refused."""
    if settings.command_key is None:
        raise ConfigError("set TOKENTRAIL_COMMAND_KEY: commands are signed")
    with connect(settings, "scorer") as conn, conn.transaction():
        row = conn.execute(
            "select proposed_target, proposed_value, audience, command_id::text, subject, client_id "
            "from scorer.alert where alert_id = %s for update",
            (_uuid(alert_id),),
        ).fetchone()
        if row is None or row[0] is None:
            raise NotFound(f"no held revocation at alert {alert_id}")
        if row[3] is not None:
            raise Refused(f"the revocation of alert {alert_id} was sent already")
        conn.execute(
            "insert into scorer.release (alert_id, reviewer) values (%s, %s) on conflict do nothing",
            (_uuid(alert_id), reviewer),
        )
        found = conn.execute("select reviewer from scorer.release where alert_id = %s", (_uuid(alert_id),)).fetchall()
        names = sorted(name for (name,) in found)
        sent = len(names) >= PERSONS
        if sent:
            _send(conn, settings, alert_id, row, names)
    return {"alert_id": alert_id, "asked_by": names, "sent": sent}


def _send(conn: Connection, settings: Settings, alert_id: str, row: tuple[Any, ...], names: list[str]) -> None:
    target, value, audience, _, subject, client_id = row
    audience = audience or settings.require("issuer")
    order = Order(target, value, f"released by {' and '.join(names)}", alert_id)
    command = make_command(order, commander=COMMANDER, audience=audience, subject=subject, client_id=client_id,
                           key=command_key(settings.require("command_key")))  # fmt: skip
    outbox.put(conn, SCHEMA, e.REVOCATIONS, e.REVOKE_TOKEN, command, audience)
    conn.execute("update scorer.alert set command_id = %s, held = null where alert_id = %s",
                 (command["event_id"], _uuid(alert_id)))  # fmt: skip
    conn.execute(
        "insert into scorer.command (command_id, alert_id, target, value, audience) values (%s, %s, %s, %s, %s)",
        (command["event_id"], _uuid(alert_id), target, value, audience),
    )


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"{text} is not an alert id") from None

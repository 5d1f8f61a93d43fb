"""What the scorer says: alerts, commands and overdue commands, through the outbox of its transaction."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid5

from psycopg import Connection

from consumers.scorer_state import Seal
from tokentrail import events as e
from tokentrail import outbox
from tokentrail.config import Settings
from tokentrail.detect.decisions import Decision
from tokentrail.detect.engine import Verdict
from tokentrail.detect.incidents import NAMESPACE, Alert
from tokentrail.detect.observation import Observation
from tokentrail.detect.policy import Policy
from tokentrail.tokens.commands import Order, make_command
from tokentrail.tokens.keys import command_key

COMMANDER = "tokentrail.scorer"
SCHEMA = "scorer"
MICROS = 1_000_000


@dataclass(slots=True)
class Said:
    """An alert with all that its event and row need."""

    alert: Alert
    event: Observation
    verdict: Verdict
    decision: Decision
    audience: str | None


class Announcer:
    """Writes alerts and commands. Holds the command key; without one it proposes and sends no command."""

    def __init__(self, settings: Settings, policy: Policy) -> None:
        self._policy = policy
        secret = settings.command_key
        self._key = command_key(secret.get_secret_value()) if secret is not None else None
        self._seal = Seal(settings)

    @property
    def may_command(self) -> bool:
        """Whether a command key was given."""
        return self._key is not None

    def say(self, conn: Connection, said: Said) -> None:
        """Store the alert and queue its events, once: an id already stored changes nothing."""
        command = self._command(said)
        if not self._store(conn, said, command is not None):
            return
        outbox.put(conn, SCHEMA, e.ALERTS, e.ANOMALY_DETECTED, self._anomaly(said, command), said.event.subject)
        if command is not None:
            conn.execute(
                "insert into scorer.command (command_id, alert_id, target, value, audience) "
                "values (%s, %s, %s, %s, %s) on conflict do nothing",
                (command["event_id"], said.alert.alert_id, command["target"], command["value"], command["audience"]),
            )
            outbox.put(conn, SCHEMA, e.REVOCATIONS, e.REVOKE_TOKEN, command, said.audience)

    def _command(self, said: Said) -> e.Event | None:
        target, event = said.alert.target, said.event
        if target is None or self._key is None or said.audience is None:
            return None
        return make_command(
            Order(
                target.target, target.value, _printable("; ".join(said.verdict.reasons) or "risk"),
                said.alert.alert_id, event.event_id, _micros(event.occurred),
            ),
            commander=COMMANDER, audience=said.audience, key=self._key, command_id=said.alert.command_id,
            subject=event.subject if event.known_subject else None, client_id=event.client_id,
            session_id=event.sid, jti=event.jti,
        )  # fmt: skip

    def _store(self, conn: Connection, said: Said, commanded: bool) -> bool:
        alert, event, verdict = said.alert, said.event, said.verdict
        held = said.decision.held
        if held is None and said.decision.revoke is not None and alert.target is not None and not commanded:
            held = "no command key or no issuer known to command"
        row = conn.execute(
            """insert into scorer.alert (alert_id, incident_id, trigger_event_id, trigger_type, trigger_at, subject,
                client_id, severity, score, detections, sealed, command_id, held, proposed_target, proposed_value,
                audience)
            values (%s, %s, %s, %s, to_timestamp(%s), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            on conflict (alert_id) do nothing returning 1""",
            (alert.alert_id, alert.incident_id, event.event_id, event.type, event.ts, event.subject, event.client_id,
             said.decision.severity, verdict.score, verdict.detections,
             self._seal.close({"reasons": verdict.reasons, "ip": event.ip, "country": event.country},
                              alert.alert_id),
             alert.command_id if commanded else None, held, *_proposed(said), said.audience),
        ).fetchone()  # fmt: skip
        return row is not None

    def _anomaly(self, said: Said, command: e.Event | None) -> e.Event:
        event, verdict = said.event, said.verdict
        return e.new_event(
            issuer=COMMANDER, subject=event.subject if event.known_subject else None, client_id=event.client_id,
            session_id=event.sid, jti=event.jti,
            source=e.source(ip=event.ip, user_agent=event.user_agent, device_id=event.device_id,
                            country=event.country, city=event.city, asn=_asn(event.asn), lat=event.lat,
                            lon=event.lon),
            event_id=str(uuid5(NAMESPACE, f"{said.alert.alert_id}|event")), alert_id=said.alert.alert_id,
            detections=verdict.detections, reasons=verdict.reasons, score=verdict.score,
            severity=said.decision.severity, trigger_event_id=event.event_id, trigger_type=event.type,
            trigger_occurred_at=_micros(event.occurred), command_id=command["event_id"] if command else None,
            policy=self._policy.name, model=verdict.model,
        )  # fmt: skip

    def overdue(self, conn: Connection, seconds: float) -> int:
        """Raise command_not_acknowledged for commands the issuer has not confirmed in time, once each."""
        rows = conn.execute(
            """update scorer.command c set overdue_at = now() from scorer.alert a
            where a.alert_id = c.alert_id and c.acknowledged_at is null and c.overdue_at is null
                and c.sent_at < now() - make_interval(secs => %s)
            returning c.command_id::text, a.incident_id::text, c.target, c.value, a.subject, a.client_id""",
            (seconds,),
        ).fetchall()
        for command_id, incident_id, target, value, subject, client_id in rows:
            self._say_overdue(conn, command_id, incident_id, (target, value, subject, client_id), seconds)
        return len(rows)

    def _say_overdue(
        self, conn: Connection, command_id: str, incident_id: str, what: tuple[str, ...], seconds: float
    ) -> None:
        target, value, subject, client_id = what
        alert_id = str(uuid5(NAMESPACE, f"{command_id}|command_not_acknowledged"))
        reason = f"the issuer has not confirmed the revocation of {target} {value} within {seconds:g} s"
        conn.execute(
            """insert into scorer.alert (alert_id, incident_id, subject, client_id, severity, score, detections,
                sealed, command_id) values (%s, %s, %s, %s, 'high', 0.9, %s, %s, %s) on conflict do nothing""",
            (alert_id, incident_id, subject, client_id, ["command_not_acknowledged"],
             self._seal.close({"reasons": [reason]}, alert_id), command_id),
        )  # fmt: skip
        event = e.new_event(
            issuer=COMMANDER, subject=subject, client_id=client_id,
            event_id=str(uuid5(NAMESPACE, f"{alert_id}|event")), alert_id=alert_id,
            detections=["command_not_acknowledged"], reasons=[reason], score=0.9, severity="high",
            trigger_event_id=command_id, trigger_type=e.REVOKE_TOKEN, trigger_occurred_at=None,
            command_id=command_id, policy=self._policy.name, model=None,
        )  # fmt: skip
        outbox.put(conn, SCHEMA, e.ALERTS, e.ANOMALY_DETECTED, event, subject)


def _proposed(said: Said) -> tuple[str | None, str | None]:
    target = said.decision.proposed
    return (None, None) if target is None else (target.target, target.value)


def _micros(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * MICROS)


def _asn(text: str | None) -> int | None:
    digits = (text or "").upper().removeprefix("AS")
    return int(digits) if digits.isdigit() else None


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)

"""The revocation enforcer: obeys signed commands once, and says so in the same transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import structlog
from psycopg import Connection

from tokentrail.codec import Codec, Undecodable
from tokentrail.config import Settings
from tokentrail.events import REVOCATIONS
from tokentrail.stream import FencedConsumer, Sink
from tokentrail.stream.record import Record
from tokentrail.tokens import keys
from tokentrail.tokens.commands import CommandRefusedError, verify_command
from tokentrail.tokens.revocation import SCHEMA, Revocation, revoke

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Judged:
    """A command as it came and what was decided about it, before any database was asked."""

    message: Record
    event: Mapping[str, Any]
    outcome: str


class RevocationEnforcer(Sink):
    """Applies commands for one issuer. The position, the cut-off and the acknowledgement move together."""

    def __init__(
        self,
        codec: Codec,
        issuer: str,
        command_keys: Mapping[str, keys.CommandKey],
        *,
        on_committed: Callable[[], None] = lambda: None,
        on_outcome: Callable[[str], None] = lambda _outcome: None,
    ) -> None:
        self.issuer = issuer
        self._codec, self._keys = codec, command_keys
        self._on_committed, self._on_outcome = on_committed, on_outcome

    def prepare(self, messages: list[Record]) -> list[Judged]:
        """Decode and verify; signatures cost more than all else and need no transaction."""
        return [self._judge(message) for message in messages]

    def prepare_poison(self, message: Record) -> list[Judged]:
        """A record that ended the process several times is recorded as malformed, unread."""
        return [Judged(message, {}, "malformed")]

    def write(self, conn: Connection, prepared: list[Judged]) -> None:
        """Record every command; apply those that are good and new."""
        for judged in prepared:
            self._apply(conn, judged)

    def committed(self, prepared: list[Judged]) -> None:
        """Let the acknowledgement leave at once."""
        self._on_committed()
        for judged in prepared:
            self._on_outcome(judged.outcome)

    def _judge(self, message: Record) -> Judged:
        event: Mapping[str, Any] = {}
        try:
            event = self._codec.decode(REVOCATIONS, message.value()).event
            said = verify_command(event, audience=self.issuer, keys=self._keys)
        except Undecodable:
            return Judged(message, event, "malformed")
        except CommandRefusedError as refused:
            if refused.outcome != "foreign":
                log.warning("command refused", outcome=refused.outcome, offset=message.offset())
            return Judged(message, event, refused.outcome)
        return Judged(message, said, "applied")

    def _apply(self, conn: Connection, judged: Judged) -> None:
        command_id = _command_id(judged)
        if judged.outcome == "applied" and _record(conn, judged, command_id, "applied"):
            event = judged.event
            revoke(
                conn,
                self.issuer,
                Revocation(event["target"], event["value"], event["reason"], "command", caused_by=command_id),
            )
            return
        _record(conn, judged, command_id, "replayed" if judged.outcome == "applied" else judged.outcome)


def run(settings: Settings, stop: threading.Event, enforcer: RevocationEnforcer) -> None:
    """Obey commands until stopped. The consumer group is the issuer's own: each issuer sees every command."""
    FencedConsumer(
        settings,
        group=f"tokentrail-revocation-enforcer-{sha256(enforcer.issuer.encode()).hexdigest()[:12]}",
        topics=[REVOCATIONS],
        schema=SCHEMA,
        sink=enforcer,
        stop=stop,
        linger=0.0,
        max_batch=500,
    ).run()


def _command_id(judged: Judged) -> str:
    """The command's id, or where it stood when it has none that can be read."""
    known = judged.event.get("event_id")
    message = judged.message
    return str(known) if known else f"{message.topic()}/{message.partition()}/{message.offset()}"


def _record(conn: Connection, judged: Judged, command_id: str, outcome: str) -> bool:
    """Note a command with its outcome; False when it was applied before."""
    message, event = judged.message, judged.event
    row = conn.execute(
        """insert into issuer.command as c (command_id, outcome, target, value, topic, partition, "offset")
        values (%s, %s, %s, %s, %s, %s, %s)
        on conflict (command_id, outcome) do update set times = c.times + 1 where c.outcome <> 'applied'
        returning times""",
        (
            command_id,
            outcome,
            _text(event.get("target")),
            _text(event.get("value")),
            message.topic(),
            message.partition(),
            message.offset(),
        ),
    ).fetchone()
    return row is not None


def _text(value: object) -> str | None:
    """What an unverified command says, fit for a text column: Postgres refuses NUL."""
    return None if value is None else str(value).replace("\x00", "")[:256]

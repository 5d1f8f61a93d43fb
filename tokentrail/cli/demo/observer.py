"""Reads the three streams as they are published and keeps what a spectator wants to know."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Message, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

from tokentrail import events, kafka
from tokentrail.codec import Codec, Undecodable
from tokentrail.config import Settings

TOPICS = (events.EVENTS, events.ALERTS, events.REVOCATIONS)
Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Alert:
    """An AnomalyDetected as it was read."""

    at: float
    subject: str | None
    ip: str | None
    severity: str
    detections: tuple[str, ...]
    reasons: tuple[str, ...]
    command_id: str | None


@dataclass(frozen=True, slots=True)
class Command:
    """A RevokeToken: when the event happened that gave the attack away (Unix microseconds), and whose it was.

    `happened` is None where a person commanded.
    """

    happened: int | None
    subject: str | None


@dataclass(frozen=True, slots=True)
class Revoked:
    """A TokenRevoked that obeys a command; `appended` is the broker's time, Unix milliseconds."""

    appended: int
    subject: str | None
    target: str


@dataclass(slots=True)
class Seen:
    """Everything read since the start marks. Written by the observer's thread alone."""

    read: list[tuple[str, Place, int]] = field(default_factory=list)
    """Event id, partition and offset of every record."""
    by_type: Counter[str] = field(default_factory=Counter)
    alerts: list[Alert] = field(default_factory=list)
    detections: Counter[str] = field(default_factory=Counter)
    commands: dict[str, Command] = field(default_factory=dict)
    revoked: dict[str, Revoked] = field(default_factory=dict)
    """First acknowledgement by command id."""
    refused: set[tuple[str | None, str | None]] = field(default_factory=set)
    """(subject, jti) of tokens that a validator refused as revoked."""
    unreadable: int = 0

    def enforced_ms(self) -> list[float]:
        """From the event to the issuer's enforcement, for each acknowledged command, in order of reading."""
        times = ((self.commands.get(command), revoked) for command, revoked in list(self.revoked.items()))
        return [told.appended - sent.happened / 1000 for sent, told in times if sent and sent.happened]

    def pending(self) -> int:
        """Commands not yet acknowledged."""
        return len(self.commands.keys() - self.revoked.keys())


class Observer:
    """A reader from the ends of the topics on; belongs to no consumer group that matters."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self.seen = Seen()
        self._codec, self._issuer = codec, settings.issuer  # a command to an issuer of an earlier run is not ours
        self._admin = kafka.admin(settings)
        self._consumer = kafka.consumer(settings, f"tokentrail.demo.{events.uuid7()}")
        self.start_at = self.ends()
        self._next = dict(self.start_at)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)

    def start(self) -> None:
        """Begin to read from where the topics end now."""
        self._consumer.assign([TopicPartition(*place, offset) for place, offset in self.start_at.items()])
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5)
        self._consumer.close()

    def ends(self) -> dict[Place, int]:
        """Where each partition of the three topics ends now."""
        # Asked of an admin client: a consumer that is polled in another thread never answers list_topics.
        wanted = {
            TopicPartition(topic, partition): OffsetSpec.latest()  # type: ignore[no-untyped-call]
            for topic in TOPICS
            for partition in self._admin.list_topics(topic, timeout=10).topics[topic].partitions
        }
        found = self._admin.list_offsets(wanted, request_timeout=10)
        return {(place.topic, place.partition): future.result().offset for place, future in found.items()}

    def positions(self) -> dict[Place, int]:
        """The next offset to be read of each partition."""
        return dict(self._next)

    def _run(self) -> None:
        while not self._stop.is_set():
            for message in self._consumer.consume(500, 0.1):
                if message.error() is None:
                    self._read(message)

    def _read(self, message: Message) -> None:
        self._next[message.topic() or "", message.partition() or 0] = (message.offset() or 0) + 1
        try:
            decoded = self._codec.decode(message.topic() or "", message.value() or b"")
        except Undecodable:
            self.seen.unreadable += 1
            return
        place = (message.topic() or "", message.partition() or 0)
        self.seen.read.append((decoded.event["event_id"], place, message.offset() or 0))
        self._note(decoded.type, decoded.event, message.timestamp()[1])

    def _note(self, type_: str, event: dict[str, Any], appended: int) -> None:
        seen = self.seen
        seen.by_type[type_] += 1
        if type_ == events.ANOMALY_DETECTED:
            seen.detections.update(event["detections"])
            seen.alerts.append(_alert(event))
        elif type_ == events.REVOKE_TOKEN and event["audience"] == self._issuer:
            whose = event["subject"] or event["client_id"]
            seen.commands[event["event_id"]] = Command(event["trigger_occurred_at"], whose)
        elif type_ == events.TOKEN_REVOKED and event["caused_by"]:
            told = Revoked(appended, event["subject"], event["target"])
            seen.revoked.setdefault(event["caused_by"], told)
        elif type_ == events.TOKEN_USED and event["failure_reason"] == "revoked":
            seen.refused.add((event["subject"], event["jti"]))


def _alert(event: dict[str, Any]) -> Alert:
    return Alert(
        time.time(),
        event["subject"] or event["client_id"],
        (event["source"] or {}).get("ip"),
        event["severity"],
        tuple(event["detections"]),
        tuple(event["reasons"]),
        event["command_id"],
    )

"""The anomaly scorer: Kafka events through the engine to alerts and commands, each exactly once."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from prometheus_client import Counter, Histogram
from psycopg import Connection

from consumers.scorer_alerts import COMMANDER, SCHEMA, Announcer, Said
from consumers.scorer_brain import Brain
from consumers.scorer_echo import Echo
from consumers.scorer_models import Wardrobe
from consumers.scorer_state import Store
from tokentrail import events as e
from tokentrail.codec import Codec
from tokentrail.codec.strict import Undecodable
from tokentrail.codec.wire import Decoded
from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.detect.attacks import Sighting
from tokentrail.detect.policy import Policy
from tokentrail.outbox import Relay
from tokentrail.stream import Claim, FencedConsumer, Record, Sink

TOPICS = [e.EVENTS]
GROUP = "tokentrail.scorer"
CUT_SECONDS = 10.0
OVERDUE_SECONDS = 0.5

SCORED = Counter("tokentrail_scored_events", "Events scored", ["type"])
ALERTS = Counter("tokentrail_alerts", "Alerts raised", ["detection"])
UNREADABLE = Counter("tokentrail_scorer_unreadable", "Records the scorer could not read")
LATENCY = Histogram(
    "tokentrail_event_to_alert_seconds", "From the broker's append time to the alert",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 30, 300),
)  # fmt: skip

log = structlog.get_logger()


@dataclass(slots=True)
class Batch:
    """What a batch has to say, whom it acknowledges, and where each partition stands after it."""

    said: list[Said] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    reviews: list[Decoded] = field(default_factory=list)
    offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    sightings: list[Sighting] = field(default_factory=list)


class ScorerSink(Sink):
    """Decodes, scores, announces; keeps its state by cuts. Owned by the consumer's thread."""

    def __init__(self, settings: Settings, codec: Codec, policy: Policy) -> None:
        self._settings = settings
        self._codec = codec
        self._policy = policy
        self._store = Store(settings)
        self._announcer = Announcer(settings, policy)
        self._wardrobe = Wardrobe(settings)
        self._brain = Brain(policy, settings.issuer, self._wardrobe.now())
        self._cut_at = time.monotonic()
        self._looked_at = 0.0
        self._side: Connection | None = None
        self.relay: Relay | None = None
        self.echo: Echo | None = None
        if not self._announcer.may_command:
            log.warning("TOKENTRAIL_COMMAND_KEY is not set: alerts only, no revocation commands")

    # --- life cycle -------------------------------------------------------------------------------

    def claimed(self, conn: Connection, claim: Claim) -> int:
        """Load the partition's state; the stretch between its cut and the position is replayed."""
        if not self._brain.partitions:
            self._brain.start(self._store.read_population(conn, self._brain.world))
        offset, names = self._store.read_partition(conn, self._brain.world, claim.topic, claim.partition)
        self._brain.take(claim.topic, claim.partition, names, offset)
        return min(offset, claim.next_offset)

    def lost(self, partitions: Sequence[tuple[str, int]]) -> None:
        """Forget the partitions' subjects; with the last partition goes everything."""
        for topic, partition in partitions:
            self._brain.drop(topic, partition)
        if not self._brain.partitions:
            self._brain = Brain(self._policy, self._settings.issuer, self._brain.models)
        if self._side is not None:
            self._side.close()
            self._side = None

    def replay(self, messages: list[Record]) -> None:
        """Score again in silence what was scored before the crash."""
        self._work(messages)

    # --- a batch ----------------------------------------------------------------------------------

    def prepare(self, messages: list[Record]) -> Batch:
        """Decode and score; nothing is said before the fence held."""
        other = self._wardrobe.changed()
        if other is not None:
            self._brain.models = other
            log.info("models changed", version=other.version)
        if self.echo is not None:
            for at, sighting in self.echo.heard():
                self._brain.overhear(sighting, at)
        return self._work(messages)

    def prepare_poison(self, message: Record) -> Batch:
        """A record that ended the process again and again is passed over; the ledger keeps its bytes."""
        UNREADABLE.inc()
        batch = Batch()
        batch.offsets[message.topic(), message.partition()] = message.offset() + 1
        return batch

    def _work(self, messages: list[Record]) -> Batch:
        batch = Batch()
        for message in messages:
            batch.offsets[message.topic(), message.partition()] = message.offset() + 1
            try:
                decoded = self._codec.decode(message.topic(), message.value())
            except Undecodable:
                UNREADABLE.inc()  # the ledger writer quarantines it
                continue
            if decoded.type == e.TOKEN_REVOKED and decoded.event["caused_by"]:
                batch.acknowledged.append(decoded.event["caused_by"])
            elif decoded.type == e.ALERT_REVIEWED:
                batch.reviews.append(decoded)
            said, sighting = self._brain.hear(decoded, message)
            if sighting is not None:
                batch.sightings.append(sighting)
            if said is not None:
                batch.said.append(said)
        storm = self._brain.storm()
        if storm is not None:
            batch.said.append(storm)
        self._brain.offsets.update(batch.offsets)
        return batch

    def write(self, conn: Connection, prepared: Batch) -> None:
        """Alerts, commands, acknowledgements and, when due, the cut: all or nothing."""
        for said in prepared.said:
            self._announcer.say(conn, said)
        if prepared.acknowledged:
            conn.execute(
                "update scorer.command set acknowledged_at = now() "
                "where command_id::text = any(%s) and acknowledged_at is null",
                (prepared.acknowledged,),
            )
        if time.monotonic() - self._cut_at >= CUT_SECONDS:
            self._cut(conn)
        self._look(conn)

    def _cut(self, conn: Connection) -> None:
        brain = self._brain
        self._store.write_cut(conn, brain.world, brain.dirty, brain.offsets, brain.dump_book())
        self._cut_at = time.monotonic()
        # If this transaction fails, `lost` follows and all of this memory is dropped.
        brain.dirty = {}

    def _look(self, conn: Connection) -> None:
        """Now and then: which commands has nobody acknowledged?"""
        if time.monotonic() - self._looked_at < OVERDUE_SECONDS:
            return
        self._looked_at = time.monotonic()
        late = self._announcer.overdue(conn, self._policy.command_ack_seconds)
        if late:
            ALERTS.labels("command_not_acknowledged").inc(late)

    def committed(self, prepared: Batch) -> None:
        """Tell the relay there is something to send."""
        if prepared.said and self.relay is not None:
            self.relay.wake()
        if self.echo is not None:
            for sighting in prepared.sightings:
                self.echo.tell(sighting)
        now = time.time()
        for said in prepared.said:
            LATENCY.observe(max(0.0, now - said.event.ts))
            for detection in said.verdict.detections or ["risk"]:
                ALERTS.labels(detection).inc()

    def idle(self) -> None:
        """A quiet stream must not hide an issuer that does not answer."""
        if not self._brain.partitions or time.monotonic() - self._looked_at < OVERDUE_SECONDS:
            return
        if self._side is None:
            self._side = connect(self._settings, "scorer")
        with self._side.transaction():
            self._look(self._side)


def run(settings: Settings, stop: threading.Event, policy: Policy | None = None, **over: Any) -> None:
    """Run a scorer until `stop` is set. Any number may run: Kafka shares the partitions out."""
    codec = Codec(settings.require("schema_registry_url"))
    sink = ScorerSink(settings, codec, policy or Policy())
    relay = Relay(settings, SCHEMA, "outbox", "scorer", codec, issuer=COMMANDER)
    sink.relay = relay
    sink.echo = Echo(settings)
    sink.echo.start()
    relay.start()
    try:
        FencedConsumer(settings, group=GROUP, topics=TOPICS, schema=SCHEMA, sink=sink, stop=stop,
                       linger=0.004, **over).run()  # fmt: skip
    finally:
        sink.echo.stop()
        relay.stop()

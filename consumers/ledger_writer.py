"""The ledger writer: Kafka records into the chained, Merkle-covered, sealed log, each exactly once."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import psycopg
import structlog
from prometheus_client import Counter
from psycopg import Connection

from consumers.completeness import Completeness
from tokentrail.codec import Codec
from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.events import ALERTS, EVENTS, QUARANTINE, REVOCATIONS
from tokentrail.ledger import drafts, statements
from tokentrail.ledger.append import Appender
from tokentrail.ledger.batch import Batch, Maker, PureMaker, poison
from tokentrail.ledger.copy_row import Entries, Rows
from tokentrail.ledger.dedupe import Judged, judge
from tokentrail.ledger.head import open_log
from tokentrail.ledger.leaf import Draft
from tokentrail.ledger.seal import KeyRing, master_keys
from tokentrail.ledger.sealer import Sealer
from tokentrail.ledger.search_key import writing_key
from tokentrail.ledger.server_check import check_server
from tokentrail.outbox import Relay
from tokentrail.outbox.put import put_raw
from tokentrail.stream import Claim, FencedConsumer, Record, Sink

TOPICS = [EVENTS, ALERTS, REVOCATIONS]
GROUP = "tokentrail.ledger-writer"

ENTRIES = Counter("tokentrail_ledger_entries", "Entries appended", ["kind"])
QUARANTINED = Counter("tokentrail_quarantined_records", "Records that could not be read, by reason", ["reason"])
DUPLICATES = Counter("tokentrail_duplicate_records", "Records dropped because the log holds the same bytes")

log = structlog.get_logger()


class LedgerSink(Sink):
    """Seals outside the lock, appends under it. Owns its memory: key cache and tree edge."""

    def __init__(self, settings: Settings, log_id: int, codec: Codec) -> None:
        self._settings = settings
        self._log_id = log_id
        self._codec = codec
        self._masters = master_keys(settings)
        self._appender = Appender(log_id)
        self._maker: Maker = PureMaker(codec)
        self._side: psycopg.Connection | None = None
        self._ring: KeyRing | None = None
        self._sealer_: Sealer | None = None
        self._epoch = -1
        self._schemas: set[int] = set()
        self.relay: Relay | None = None

    # --- life cycle -------------------------------------------------------------------------------

    def lost(self, partitions: Sequence[tuple[str, int]]) -> None:  # noqa: ARG002
        """Everything in memory may be stale."""
        self._appender.reset()
        self._schemas.clear()
        if self._side is not None:
            self._side.close()
            self._side = self._ring = self._sealer_ = None

    def _sealer(self) -> Sealer:
        """With a connection of its own, from which data keys come; opened when first needed after a loss."""
        if self._sealer_ is None:
            self._side = connect(self._settings, "writer", autocommit=True)
            row = self._side.execute("select key_epoch from ledger.log where log_id = %s", (self._log_id,)).fetchone()
            # Read before any key is: what is forgotten from here on raises it, and is noticed at the head.
            self._epoch = row[0] if row else -1
            self._ring = KeyRing(self._side, self._log_id, self._masters)
            self._sealer_ = Sealer(self._ring, writing_key(self._side, self._log_id, self._masters))
        return self._sealer_

    # --- a batch ----------------------------------------------------------------------------------

    def prepare(self, messages: list[Record]) -> Batch:
        """Decode, commit to and seal each record; no lock is held."""
        return self._sealed(self._maker.read(messages))

    def prepare_poison(self, message: Record) -> Batch:
        """Never decoded: its bytes are the entry."""
        return self._sealed(poison(message))

    def _sealed(self, batch: Batch) -> Batch:
        sealer = self._sealer()
        batch.epoch = self._epoch
        batch.entries = self._maker.seal(batch, sealer)
        return batch

    def write(self, conn: Connection, prepared: Batch) -> None:
        """Lock the head, drop duplicates, mark conflicts, append, and queue what is for quarantine."""
        sealer = self._sealer()
        assert self._ring is not None  # noqa: S101
        head = self._appender.lock_head(conn)
        if prepared.epoch != head.key_epoch:
            # A subject was forgotten since: what was sealed may be under a key that is gone.
            self._ring.forget_all()
            self._epoch = prepared.epoch = head.key_epoch
            prepared.entries = self._maker.seal(prepared, sealer)
        assert prepared.entries is not None  # noqa: S101
        judged = judge(conn, self._ring, prepared)
        entries = prepared.entries
        if judged.duplicates or judged.conflicts:
            entries = self._apart(conn, prepared, judged)
        self._appender.append(conn, head, self._new_schemas(conn, prepared.schema_ids, head.size), entries)
        for i, event in prepared.statements:
            if i not in judged.duplicates and i not in judged.conflicts:
                statements.store(conn, self._log_id, self._maker.draft(prepared, i), event)
        for message, reason in prepared.refused:
            put_raw(conn, "ledger", QUARANTINE, message.key(), message.value() or b"", _why(message, reason))

    def _apart(self, conn: Connection, batch: Batch, judged: Judged) -> Entries:
        assert batch.entries is not None  # noqa: S101
        entries = batch.entries.entries()
        for i in sorted(judged.duplicates):
            message = batch.messages[i]
            self.skip(conn, message.topic(), message.partition(), message.offset(), message.offset(), "duplicate")
            DUPLICATES.inc()
        for i in sorted(judged.conflicts):
            draft = drafts.conflict(self._maker.draft(batch, i))
            entries[i] = self._sealer().seal([draft]).sealed[0]
            ENTRIES.labels("conflict").inc()
            log.error(
                "event id seen again with other bytes",
                topic=draft.topic,
                partition=draft.partition,
                offset=draft.offset,
            )
        return Rows([entry for i, entry in enumerate(entries) if i not in judged.duplicates])

    def _new_schemas(self, conn: Connection, used: set[int], size: int) -> Entries:
        """Writer schemas not yet in the log come before the first entry that needs them."""
        made: list[Draft] = []
        for schema_id in sorted(used - self._schemas):
            row = conn.execute(
                "insert into ledger.writer_schema (log_id, schema_id, index) values (%s, %s, %s) "
                "on conflict do nothing returning 1",
                (self._log_id, schema_id, size + len(made)),
            ).fetchone()
            if row is not None:
                text = self._codec.registry.writer(schema_id)[2]
                made.append(drafts.own(drafts.WRITER_SCHEMA, schema_id=schema_id, schema=text))
        self._schemas |= used
        return self._sealer().seal(made)

    def committed(self, prepared: Batch) -> None:
        """Remember the new edge; count; let the relay bring refused records to quarantine."""
        self._appender.confirm()
        ENTRIES.labels("event").inc(len(prepared.entries or ()))
        for _, reason in prepared.refused:
            QUARANTINED.labels(reason.partition(":")[0]).inc()
        if prepared.refused and self.relay is not None:
            self.relay.wake()

    def skipped(self, conn: Connection, topic: str, partition: int, first: int, last: int) -> None:
        """Offsets without a record are noted, so that the verifier can tell them from lost ones."""
        self.skip(conn, topic, partition, first, last, "control")

    def skip(self, conn: Connection, topic: str, partition: int, first: int, last: int, reason: str) -> None:
        """Note a range of offsets that hold no entry."""
        conn.execute(
            "insert into ledger.skipped_offset (log_id, topic, partition, first_offset, last_offset, reason) "
            "values (%s, %s, %s, %s, %s, %s)",
            (self._log_id, topic, partition, first, last, reason),
        )

    def halted(self, conn: Connection, claim: Claim, reason: str) -> None:
        """A partition that cannot go on is itself an entry."""
        said = drafts.own(
            drafts.HALTED, topic=claim.topic, partition=claim.partition, reason=reason, next_offset=claim.next_offset
        )
        sealed = self._sealer().seal([said])
        self._appender.append(conn, self._appender.lock_head(conn), sealed)
        ENTRIES.labels("halted").inc()


def _why(message: Record, reason: str) -> list[tuple[str, bytes]]:
    return [
        *((name, value or b"") for name, value in (message.headers() or [])[:64] if len(value or b"") <= 4096),
        ("tt_reason", reason.encode()),
        ("tt_topic", str(message.topic()).encode()),
        ("tt_partition", str(message.partition()).encode()),
        ("tt_offset", str(message.offset()).encode()),
    ]


def run(settings: Settings, stop: threading.Event, *, topics: Sequence[str] = TOPICS, group: str = GROUP) -> None:
    """Run a ledger writer until `stop` is set. Any number may run: Kafka shares the partitions out.

    Other topics and another group are for measuring beside a pipeline that runs.
    """
    codec = Codec(settings.require("schema_registry_url"))
    with connect(settings, "writer", autocommit=True) as conn:
        check_server(conn)
        log_id = open_log(conn, settings.ledger_origin)
    sink = LedgerSink(settings, log_id, codec)
    relay = Relay(settings, "ledger", "outbox", "writer", codec, issuer=settings.ledger_origin)
    sink.relay = relay
    relay.start()
    completeness = threading.Thread(target=Completeness(settings, log_id).run, args=(stop,), name="completeness")
    completeness.start()
    try:
        FencedConsumer(
            settings, group=group, topics=list(topics), schema="ledger", sink=sink, stop=stop, linger=0.02
        ).run()
    finally:
        stop.set()
        completeness.join(10)
        relay.stop()

"""The loop that every consumer of ours shares: poll, prepare, fence, write, move, commit.

The pattern and what was measured of it stand in docs/decisions/exactly-once.md. Its two rules: positions
live in Postgres in the transaction of what was written, and after any error all memory is forgotten,
a new connection made, the partitions claimed again and the position read anew. A batch is never
retried from memory: the COMMIT that failed may have happened.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Any, cast

import psycopg
import structlog
from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, TopicPartition
from tenacity import Retrying, retry_if_exception_type, wait_exponential_jitter

from tokentrail.config import Settings
from tokentrail.db import Role, connect
from tokentrail.errors import NotConnected
from tokentrail.kafka import admin, consumer, topic_ids
from tokentrail.stream.position import Claim, Fenced, Positions
from tokentrail.stream.record import Record
from tokentrail.stream.sink import Sink
from tokentrail.stream.spans import Partition, holes_in, key_of, spans_of
from tokentrail.watchdog import Watchdog

log = structlog.get_logger()

RETRYABLE = (psycopg.Error, KafkaException, NotConnected, Fenced)
CAREFUL_AFTER_STALLS = 3
POISON_ATTEMPTS = 3
POLL_SECONDS = 0.2
ROLES: dict[str, Role] = {"ledger": "writer", "issuer": "issuer", "scorer": "scorer"}


class FencedConsumer:
    """Runs a sink over topics until `stop` is set. One thread; owns its connection and its consumer."""

    def __init__(  # noqa: PLR0913 - each is a knob of the one loop
        self,
        settings: Settings,
        *,
        group: str,
        topics: list[str],
        schema: str,
        sink: Sink,
        stop: threading.Event,
        linger: float = 0.005,
        max_batch: int = 5000,
        hang_seconds: float = 10.0,
    ) -> None:
        self._settings = settings
        self._group = group
        self._topics = topics
        self._role: Role = ROLES[schema]
        self._positions = Positions(schema, f"{socket.gethostname()}:{os.getpid()}")
        self._sink = sink
        self._stop = stop
        self._linger = linger
        self._max_batch = max_batch
        self._watchdog = Watchdog(hang_seconds)
        # Owned by the loop's thread; emptied by _forget.
        self._claims: dict[Partition, Claim] = {}
        self._next: dict[Partition, int] = {}
        self._conn: psycopg.Connection | None = None
        self._survived = False
        self._said = ""
        self._consumer: Consumer | None = None

    def run(self) -> None:
        """Work until stopped; errors of servers are waited out with growing pauses."""
        try:
            for attempt in Retrying(
                retry=retry_if_exception_type(RETRYABLE),
                wait=wait_exponential_jitter(multiplier=0.05, max=5, jitter=0.1),
                sleep=self._pause,
            ):
                if self._stop.is_set():
                    return
                with attempt:
                    self._session(attempt)
        finally:
            self._watchdog.close()

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _session(self, attempt: Any) -> None:
        """One life of connection and consumer. Leaves nothing behind, however it ends."""
        started = time.monotonic()
        try:
            self._conn = connect(self._settings, self._role)
            self._consumer = consumer(self._settings, self._group)
            self._consumer.subscribe(
                self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
            )
            while not self._stop.is_set():
                self._step()
        except RETRYABLE as error:
            # A server's error is not a record's fault: only what ends the process counts against a record.
            self._survived = True
            if time.monotonic() - started > 30:
                attempt.retry_state.attempt_number = 1
            if attempt.retry_state.attempt_number == 1 or _one_line(error) != self._said:
                self._said = _one_line(error)
                log.warning(
                    "stream interrupted; starting over from the stored position",
                    group=self._group,
                    reason=self._said,
                )
            raise
        finally:
            self._forget()

    def _forget(self) -> None:
        self._sink.lost(list(self._claims))
        self._claims.clear()
        self._next.clear()
        if self._conn is not None:
            self._conn.close()
            self._conn = None
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _step(self) -> None:
        """1 poll, 2 sort out, 3 prepare, 4 fence and write, 5 commit, 6 tell Kafka for its lag tools."""
        messages = self._poll()
        replayed, fresh = self._sort(messages)
        if replayed:
            self._sink.replay(replayed)
        if not fresh:
            if not messages:
                self._sink.idle()
            return
        spans = spans_of(fresh)
        if any(self._claims[key].stalls >= CAREFUL_AFTER_STALLS for key in spans):
            for message in fresh:
                self._commit(self._prepare_carefully(message), spans_of([message]))
        else:
            with self._watchdog.guard():  # a sink may ask its database for what it needs to prepare
                prepared = self._sink.prepare(fresh)
            self._commit(prepared, spans)

    def _poll(self) -> list[Record]:
        assert self._consumer is not None  # noqa: S101
        first = self._consumer.poll(POLL_SECONDS)
        if first is None:
            return []
        # One message has come: take what is there with it, and wait a moment for what follows.
        more = self._consumer.consume(self._max_batch - 1, self._linger)
        return cast("list[Record]", [first, *more])

    def _sort(self, messages: list[Record]) -> tuple[list[Record], list[Record]]:
        """Split into records to replay and records to handle; those of partitions not held are dropped."""
        replayed: list[Record] = []
        fresh: list[Record] = []
        for message in messages:
            error = message.error()
            if error is not None:
                self._on_error(message, error)
                continue
            position = self._next.get(key_of(message))
            if position is None:
                continue
            (fresh if message.offset() >= position else replayed).append(message)
        return replayed, fresh

    def _on_error(self, message: Record, error: KafkaError) -> None:
        claim = self._claims.get((message.topic(), message.partition()))
        if error.code() == KafkaError._AUTO_OFFSET_RESET and claim is not None:
            self._halt(claim, f"offset {claim.next_offset} is no longer in {claim.topic}[{claim.partition}]")
        elif not error.retriable() and error.code() != KafkaError._ALL_BROKERS_DOWN:
            raise KafkaException(error)

    def _prepare_carefully(self, message: Record) -> Any:
        """Handle a record that may be ending the process: count the attempt durably before it is touched."""
        assert self._conn is not None  # noqa: S101
        with self._conn.transaction():
            attempts = self._positions.attempt(self._conn, self._claims[key_of(message)], message.offset())
        if attempts >= POISON_ATTEMPTS:
            log.error(
                "record set aside after repeated crashes",
                topic=message.topic(),
                partition=message.partition(),
                offset=message.offset(),
            )
            return self._sink.prepare_poison(message)
        return self._sink.prepare([message])

    def _commit(self, prepared: Any, spans: dict[Partition, list[int]]) -> None:
        assert self._conn is not None  # noqa: S101
        conn = self._conn
        with self._watchdog.guard(), conn.transaction():
            for key in sorted(spans):  # one order for all, so that two writers cannot deadlock
                self._positions.hold(conn, self._claims[key], self._next[key])
            self._sink.write(conn, prepared)
            for key, offsets in spans.items():
                for first, last in holes_in(self._next[key], offsets):
                    self._sink.skipped(conn, *key, first, last)
                self._positions.move(conn, self._claims[key], offsets[-1] + 1)
        for key, offsets in spans.items():
            self._next[key] = offsets[-1] + 1
        self._sink.committed(prepared)
        assert self._consumer is not None  # noqa: S101
        self._consumer.commit(
            offsets=[TopicPartition(*key, offsets[-1] + 1) for key, offsets in spans.items()], asynchronous=True
        )

    # --- assignment -------------------------------------------------------------------------------

    def _on_assign(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        """Claim what was assigned; called within poll. An error here surfaces from poll and starts over."""
        assert self._conn is not None  # noqa: S101
        ids = topic_ids(admin(self._settings), sorted({p.topic for p in partitions})) if partitions else {}
        starts = []
        with self._watchdog.guard():
            for tp in partitions:
                with self._conn.transaction():
                    claim = self._positions.claim(
                        self._conn, tp.topic, tp.partition, ids[tp.topic], survived=self._survived
                    )
                    start = self._sink.claimed(self._conn, claim)
                self._claims[tp.topic, tp.partition] = claim
                self._next[tp.topic, tp.partition] = claim.next_offset
                starts.append(TopicPartition(tp.topic, tp.partition, start))
        if self._settings.kafka.get("group.protocol", "consumer") == "consumer":
            client.incremental_assign(starts)
        else:
            client.assign(starts)
        for claim in [self._claims[tp.topic, tp.partition] for tp in partitions]:
            if claim.halted:
                self._halt(claim, claim.halted)

    def _on_revoke(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        """Drop state and write nothing: whoever claims next reads the position from Postgres."""
        keys = [(tp.topic, tp.partition) for tp in partitions]
        self._sink.lost([key for key in keys if key in self._claims])
        for key in keys:
            self._claims.pop(key, None)
            self._next.pop(key, None)
        if self._settings.kafka.get("group.protocol", "consumer") == "consumer":
            client.incremental_unassign([TopicPartition(*key) for key in keys])
        else:
            client.unassign()

    def _halt(self, claim: Claim, reason: str) -> None:
        """Stop this partition loudly: nothing is skipped, a person must decide (docs/operations.md)."""
        assert self._conn is not None  # noqa: S101
        assert self._consumer is not None  # noqa: S101
        with self._watchdog.guard(), self._conn.transaction():
            if self._positions.halt(self._conn, claim, reason):
                self._sink.halted(self._conn, claim, reason)
        self._next.pop((claim.topic, claim.partition), None)
        self._consumer.pause([TopicPartition(claim.topic, claim.partition, OFFSET_INVALID)])
        log.error("partition halted", topic=claim.topic, partition=claim.partition, reason=reason)


def _one_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__

"""Publishing without a database: for services that report what they saw and keep nothing."""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from functools import partial
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Message

from tokentrail import events, kafka
from tokentrail.codec import Codec, headers
from tokentrail.config import Settings
from tokentrail.outbox.statement import STATEMENT_SECONDS, Signer, root_of

log = structlog.get_logger(__name__)


class DirectPublisher:
    """Numbers events from 0 in a stream of its own incarnation and sends them, idempotent and acks=all.

    What is not delivered when the process dies is lost, and the missing numbers show it: services that must
    not lose events use the outbox.
    """

    def __init__(self, settings: Settings, codec: Codec, identity: str, *, signer: Signer | None = None) -> None:
        self.identity = identity
        self.stream = str(uuid.uuid4())
        self.failed = 0
        self._codec, self._signer = codec, signer
        self._producer = kafka.producer(settings)
        self._next = 0
        self._stated = 0
        self._stated_at = time.monotonic()
        # Hashes of events on their way, and of those acknowledged since the last statement, by number.
        self._flying: dict[int, bytes] = {}
        self._landed: dict[int, bytes] = {}
        self._lock = threading.RLock()

    def publish(self, topic: str, type_: str, event: dict[str, Any], key: str | None) -> int:
        """Send an event, its issuer, stream and number filled in; returns the number. Does not wait."""
        with self._lock:  # numbers must reach the producer in their order
            number = self._next
            event |= {"issuer": self.identity, "issuer_stream": self.stream, "issuer_seq": number}
            value = self._codec.encode(topic, type_, event)
            self._next = number + 1
            if self._signer is not None:
                self._flying[number] = hashlib.sha256(b"\x00" + value).digest()
            self._produce(topic, key, value, [*headers(type_, event)], number)
        if type_ != events.ISSUER_STATEMENT:
            self._state_if_due(STATEMENT_SECONDS)
        return number

    def deny(self, topic: str, type_: str, denied: dict[str, Any], key: str) -> None:
        """Send a deny-list entry: a state under its key, not an event, so it has no number."""
        denied = denied | {"issuer": self.identity}
        with self._lock:
            value = self._codec.encode(topic, type_, denied)
            self._produce(topic, key, value, [*headers(type_, denied)], -1)

    def event(self, type_: str, event: dict[str, Any]) -> int:
        """Send to tokens.events under the contract's key."""
        return self.publish(events.EVENTS, type_, event, events.partition_key(event))

    def flush(self, seconds: float = 10.0) -> None:
        """Wait until everything is acknowledged. Raises KafkaException when it is not in time."""
        if self._producer.flush(seconds):
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

    def close(self, seconds: float = 10.0) -> None:
        """Send what waits, state it, then leave Kafka."""
        self._producer.flush(seconds)
        self._state_if_due(0)
        self._producer.flush(seconds)
        self._producer.close()

    def poll(self) -> None:
        """Serve delivery reports and state what is due; called now and then by whoever publishes seldom."""
        self._producer.poll(0)
        self._state_if_due(STATEMENT_SECONDS)

    def _state_if_due(self, seconds: float) -> None:
        """A signed statement over the acknowledged events that follow the last one without a gap.

        What was not acknowledged is not stated: it may never arrive. A statement is covered by the next one,
        but is no reason for it, so that who is idle stays silent.
        """
        signer = self._signer
        with self._lock:
            if signer is None or time.monotonic() - self._stated_at < seconds:
                return
            first, end = self._stated, self._stated
            while end in self._landed:
                end += 1
            if end - first <= (1 if first else 0):
                return
            hashes = [self._landed.pop(number) for number in range(first, end)]
            claims: dict[str, Any] = {"iss": self.identity, "stream": self.stream, "first_seq": first}
            claims |= {"last_seq": end - 1, "count": len(hashes)}
            root = root_of(hashes)
            statement = events.new_event(
                issuer=self.identity,
                first_seq=first,
                last_seq=end - 1,
                count=len(hashes),
                root_hash=root,
                signature=signer({**claims, "root_hash": root.hex()}),
            )
            self._stated, self._stated_at = end, time.monotonic()
            self.publish(events.EVENTS, events.ISSUER_STATEMENT, statement, self.identity)

    def _produce(
        self, topic: str, key: str | None, value: bytes, given: list[tuple[str, str | bytes | None]], number: int
    ) -> None:
        while True:
            try:
                self._producer.produce(
                    topic,
                    value=value,
                    key=key.encode() if key is not None else None,
                    headers=given,
                    on_delivery=partial(self._delivered, number),
                )
            except BufferError:  # full: wait for the broker rather than drop
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def _delivered(self, number: int, error: KafkaError | None, _message: Message) -> None:
        with self._lock:
            hashed = self._flying.pop(number, None)
            if error is None and hashed is not None:
                self._landed[number] = hashed
        if error is not None:
            self.failed += 1
            log.warning("event not delivered", reason=error.str())

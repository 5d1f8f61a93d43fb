"""Publishing without a database: for services that report what they saw and keep nothing."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Message

from tokentrail import events, kafka
from tokentrail.codec import Codec, headers
from tokentrail.config import Settings

log = structlog.get_logger(__name__)


class DirectPublisher:
    """Numbers events from 0 in a stream of its own incarnation and sends them, idempotent and acks=all.

    What is not delivered when the process dies is lost, and the missing numbers show it: services that must
    not lose events use the outbox.
    """

    def __init__(self, settings: Settings, codec: Codec, identity: str) -> None:
        self.identity = identity
        self.stream = str(uuid.uuid4())
        self.failed = 0
        self._codec = codec
        self._producer = kafka.producer(settings)
        self._next = 0
        self._lock = threading.Lock()

    def publish(self, topic: str, type_: str, event: dict[str, Any], key: str | None) -> int:
        """Send an event, its issuer, stream and number filled in; returns the number. Does not wait."""
        with self._lock:  # numbers must reach the producer in their order
            number = self._next
            event |= {"issuer": self.identity, "issuer_stream": self.stream, "issuer_seq": number}
            value = self._codec.encode(topic, type_, event)
            self._produce(topic, key, value, [*headers(type_, event)])
            self._next = number + 1
        return number

    def event(self, type_: str, event: dict[str, Any]) -> int:
        """Send to tokens.events under the contract's key."""
        return self.publish(events.EVENTS, type_, event, events.partition_key(event))

    def flush(self, seconds: float = 10.0) -> None:
        """Wait until everything is acknowledged. Raises KafkaException when it is not in time."""
        if self._producer.flush(seconds):
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

    def close(self, seconds: float = 10.0) -> None:
        """Send what waits, then leave Kafka."""
        self._producer.flush(seconds)
        self._producer.close()

    def poll(self) -> None:
        """Serve delivery reports; called now and then by whoever publishes seldom."""
        self._producer.poll(0)

    def _produce(
        self, topic: str, key: str | None, value: bytes, record_headers: list[tuple[str, str | bytes | None]]
    ) -> None:
        while True:
            try:
                self._producer.produce(
                    topic,
                    value=value,
                    key=key.encode() if key is not None else None,
                    headers=record_headers,
                    on_delivery=self._delivered,
                )
            except BufferError:  # full: wait for the broker rather than drop
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self.failed += 1
            log.warning("event not delivered", reason=error.str())

"""A Kafka record as sinks see it: confluent_kafka.Message, without the error case that the consumer deals with."""

from __future__ import annotations

from typing import Protocol

from confluent_kafka import KafkaError


class Record(Protocol):
    """The methods of confluent_kafka.Message, typed for a message that is a record."""

    def topic(self) -> str:
        """Topic it came from."""

    def partition(self) -> int:
        """Partition it came from."""

    def offset(self) -> int:
        """Its offset."""

    def timestamp(self) -> tuple[int, int]:
        """(type, milliseconds since 1970); with LogAppendTime the broker's clock."""

    def key(self) -> bytes | None:
        """Its key."""

    def value(self) -> bytes | None:
        """Its value; None for a tombstone."""

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        """Its headers."""

    def error(self) -> KafkaError | None:
        """None for a record."""

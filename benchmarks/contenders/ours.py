"""The ledger writer itself, held back until told to go. usage: python -m benchmarks.contenders.ours TOPIC"""

from __future__ import annotations

import sys
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from benchmarks.contenders.gate import Gate
from consumers import ledger_writer
from tokentrail import log
from tokentrail.config import load_settings
from tokentrail.events import EVENTS, TOPIC_TYPES
from tokentrail.stream import FencedConsumer, Record


class _Held:
    """Partitions stay paused until the gate opens, so that all contenders begin with the same backlog."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._ours: set[tuple[str, int]] = set()
        self._paused = False

    def assigned(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        """Called by the loop's thread, like all here: librdkafka's pause and resume wait for it."""
        self._ours |= {(tp.topic, tp.partition) for tp in partitions}
        if not self._gate.opened.is_set():
            client.pause([TopicPartition(tp.topic, tp.partition) for tp in partitions])
            self._paused = True
        self._gate.held(len(self._ours))

    def revoked(self, partitions: list[TopicPartition]) -> None:
        self._ours -= {(tp.topic, tp.partition) for tp in partitions}
        self._gate.held(len(self._ours))

    def before_poll(self, client: Consumer) -> None:
        if self._paused and self._gate.opened.is_set():
            client.resume([TopicPartition(*key) for key in self._ours])
            self._paused = False


def instrument(gate: Gate) -> None:
    """Add the gate around the writer; nothing of what it does is changed."""
    held = _Held(gate)
    on_assign, on_revoke, poll = FencedConsumer._on_assign, FencedConsumer._on_revoke, FencedConsumer._poll
    committed = ledger_writer.LedgerSink.committed

    def assigned(self: FencedConsumer, client: Consumer, partitions: list[TopicPartition]) -> None:
        on_assign(self, client, partitions)
        held.assigned(client, partitions)

    def revoked(self: FencedConsumer, client: Consumer, partitions: list[TopicPartition]) -> None:
        held.revoked(partitions)
        on_revoke(self, client, partitions)

    def polled(self: FencedConsumer) -> list[Record]:
        assert self._consumer is not None  # noqa: S101
        held.before_poll(self._consumer)
        return poll(self)

    def counted(self: ledger_writer.LedgerSink, prepared: Any) -> None:
        committed(self, prepared)
        gate.wrote(len(prepared.messages))

    FencedConsumer._on_assign = assigned  # type: ignore[method-assign]
    FencedConsumer._on_revoke = revoked  # type: ignore[method-assign]
    FencedConsumer._poll = polled  # type: ignore[method-assign]
    ledger_writer.LedgerSink.committed = counted  # type: ignore[method-assign]


def main() -> None:
    """Write the topic into the ledger until the input ends."""
    topic = sys.argv[1]
    TOPIC_TYPES[topic] = TOPIC_TYPES[EVENTS]
    log.setup()
    gate = Gate()
    instrument(gate)
    ledger_writer.run(load_settings(), gate.ended, topics=[topic], group=f"{topic}.ours")


if __name__ == "__main__":
    main()

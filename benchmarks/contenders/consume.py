"""The consumer that the plain contenders share: held back by the gate, offsets committed after the database."""

from __future__ import annotations

import time
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from benchmarks.contenders.gate import Gate


def subscribed(config: dict[str, Any], topic: str, gate: Gate) -> Consumer:
    """A consumer that has its partitions, paused until the gate opens."""
    client = Consumer(config | {"group.id": f"{topic}.{gate.__class__.__name__}.{time.time_ns()}"})
    held: list[TopicPartition] = []

    def assigned(_client: Consumer, partitions: list[TopicPartition]) -> None:
        starts = [TopicPartition(tp.topic, tp.partition, 0) for tp in partitions]
        if config.get("group.protocol") == "consumer":
            client.incremental_assign(starts)
        else:
            client.assign(starts)
        client.pause(partitions)
        held.extend(partitions)
        gate.held(len(held))

    client.subscribe([topic], on_assign=assigned)
    while not gate.opened.is_set() and not gate.ended.is_set():
        client.poll(0.05)
    client.resume(held)
    return client

"""Kafka clients with the settings that the pipeline's promises need, and the topics themselves."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tokentrail.config import Settings
from tokentrail.errors import NotConnected
from tokentrail.events import ALERTS, DENYLIST, EVENTS, QUARANTINE, REVOCATIONS

DAY_MS = 24 * 3600 * 1000
PARTITIONS = 6
SHARED = {"message.timestamp.type": "LogAppendTime"}
TOPICS: dict[str, tuple[int, dict[str, str]]] = {
    EVENTS: (PARTITIONS, {"retention.ms": str(7 * DAY_MS)}),
    ALERTS: (1, {"retention.ms": str(30 * DAY_MS)}),
    REVOCATIONS: (1, {"retention.ms": str(7 * DAY_MS)}),
    DENYLIST: (1, {"cleanup.policy": "compact", "min.compaction.lag.ms": "0", "segment.ms": str(DAY_MS // 24)}),
    # A record that was as large as its topic allows must still fit with the reason in its headers.
    QUARANTINE: (1, {"retention.ms": str(30 * DAY_MS), "max.message.bytes": str(4 * 1024 * 1024)}),
}


def _config(settings: Settings, extra: dict[str, Any]) -> dict[str, Any]:
    return {
        "bootstrap.servers": settings.require("kafka_bootstrap"),
        "log_level": 0,  # a broker away is said once by who waits for it, not twenty times a second by librdkafka
        "error_cb": _quiet,
        **extra,
        **settings.kafka,
    }


def _quiet(_error: KafkaError) -> None:
    """librdkafka retries by itself; who waits for a result reports the failure, once."""


def producer(settings: Settings, **over: Any) -> Producer:
    """An idempotent producer, acks=all. A delivery error means "maybe": publish again with the same id."""
    over = {name.replace("_", "."): value for name, value in over.items()}
    base = {
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 1,
        "compression.type": "lz4",
        "message.max.bytes": 4 * 1024 * 1024,
        "queue.buffering.max.messages": 200_000,
    }
    return Producer(_config(settings, base | over))


def consumer(settings: Settings, group: str, **over: Any) -> Consumer:
    """A consumer that never commits by itself and stops at a retention gap instead of skipping it."""
    over = {name.replace("_", "."): value for name, value in over.items()}
    base = {
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "group.protocol": "consumer",
        "fetch.wait.max.ms": 50,
        # librdkafka's default of 1000 stalls a consumer that keeps up with the broker.
        "fetch.queue.backoff.ms": 10,
        "queued.max.messages.kbytes": 32 * 1024,
        "enable.partition.eof": False,
    }
    return Consumer(_config(settings, base | over))


def admin(settings: Settings) -> AdminClient:
    """An admin client."""
    return AdminClient(_config(settings, {}))


def answers(settings: Settings) -> None:
    """Raise NotConnected unless a broker answers within five seconds."""
    try:
        admin(settings).list_topics(timeout=5)
    except KafkaException:
        raise NotConnected(
            f"Kafka at {settings.require('kafka_bootstrap')} does not answer: "
            "check TOKENTRAIL_KAFKA_BOOTSTRAP or run `tokentrail up`"
        ) from None


def ensure_topics(settings: Settings, *, partitions: int = PARTITIONS, replication: int = -1) -> list[str]:
    """Create the contract's topics where they are missing; returns the names created. Safe to repeat."""
    client = admin(settings)
    wanted = [
        NewTopic(
            name,
            num_partitions=partitions if name == EVENTS else count,
            replication_factor=replication,
            config={**SHARED, **config},
        )
        for name, (count, config) in TOPICS.items()
    ]
    created = []
    for name, future in client.create_topics(wanted, request_timeout=30).items():
        try:
            future.result()
            created.append(name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise NotConnected(f"cannot create topic {name}: {error.args[0].str()}") from None
    return created


def topic_ids(client: AdminClient, topics: list[str]) -> dict[str, str]:
    """The id of each topic that exists: a topic deleted and made again has another (KIP-516)."""
    ids = {}
    for name, future in client.describe_topics(TopicCollection(topics), request_timeout=10).items():
        try:
            ids[name] = str(future.result().topic_id)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
    return ids

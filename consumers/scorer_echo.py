"""What scorers tell each other: strange sign-ins, so that each sees the sprays that reach into its own part.

Events are keyed by subject, so one scorer sees only its subjects' share of a spray. Each therefore puts
the sign-ins that count (failures, and successes in strange places) on a topic that all of them read.
Counts are windows that forget: a sighting lost with a crash, or heard a moment late, changes nothing that
lasts, so this stands outside the exactly-once path. Sightings name places and machines: they are sealed.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import asdict

import structlog
from confluent_kafka import OFFSET_END, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from consumers.scorer_state import Seal
from tokentrail.config import Settings
from tokentrail.detect.attacks import Sighting
from tokentrail.errors import ConfigError
from tokentrail.events import uuid7
from tokentrail.kafka import admin, consumer, producer

TOPIC = "tokentrail.scorer.sightings"
RETENTION_MS = 48 * 3_600 * 1_000
MAX_WAITING = 200_000

log = structlog.get_logger()


class Echo:
    """Sends this scorer's sightings and collects the others'. One thread reads; the scorer's own drains."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seal = Seal(settings)
        self._me = uuid7()
        self._producer = producer(settings, **{"linger.ms": 5})
        self._waiting: deque[tuple[float, Sighting]] = deque(maxlen=MAX_WAITING)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="sightings", daemon=True)

    def start(self) -> None:
        """Make the topic if it is missing, then listen in a thread."""
        _ensure(admin(self._settings))
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._stop.set()
        self._producer.flush(2)
        self._thread.join(5)

    def tell(self, sighting: Sighting) -> None:
        """Send one sighting; a full queue drops it, for scoring must not wait."""
        value = self._seal.close(asdict(sighting), TOPIC)
        try:
            self._producer.produce(TOPIC, value=value, key=self._me.encode())
        except BufferError:
            log.warning("sightings are not getting through: each scorer sees its own share only")
        self._producer.poll(0)

    def heard(self) -> list[tuple[float, Sighting]]:
        """(time, sighting) of other scorers since the last call."""
        found = []
        while self._waiting:
            found.append(self._waiting.popleft())
        return found

    def _listen(self) -> None:
        client = consumer(self._settings, f"tokentrail.sightings.{self._me}", **{"auto.offset.reset": "latest"})
        client.assign([TopicPartition(TOPIC, 0, OFFSET_END)])
        mine = self._me.encode()
        while not self._stop.is_set():
            message = client.poll(0.2)
            if message is None or message.error() is not None or message.key() == mine:
                continue
            try:
                plain = self._seal.open(message.value() or b"", TOPIC)
                self._waiting.append((message.timestamp()[1] / 1_000.0, Sighting(**plain)))
            except (ConfigError, TypeError, ValueError):
                continue  # sealed by another key, or by nobody of ours
        client.close()


def _ensure(client: AdminClient) -> None:
    topic = NewTopic(TOPIC, num_partitions=1, config={"retention.ms": str(RETENTION_MS),
                                                      "message.timestamp.type": "LogAppendTime"})  # fmt: skip
    for future in client.create_topics([topic], operation_timeout=15).values():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise

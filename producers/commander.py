"""Sending a revocation command by hand, and waiting for the issuer's word that it was obeyed."""

from __future__ import annotations

import time
import uuid

from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from tokentrail import kafka
from tokentrail.codec import Codec, Undecodable
from tokentrail.config import Settings
from tokentrail.events import EVENTS, REVOCATIONS, REVOKE_TOKEN, TOKEN_REVOKED
from tokentrail.join.publisher import DirectPublisher
from tokentrail.tokens.commands import Order, make_command
from tokentrail.tokens.keys import command_key

IDENTITY = "tokentrail-operator"


class Commander:
    """Commands one issuer in the name of an operator."""

    def __init__(self, settings: Settings, audience: str, identity: str = IDENTITY) -> None:
        self._settings, self._audience, self._identity = settings, audience, identity
        self._key = command_key(settings.require("command_key"))
        self._codec = Codec(settings.require("schema_registry_url"))
        self._publisher = DirectPublisher(settings, self._codec, identity)
        self._consumer: Consumer | None = None

    def send(self, order: Order, *, listen: bool = False) -> str:
        """Publish a command; returns its id. With `listen`, its acknowledgement can be waited for."""
        if listen and self._consumer is None:
            self._consumer = self._listen()
        command = make_command(order, commander=self._identity, audience=self._audience, key=self._key)
        self._publisher.publish(REVOCATIONS, REVOKE_TOKEN, command, self._audience)
        self._publisher.flush()
        return str(command["event_id"])

    def wait_for(self, command_id: str, seconds: float) -> bool:
        """Whether a TokenRevoked caused by the command comes in time."""
        if self._consumer is None:
            raise RuntimeError("send with listen=True before waiting")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            message = self._consumer.poll(0.1)
            if message is None or message.error() is not None:
                continue
            try:
                decoded = self._codec.decode(EVENTS, message.value())
            except Undecodable:
                continue
            if decoded.type == TOKEN_REVOKED and decoded.event["caused_by"] == command_id:
                return True
        return False

    def close(self) -> None:
        """Leave Kafka."""
        self._publisher.close()
        if self._consumer is not None:
            self._consumer.close()

    def _listen(self) -> Consumer:
        """A consumer at the end of tokens.events, before the command is sent: the answer cannot be missed."""
        consumer = kafka.consumer(
            self._settings, f"commander-{uuid.uuid4()}", group_protocol="classic", auto_offset_reset="latest"
        )
        partitions = consumer.list_topics(EVENTS, timeout=10).topics[EVENTS].partitions
        starts = []
        for number in partitions:
            _, high = consumer.get_watermark_offsets(TopicPartition(EVENTS, number, OFFSET_END), timeout=10)
            starts.append(TopicPartition(EVENTS, number, high))
        consumer.assign(starts)
        return consumer

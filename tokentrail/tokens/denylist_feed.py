"""Keeps a deny-list equal to the compacted topic tokens.denylist, and knows how old its knowledge is."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from tokentrail import kafka
from tokentrail.codec import Codec, Undecodable
from tokentrail.config import Settings
from tokentrail.errors import NotConnected
from tokentrail.events import DENYLIST
from tokentrail.tokens.denylist import DenyList
from tokentrail.tokens.refusal import NotReadyError

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 1.0
MAX_PAUSE_SECONDS = 5.0


@dataclass(frozen=True)
class StalePolicy:
    """How long tokens are still accepted when the deny-list cannot be kept up to date, in seconds.

    `strict` refuses soon after contact is lost; `best_effort` trades a stated bound of late refusals for
    service. Before the list was read to its end once, both refuse.
    """

    max_age: float

    @classmethod
    def strict(cls, max_age: float = 10.0) -> Self:
        """Refuse as soon as the list may have missed something for longer than a hiccup."""
        return cls(max_age)

    @classmethod
    def best_effort(cls, bound: float = 300.0) -> Self:
        """Go on with what is known for at most `bound` seconds."""
        return cls(bound)


class DenyListFeed:
    """A thread that reads tokens.denylist from its beginning by assign(): every validator has the whole list.

    `ready` once it has read to the end. Its age is the time since it was last known to have read everything.
    """

    def __init__(
        self,
        settings: Settings,
        codec: Codec,
        *,
        policy: StalePolicy | None = None,
        deny_list: DenyList | None = None,
        on_applied: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self.deny_list = deny_list if deny_list is not None else DenyList()
        self.ready = threading.Event()
        self.applied = 0
        self.unreadable = 0
        self._policy = policy or StalePolicy.strict()
        self._settings, self._codec, self._on_applied = settings, codec, on_applied
        self._complete_at = float("-inf")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="deny-list", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and leave Kafka."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)

    @property
    def age(self) -> float:
        """Seconds since the list was known to be complete."""
        return time.monotonic() - self._complete_at

    def check(self) -> None:
        """Raise NotReadyError when the list is not complete, too old by the policy, or did not fit."""
        if not self.ready.is_set():
            raise NotReadyError("not_ready", "the deny-list is still being read")
        if self.age > self._policy.max_age:
            raise NotReadyError("stale", f"the deny-list is {self.age:.0f} s old")
        if self.deny_list.overflowed:
            raise NotReadyError("stale", "the deny-list does not fit: raise max_entries")

    def denies(self, claims: Mapping[str, Any]) -> str | None:
        """The target that denies these claims, or None."""
        return self.deny_list.denies(claims)

    def _run(self) -> None:
        pause = 0.1
        said = False
        while not self._stop.is_set():
            try:
                self._follow()
            except (KafkaException, NotConnected) as error:
                if not said:
                    log.warning("deny-list cannot be read, trying again", error=str(error))
                    said = True
                self._stop.wait(pause)
                pause = min(pause * 2, MAX_PAUSE_SECONDS)

    def _follow(self) -> None:
        """Read from the beginning until stopped.

        Reading again after an error changes nothing: entries are states.
        """
        consumer = kafka.consumer(
            self._settings,
            f"deny-list-{uuid.uuid4()}",
            group_protocol="classic",
            auto_offset_reset="earliest",
            fetch_wait_max_ms=500,
        )
        try:
            partitions = consumer.list_topics(DENYLIST, timeout=10).topics[DENYLIST].partitions
            consumer.assign([TopicPartition(DENYLIST, p, OFFSET_BEGINNING) for p in partitions])
            while not self._stop.is_set():
                # consume() alone would wait for a whole batch: the first entry must not wait for the next.
                first = consumer.poll(0.1)
                if first is not None:
                    self._apply(first)
                    for message in consumer.consume(1000, timeout=0):
                        self._apply(message)
                if self.age > HEARTBEAT_SECONDS or not self.ready.is_set():
                    self._heartbeat(consumer, list(partitions))
        finally:
            consumer.close()

    def _heartbeat(self, consumer: Consumer, partitions: list[int]) -> None:
        """Ask the broker for the end of each partition: contact, and proof that nothing is missing."""
        asked = time.monotonic()
        ends = {p: consumer.get_watermark_offsets(TopicPartition(DENYLIST, p), timeout=2) for p in partitions}
        at = {t.partition: t.offset for t in consumer.position([TopicPartition(DENYLIST, p) for p in partitions])}
        if all(low == high or at[p] >= high for p, (low, high) in ends.items()):
            self._complete_at = asked
            self.ready.set()
        self.deny_list.expire()

    def _apply(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            if error.fatal() or not error.retriable():
                raise KafkaException(error)
            return
        key = (message.key() or b"").decode("utf-8", "replace")
        target, _, value = key.partition(":")
        if message.value() is None:
            self.deny_list.release(target, value)
            return
        try:
            denied = self._codec.decode(DENYLIST, message.value()).event
        except Undecodable as reason:
            # Fail closed is for the writer: one unreadable entry must not blind every validator.
            self.unreadable += 1
            log.warning("deny-list entry is not readable", offset=message.offset(), reason=str(reason))
            return
        self.deny_list.add(denied["target"], denied["value"], denied["revoked_at"], denied["until"])
        self.applied += 1
        if self._on_applied is not None:
            self._on_applied(denied)

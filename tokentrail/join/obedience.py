"""Obeying revocation commands with one function, for issuers that keep no database of ours."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping

import structlog
from confluent_kafka import KafkaException, Message
from tenacity import Retrying, retry_if_exception_type, wait_exponential_jitter

from tokentrail import events, kafka
from tokentrail.codec import Codec, Undecodable
from tokentrail.config import Settings
from tokentrail.events import DENIED, DENYLIST, REVOCATIONS, TOKEN_REVOKED
from tokentrail.join.publisher import DirectPublisher
from tokentrail.tokens.claims import MAX_LIFETIME
from tokentrail.tokens.commands import CommandRefusedError, Order, verify_command
from tokentrail.tokens.denylist import MICROS
from tokentrail.tokens.keys import CommandKey

log = structlog.get_logger(__name__)

REMEMBER = 10_000
SKEW_SECONDS = 60


class Obedience:
    """Calls `apply` for each good command and publishes the acknowledgement and the deny-list entry.

    `apply` must end what the order names before it returns, raise if it could not, and bear being called
    twice: after a crash the last commands come again. Commands that are forged, expired, or for another
    issuer never reach it.
    """

    def __init__(
        self,
        settings: Settings,
        publisher: DirectPublisher,
        keys: Mapping[str, CommandKey],
        apply: Callable[[Order], None],
    ) -> None:
        self.refused: dict[str, int] = {}
        self._settings, self._publisher, self._keys, self._apply = settings, publisher, keys, apply
        self._codec = Codec(settings.require("schema_registry_url"))
        self._done: OrderedDict[str, None] = OrderedDict()

    def run(self, stop: threading.Event) -> None:
        """Obey until stopped. A command is done with only when its acknowledgement is in Kafka."""

        def pause(seconds: float) -> None:
            stop.wait(seconds)

        for attempt in Retrying(
            retry=retry_if_exception_type(KafkaException),
            wait=wait_exponential_jitter(multiplier=0.1, max=5),
            sleep=pause,
        ):
            if stop.is_set():
                return
            with attempt:
                self._follow(stop)

    def handle(self, value: bytes | None) -> str:
        """Judge one record and obey it if it is good; returns applied, replayed, or why it was refused."""
        try:
            event = self._codec.decode(REVOCATIONS, value).event
            said = verify_command(event, audience=self._publisher.identity, keys=self._keys)
        except Undecodable:
            return self._refuse("malformed")
        except CommandRefusedError as refused:
            return self._refuse(refused.outcome)
        if said["event_id"] in self._done:
            return "replayed"
        self._apply(Order(said["target"], said["value"], said["reason"], said["alert_id"]))
        self._acknowledge(said)
        self._done[said["event_id"]] = None
        if len(self._done) > REMEMBER:
            self._done.popitem(last=False)
        return "applied"

    def _follow(self, stop: threading.Event) -> None:
        group = f"tokentrail-obedience-{self._publisher.identity}"
        consumer = kafka.consumer(self._settings, group, auto_offset_reset="earliest")
        try:
            consumer.subscribe([REVOCATIONS])
            while not stop.is_set():
                message = consumer.poll(0.2)
                self._publisher.poll()
                if message is not None and self._is_record(message):
                    self.handle(message.value())
                    self._publisher.flush()
                    consumer.commit(message=message, asynchronous=False)
        finally:
            consumer.close()

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is not None and not error.retriable():
            raise KafkaException(error)
        return error is None

    def _acknowledge(self, said: Mapping[str, object]) -> None:
        target, value = str(said["target"]), str(said["value"])
        revoked = events.new_event(
            issuer=self._publisher.identity,
            subject=value if target == "subject" else None,
            client_id=value if target == "client" else None,
            session_id=value if target == "session" else None,
            jti=value if target == "jti" else None,
            target=target,
            value=value,
            reason=said["reason"],
            revoked_by="command",
            caused_by=said["event_id"],
        )
        key = events.partition_key(revoked) or value
        self._publisher.publish(events.EVENTS, TOKEN_REVOKED, revoked, key)
        now = events.now_micros()
        denied = {
            "target": target,
            "value": value,
            "revoked_at": now,
            "until": now + (MAX_LIFETIME + SKEW_SECONDS) * MICROS,
            "reason": said["reason"],
            "caused_by": said["event_id"],
        }
        self._publisher.deny(DENYLIST, DENIED, denied, f"{target}:{value}")

    def _refuse(self, outcome: str) -> str:
        self.refused[outcome] = self.refused.get(outcome, 0) + 1
        if outcome != "foreign":
            log.warning("command refused", outcome=outcome)
        return outcome

"""The relay: numbers, encodes and publishes what the outbox holds, then deletes it.

Two steps, each safe to repeat. First the issuer's sequence number and the encoded bytes are stored, so
that a second attempt sends the very same record. Then the record is produced and, once every in-sync
replica has it, deleted. A crash or a delivery error in between means "maybe sent": it is sent again with
the same event id and bytes, and readers drop what they have.
"""

from __future__ import annotations

import threading
import time

import psycopg
import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from psycopg import Connection, sql
from tenacity import Retrying, retry_if_exception_type, wait_exponential_jitter

from tokentrail.codec import Codec, headers
from tokentrail.config import Settings
from tokentrail.db import Role, connect
from tokentrail.errors import NotConnected
from tokentrail.kafka import producer
from tokentrail.outbox.numbering import Row, number
from tokentrail.outbox.statement import Signer, state_due
from tokentrail.watchdog import Watchdog

log = structlog.get_logger()

BATCH = 2000
POLL_SECONDS = 0.05
DELIVERY_SECONDS = 300.0
HANG_SECONDS = 10.0
RETRYABLE = (psycopg.Error, KafkaException, NotConnected)


class Relay:
    """One thread that publishes a schema's outbox. Of several relays, one at a time holds the lock."""

    def __init__(
        self,
        settings: Settings,
        schema: str,
        stream: str,
        role: Role,
        codec: Codec,
        *,
        issuer: str,
        signer: Signer | None = None,
    ) -> None:
        self._settings = settings
        self._schema = schema
        self._stream = stream
        self._role: Role = role
        self._codec = codec
        self._issuer = issuer
        self._signer = signer
        self._watchdog = Watchdog(HANG_SECONDS)
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"relay {schema}", daemon=True)

    def start(self) -> None:
        """Begin in a thread."""
        self._thread.start()

    def wake(self) -> None:
        """Something was committed: do not wait for the next look."""
        self._wake.set()

    def stop(self, timeout: float = 10.0) -> None:
        """Publish what is there, then end."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout)
        self._watchdog.close()

    def _run(self) -> None:
        for attempt in Retrying(
            retry=retry_if_exception_type(RETRYABLE),
            wait=wait_exponential_jitter(multiplier=0.05, max=5, jitter=0.1),
            sleep=self._pause,
        ):
            with attempt:
                if self._stop.is_set() and attempt.retry_state.attempt_number > 1:
                    return
                try:
                    self._session()
                except RETRYABLE as error:
                    if attempt.retry_state.attempt_number == 1:
                        log.warning(
                            "relay interrupted; trying again",
                            schema=self._schema,
                            reason=str(error).strip().partition("\n")[0],
                        )
                    raise

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _session(self) -> None:
        client = producer(self._settings)
        with connect(self._settings, self._role, autocommit=True) as conn:
            while not self._stop.is_set():
                if self._locked(conn):
                    break
                self._stop.wait(0.5)
            while True:
                last = self._stop.is_set()
                busy = self._round(conn, client)
                if last and not busy:
                    return
                if not busy:
                    self._wake.wait(POLL_SECONDS)
                    self._wake.clear()

    def _locked(self, conn: Connection) -> bool:
        row = conn.execute("select pg_try_advisory_lock(hashtext(%s))", (f"relay {self._schema} {self._stream}",))
        return bool(row.fetchone()[0])  # type: ignore[index]

    def _round(self, conn: Connection, client: Producer) -> bool:
        """1 state what is due, 2 number and encode, 3 produce, 4 wait for the acks, 5 delete."""
        with self._watchdog.guard(), conn.transaction():
            if self._signer is not None:
                state_due(conn, self._schema, self._issuer, self._stream, self._signer)
            rows = number(conn, self._schema, self._issuer, self._stream, self._codec, BATCH)
        if not rows:
            return False
        self._publish(client, rows)
        with self._watchdog.guard():
            conn.execute(
                sql.SQL("delete from {} where id = any(%s)").format(sql.Identifier(self._schema, "outbox")),
                ([row.id for row in rows],),
            )
        return True

    def _publish(self, client: Producer, rows: list[Row]) -> None:
        failures: list[KafkaError] = []

        def on_delivery(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failures.append(error)

        for row in rows:
            record_headers: list[tuple[str, str | bytes | None]] = [
                *(row.raw_headers if row.event is None else headers(row.type, row.event))
            ]
            while True:
                try:
                    client.produce(
                        row.topic, value=row.value, key=row.key, headers=record_headers, on_delivery=on_delivery
                    )
                    break
                except BufferError:
                    client.poll(0.1)
            client.poll(0)
        deadline = time.monotonic() + DELIVERY_SECONDS
        while client.flush(1.0) and time.monotonic() < deadline:
            if failures:
                break
        if failures or len(client):
            raise KafkaException(failures[0] if failures else KafkaError(KafkaError._TIMED_OUT))

"""The one check that every fault test ends in: Kafka read from its beginning, held against the ledger.

Uses a plain consumer, SQL and the cryptography library; nothing of the writer.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import psycopg
from confluent_kafka import Consumer, TopicPartition
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap_with_padding

from tokentrail.config import Settings
from tokentrail.verifier import Options, verify

TOPICS = ("tokens.events", "tokens.alerts", "tokens.revocations")


def records(bootstrap: str, topics: tuple[str, ...] = TOPICS) -> dict[tuple[str, int, int], bytes | None]:
    """Every record of the topics by (topic, partition, offset)."""
    client = Consumer({"bootstrap.servers": bootstrap, "group.id": "replay", "enable.auto.commit": False})
    found: dict[tuple[str, int, int], bytes | None] = {}
    try:
        meta = client.list_topics(timeout=15).topics
        for topic in topics:
            for partition in meta[topic].partitions:
                low, high = client.get_watermark_offsets(TopicPartition(topic, partition), timeout=15)
                client.assign([TopicPartition(topic, partition, low)])
                at = low
                while at < high:
                    message = client.poll(15)
                    assert message is not None, f"{topic}[{partition}] gives nothing at {at} of {high}"
                    assert message.error() is None, message.error()
                    found[topic, partition, message.offset()] = message.value()
                    at = message.offset() + 1
    finally:
        client.close()
    return found


def _derive(raw: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"tokentrail " + purpose).derive(raw)


def opened_bodies(conn: psycopg.Connection[Any], data_key: str) -> dict[tuple[str, int, int], list[bytes]]:
    """The opened body of every entry that came from Kafka, by where it came from."""
    wrapping = _derive(base64.b64decode(data_key), b"wrap")
    keys = {
        key_id: AESGCM(aes_key_unwrap_with_padding(wrapping, wrapped))
        for key_id, wrapped in conn.execute("select key_id, wrapped from ledger.data_key")
    }
    bodies: dict[tuple[str, int, int], list[bytes]] = {}
    rows = conn.execute(
        'select topic, partition, "offset", key_id, leaf, body from ledger.entry where topic is not null'
    )
    for topic, partition, offset, key_id, leaf, sealed in rows:
        commitment = leaf[56:88]
        salted = keys[key_id].decrypt(sealed[:12], sealed[12:], commitment)
        assert hashlib.sha256(salted).digest() == commitment
        bodies.setdefault((topic, partition, offset), []).append(salted[32:])
    return bodies


def assert_exactly_once(settings: Settings, *, duplicates: int = 0) -> int:
    """Each record of Kafka is one entry, byte for byte; those of `duplicates` were dropped and noted.

    Returns how many records there are. Index, chain, tree, offsets and bodies are verified too.
    """
    kafka = records(settings.require("kafka_bootstrap"))
    with psycopg.connect(settings.require("database_url")) as conn:
        stored = opened_bodies(conn, settings.require("data_key"))
        assert all(len(bodies) == 1 for bodies in stored.values()), "a record is in the ledger more than once"
        missing = kafka.keys() - stored.keys()
        skipped = {
            (topic, partition, offset)
            for topic, partition, first, last in conn.execute(
                "select topic, partition, first_offset, last_offset from ledger.skipped_offset"
            )
            for offset in range(first, last + 1)
        }
        assert missing == skipped, "records are neither in the ledger nor noted as duplicates"
        assert len(skipped) == duplicates
        assert stored.keys() <= kafka.keys(), "the ledger holds records that Kafka never had"
        assert all(kafka[at] == bodies[0] for at, bodies in stored.items())
        conn.rollback()
        report = verify(
            conn, settings.ledger_origin, Options(data_keys=[base64.b64decode(settings.require("data_key"))])
        )
        assert report.as_dict()["problems"] == []
    return len(kafka)

"""Schema ids from a Confluent-compatible registry, asked once each and then remembered."""

from __future__ import annotations

import json
import weakref
from typing import Any

import httpx
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from fastavro import parse_schema
from fastavro.schema import fullname
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from tokentrail.codec.schemas import NAMESPACE, plain, source_text, unsafe_reason
from tokentrail.errors import NotConnected
from tokentrail.events import TOPIC_TYPES

COMPATIBILITY = "FULL_TRANSITIVE"
NOT_FOUND = 404


class UnknownSchema(Exception):
    """The registry does not know the schema id, or its schema must not be decoded."""


def subject_name(topic: str, record: str) -> str:
    """Registry subject by topic and record name (Confluent TopicRecordNameStrategy)."""
    return f"{topic}-{NAMESPACE}.{record}"


class Registry:
    """A registry client that keeps every answer: ids and schemas never change once given."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = SchemaRegistryClient({"url": url, "max.retries": 0, "timeout": 3})
        weakref.finalize(self, self._client.close)
        self._ids: dict[tuple[str, str], int] = {}
        self._writers: dict[int, tuple[str, Any, str]] = {}

    def id_of(self, topic: str, record: str) -> int:
        """The id under which our schema of `record` is registered for `topic`."""
        known = self._ids.get((topic, record))
        if known is None:
            schema = Schema(source_text(record), "AVRO")
            found = self._ask(lambda: self._client.lookup_schema(subject_name(topic, record), schema))
            known = self._ids[topic, record] = found.schema_id
        return known

    def writer(self, schema_id: int) -> tuple[str, Any, str]:
        """(full name, parsed plain schema, text as registered) of a writer's schema.

        Raises UnknownSchema where there is none or where it could harm the decoder.
        """
        known = self._writers.get(schema_id)
        if known is None:
            known = self._writers[schema_id] = self._fetch(schema_id)
        return known

    def _fetch(self, schema_id: int) -> tuple[str, Any, str]:
        try:
            schema = self._ask(lambda: self._client.get_schema(schema_id))
        except SchemaRegistryError as error:
            raise UnknownSchema(f"schema id {schema_id}: {error.error_message}") from None
        text = str(schema.schema_str)
        try:
            raw = json.loads(text)
            reason = unsafe_reason(raw)
            parsed = None if reason else parse_schema(plain(raw))
        except Exception as error:  # noqa: BLE001 - a foreign schema can fail to parse in any way
            raise UnknownSchema(f"schema id {schema_id}: {type(error).__name__}") from None
        if reason or not isinstance(parsed, dict) or parsed.get("type") != "record":
            raise UnknownSchema(f"schema id {schema_id}: {reason or 'not a record'}")
        return str(fullname(parsed)), parsed, text

    def _ask(self, call: Any) -> Any:
        try:
            return _patiently(call)
        except (httpx.HTTPError, OSError) as error:
            raise NotConnected(
                f"schema registry {self._url} does not answer ({type(error).__name__}): "
                "check TOKENTRAIL_SCHEMA_REGISTRY_URL or run `tokentrail up`"
            ) from None


@retry(
    retry=retry_if_exception_type((httpx.HTTPError, OSError)),
    wait=wait_exponential_jitter(multiplier=0.1, max=3),
    stop=stop_after_delay(6),
    reraise=True,
)
def _patiently(call: Any) -> Any:
    return call()


def register_schemas(url: str) -> int:
    """Register every schema of the contract; safe to repeat. Returns how many subjects there are.

    Compatibility is set for each subject, so that a later version must read and be read by all before it.
    """
    count = 0
    with SchemaRegistryClient({"url": url, "timeout": 10}) as client:
        for topic, records in TOPIC_TYPES.items():
            for record in records:
                subject = subject_name(topic, record)
                client.register_schema(subject, Schema(source_text(record), "AVRO"))
                client.set_compatibility(subject_name=subject, level=COMPATIBILITY)
                count += 1
    return count

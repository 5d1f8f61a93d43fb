"""Our codec and confluent-kafka's own serialisers: the same bytes out, the same events in."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from tokentrail.codec import Codec, register_schemas, subject_name
from tokentrail.codec.schemas import parsed, source_text
from tokentrail.events import DENYLIST, TOPIC_TYPES, new_event, now_micros, source, uuid7

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def client(schemas: str) -> Iterator[SchemaRegistryClient]:
    """confluent-kafka's registry client, which leaves its connections to whoever made it."""
    with SchemaRegistryClient({"url": schemas, "timeout": 10}) as made:
        yield made


PAIRS = [(topic, record) for topic, records in TOPIC_TYPES.items() for record in records]
STRICT = {
    "auto.register.schemas": False,
    "use.latest.version": False,
    "subject.name.strategy": topic_record_subject_name_strategy,
}


def sample(schema: Any) -> dict[str, Any]:
    """An event with something in every field of a schema."""
    event = new_event(issuer="https://idp", subject="u", source=source(ip="192.0.2.1", lat=1.5, lon=-2.0, asn=64500))
    for field in schema["fields"]:
        name, type_ = field["name"], field["type"]
        type_ = type_[1] if isinstance(type_, list) else type_
        if name in event and event[name] is not None:
            continue
        if isinstance(type_, dict):
            event[name] = event["source"] if type_["type"] == "record" else ["a", "b"]
        else:
            event[name] = {"string": uuid7(), "long": now_micros(), "int": 3, "boolean": True, "double": 0.25,
                           "bytes": b"\x01" * 32}[type_]  # fmt: skip
    return {field["name"]: event[field["name"]] for field in schema["fields"]}


def micros(value: Any) -> Any:
    """Times as integers again; confluent's deserialiser gives datetimes."""
    if isinstance(value, datetime):
        return (value - EPOCH) // timedelta(microseconds=1)
    if isinstance(value, dict):
        return {key: micros(inner) for key, inner in value.items()}
    return value


@pytest.mark.parametrize(("topic", "record"), PAIRS)
def test_both_write_and_read_the_same(schemas: str, client: SchemaRegistryClient, topic: str, record: str) -> None:
    codec = Codec(schemas)
    event = sample(parsed(record))
    context = SerializationContext(topic, MessageField.VALUE)
    theirs = AvroSerializer(client, source_text(record), conf=STRICT)(event, context)
    ours = codec.encode(topic, record, event)
    assert ours == theirs
    assert micros(AvroDeserializer(client)(ours, context)) == event
    if topic != DENYLIST:
        assert codec.decode(topic, ours).event == event


def test_ours_is_cheaper(schemas: str, client: SchemaRegistryClient) -> None:
    """Why the pipeline does not use confluent's deserialiser: measured, in one run, not believed."""
    topic, record = "tokens.events", "TokenUsed"
    codec = Codec(schemas)
    theirs = AvroDeserializer(client)
    context = SerializationContext(topic, MessageField.VALUE)
    value = codec.encode(topic, record, sample(parsed(record)))

    def seconds(call: Any) -> float:
        best = math.inf
        for _ in range(5):
            started = time.process_time()
            for _ in range(1000):
                call()
            best = min(best, time.process_time() - started)
        return best

    assert seconds(lambda: codec.decode(topic, value)) < seconds(lambda: theirs(value, context))


def test_registering_again_changes_nothing_and_a_breaking_change_is_refused(
    schemas: str, client: SchemaRegistryClient
) -> None:
    assert register_schemas(schemas) == len(PAIRS)
    subject = subject_name("tokens.events", "TokenUsed")
    assert client.get_compatibility(subject) == "FULL_TRANSITIVE"
    broken = source_text("TokenUsed").replace(
        '"name": "uses",\n      "type": "int"', '"name": "uses",\n      "type": "string"'
    )
    assert broken != source_text("TokenUsed")
    from confluent_kafka.schema_registry import Schema  # noqa: PLC0415

    with pytest.raises(SchemaRegistryError) as refused:
        client.register_schema(subject, Schema(broken, "AVRO"))
    assert refused.value.http_status_code == 409

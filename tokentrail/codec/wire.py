"""One codec for all: fastavro between dictionaries and Confluent-framed values.

confluent-kafka's AvroSerializer and AvroDeserializer produce and accept the same bytes
at a higher cost an event; tests/integration/test_codec.py holds them against each other.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, NamedTuple, cast

from fastavro import schemaless_reader, schemaless_writer

from tokentrail.codec.registry import Registry, UnknownSchema
from tokentrail.codec.schemas import NAMESPACE, parsed
from tokentrail.codec.strict import MAX_VALUE_BYTES, Undecodable, check
from tokentrail.events import TOPIC_TYPES, Event

MAGIC = 0
FRAME_BYTES = 5


class Decoded(NamedTuple):
    """An event as read: its type (record name), the writer's schema id, the fields as a dictionary."""

    type: str
    schema_id: int
    event: Event


class Codec:
    """Encodes with our schemas, decodes with the writer's; the registry is asked once for each schema."""

    def __init__(self, registry: Registry | str) -> None:
        self.registry = Registry(registry) if isinstance(registry, str) else registry
        self._frames: dict[tuple[str, str], bytes] = {}
        self._readings: dict[tuple[str, int], _Reading] = {}

    def encode(self, topic: str, type_: str, event: Event) -> bytes:
        """The Kafka value of an event: magic byte 0, schema id in four bytes, then the Avro body."""
        frame = self._frames.get((topic, type_))
        if frame is None:
            frame = bytes([MAGIC]) + self.registry.id_of(topic, type_).to_bytes(4, "big")
            self._frames[topic, type_] = frame
        out = BytesIO()
        out.write(frame)
        schemaless_writer(out, parsed(type_), event)
        return out.getvalue()

    def decode(self, topic: str, value: bytes | None) -> Decoded:
        """Read a value strictly. Raises Undecodable with the reason; NotConnected if the registry is away.

        fastavro alone accepts trailing bytes and reads an enum or union index of -1 as the last one,
        so the record is encoded again and must give the very bytes it came in.
        """
        if value is None or len(value) <= FRAME_BYTES:
            raise Undecodable("no value" if not value else "shorter than its frame")
        if len(value) > MAX_VALUE_BYTES:
            raise Undecodable(f"over {MAX_VALUE_BYTES} bytes")
        if value[0] != MAGIC:
            raise Undecodable("magic byte is not 0")
        schema_id = int.from_bytes(value[1:FRAME_BYTES], "big")
        reading = self._readings.get((topic, schema_id)) or self._reading(topic, schema_id)
        event = _decode_exactly(value, reading)
        if reading.is_event:
            check(event)
        return Decoded(reading.record, schema_id, event)

    def _reading(self, topic: str, schema_id: int) -> _Reading:
        """How to read values of a schema in a topic; found once, since comparing schemas costs more than reading."""
        try:
            name, writer, _ = self.registry.writer(schema_id)
        except UnknownSchema as error:
            raise Undecodable(str(error)) from None
        record = name.removeprefix(NAMESPACE + ".")
        if record == name or record not in TOPIC_TYPES.get(topic, ()):
            raise Undecodable(f"schema {schema_id} is foreign to {topic}")
        ours = parsed(record)
        is_event = any(field["name"] == "event_id" for field in ours["fields"])
        found = self._readings[topic, schema_id] = _Reading(record, writer, None if writer == ours else ours, is_event)
        return found


class _Reading(NamedTuple):
    """`ours` is the schema to resolve to, None where the writer's is the same."""

    record: str
    writer: Any
    ours: Any
    is_event: bool


def _decode_exactly(value: bytes, reading: _Reading) -> Event:
    _, writer, ours, _ = reading
    body = BytesIO(value)
    body.seek(FRAME_BYTES)
    again = BytesIO()
    again.write(value[:FRAME_BYTES])
    try:
        event = cast("Event", schemaless_reader(body, writer, None))
        schemaless_writer(again, writer, event)
    except Exception as error:  # noqa: BLE001 - fastavro lets IndexError, EOFError, UnicodeDecodeError … out
        raise Undecodable(f"not readable by its schema: {type(error).__name__}") from None
    if again.getvalue() != value:
        raise Undecodable("bytes hidden or written in another way than Avro's")
    if ours is not None:
        body.seek(FRAME_BYTES)
        try:
            event = cast("Event", schemaless_reader(body, writer, ours))
        except Exception as error:  # noqa: BLE001 - resolution errors have no common class
            raise Undecodable(f"not resolvable to our schema: {type(error).__name__}") from None
    return event

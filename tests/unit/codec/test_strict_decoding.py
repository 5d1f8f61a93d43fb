"""Inputs that fastavro alone accepts, or dies of, and what the codec makes of them (faults B1 to B14, B22, B23)."""

from __future__ import annotations

import json
import math
from io import BytesIO
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokentrail.codec import MAX_VALUE_BYTES, Codec, Undecodable
from tokentrail.codec.registry import UnknownSchema
from tokentrail.codec.schemas import NAMESPACE, parsed, plain, source_text, unsafe_reason
from tokentrail.events import ALERTS, EVENTS, LOGIN_ATTEMPTED, TOKEN_USED, new_event, source


class Schemas:
    """A registry's answers, without its network: ids are given out in order of asking."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[str, Any, str]] = {}

    def id_of(self, _topic: str, record: str) -> int:
        return self.add(source_text(record))

    def add(self, text: str) -> int:
        for schema_id, (_, _, have) in self.known.items():
            if have == text:
                return schema_id
        schema = parse_schema(plain(json.loads(text)))
        schema_id = len(self.known) + 1
        self.known[schema_id] = (schema["name"], schema, text)
        return schema_id

    def writer(self, schema_id: int) -> tuple[str, Any, str]:
        if schema_id not in self.known:
            raise UnknownSchema(f"schema id {schema_id}: not found")
        return self.known[schema_id]


@pytest.fixture
def codec() -> Codec:
    return Codec(Schemas())  # type: ignore[arg-type]


def login(**over: Any) -> dict[str, Any]:
    event = new_event(
        issuer="https://idp.test",
        subject="u-1",
        source=source(ip="192.0.2.1", lat=52.5, lon=13.4, asn=3320),
        success=True,
        method="password",
        failure_reason=None,
        typed_name_hash=None,
    )
    return event | over


def refused(codec: Codec, value: bytes | None, topic: str = EVENTS) -> str:
    with pytest.raises(Undecodable) as caught:
        codec.decode(topic, value)
    return str(caught.value)


def test_what_is_encoded_comes_back(codec: Codec) -> None:
    event = login()
    assert codec.decode(EVENTS, codec.encode(EVENTS, LOGIN_ATTEMPTED, event)) == (LOGIN_ATTEMPTED, 1, event)


def test_nothing_and_frames_without_a_body(codec: Codec) -> None:
    assert refused(codec, None) == "no value"
    assert refused(codec, b"") == "no value"
    assert "frame" in refused(codec, b"\0\0\0\0\1")


def test_every_truncation_is_refused(codec: Codec) -> None:
    value = codec.encode(EVENTS, LOGIN_ATTEMPTED, login())
    for length in range(len(value)):
        refused(codec, value[:length])


def test_trailing_bytes_are_hidden_content(codec: Codec) -> None:
    value = codec.encode(EVENTS, LOGIN_ATTEMPTED, login())
    assert "hidden" in refused(codec, value + b"\0")


def test_over_64_kib(codec: Codec) -> None:
    value = codec.encode(EVENTS, LOGIN_ATTEMPTED, login(method="x" * MAX_VALUE_BYTES))
    assert "over" in refused(codec, value)


def test_magic_byte_and_unknown_schema(codec: Codec) -> None:
    value = codec.encode(EVENTS, LOGIN_ATTEMPTED, login())
    assert "magic" in refused(codec, b"\1" + value[1:])
    assert "schema id 99" in refused(codec, b"\0\0\0\0\x63" + value[5:])


def test_a_type_of_another_topic(codec: Codec) -> None:
    value = codec.encode(EVENTS, LOGIN_ATTEMPTED, login())
    assert "foreign" in refused(codec, value, ALERTS)


def union_branch_at(value: bytes) -> int:
    """Where the union index of the null failure_reason lies in a login that ends in two nulls."""
    assert value[-2:] == b"\0\0"
    return len(value) - 2


def test_union_index_minus_one_is_not_the_last_branch(codec: Codec) -> None:
    value = bytearray(codec.encode(EVENTS, LOGIN_ATTEMPTED, login()))
    at = union_branch_at(bytes(value))
    # -1 in zigzag; fastavro reads it as the last branch, a string, here of length 0.
    hidden = bytes(value[:at]) + b"\x01\x00" + bytes(value[at + 1 :])
    assert refused(codec, hidden).startswith("bytes hidden")


def test_enum_index_minus_one_is_not_the_last_symbol() -> None:
    schemas = Schemas()
    text = json.loads(source_text(LOGIN_ATTEMPTED))
    text["fields"].append(
        {"name": "verdict", "type": {"type": "enum", "name": "Verdict", "symbols": ["KEEP", "REVOKE"]}}
    )
    schema_id = schemas.add(json.dumps(text))
    out = BytesIO()
    schemaless_writer(out, schemas.known[schema_id][1], login(verdict="KEEP"))
    value = b"\0" + schema_id.to_bytes(4, "big") + out.getvalue()
    codec = Codec(schemas)  # type: ignore[arg-type]
    assert codec.decode(EVENTS, value).type == LOGIN_ATTEMPTED
    assert refused(codec, value[:-1] + b"\x01").startswith("bytes hidden")
    assert "IndexError" in refused(codec, value[:-1] + b"\xc6\x01")


def test_varint_written_in_eleven_bytes(codec: Codec) -> None:
    value = codec.encode(EVENTS, LOGIN_ATTEMPTED, login())
    assert value[5] == 72  # the length of a UUID text, zigzag
    refused(codec, value[:5] + b"\xc8" + b"\x80" * 9 + b"\x00" + value[6:])


def test_string_lengths_absurd_and_negative(codec: Codec) -> None:
    frame = codec.encode(EVENTS, LOGIN_ATTEMPTED, login())[:5]
    refused(codec, frame + b"\x80\x80\x80\x80\x80\x80\x01" + b"x" * 20)
    refused(codec, frame + b"\x01" + b"x" * 20)


def test_text_that_is_not_utf_8(codec: Codec) -> None:
    value = codec.encode(EVENTS, LOGIN_ATTEMPTED, login(method="\u00e4bc"))
    assert "UnicodeDecodeError" in refused(codec, value.replace("\u00e4".encode(), b"\xff\xff"))


@pytest.mark.parametrize("time", [-1, 253_402_300_800_000_000, (1 << 63) - 1, -(1 << 63)])
def test_times_outside_what_can_be_told(codec: Codec, time: int) -> None:
    assert "occurred_at" in refused(codec, codec.encode(EVENTS, LOGIN_ATTEMPTED, login(occurred_at=time)))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 90.1])
def test_coordinates_that_pass_every_threshold(codec: Codec, number: float) -> None:
    event = login(source=source(lat=number, lon=0.0))
    assert "lat" in refused(codec, codec.encode(EVENTS, LOGIN_ATTEMPTED, event))


@pytest.mark.parametrize("text", ["a\0b", "a\nb", "\x1b[2J", "x" * 256])
def test_identifiers_with_control_characters_or_without_end(codec: Codec, text: str) -> None:
    assert "subject" in refused(codec, codec.encode(EVENTS, LOGIN_ATTEMPTED, login(subject=text)))


@pytest.mark.parametrize(
    "text", ["", "1", "0190A0B0-0000-7000-8000-000000000000", "0190a0b0-0000-7000-8000-00000000000"]
)
def test_event_ids_that_are_not_canonical(codec: Codec, text: str) -> None:
    assert "event_id" in refused(codec, codec.encode(EVENTS, LOGIN_ATTEMPTED, login(event_id=text)))


def test_schemas_that_kill_a_decoder_are_never_used() -> None:
    node: dict[str, Any] = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
    assert "recursive" in str(unsafe_reason(node))
    zero = {"type": "record", "name": "Z", "fields": [{"name": "a", "type": {"type": "array", "items": "null"}}]}
    assert "array" in str(unsafe_reason(zero))
    inner: Any = "string"
    for i in range(20):
        inner = {"type": "record", "name": f"N{i}", "fields": [{"name": "f", "type": inner}]}
    assert "deep" in str(unsafe_reason(inner))


def test_a_newer_writer_is_read_through_our_schema() -> None:
    schemas = Schemas()
    text = json.loads(source_text(TOKEN_USED))
    text["fields"].append({"name": "added_later", "type": ["null", "string"], "default": None})
    schema_id = schemas.add(json.dumps(text))
    event = new_event(
        issuer="i", success=True, failure_reason=None, token_issuer=None, kid=None, issued_at=None,
        expires_at=None, audience=None, scope=None, uses=1, window_seconds=0,
    )  # fmt: skip
    out = BytesIO()
    schemaless_writer(out, schemas.known[schema_id][1], event | {"added_later": "x"})
    decoded = Codec(schemas).decode(EVENTS, b"\0" + schema_id.to_bytes(4, "big") + out.getvalue())  # type: ignore[arg-type]
    assert decoded == (TOKEN_USED, schema_id, event)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 400), byte=st.integers(0, 255), cut=st.integers(0, 3))
def test_a_changed_byte_is_refused_or_gives_another_event_that_encodes_to_it(
    codec: Codec, at: int, byte: int, cut: int
) -> None:
    value = bytearray(codec.encode(EVENTS, LOGIN_ATTEMPTED, login()))
    value[at % len(value)] = byte
    changed = bytes(value[: len(value) - cut])
    try:
        decoded = codec.decode(EVENTS, changed)
    except Undecodable:
        return
    assert codec.encode(EVENTS, decoded.type, decoded.event) == changed


@pytest.mark.parametrize("path", sorted(p.stem for p in __import__("pathlib").Path("schemas").glob("*.avsc")))
def test_every_field_of_every_schema_has_a_doc_string(path: str) -> None:
    def undocumented(schema: Any) -> list[str]:
        if isinstance(schema, list):
            return [name for branch in schema for name in undocumented(branch)]
        if not isinstance(schema, dict) or schema.get("type") != "record":
            return []
        own = [field["name"] for field in schema["fields"] if not field.get("doc")]
        return own + [name for field in schema["fields"] for name in undocumented(field["type"])]

    schema = json.loads(source_text(path))
    assert schema["doc"]
    assert undocumented(schema) == []
    assert parsed(path)["name"] == f"{NAMESPACE}.{path}"

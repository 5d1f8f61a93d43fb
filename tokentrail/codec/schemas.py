"""The public Avro contract in schemas/*.avsc, parsed once."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from fastavro import parse_schema

NAMESPACE = "tokentrail.events"
DIRECTORY = Path(__file__).resolve().parents[2] / "schemas"
MAX_DEPTH = 8


@cache
def source_text(name: str) -> str:
    """The schema file of a record, such as `TokenIssued`, as it is registered."""
    return (DIRECTORY / f"{name}.avsc").read_text()


@cache
def parsed(name: str) -> Any:
    """The record's schema for fastavro, logical types taken away: timestamps are integers of microseconds."""
    return parse_schema(plain(json.loads(source_text(name))))


def plain(schema: Any) -> Any:
    """A schema without its logical types, which cost more to convert than all else (Avro 1.12: optional)."""
    if isinstance(schema, list):
        return [plain(branch) for branch in schema]
    if isinstance(schema, dict):
        if schema.get("logicalType") and isinstance(schema["type"], str):
            return schema["type"]
        return {key: plain(value) for key, value in schema.items() if key != "logicalType"}
    return schema


def unsafe_reason(schema: Any, depth: int = 0, open_names: frozenset[str] = frozenset()) -> str | None:
    """Why a writer's schema must not be decoded, or None.

    Recursion overflows the decoder's stack and items of no size make a few bytes into gigabytes,
    so both are refused before a byte is read.
    """
    if depth > MAX_DEPTH:
        return "schema nested too deeply"
    if isinstance(schema, str):
        return f"recursive schema {schema}" if schema in open_names else None
    if isinstance(schema, list):
        reasons = (unsafe_reason(branch, depth + 1, open_names) for branch in schema)
        return next(filter(None, reasons), None)
    match schema.get("type"):
        case "record":
            names = open_names | {schema["name"], schema["name"].rpartition(".")[2]}
            reasons = (unsafe_reason(field["type"], depth + 1, names) for field in schema["fields"])
            return next(filter(None, reasons), None)
        case "array" if schema["items"] not in ("string", "bytes", "int", "long", "double"):
            return "array of anything but plain values"
        case "map":
            return "map"
        case dict() | list() as inner:
            return unsafe_reason(inner, depth + 1, open_names)
    return None

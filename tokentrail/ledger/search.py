"""Search the ledger by what a compliance officer knows: person, token, session, client, address, type, time."""

from __future__ import annotations

import base64
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, ClassVar

from psycopg import Connection
from psycopg.rows import namedtuple_row

from tokentrail.config import Settings
from tokentrail.errors import ConfigError, Refused
from tokentrail.ledger.opened import open_bodies
from tokentrail.ledger.seal import master_keys

COLUMNS = (
    'index, kafka_time, occurred_at, topic, partition, "offset", event_id, type, issuer, issuer_stream, issuer_seq, '
    "subject, client_id, session_id, jti, schema_id, key_id, leaf, leaf_hash, chain_hash, body"
)


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for; all given conditions must hold. Times are aware; `to` is excluded."""

    sub: str | None = None
    jti: str | None = None
    sid: str | None = None
    client: str | None = None
    ip: str | None = None
    type: str | None = None
    from_: datetime | None = None
    to: datetime | None = None
    limit: int = 100

    @classmethod
    def of(cls, **given: Any) -> Query:
        """From text as typed. Raises Refused naming the option that does not parse."""
        for name in ("from_", "to"):
            if given.get(name):
                given[name] = _time(name.rstrip("_"), given[name])
        return cls(**given)

    def as_dict(self) -> dict[str, Any]:
        """The query as asked, for records of who read what."""
        asked = {f.name.rstrip("_"): getattr(self, f.name) for f in fields(self)}
        return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in asked.items() if v is not None}


def _time(option: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"--{option} is not an ISO 8601 time: try 2026-01-31 or 2026-01-31T08:00:00Z") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Found:
    """An entry as found: the public columns, and the event where its body could be opened."""

    CSV_FIELDS: ClassVar[tuple[str, ...]] = (
        "index", "kafka_time", "occurred_at", "type", "event_id", "issuer", "subject", "client_id", "session_id",
        "jti", "ip", "user_agent", "device_id", "country", "city", "asn", "success", "failure_reason", "reason",
        "leaf_hash",
    )  # fmt: skip

    columns: dict[str, Any]
    event: dict[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: columns, then `event` (null where sealed)."""
        return {**self.columns, "event": self.event}

    def flat(self) -> dict[str, Any]:
        """Columns and the event's fields in one level, for tables."""
        event = self.event or {}
        return {**event, **(event.get("source") or {}), **self.columns}


def conditions(query: Query, settings: Settings) -> tuple[str, list[Any]]:
    """The WHERE clause and its parameters. An address is looked up by its keyed hash."""
    clauses: list[str] = []
    values: list[Any] = []
    for column, value in (
        ("subject", query.sub),
        ("jti", query.jti),
        ("session_id", query.sid),
        ("client_id", query.client),
        ("type", query.type),
    ):
        if value is not None:
            clauses.append(f"{column} = %s")
            values.append(value)
    if query.ip is not None:
        if settings.data_key is None:
            raise ConfigError("search by address needs TOKENTRAIL_DATA_KEY: addresses are stored as keyed hashes")
        clauses.append("ip_hash = any(%s)")
        values.append([master.keyed_hash("ip", query.ip) for master in master_keys(settings)])
    if query.from_ is not None:
        clauses.append("kafka_time >= %s")
        values.append(query.from_)
    if query.to is not None:
        clauses.append("kafka_time < %s")
        values.append(query.to)
    return "".join(f" and {clause}" for clause in clauses), values


def search_entries(conn: Connection[Any], settings: Settings, query: Query) -> list[Found]:
    """Entries that match, newest first."""
    where, values = conditions(query, settings)
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        rows = cursor.execute(
            f"""select {COLUMNS} from ledger.entry
            where log_id = (select log_id from ledger.log where origin = %s){where}
            order by index desc limit %s""",  # noqa: S608 - clauses are ours, values are parameters
            (settings.ledger_origin, *values, query.limit),
        ).fetchall()
    events = open_bodies(conn, settings, rows)
    return [Found(_public(row), event) for row, event in zip(rows, events, strict=True)]


def _public(row: Any) -> dict[str, Any]:
    columns = row._asdict()
    for name in ("leaf", "leaf_hash", "chain_hash"):
        columns[name] = base64.b64encode(bytes(columns[name])).decode()
    for name in ("kafka_time", "occurred_at"):
        columns[name] = columns[name].astimezone(UTC).isoformat() if columns[name] else None
    columns["event_id"] = str(columns["event_id"]) if columns["event_id"] else None
    del columns["body"], columns["key_id"]
    return dict(columns)

"""A question to the ledger, as asked, and as SQL."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from tokentrail.errors import Refused


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
                given[name] = parse_time(name.rstrip("_"), given[name])
        return cls(**given)

    def as_dict(self) -> dict[str, Any]:
        """The query as asked, for records of who read what."""
        asked = {f.name.rstrip("_"): getattr(self, f.name) for f in fields(self)}
        return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in asked.items() if v is not None}

    def conditions(self, ip_hashes: list[bytes]) -> tuple[str, list[Any]]:
        """The WHERE clause and its parameters; an address is looked up by its keyed hashes."""
        given: tuple[tuple[str, Any], ...] = (
            ("subject = %s", self.sub),
            ("jti = %s", self.jti),
            ("session_id = %s", self.sid),
            ("client_id = %s", self.client),
            ("type = %s", self.type),
            ("ip_hash = any(%s)", None if self.ip is None else ip_hashes),
            ("kafka_time >= %s", self.from_),
            ("kafka_time < %s", self.to),
        )
        asked = [(clause, value) for clause, value in given if value is not None]
        return "".join(f" and {clause}" for clause, _ in asked), [value for _, value in asked]


def parse_time(option: str, text: str) -> datetime:
    """An aware time; UTC where the text names no zone. Raises Refused naming the option."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"--{option} is not an ISO 8601 time: try 2026-01-31 or 2026-01-31T08:00:00Z") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)

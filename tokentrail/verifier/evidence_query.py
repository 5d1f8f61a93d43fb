"""The query of a pack, asked again of the leaves: who should be in it, and does the range reach far enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tokentrail.verifier.leaf import Leaf

PUBLIC = {"sub": "subject", "jti": "jti", "sid": "session_id", "client": "client_id", "type": "type"}
KNOWN = {*PUBLIC, "from", "to", "ip", "limit"}
MARGIN = timedelta(minutes=10)


class AskedQuery:
    """The conditions of query.json. Raises ValueError for one that is not known: it could not be checked."""

    def __init__(self, query: dict[str, Any]) -> None:
        unknown = set(query) - KNOWN
        if unknown:
            raise ValueError(f"unknown conditions: {', '.join(sorted(unknown))}")
        self._equal = {field: query[name] for name, field in PUBLIC.items() if name in query}
        self.ip: str | None = query.get("ip")
        self._from = _millis(query.get("from"))
        self._to = _millis(query.get("to"))

    def matches(self, leaf: Leaf) -> bool:
        """Whether a leaf meets all public conditions; the address is not among them."""
        if any(getattr(leaf, field) != value for field, value in self._equal.items()):
            return False
        if self._from is None and self._to is None:
            return True
        time = leaf.kafka_time
        return time is not None and (self._from is None or time >= self._from) and (self._to is None or time < self._to)

    def reach(self, first: Leaf, last: Leaf, at_start: bool, at_end: bool) -> list[str]:
        """Why the range may be too narrow: it must reach past the times asked for, or to the ends of the log."""
        margin = MARGIN // timedelta(milliseconds=1)
        problems = []
        if not at_start and (self._from is None or first.kafka_time is None or first.kafka_time >= self._from - margin):
            problems.append("the range begins too late for the times asked for")
        if not at_end and (self._to is None or last.kafka_time is None or last.kafka_time < self._to + margin):
            problems.append("the range ends too early for the times asked for")
        return problems


def _millis(text: Any) -> float | None:
    """Milliseconds since 1970, a float: a time may be asked for to the microsecond."""
    if text is None:
        return None
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000

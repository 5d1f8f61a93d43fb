"""Rows of a backtest file: their fields, their order, and the ids a virtual issuer mints."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from producers.simulator.actions import Source

FIELDS = (
    "event_id", "type", "ts", "subject", "client_id", "jti", "ip", "asn", "country", "city", "lat", "lon",
    "user_agent", "device_id", "success", "family", "gen", "iss", "kid", "scope", "exp",
)  # fmt: skip
Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Label:
    """What really happened: the attack and the incident a row belongs to."""

    event_id: str
    attack: str
    incident: str


class Press:
    """Makes rows with ids of its own; the same seed makes the same ids."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def new_id(self, kind: str) -> str:
        """A random id with a readable kind in front."""
        return f"{kind}_{self._rng.getrandbits(80):020x}"

    def row(self, kind: str, ts: float, where: Source | None, fields: Mapping[str, object]) -> Row:
        """One row with every field of the format, null where nothing is known."""
        row: Row = dict.fromkeys(FIELDS)
        row.update(event_id=self.new_id("evt"), type=kind, ts=round(ts, 3))
        if where is not None:
            place = self._rng.random() > 0.01  # one in a hundred addresses is not in the geo database
            row.update(
                ip=where.ip,
                asn=where.asn,
                country=where.country if place else None,
                city=where.city if place else None,
                lat=where.lat if place else None,
                lon=where.lon if place else None,
                user_agent=where.user_agent,
                device_id=where.device_id,
            )
        row.update(fields)
        return row

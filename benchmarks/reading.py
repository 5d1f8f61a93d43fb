"""What a written ledger costs to read: verification, and an inclusion proof."""

from __future__ import annotations

import base64
import random
import statistics
import time
from dataclasses import asdict, dataclass

import psycopg

from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.ledger.stored_tree import StoredTree
from tokentrail.verifier import Options, verify

PROOFS = 200


@dataclass(frozen=True, slots=True)
class Reading:
    """Rates in entries/s, the proof's median and slowest in ms."""

    entries: int
    verify_public_rate: int
    verify_bodies_rate: int
    inclusion_ms: float
    inclusion_worst_ms: float

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return asdict(self)


def read_back(settings: Settings) -> Reading:
    """Verify the log twice (without and with the data keys) and prove entries. Raises RuntimeError if not clean."""
    size, public = _verified(settings, Options())
    _, bodies = _verified(settings, Options(data_keys=[base64.b64decode(settings.require("data_key"))]))
    times = proof_times(settings, size)
    return Reading(
        size, round(size / public), round(size / bodies), round(statistics.median(times), 3), round(max(times), 3)
    )


def proof_times(settings: Settings, size: int) -> list[float]:
    """Milliseconds of inclusion proofs of random entries, one read of the database each."""
    dice = random.Random(1)  # noqa: S311 - which entries does not matter
    times = []
    with connect(settings, "reader", autocommit=True) as conn:
        row = conn.execute("select log_id from ledger.log where origin = %s", (settings.ledger_origin,)).fetchone()
        assert row is not None  # noqa: S101
        tree = StoredTree(conn, row[0])
        for _ in range(PROOFS):
            began = time.perf_counter()
            tree.inclusion(dice.randrange(size), size)
            times.append((time.perf_counter() - began) * 1000)
    return times


def _verified(settings: Settings, options: Options) -> tuple[int, float]:
    with psycopg.connect(settings.require("database_url")) as conn:
        report = verify(conn, settings.ledger_origin, options)
    if report.problems:
        raise RuntimeError(f"the ledger does not verify: {report.as_dict()['problems'][:3]}")
    return report.tree_size, report.seconds

"""The log as tlog-tiles files, read back with code of its own: every byte follows from the leaves."""

from __future__ import annotations

import hashlib
from pathlib import Path

import psycopg
import pytest

from tests.integration.checkpoint.conftest import Grow, Start, await_size
from tests.unit.log.rfc6962 import mth
from tokentrail.cli.tiles import _earlier
from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.errors import Refused
from tokentrail.ledger.own_entry import find_log
from tokentrail.ledger.tiles_out import Resources, write_tiles

SIZES = [1, 255, 256, 257, 600, 1024]


def name(n: int) -> str:
    """The specification's path of a tile below x001/000."""
    return f"{n:03d}"


def expected(leaves: list[bytes]) -> dict[str, bytes]:
    """Path and content of every resource of a tree over these leaves."""
    found = {}
    hashes = [hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves]
    for n in range(0, len(leaves), 256):
        part = leaves[n : n + 256]
        partial = "" if len(part) == 256 else f".p/{len(part)}"
        found[f"tile/entries/{name(n // 256)}{partial}"] = b"".join(len(x).to_bytes(2, "big") + x for x in part)
    level = 0
    while hashes:
        for n in range(0, len(hashes), 256):
            part = hashes[n : n + 256]
            partial = "" if len(part) == 256 else f".p/{len(part)}"
            found[f"tile/{level}/{name(n // 256)}{partial}"] = b"".join(part)
        hashes = [mth(tuple(hashes[n : n + 256])) for n in range(0, len(hashes) // 256 * 256, 256)]
        level += 1
    return found


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != "checkpoint"
    }


def publish(settings: Settings, directory: Path, size: int) -> str:
    row = await_size(settings, size)
    with connect(settings, "reader", autocommit=True) as conn:
        log_id = find_log(conn, settings.ledger_origin)
        after = _earlier(conn, log_id, directory, row.note)
        write_tiles(Resources(conn, settings, log_id), row.tree_size, row.note, directory, after)
    return row.note


def test_every_byte_in_runs_that_add_what_is_new(log: Settings, grow: Grow, start: Start, tmp_path: Path) -> None:
    start()
    last = 0
    for size in SIZES:
        grow(size - last)
        last = size
        note = publish(log, tmp_path / "pub", size)
        with connect(log, "reader", autocommit=True) as conn:
            leaves = [bytes(row[0]) for row in conn.execute("select leaf from ledger.entry order by index")]
        there, wanted = files(tmp_path / "pub"), expected(leaves)
        assert {path: there.get(path) for path in wanted} == wanted
        # Else only partial tiles of trees that had a checkpoint, until they are full.
        for path in there.keys() - wanted.keys():
            full, _, width = path.partition(".p/")
            assert width
            assert full not in there
        assert (tmp_path / "pub" / "checkpoint").read_text() == note


def test_a_directory_with_another_history_is_left_alone(
    log: Settings, grow: Grow, start: Start, superuser: psycopg.Connection, tmp_path: Path
) -> None:
    start()
    grow(10)
    note = publish(log, tmp_path / "pub", 10)
    other = tmp_path / "pub" / "checkpoint"
    lines = note.split("\n")
    cases = {
        "another history": [lines[0], "10", "A" * 43 + "=", *lines[3:]],
        "it was cut": [lines[0], "11", *lines[2:]],
        "holds the log": ["other.example", *lines[1:]],
        "is not a checkpoint": ["x"],
    }
    for reason, changed in cases.items():
        other.write_text("\n".join(changed))
        with pytest.raises(Refused, match=reason):
            publish(log, tmp_path / "pub", 10)
    other.write_text(note)
    superuser.execute("update ledger.entry set leaf = leaf || 'x' where index = 3")
    with pytest.raises(Refused, match="entry 3 does not hash"):
        publish(log, tmp_path / "new", 10)

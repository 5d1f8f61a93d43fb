"""`prove`: an inclusion proof of an entry, or a consistency proof between two sizes."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import typer

from tokentrail.config import Settings, load_settings

if TYPE_CHECKING:
    from tokentrail.ledger.prove import Proved


def prove(
    event_id: UUID = typer.Argument(None, help="Event whose entry is to be proved."),
    index: int = typer.Option(None, min=0, help="Index of the entry, in the place of EVENT_ID."),
    consistency: tuple[int, int] = typer.Option(
        None, metavar="OLD_SIZE NEW_SIZE", help="Print the consistency proof between two tree sizes."
    ),
    leaf_out: Path = typer.Option(None, help="Write the exact leaf, the bytes that were hashed, to this file."),
    wait: float = typer.Option(5.0, min=0, help="Seconds to wait for a checkpoint that covers the entry."),
    json_: bool = typer.Option(False, "--json", help="Print the proof as JSON."),
) -> None:
    """Prove that an entry is in the log (c2sp.org/tlog-proof), or that one tree is the start of another.

    The proof holds the newest signed checkpoint and can be checked offline with any tool that knows the format.

    Example: tokentrail prove 019af6c2-5b1e-7c3d-8f00-2b9d5f1f0a11 --leaf-out entry.leaf > entry.tlog-proof
    """
    if (event_id is not None) + (index is not None) + (consistency is not None) != 1:
        raise typer.BadParameter("give one of EVENT_ID, --index and --consistency")
    settings = load_settings()
    if consistency is not None:
        _consistency(settings, *consistency)
        return
    found = _prove(settings, event_id, index, wait)
    _check(found)
    if leaf_out is not None:
        leaf_out.write_bytes(found.leaf)
    sys.stdout.write(json.dumps(found.as_dict()) + "\n" if json_ else found.text())


def _prove(settings: Settings, event_id: UUID | None, index: int | None, wait: float) -> Proved:
    from tokentrail.db import connect
    from tokentrail.errors import NotFound
    from tokentrail.ledger.leaves import index_of
    from tokentrail.ledger.own_entry import find_log
    from tokentrail.ledger.prove import prove

    deadline = time.monotonic() + wait
    with connect(settings, "reader", autocommit=True) as conn:
        log_id = find_log(conn, settings.ledger_origin)
        at = index_of(conn, settings, log_id, event_id) if event_id is not None else int(index or 0)
        while True:
            found = prove(conn, settings, log_id, at)
            if found is not None:
                return found
            if time.monotonic() >= deadline:
                raise NotFound(f"entry {at} is under no signed checkpoint yet: is `tokentrail checkpointer` running?")
            time.sleep(0.1)


def _check(found: Proved) -> None:
    """What we hand out, we check as its receiver will, with the verifier's own code."""
    import hashlib

    from tokentrail.errors import Refused
    from tokentrail.verifier.merkle import check_inclusion
    from tokentrail.verifier.notes import parse_checkpoint

    head = parse_checkpoint(found.checkpoint.note)
    leaf_hash = hashlib.sha256(b"\x00" + found.leaf).digest()
    if not check_inclusion(leaf_hash, found.index, head.size, found.hashes, head.root):
        raise Refused(
            f"entry {found.index} cannot be proved under the checkpoint of size {head.size}: run `tokentrail verify`"
        )


def _consistency(settings: Settings, old: int, new: int) -> None:
    from tokentrail.db import connect
    from tokentrail.errors import Refused
    from tokentrail.ledger.own_entry import find_log
    from tokentrail.ledger.stored_tree import StoredTree
    from tokentrail.ledger.tlog_proof import base64_lines

    with connect(settings, "reader", autocommit=True) as conn:
        log_id = find_log(conn, settings.ledger_origin)
        size = conn.execute("select size from ledger.log where log_id = %s", (log_id,)).fetchall()[0][0]
        if not 0 <= old <= new <= size:
            raise Refused(f"sizes must satisfy 0 <= OLD_SIZE <= NEW_SIZE <= {size}")
        hashes = StoredTree(conn, log_id).consistency(old, new)
    sys.stdout.write(json.dumps(base64_lines(hashes)) + "\n")

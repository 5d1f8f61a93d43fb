"""`tiles`: the log as files that any tlog tool reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tokentrail.config import load_settings

if TYPE_CHECKING:
    from psycopg import Connection


def tiles(
    directory: Path = typer.Argument(help="Where to write; a second run adds what is new."),
    json_: bool = typer.Option(False, "--json", help="Print what was written as JSON."),
) -> None:
    """Write the log as C2SP tlog-tiles: checkpoint, tile/ and tile/entries/, up to the newest signed checkpoint.

    Example: tokentrail tiles ./public && python3 -m http.server --directory public
    """
    from tokentrail.db import connect
    from tokentrail.errors import NotFound
    from tokentrail.ledger.checkpoints import newest
    from tokentrail.ledger.own_entry import find_log
    from tokentrail.ledger.tiles_out import Resources, write_tiles

    settings = load_settings()
    with connect(settings, "reader", autocommit=True) as conn:
        log_id = find_log(conn, settings.ledger_origin)
        checkpoint = newest(conn, log_id)
        if checkpoint is None:
            raise NotFound("no checkpoint is signed yet: start `tokentrail checkpointer`")
        after = _earlier(conn, log_id, directory, checkpoint.note)
        written = write_tiles(
            Resources(conn, settings, log_id), checkpoint.tree_size, checkpoint.note, directory, after
        )
    if json_:
        typer.echo(json.dumps({"tree_size": checkpoint.tree_size, "earlier_size": after, "files": written}))
    else:
        typer.echo(f"{checkpoint.tree_size:,} entries in {directory}: {written:,} files written, checkpoint last")


def _earlier(conn: Connection[Any], log_id: int, directory: Path, note: str) -> int:
    """The tree size that the directory holds already, after making sure that the new tree extends it."""
    from tokentrail.errors import Refused
    from tokentrail.ledger.stored_tree import StoredTree
    from tokentrail.verifier.merkle import check_consistency
    from tokentrail.verifier.notes import NoteError, parse_checkpoint

    new = parse_checkpoint(note)
    tree = StoredTree(conn, log_id)
    if tree.root(new.size) != new.root:
        raise Refused(f"the stored tree does not give the root signed for size {new.size}: run `tokentrail verify`")
    if not (directory / "checkpoint").exists():
        return 0
    try:
        old = parse_checkpoint((directory / "checkpoint").read_bytes())
    except NoteError as error:
        raise Refused(f"{directory / 'checkpoint'} is not a checkpoint ({error}): choose another directory") from None
    if old.origin != new.origin:
        raise Refused(f"{directory} holds the log {old.origin}: choose another directory")
    if old.size > new.size:
        raise Refused(f"{directory} holds {old.size} entries, the log's newest checkpoint {new.size}: it was cut")
    proof = tree.consistency(old.size, new.size)
    if not check_consistency(old.size, new.size, proof, old.root, new.root):
        raise Refused(f"{directory} holds another history of {new.origin}: the log was rewritten; keep both")
    return old.size

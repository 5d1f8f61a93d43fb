"""`origin restore`: go on after a backup was restored."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from tokentrail.config import Settings, load_settings

origin_app = typer.Typer(help="The log's identity: go on under a new one after a restore.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(origin_app, name="origin")


@origin_app.callback()
def _group() -> None:
    """The log's identity.

    Example: tokentrail origin restore --old-checkpoint kept.txt --new-origin log.example/ledger-2
    """


@origin_app.command()
def restore(
    old_checkpoint: Path = typer.Option(
        ..., exists=True, dir_okay=False, help="The last checkpoint signed, kept elsewhere."
    ),
    new_origin: str = typer.Option(..., help="Name of the new origin."),
    vkey: str = typer.Option(None, help="Verifier key of the old log; by default that of TOKENTRAIL_CHECKPOINT_KEY."),
    force: bool = typer.Option(False, "--force", help="Also if nothing that was signed is missing."),
    json_: bool = typer.Option(False, "--json", help="Print what was started as JSON."),
) -> None:
    """Start a new origin after a backup was restored; its entry 0 carries the old log's final checkpoint.

    Stop `ledger-writer` and `checkpointer` before, start them with TOKENTRAIL_LEDGER_ORIGIN=NAME after.

    Example: tokentrail origin restore --old-checkpoint kept.txt --new-origin log.example/ledger-2
    """
    from tokentrail.db import connect
    from tokentrail.errors import Refused
    from tokentrail.ledger.notes import checkpoint_text, load_note_key
    from tokentrail.ledger.restore import holds, restore_origin
    from tokentrail.verifier.notes import NoteError, VKey, open_checkpoint, parse_checkpoint

    settings = load_settings()
    note = old_checkpoint.read_bytes()
    try:
        claimed = parse_checkpoint(note)
        head = open_checkpoint(note, VKey.parse(vkey or _own_vkey(settings, claimed.origin)), origin=claimed.origin)
    except NoteError as error:
        raise Refused(f"{old_checkpoint}: {error}") from None
    if new_origin == head.origin:
        raise Refused("the new origin must have another name than the old one")
    load_note_key("A" * 43 + "=", new_origin, "--new-origin")  # a name that no note can hold is refused here
    with connect(settings, "writer") as conn:
        if not force and holds(conn, head.origin, head.size, head.root):
            raise Refused(f"all {head.size} entries that were signed are here: go on under {head.origin} (or --force)")
        old = (head.origin, head.size, head.root)
        log_id = restore_origin(conn, settings, new_origin, old=old, note=note.decode())
        conn.commit()
    if json_:
        said = {"log_id": log_id, "origin": new_origin, "old": checkpoint_text(*old)}
        typer.echo(json.dumps(said))
    else:
        typer.echo(f"{new_origin} begins after {head.origin} at {head.size}: set TOKENTRAIL_LEDGER_ORIGIN={new_origin}")


def _own_vkey(settings: Settings, origin: str) -> str:
    from tokentrail.ledger.notes import load_note_key

    return load_note_key(settings.require("checkpoint_key"), origin, "TOKENTRAIL_CHECKPOINT_KEY").vkey

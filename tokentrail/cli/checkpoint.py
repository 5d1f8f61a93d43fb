"""`checkpoint`, `checkpointer`, and what is built on signed heads: `prove`, `tiles`, `witness`, `origin`."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from importlib.util import find_spec

import typer

from tokentrail.config import load_settings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from tokentrail.cli.prove import prove
    from tokentrail.cli.tiles import tiles

    app.command()(checkpoint)
    app.command()(checkpointer)
    app.command()(prove)
    app.command()(tiles)
    for name in ("witness", "origin"):
        if find_spec(f"tokentrail.cli.{name}") is not None:
            import_module(f"tokentrail.cli.{name}").register(app)


def checkpoint(
    vkey: bool = typer.Option(False, "--vkey", help="Print the verifier key in place of the checkpoint."),
    json_: bool = typer.Option(False, "--json", help="Print size, note, key and time as JSON."),
) -> None:
    """Print the newest signed checkpoint, a C2SP signed note, as it is stored.

    Example: tokentrail checkpoint > kept-elsewhere.txt
    """
    from tokentrail.db import connect
    from tokentrail.errors import NotFound
    from tokentrail.ledger.checkpoints import newest
    from tokentrail.ledger.notes import load_note_key
    from tokentrail.ledger.own_entry import find_log

    settings = load_settings()
    if vkey and settings.checkpoint_key is not None:
        secret = settings.require("checkpoint_key")
        typer.echo(load_note_key(secret, settings.ledger_origin, "TOKENTRAIL_CHECKPOINT_KEY").vkey)
        return
    with connect(settings, "reader", autocommit=True) as conn:
        log_id = find_log(conn, settings.ledger_origin)
        found = newest(conn, log_id)
    if found is None:
        raise NotFound("no checkpoint is signed yet: start `tokentrail checkpointer`")
    if vkey:
        typer.echo(found.vkey)
    elif json_:
        said = {
            "origin": settings.ledger_origin,
            "tree_size": found.tree_size,
            "note": found.note,
            "vkey": found.vkey,
            "cosignatures": found.cosignatures,
            "signed_at": found.signed_at.isoformat(),
        }
        typer.echo(json.dumps(said))
    else:
        sys.stdout.write(found.note)


def checkpointer(
    metrics_port: int = typer.Option(None, min=0, max=65535, help="Serve Prometheus metrics on this loopback port."),
) -> None:
    """Sign the log's heads, apart from who writes it, until SIGTERM.

    Needs TOKENTRAIL_CHECKPOINT_KEY. It signs only a tree that extends the one it signed last, and remembers
    that outside the database (TOKENTRAIL_CHECKPOINT_STATE). TOKENTRAIL_WITNESSES names witnesses as
    name+id+key+URL, TOKENTRAIL_CHECKPOINT_COPY a directory or URL for copies.

    Example: tokentrail checkpointer --metrics-port 9464
    """
    from prometheus_client import start_http_server

    from consumers.checkpointer import run
    from tokentrail.cli.process import await_servers, prepare

    stop = prepare()
    if metrics_port is not None:
        start_http_server(metrics_port, addr="127.0.0.1")
    settings = load_settings()
    await_servers(settings, stop, "checkpointer", kafka=False)
    if not stop.is_set():
        run(settings, stop)

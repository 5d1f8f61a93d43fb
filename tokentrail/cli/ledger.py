"""`ledger-writer`, `search` and `verify`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import typer

from tokentrail.config import load_settings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("ledger-writer")(ledger_writer)
    app.command()(search)
    app.command()(verify)


def ledger_writer() -> None:
    """Write Kafka's events to the ledger, each exactly once, until SIGTERM.

    Example: tokentrail up && tokentrail migrate && tokentrail ledger-writer
    """
    from consumers.ledger_writer import run
    from tokentrail.cli.process import await_servers, prepare

    settings, stop = load_settings(), prepare()
    await_servers(settings, stop, "writer")
    if not stop.is_set():
        run(settings, stop)


def search(
    sub: str = typer.Option(None, help="Subject."),
    jti: str = typer.Option(None, help="Token identifier."),
    sid: str = typer.Option(None, help="Session."),
    client: str = typer.Option(None, help="Client."),
    ip: str = typer.Option(None, help="Client address (needs TOKENTRAIL_DATA_KEY)."),
    type_: str = typer.Option(None, "--type", help="Event type, such as TokenRevoked."),
    from_: str = typer.Option(None, "--from", help="From this time on (ISO 8601), by the broker's clock."),
    to: str = typer.Option(None, help="Up to and without this time (ISO 8601)."),
    limit: int = typer.Option(100, min=1, max=1_000_000, help="At most so many entries, newest first."),
    format_: str = typer.Option("table", "--format", help="table, jsonl or csv."),
    json_: bool = typer.Option(False, "--json", help="The same as --format jsonl."),
    reader: str = typer.Option(None, envvar="TOKENTRAIL_READER", help="Who reads; goes on record."),
    purpose: str = typer.Option(None, help="What for; goes on record."),
) -> None:
    """Search the ledger, archived months included. What is sealed is shown where TOKENTRAIL_DATA_KEY opens it.

    Every search is on record in the ledger itself, with the reader and the purpose.

    Example: tokentrail search --sub u-7f3a --from 2026-01-01 --format csv
    """
    from tokentrail.cli.ledger_output import print_entries
    from tokentrail.db import connect
    from tokentrail.errors import Refused
    from tokentrail.ledger.search import Query, search_entries

    if format_ not in ("table", "jsonl", "csv"):
        raise Refused("--format is one of table, jsonl, csv")
    settings = load_settings()
    query = Query.of(sub=sub, jti=jti, sid=sid, client=client, ip=ip, type=type_, from_=from_, to=to, limit=limit)
    with connect(settings, "reader") as conn:
        entries = search_entries(conn, settings, query, reader=reader, purpose=purpose)
    print_entries(entries, "jsonl" if json_ else format_)


def verify(
    json_: bool = typer.Option(False, "--json", help="Print the report as JSON."),
    full: bool = typer.Option(False, "--full", help="Walk the whole log (the default)."),
    since: Path = typer.Option(None, exists=True, help="Only what came after this checkpoint file."),
    checkpoint: Path = typer.Option(None, exists=True, help="Also check against this checkpoint kept elsewhere."),
) -> None:
    """Recheck the ledger: leaves, chain, tree, columns, offsets, tiles, checkpoints, and bodies with the key.

    Exit code 0 if all holds, 1 if anything does not.

    Example: tokentrail verify --json --checkpoint kept-elsewhere.txt
    """
    from tokentrail.cli.verify_output import run_verify

    report = run_verify(load_settings(), since=None if full else since, checkpoint=checkpoint, quiet=json_)
    if json_:
        sys.stdout.write(json.dumps(report.as_dict()) + "\n")
    if not report.ok:
        raise typer.Exit(1)

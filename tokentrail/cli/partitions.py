"""`tokentrail partitions`: where the ledger stands in Kafka, and letting a halted partition go on."""

from __future__ import annotations

import getpass
import json

import typer

from tokentrail.config import load_settings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands = typer.Typer(help="Where the ledger stands in Kafka; let a halted partition go on.")
    commands.command("list")(list_)
    commands.command("accept-gap")(accept)
    app.add_typer(commands, name="partitions")


def list_(json_: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """List partitions with their next offsets. Exit code 1 if one is halted.

    Example: tokentrail partitions list
    """
    from tokentrail.db import connect
    from tokentrail.ledger.partitions import positions

    with connect(load_settings(), "reader") as conn:
        found = positions(conn)
    if json_:
        typer.echo(json.dumps([position.as_dict() for position in found]))
    for position in [] if json_ else found:
        state = f"HALTED: {position.halted}" if position.halted else "goes on"
        typer.echo(f"{position.topic}[{position.partition}]  next offset {position.next_offset}  {state}")
    if any(position.halted for position in found):
        raise typer.Exit(1)


def accept(
    topic: str = typer.Argument(help="Topic."),
    partition: int = typer.Argument(help="Partition."),
    to: int = typer.Option(..., "--to", help="First offset to go on with; all before it is given up."),
    reason: str = typer.Option(..., "--reason", help="Why, for the auditor; it becomes an entry."),
) -> None:
    """Give up records that Kafka no longer has, on record, so that a halted partition goes on.

    Restart the ledger writer afterwards. Example:
    tokentrail partitions accept-gap tokens.events 3 --to 18200 --reason "retention ran out in the outage of May 2"
    """
    from tokentrail.db import connect
    from tokentrail.ledger.partitions import accept_gap

    settings = load_settings()
    with connect(settings, "writer", autocommit=True) as conn:
        index = accept_gap(conn, settings, topic, partition, to, reason, settings.reader or getpass.getuser())
    typer.echo(f"{topic}[{partition}] goes on at offset {to}; entry {index} says so; restart the ledger writer")

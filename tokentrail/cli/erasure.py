"""`forget`, `hold` and `keys rewrap`: erasure, what stands against it, and rotation of the wrapping key."""

from __future__ import annotations

import json

import typer

from tokentrail.config import load_settings

hold = typer.Typer(help="Legal holds: while one stands, its subject is neither forgotten nor pruned.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(forget)
    app.add_typer(hold, name="hold")
    hold.command("add")(hold_add)
    hold.command("remove")(hold_remove)
    hold.command("list")(hold_list)


def forget(
    subject: str = typer.Argument(help="Whose data is to become unreadable."),
    reason: str = typer.Option(..., help="Why; becomes part of the ledger."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
    json_: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Destroy the data keys of a subject: what was sealed under them can never be read again.

    Leaves, chain and proofs stay valid, and an entry says that and why it was done. A legal hold refuses it.

    Example: tokentrail forget u-7f3a --reason "erasure request 2026-118"
    """
    from tokentrail.ledger.forget import forget as forget_subject

    settings = load_settings()
    settings.require("data_key")
    if not yes:
        typer.confirm(f"Destroy the data keys of {subject}? This cannot be undone", abort=True, err=True)
    done = forget_subject(settings, subject, reason)
    if json_:
        typer.echo(
            json.dumps(
                {
                    "subject": subject,
                    "keys": done.keys,
                    "index": done.index,
                    "hashes_cleared": done.hashes_cleared,
                }
            )
        )
    else:
        typer.echo(
            f"{done.keys} data keys destroyed, {done.hashes_cleared} entries' keyed hashes cleared; "
            f"entry {done.index} says so"
        )


def hold_add(
    subject: str = typer.Argument(help="Whose data must be kept."),
    reason: str = typer.Option(..., help="Why; becomes part of the ledger."),
) -> None:
    """Place a legal hold.

    Example: tokentrail hold add u-7f3a --reason "case 26-CV-0117"
    """
    from tokentrail.ledger.hold import place_hold

    typer.echo(f"held; entry {place_hold(load_settings(), subject, reason)} says so")


def hold_remove(
    subject: str = typer.Argument(help="Whose hold ends."),
    reason: str = typer.Option(..., help="Why; becomes part of the ledger."),
) -> None:
    """Release a legal hold.

    Example: tokentrail hold remove u-7f3a --reason "case 26-CV-0117 closed"
    """
    from tokentrail.ledger.hold import release_hold

    typer.echo(f"released; entry {release_hold(load_settings(), subject, reason)} says so")


def hold_list(
    all_: bool = typer.Option(False, "--all", help="Also those released."),
    json_: bool = typer.Option(False, "--json", help="Print as JSON lines."),
) -> None:
    """List legal holds.

    Example: tokentrail hold list --all --json
    """
    from dataclasses import asdict

    from tokentrail.ledger.hold import holds

    for one in holds(load_settings(), all_=all_):
        if json_:
            typer.echo(json.dumps(asdict(one), default=str))
        else:
            released = f", released {one.released_at:%Y-%m-%d} by {one.released_by}" if one.released_at else ""
            typer.echo(f"{one.subject}  since {one.placed_at:%Y-%m-%d} by {one.placed_by}{released}: {one.reason}")


def rewrap(json_: bool = typer.Option(False, "--json", help="Print the result as JSON.")) -> None:
    """Wrap all data keys under a new wrapping key. Writers go on; a run that died may be repeated.

    TOKENTRAIL_DATA_KEY holds the new key, a space, and the old one, here and for the writers. When this is
    done on all machines the old key may go.

    Example: TOKENTRAIL_DATA_KEY="$NEW $OLD" tokentrail keys rewrap
    """
    import sys

    from rich.console import Console
    from rich.progress import Progress

    from tokentrail.ledger import rewrap as rewrapping

    settings = load_settings()
    with Progress(console=Console(stderr=True), disable=json_ or not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task("rewrapping", total=rewrapping.remaining(settings))
        done = rewrapping.rewrap(settings, lambda count: bar.advance(task, count))
    if json_:
        typer.echo(json.dumps({"keys": done.keys, "unopened": done.unopened}))
    else:
        lost = f"; {done.unopened} are under a key that is not here" if done.unopened else ""
        typer.echo(f"{done.keys} keys rewrapped{lost}")

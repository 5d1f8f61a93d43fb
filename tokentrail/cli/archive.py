"""`archive` and `prune`: whole months to Parquet, and past the retention away."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from tokentrail.config import load_settings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(archive)
    app.command()(prune)


def archive(
    before: str = typer.Option(..., help="Months that ended before this day (ISO 8601)."),
    dir_: Path = typer.Option(None, "--dir", help="Where to; TOKENTRAIL_ARCHIVE_DIR, else in the state directory."),
    json_: bool = typer.Option(False, "--json", help="Print what was moved as JSON lines."),
) -> None:
    """Move whole months from the database to Parquet. They stay searchable and provable, whatever their age.

    What was written is read back before the month leaves the table. A run that died may be repeated.

    Example: tokentrail archive --before 2026-01-01 --dir /srv/tokentrail/archive
    """
    from tokentrail.ledger.archive.run import archive_before
    from tokentrail.ledger.query import parse_time

    settings = load_settings(**({"archive_dir": dir_.absolute()} if dir_ else {}))
    moved = archive_before(settings, parse_time("before", before), lambda step: typer.echo(f"  {step}", err=True))
    for one in moved:
        if json_:
            typer.echo(
                json.dumps(
                    {
                        "month": f"{one.month:%Y-%m}",
                        "origin": one.origin,
                        "first_index": one.first_index,
                        "last_index": one.last_index,
                        "place": str(one.place),
                    }
                )
            )
        else:
            typer.echo(f"{one.month:%Y-%m}  entries {one.first_index} to {one.last_index}  {one.place}")
    if not moved and not json_:
        typer.echo("no month to move")


def prune(
    before: str = typer.Option(None, help="Only months that ended before this day (ISO 8601)."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
    json_: bool = typer.Option(False, "--json", help="Print what went as JSON lines."),
) -> None:
    """Delete archived months that are past the retention (TOKENTRAIL_RETENTION_DAYS, six years by default).

    Leaf hashes stay, so that the rest of the log still verifies; an entry says what went. A legal hold refuses it.

    Example: tokentrail prune --yes
    """
    from tokentrail.ledger.archive.prune import prune as prune_months
    from tokentrail.ledger.query import parse_time

    settings = load_settings()
    if not yes:
        typer.confirm(f"Delete what is older than {settings.retention_days} days for good?", abort=True, err=True)
    gone = prune_months(settings, parse_time("before", before) if before else None)
    for one in gone:
        said = {"month": f"{one.month:%Y-%m}", "first_index": one.first_index, "last_index": one.last_index}
        typer.echo(json.dumps(said) if json_ else f"{said['month']}  entries {one.first_index} to {one.last_index}")
    if not gone and not json_:
        typer.echo("nothing is past the retention")

"""Run the verifier with progress, and say what it found in words."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.errors import ConfigError
from tokentrail.verifier import Options, Report, Trust, verify
from tokentrail.verifier.notes import NoteError, VKey


def run_verify(
    settings: Settings,
    *,
    since: Path | None = None,
    checkpoint: Path | None = None,
    quiet: bool = False,
) -> Report:
    """Verify the log of the settings' origin; prints progress on stderr and the verdict unless quiet."""
    console = Console(stderr=True)
    with (
        connect(settings, "reader") as conn,
        Progress(
            TextColumn("verifying"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=quiet or not sys.stderr.isatty(),
            transient=True,
        ) as progress,
    ):
        row = conn.execute("select size from ledger.log where origin = %s", (settings.ledger_origin,)).fetchone()
        conn.rollback()
        task = progress.add_task("verify", total=row[0] if row else None)
        report = verify(
            conn,
            settings.ledger_origin,
            _options(settings, since, checkpoint),
            progress=lambda count: progress.advance(task, count),
        )
    if not quiet:
        say(report)
    return report


def _options(settings: Settings, since: Path | None, checkpoint: Path | None) -> Options:
    """What the settings and the command line say to hold the log against."""
    try:
        pinned = VKey.parse(settings.checkpoint_vkey) if settings.checkpoint_vkey else None
        witnesses = [VKey.parse(text) for text in settings.witness_vkeys.split()]
    except NoteError as error:
        raise ConfigError(f"TOKENTRAIL_CHECKPOINT_VKEY or TOKENTRAIL_WITNESS_VKEYS: {error}") from None
    return Options(
        data_keys=_raw_keys(settings),
        archive=settings.archive_dir or settings.state_dir / "archive",
        trust=Trust(pinned, witnesses, settings.witness_quorum),
        kept=[checkpoint.read_bytes()] if checkpoint else [],
        since=since.read_bytes() if since else None,
    )


def _raw_keys(settings: Settings) -> list[bytes]:
    if settings.data_key is None:
        return []
    text = settings.data_key.get_secret_value().replace(",", " ")
    return [base64.b64decode(part) for part in text.split()]


def say(report: Report) -> None:
    """The verdict for a person, on stdout."""
    console = Console()
    rate = report.entries / report.seconds if report.seconds else 0
    console.print(f"{report.entries:,} entries in {report.seconds:.1f} s ({rate:,.0f}/s), root {report.root_hash}")
    console.print(
        f"bodies: {report.bodies_opened:,} opened, {report.bodies_forgotten:,} forgotten, "
        f"{report.bodies_locked:,} under a key that is not here"
    )
    for stream in report.completeness:
        if stream["statements"]:
            verdict = "complete" if stream["complete"] else "[bold red]NOT complete[/]"
            stated = f"up to number {stream['stated_to'] - 1} by {stream['statements']} statements"
            console.print(f"{stream['issuer']}: {verdict} {stated}")
    if report.ok:
        console.print("[bold green]verified: nothing was changed, removed or added[/]")
        return
    console.print(f"[bold red]{report.problem_count} problems[/]")
    for problem in report.problems[:20]:
        at = "" if problem.index is None else f" at index {problem.index}"
        console.print(f"  [red]{problem.kind}[/]{at}: {problem.detail}", highlight=False)

"""`backtest`: the scorer's own code over a file."""

from __future__ import annotations

import json
from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(backtest)


def backtest(
    source: Path = typer.Argument(..., metavar="IN.jsonl", help="Events, one JSON object a line, in time order."),
    out: Path = typer.Option(..., "--out", help="Verdicts, one line for each line in, same order."),
    policy: Path = typer.Option(None, "--policy", help="Policy file (JSON): trust list, lifetime, thresholds."),
    alerts_per_day: float = typer.Option(None, help="Also say which alert_at gives at most so many alerts a day."),
    json_: bool = typer.Option(False, "--json", help="Print the counts as JSON."),
) -> None:
    """Score a file of events as the live scorer would; nothing is sent and no label is used.

    Example: tokentrail backtest events.jsonl --out verdicts.jsonl --policy policy.json
    """
    from dataclasses import asdict

    from tokentrail.detect.artefacts import bundled
    from tokentrail.detect.backtest import backtest as run
    from tokentrail.detect.policy import load

    counts = run(source, out, load(policy), bundled(), alerts_per_day=alerts_per_day)
    if json_:
        typer.echo(json.dumps(asdict(counts)))
        return
    typer.echo(
        f"{counts.lines:,} events in {counts.seconds:.1f} s: {counts.alerts:,} alerts, "
        f"{counts.revocations:,} automatic revocations, {counts.unreadable:,} lines not readable"
    )
    if counts.alert_at is not None:
        typer.echo(f'for at most {alerts_per_day:g} a day put {{"alert_at": {counts.alert_at}}} into the policy file')

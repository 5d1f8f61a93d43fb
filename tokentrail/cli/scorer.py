"""`scorer`."""

from __future__ import annotations

from pathlib import Path

import typer

from tokentrail.config import load_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(scorer)


def scorer(
    policy: Path = typer.Option(None, help="Policy file (JSON): trust list, thresholds, limits."),
    shadow: bool = typer.Option(False, "--shadow", help="Alert only; send no revocation commands."),
) -> None:
    """Score Kafka's events, raise alerts and send signed revocation commands, until SIGTERM.

    Needs TOKENTRAIL_DATA_KEY (its state is sealed) and TOKENTRAIL_COMMAND_KEY (without it, alerts only).

    Example: tokentrail scorer --policy policy.json
    """
    from dataclasses import replace

    from consumers.anomaly_scorer import run
    from tokentrail.cli.process import await_servers, prepare
    from tokentrail.detect.policy import load

    stop = prepare()
    chosen = load(policy)
    settings = load_settings()
    await_servers(settings, stop, "scorer")
    if not stop.is_set():
        run(settings, stop, replace(chosen, shadow=True) if shadow else chosen)

"""`tokentrail demo`: the whole loop on real parts, with simulated people and attackers, measured."""

from __future__ import annotations

import json

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    seconds: float = typer.Option(60.0, min=5.0, help="How long people and attackers are at work."),
    users: int = typer.Option(300, min=60, max=5000, help="How many people there are."),
    seed: int = typer.Option(1, help="The same seed plays the same people, actions and attacks."),
    keep: bool = typer.Option(False, "--keep", help="Leave Kafka, Postgres and the registry running."),
    json_: bool = typer.Option(False, "--json", help="Print the figures as JSON, on the last line."),
) -> None:
    """Show the whole loop: people, attackers, alerts, revocations, the ledger and its proof; then the figures.

    Starts the embedded services unless they run or servers are named in the environment. A day takes a
    minute. Ends by itself, with exit code 1 if any part of the loop did not hold.

    Example: tokentrail demo --seconds 60 --seed 7
    """
    from rich.console import Console

    from tokentrail.cli.demo.run import Options, run
    from tokentrail.cli.demo.summary import print_summary

    console = Console(stderr=True)
    figures = run(Options(seconds, users, seed, keep), console)
    print_summary(figures, Console(stderr=json_))
    if json_:
        typer.echo(json.dumps(figures.contract()))
    if not figures.held:
        raise typer.Exit(1)

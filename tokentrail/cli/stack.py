"""`tokentrail stack`: every process of Tokentrail as a child of one, for one machine."""

from __future__ import annotations

import typer

# An issuer is known by its URL, and its sequence of events goes on from run to run: the port should stay too.
ISSUER_PORT = 8700
WEB_PORT = 8780


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(stack)


def stack(
    issuer_port: int = typer.Option(ISSUER_PORT, min=0, max=65535, help="Port of the issuer; another if it is taken."),
    web_port: int = typer.Option(WEB_PORT, min=0, max=65535, help="Port of the web pages; another if it is taken."),
) -> None:
    """Run the issuer, ledger writer, scorer, checkpointer and web pages together until SIGTERM.

    A process that dies is started again. Logs: <state directory>/logs/NAME.log. Keys come from the environment;
    beside embedded servers those that are not set are made for this run and forgotten with it.

    Example: tokentrail up && tokentrail migrate && tokentrail stack
    """
    from tokentrail.cli.process import prepare
    from tokentrail.cli.processes import Stack
    from tokentrail.config import load_settings

    stop = prepare()
    running = Stack(load_settings(), say=lambda line: typer.echo(line, err=True))
    running.start(issuer_port=issuer_port, web_port=web_port)
    try:
        for name, url in running.urls.items():
            typer.echo(f"{name:>16}  {url}", err=True)
        stop.wait()
    finally:
        running.stop()

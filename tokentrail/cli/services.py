"""`tokentrail up`, `down` and `status`: the embedded services of this machine."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import typer

from tokentrail.config import load_settings

LABELS = {
    "kafka_bootstrap": "Kafka",
    "database_url": "Postgres",
    "schema_registry_url": "registry",
    "issuer_url": "issuer",
    "web_url": "web",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(up)
    app.command()(down)
    app.command()(status)


def up(json_: bool = typer.Option(False, "--json", help="Print the addresses as JSON.")) -> None:
    """Start Kafka, Postgres and the schema registry on this machine, or reuse them where they run.

    They listen on loopback only, keep their data under the state directory and go on until `down`.
    The first start downloads about 200 MB, once; later ones work offline and take seconds.

    Example: tokentrail up
    """
    from rich.console import Console

    from tokentrail import devservices

    settings = load_settings()
    services = devservices.start(settings, devservices.ConsoleProgress(Console(stderr=True)))
    _print(devservices.status(settings), json_)
    if not json_:
        typer.echo("all were running already" if services.reused else "stop them with `tokentrail down`")


def down() -> None:
    """Stop the embedded services. Their data stays and is there again at the next `up`.

    Example: tokentrail down
    """
    from rich.console import Console

    from tokentrail import devservices

    settings = load_settings()
    if not devservices.stop(settings, devservices.ConsoleProgress(Console(stderr=True))):
        typer.echo(f"nothing was running (state directory {settings.state_dir})")


def status(json_: bool = typer.Option(False, "--json", help="Print the addresses as JSON.")) -> None:
    """Show what runs and where; exit code 1 when one of the three servers does not answer.

    In JSON the database's address carries its password; in the table it is hidden.

    Example: tokentrail status --json
    """
    from tokentrail import devservices

    found = devservices.status(load_settings())
    _print(found, json_)
    if not found["healthy"]:
        raise typer.Exit(1)


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found))
        return
    for name, label in LABELS.items():
        typer.echo(f"{label:>10}  {_without_password(found[name]) if found[name] else 'not running'}")
    typer.echo(f"{'state':>10}  {found['state_dir']}")
    typer.echo(f"{'healthy':>10}  {'yes' if found['healthy'] else 'no'}")


def _without_password(address: str) -> str:
    password = urlsplit(address).password if "://" in address else None
    return address.replace(f":{password}@", ":***@") if password else address

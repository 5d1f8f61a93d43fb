"""`tokentrail keys`: make keys for an environment, list what an environment holds."""

from __future__ import annotations

import json

import typer

from tokentrail.cli.erasure import rewrap
from tokentrail.config import load_settings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Keys for the environment: make them, list what is set.")
    group.command()(new)
    group.command()(rotate)
    group.command("list")(list_)
    group.command()(rewrap)
    app.add_typer(group, name="keys")


def new(json_: bool = typer.Option(False, "--json", help="Print the variables as JSON.")) -> None:
    """Print a fresh set of keys as export lines, to stdout only. Nothing is written anywhere.

    Example: eval "$(tokentrail keys new)"
    """
    from tokentrail.tokens import make_keys

    made = make_keys.environment()
    if json_:
        typer.echo(json.dumps(made))
        return
    for name, value in made.items():
        typer.echo(f"export {name}='{value}'")


def rotate(
    keep: int = typer.Option(1, help="How many of the old keys stay, to verify what they signed."),
    json_: bool = typer.Option(False, "--json", help="Print the variable as JSON."),
) -> None:
    """Print TOKENTRAIL_SIGNING_KEY with a new key first and the old ones behind it. Nothing is written anywhere.

    Restart the issuer with it: new tokens are signed by the new key, both are published, and what the old key
    signed verifies until it expires (at most 15 minutes). Then rotate again with --keep 0, or leave it to the
    next rotation.

    Example: eval "$(tokentrail keys rotate)"
    """
    from tokentrail.tokens import make_keys

    rotated = make_keys.rotated(load_settings().require("signing_key"), keep)
    if json_:
        typer.echo(json.dumps({"TOKENTRAIL_SIGNING_KEY": rotated}))
    else:
        typer.echo(f"export TOKENTRAIL_SIGNING_KEY='{rotated}'")


def list_(json_: bool = typer.Option(False, "--json", help="Print the list as JSON.")) -> None:
    """Show which keys the environment holds, by kid. The keys themselves are never shown.

    Example: tokentrail keys list
    """
    from tokentrail.tokens.key_list import held

    rows = held(load_settings())
    if json_:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        typer.echo(f"{row['variable']:<30} {row['use']:<22} {row['kid'] or ''}")

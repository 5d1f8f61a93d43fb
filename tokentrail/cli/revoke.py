"""`tokentrail revoke`: publish a signed revocation command, and wait for its acknowledgement."""

from __future__ import annotations

import json
import time

import typer

from tokentrail.config import load_settings
from tokentrail.errors import ConfigError, Refused


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(revoke)


def revoke(
    jti: str | None = typer.Option(None, help="One access token."),
    sid: str | None = typer.Option(None, help="One session."),
    sub: str | None = typer.Option(None, help="Everything a person holds now."),
    client: str | None = typer.Option(None, help="Everything a client holds now."),
    family: str | None = typer.Option(None, help="One refresh family."),
    reason: str = typer.Option(..., help="Why; it is kept in the ledger for years."),
    issuer: str | None = typer.Option(None, help="The issuer that must obey; default the one that is known."),
    wait: bool = typer.Option(False, help="Wait until the issuer acknowledged."),
    timeout: float = typer.Option(10.0, help="Seconds to wait."),
    json_: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Publish a revocation command, signed with TOKENTRAIL_COMMAND_KEY. Exit code 1 if it is not acknowledged.

    Example: tokentrail revoke --sub u_1f6Tq9cLx0WmZ2aB --reason "reported by the user" --wait
    """
    from producers.commander import Commander
    from tokentrail.tokens.commands import Order

    given = {"jti": jti, "session": sid, "subject": sub, "client": client, "family": family}
    named = [(target, value) for target, value in given.items() if value]
    if len(named) != 1:
        raise ConfigError("name exactly one of --jti, --sid, --sub, --client, --family")
    settings = load_settings()
    commander = Commander(settings, issuer or settings.require("issuer"))
    started = time.perf_counter()
    command_id = commander.send(Order(*named[0], reason), listen=wait)
    acknowledged = commander.wait_for(command_id, timeout) if wait else None
    result: dict[str, object] = {"command_id": command_id, "acknowledged": acknowledged}
    if acknowledged:
        result["milliseconds"] = round((time.perf_counter() - started) * 1000, 1)
    typer.echo(json.dumps(result) if json_ else "\n".join(f"{key}: {value}" for key, value in result.items()))
    if acknowledged is False:
        raise Refused(f"the issuer did not acknowledge within {timeout:g} s; the command stays valid for 5 minutes")

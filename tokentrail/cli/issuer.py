"""`tokentrail issuer` and its administration: audiences, clients, users; `tokentrail resource-server`."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tokentrail.cli.process import await_servers, prepare
from tokentrail.config import Settings, load_settings

if TYPE_CHECKING:
    import socket

    import psycopg

    from producers.issuer.settings import IssuerSettings
    from tokentrail.http_server import Tls

JSON = typer.Option(False, "--json", help="Print the result as JSON.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(issuer)
    app.command("resource-server")(resource_server)
    for name, command, help_ in (
        ("audiences", add_audience, "Resource servers that tokens are encrypted to."),
        ("clients", add_client, "Programs that may ask for tokens."),
        ("users", add_user, "People who may log in."),
    ):
        group = typer.Typer(no_args_is_help=True, help=help_)
        group.callback()(lambda: None)
        group.command("add")(command)
        app.add_typer(group, name=name)


def issuer(
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(0, help="Port to listen on; 0 takes a free one."),
    url: str | None = typer.Option(None, help="The issuer's public URL; default TOKENTRAIL_ISSUER, else the address."),
) -> None:
    """Run the reference issuer: HTTP, outbox relay and revocation enforcer. SIGTERM ends it cleanly.

    Example: tokentrail issuer --port 8080
    """
    from tokentrail import devservices
    from tokentrail.http_server import listen, tls_from_environment, url_of

    stop = prepare()
    settings = load_settings()
    await_servers(settings, stop, "issuer")
    tls = tls_from_environment()
    listener = listen(host, port)
    address = url_of(listener, tls)
    identity = (url or os.environ.get("TOKENTRAIL_ISSUER") or address).rstrip("/")
    devservices.announce(settings, issuer_url=identity)
    typer.echo(f"issuer {identity} at {address}", err=True)
    run_issuer(settings, identity, listener, stop, tls=tls)


def run_issuer(
    settings: Settings,
    identity: str,
    listener: socket.socket,
    stop: threading.Event,
    *,
    own: IssuerSettings | None = None,
    tls: Tls | None = None,
) -> None:
    """The issuer with its enforcer, until stopped.

    `own` instead of the issuer's settings from the environment.
    """
    from consumers import revocation_enforcer
    from producers.issuer.service import IssuerService
    from tokentrail.tokens.key_list import obeyed_command_keys

    service = IssuerService(settings, identity, own)
    enforcer = revocation_enforcer.RevocationEnforcer(
        service.codec,
        identity,
        obeyed_command_keys(settings),
        on_committed=service.relay.wake,
        on_outcome=lambda outcome: service.core.metrics.commands.labels(outcome).inc(),
    )
    thread = threading.Thread(
        target=revocation_enforcer.run, args=(settings, stop, enforcer), name="revocation enforcer", daemon=True
    )
    thread.start()
    try:
        service.run(listener, stop, tls)
    finally:
        stop.set()
        thread.join(10)


def resource_server(
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(0, help="Port to listen on; 0 takes a free one."),
    audience: str = typer.Option("records", help="The audience this server is."),
    trust: list[str] = typer.Option([], help="Issuer URLs to trust; default the issuer that is known."),
) -> None:
    """Run a small resource server that checks every token and reports its use.

    Example: tokentrail resource-server --audience records
    """
    from producers.resource_server.server import ResourceServer, ResourceServerConfig
    from tokentrail.http_server import listen, tls_from_environment, url_of

    stop = prepare()
    settings = load_settings()
    listener = listen(host, port)
    config = ResourceServerConfig(
        audience,
        tuple(trust) or (settings.require("issuer"),),
        identity=f"resource-server/{audience}",
        trusted_proxies=os.environ.get("TOKENTRAIL_TRUSTED_PROXIES", ""),
    )
    tls = tls_from_environment()
    typer.echo(f"resource server {audience} at {url_of(listener, tls)}", err=True)
    ResourceServer(settings, config).run(listener, stop, tls)


def add_audience(
    name: str = typer.Argument(help="The audience's name, as in the aud claim."),
    public_key: Path = typer.Option(..., exists=True, dir_okay=False, help="Its public RSA key, PEM."),
    lifetime: int = typer.Option(300, help="Seconds a token for it lives, at most 900."),
    alg: str = typer.Option("RSA-OAEP", help="RSA-OAEP or RSA-OAEP-256."),
    json_: bool = JSON,
) -> None:
    """Add or change an audience: tokens for it are encrypted to this key.

    Example: tokentrail audiences add records --public-key records.pem
    """
    from producers.issuer import admin

    with _database() as conn:
        kid = admin.add_audience(conn, name, public_key.read_text(), lifetime=lifetime, encryption_alg=alg)
    _show({"audience": name, "kid": kid}, json_)


def add_client(
    name: str = typer.Argument(help="A label for people; the client id is random."),
    grant: list[str] = typer.Option(..., help="client_credentials, refresh_token, password; may be repeated."),
    audience: list[str] = typer.Option(..., help="An audience it may ask tokens for; may be repeated."),
    scope: list[str] = typer.Option([], help="A scope it may ask for; may be repeated or space-separated."),
    introspect: str = typer.Option("own", help="Whose tokens it may introspect: none, own, audience or any."),
    public: bool = typer.Option(False, help="No secret: a program on people's devices."),
    json_: bool = JSON,
) -> None:
    """Add a client; its secret is shown once.

    Example: tokentrail clients add billing --grant client_credentials --audience records --scope records.read
    """
    from producers.issuer import admin

    words = [word for given in scope for word in given.split()]
    wanted = admin.NewClient(name, grant, audience, words, public=public, may_introspect=introspect)
    with _database() as conn:
        made = admin.add_client(conn, wanted)
    _show({"client_id": made.client_id, "client_secret": made.client_secret}, json_)


def add_user(
    name: str = typer.Argument(help="The login name; stored only as a keyed hash."),
    password: str | None = typer.Option(None, envvar="TOKENTRAIL_NEW_PASSWORD", help="Default: a random one, shown."),
    totp: bool = typer.Option(False, help="With a second factor; its secret is shown once."),
    json_: bool = JSON,
) -> None:
    """Add a person; prints the opaque subject that tokens and events will carry.

    Example: tokentrail users add alice --json
    """
    import secrets

    from producers.issuer import admin
    from producers.issuer.passwords import Passwords
    from producers.issuer.settings import load_issuer_settings

    own = load_issuer_settings()
    chosen = password or secrets.token_urlsafe(12)
    with _database() as conn:
        made = admin.add_person(conn, admin.issuer_secret(own), name, Passwords(own).hash(chosen), totp=totp)
    shown = {"subject": made.subject, "totp_secret": made.totp_secret, "password": None if password else chosen}
    _show({key: value for key, value in shown.items() if value}, json_)


@contextmanager
def _database() -> Iterator[psycopg.Connection[Any]]:
    from tokentrail.db import connect

    with connect(load_settings(), "issuer") as conn:
        yield conn


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(result))
        return
    for key, value in result.items():
        typer.echo(f"{key}: {value}")

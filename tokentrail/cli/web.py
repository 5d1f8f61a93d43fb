"""`web`: the log over HTTP, for tools and for people."""

from __future__ import annotations

import typer

from tokentrail.config import load_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(web)


def web(
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(8480, min=0, max=65535, help="Port to listen on; 0 takes a free one."),
) -> None:
    """Serve checkpoint, tiles and entry bundles to any tlog client, and pages with JSON twins to people.

    Pages are for whoever shows TOKENTRAIL_WEB_TOKEN; without it, for browsers on this machine alone.
    SIGTERM ends it cleanly.

    Example: TOKENTRAIL_WEB_TOKEN=$(openssl rand -base64 32) tokentrail web --port 8480
    """
    from consumers import scorer_queue
    from tokentrail import devservices
    from tokentrail.cli.process import await_servers, prepare
    from tokentrail.http_server import listen, serve, url_of
    from tokentrail.web import Web, build, load_web_settings

    settings, own = load_settings(), load_web_settings()
    stop = prepare()
    await_servers(settings, stop, "reader")
    state = Web(settings, own, scorer_queue)
    listener = listen(host, port)
    devservices.announce(settings, web_url=url_of(listener))
    typer.echo(f"web at {url_of(listener)}", err=True)
    state.open()
    try:
        serve(build(state), listener, stop)
    finally:
        state.close()

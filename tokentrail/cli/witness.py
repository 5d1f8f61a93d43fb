"""`witness`: cosign other people's logs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tokentrail.config import load_settings

if TYPE_CHECKING:
    from tokentrail.verifier.notes import VKey

KEY_VARIABLE = "TOKENTRAIL_WITNESS_KEY"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(witness)


def witness(
    listen: str = typer.Option("127.0.0.1:8490", help="Address and port; port 0 takes a free one."),
    name: str = typer.Option("witness.local", help="The witness's name, a URL without scheme."),
    log_vkey: list[str] = typer.Option([], help="Verifier key of a log to cosign, or a file with it; repeatable."),
    state: Path = typer.Option(None, help="SQLite file of what was cosigned last."),
    vkey: bool = typer.Option(False, "--vkey", help="Print this witness's verifier key and end."),
) -> None:
    """Run a C2SP witness that cosigns pinned logs as long as they only grow, until SIGTERM.

    It should run under somebody else's control than the log. Needs TOKENTRAIL_WITNESS_KEY. What
    `--vkey` prints, with + and the URL after it, goes into the log's TOKENTRAIL_WITNESSES.

    Example: tokentrail witness --name witness.example --log-vkey log.vkey --listen 0.0.0.0:8490
    """
    from tokentrail.cli.process import prepare
    from tokentrail.errors import ConfigError
    from tokentrail.http_server import listen as open_socket
    from tokentrail.http_server import serve, url_of
    from tokentrail.ledger.notes import COSIGNATURE_V1, load_note_key
    from tokentrail.witness import State, Witness, build

    secret = os.environ.get(KEY_VARIABLE)
    if not secret:
        raise ConfigError(f"the witness has no key: set {KEY_VARIABLE} (base64 of 32 random bytes, or Ed25519 PEM)")
    key = load_note_key(secret, name, KEY_VARIABLE, COSIGNATURE_V1)
    if vkey:
        typer.echo(key.vkey)
        return
    logs = [_log_key(text) for text in log_vkey]
    if not logs:
        raise ConfigError("no log to cosign: give --log-vkey (the log prints it: `tokentrail checkpoint --vkey`)")
    host, _, port = listen.rpartition(":")
    if not port.isdigit():
        raise typer.BadParameter("--listen has the form ADDRESS:PORT")
    stop = prepare()
    kept = State(state or load_settings().state_dir / "witness" / "state.sqlite")
    listener = open_socket(host.strip("[]") or "127.0.0.1", int(port))
    typer.echo(f"{key.vkey}+{url_of(listener)}")
    serve(build(Witness(key, logs, kept)), listener, stop)
    kept.close()


def _log_key(text: str) -> VKey:
    from tokentrail.errors import ConfigError
    from tokentrail.verifier.notes import NoteError, VKey

    try:
        return VKey.parse(Path(text).read_text() if Path(text).is_file() else text)
    except (NoteError, OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--log-vkey: {error}") from None

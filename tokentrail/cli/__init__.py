"""The one program, `tokentrail`. Each module of this package registers its own commands."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec

import typer

from tokentrail.errors import TokentrailError

MODULES = (
    "services",
    "migrate",
    "issuer",
    "keys",
    "ledger",
    "partitions",
    "checkpoint",
    "evidence",
    "archive",
    "erasure",
    "scorer",
    "alerts",
    "revoke",
    "backtest",
    "train",
    "web",
    "stack",
    "demo",
    "bench",
)

app = typer.Typer(
    name="tokentrail",
    help="Audit and monitoring of authentication tokens: a provable ledger, detection, revocation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

for _module in MODULES:
    if find_spec(f"tokentrail.cli.{_module}") is not None:
        import_module(f"tokentrail.cli.{_module}").register(app)


def main() -> None:
    """Entry point: our own errors are one clear line on stderr, with the exit code that they carry."""
    try:
        app()
    except TokentrailError as error:
        sys.stderr.write(f"tokentrail: {error}\n")
        sys.exit(error.exit_code)

"""`bench`: measurements beside their peers, from a source checkout."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import typer

ROOT = Path(__file__).resolve().parents[2]
# Modules of benchmarks/ with a main(argv), and what they measure.
NAMES = {
    "ledger": "the ledger writer beside a plain loop, a bare consumer and quixstreams",
    "large": "the writer, the verifier and proofs at five million entries",
    "scorer": "the anomaly scorer",
    "issuer": "the token issuer",
    "revoke": "from a decision to revoke to the proof of it",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(bench)


def bench(
    context: typer.Context,
    name: str = typer.Argument("", help=f"One of: {', '.join(NAMES)}. Its own options: NAME --help."),
    json_: bool = typer.Option(False, "--json", help="Print the figures as JSON."),
) -> None:
    """Measure one part of Tokentrail beside its peers, in the same run on the same machine.

    Example: tokentrail bench ledger --events 100000 --writers 2 --json
    """
    there = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py") if path.stem in NAMES)
    if not there:
        raise typer.BadParameter("the benchmarks are in the source checkout only: run this from there")
    if name not in there:
        listed = "\n".join(f"  {known:8} {NAMES[known]}" for known in there)
        typer.echo(f"which one?\n{listed}", err=True)
        raise typer.Exit(2)
    if find_spec("benchmarks") is None:
        import sys

        sys.path.insert(0, str(ROOT))
    argv = [*context.args, *(["--json"] if json_ else [])]
    raise typer.Exit(import_module(f"benchmarks.{name}").main(argv) or 0)

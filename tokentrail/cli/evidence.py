"""`evidence` makes a pack, `verify-evidence` checks one without database or network."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import typer

from tokentrail.config import load_settings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(evidence)
    app.command("verify-evidence")(verify_evidence)


def evidence(
    out: Path = typer.Option(..., help="The pack to write (zip)."),
    sub: str = typer.Option(None, help="Subject."),
    jti: str = typer.Option(None, help="Token identifier."),
    sid: str = typer.Option(None, help="Session."),
    client: str = typer.Option(None, help="Client."),
    ip: str = typer.Option(None, help="Client address (needs TOKENTRAIL_DATA_KEY)."),
    type_: str = typer.Option(None, "--type", help="Event type, such as TokenRevoked."),
    from_: str = typer.Option(None, "--from", help="From this time on (ISO 8601), by the broker's clock."),
    to: str = typer.Option(None, help="Up to and without this time (ISO 8601)."),
    limit: int = typer.Option(10_000, min=1, max=1_000_000, help="Refuse if more entries match than this."),
    reader: str = typer.Option(None, envvar="TOKENTRAIL_READER", help="Who exports; goes on record."),
    purpose: str = typer.Option(None, help="What for; goes on record and into the pack."),
    json_: bool = typer.Option(False, "--json", help="Print what the pack holds as JSON."),
) -> None:
    """Export the entries that match a query, with the proof that they are genuine and that none is left out.

    Bodies are opened where TOKENTRAIL_DATA_KEY opens them. The export is on record in the ledger.

    Example: tokentrail evidence --out case-117.zip --sub u-7f3a --from 2026-01-01 --purpose "case 117"
    """
    from dataclasses import asdict

    from rich.console import Console
    from rich.progress import Progress

    from tokentrail.ledger.evidence.pack import make_pack
    from tokentrail.ledger.query import Query

    settings = load_settings()
    query = Query.of(sub=sub, jti=jti, sid=sid, client=client, ip=ip, type=type_, from_=from_, to=to, limit=limit)
    with Progress(console=Console(stderr=True), disable=json_ or not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task("proving", total=None)
        packed = make_pack(
            settings,
            query,
            out,
            reader=reader,
            purpose=purpose,
            progress=lambda done, all_: bar.update(task, completed=done, total=all_),
        )
    if json_:
        typer.echo(json.dumps({"out": str(out), **asdict(packed)}))
        return
    typer.echo(
        f"{out}: {packed.matches} entries match, {packed.opened} opened; looked at index {packed.first_index} to "
        f"{packed.end_index - 1} of a tree of {packed.tree_size}\nmanifest SHA-256 {packed.manifest}"
    )


def verify_evidence(
    pack: Path = typer.Argument(exists=True, dir_okay=False, help="The pack."),
    vkey: str = typer.Option(None, help="The ledger's verifier key, as you know it from elsewhere."),
    witness: list[str] = typer.Option([], help="A witness's verifier key whose cosignature must be there."),
    json_: bool = typer.Option(False, "--json", help="Print the verdict as JSON."),
) -> None:
    """Check an evidence pack offline: signature, range, entries, bodies, completeness, table.

    Exit code 0 if all holds, 1 if anything does not, 2 if it is no pack.

    Example: tokentrail verify-evidence case-117.zip --vkey "tokentrail.local/ledger+1a2b3c4d+AbCd..."
    """
    from tokentrail.cli.evidence_output import say
    from tokentrail.errors import ConfigError
    from tokentrail.verifier.evidence import verify_evidence as check
    from tokentrail.verifier.notes import NoteError

    try:
        report = check(pack, vkey, witness)
    except NoteError as error:
        raise ConfigError(f"a key that was given cannot be used: {error}") from None
    if json_:
        typer.echo(json.dumps(report.as_dict()))
    else:
        say(report)
    if not report.ok:
        raise typer.Exit(1)

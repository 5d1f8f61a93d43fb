"""`alerts`: the analyst's queue."""

from __future__ import annotations

import json
from typing import Any

import typer

from tokentrail.config import load_settings

alerts_app = typer.Typer(help="The analyst's queue: list, show, ack, dismiss, confirm.", no_args_is_help=False)
REVIEWER = typer.Option(None, "--by", help="Who reviews (default: the login name).")
COMMENT = typer.Option(None, "--comment", help="Why.")
JSON = typer.Option(False, "--json", help="Print JSON.")


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(alerts_app, name="alerts")


@alerts_app.callback(invoke_without_command=True)
def _default(context: typer.Context) -> None:
    """The analyst's queue. Without a subcommand it lists open alerts.

    Example: tokentrail alerts list --status open
    """
    if context.invoked_subcommand is None:
        list_(status="open", limit=50, json_=False)


@alerts_app.command("list")
def list_(
    status: str = typer.Option("open", help="open, acknowledged, dismissed, confirmed or all."),
    limit: int = typer.Option(50, min=1, max=10_000, help="At most so many, the gravest first."),
    json_: bool = JSON,
) -> None:
    """List alerts, the gravest and newest first.

    Example: tokentrail alerts list --status all --json
    """
    from consumers.scorer_queue import find

    rows = find(load_settings(), status, limit)
    if json_:
        for row in rows:
            typer.echo(json.dumps(row))
        return
    for row in rows:
        who = row["subject"] or row["client_id"] or "-"
        typer.echo(f"{row['alert_id']}  {row['severity']:<8} {row['score']:.2f}  {row['created_at'][:19]}  {who}  "
                   f"{', '.join(row['detections']) or 'risk'}  [{row['status']}]")  # fmt: skip
    if not rows:
        typer.echo("no alerts")


@alerts_app.command()
def show(alert_id: str = typer.Argument(...), json_: bool = JSON) -> None:
    """Show one alert: reasons, what to check, what was done, and the timeline of its incident.

    Example: tokentrail alerts show 0b51e8a4-3f2e-5a0c-8b7e-6f1f5d7c9a10
    """
    from consumers.scorer_queue import detail

    found = detail(load_settings(), alert_id)
    if json_:
        typer.echo(json.dumps(found))
        return
    for line in _lines(found):
        typer.echo(line)


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [f"{found['severity']} {found['score']:.2f}  {found['subject'] or found['client_id'] or '-'}  "
             f"{found['created_at']}  [{found['status']}]"]  # fmt: skip
    lines += [f"  because {reason}" for reason in found["reasons"]]
    for item in found["guide"]:
        lines.append(f"  {item['detection']} ({item['technique']}; {item['source']}): {item['check']}")
    if found["command_id"]:
        lines.append(f"  revocation {found['command_id']} {found['command_state']}")
    if found["held"]:
        lines.append(f"  not revoked: {found['held']}")
    lines += [f"  {row['created_at'][:19]}  {', '.join(row['detections'])}" for row in found["timeline"]]
    return lines


def _review(alert_id: str, verdict: str, by: str | None, comment: str | None, as_json: bool) -> None:
    import getpass

    from consumers.scorer_queue import review

    found = review(load_settings(), alert_id, verdict, by or getpass.getuser(), comment)
    typer.echo(json.dumps(found) if as_json else f"{found['alert_id']} is {found['status']}")


@alerts_app.command()
def ack(alert_id: str = typer.Argument(...), by: str = REVIEWER, comment: str = COMMENT, json_: bool = JSON) -> None:
    """Take an alert: somebody looks at it.

    Example: tokentrail alerts ack 0b51e8a4-3f2e-5a0c-8b7e-6f1f5d7c9a10
    """
    _review(alert_id, "ack", by, comment, json_)


@alerts_app.command()
def dismiss(
    alert_id: str = typer.Argument(...), by: str = REVIEWER, comment: str = COMMENT, json_: bool = JSON
) -> None:
    """Close an alert as a false alarm.

    Example: tokentrail alerts dismiss 0b51e8a4-3f2e-5a0c-8b7e-6f1f5d7c9a10 --comment "on leave in Spain"
    """
    _review(alert_id, "dismiss", by, comment, json_)


@alerts_app.command()
def confirm(
    alert_id: str = typer.Argument(...), by: str = REVIEWER, comment: str = COMMENT, json_: bool = JSON
) -> None:
    """Close an alert as a real attack.

    Example: tokentrail alerts confirm 0b51e8a4-3f2e-5a0c-8b7e-6f1f5d7c9a10
    """
    _review(alert_id, "confirm", by, comment, json_)


@alerts_app.command()
def release(alert_id: str = typer.Argument(...), by: str = REVIEWER, json_: bool = JSON) -> None:
    """Send a revocation that the blast-radius limit or policy held back; it takes two persons.

    Example: tokentrail alerts release 0b51e8a4-3f2e-5a0c-8b7e-6f1f5d7c9a10
    """
    import getpass

    from consumers.scorer_queue import release as ask

    found = ask(load_settings(), alert_id, by or getpass.getuser())
    said = "sent" if found["sent"] else "waits for a second person"
    typer.echo(json.dumps(found) if json_ else f"{alert_id}: {said} (asked by {', '.join(found['asked_by'])})")

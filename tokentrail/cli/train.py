"""`train`: models from a file, signed, put in use, taken back."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from tokentrail.config import load_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(train)


def train(
    source: Path = typer.Argument(None, metavar="EVENTS.jsonl", help="Events in the backtest format."),
    labels: Path = typer.Option(None, help="JSON lines of event_id and incident: train the combiner, not the forest."),
    policy: Path = typer.Option(None, help="Policy file (JSON)."),
    store_only: bool = typer.Option(False, "--store-only", help="Sign and store, but do not put in use."),
    use: str = typer.Option(None, "--use", metavar="KIND/VERSION", help="Put a stored model in use."),
    rollback: str = typer.Option(None, "--rollback", metavar="KIND", help="Return to the model before."),
    json_: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Train the scorer's models from a file of events; a running scorer takes them up within seconds.

    Without labels it is the isolation forest (what is ordinary here), with labels the combiner, which is
    put in use only if it is no worse on the last part of the file. Artefacts are plain JSON, signed with
    TOKENTRAIL_COMMAND_KEY and loaded only if the signature holds.

    Example: tokentrail train events.jsonl, and back again: tokentrail train --rollback forest
    """
    from consumers.scorer_models import open_shelf
    from tokentrail.detect.shelf import KINDS
    from tokentrail.errors import ConfigError, Refused

    shelf = open_shelf(load_settings())
    if rollback is not None or use is not None:
        kind, _, version = (use or rollback or "").partition("/")
        if kind not in KINDS or (use is not None and not version):
            raise ConfigError("--rollback takes forest or combiner, --use takes KIND/VERSION")
        if use is not None:
            shelf.use(kind, version)
        now = version if use is not None else shelf.back(kind)
        _say({"kind": kind, "in_use": now or "what the package ships"}, json_)
        return
    if source is None:
        _say({kind: shelf.history(kind) for kind in KINDS}, json_)
        return
    kind, document, good = _teach(source, labels, policy)
    shelf.put(kind, document)
    if good and not store_only:
        shelf.use(kind, document["version"])
    _say({"kind": kind, "version": document["version"], "in_use": good and not store_only, **document["about"]}, json_)
    if not good:
        raise Refused("stored but not put in use: it is worse than the present one on the held-out part")


def _teach(source: Path, labels: Path | None, policy: Path | None) -> tuple[str, dict[str, object], bool]:
    from tokentrail.detect import lessons
    from tokentrail.detect.policy import load

    lesson = lessons.read(source, load(policy))
    if labels is None:
        return "forest", lessons.teach_forest(lesson, source), True
    document, good = lessons.teach_combiner(lesson, source, labels)
    return "combiner", document, good


def _say(found: dict[str, object], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found))
        return
    for name, value in found.items():
        typer.echo(f"{name:>18}  {value}")

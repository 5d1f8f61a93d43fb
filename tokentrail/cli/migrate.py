"""`tokentrail migrate`: database, topics and schemas, brought to what this version needs."""

from __future__ import annotations

import json

import typer

from tokentrail.config import load_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(migrate)


def migrate(json_: bool = typer.Option(False, "--json", help="Print the result as JSON.")) -> None:
    """Migrate the database, create missing topics, register the schemas. Safe to repeat.

    Example: tokentrail up && tokentrail migrate
    """
    from tokentrail.codec import register_schemas
    from tokentrail.kafka import ensure_topics
    from tokentrail.sql.migrate import upgrade

    settings = load_settings()
    upgrade(settings.require("database_url"))
    created = ensure_topics(settings)
    subjects = register_schemas(settings.require("schema_registry_url"))
    if json_:
        typer.echo(json.dumps({"database": "head", "topics_created": created, "schema_subjects": subjects}))
    else:
        topics = ", ".join(created) or "all there"
        typer.echo(f"database at head; topics: {topics}; {subjects} schema subjects registered")

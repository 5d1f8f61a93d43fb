"""One demonstration from nothing to figures: services, processes, people, attackers, proof."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass

from pydantic import SecretStr
from rich.console import Console

from producers.issuer.settings import IssuerSettings
from producers.simulator.live_plan import live_plan
from tokentrail import devservices
from tokentrail.cli.demo import ending, stage
from tokentrail.cli.demo.books import Books
from tokentrail.cli.demo.figures import Figures
from tokentrail.cli.demo.observer import Observer
from tokentrail.cli.demo.view import View
from tokentrail.cli.processes import Stack
from tokentrail.codec import Codec, register_schemas
from tokentrail.config import PREFIX, Settings, load_settings
from tokentrail.kafka import ensure_topics
from tokentrail.sql.migrate import upgrade

RATE = 220.0  # events a second, about
# A minute stands for a day, so what an issuer counts in seconds is shortened too.
FOR_CHILDREN = {
    "TOKENTRAIL_TRUSTED_PROXIES": "127.0.0.1/32",
    "TOKENTRAIL_REFRESH_RETRY_SECONDS": "3",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for."""

    seconds: float
    users: int
    seed: int
    keep: bool
    rate: float = RATE


def run(options: Options, console: Console) -> Figures:
    """The whole demonstration. Raises TokentrailError where a part cannot run at all."""
    with ExitStack() as undo:
        settings = _services(options, console, undo)
        _migrate(settings)
        books = Books(settings)
        undo.callback(books.close)
        before = stage.Before(books)
        console.print("[bold]processes[/]")
        stack = Stack(settings, say=lambda line: console.print(f"  {line}", highlight=False))
        undo.callback(stack.stop)
        stack.start(extra=FOR_CHILDREN, options={"scorer": ("--policy", str(stage.scorer_policy(settings)))})
        settings = with_keys(stack.environment)
        observer = Observer(settings, Codec(settings.require("schema_registry_url")))
        undo.callback(observer.stop)
        observer.start()
        parts = _Parts(options, console, settings, stack, books, observer, before)
        return asyncio.run(_play(parts))


@dataclass(frozen=True, slots=True)
class _Parts:
    options: Options
    console: Console
    settings: Settings
    stack: Stack
    books: Books
    observer: Observer
    before: stage.Before


async def _play(parts: _Parts) -> Figures:
    options, books, observer = parts.options, parts.books, parts.observer
    plan = live_plan(options.seed, options.users, options.seconds, options.rate)
    secret = parts.stack.environment.get(f"{PREFIX}ISSUER_SECRET")
    own = IssuerSettings(issuer_secret=SecretStr(secret)) if secret else IssuerSettings()
    cast = stage.make_cast(parts.settings, own, plan.population)
    await parts.before.wait_until_at_work(parts.stack.urls)
    player = stage.player(parts.settings, plan, cast, parts.stack.urls)
    parts.console.print("[bold]people go to work[/]")
    await player.warm_up()
    await ending.drain(books, observer)  # everybody has read what is there: nobody starts behind
    view = View(parts.console, options.seconds, cast.names, books, observer)
    figures = Figures(people=len(plan.population.people))
    try:
        with view:
            began = time.monotonic()
            day = player.run(lambda: time.monotonic() - began < options.seconds)
            await asyncio.gather(day, view.follow(player))
            figures.seconds = time.monotonic() - began
            view.say("people go home; the streams drain")
            await ending.drain(books, observer)
            view.say("a revoked token is shown once more")
            await ending.show_revoked(figures, player, cast, observer, parts.settings)
            # Showing it was an event too, and may have raised an alert.
            if not await ending.drain(books, observer):
                figures.notes.append("the streams did not drain: something lags or a command is not acknowledged")
            await ending.measure(figures, player, cast, books, observer, parts.before.entries)
            view.say("the ledger is verified, then edited by a superuser, verified, restored, verified")
            await asyncio.to_thread(ending.prove, figures, parts.settings, parts.before.entries)
    finally:
        player.close()
    return figures


def with_keys(environment: dict[str, str]) -> Settings:
    """Settings of this process with the keys its children have."""
    names = ("signing_key", "encryption_key", "data_key", "command_key", "command_public_key")
    made = {name: SecretStr(value) for name in names if (value := environment.get(PREFIX + name.upper()))}
    return load_settings(issuer=environment.get(f"{PREFIX}ISSUER"), **made)


def _services(options: Options, console: Console, undo: ExitStack) -> Settings:
    settings = load_settings()
    console.print("[bold]services[/]")
    started = devservices.start(settings, devservices.ConsoleProgress(console))
    if not started.reused and not options.keep:
        undo.callback(devservices.stop, settings)
    return load_settings()


def _migrate(settings: Settings) -> None:
    upgrade(settings.require("database_url"))
    ensure_topics(settings)
    register_schemas(settings.require("schema_registry_url"))

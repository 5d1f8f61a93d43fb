"""The live view: figures, a progress bar and the newest alerts; plain lines where there is no terminal."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from producers.simulator.live.player import Player
from tokentrail.cli.demo.books import Books
from tokentrail.cli.demo.figures import percentile
from tokentrail.cli.demo.observer import Alert, Observer

LOOK_EVERY = 0.5
LINE_EVERY = 5.0
SHOWN = 9
COLOURS = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}


class View:
    """Shows a run while it goes on. Use as a context manager; `follow` runs beside the player."""

    def __init__(
        self, console: Console, seconds: float, names: dict[str, str], books: Books, observer: Observer
    ) -> None:
        self._console, self._names = console, names
        self._books, self._observer = books, observer
        self._seconds = seconds
        self._bar = Progress(TextColumn("{task.description}"), BarColumn(40), TimeRemainingColumn(), console=console)
        self._task = self._bar.add_task("a day in a minute", total=seconds)
        self._live = Live(console=console, refresh_per_second=2, auto_refresh=False, transient=True)
        self._rate = 0.0
        self._last = (time.monotonic(), 0)
        self._told = 0
        self._first_size, self._first_read = books.size(), len(observer.seen.read)

    def __enter__(self) -> View:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def say(self, text: str) -> None:
        """One line about what happens now."""
        self._bar.update(self._task, description=text)
        self._console.print(f"[dim]{text}[/]", highlight=False)

    async def follow(self, player: Player) -> None:
        """Refreshes until the day is over."""
        began = line_at = time.monotonic()
        while (now := time.monotonic()) - began < self._seconds:
            size = await asyncio.to_thread(self._books.size)
            self._measure(now)
            self._bar.update(self._task, completed=now - began)
            if self._console.is_terminal:
                self._live.update(self._picture(size, player), refresh=True)
            elif now - line_at >= LINE_EVERY:
                line_at = now
                self._lines(now - began, size)
            await asyncio.sleep(LOOK_EVERY)

    def _measure(self, now: float) -> None:
        then, count = self._last
        if now - then >= 1:
            read = len(self._observer.seen.read)
            self._rate = (read - count) / (now - then)
            self._last = (now, read)

    def _figures(self, size: int) -> str:
        seen = self._observer.seen
        enforced = seen.enforced_ms()
        read, written = len(seen.read) - self._first_read, size - self._first_size
        p50, p99 = percentile(enforced, 50), percentile(enforced, 99)
        speed = f"event to enforced {p50:.0f} ms p50, {p99:.0f} ms p99" if p50 and p99 else "none enforced yet"
        return (
            f"{self._rate:5.0f} events/s   {read:,} published   {written:,} in the ledger"
            f" (lag {max(0, read - written)})   {len(seen.alerts)} alerts   "
            f"{len(seen.commands)} commands   {len(seen.revoked)} acknowledged   {speed}"
        )

    def _picture(self, size: int, player: Player) -> Group:
        table = Table(box=None, padding=(0, 1), expand=True, show_header=bool(self._observer.seen.alerts))
        for name in ("severity", "who", "detection", "why", "done"):
            table.add_column(name, no_wrap=True, ratio=4 if name == "why" else None)
        for alert in self._observer.seen.alerts[-SHOWN:]:
            table.add_row(*self._row(alert))
        attacks = len(set(player.score.begun.values()))
        played = f"{player.score.requests:,} requests, {player.score.logins:,} logins, {attacks} types of attack"
        return Group(self._bar, Text(self._figures(size)), Text(played, style="dim"), table)

    def _row(self, alert: Alert) -> tuple[Text, ...]:
        style = COLOURS.get(alert.severity, "")
        return (
            Text(alert.severity, style),
            Text(self._name(alert)),
            Text(", ".join(alert.detections)),
            Text("; ".join(alert.reasons)),
            Text(self._done(alert), "green"),
        )

    def _name(self, alert: Alert) -> str:
        return self._names.get(alert.subject or "", alert.subject or "a source")[:24]

    def _done(self, alert: Alert) -> str:
        seen = self._observer.seen
        if alert.command_id is None:
            return ""
        revoked = seen.revoked.get(alert.command_id)
        if revoked is None:
            return "revoking"
        command = seen.commands.get(alert.command_id)
        took = f" in {revoked.appended - command.happened / 1000:.0f} ms" if command and command.happened else ""
        return f"{revoked.target} revoked{took}"

    def _lines(self, at: float, size: int) -> None:
        self._console.print(f"{at:4.0f} s {self._figures(size)}", highlight=False)
        for alert in self._observer.seen.alerts[self._told :][-3:]:
            reasons = "; ".join(alert.reasons)[:100]
            who = f"{self._name(alert)}: {', '.join(alert.detections)}"
            self._console.print(f"       {alert.severity} {who} ({reasons}) {self._done(alert)}", markup=False)
        self._told = len(self._observer.seen.alerts)

"""How long work of the embedded services is told to a person: nothing, or rich lines on stderr."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
from rich.progress import Progress as Bars

from tokentrail.errors import TokentrailError

Count = Callable[[int], None]


class Progress:
    """Says nothing. Its methods may be called from several threads at once."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """End downloads at their next bytes, with TokentrailError: nobody waits for them any more."""
        self._cancelled.set()

    def say(self, part: str, text: str) -> None:
        """Tell one step of a part (Kafka, Postgres, registry)."""

    @contextmanager
    def download(self, what: str, total: int) -> Iterator[Count]:
        """Show a download of `total` bytes; yields a function to call with each count of bytes that came."""
        del what, total
        yield self._checked(lambda _count: None)

    def _checked(self, count: Count) -> Count:
        def checked(number: int) -> None:
            if self._cancelled.is_set():
                raise TokentrailError("given up")
            count(number)

        return checked


class ConsoleProgress(Progress):
    """One line per step and one bar per running download, drawn by rich."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._bars = Bars(
            TextColumn("{task.description:>10}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
            transient=True,
        )
        self._running = 0
        self._counting = threading.Lock()

    def say(self, part: str, text: str) -> None:
        """Print the step, the part's name first."""
        self._console.print(f"{part:>10}  {text}", markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def download(self, what: str, total: int) -> Iterator[Count]:
        """A bar where the console is a terminal; elsewhere a line at the start is enough."""
        self.say(what, f"downloading {total / 1e6:.0f} MB (once; kept in a cache for later starts)")
        if not self._console.is_terminal:
            yield self._checked(lambda _count: None)
            return
        with self._counting:
            self._running += 1
            self._bars.start()
        task = self._bars.add_task(what, total=total)
        try:
            yield self._checked(lambda count: self._bars.update(task, advance=count))
        finally:
            self._bars.remove_task(task)
            with self._counting:
                self._running -= 1
                if not self._running:
                    self._bars.stop()

"""The forest of this stream: retrained from a sample of recent rows, never from labels."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tokentrail.detect.engine import Verdict
from tokentrail.detect.forest import Forest, train
from tokentrail.detect.models import Models

FIRST = 3_000  # rows before the first forest
KEEP = 4_096  # rows in the sample
SUSPICIOUS = 0.5  # what looks like an attack does not become the norm


class Sample:
    """A ring of recent ordinary rows: every `step`-th event, suspicious ones left out."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, ...]] = []
        self.seen = 0
        self.step = 3

    def offer(self, verdict: Verdict) -> None:
        """Take the row of a scored event, if it is one to learn from."""
        if not verdict.row or verdict.score >= SUSPICIOUS:
            return
        self.seen += 1
        if self.seen % self.step:
            return
        if len(self.rows) < KEEP:
            self.rows.append(verdict.row)
        else:
            self.rows[(self.seen // self.step) % KEEP] = verdict.row


class Retrainer:
    """Retrains after FIRST events and whenever as many again have passed; `spawn` may use a thread."""

    def __init__(self, background: bool = False) -> None:
        self.sample = Sample()
        self.due = FIRST
        self.background = background
        self._thread: threading.Thread | None = None

    def offer(self, verdict: Verdict, models: Models) -> None:
        """Note a scored event; train when due and put the new forest in the models' place."""
        if models.fixed:
            return
        self.sample.offer(verdict)
        if self.sample.seen < self.due or len(self.sample.rows) < 64:
            return
        self.due = max(self.due * 2, self.sample.seen + FIRST) if self.due < 100_000 else self.sample.seen + 100_000
        rows = list(self.sample.rows)

        def install(forest: Forest) -> None:
            models.forest = forest

        if self.background:
            self._start(rows, install)
        else:
            install(train(rows))

    def _start(self, rows: list[tuple[float, ...]], install: Callable[[Forest], None]) -> None:
        """Train beside the stream; scoring never waits for it."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = threading.Thread(target=lambda: install(train(rows)), name="forest", daemon=True)
        self._thread.start()

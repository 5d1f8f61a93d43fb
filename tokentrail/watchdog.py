"""Ends a process whose database call hangs: libpq waits for ever, a supervisor's restart does not."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

EXIT_HUNG = 75  # EX_TEMPFAIL: try again, by a new process

log = structlog.get_logger()


class Watchdog:
    """A thread that looks at a deadline. Only the thread that works sets it."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit = limit_seconds
        self._deadline: float | None = None
        self._stop = threading.Event()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    @contextmanager
    def guard(self) -> Iterator[None]:
        """The body must end within the limit, or the process does (exit code 75)."""
        self._deadline = time.monotonic() + self._limit
        try:
            yield
        finally:
            self._deadline = None

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.wait(0.25):
            deadline = self._deadline
            if deadline is not None and time.monotonic() > deadline:
                log.error("database call hangs; ending so that a new process can take over", seconds=self._limit)
                os._exit(EXIT_HUNG)

"""What a contender says to the one who measures it, and what it is told: lines over its pipes.

It says `held K` when its share of partitions is K, and `wrote N SECONDS CPU` after each commit: records so
far, CLOCK_MONOTONIC, CPU seconds of the process. It is told `go`, and its end by the end of its input.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time


class Gate:
    """One contender's side of the pipes."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.ended = threading.Event()
        self._written = 0
        threading.Thread(target=self._listen, name="gate", daemon=True).start()

    def held(self, count: int) -> None:
        """So many partitions are ours now."""
        _say(f"held {count}")

    def wrote(self, count: int) -> None:
        """So many more records are durable."""
        self._written += count
        used = resource.getrusage(resource.RUSAGE_SELF)
        _say(f"wrote {self._written} {time.monotonic()} {used.ru_utime + used.ru_stime}")

    def _listen(self) -> None:
        for line in sys.stdin:
            if line.strip() == "go":
                self.wrote(0)
                self.opened.set()
        self.ended.set()


def _say(line: str) -> None:
    os.write(1, line.encode() + b"\n")

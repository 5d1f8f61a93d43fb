"""What every long-running command does: log to stderr, end cleanly on SIGTERM and SIGINT."""

from __future__ import annotations

import signal
import threading

from tokentrail import log


def prepare() -> threading.Event:
    """Set up logging and signals; returns the event that is set when the process should end."""
    log.setup()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop

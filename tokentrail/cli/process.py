"""What every long-running command does: log to stderr, end cleanly on SIGTERM and SIGINT."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

from tokentrail import log

if TYPE_CHECKING:
    from tokentrail.config import Settings
    from tokentrail.db import Role

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0


def prepare() -> threading.Event:
    """Set up logging and signals; returns the event that is set when the process should end."""
    log.setup()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def await_servers(settings: Settings, stop: threading.Event, role: Role, *, kafka: bool = True) -> None:
    """Wait until Postgres (and Kafka) answer, with growing pauses; what is missing is said once.

    Returns early when `stop` is set. Raises ConfigError where an address is not known at all: waiting
    does not mend that.
    """
    import structlog
    from tenacity import Retrying, retry_if_exception_type, stop_when_event_set, wait_exponential_jitter

    from tokentrail.db import connect
    from tokentrail.errors import NotConnected
    from tokentrail.kafka import answers

    def pause(seconds: float) -> None:
        stop.wait(seconds)

    said = ""
    for attempt in Retrying(
        retry=retry_if_exception_type(NotConnected),
        wait=wait_exponential_jitter(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE, jitter=0.1),
        stop=stop_when_event_set(stop),
        sleep=pause,
        retry_error_callback=lambda _state: None,
    ):
        with attempt:
            try:
                connect(settings, role).close()
                if kafka:
                    answers(settings)
            except NotConnected as error:
                if str(error) != said:
                    said = str(error)
                    structlog.get_logger().warning("waiting for a server", reason=said)
                raise

"""The real ledger writer, made to kill or stop itself at one step of its loop. Run as a child process.

usage: python -m tests.faults.stopping_writer STEP SIGNAL NTH
       python -m tests.faults.stopping_writer crash-on TEXT

The second form dies of any record whose value holds TEXT, as a decoder with a bug would.

STEP is where: prepared, before_lock, locked, copied, before_commit, committed. SIGNAL is KILL or STOP.
NTH is which passing of that step. Nothing else of the writer is changed.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from consumers.ledger_writer import LedgerSink, run
from tokentrail import log
from tokentrail.codec import Codec
from tokentrail.config import load_settings
from tokentrail.ledger.append import Appender

STEPS = {
    "prepared": (LedgerSink, "prepare", "after"),
    "before_lock": (Appender, "lock_head", "before"),
    "locked": (Appender, "lock_head", "after"),
    "copied": (Appender, "_copy", "after"),
    "before_commit": (LedgerSink, "write", "after"),
    "committed": (LedgerSink, "committed", "before"),
}


def strike(step: str, number: int, nth: int) -> None:
    """Wrap the step's method so that its nth passing sends the signal to this process."""
    owner, name, when = STEPS[step]
    original: Callable[..., Any] = getattr(owner, name)
    passed = 0

    def wrapped(*args: Any) -> Any:
        nonlocal passed
        passed += 1
        result = original(*args) if when == "after" else None
        if passed == nth:
            sys.stderr.write(f"at {step}\n")
            sys.stderr.flush()
            os.kill(os.getpid(), number)
        return original(*args) if when == "before" else result

    setattr(owner, name, wrapped)


def crash_on(text: bytes) -> None:
    """Wrap the decoder so that a record with this text ends the process."""
    original = Codec.decode

    def decode(self: Codec, topic: str, value: bytes | None) -> Any:
        if value is not None and text in value:
            os.kill(os.getpid(), signal.SIGSEGV)
        return original(self, topic, value)

    Codec.decode = decode  # type: ignore[method-assign]


def main() -> None:
    """Run until struck or terminated."""
    if sys.argv[1:2] == ["crash-on"]:
        crash_on(sys.argv[2].encode())
    elif len(sys.argv) == 4:
        strike(sys.argv[1], getattr(signal, f"SIG{sys.argv[2]}"), int(sys.argv[3]))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    faulthandler.register(signal.SIGUSR1)  # kill -USR1 shows where it hangs
    log.setup()
    run(load_settings(), stop)


if __name__ == "__main__":
    main()

"""Child processes on one machine: started, watched, started again after growing pauses, ended together."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY = 60.0  # seconds a child must live for its pauses to begin anew
LOOK_EVERY = 0.2
END_WITHIN = 12.0
LAST_WORDS = 0.7  # what the first to end publish is read, commanded and obeyed in this time

# A child asks the kernel to be ended with its parent (prctl PR_SET_PDEATHSIG), so that a killed stack leaves
# no orphans behind; where there is no prctl it goes without.
_BEGIN = """
import ctypes
try:
    ctypes.CDLL(None).prctl(1, 15)
except (AttributeError, OSError):
    pass
from tokentrail.cli import main
main()
"""
PROGRAM = (sys.executable, "-c", _BEGIN)


@dataclass(frozen=True, slots=True)
class Child:
    """One command of `tokentrail` to be kept running."""

    name: str
    arguments: tuple[str, ...] = ()
    ends: int = 0  # turn in which it is ended: those that listen to others come after them


@dataclass(slots=True)
class _Running:
    child: Child
    log: Path
    process: subprocess.Popen[bytes]
    since: float
    pause: float = FIRST_PAUSE
    again_at: float | None = field(default=None)


class Supervisor:
    """Keeps children running. `say` gets one line for each thing worth knowing.

    Start and stop it from one thread that outlives the children: the kernel ends a child with the thread
    that started it.
    """

    def __init__(
        self, log_of: Callable[[str], Path], say: Callable[[str], None], program: Sequence[str] = PROGRAM
    ) -> None:
        self._log_of, self._say, self._program = log_of, say, program
        self._running: list[_Running] = []
        self._environment: dict[str, str] = {}
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self, children: Sequence[Child], environment: Mapping[str, str]) -> None:
        """Start all; `environment` is added to ours and is never written anywhere."""
        self._environment = {**os.environ, **environment}
        for child in children:
            log = self._log_of(child.name)
            self._running.append(_Running(child, log, self._spawn(child, log), time.monotonic()))
        self._watcher.start()

    def stop(self) -> None:
        """SIGTERM to each turn, with a moment to hear its last words; SIGKILL to what goes on after 12 seconds."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        turns = sorted({entry.child.ends for entry in self._running})
        for turn in turns:
            self._end([entry for entry in self._running if entry.child.ends == turn])
            if turn == 0 and len(turns) > 1:
                time.sleep(LAST_WORDS)

    def _end(self, entries: Sequence[_Running]) -> None:
        alive = [entry for entry in entries if entry.process.poll() is None]
        for entry in alive:
            entry.process.terminate()
        deadline = time.monotonic() + END_WITHIN
        for entry in alive:
            try:
                entry.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._say(f"{entry.child.name} does not end: killed (see {entry.log})")
                entry.process.kill()
                entry.process.wait()

    def pids(self) -> dict[str, int]:
        """Process ids of the children that run, by name."""
        return {e.child.name: e.process.pid for e in self._running if e.process.poll() is None}

    def _spawn(self, child: Child, log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own program with our own arguments
                [*self._program, child.name, *child.arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment,
            )

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            for entry in self._running:
                self._look(entry, time.monotonic())

    def _look(self, entry: _Running, now: float) -> None:
        if entry.again_at is not None:
            if now >= entry.again_at:
                entry.process, entry.since = self._spawn(entry.child, entry.log), now
                entry.again_at = None
            return
        code = entry.process.poll()
        if code is None:
            return
        if now - entry.since > STEADY:
            entry.pause = FIRST_PAUSE
        self._say(f"{entry.child.name} ended with code {code}: again in {entry.pause:g} s (see {entry.log})")
        entry.again_at = now + entry.pause
        entry.pause = min(LONGEST_PAUSE, entry.pause * 2)

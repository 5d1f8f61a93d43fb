"""Start a service as a daemon, find it again by what it is, stop it and nothing else."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tokentrail.errors import TokentrailError

Match = Callable[[psutil.Process], bool]
LOOPBACK = "127.0.0.1"
ENDED = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


@dataclass(frozen=True)
class Launch:
    """One command to run as a daemon.

    `uid` and `gid` None mean as ourselves. `keep_fds` are handed down to it and closed on our side.
    """

    argv: Sequence[str]
    log: Path
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    uid: int | None = None
    gid: int | None = None
    keep_fds: Sequence[int] = ()


def spawn(launch: Launch) -> int:
    """Start the command in a session of its own and return its process id.

    A shell between us and it gives it to init: it outlives this process, and when it dies
    no zombie of ours is left to be taken for a living service.
    """
    with launch.log.open("ab") as log:
        started = subprocess.run(  # noqa: S603 - argv is ours, no text from outside
            ["/bin/sh", "-c", '"$@" >&2 & echo $!', "sh", *launch.argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=launch.cwd,
            env=base_environment() | dict(launch.env),
            start_new_session=True,
            pass_fds=launch.keep_fds,
            check=True,
            user=launch.uid,
            group=launch.gid,
            extra_groups=None if launch.uid is None else [],
        )
    for handle in launch.keep_fds:
        os.close(handle)
    return int(started.stdout)


def base_environment() -> dict[str, str]:
    """The environment of services: nothing of the caller's but where programs and time zones are.

    Keys and passwords that the caller was given do not reach a process that has no use for them.
    """
    kept = ("PATH", "TZ", "TMPDIR")
    return {"LC_ALL": "C.UTF-8", **{name: os.environ[name] for name in kept if name in os.environ}}


def find(match: Match, hint: int | None) -> list[psutil.Process]:
    """Living processes that match; `hint` is the process id where it was last seen (tried first)."""
    if hint is not None:
        known = at(hint, match)
        if known is not None:
            return [known]
    return find_all(match)


def find_all(match: Match) -> list[psutil.Process]:
    """Every living process that matches, from a look at all of them."""
    return [process for pid in psutil.pids() if (process := at(pid, match)) is not None]


def at(pid: int, match: Match) -> psutil.Process | None:
    """The process, when it lives and matches; what belongs to others and cannot be seen does not match."""
    try:
        process = psutil.Process(pid)
        alive = process.status() not in ENDED
        return process if alive and match(process) else None
    except psutil.Error:
        return None


def stop(processes: Sequence[psutil.Process], sign: signal.Signals, seconds: float) -> None:
    """Ask the processes to end, wait, and kill those that did not. psutil guards against reused ids."""
    for process in processes:
        _signal(process, sign)
        _signal(process, signal.SIGCONT)  # a frozen one hears the first signal only after this
    for process in _survivors(processes, seconds):
        _signal(process, signal.SIGKILL)
    _survivors(processes, seconds)


def _survivors(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that still run after a wait of at most so long.

    A zombie has ended: in containers the process that should collect it may be slow, or never do it.
    """
    deadline = time.monotonic() + seconds
    left = [process for process in processes if _runs(process)]
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = [process for process in left if _runs(process)]
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() not in ENDED
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, sign: signal.Signals) -> None:
    try:
        process.send_signal(sign)
    except psutil.NoSuchProcess:
        return


def await_ready(name: str, pid: int, ready: Callable[[], bool], log: Path, seconds: float = 120.0) -> None:
    """Wait until the service answers; TokentrailError with its own last words when it ends or is too slow."""
    offset = log.stat().st_size
    deadline = time.monotonic() + seconds
    while not ready():
        if at(pid, lambda _process: True) is None:
            raise TokentrailError(f"{name} ended while starting: {_last_words(log, offset)} (log: {log})")
        if time.monotonic() > deadline:
            raise TokentrailError(f"{name} did not answer within {seconds:.0f} s (log: {log})")
        time.sleep(0.05)


def _last_words(log: Path, offset: int) -> str:
    """The line of the log that most likely says why: the first that names an error, else the last."""
    with log.open("rb") as file:
        file.seek(max(0, offset - 4096))
        text = file.read(65536).decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    marked = [line for line in lines if re.search("FATAL|ERROR|Exception|Error:", line)]
    return (marked or lines or ["it printed nothing"])[-1][:300]


def listening(port: int, host: str = LOOPBACK) -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False


def choose_ports(names: Sequence[str], wanted: Mapping[str, object]) -> dict[str, int]:
    """A free loopback port per name; the wanted one (of the last start) where it is free."""
    chosen: dict[str, int] = {}
    held: list[socket.socket] = []
    try:
        for name in names:
            before = wanted.get(name)
            probe = (_bind(before) if isinstance(before, int) else None) or _bind(0)
            if probe is None:
                raise TokentrailError(f"no free port on {LOOPBACK}: close programs that hold many")
            held.append(probe)
            chosen[name] = probe.getsockname()[1]
    finally:
        for probe in held:
            probe.close()
    return chosen


def _bind(port: int) -> socket.socket | None:
    probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((LOOPBACK, port))
    except OSError:
        probe.close()
        return None
    return probe

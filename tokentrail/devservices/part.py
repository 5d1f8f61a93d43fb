"""What every embedded service has in common: reuse it when healthy, else clean up and start it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tokentrail.devservices import processes
from tokentrail.devservices.progress import Progress
from tokentrail.devservices.state import State, prepare_part, record
from tokentrail.errors import TokentrailError

Ports = Mapping[str, int]
PORT_ATTEMPTS = 3  # between the choice of a free port and its use another program may take it


@dataclass(frozen=True)
class Part:
    """One service.

    `name` is its directory and log file, `label` its name for people. `main` recognises its process and
    `family` every process that belongs to it, by what only they have (the state directory is in it).
    `launch` prepares directories and programs and says what to run; it may take long.
    """

    name: str
    label: str
    port_names: tuple[str, ...]
    main: Callable[[State], processes.Match]
    family: Callable[[State], processes.Match]
    launch: Callable[[State, Ports, Progress], processes.Launch]
    healthy: Callable[[State, Ports], bool]
    stop_signal: signal.Signals


@dataclass(frozen=True)
class Running:
    """A service that answers: its process id, ports, and whether this call found it running."""

    pid: int
    ports: dict[str, int]
    reused: bool

    def entry(self) -> dict[str, Any]:
        """What services.json remembers of it."""
        return {"pid": self.pid, "ports": self.ports}


def ensure(part: Part, state: State, progress: Progress) -> Running:
    """The service, started if need be. TokentrailError in one line when it cannot run."""
    found = running(part, state)
    if found is not None:
        return found
    prepare_part(state, part.name)
    halt(part, state)
    wanted = record(state, part.name).get("ports") or {}
    for _ in range(PORT_ATTEMPTS):
        ports = processes.choose_ports(part.port_names, wanted)
        try:
            return _start(part, state, ports, progress)
        except TokentrailError:
            wanted = processes.choose_ports(part.port_names, ports)
            if wanted == ports:  # not for want of a port
                raise
    raise TokentrailError(f"{part.label} found its ports taken {PORT_ATTEMPTS} times: try again")


def _start(part: Part, state: State, ports: dict[str, int], progress: Progress) -> Running:
    launch = part.launch(state, ports, progress)
    progress.say(part.label, "starting")
    began = time.monotonic()
    pid = processes.spawn(launch)
    try:
        processes.await_ready(part.label, pid, lambda: part.healthy(state, ports), launch.log)
    except BaseException:
        halt(part, state)
        raise
    progress.say(part.label, f"ready in {time.monotonic() - began:.1f} s")
    return Running(pid, ports, reused=False)


def running(part: Part, state: State) -> Running | None:
    """The service as recorded, when it lives and answers."""
    known = record(state, part.name)
    pid, ports = known.get("pid"), known.get("ports")
    if not isinstance(pid, int) or not isinstance(ports, dict) or set(ports) != set(part.port_names):
        return None
    if processes.at(pid, part.main(state)) is None or not part.healthy(state, ports):
        return None
    return Running(pid, ports, reused=True)


def halt(part: Part, state: State) -> bool:
    """End the service and whatever a crash left of it. Returns whether anything ran."""
    main = processes.find(part.main(state), record(state, part.name).get("pid"))
    processes.stop(main, part.stop_signal, 30.0)
    rest = processes.find_all(part.family(state))
    processes.stop(rest, signal.SIGTERM, 5.0)
    return bool(main or rest)

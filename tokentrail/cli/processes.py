"""The processes that make up a Tokentrail on one machine, their ports, their keys."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from consumers import scorer_state
from tokentrail import devservices
from tokentrail.cli.stack import ISSUER_PORT, WEB_PORT
from tokentrail.cli.supervisor import Child, Supervisor
from tokentrail.config import PREFIX, SERVERS, Settings
from tokentrail.db import connect
from tokentrail.devservices.state import open_log, prepare
from tokentrail.tokens import make_keys

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Kind:
    """One process of the stack. `port_of` names the port it listens on; `ends` is its turn to be ended."""

    command: str
    port_of: str | None = None
    ends: int = 0


# In the order they are started; a command that this version does not have is left out. They end in another
# order: a resource server's last counts may still make the scorer command and the issuer obey, and the ledger
# writer hears everybody out.
KINDS = (
    Kind("ledger-writer", ends=3),
    Kind("scorer", ends=1),
    Kind("issuer", "issuer", ends=2),
    Kind("resource-server", "resource-server"),
    Kind("checkpointer", ends=3),
    Kind("web", "web"),
)


class Stack:
    """Runs the processes; `urls` are those that answer over HTTP, by command."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self._settings, self._say = settings, say
        state = prepare(settings.state_dir)
        self._supervisor = Supervisor(lambda name: open_log(state, name), say)
        self.urls: dict[str, str] = {}
        self.environment: dict[str, str] = {}

    def start(
        self,
        *,
        issuer_port: int = ISSUER_PORT,
        web_port: int = WEB_PORT,
        extra: Mapping[str, str] | None = None,
        options: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """Start all processes: `extra` is environment for all, `options` more arguments by command."""
        ports = {"issuer": issuer_port, "resource-server": 0, "web": web_port}
        kinds = [kind for kind in KINDS if kind.command in _commands()]
        chosen = {kind.command: free_port(ports[kind.port_of]) for kind in kinds if kind.port_of}
        self.urls = {name: f"http://{HOST}:{port}" for name, port in chosen.items()}
        self.environment = {
            **missing_keys(self._settings, self._say),
            **self._addresses(),
            **(extra or {}),
        }
        if f"{PREFIX}DATA_KEY" in self.environment:
            self._forget_sealed_state()
        more = options or {}
        children = [
            Child(kind.command, _arguments(chosen.get(kind.command)) + more.get(kind.command, ()), kind.ends)
            for kind in kinds
        ]
        self._supervisor.start(children, self.environment)
        devservices.announce(self._settings, issuer_url=self.urls.get("issuer"), web_url=self.urls.get("web"))

    def stop(self) -> None:
        """End all processes."""
        self._supervisor.stop()
        if self.urls:
            devservices.withdraw(self._settings)

    def _forget_sealed_state(self) -> None:
        """What an earlier run sealed under its own forgotten key would stop the scorer for ever."""
        with connect(self._settings, "scorer") as conn:
            scorer_state.forget(conn)

    def pids(self) -> dict[str, int]:
        """Process ids by command."""
        return self._supervisor.pids()

    def _addresses(self) -> dict[str, str]:
        """Where everything is, so that a child does not depend on the state directory's file."""
        known = {name: getattr(self._settings, name) for name in SERVERS}
        known["issuer"] = os.environ.get(f"{PREFIX}ISSUER") or self.urls.get("issuer")
        known["state_dir"] = str(self._settings.state_dir)
        return {PREFIX + name.upper(): value for name, value in known.items() if value}


def missing_keys(settings: Settings, say: Callable[[str], None]) -> dict[str, str]:
    """Keys for what the environment leaves unset: made in memory, only beside embedded servers.

    With servers of one's own, keys must outlive the process, so a missing one is left to be refused by name.
    """
    own_servers = [name for name in SERVERS if os.environ.get(PREFIX + name.upper())]
    wanted = {name: key for name, key in make_keys.environment().items() if not os.environ.get(name)}
    if settings.command_key is not None and f"{PREFIX}COMMAND_PUBLIC_KEY" in wanted:
        wanted.pop(f"{PREFIX}COMMAND_PUBLIC_KEY")
    if own_servers or not wanted:
        return {}
    say(f"keys made for this run, forgotten with it: {', '.join(sorted(wanted))}")
    return wanted


def free_port(wished: int) -> int:
    """The wished port if it is free, else one that is."""
    for port in (wished, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise AssertionError("the kernel gives no free port")


def _arguments(port: int | None) -> tuple[str, ...]:
    return () if port is None else ("--port", str(port))


def _commands() -> set[str]:
    """The commands this version has."""
    import typer

    from tokentrail.cli import app

    return set(getattr(typer.main.get_command(app), "commands", {}))

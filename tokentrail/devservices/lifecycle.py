"""Start, stop and look at the embedded services of one state directory."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tokentrail.config import Settings
from tokentrail.devservices import artifacts, kafka, postgres, registry
from tokentrail.devservices.part import Part, Running, ensure, halt
from tokentrail.devservices.processes import listening
from tokentrail.devservices.progress import Progress
from tokentrail.devservices.state import (
    SERVERS,
    URLS,
    State,
    existing,
    lock,
    prepare,
    read_json,
    update_services,
)


@dataclass(frozen=True)
class Services:
    """Where the three servers are; `reused` says that all of them were there already."""

    kafka_bootstrap: str
    database_url: str
    schema_registry_url: str
    reused: bool


def start(settings: Settings, progress: Progress | None = None) -> Services:
    """Start the embedded services that are not given from outside, or reuse them; returns when all answer.

    They outlive this process; `stop` ends them. TokentrailError in one line when one cannot run.
    """
    progress = progress or Progress()
    state = prepare(settings.state_dir)
    with lock(state, lambda: progress.say("", "another start or stop is at work here: waiting for it")):
        given = outside(settings, state)
        starter = _Starter(state, progress, given)
        addresses = starter.run()
        update_services(state, **{name: addresses[name] for name in SERVERS if name not in given})
    return Services(**{name: addresses[name] for name in SERVERS}, reused=starter.reused)


def outside(settings: Settings, state: State) -> dict[str, str]:
    """Servers that the environment names and that are not our own embedded ones."""
    ours = read_json(state.services)
    named = {name: getattr(settings, name) for name in SERVERS}
    return {name: value for name, value in named.items() if value and value != ours.get(name)}


class _Starter:
    """One start: Kafka and Postgres at once, the registry as soon as Postgres is there."""

    def __init__(self, state: State, progress: Progress, given: dict[str, str]) -> None:
        self._state, self._progress, self._given = state, progress, given
        self._recording = threading.Lock()
        self._started: list[Part] = []

    @property
    def reused(self) -> bool:
        """Whether all that was needed ran already."""
        return not self._started

    def run(self) -> dict[str, str]:
        """Addresses of the three servers. A failure, or Ctrl-C, leaves nothing running that this started."""
        pool = ThreadPoolExecutor(3)
        try:
            broker = pool.submit(self._kafka)
            database = pool.submit(self._postgres)
            schemas = pool.submit(self._registry, database)
            attempts: tuple[Future[Any], ...] = (broker, database, schemas)
            wait(attempts)
            ports = database.result()  # first: without it the registry only repeats its failure
            return {
                "database_url": self._given.get("database_url") or postgres.url(self._state, ports),
                "kafka_bootstrap": broker.result(),
                "schema_registry_url": schemas.result(),
            }
        except BaseException:
            self._progress.cancel()
            pool.shutdown()
            for part in reversed(self._started):
                halt(part, self._state)
            raise
        finally:
            pool.shutdown()

    def _kafka(self) -> str:
        return self._given.get("kafka_bootstrap") or kafka.bootstrap(self._ensure(kafka.PART))

    def _postgres(self) -> dict[str, int]:
        if {"database_url", "schema_registry_url"} <= self._given.keys():
            return {}
        ports = self._ensure(postgres.PART)
        postgres.create_databases(self._state, ports)
        return ports

    def _registry(self, database: Future[dict[str, int]]) -> str:
        if "schema_registry_url" in self._given:
            return self._given["schema_registry_url"]
        artifacts.registry_home(self._progress)  # the long download, while Postgres starts
        port = database.result()["client"]
        return registry.url(self._ensure(registry.part(port)))

    def _ensure(self, part: Part) -> dict[str, int]:
        running = ensure(part, self._state, self._progress)
        with self._recording:
            if not running.reused:
                self._started.append(part)
            _remember(self._state, part.name, running)
        return running.ports


def _remember(state: State, name: str, running: Running | None) -> None:
    """Note a part's process id and ports; of a stopped one the ports stay, for the next start."""
    known = read_json(state.services).get("processes")
    entries: dict[str, Any] = dict(known) if isinstance(known, dict) else {}
    before = entries.get(name) if isinstance(entries.get(name), dict) else {}
    entries[name] = running.entry() if running else {"pid": None, "ports": (before or {}).get("ports")}
    update_services(state, processes=entries)


def stop(settings: Settings, progress: Progress | None = None) -> bool:
    """End the embedded services of the state directory. Returns whether any ran. Their data stays."""
    progress = progress or Progress()
    if not existing(settings.state_dir).root.is_dir():
        return False
    state = prepare(settings.state_dir)
    with lock(state, lambda: progress.say("", "another start or stop is at work here: waiting for it")):
        ran = _halt(registry.part(0), state, progress)
        with ThreadPoolExecutor(2) as pool:
            ended = list(pool.map(lambda part: _halt(part, state, progress), (kafka.PART, postgres.PART)))
        for part in (registry.part(0), kafka.PART, postgres.PART):
            _remember(state, part.name, None)
        update_services(state, **dict.fromkeys(SERVERS))
    return ran or any(ended)


def _halt(part: Part, state: State, progress: Progress) -> bool:
    ran = halt(part, state)
    if ran:
        progress.say(part.label, "stopped")
    return ran


def announce(settings: Settings, *, issuer_url: str | None = None, web_url: str | None = None) -> None:
    """Let `status` and other processes know of an issuer or web server that this process runs."""
    state = prepare(settings.state_dir)
    entries = {"issuer_url": issuer_url, "web_url": web_url}
    with lock(state, lambda: None):
        update_services(state, **{name: value for name, value in entries.items() if value})


def withdraw(settings: Settings) -> None:
    """The counterpart of `announce`: its servers have ended."""
    state = prepare(settings.state_dir)
    with lock(state, lambda: None):
        update_services(state, **dict.fromkeys(URLS))


def alive(url: str | None) -> str | None:
    """The URL when somebody listens there, else None."""
    if not url:
        return None
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return url if parts.hostname and listening(port, parts.hostname) else None

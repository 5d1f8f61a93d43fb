"""Run contenders over a topic and measure from `go` to their last commit: records a second, CPU a record."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tokentrail.config import Settings

ROOT = Path(__file__).resolve().parents[1]
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Result:
    """Records, seconds from go to the last commit, CPU seconds of the clients and of their Postgres backends.

    `postgres_cpu` is None where the server's processes cannot be seen from here.
    """

    records: int
    seconds: float
    client_cpu: float
    postgres_cpu: float | None

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds

    def as_dict(self) -> dict[str, float | None]:
        """For JSON: rate in events/s, CPU in microseconds an event."""
        return {
            "rate": round(self.rate, 1),
            "client_us": round(self.client_cpu / self.records * 1e6, 2),
            "postgres_us": None if self.postgres_cpu is None else round(self.postgres_cpu / self.records * 1e6, 2),
        }


class Contender:
    """One process of a contender, and the last that it said."""

    def __init__(self, command: list[str], env: dict[str, str], news: queue.Queue[Any]) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own programs
            command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.held = self.records = 0
        self.began: tuple[float, float] | None = None
        self.last = (0.0, 0.0)
        threading.Thread(target=self._listen, args=(news,), daemon=True).start()

    def _listen(self, news: queue.Queue[Any]) -> None:
        assert self.process.stdout is not None  # noqa: S101
        for line in self.process.stdout:
            match line.split():
                case ["held", count]:
                    self.held = int(count)
                case ["wrote", count, moment, cpu]:
                    self.records, self.last = int(count), (float(moment), float(cpu))
                    self.began = self.began or self.last
            news.put(self)
        news.put(None)

    def go(self) -> None:
        """Open its gate."""
        assert self.process.stdin is not None  # noqa: S101
        self.process.stdin.write("go\n")

    def __enter__(self) -> Contender:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None  # noqa: S101
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def race(settings: Settings, command: list[str], topic: str, records: int, *, processes: int = 1) -> Result:
    """Let `processes` of the contender share the topic until `records` are durable.

    Raises RuntimeError when one ends early or nothing moves for a minute.
    """
    news: queue.Queue[Any] = queue.Queue()
    with ExitStack() as stack:
        runners = [
            stack.enter_context(Contender([*command, topic], environment(settings), news)) for _ in range(processes)
        ]
        _until(news, lambda: all(r.held for r in runners) and _settled(runners))
        before = backend_cpu(settings)
        for runner in runners:
            runner.go()
        _until(news, lambda: sum(r.records for r in runners) >= records)
        after = backend_cpu(settings)
        begins = [r.began for r in runners if r.began is not None]
        return Result(
            records=records,
            seconds=max(r.last[0] for r in runners) - min(moment for moment, _ in begins),
            client_cpu=sum(r.last[1] - r.began[1] for r in runners if r.began is not None),
            postgres_cpu=None if before is None or after is None else after - before,
        )


def _settled(runners: list[Contender]) -> bool:
    """With several, the group may still move partitions about: wait until it has not for a while."""
    if len(runners) == 1:
        return True
    shares = [r.held for r in runners]
    time.sleep(1.5)
    return shares == [r.held for r in runners] and sum(shares) >= len(runners)


def _until(news: queue.Queue[Any], holds: Any, patience: float = 60) -> None:
    while not holds():
        try:
            said = news.get(timeout=patience)
        except queue.Empty:
            raise RuntimeError(f"a contender has not moved for {patience:.0f} s") from None
        if said is None and not holds():
            raise RuntimeError("a contender ended before its work was done")


def backend_cpu(settings: Settings) -> float | None:
    """CPU seconds so far of the backends that serve this database, if they run on this machine."""
    with psycopg.connect(settings.require("database_url")) as conn:
        pids = [
            pid
            for (pid,) in conn.execute(
                "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            )
        ]
    total = 0.0
    for pid in pids:
        try:
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        total += (int(words[11]) + int(words[12])) / TICKS
    return total


def environment(settings: Settings) -> dict[str, str]:
    """What a contender is told: servers and keys, by environment only."""
    told = {
        "TOKENTRAIL_KAFKA_BOOTSTRAP": settings.require("kafka_bootstrap"),
        "TOKENTRAIL_DATABASE_URL": settings.require("database_url"),
        "TOKENTRAIL_SCHEMA_REGISTRY_URL": settings.require("schema_registry_url"),
        "TOKENTRAIL_DATA_KEY": settings.require("data_key"),
        "TOKENTRAIL_STATE_DIR": str(settings.state_dir),
    }
    return os.environ | told


def module(name: str) -> list[str]:
    """The command of one of our contenders."""
    return [sys.executable, "-m", f"benchmarks.contenders.{name}"]

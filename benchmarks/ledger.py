"""`tokentrail bench ledger`: the writer from Kafka to durable entries, beside its peers in the same run.

Every contender reads the same events from a topic of its own into a database of its own, one after the other;
their order turns around from one repeat to the next, and medians are reported. What counts is the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.made_events import Made, fill, made_events
from benchmarks.race import ROOT, Result, module, race
from benchmarks.reading import Reading, read_back
from benchmarks.stage import Stage, stage
from tokentrail.codec import Codec

QUIX = ROOT / "benchmarks" / "contenders" / "quix.py"


@dataclass(frozen=True)
class Entry:
    """A contender: its command, how many processes share the topic, and its share of the events."""

    title: str
    command: list[str]
    processes: int = 1
    share: float = 1.0
    env: dict[str, str] | None = None


def contenders(writers: int, peers: bool) -> tuple[dict[str, Entry], list[str]]:
    """By name, and what cannot take part and why. The slow ones get fewer events, not fewer seconds."""
    found = {"ours": Entry("tokentrail, one writer", module("ours"))}
    if writers > 1:
        found["ours_2"] = Entry("tokentrail, two writers of the group", module("ours"), processes=2)
    missing: list[str] = []
    if not peers:
        return found, missing
    found["bare"] = Entry("(b) decode, de-duplicate, COPY: no ledger", module("bare"))
    found["naive"] = Entry("(a) ORM, commit per 100: no ledger", module("naive"), share=0.1)
    python = quix_python()
    if python is None:
        missing.append("(c) quixstreams is not installed: python3 -m venv .venv-bench && "
                       ".venv-bench/bin/pip install -r requirements/bench.txt")  # fmt: skip
    else:
        found["quix"] = Entry("(c) quixstreams, PostgreSQL sink: no ledger", [python, str(QUIX)], share=0.25)
    return found, missing


def quix_python() -> str | None:
    """An interpreter with quixstreams: TOKENTRAIL_BENCH_PYTHON, or that of .venv-bench; it pins an older client."""
    given = os.environ.get("TOKENTRAIL_BENCH_PYTHON", str(ROOT / ".venv-bench" / "bin" / "python"))
    return given if shutil.which(given) else None


def main(argv: list[str]) -> int:
    """Entry point of `tokentrail bench ledger`."""
    parser = argparse.ArgumentParser(prog="tokentrail bench ledger", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000, help="events a run (the slow contenders get fewer)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--writers", type=int, choices=(1, 2), default=2, help="also measure two writers of the group")
    parser.add_argument("--no-peers", action="store_true", help="only the writer itself")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    say = (lambda _line: None) if args.json else lambda line: print(line, file=sys.stderr, flush=True)
    field, missing = contenders(args.writers, not args.no_peers)
    with stage() as servers:
        made = made_events(Codec(servers.settings.require("schema_registry_url")), args.events)
        runs, reading = compete(servers, field, made, args.repeats, say)
    report = summary(runs, reading, args, missing)
    print(json.dumps(report, indent=2) if args.json else text(report, field))
    return 0


def compete(
    servers: Stage, field: dict[str, Entry], made: Made, repeats: int, say: Callable[[str], None]
) -> tuple[dict[str, list[Result]], Reading | None]:
    """All repeats; the ledger of the last run of ours is read back before it goes."""
    runs: dict[str, list[Result]] = {name: [] for name in field}
    reading = None
    for repeat in range(repeats):
        order = list(field) if repeat % 2 == 0 else list(reversed(field))
        for name in order:
            entry = field[name]
            share = made[: max(1000, int(len(made) * entry.share))]
            with servers.database() as settings, servers.topic() as topic:
                fill(settings, topic, share)
                result = race(settings, entry.command, topic, len(share), processes=entry.processes)
                if name == "ours" and repeat == repeats - 1:
                    reading = read_back(settings)
            runs[name].append(result)
            cost = result.as_dict()
            each = f"client {cost['client_us']} + postgres {cost['postgres_us']} us"
            say(f"{entry.title:46} {result.rate:9,.0f}/s  {each}")
    return runs, reading


def summary(runs: dict[str, list[Result]], reading: Reading | None, args: Any, missing: list[str]) -> dict[str, Any]:
    """Medians, and the ratios that count."""
    medians = {name: _median(results) for name, results in runs.items()}
    ours = medians["ours"]["rate"]
    ratios = {f"ours/{name}": round(ours / m["rate"], 2) for name, m in medians.items() if not name.startswith("ours")}
    if "ours_2" in medians:
        ratios["ours_2/ours"] = round(medians["ours_2"]["rate"] / ours, 2)
    return {
        "bench": "ledger",
        "events": args.events,
        "repeats": args.repeats,
        "cpus": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "native": os.environ.get("TOKENTRAIL_NATIVE", "") != "0" and _native(),
        "median": medians,
        "ratio": ratios,
        "reading": None if reading is None else reading.as_dict(),
        "missing": missing,
    }


def _native() -> bool:
    return False


def _median(results: list[Result]) -> dict[str, Any]:
    rows = [result.as_dict() for result in results]
    known = {key: [row[key] for row in rows if row[key] is not None] for key in rows[0]}
    return {
        key: round(statistics.median(values), 2) if len(values) == len(rows) else None for key, values in known.items()
    }


def text(report: dict[str, Any], field: dict[str, Entry]) -> str:
    """The report as people read it."""
    lines = [f"{'':46} {'events/s':>10} {'client us':>10} {'postgres us':>12}"]
    for name, row in report["median"].items():
        postgres = "-" if row["postgres_us"] is None else f"{row['postgres_us']:.1f}"
        lines.append(f"{field[name].title:46} {row['rate']:>10,.0f} {row['client_us']:>10.1f} {postgres:>12}")
    lines += [f"{name:46} {ratio:>10.2f}" for name, ratio in report["ratio"].items()]
    if report["reading"]:
        lines += [f"{name.replace('_', ' '):46} {value:>10,}" for name, value in report["reading"].items()]
    lines += [f"left out: {reason}" for reason in report["missing"]]
    native = "with" if report["native"] else "without"
    lines.append(f"{report['cpus']} CPUs, load {report['load_average']}, {native} the native part, {report['at']}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

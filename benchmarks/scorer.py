"""`tokentrail bench scorer`: events a second with everything on, beside peers in the same run, and memory."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
import psutil

from benchmarks.streams import invented
from tokentrail.detect.artefacts import bundled
from tokentrail.detect.backtest import Run
from tokentrail.detect.facts import NAMES
from tokentrail.detect.forest import PICK, train
from tokentrail.detect.models import Models
from tokentrail.detect.observation import from_record
from tokentrail.detect.policy import Policy
from tokentrail.detect.state import Subject, World

PEER_ROWS = 300
SUBJECTS = 50_000
PER_SUBJECT = 14  # values a settled subject is known for: addresses, networks, agents, devices, places


def end_to_end(lines: list[str], models: Models) -> tuple[float, list[tuple[float, ...]]]:
    """(events a second from JSON text to output object, fact rows)."""
    run, rows = Run(Policy(), models), []
    encode = json.JSONEncoder().encode
    started = time.perf_counter()
    for line in lines:
        encode(run.line(line))
    pace = len(lines) / (time.perf_counter() - started)
    run = Run(Policy(), models)
    for line in lines[:5_000]:
        verdict = run.verdict(from_record(json.loads(line)))
        if verdict.row:
            rows.append(verdict.row)
    return pace, rows


def peers(rows: list[tuple[float, ...]]) -> dict[str, float]:
    """Rows a second of models alone: scikit-learn one at a time, flattened, river where it is installed."""
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415

    data = np.asarray(rows, dtype=np.float32)[:, PICK]
    model = IsolationForest(n_estimators=40, max_samples=512, random_state=7).fit(data)
    found = {"scikit-learn IsolationForest, one row at a time": _pace(lambda r: model.score_samples([r]),
                                                                     data[:PEER_ROWS])}  # fmt: skip
    forest, combiner = train(rows), bundled().combiner
    found["the same forest flattened"] = _pace(forest.anomaly, rows)
    if combiner is not None:
        found["combiner flattened"] = _pace(combiner.probability, rows)
    try:
        from river.anomaly import HalfSpaceTrees  # type: ignore[import-not-found]  # noqa: PLC0415
    except ImportError:
        sys.stderr.write("river is not installed: its HalfSpaceTrees are left out\n")
        return found
    trees = HalfSpaceTrees(n_trees=10, height=8, window_size=250, seed=7)
    picked = [{NAMES[i]: row[i] for i in PICK} for row in rows]

    def step(row: dict[str, float]) -> None:
        trees.score_one(row)
        trees.learn_one(row)

    found["river HalfSpaceTrees (10 trees), score and learn"] = _pace(step, picked)
    return found


def _pace(function: Any, rows: Any) -> float:
    started = time.perf_counter()
    for row in rows:
        function(row)
    return len(rows) / (time.perf_counter() - started)


def bytes_a_subject() -> float:
    """Resident memory of one settled subject, measured over many."""
    world, words = World(), World().vocabulary
    shared = [[words.id(f, f"v{n}") for n in range(400)] for f in range(12)]
    before = psutil.Process().memory_info().rss
    for number in range(SUBJECTS):
        subject = world.subjects[f"u{number:08x}"] = Subject(first=0.0, last=1.0, n=40)
        subject.seen = {shared[i % 12][(number * 7 + i) % 400]: 3 for i in range(PER_SUBJECT)}
        subject.place = (1.0, 2.0 + number, 3.0, 4, 5)
    return (psutil.Process().memory_info().rss - before) / SUBJECTS


def main(arguments: list[str] | None = None) -> int:
    """Run and print; `--json` for one line of JSON."""
    as_json = "--json" in (arguments or [])
    memory = bytes_a_subject()
    lines = [json.dumps(row) for row in invented(77, 60_000).rows]
    pace, rows = end_to_end(lines, bundled())
    rules, _ = end_to_end(lines, Models())
    figures = {"events_per_second": round(pace), "rules_and_forest_only": round(rules),
               "peers_rows_per_second": {k: round(v) for k, v in peers(rows).items()},
               "bytes_per_subject": round(memory), "million_subjects_gb": round(memory / 1000, 2)}  # fmt: skip
    if as_json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return 0
    sys.stdout.write(f"end to end, all detections and models, one core: {figures['events_per_second']:,} events/s\n")
    sys.stdout.write(f"the same without the combiner: {figures['rules_and_forest_only']:,} events/s\n")
    for name, value in peers(rows).items():
        sys.stdout.write(f"  {name}: {value:,.0f} rows/s\n")
    sys.stdout.write(f"memory: {memory:.0f} bytes a subject, {memory / 1000:.2f} GB for a million\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

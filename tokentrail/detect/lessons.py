"""Training from a file: a forest from unlabelled events, a combiner from labelled ones, each judged first."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokentrail.detect import artefacts, forest, training
from tokentrail.detect.backtest import Run
from tokentrail.detect.evaluation.measures import average_precision
from tokentrail.detect.learned import SUSPICIOUS
from tokentrail.detect.observation import Observation, Unreadable, from_record
from tokentrail.detect.policy import Policy
from tokentrail.errors import NotFound, Refused

MIN_ROWS = 1_000
MAX_ROWS = 20_000
HELD_OUT = 0.3  # the last part of the file judges what the first taught
WORSE = 0.01


@dataclass(slots=True)
class Lesson:
    """Facts of a file's events in order, with what was seen of them."""

    rows: NDArray[np.float32]
    ids: list[str]
    risk: NDArray[np.float64]
    first: float
    last: float


def read(path: Path, policy: Policy) -> Lesson:
    """Score a file of events and keep the facts. Raises NotFound, or Refused if it is too short."""
    run = Run(policy, artefacts.bundled())
    scored = [(event, run.verdict(event)) for event in _events(path)]
    kept = [(event, verdict) for event, verdict in scored if verdict.row]
    if len(kept) < MIN_ROWS:
        raise Refused(f"{path} has {len(kept)} usable events; training needs {MIN_ROWS}")
    rows = np.array([verdict.row for _, verdict in kept], dtype=np.float32)
    return Lesson(rows, [e.event_id for e, _ in kept], np.array([v.score for _, v in kept]), kept[0][0].ts,
                  kept[-1][0].ts)  # fmt: skip


def _events(path: Path) -> Iterator[Observation]:
    try:
        handle = path.open(encoding="utf-8", errors="replace")
    except OSError as error:
        raise NotFound(f"cannot read {path}: {error.strerror}") from error
    with handle:
        for line in handle:
            try:
                yield from_record(json.loads(line))
            except (ValueError, RecursionError, Unreadable):
                continue


def _about(lesson: Lesson, source: Path, **more: Any) -> dict[str, Any]:
    return {"source": source.name, "events": len(lesson.ids), "from": lesson.first, "to": lesson.last,
            "code": version("tokentrail"), **more}  # fmt: skip


def teach_forest(lesson: Lesson, source: Path) -> dict[str, Any]:
    """A forest over the ordinary rows of the file; nothing that looked like an attack becomes the norm."""
    ordinary = lesson.rows[lesson.risk < SUSPICIOUS]
    step = max(1, len(ordinary) // MAX_ROWS)
    rows = [tuple(float(x) for x in row) for row in ordinary[::step]]
    made = forest.train(rows)
    odd = float(np.mean([made.rank(tuple(float(x) for x in row)) > 0.99 for row in lesson.rows[:: step * 4]]))
    return artefacts.forest_document(made, _version(), _about(lesson, source, share_over_rank_99=round(odd, 5)))


def teach_combiner(lesson: Lesson, source: Path, labels: Path) -> tuple[dict[str, Any], bool]:
    """(document, whether it may be used): it must not be worse than the present one on the held-out part."""
    truth = _labels(labels)
    numbers = {name: i for i, name in enumerate(sorted(set(truth.values())))}
    incident = np.array([numbers.get(truth.get(i, ""), -1) for i in lesson.ids])
    bad = incident >= 0
    cut = int(len(bad) * (1 - HELD_OUT))
    if not bad[:cut].any() or not bad[cut:].any():
        raise Refused("both the first and the last part of the file need labelled attacks")
    model = training.fit(lesson.rows[:cut], bad[:cut], training.weights(bad[:cut], incident[:cut]))
    made = training.flatten(model, _version())
    tested = np.array([made.probability(tuple(float(x) for x in row)) for row in lesson.rows[cut:]])
    new, old = average_precision(bad[cut:], tested), average_precision(bad[cut:], lesson.risk[cut:])
    about = _about(lesson, source, attacks=int(bad.sum()), area=round(new, 4), area_before=round(old, 4))
    return artefacts.to_document(made, about), new >= old - WORSE


def _labels(path: Path) -> dict[str, str]:
    """event_id -> incident, from JSON lines with those fields."""
    found = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            found[str(record["event_id"])] = str(record.get("incident") or record["event_id"])
    except OSError as error:
        raise NotFound(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(f"{path}: each line must be an object with event_id and incident") from error
    return found


def _version() -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())

"""Labelled streams for evaluation and training: two generators by two authors, scored by the engine itself."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from producers.simulator.file_driver import play
from producers.simulator.file_world import LIFETIME
from producers.simulator.plan import month
from producers.simulator.population import Size
from tokentrail.detect.backtest import Run
from tokentrail.detect.decisions import decide
from tokentrail.detect.evaluation.measures import Scored
from tokentrail.detect.evaluation.world import make
from tokentrail.detect.models import Models
from tokentrail.detect.observation import TOKEN_REVOKE, from_record
from tokentrail.detect.policy import Policy, parse

Row = tuple[float, ...]


@dataclass(slots=True)
class Stream:
    """Rows in time order, labels by event id, and the policy that goes with them."""

    name: str
    rows: list[dict[str, Any]]
    labels: dict[str, tuple[str, str]]
    policy: Policy


def invented(seed: int, events: int = 100_000, stealth: float | None = None) -> Stream:
    """An organisation of tokentrail.detect.evaluation."""
    world = make(seed, events=events, stealth=stealth)
    return Stream(f"invented-{seed}", world.rows, world.labels, parse(world.policy))


def simulated(seed: int, users: int = 260, days: int = 30, incidents: int = 10, stealth: float = 0.35) -> Stream:
    """A month of the demo's simulator."""
    world = play(month(seed, Size(users, days=days), incidents, stealth), seed)
    labels = {x.event_id: (x.attack, x.incident) for x in world.labels}
    trusted = {"issuers": {world.issuer: {"kids": ["k1", "k2"]}}, "max_lifetime_seconds": int(LIFETIME)}
    return Stream(f"simulated-{seed}", [dict(r) for r in world.rows], labels, parse(trusted))


def varied(seed: int) -> Stream:
    """A simulator's month of another size, length and difficulty for each seed, for training."""
    rng = random.Random(seed)  # noqa: S311 - a choice of sizes
    return simulated(seed, users=rng.choice([100, 200, 400]), days=rng.choice([10, 20, 30]),
                     incidents=rng.choice([5, 8]), stealth=rng.choice([0.2, 0.5, 0.8]))  # fmt: skip


@dataclass(slots=True)
class Result:
    """A scored stream; `rules` is the score without the combiner, `facts` the rows if they were kept."""

    scored: Scored
    rules: NDArray[np.float64]
    facts: NDArray[np.float32] | None
    usable: NDArray[np.bool_]


def score(stream: Stream, models: Models, *, keep: bool = False) -> Result:
    """Run the engine over a stream as `tokentrail backtest` does. Labels are only laid beside the result."""
    run, count = Run(stream.policy, models), len(stream.rows)
    ts, risk, rules = np.zeros(count), np.zeros(count), np.zeros(count)
    success, revoked = np.zeros(count, bool), np.zeros(count, bool)
    incident = np.full(count, -1, np.int64)
    subject, attack, fired, facts, numbers = [], [], [], [], dict[str, int]()
    for i, record in enumerate(stream.rows):
        event = from_record(record)
        verdict = run.verdict(event)
        decision = decide(event, verdict, stream.policy, run.limiter, run.world.now)
        ts[i], risk[i], rules[i] = event.ts, verdict.score, verdict.rules
        success[i] = event.success and event.type != TOKEN_REVOKE
        revoked[i] = decision.revoke is not None
        subject.append(event.subject or "")
        fired.append(tuple(verdict.detections))
        label = stream.labels.get(event.event_id)
        attack.append(label[0] if label else "")
        if label:
            incident[i] = numbers.setdefault(label[1], len(numbers))
        if keep:
            facts.append(verdict.row)
    usable = np.array([bool(f) for f in facts]) if keep else np.ones(count, bool)
    width = max((len(f) for f in facts), default=0)
    kept = np.array([f or (0.0,) * width for f in facts], dtype=np.float32) if keep else None
    return Result(Scored(ts, subject, risk, success, attack, incident, revoked, fired), rules, kept, usable)

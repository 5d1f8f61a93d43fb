"""The scorer's own code over a file of events (contract.md, Backtest files), line by line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from tokentrail.detect.decisions import Limiter, decide
from tokentrail.detect.engine import Verdict, score
from tokentrail.detect.learned import Retrainer
from tokentrail.detect.models import Models
from tokentrail.detect.observation import Observation, Unreadable, from_record
from tokentrail.detect.policy import Policy
from tokentrail.detect.state import World
from tokentrail.errors import NotFound

MAX_LINE = 1_048_576
PROGRESS = 20_000
DAY = 86_400.0


@dataclass(slots=True)
class Counts:
    """What a run saw."""

    lines: int = 0
    unreadable: int = 0
    alerts: int = 0
    alert_at: float | None = None  # the threshold that gives the wished rate of alerts
    revocations: int = 0
    seconds: float = 0.0


class Run:
    """One pass over a stream: world, models and limits, moved on event by event."""

    def __init__(self, policy: Policy, models: Models) -> None:
        self.policy = policy
        self.models = models
        self.world = World()
        self.limiter = Limiter()
        self.retrainer = Retrainer()
        self.counts = Counts()
        self.peaks: dict[tuple[str, int], float] = {}  # the gravest of each subject's days

    def verdict(self, event: Observation) -> Verdict:
        """Score one observation; the forest learns from the rows as they pass."""
        found = score(self.world, event, self.policy, self.models)
        self.retrainer.offer(found, self.models)
        return found

    def line(self, text: str) -> dict[str, Any]:
        """The output object of one input line; a line that cannot be read says why."""
        self.counts.lines += 1
        try:
            event = _observation(text)
        except Unreadable as error:
            self.counts.unreadable += 1
            return {"event_id": None, "error": str(error)}
        verdict = self.verdict(event)
        decision = decide(event, verdict, self.policy, self.limiter, self.world.now)
        day = (event.subject or "?", int(self.world.now // DAY))
        self.peaks[day] = max(self.peaks.get(day, 0.0), verdict.score)
        self.counts.alerts += decision.alert
        self.counts.revocations += decision.revoke is not None
        target = decision.revoke
        return {
            "event_id": event.event_id,
            "score": round(verdict.score, 6),
            "detections": verdict.detections,
            "reasons": verdict.reasons,
            "severity": decision.severity,
            "revoke": {"target": target.target, "value": target.value} if target else None,
        }

    def threshold(self, alerts_per_day: float) -> float:
        """The score above which at most so many subject-days a day would have alerted on this file."""
        days = max(1.0, (self.world.now - self.world.start) / DAY)
        peaks = sorted(self.peaks.values(), reverse=True)
        place = int(alerts_per_day * days)
        return 0.0 if place >= len(peaks) else min(1.0, peaks[place] + 1e-6)


def _observation(text: str) -> Observation:
    if len(text) > MAX_LINE:
        raise Unreadable(f"the line is over {MAX_LINE} characters")
    try:
        return from_record(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {type(error).__name__}") from None


def lines(stream: Iterable[bytes]) -> Iterator[str]:
    """Decode lines one at a time; bytes that are no UTF-8 are marked, not fatal. Blank lines count."""
    for raw in stream:
        yield raw.decode("utf-8", errors="replace").strip()


def backtest(
    source: Path, out: Path, policy: Policy, models: Models, progress: TextIO = sys.stderr,
    alerts_per_day: float | None = None,
) -> Counts:  # fmt: skip
    """Score `source` into `out`, one line each, streaming. Raises NotFound where there is no such file."""
    run = Run(policy, models)
    started = time.monotonic()
    try:
        reader = source.open("rb")
    except OSError as error:
        raise NotFound(f"cannot read {source}: {error.strerror}") from error
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    with reader, out.open("w", encoding="utf-8", errors="replace") as writer:
        for text in lines(reader):
            writer.write(encode(run.line(text)) + "\n")
            if run.counts.lines % PROGRESS == 0:
                pace = run.counts.lines / (time.monotonic() - started)
                progress.write(f"{run.counts.lines:,} events, {pace:,.0f} a second\n")
                progress.flush()
    if alerts_per_day is not None:
        run.counts.alert_at = round(run.threshold(alerts_per_day), 6)
    run.counts.seconds = time.monotonic() - started
    return run.counts

"""What analysts say, taken up: a dismissed alert clears its subject, a confirmed one keeps its place suspect.

Reviews are events of the stream, so what they change is visible in the ledger, repeats after a restart,
and is undone by the opposite review. One reviewer changes at most so many subjects an hour: five hundred
hasty (or hostile) dismissals must not teach the scorer to sleep.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from tokentrail.detect.state import World

PER_HOUR = 20
HOUR = 3_600.0
CERTAIN = 1.0


@dataclass(slots=True)
class Reviews:
    """Reviews of the last hour by reviewer; `ignored` counts those beyond the limit."""

    recent: dict[str, deque[float]] = field(default_factory=dict)
    ignored: int = 0

    def hear(self, world: World, subject: str | None, verdict: str, reviewer: str, now: float) -> bool:
        """Apply one review; False where it changed nothing (unknown subject, `ack`, over the limit)."""
        state = world.subjects.get(subject) if subject else None
        if state is None or verdict not in ("dismiss", "confirm"):
            return False
        if verdict == "dismiss" and not self._within(reviewer, now):
            self.ignored += 1
            return False
        if verdict == "dismiss":
            state.risk = None  # what waited under suspicion may become habit
            state.alarm = 0.0
        else:
            state.risk = dict.fromkeys(state.risk or {}, (CERTAIN, now))
        return True

    def _within(self, reviewer: str, now: float) -> bool:
        times = self.recent.setdefault(reviewer, deque())
        while times and now - times[0] > HOUR:
            times.popleft()
        if len(times) >= PER_HOUR:
            return False
        times.append(now)
        return True

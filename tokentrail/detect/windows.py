"""Counters that forget: constant memory, constant time, no timers."""

from __future__ import annotations

from math import exp

LN2 = 0.6931471805599453
FAST, MID, SLOW = 300.0, 3_600.0, 86_400.0  # half-lives in seconds
K_FAST, K_MID, K_SLOW = LN2 / FAST, LN2 / MID, LN2 / SLOW
K_HABIT = LN2 / (7 * 86_400.0)
MAX_VICTIMS = 512


class Tally:
    """Failures seen from one source (an address, a network, an agent, a client, everywhere).

    `fast`, `mid` and `slow` are unfamiliar failures decayed with half-lives of 5 minutes, an hour
    and a day; `victims` counts distinct accounts the same way; `habit` is the long-run rate per day.
    """

    __slots__ = ("calm", "fast", "habit", "last_win", "mid", "seen", "slow", "ts", "victims", "wins")

    def __init__(self, now: float) -> None:
        self.ts = now
        self.fast = self.mid = self.slow = self.victims = self.wins = self.calm = self.habit = 0.0
        self.last_win = 0.0
        self.seen: dict[str, float] = {}

    def settle(self, now: float) -> None:
        """Bring every counter to `now` (a monotone clock, seconds)."""
        dt = now - self.ts
        if dt <= 0.0:
            return
        self.ts = now
        if self.slow < 1e-4 and self.calm < 1e-4:
            self.habit *= exp(-dt * K_HABIT)
            return
        slow = exp(-dt * K_SLOW)
        self.slow *= slow
        self.victims *= slow
        self.wins *= slow
        self.calm *= slow
        self.habit *= exp(-dt * K_HABIT)
        self.mid *= exp(-dt * K_MID)
        self.fast = self.fast * exp(-dt * K_FAST) if dt < 40 * FAST else 0.0

    def fail(self, subject: str, weight: float) -> None:
        """One failure on `subject`, `weight` 0..1 as unfamiliar as it was; call settle first."""
        if weight < 0.25:
            self.calm += 1.0
            return
        self.fast += weight
        self.mid += weight
        self.slow += weight
        self.habit += weight
        last = self.seen.get(subject)
        if last is None or self.ts - last > SLOW:
            self.victims += weight
            if last is None and len(self.seen) >= MAX_VICTIMS:
                self.seen.pop(next(iter(self.seen)))
        self.seen[subject] = self.ts

    def win(self, familiar: bool) -> None:
        """One success; only what is familiar speaks for the source."""
        if familiar:
            self.calm += 1.0
        else:
            self.wins += 1.0
            self.last_win = self.ts


class Rate:
    """How fast something happens now against how fast it ever did on an earlier day."""

    __slots__ = ("day", "level", "peak", "today", "ts")

    def __init__(self, now: float) -> None:
        self.ts = now
        self.level = self.today = self.peak = 0.0
        self.day = int(now // 86_400)

    def add(self, now: float, weight: float, half_life: float, learn: bool = True) -> float:
        """Count `weight` and return the level: a decayed count with this half-life in seconds."""
        dt = now - self.ts
        if dt > 0:
            self.level *= exp(-dt * LN2 / half_life)
            self.ts = now
            day = int(now // 86_400)
            if day != self.day:
                # A peak fades over weeks and never takes up the day it is compared with.
                self.peak = max(self.today, self.peak * 0.97 ** min(day - self.day, 400))
                self.today, self.day = 0.0, day
        self.level += weight
        if learn and self.level > self.today:
            self.today = self.level
        return self.level

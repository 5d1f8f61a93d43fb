"""The figures a demonstration ends with, and whether the loop held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

ENFORCED_GOAL_MS = 1000.0


@dataclass(slots=True)
class Figures:
    """What was measured on the real parts. Times are milliseconds where the name says so, else seconds."""

    seconds: float = 0.0
    events_published: int = 0
    entries: int = 0
    missing: int = 0
    verify_ok: bool = False
    verified_entries: int = 0
    root_hash: str = ""
    alerts: dict[str, int] = field(default_factory=dict)
    commands: int = 0
    acknowledged: int = 0
    enforced_ms: list[float] = field(default_factory=list)
    revoked_token_refused: bool = False
    tamper_detected: bool = False
    tampered_index: int | None = None
    restored_ok: bool = False
    incidents: dict[str, str] = field(default_factory=dict)
    """Attack types played, and what became of them: revoked, alerted or not seen."""
    disturbed: int = 0
    """Honest people, untouched by any attacker, whose tokens were revoked."""
    people: int = 0
    notes: list[str] = field(default_factory=list)
    """What did not hold or deserves a word."""

    @property
    def held(self) -> bool:
        """Whether every part of the loop did what it should."""
        return (
            self.entries > 0
            and self.missing == 0
            and self.entries == self.events_published
            and self.verify_ok
            and self.commands > 0
            and self.acknowledged == self.commands
            and self.revoked_token_refused
            and self.tamper_detected
            and self.restored_ok
        )

    def contract(self) -> dict[str, Any]:
        """The JSON line of the contract."""
        return {
            "seconds": round(self.seconds, 1),
            "events_published": self.events_published,
            "entries": self.entries,
            "verify_ok": self.verify_ok,
            "alerts": dict(sorted(self.alerts.items(), key=lambda item: (-item[1], item[0]))),
            "commands": self.commands,
            "acknowledged": self.acknowledged,
            "enforced_ms": {"p50": percentile(self.enforced_ms, 50), "p99": percentile(self.enforced_ms, 99)},
            "revoked_token_refused": self.revoked_token_refused,
            "tamper_detected": self.tamper_detected,
            "restored_ok": self.restored_ok,
        }


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Nearest-rank percentile, to a tenth; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * percent // 100))
    return round(ordered[int(rank) - 1], 1)

"""Measures at a budget, never at one threshold (detections.md, How it is measured)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DAY = 86_400.0
SOON = 60.0
VOLUMETRIC = frozenset(
    (
        "brute_force", "password_spray", "password_spray_distributed", "credential_stuffing", "device_farm",
        "device_rotation", "slow_spray", "nat_spray",
    )
)  # fmt: skip
CERTAIN = frozenset(("refresh_token_replay", "use_after_revoke", "forged_token", "overlong_token", "scope_widening"))


@dataclass(slots=True)
class Scored:
    """One scored stream, column by column; `incident` -1 and `attack` "" mean benign."""

    ts: NDArray[np.float64]
    subject: list[str]
    score: NDArray[np.float64]
    success: NDArray[np.bool_]
    attack: list[str]
    incident: NDArray[np.int64]
    revoked: NDArray[np.bool_]
    fired: list[tuple[str, ...]]


@dataclass(slots=True)
class Report:
    """Shares 0..1; `by_attack` gives per type (incidents, recall at 0.1 %, recall at 1 %, events at 1 %)."""

    area: float
    recall_01: float
    recall_1: float
    volumetric_01: float
    stealthy_days_05: float
    stealthy_days_1: float
    soon_1: float
    certain: float
    certain_days: float
    revoked_days: float
    by_attack: dict[str, tuple[int, float, float, float]]


def average_precision(bad: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """Area under precision and recall; events of one score are taken together."""
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(bad[order])
    last = np.append(np.diff(score[order]) != 0, True)
    hits, seen = hits[last], (np.arange(len(order)) + 1)[last]
    gained = np.diff(np.concatenate([[0], hits]))
    return float(np.sum(gained * hits / seen) / max(int(bad.sum()), 1))


def threshold(benign: NDArray[np.float64], share: float) -> float:
    """The score that at most `share` of the benign exceed."""
    if len(benign) == 0:
        return 0.0
    ordered = np.sort(benign)[::-1]
    return float(ordered[min(int(share * len(ordered)), len(ordered) - 1)])


def measure(s: Scored) -> Report:
    """All measures of one stream."""
    bad = s.incident >= 0
    benign = s.score[~bad]
    t01, t1 = threshold(benign, 0.001), threshold(benign, 0.01)
    incidents = _incidents(s, bad)
    by_attack = _by_attack(s, incidents, t01, t1)
    days = _days(s, bad)
    found01 = {k: float(np.max(s.score[v])) > t01 for k, v in incidents.items()}
    kind = {k: s.attack[int(v[0])] for k, v in incidents.items()}
    found1 = {k: float(np.max(s.score[v])) > t1 for k, v in incidents.items()}
    return Report(
        area=average_precision(bad, s.score),
        recall_01=_mean(list(found01.values())),
        recall_1=_mean(list(found1.values())),
        volumetric_01=_mean([f for k, f in found01.items() if kind[k] in VOLUMETRIC]),
        stealthy_days_05=_stealthy(days, 0.005),
        stealthy_days_1=_stealthy(days, 0.01),
        soon_1=_soon(s, incidents, t1),
        certain=_certain(s, incidents, kind),
        certain_days=_fired_days(days),
        revoked_days=_mean([d.revoked for d in days.values() if not d.attacks]),
        by_attack=by_attack,
    )


@dataclass(slots=True)
class _Day:
    score: float = 0.0
    attacks: frozenset[str] = frozenset()
    revoked: bool = False
    certain: bool = False


def _incidents(s: Scored, bad: NDArray[np.bool_]) -> dict[int, NDArray[np.int64]]:
    found: dict[int, list[int]] = defaultdict(list)
    for i in np.flatnonzero(bad):
        found[int(s.incident[i])].append(int(i))
    return {k: np.array(v) for k, v in found.items()}


def _by_attack(
    s: Scored, incidents: dict[int, NDArray[np.int64]], t01: float, t1: float
) -> dict[str, tuple[int, float, float, float]]:
    groups: dict[str, list[NDArray[np.int64]]] = defaultdict(list)
    for rows in incidents.values():
        groups[s.attack[int(rows[0])]].append(rows)
    return {
        kind: (
            len(all_rows),
            _mean([float(np.max(s.score[r])) > t01 for r in all_rows]),
            _mean([float(np.max(s.score[r])) > t1 for r in all_rows]),
            float(np.mean(s.score[np.concatenate(all_rows)] > t1)),
        )
        for kind, all_rows in sorted(groups.items())
    }


def _days(s: Scored, bad: NDArray[np.bool_]) -> dict[tuple[str, int], _Day]:
    protocol = frozenset(
        ("refresh_token_reuse", "use_after_revoke", "unknown_issuer_or_key", "lifetime_over_policy", "scope_widened")
    )
    days: dict[tuple[str, int], _Day] = {}
    for i, subject in enumerate(s.subject):
        day = days.setdefault((subject, int(s.ts[i] // DAY)), _Day())
        if bad[i]:
            day.attacks |= {s.attack[i]}
            day.score = max(day.score, float(s.score[i]))
        elif not day.attacks:
            day.score = max(day.score, float(s.score[i]))
        if not bad[i]:
            day.revoked |= bool(s.revoked[i])
            day.certain |= bool(protocol.intersection(s.fired[i]))
    return days


def _stealthy(days: dict[tuple[str, int], _Day], budget: float) -> float:
    """Share of subject-days under attacks that make no noise, found where `budget` of benign days would be hit."""
    limit = threshold(np.array([d.score for d in days.values() if not d.attacks]), budget)
    quiet = [d.score > limit for d in days.values() if d.attacks and not d.attacks & VOLUMETRIC]
    return _mean(quiet)


def _soon(s: Scored, incidents: dict[int, NDArray[np.int64]], limit: float) -> float:
    """Share of incidents with an attacker's success that are alerted within a minute of the first one."""
    soon = []
    for rows in incidents.values():
        wins = rows[s.success[rows]]
        if len(wins) == 0:
            continue
        by = s.ts[int(wins[0])] + SOON
        soon.append(bool(np.any((s.score[rows] > limit) & (s.ts[rows] <= by))))
    return _mean(soon)


def _certain(s: Scored, incidents: dict[int, NDArray[np.int64]], kind: dict[int, str]) -> float:
    return _mean([any(s.fired[int(i)] for i in rows) for k, rows in incidents.items() if kind[k] in CERTAIN])


def _fired_days(days: dict[tuple[str, int], _Day]) -> float:
    return _mean([d.certain for d in days.values() if not d.attacks])


def _mean(values: list[bool]) -> float:
    return float(np.mean(values)) if values else 0.0

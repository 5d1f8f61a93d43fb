"""Plays a plan in virtual time into a backtest file, with the truth and the issuer's policy beside it."""

import json
from collections.abc import Iterable
from pathlib import Path

from producers.simulator.file_world import LIFETIME, World
from producers.simulator.plan import Plan

MONDAY = 1_767_571_200.0  # 2026-01-05 00:00 UTC: second 0 of a plan is the beginning of a week


def play(plan: Plan, seed: int, origin: float = MONDAY) -> World:
    """Plays every action; rows and labels are in the world, rows by time."""
    world = World(seed, origin, rotation_day=max(1, plan.population.days // 2))
    for action in plan.actions:
        world.play(action)
    world.rows.sort(key=lambda row: float(str(row["ts"])))
    return world


def write(world: World, events: Path, labels: Path, policy: Path | None = None) -> tuple[int, int]:
    """Writes the files; gives the numbers of events and of labelled events."""
    _lines(events, world.rows)
    _lines(labels, ({"event_id": x.event_id, "attack": x.attack, "incident": x.incident} for x in world.labels))
    if policy is not None:
        trusted = {"issuers": {world.issuer: {"kids": ["k1", "k2"]}}, "max_lifetime_seconds": int(LIFETIME)}
        policy.write_text(json.dumps(trusted, indent=1) + "\n", encoding="utf-8")
    return len(world.rows), len(world.labels)


def _lines(path: Path, items: Iterable[object]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(item, separators=(",", ":")) + "\n" for item in items)

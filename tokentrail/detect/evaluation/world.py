"""One labelled stream of an invented organisation, drawn whole from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from tokentrail.detect.evaluation.attackers import ON_SESSION, PLAIN, Attackers
from tokentrail.detect.evaluation.geography import TOOLS, Geography
from tokentrail.detect.evaluation.life import Life
from tokentrail.detect.evaluation.people import Person, make_organisation, make_person, make_services
from tokentrail.detect.evaluation.stream import ISSUER, Knobs, Session, Stream

DAY = 86_400.0
START = 1_761_955_200.0
QUIET = (*ON_SESSION, "account_takeover", "quiet_takeover", "phishing_campaign", "mfa_fatigue", "dormant_takeover",
         "forged_token")  # fmt: skip


@dataclass(slots=True)
class Labelled:
    """Rows in time order, labels by event id (attack, incident), and the policy document."""

    rows: list[dict[str, Any]]
    labels: dict[str, tuple[str, str]]
    policy: dict[str, Any]


def make(seed: int, *, events: int = 100_000, share: float = 0.045, stealth: float | None = None) -> Labelled:
    """A stream of about `events` rows, of which about `share` belong to attacks."""
    rng = random.Random(seed)  # noqa: S311 - an invented world, not a secret
    geo = Geography(rng)
    days = rng.choice((7, 14, 21, 28, 35))
    knobs = Knobs(
        devices=rng.choice((1.0, 1.0, 0.9, 0.6, 0.0)), places=rng.choice((1.0, 1.0, 0.95, 0.8, 0.0)),
        asns=rng.choice((1.0, 1.0, 1.0, 0.97, 0.0)), cities=rng.choice((1.0, 1.0, 0.9, 0.0)),
        families=rng.random() < 0.9,
        mfa=rng.choice((0.0, 0.3, 0.6, 0.9)), mfa_first=rng.random() < 0.7, revoke_all=rng.random() < 0.6,
        failed_device=rng.choice((1.0, 0.7, 0.3)),
    )  # fmt: skip
    stream = Stream(rng, knobs)
    people, sessions = _population(geo, rng, stream, days, events)
    attackers = Attackers(geo, rng, stream, people)
    _attack(attackers, sessions, days, share * len(stream.rows), stealth)
    stream.rows.sort(key=lambda row: float(row["ts"]))
    end = START + days * DAY
    rows = [row for row in stream.rows if row["ts"] < end]
    kept = {row["event_id"] for row in rows}
    labels = {k: v for k, v in stream.labels.items() if k in kept}
    return Labelled(rows, labels, {"issuers": {ISSUER: {"kids": ["k1", "k2"]}}, "max_lifetime_seconds": 900})


def _population(
    geo: Geography, rng: random.Random, stream: Stream, days: int, events: int
) -> tuple[list[Person], list[Session]]:
    life = Life(geo, rng, stream, START, days)
    for service in make_services(geo, rng, TOOLS[:7]):
        life.service(service)
        if len(stream.rows) > events * 0.3:
            break
    org = make_organisation(geo, rng)
    people: list[Person] = []
    while len(stream.rows) < events * 0.95 or len(people) < 60:
        people.append(make_person(geo, rng, org, days))
        life.person(people[-1])
    life.relogin(people)
    return people, life.sessions


def _attack(attackers: Attackers, sessions: list[Session], days: int, wanted: float, stealth: float | None) -> None:
    """Incidents, loud and quiet ones alike, until enough events are theirs."""
    rng, stream, people = attackers.rng, attackers.stream, attackers.people
    by_name = {p.name: p for p in people}
    sessions = [s for s in sessions if s.until > START + DAY]
    rng.shuffle(sessions)
    number = 0
    while len(stream.labels) < wanted and number < 4_000:
        number += 1
        patience = rng.random() if stealth is None else min(1.0, max(0.0, rng.gauss(stealth, 0.2)))
        kind = rng.choice(QUIET if rng.random() < 0.6 else PLAIN)
        label = (kind, f"i{number}")
        if kind in ON_SESSION:
            if sessions:
                session = sessions.pop()
                getattr(attackers, kind)(session, by_name[session.subject], patience, label)
            continue
        ts = START + rng.uniform(0.8, days - 0.2) * DAY
        alive = [p for p in rng.sample(people, min(len(people), 20)) if p.joins * DAY + START < ts]
        if alive:
            getattr(attackers, kind)(ts, alive[0], patience, label)

"""A plan for a running issuer: a day takes a minute, and nobody honest is ever moved faster than a car.

People's days are those of the model, squeezed by `SPEED`. Nobody flies, so that the only long distances are
those that networks pretend (a carrier's hub, a VPN's exit). Attacks keep real pauses where the issuer counts
in real seconds. Machines take up the slack, so that the stream has a steady rate.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from producers.simulator.actions import Action, Outcome, Verb, source
from producers.simulator.attacks import ATTACKS, Attack
from producers.simulator.attacks.case import Stage
from producers.simulator.dice import seeded
from producers.simulator.people import DAY, HOUR, Population
from producers.simulator.plan import Plan, attackers_internet, commit, honest, merge
from producers.simulator.population import Size, build
from producers.simulator.timeline import Timeline

DAY_SECONDS = 60.0
SPEED = DAY / DAY_SECONDS
FIRST_DAY = 1  # a Tuesday
TAIL = 14.0  # seconds an attack may need to show itself
PACE = 6.0  # how much busier than in nature a person may be
PEAK_SHARE = 0.8  # of the wished rate is people's in the busiest second; machines do the rest


def live_plan(seed: int, people: int, seconds: float, rate: float, services: int = 12) -> Plan:
    """A plan in real seconds from 0 to `seconds`, with about `rate` events a second."""
    size = Size(people=people, services=services, days=6, episodes=2.0, mfa=0.35, mass_events=False)
    population = build(seed, size)
    actions = _people(population, seed, seconds, 1.0)
    pace = min(PACE, PEAK_SHARE * rate / max(1.0, max(_per_second(actions).values(), default=1.0)))
    actions = _people(population, seed, seconds, pace)
    actions += _machines(actions, population, seed, seconds, rate)
    actions.sort(key=lambda action: action.at)
    stage = Stage(population, Timeline(actions), attackers_internet(seed), live=True, stealth=0.15)
    attacks = _attacks(seconds)
    crimes, incidents = commit(stage, attacks, seed, lambda n: _moments(n, len(attacks), seconds))
    timely = [action for action in actions if action.at < seconds]
    return merge(population, timely, [c for c in crimes if c.at < seconds], incidents)


def _people(population: Population, seed: int, seconds: float, pace: float) -> list[Action]:
    start = FIRST_DAY * DAY + (5 if seconds >= 45 else 12) * HOUR
    last = int((start + seconds * SPEED) // DAY) + 2
    natural = honest(population, seed, range(FIRST_DAY - 1, last), pace)
    actions = _with_logins(_squeeze(natural, start, seconds), population)
    return sorted(actions, key=lambda action: action.at)


def _squeeze(actions: list[Action], start: float, seconds: float) -> Iterator[Action]:
    for action in actions:
        at = (action.at - start) / SPEED
        if 0 <= at < seconds:
            yield replace(action, at=at)


def _with_logins(actions: Iterator[Action], population: Population) -> Iterator[Action]:
    """Sessions that began before the plan sign in when they are first seen."""
    mfa = {person.subject: person.mfa for person in population.people}
    seen: set[str] = set()
    for action in actions:
        opens = action.verb in (Verb.LOGIN, Verb.ISSUE)
        if action.session and action.session not in seen and action.outcome is Outcome.OK:
            seen.add(action.session)
            if not opens and action.verb in (Verb.REFRESH, Verb.USE) and action.actor in mfa:
                at = max(0.0, action.at - 0.05)
                yield replace(action, at=at, verb=Verb.LOGIN, mfa=mfa[action.actor], back=0)
            elif not opens:
                continue
        yield action


def expected_events(action: Action) -> float:
    """How many events an action makes, on average, where uses of one token are counted together."""
    if action.verb is Verb.LOGIN:
        return (2.0 if action.outcome is Outcome.OK else 1.0) + action.mfa
    return {Verb.USE: 0.75, Verb.STEAL: 0.0}.get(action.verb, 1.0)


def _per_second(actions: list[Action]) -> dict[int, float]:
    rates: dict[int, float] = defaultdict(float)
    for action in actions:
        rates[int(action.at)] += expected_events(action)
    return rates


def _machines(actions: list[Action], population: Population, seed: int, seconds: float, rate: float) -> list[Action]:
    """Service accounts that take a token and use it, as many as are missing to `rate` in each second."""
    rng = seeded(seed, "slack")
    steady = [s for s in population.services if s.batch_hour is None] or list(population.services)
    if not steady:
        return []
    have = _per_second(actions)
    extra: list[Action] = []
    for second in range(int(seconds)):
        for n in range(max(0, int((rate - have[second]) / 2))):
            service = rng.choices(steady, weights=[s.per_hour for s in steady])[0]
            where = source(service.network, service.network.address(rng), None, service.agent)
            session, at = f"{service.client}.{second}.{n}", second + rng.random()
            extra.append(Action(at, Verb.ISSUE, service.client, session, where, service.client))
            extra.append(Action(at + 0.02, Verb.USE, service.client, session, where, service.client))
    return extra


def _attacks(seconds: float) -> list[Attack]:
    """As many types as fit: eight in a short demo, all of them in a minute, then again from the start."""
    playable = [attack for attack in ATTACKS.values() if attack.live]
    count = max(8, round(seconds / 2.5))
    return [playable[n % len(playable)] for n in range(count)]


def _moments(n: int, count: int, seconds: float) -> Iterator[float]:
    begin, end = 0.12 * seconds, max(0.2 * seconds, seconds - TAIL)
    moment = begin + (end - begin) * n / max(1, count - 1)
    while moment < max(end, begin + 3):
        yield moment
        moment += 0.25

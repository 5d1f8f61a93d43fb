"""A plan: everything honest people, machines and attackers will do, in order of time."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from producers.simulator.actions import Action
from producers.simulator.attacks import ATTACKS, Attack
from producers.simulator.attacks.case import Case, NoVictimError, Stage
from producers.simulator.dice import seeded
from producers.simulator.life import Life
from producers.simulator.machines import Machine
from producers.simulator.networks import Internet
from producers.simulator.people import DAY, Population
from producers.simulator.population import Size, build
from producers.simulator.timeline import Timeline

TRIES = 30  # moments to look for a victim at before an incident is given up


@dataclass(frozen=True, slots=True)
class Incident:
    """One attack that happens in the plan, and when (plan seconds)."""

    id: str
    attack: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions by time; incidents by beginning."""

    population: Population
    actions: tuple[Action, ...]
    incidents: tuple[Incident, ...]


def honest(population: Population, seed: int, days: Iterable[int], pace: float = 1.0) -> list[Action]:
    """What people and machines do on the given days, by time."""
    days = list(days)
    actions: list[Action] = []
    for person in population.people:
        life = Life(person, seed, pace)
        for day in days:
            actions.extend(life.day(day))
    for service in population.services:
        machine = Machine(service, seed)
        for day in days:
            actions.extend(machine.day(day))
    actions.sort(key=lambda action: action.at)
    return actions


def month(seed: int, size: Size, per_type: int = 8, stealth: float = 0.35) -> Plan:
    """A plan in natural time: `size.days` days, `per_type` incidents of each type after the third day."""
    population = build(seed, size)
    actions = honest(population, seed, range(size.days))
    stage = Stage(population, Timeline(actions), attackers_internet(seed), live=False, stealth=stealth)
    begin, end = min(3, size.days / 2) * DAY, (size.days - 0.2) * DAY
    wanted = [attack for attack in ATTACKS.values() for _ in range(per_type)]
    crimes, incidents = commit(stage, wanted, seed, lambda n: _moments(seed, n, begin, end))
    return merge(population, actions, crimes, incidents)


def attackers_internet(seed: int) -> Internet:
    """Networks of the attackers, apart from everybody else's."""
    return Internet(seeded(seed, "attackers"))


def _moments(seed: int, n: int, begin: float, end: float) -> Iterator[float]:
    rng = seeded(seed, "moment", n)
    for _ in range(TRIES):
        yield rng.uniform(begin, end)


def commit(
    stage: Stage, wanted: list[Attack], seed: int, moments: Callable[[int], Iterator[float]]
) -> tuple[list[Action], list[Incident]]:
    """Plays every wanted attack at the first moment that offers a victim; skips those that find none."""
    crimes: list[Action] = []
    incidents: list[Incident] = []
    for n, attack in enumerate(wanted):
        case = Case(stage, attack.name, f"inc{n:03d}", seeded(seed, "incident", n, attack.name))
        for moment in moments(n):
            try:
                actions = list(attack.script(case, moment))
            except NoVictimError:
                continue
            crimes.extend(actions)
            times = [action.at for action in actions]
            incidents.append(Incident(case.incident, attack.name, min(times), max(times)))
            break
    return crimes, incidents


def merge(population: Population, actions: list[Action], crimes: list[Action], incidents: list[Incident]) -> Plan:
    """Puts the honest and the criminal part together, by time."""
    everything = sorted(actions + crimes, key=lambda action: action.at)
    return Plan(population, tuple(everything), tuple(sorted(incidents, key=lambda i: i.begin)))

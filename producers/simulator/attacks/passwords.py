"""Attacks on passwords: guessing in depth, in breadth, from one place and from many (T1110 and its kin)."""

from collections.abc import Iterator

from producers.simulator.actions import Action, Outcome, Source
from producers.simulator.attacks.case import Case
from producers.simulator.people import Person


def _settle_in(case: Case, at: float, victim: Person, where: Source) -> Iterator[Action]:
    """What follows a right guess: a sign-in and a look around."""
    session = case.session()
    yield case.login(at, victim, where, session)
    for _ in range(case.rng.randrange(2, 7)):
        at += case.stage.seconds(case.rng.uniform(5, 90), 0.6)
        yield case.use(at, victim.subject, where, session)


def brute_force(case: Case, at: float) -> Iterator[Action]:
    """Many guesses at one account from one or two addresses; half of them find the password."""
    rng, victim = case.rng, case.somebody()
    network, device = case.network(), case.device()
    for _ in range(rng.randrange(25, 80) if not case.stage.live else 24):
        at += case.stage.seconds(rng.expovariate(1 / 25), 0.12)
        yield case.failure(at, victim, case.where(network, device))
    if case.stage.live or rng.random() < 0.5:
        yield from _settle_in(case, at + case.stage.seconds(10, 1), victim, case.where(network, device))


def password_spray(case: Case, at: float) -> Iterator[Action]:
    """A few common passwords against many accounts from one address."""
    rng, network, device = case.rng, case.network(), case.device()
    victims = case.several(rng.randrange(15, 40))
    where = case.where(network, device)
    for _ in range(rng.randrange(1, 4)):
        for victim in victims:
            at += case.stage.seconds(rng.expovariate(1 / 20), 0.1)
            yield case.failure(at, victim, where)
        at += case.stage.seconds(rng.uniform(600, 2400), 0.5)
    if rng.random() < 0.6:
        yield from _settle_in(case, at, rng.choice(victims), where)


def password_spray_distributed(case: Case, at: float) -> Iterator[Action]:
    """The same from a pool of addresses, each seen once or twice."""
    rng, device = case.rng, case.device()
    pool = [case.network() for _ in range(rng.randrange(8, 20))]
    victims = case.several(rng.randrange(20, 50))
    for _ in range(2):
        for victim in victims:
            at += case.stage.seconds(rng.expovariate(1 / 30), 0.08)
            yield case.failure(at, victim, case.where(rng.choice(pool), device))
    if rng.random() < 0.6:
        yield from _settle_in(case, at + 1, rng.choice(victims), case.where(rng.choice(pool), device))


def credential_stuffing(case: Case, at: float) -> Iterator[Action]:
    """A leaked list is tried, one guess a name, most of them unknown here; one in fifty is right."""
    rng, network = case.rng, case.network()
    for n, victim in enumerate(case.several(rng.randrange(40, 120) if not case.stage.live else 40)):
        at += case.stage.seconds(rng.expovariate(1 / 4), 0.1)
        where = case.where(network, case.device())
        if rng.random() < 0.5:
            yield case.failure(at, victim, where, Outcome.UNKNOWN_USER)
        elif n > 20 and rng.random() < 0.04:
            yield from _settle_in(case, at, victim, where)
        else:
            yield case.failure(at, victim, where)


def device_farm(case: Case, at: float) -> Iterator[Action]:
    """One browser profile, one device id, behind changing addresses, tries account after account."""
    rng, device = case.rng, case.device()
    for victim in case.several(rng.randrange(25, 45)):
        at += case.stage.seconds(rng.uniform(5, 18), 0.15)
        yield case.failure(at, victim, case.where(case.network(), device))


def device_rotation(case: Case, at: float) -> Iterator[Action]:
    """One account, every guess from a new device id and agent, so that no device is ever locked out."""
    rng, victim, network = case.rng, case.somebody(), case.network()
    for _ in range(rng.randrange(12, 30)):
        at += case.stage.seconds(rng.uniform(20, 120), 0.2)
        yield case.failure(at, victim, case.where(network, case.device()))
    if rng.random() < 0.4:
        yield from _settle_in(case, at + 1, victim, case.where(network, case.device()))

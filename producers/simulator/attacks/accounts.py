"""Takeovers with a password that is already known (T1078), and the prompts that go with it (T1621)."""

from collections.abc import Iterator

from producers.simulator.actions import Action, Outcome, Source
from producers.simulator.attacks.case import Case, NoVictimError
from producers.simulator.people import DAY, HOUR, Person


def _takeover(case: Case, at: float, victim: Person, where: Source) -> Iterator[Action]:
    """Signs in, looks around, and keeps the session alive for a while."""
    rng, session = case.rng, case.session()
    yield case.login(at, victim, where, session)
    for n in range(rng.randrange(3, 9)):
        at += case.stage.seconds(rng.uniform(20, 400), 0.5)
        step = case.refresh if n % 3 == 2 else case.use
        yield step(at, victim.subject, where, session)


def impossible_travel_takeover(case: Case, at: float) -> Iterator[Action]:
    """While the victim is at work, somebody signs in from a continent away."""
    victim, _ = case.open_session(at)
    network = case.stage.internet.residential_proxy(case.far_place(victim.home))
    yield from _takeover(case, at, victim, case.where(network, case.device(victim.laptop)))


def new_device_country_takeover(case: Case, at: float) -> Iterator[Action]:
    """A country and a device the account has never shown, at any hour."""
    victim = case.somebody()
    network = case.network(case.far_place(victim.home))
    yield from _takeover(case, at, victim, case.where(network, case.device()))


def dormant_takeover(case: Case, at: float) -> Iterator[Action]:
    """An account that has slept for weeks wakes up elsewhere."""
    day = int(at // DAY)
    sleeping = [
        p
        for p in case.stage.population.people
        if p.episodes.away(day) and p.episodes.away(day - 30) and p.episodes.away(day + 1)
    ]
    if not sleeping:
        raise NoVictimError
    victim = case.somebody(sleeping)
    yield from _takeover(case, at, victim, case.where(case.network(victim.home), case.device()))


def quiet_takeover(case: Case, at: float) -> Iterator[Action]:
    """The hard one: a hijacked router in the victim's town, the victim's browser, in the victim's night."""
    victim = case.somebody()
    if not case.stage.live:
        at = (at // DAY) * DAY + (3.0 - victim.home.utc_offset) * HOUR + case.rng.uniform(-HOUR, HOUR)
    network = case.stage.internet.residential_proxy(victim.home)
    device = victim.laptop.without_cookies(case.rng)
    yield from _takeover(case, at, victim, case.where(network, device))


def tool_takeover(case: Case, at: float) -> Iterator[Action]:
    """A person's account driven by a script."""
    victim = case.somebody()
    yield from _takeover(case, at, victim, case.tool(case.network(victim.home)))


def mfa_fatigue(case: Case, at: float) -> Iterator[Action]:
    """The password is known; the phone is prompted until its owner gives in, or does not."""
    rng = case.rng
    victim = case.somebody([p for p in case.stage.population.people if p.mfa])
    where = case.where(case.network(victim.home), case.device(victim.laptop))
    for _ in range(rng.randrange(6, 15)):
        at += case.stage.seconds(rng.uniform(12, 45), 0.3)
        yield case.failure(at, victim, where, Outcome.MFA_REFUSED)
    if case.stage.live or rng.random() < 0.6:
        yield from _takeover(case, at + case.stage.seconds(30, 1), victim, where)


def session_storm(case: Case, at: float) -> Iterator[Action]:
    """A sold password: several buyers sign in within minutes and all stay."""
    rng, victim = case.rng, case.somebody()
    for _ in range(rng.randrange(4, 8)):
        at += case.stage.seconds(rng.uniform(20, 180), 0.4)
        where, session = case.where(case.network(victim.home), case.device()), case.session()
        yield case.login(at, victim, where, session)
        for n in range(rng.randrange(1, 4)):
            yield case.use(at + case.stage.seconds(60.0 + 300 * n, 0.4 + n), victim.subject, where, session)

"""Attacks on tokens already issued (T1528, T1539, T1550.001) and on tokens nobody issued (T1606)."""

from collections.abc import Iterator
from dataclasses import replace

from producers.simulator.actions import Action, Forgery
from producers.simulator.attacks.case import Case, NoVictimError

GRACE = 8.0  # real seconds: longer than any leeway for lost answers or calls in flight


def refresh_token_replay(case: Case, at: float) -> Iterator[Action]:
    """A refresh token from a stolen backup, rotated long ago, is presented; or the thief rotates first."""
    rng = case.rng
    victim, seen = case.open_session(at, stays=GRACE if case.stage.live else None)
    where = case.where(case.network(victim.home), case.device(victim.laptop))
    copied, session = case.steal(at, seen)
    yield copied
    late = at + case.stage.seconds(rng.uniform(60, 1800), GRACE)
    if case.stage.live or rng.random() < 0.5:
        yield replace(case.refresh(late, victim.subject, where, session), back=1, wait=GRACE)
        return
    for n in range(rng.randrange(1, 4)):
        yield case.refresh(late + 900 * n, victim.subject, where, session)
        yield case.use(late + 900 * n + 3, victim.subject, where, session)


def refresh_family_spread(case: Case, at: float) -> Iterator[Action]:
    """A refresh token passed around: each buyer rotates it from a network of their own."""
    rng = case.rng
    victim, seen = case.open_session(at)
    copied, session = case.steal(at, seen)
    yield copied
    for _ in range(rng.randrange(3, 7)):
        at += case.stage.seconds(rng.uniform(60, 600), 0.5)
        where = case.where(case.network(victim.home), case.device())
        yield case.refresh(at, victim.subject, where, session)
        yield case.use(at + 0.2, victim.subject, where, session)


def session_hijack(case: Case, at: float) -> Iterator[Action]:
    """A live access token, lifted from a browser, is used from another network at the same time."""
    rng = case.rng
    victim, seen = case.open_session(at)
    where = case.where(case.network(victim.home), case.device(victim.laptop))
    copied, session = case.steal(at, seen)
    yield copied
    for _ in range(rng.randrange(4, 15)):
        at += case.stage.seconds(rng.uniform(3, 60), 0.4)
        yield case.use(at, victim.subject, where, session)


def use_after_revoke(case: Case, at: float) -> Iterator[Action]:
    """The owner logged out; a copy of the access token goes on."""
    window = case.stage.seconds(8 * 3600, 8)
    spans = [s for s in case.stage.timeline.closed_sessions(at, at + window) if s.actor not in case.stage.taken]
    if not spans:
        raise NoVictimError
    span = spans[0]
    case.stage.taken.add(span.actor)
    victim = next(p for p in case.stage.population.people if p.subject == span.actor)
    where = case.where(case.network(victim.home), case.device(victim.laptop))
    before = [a for a in span.actions if a.at < span.end][-1]
    copied, session = case.steal(max(before.at, span.end - 0.01), before)
    yield copied
    at = span.end + case.stage.seconds(case.rng.uniform(40, 600), GRACE)
    for n in range(case.rng.randrange(2, 6)):
        yield replace(case.use(at, victim.subject, where, session), wait=GRACE if n == 0 else 0.0)
        at += case.stage.seconds(case.rng.uniform(5, 120), 0.7)


def forged_token(case: Case, at: float) -> Iterator[Action]:
    """Tokens signed by a key that is not the issuer's, or in the name of another issuer."""
    rng, victim = case.rng, case.somebody()
    where = case.tool(case.network()) if rng.random() < 0.5 else case.where(case.network(), case.device())
    forgery = rng.choice((Forgery.UNKNOWN_KEY, Forgery.UNKNOWN_ISSUER))
    for _ in range(rng.randrange(1, 6)):
        yield case.forge(at, victim, where, forgery)
        at += case.stage.seconds(rng.uniform(5, 60), 0.6)


def overlong_token(case: Case, at: float) -> Iterator[Action]:
    """A golden token: signed with the stolen signing key, good for a day or for ever."""
    rng, victim = case.rng, case.somebody()
    where = case.where(case.network(victim.home), case.device())
    forgery = Forgery.OVER_LONG if rng.random() < 0.7 else Forgery.NO_EXPIRY
    for _ in range(rng.randrange(1, 5)):
        yield case.forge(at, victim, where, forgery)
        at += case.stage.seconds(rng.uniform(30, 3600), 0.6)


def scope_widening(case: Case, at: float) -> Iterator[Action]:
    """A stolen refresh token asks for more than its owner was ever granted."""
    rng = case.rng
    victim, seen = case.open_session(at)
    where = case.where(case.network(victim.home), case.device(victim.laptop))
    copied, session = case.steal(at, seen)
    yield copied
    for _ in range(rng.randrange(1, 4)):
        at += case.stage.seconds(rng.uniform(2, 60), 0.5)
        yield replace(case.refresh(at, victim.subject, where, session), widen=True)


def bulk_exfiltration(case: Case, at: float) -> Iterator[Action]:
    """Malware on the victim's own device, or a thief elsewhere, reads everything as fast as it can."""
    rng = case.rng
    victim, seen = case.open_session(at)
    copied, session = case.steal(at, seen)
    yield copied
    own = rng.random() < max(0.3, case.stage.stealth)
    where = seen.source if own else case.where(case.network(victim.home), case.device())
    for n in range(rng.randrange(80, 200) if not case.stage.live else 40):
        at += case.stage.seconds(rng.expovariate(1 / 4), 0.08)
        yield case.use(at, victim.subject, where, session)
        if n % 12 == 11:
            yield case.refresh(at + 0.01, victim.subject, where, session)

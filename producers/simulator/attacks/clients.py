"""Attacks with the secret of a service account (T1528)."""

from collections.abc import Iterator
from dataclasses import replace

from producers.simulator.actions import Action
from producers.simulator.attacks.case import Case


def client_secret_theft(case: Case, at: float) -> Iterator[Action]:
    """A leaked client secret takes tokens by the dozen and calls with them."""
    rng = case.rng
    # A machine that is seldom seen: the one whose secret lay in a forgotten script.
    service = min(rng.sample(case.stage.population.services, 2), key=lambda s: s.per_hour)
    network = case.stage.internet.cloud() if rng.random() < case.stage.stealth else case.network()
    where = case.tool(network)
    for _ in range(rng.randrange(60, 150) if not case.stage.live else 50):
        at += case.stage.seconds(rng.expovariate(1 / 8), 0.08)
        session = case.session()
        yield case.issue(at, service.client, where, session)
        yield case.use(at + 0.02, service.client, where, session)


def client_scope_probe(case: Case, at: float) -> Iterator[Action]:
    """A stolen secret asks what else it may have."""
    rng = case.rng
    service = rng.choice(case.stage.population.services)
    where = case.tool(case.network())
    for _ in range(rng.randrange(2, 6)):
        at += case.stage.seconds(rng.uniform(5, 40), 0.5)
        yield replace(case.issue(at, service.client, where, case.session()), widen=True)

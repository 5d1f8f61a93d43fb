"""The population model: a seed repeats it, and honest people never do what only attackers do."""

from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from producers.simulator.actions import Action, Outcome, Source, Verb
from producers.simulator.attacks import ATTACKS
from producers.simulator.live_plan import expected_events, live_plan
from producers.simulator.networks import CONSUMER_VPN_ASNS, Kind
from producers.simulator.people import HOUR
from producers.simulator.places import CITIES, Place, distance_km
from producers.simulator.plan import Plan, honest, month
from producers.simulator.population import Size, build

SEED = 7


@pytest.fixture(scope="module")
def plan() -> Plan:
    return month(SEED, Size(people=120, days=45), per_type=3)


@pytest.fixture(scope="module")
def minute() -> Plan:
    return live_plan(SEED, 240, 60, 220)


def test_distance_of_two_cities() -> None:
    assert distance_km(CITIES["London"], CITIES["New York"]) == pytest.approx(5570, abs=10)
    assert distance_km(CITIES["Paris"], CITIES["Paris"]) == 0


def test_a_seed_repeats_the_plan() -> None:
    size = Size(people=30, days=8)
    assert month(3, size, 1).actions == month(3, size, 1).actions
    assert month(3, size, 1).actions != month(4, size, 1).actions


def test_one_person_more_changes_nobody_else() -> None:
    few, more = build(SEED, Size(people=10)), build(SEED, Size(people=11))
    assert [p.name for p in few.people] == [p.name for p in more.people[:10]]


def test_every_attack_type_finds_a_victim(plan: Plan) -> None:
    assert {i.attack for i in plan.incidents} == set(ATTACKS)
    assert len(ATTACKS) >= 17


def test_a_minute_of_demo_plays_every_live_attack_and_keeps_its_rate(minute: Plan) -> None:
    assert {i.attack for i in minute.incidents} == {name for name, a in ATTACKS.items() if a.live}
    assert sum(expected_events(a) for a in minute.actions) > 60 * 200
    assert all(0 <= a.at < 60 for a in minute.actions)


def test_a_short_demo_has_eight_types() -> None:
    assert len({i.attack for i in live_plan(SEED, 150, 12, 220).incidents}) >= 8


@pytest.mark.parametrize("squeezed", [False, True])
def test_honest_people_never_travel_impossibly(plan: Plan, minute: Plan, squeezed: bool) -> None:
    """Between networks that tell the truth, nobody is faster than an airliner, even in squeezed time."""
    chosen = minute if squeezed else plan
    liars = {p.carrier.asn for p in chosen.population.people} | set(CONSUMER_VPN_ASNS)
    liars |= {p.company_vpn.asn for p in chosen.population.people if p.company_vpn}
    for trail in _by_actor(chosen).values():
        true = [a for a in trail if a.source.asn not in liars and not a.attack]
        for before, after in pairwise(true):
            km = _km(before.source, after.source)
            assert km < 100 or km / ((after.at - before.at) / HOUR) < 800, (before, after)


def test_honest_people_show_their_difficulties(plan: Plan) -> None:
    people = plan.population.people
    assert any(p.episodes.trip for p in people)
    assert any(p.vpn_exits for p in people)
    assert any(p.company_vpn for p in people)
    assert any(p.episodes.away_from >= 0 for p in people)
    assert any(p.starts > 19 for p in people)
    assert sum(a.verb is Verb.KICK for a in plan.actions) > 10
    assert any(a.back == 1 and not a.attack for a in plan.actions)
    behind_one_nat = Counter(
        (a.source.ip, int(a.at // HOUR)) for a in plan.actions if a.outcome is Outcome.WRONG_PASSWORD
    )
    assert max(behind_one_nat.values()) >= 5, "the Monday when passwords expire"


def test_services_run_in_clouds_with_tool_agents(plan: Plan) -> None:
    for service in plan.population.services:
        assert service.network.kind is Kind.CLOUD
        assert "Mozilla" not in service.agent


def test_honest_actions_carry_no_label_and_crimes_do(plan: Plan) -> None:
    population = build(SEED, Size(people=20, days=5))
    assert all(not a.attack for a in honest(population, SEED, range(5)))
    assert all(a.incident for a in plan.actions if a.attack)


def test_tokens_are_shown_by_the_client_they_were_issued_to(plan: Plan) -> None:
    client_of = {a.session: a.client for a in plan.actions if a.verb in (Verb.LOGIN, Verb.ISSUE) and a.session}
    for action in plan.actions:
        if action.verb is Verb.STEAL:
            assert action.client == client_of[action.stolen]
            client_of[action.session] = action.client
        elif action.session:
            assert action.client == client_of[action.session]


def _by_actor(plan: Plan) -> dict[str, list[Action]]:
    trails: dict[str, list[Action]] = defaultdict(list)
    for action in plan.actions:
        trails[action.actor].append(action)
    return trails


def _km(a: Source, b: Source) -> float:
    return distance_km(Place("", "", a.lat, a.lon, 0), Place("", "", b.lat, b.lon, 0))

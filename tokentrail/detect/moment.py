"""One event with everything known at its time: what facts, rules and updates share."""

from __future__ import annotations

from dataclasses import dataclass

from tokentrail.detect import vocabulary as v
from tokentrail.detect.agents import Agent, agent
from tokentrail.detect.facts import Facts
from tokentrail.detect.geo import network
from tokentrail.detect.observation import Observation
from tokentrail.detect.policy import Policy
from tokentrail.detect.state import Client, Context, Family, Source, Subject, Token, World


@dataclass(slots=True)
class Moment:
    """The event, the states it touches as they were before it, and the facts found so far."""

    world: World
    policy: Policy
    now: float
    event: Observation
    context: Context
    agent: Agent
    subject: Subject
    name: str
    facts: Facts
    token: Token | None = None
    family: Family | None = None
    client: Client | None = None
    source: Source | None = None
    client_id: int = -1
    grant_id: int = -1
    previous: tuple[float, float, float, int, int] | None = None
    widened: frozenset[str] = frozenset()
    revoked_at: float = 0.0
    forged_why: str = ""


def context_of(world: World, event: Observation) -> Context:
    """Intern where and with what the event came; the same place and machine gives the same object."""
    key = (event.ip, event.user_agent, event.device_id, event.asn, event.country, event.city, event.lat)
    found = world.contexts.get(key)
    if found is not None:
        return found
    parts, words = agent(event.user_agent), world.vocabulary
    said = event.user_agent is not None
    found = Context(
        ip=words.id(v.IP, event.ip),
        net=words.id(v.NET, network(event.ip) if event.ip else None),
        asn=words.id(v.ASN, event.asn),
        country=words.id(v.COUNTRY, event.country),
        city=words.id(v.CITY, f"{event.country}/{event.city}" if event.city else None),
        agent=words.id(v.AGENT, event.user_agent),
        browser=words.id(v.BROWSER, parts.browser if said else None),
        system=words.id(v.SYSTEM, parts.os if said else None),
        kind=words.id(v.KIND, parts.kind if said else None),
        device=words.id(v.DEVICE, event.device_id),
        lat=event.lat,
        lon=event.lon,
    )
    if len(world.contexts) >= world.max_contexts:
        world.contexts.clear()
    world.contexts[key] = found
    return found


def moment_of(world: World, event: Observation, policy: Policy) -> Moment:
    """Look up (or start) the states an event touches. Advances the world's clock."""
    now = world.tick(event.ts)
    name = event.subject or (f"client:{event.client_id}" if event.client_id else "?")
    subject = world.subjects.get(name)
    if subject is None:
        subject = world.subjects[name] = Subject(first=now)
    client = None
    words = world.vocabulary
    if event.client_id is not None:
        client = world.clients.get(event.client_id)
        if client is None:
            client = world.clients[event.client_id] = Client(first=now)
    return Moment(
        world, policy, now, event, context_of(world, event), agent(event.user_agent), subject, name, Facts(),
        client=client, client_id=words.id(v.CLIENT, event.client_id), grant_id=words.id(v.GRANT, event.grant),
    )  # fmt: skip

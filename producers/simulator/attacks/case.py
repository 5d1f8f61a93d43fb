"""What an attack script works with: a stage (victims, networks, time) and a case that labels all it does."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from producers.simulator import devices
from producers.simulator.actions import Action, Forgery, Outcome, Source, Verb, source
from producers.simulator.devices import Device
from producers.simulator.networks import Internet, Network
from producers.simulator.people import Person, Population
from producers.simulator.places import HOME_CITIES, Place, distance_km
from producers.simulator.timeline import Timeline

FAR_KM = 1500.0


class NoVictimError(Exception):
    """Nobody fits this attack at this time; the plan tries another moment."""


@dataclass(slots=True)
class Stage:
    """Shared by all attacks. `stealth` 0..1: how often an attacker hides behind a home near the victim."""

    population: Population
    timeline: Timeline
    internet: Internet
    live: bool
    stealth: float
    taken: set[str] = field(default_factory=set)

    def seconds(self, natural: float, live: float) -> float:
        """A duration: `natural` in a file, `live` where a day is compressed to a minute."""
        return live if self.live else natural


class Case:
    """One incident of one attack type: every action it makes carries its label."""

    def __init__(self, stage: Stage, attack: str, incident: str, rng: random.Random) -> None:
        self.stage, self.attack, self.incident, self.rng = stage, attack, incident, rng
        self._sessions = 0
        self._clients: dict[str, str] = {}  # a session's tokens are good for one client only

    # Victims

    def somebody(self, among: Sequence[Person] | None = None) -> Person:
        """A person no other incident has touched."""
        people = [p for p in among or self.stage.population.people if p.subject not in self.stage.taken]
        if not people:
            raise NoVictimError
        victim = self.rng.choice(people)
        self.stage.taken.add(victim.subject)
        return victim

    def several(self, count: int) -> list[Person]:
        """Up to `count` different people, who may be touched by other incidents too."""
        return self.rng.sample(self.stage.population.people, min(count, len(self.stage.population.people)))

    def open_session(self, at: float, stays: float | None = None) -> tuple[Person, Action]:
        """Somebody at work now and for `stays` seconds more, and the latest thing they did in the session."""
        idle = self.stage.seconds(600, 0.4)
        people = [p for p in self.stage.population.people if p.subject not in self.stage.taken]
        for person in self.rng.sample(people, len(people)):
            span = self.stage.timeline.open_session(person.subject, at, idle, stays or idle)
            if span is not None:
                self.stage.taken.add(person.subject)
                return person, [a for a in span.actions if a.at <= at][-1]
        raise NoVictimError

    # Places to attack from

    def far_place(self, home: Place) -> Place:
        """A city far from the victim's home."""
        return self.rng.choice([p for p, _ in HOME_CITIES if distance_km(p, home) > FAR_KM])

    def network(self, victim: Place | None = None) -> Network:
        """A server, a consumer VPN's exit, a hijacked home elsewhere or, in stealth, one nearby."""
        if victim is not None and self.rng.random() < self.stage.stealth:
            return self.stage.internet.residential_proxy(victim)
        kind = self.rng.choices(("hosting", "vpn", "home"), weights=(50, 15, 35))[0]
        if kind == "hosting":
            return self.stage.internet.hosting()
        if kind == "vpn":
            return self.rng.choice(self.stage.internet.consumer_vpns())
        place = self.far_place(victim) if victim else self.rng.choice(HOME_CITIES)[0]
        return self.stage.internet.residential_proxy(place)

    def device(self, like: Device | None = None) -> Device:
        """The attacker's browser; in stealth it copies the victim's user agent, never the device id."""
        if like is not None and self.rng.random() < self.stage.stealth:
            return like.without_cookies(self.rng)
        return devices.pick(self.rng, devices.LAPTOPS)

    def where(self, network: Network, device: Device) -> Source:
        """A source for the next requests."""
        return source(network, network.address(self.rng), device)

    def tool(self, network: Network) -> Source:
        """A source that calls itself by its HTTP library's name."""
        return source(network, network.address(self.rng), None, self.rng.choice(devices.ATTACK_TOOLS))

    # Steps

    def session(self) -> str:
        """A handle for a session the attacker will hold."""
        self._sessions += 1
        return f"{self.incident}.{self._sessions}"

    def _act(self, at: float, verb: Verb, actor: str, session: str, where: Source) -> Action:
        client = self._clients.get(session, "portal")
        return Action(at, verb, actor, session, where, client, attack=self.attack, incident=self.incident)

    def login(self, at: float, victim: Person, where: Source, session: str) -> Action:
        """A sign-in that succeeds: the attacker has the password and relays the second factor."""
        self._clients[session] = victim.client
        return replace(self._act(at, Verb.LOGIN, victim.subject, session, where), mfa=victim.mfa)

    def failure(self, at: float, victim: Person, where: Source, outcome: Outcome = Outcome.WRONG_PASSWORD) -> Action:
        """A sign-in that fails."""
        action = self._act(at, Verb.LOGIN, victim.subject, "", where)
        return replace(action, outcome=outcome, mfa=outcome is Outcome.MFA_REFUSED, client=victim.client)

    def use(self, at: float, actor: str, where: Source, session: str) -> Action:
        """A call to the resource server with the session's access token."""
        return self._act(at, Verb.USE, actor, session, where)

    def refresh(self, at: float, actor: str, where: Source, session: str) -> Action:
        """The session's refresh token is presented."""
        return self._act(at, Verb.REFRESH, actor, session, where)

    def steal(self, at: float, victim: Action) -> tuple[Action, str]:
        """Copies a victim's tokens: the action and the thief's session."""
        session = self.session()
        self._clients[session] = victim.client
        return replace(self._act(at, Verb.STEAL, victim.actor, session, victim.source), stolen=victim.session), session

    def forge(self, at: float, victim: Person, where: Source, forgery: Forgery) -> Action:
        """A token nobody issued is presented."""
        return replace(self._act(at, Verb.FORGE, victim.subject, "", where), forgery=forgery)

    def issue(self, at: float, client: str, where: Source, session: str) -> Action:
        """A token for a service account whose secret is stolen."""
        self._clients[session] = client
        return self._act(at, Verb.ISSUE, client, session, where)

"""What the engine remembers: small slotted records, bounded, and one World that holds them."""

from __future__ import annotations

from dataclasses import dataclass, field

from tokentrail.detect.vocabulary import Vocabulary
from tokentrail.detect.windows import Rate, Tally

DAY = 86_400.0
MAX_RECENT = 48
MAX_LEAP = 400 * DAY


@dataclass(slots=True)
class Context:
    """Where and with what an event came: interned ids (-1 unknown) and the place."""

    ip: int
    net: int
    asn: int
    country: int
    city: int
    agent: int
    browser: int
    system: int
    kind: int
    device: int
    lat: float | None
    lon: float | None

    def key(self) -> tuple[int, int, int]:
        """What makes two events of one subject the same place and machine."""
        return (self.ip, self.agent, self.device)


@dataclass(slots=True)
class Sighting:
    """A sighting not yet learned: it waits for its outcome (detections.md, delayed learning)."""

    ts: float
    context: Context
    client: int
    grant: int
    hour: int


@dataclass(slots=True)
class Subject:
    """One person or service account. `seen` counts learned sightings by vocabulary id."""

    first: float
    last: float = 0.0
    n: int = 0
    seen: dict[int, int] = field(default_factory=dict)
    hours: bytearray = field(default_factory=lambda: bytearray(24))
    place: tuple[float, float, float, int, int] | None = None  # ts, lat, lon, asn, system
    pending: list[Sighting] = field(default_factory=list)
    learned: tuple[int, int, int] | None = None
    learned_at: float = 0.0
    fails: list[tuple[float, int, float]] | None = None  # ts, ip id, unfamiliarity
    refused: list[float] | None = None
    risk: dict[tuple[int, int, int], tuple[float, float]] | None = None  # context key -> (risk, ts)
    alarm: float = 0.0  # when this account was last under visible attack
    uses: Rate | None = None
    issues: Rate | None = None
    scopes: dict[int, set[str]] | None = None
    tool: bool = False
    at_home: float = 0.0  # when it was last seen in its own place
    mfa_at: float = 0.0
    mfa_rate: float = 0.0


@dataclass(slots=True)
class Token:
    """An access token (a jti): where it was issued, where it was last used, whether it is revoked."""

    subject: str | None
    issued: float
    context: Context
    last: float
    last_context: Context
    client: str | None
    family: str | None
    expires: float
    known_issue: bool
    agent: str | None = None
    device: str | None = None
    risk: float = 0.0
    switches: int = 0
    scope: frozenset[str] = frozenset()


@dataclass(slots=True)
class Family:
    """A refresh family: the highest generation presented, by whom, and the granted scope."""

    subject: str | None
    gen: int = -1
    gen_ts: float = 0.0
    context: Context | None = None
    agent: str | None = None
    scope: frozenset[str] = frozenset()
    risk: float = 0.0
    asns: set[int] = field(default_factory=set)
    agents: set[int] = field(default_factory=set)
    last: float = 0.0


@dataclass(slots=True)
class Client:
    """A client application: the scopes, grants and networks it is known for, and its pace."""

    first: float
    n: int = 0
    scopes: dict[str, int] = field(default_factory=dict)
    grants: dict[str, int] = field(default_factory=dict)
    nets: dict[int, int] = field(default_factory=dict)
    subjects: int = 0
    issues: Rate | None = None


@dataclass(slots=True)
class Source:
    """One address: its failures and how many subjects are at home there."""

    tally: Tally
    homes: int = 0


class World:
    """All state of the engine. Plain data: snapshots copy it, nothing in it knows the time of day."""

    def __init__(self) -> None:
        self.now = 0.0
        self.leap = 0.0
        self.start = 0.0
        self.events = 0
        self.vocabulary = Vocabulary()
        self.subjects: dict[str, Subject] = {}
        self.tokens: dict[str, Token] = {}
        self.families: dict[str, Family] = {}
        self.clients: dict[str, Client] = {}
        self.tallies: dict[tuple[str, int], Tally] = {}
        self.hops: dict[int, list[float]] = {}  # asn -> [arrivals, arrivals too fast to be a journey]
        self.networks: dict[int, list[float]] = {}  # asn -> [sightings, sightings of services]
        self.exits: dict[int, set[int]] = {}  # asn -> countries it shows
        self.devices: dict[int, dict[str, float]] = {}
        self.keys: dict[str, set[str]] = {}  # issuer -> key ids seen at issuing
        self.revoked: dict[tuple[str, str], float] = {}  # (target, value) -> when
        self.swept = 0.0
        self.contexts: dict[tuple[object, ...], Context] = {}  # a cache only
        self.max_contexts = 200_000
        self.sources: dict[int, Source] = {}
        self.issued = 0
        self.habits: dict[str, list[float]] = {}  # what records ordinarily carry: [seen, with it]
        self.complete = False  # the stream is read from its beginning: what it does not know is not ours
        self.users = 0  # subjects with a habit

    def usual(self, name: str, has: bool, least: float) -> float:
        """Count whether a record has something; the share that had it before, 0 until `least` were seen."""
        habit = self.habits.get(name)
        if habit is None:
            habit = self.habits[name] = [0.0, 0.0]
        share = habit[1] / habit[0] if habit[0] >= least else 0.0
        habit[0] += 1.0
        habit[1] += has
        return share

    def tick(self, ts: float) -> float:
        """Advance the clock and return it: it never runs back, and one far leap is not believed."""
        if self.events == 0:
            self.now = self.start = ts
        elif ts > self.now:
            if ts - self.now > MAX_LEAP and not (self.leap and ts >= self.leap - 3_600.0):
                self.leap = ts  # a clock set wrong: one event must not age all state, the next one tells
            else:
                self.now = ts
                self.leap = 0.0
        self.events += 1
        return self.now

"""Who lives in the simulation: people with homes and habits, and service accounts that run in clouds."""

from dataclasses import dataclass

from producers.simulator.devices import Device
from producers.simulator.networks import Network
from producers.simulator.places import Place

DAY = 86400.0
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Trip:
    """Days away, both ends included; the first and the last are spent in the air and stay silent."""

    first: int
    last: int
    place: Place
    hotel: Network
    phone_roams: bool  # the phone keeps its home carrier, so that it still looks at home


@dataclass(frozen=True, slots=True)
class Episodes:
    """The difficult days of one ordinary person, as day numbers of the plan; -1 where it never happens."""

    trip: Trip | None = None
    move: int = -1
    new_home: Network | None = None
    new_phone: int = -1
    cleared_cookies: int = -1
    laptop_upgrade: int = -1
    phone_upgrade: int = -1
    forgot_password: int = -1
    password_expires: int = -1
    forced_login: int = -1
    away_from: int = -1  # back after months: silent from here …
    away_until: int = -1  # … up to here

    def away(self, day: int) -> bool:
        """True while the person does not use the system at all."""
        return self.away_from <= day < self.away_until


@dataclass(frozen=True, slots=True)
class Person:
    """A person with a day's rhythm. Hours are local; shares and chances are 0..1."""

    subject: str
    name: str
    client: str
    home: Place
    home_network: Network
    carrier: Network
    office: Network
    company_vpn: Network | None
    vpn_exits: tuple[Network, ...]  # a consumer VPN that hops; empty for most
    laptop: Device
    phone: Device
    starts: float
    works: float
    remote: float
    weekend: float
    activity: float
    typo: float
    mfa: bool
    episodes: Episodes


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A program with a client secret: `per_hour` tokens, or a batch at `batch_hour` UTC each night."""

    client: str
    agent: str
    network: Network
    per_hour: float
    uses: int
    batch_hour: int | None


@dataclass(frozen=True, slots=True)
class Population:
    """Everybody, and the networks strangers can come from."""

    people: tuple[Person, ...]
    services: tuple[ServiceAccount, ...]
    days: int
    clients: tuple[str, ...]

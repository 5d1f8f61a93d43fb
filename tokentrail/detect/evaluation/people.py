"""People and services of the invented organisation, and how their days go."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tokentrail.detect.evaluation.geography import City, Geography, Net, Spot


@dataclass(slots=True)
class Device:
    """A machine: its cookie or installation id, and the user agent it shows."""

    kind: str
    id: str
    agent: str


@dataclass(slots=True)
class Person:
    """One user. `habit` is logins a working day; `shift` the UTC hour the day begins."""

    name: str
    city: City
    home: Net
    carrier: Net
    office: Spot | None
    devices: list[Device]
    shift: float
    habit: float
    home_spot: Spot
    vpn: Net | None = None
    corporate: Spot | None = None
    calls: float = 6.0
    clumsy: float = 0.05
    joins: float = 0.0
    away: tuple[float, float] | None = None
    trips: list[tuple[float, float, City]] = field(default_factory=list)
    clients: list[str] = field(default_factory=list)
    weekend: float = 0.1
    mobile_share: float = 0.25
    office_share: float = 0.5


@dataclass(slots=True)
class Service:
    """A service account: a client that calls from a cloud, by the clock."""

    name: str
    client: str
    spots: list[Spot]
    agent: str
    period: float
    calls: int
    scope: str


def new_device(geo: Geography, kind: str, version: int) -> Device:
    """A machine nobody has seen."""
    return Device(kind, f"{geo.rng.getrandbits(64):016x}", geo.agent(kind, version))


@dataclass(slots=True)
class Organisation:
    """Where its people live, and the addresses they share."""

    countries: list[str]
    offices: dict[str, list[Spot]]
    gateway: Spot
    clients: list[str]


def make_organisation(geo: Geography, rng: random.Random) -> Organisation:
    """Offices behind one address each, and a VPN gateway in one country for all."""
    countries = geo.countries[: rng.randint(1, 6)]
    offices = {c: [geo.shared("office", c) for _ in range(rng.randint(1, 4))] for c in countries}
    clients = [f"app-{i}" for i in range(rng.randint(2, 6))]
    return Organisation(countries, offices, geo.shared("vpn", countries[0]), clients)


def make_person(geo: Geography, rng: random.Random, org: Organisation, days: int) -> Person:
    """One user with home, carrier, machines, habits and a fate."""
    country = org.countries[min(int(rng.expovariate(1.1)), len(org.countries) - 1)]
    city = rng.choice(geo.cities[country])
    home = rng.choice(geo.home[country])
    devices = [new_device(geo, "desktop", 118 + rng.randrange(6))]
    if rng.random() < 0.75:
        devices.append(new_device(geo, "phone", 118 + rng.randrange(6)))
    person = Person(
        name=f"u{rng.getrandbits(40):010x}", city=city, home=home, carrier=rng.choice(geo.mobile[country]),
        office=rng.choice(org.offices[country]) if rng.random() < 0.7 else None, devices=devices,
        shift=(8.0 - city.lon / 15.0 + rng.gauss(0, 1.5) + (12 if rng.random() < 0.06 else 0)) % 24,
        habit=rng.lognormvariate(0.2, 0.6), home_spot=geo.spot(home, city), calls=rng.lognormvariate(1.3, 0.6),
        clumsy=rng.betavariate(1.2, 14), clients=rng.sample(org.clients, min(len(org.clients), rng.choice((1, 2, 3)))),
        weekend=rng.choice((0.05, 0.1, 0.4)), mobile_share=rng.betavariate(1.5, 4),
        office_share=rng.betavariate(3, 2),
    )  # fmt: skip
    _fate(person, geo, rng, days, org.gateway)
    return person


def _fate(person: Person, geo: Geography, rng: random.Random, days: int, gateway: Spot) -> None:
    """What life holds for one person during the stream."""
    if rng.random() < 0.05:
        person.vpn = rng.choice(geo.vpn)
    if rng.random() < 0.15:
        person.corporate = gateway
    if rng.random() < 0.1:
        person.joins = rng.uniform(0, days)
    if rng.random() < 0.06 and days > 8:
        start = rng.uniform(1, days * 0.4)
        person.away = (start, start + rng.uniform(days * 0.3, days * 0.6))
    if rng.random() < 0.1:
        start = rng.uniform(0, days)
        city = rng.choice(geo.cities[rng.choice(geo.countries)])
        person.trips.append((start, start + rng.uniform(1, 7), city))


def make_services(geo: Geography, rng: random.Random, tools: tuple[str, ...]) -> list[Service]:
    """Service accounts in clouds, with tools for agents."""
    services = []
    for number in range(rng.randint(3, 14)):
        net = rng.choice(geo.hosting)
        services.append(
            Service(f"svc-{number}-{rng.getrandbits(16):04x}", f"job-{number}",
                    [geo.spot(net) for _ in range(rng.choice((1, 2, 4)))], rng.choice(tools),
                    rng.choice((600.0, 900.0, 3_600.0, 7_200.0)), rng.choice((2, 5, 15)),
                    rng.choice(("jobs.run", "records.read", "records.read billing.read")))
        )  # fmt: skip
    return services

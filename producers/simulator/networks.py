"""Networks people come from: autonomous systems, their addresses, and where geo databases place them.

Autonomous systems carry their real numbers, so that lists of hosts and carriers work on simulated events.
Addresses are from space that belongs to nobody: IPv4 240.0.0.0/4 (RFC 1112, reserved) and IPv6
2001:db8::/32 (RFC 3849).
"""

import ipaddress
import random
from dataclasses import dataclass
from enum import StrEnum

from producers.simulator.places import CITIES, Place


class Kind(StrEnum):
    """What a network is, which decides how its addresses behave."""

    HOME = "home"
    OFFICE = "office"
    CARRIER = "carrier"
    COMPANY_VPN = "company_vpn"
    CONSUMER_VPN = "consumer_vpn"
    PUBLIC = "public"
    CLOUD = "cloud"
    HOSTING = "hosting"


@dataclass(frozen=True, slots=True)
class Network:
    """One network: `place` is what a geo database says (a carrier's hub may be far from its phones)."""

    kind: Kind
    asn: int
    place: Place
    prefix: str
    hosts: int

    def address(self, rng: random.Random) -> str:
        """One of the network's addresses; `hosts` 1 means always the same one."""
        host = rng.randrange(self.hosts)
        if ":" in self.prefix:
            return str(ipaddress.IPv6Address(f"{self.prefix}{host + 0x10:x}"))  # as servers write it, RFC 5952
        return f"{self.prefix}{host % 250 + 2}"


# fmt: off
# Access networks at home and the mobile carriers with their far-off gateway, by country.
_ISPS: dict[str, tuple[int, ...]] = {
    "US": (7922, 20115, 701, 7018, 22773),
    "CA": (577, 6327, 812), "GB": (2856, 5089, 5607), "IE": (5466, 6830),
    "DE": (3320, 3209, 6805), "FR": (3215, 12322, 15557), "ES": (3352, 12479), "NL": (1136, 33915),
    "CH": (3303, 6730), "SE": (3301, 1257), "PL": (5617, 12741), "IN": (55836, 24560, 9829),
    "SG": (3758, 9506),
    "PH": (9299, 4775), "JP": (4713, 2516), "KR": (4766, 9318), "AU": (1221, 4804, 7545), "NZ": (9790, 4771),
    "BR": (28573, 27699, 7738), "MX": (8151, 13999), "RO": (8708, 9050), "UA": (15895, 3255),
    "TR": (9121, 34984),
    "NG": (29465, 37148), "ZA": (5713, 3741), "VN": (45899, 7552), "CO": (10620, 3816), "ID": (7713, 23693),
}
_CARRIERS: dict[str, tuple[tuple[int, str], ...]] = {
    "US": ((21928, "Dallas"), (6167, "New York"), (20057, "Chicago"), (21928, "Seattle")),
    "CA": ((812, "Toronto"), (852, "Vancouver")), "GB": ((12576, "London"), (25135, "London")),
    "IE": ((15751, "Dublin"),), "DE": ((3320, "Frankfurt am Main"), (3209, "Berlin")),
    "FR": ((51207, "Paris"),), "ES": ((12430, "Madrid"),), "NL": ((1136, "Amsterdam"),),
    "CH": ((3303, "Zurich"),), "SE": ((44034, "Stockholm"),), "PL": ((8374, "Warsaw"),),
    "IN": ((55836, "Mumbai"), (45609, "Bengaluru")), "SG": ((45143, "Singapore"),),
    "PH": ((10139, "Manila"),),
    "JP": ((9605, "Tokyo"),), "KR": ((9644, "Seoul"),), "AU": ((1221, "Sydney"),),
    "NZ": ((4648, "Auckland"),),
    "BR": ((26599, "Sao Paulo"),), "MX": ((28403, "Mexico City"),),
}
_HOSTING: tuple[tuple[int, str], ...] = (
    (14061, "Amsterdam"), (24940, "Frankfurt am Main"), (16276, "Paris"),
    (20473, "Singapore"), (63949, "London"),
    (51167, "Munich"), (9009, "Bucharest"), (60781, "Amsterdam"), (47583, "Jakarta"), (53667, "New York"),
)
_CONSUMER_VPN: tuple[tuple[int, str], ...] = (
    (212238, "Amsterdam"), (60068, "London"), (39351, "Stockholm"), (136787, "New York"), (207137, "Zurich"),
    (9009, "Bucharest"), (212238, "Tokyo"), (60068, "Madrid"), (136787, "Toronto"),
)
_CLOUDS: tuple[tuple[int, str], ...] = (
    (16509, "Ashburn"), (16509, "Dublin"), (15169, "Frankfurt am Main"),
    (8075, "Singapore"), (16509, "Singapore"),
)
_HOTEL_ASN: dict[str, int] = {"US": 11025, "GB": 5511, "DE": 8881}
# fmt: on
CLOUD_ASNS = tuple(sorted({asn for asn, _ in _CLOUDS}))
CONSUMER_VPN_ASNS = tuple(sorted({asn for asn, _ in _CONSUMER_VPN}))
HOSTING_ASNS = tuple(sorted({asn for asn, _ in _HOSTING}))


class Internet:
    """Hands out networks with prefixes nobody else holds; the same seed hands out the same ones."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._used: set[str] = set()
        self._carriers: dict[tuple[int, str], Network] = {}
        self._vpns: dict[tuple[int, str], Network] = {}

    def _prefix(self) -> str:
        while True:
            prefix = f"{self._rng.randrange(240, 255)}.{self._rng.randrange(256)}.{self._rng.randrange(256)}."
            if prefix not in self._used:
                self._used.add(prefix)
                return prefix

    def _prefix6(self) -> str:
        return f"2001:db8:{self._rng.randrange(1, 0xFFFF):x}:{self._rng.randrange(0xFFFF):x}::"

    def home(self, place: Place) -> Network:
        """A household: one IPv4 address that stays, or an IPv6 prefix with privacy addresses."""
        asn = self._rng.choice(_ISPS[place.country])
        point = place.near(self._rng.uniform(-0.15, 0.15), self._rng.uniform(-0.15, 0.15))
        if self._rng.random() < 0.2:
            return Network(Kind.HOME, asn, point, self._prefix6(), 40)
        return Network(Kind.HOME, asn, point, self._prefix(), 1)

    def office(self, place: Place) -> Network:
        """An office behind one NAT address shared by everybody in it."""
        return Network(Kind.OFFICE, self._rng.choice(_ISPS[place.country]), place, self._prefix(), 1)

    def company_vpn(self, place: Place) -> Network:
        """The company's own VPN exit at headquarters: two addresses."""
        return Network(Kind.COMPANY_VPN, self._rng.choice(_ISPS[place.country]), place, self._prefix(), 2)

    def carrier(self, place: Place) -> Network:
        """A carrier's NAT: hundreds of phones share 30 addresses that geo-locate to the carrier's hub."""
        asn, hub = self._rng.choice(_CARRIERS.get(place.country) or ((_ISPS[place.country][0], place.city),))
        if (asn, hub) not in self._carriers:
            self._carriers[asn, hub] = Network(Kind.CARRIER, asn, CITIES[hub], self._prefix(), 30)
        return self._carriers[asn, hub]

    def consumer_vpns(self) -> list[Network]:
        """All exits of the consumer VPN our people use; attackers use them too."""
        for asn, city in _CONSUMER_VPN:
            if (asn, city) not in self._vpns:
                self._vpns[asn, city] = Network(Kind.CONSUMER_VPN, asn, CITIES[city], self._prefix(), 20)
        return list(self._vpns.values())

    def public(self, place: Place) -> Network:
        """A hotel, airport or cafe."""
        asn = _HOTEL_ASN.get(place.country, _ISPS[place.country][0])
        return Network(Kind.PUBLIC, asn, place, self._prefix(), 8)

    def cloud(self) -> Network:
        """A cloud region's egress where service accounts run."""
        asn, city = self._rng.choice(_CLOUDS)
        return Network(Kind.CLOUD, asn, CITIES[city], self._prefix(), 4)

    def hosting(self) -> Network:
        """A rented server of an attacker."""
        asn, city = self._rng.choice(_HOSTING)
        return Network(Kind.HOSTING, asn, CITIES[city], self._prefix(), 3)

    def residential_proxy(self, place: Place) -> Network:
        """A hijacked home router in a given town: to the world it is somebody's home."""
        return self.home(place)

"""Where an event came from, against where the subject is and was."""

from __future__ import annotations

from tokentrail.detect import observation as o
from tokentrail.detect.detections.base import Detection
from tokentrail.detect.moment import Moment

Answer = tuple[float, str] | None
SIGN_IN = (o.LOGIN_SUCCESS, o.MFA_SUCCESS, o.TOKEN_ISSUE, o.TOKEN_REFRESH, o.TOKEN_USE)
HOSTING = frozenset(
    str(number)
    for number in (
        16509,
        14618,
        8987,
        15169,
        396982,
        8075,
        16276,
        14061,
        24940,
        213230,
        63949,
        20473,
        9009,
        51167,
        60781,
        28753,
        12876,
        31898,
        45102,
        37963,
        36352,
        53667,
        62240,
        212238,
        60068,
        136787,
        202425,
        209103,
        49981,
        42831,
        198605,
        44477,
    )
)  # AWS, Google, Azure, OVH, DigitalOcean, Hetzner, Linode, Vultr, M247, Contabo, Leaseweb, Scaleway, …


def _travel(m: Moment) -> Answer:
    facts, s, before = m.facts, m.policy.settings, m.previous
    km, speed = 2.0**facts.km - 1.0, 2.0**facts.speed - 1.0
    if before is None or km < s.travel_km or speed < s.travel_kmh:
        return None
    minutes = int((m.now - before[0]) / 60)
    words = f"{int(km):,} km from the last place within {minutes} min"
    if facts.hub >= s.hub_share:
        return 0.05, words + "; the network is known as a far exit (VPN, relay or carrier)"
    if facts.unfamiliar < 0.25:
        return None  # the subject's own machine or address: the network moved
    if facts.new_device == 0.0 and m.context.device >= 0:
        return 0.1, words + ", on the subject's own device"
    strange = facts.unfamiliar
    if m.subject.n == 0 and all(p.context.agent != m.context.agent for p in m.subject.pending):
        strange = 0.85  # nothing is habit yet, but the last place was on another machine
    return 0.15 + 0.6 * strange * strange, words


def _country(m: Moment) -> Answer:
    if m.facts.new_country < 1.0 or m.subject.n < m.policy.settings.learned:
        return None
    if m.facts.new_device == 1.0:
        return None  # said by new_device_and_country
    return 0.12, f"first time in {m.event.country}"


def _device_country(m: Moment) -> Answer:
    facts = m.facts
    if facts.new_country < 1.0 or m.subject.n < m.policy.settings.learned:
        return None
    if facts.new_device == 1.0 or (m.context.device < 0 and facts.new_system == 1.0):
        return 0.45, f"a device never seen before, in a country never seen before ({m.event.country})"
    return None


def _rare_ip(m: Moment) -> Answer:
    facts = m.facts
    if facts.new_net < 1.0 or facts.new_asn < 1.0 or facts.homes > 0.0 or m.subject.n < 20:
        return None
    return 0.08, "an address nobody here has used, on a network new to the subject"


def _hosting(m: Moment) -> Answer:
    if m.subject.tool or m.event.asn is None or m.facts.new_asn < 1.0:
        return None
    if m.event.asn.upper().removeprefix("AS") in HOSTING:
        return 0.3, "a person's account used from a hosting network"
    return None


DETECTIONS = (
    Detection("impossible_travel", "T1078", "Elastic, Entra: 500 km and 800 km/h", SIGN_IN,
              "Is either network a VPN exit or a carrier's hub? Is the device known?", _travel),
    Detection("new_country", "T1078", "Entra, Okta", SIGN_IN, "Ask about travel.", _country),
    Detection("new_device_and_country", "T1078", "Okta", SIGN_IN,
              "A traveller with a new phone is rare: ask before trusting.", _device_country),
    Detection("rare_source_ip", "T1078", "own history", SIGN_IN, "Look up the network.", _rare_ip),
    Detection("anonymiser_or_hosting", "T1090", "list in settings", SIGN_IN,
              "People do not live in data centres; a company VPN may.", _hosting),
)  # fmt: skip

"""The facts of one event: numbers that mean the same in every organisation, read by rules and models.

A fact is relative (new for this subject, so many times its habit, rare in this population), never
a name: what is learned on one deployment has to hold on another.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter


@dataclass(slots=True)
class Facts:
    """0.0 is always the quiet value. `new_*` is 0 known, 0.5 cannot tell, 1 never seen for the subject."""

    fail: float = 0.0
    login: float = 0.0
    mfa: float = 0.0
    issue: float = 0.0
    refresh: float = 0.0
    use: float = 0.0
    # the subject's history
    history: float = 0.0  # log2(1 + learned sightings)
    rest: float = 0.0  # log2(1 + days since last seen)
    hour: float = 0.0  # how unusual the hour is for the subject, 0..1
    new_ip: float = 0.0
    new_net: float = 0.0
    new_asn: float = 0.0
    new_country: float = 0.0
    new_city: float = 0.0
    new_agent: float = 0.0
    new_browser: float = 0.0
    new_system: float = 0.0
    new_device: float = 0.0
    unfamiliar: float = 0.0  # all of these in one figure, 0..1
    freeman_net: float = 0.0
    freeman_agent: float = 0.0
    # the population
    rare_asn: float = 0.0
    rare_country: float = 0.0
    rare_agent: float = 0.0
    homes: float = 0.0  # log2(1 + subjects at home on this address)
    homes_asn: float = 0.0
    asn_tools: float = 0.0  # share of the ASN's sightings that are services: a hosting network
    asn_spread: float = 0.0  # log2 of the countries the ASN shows: a VPN
    parallel: float = 0.0  # 1 where the subject is active in its own place at this very time
    mfa_skipped: float = 0.0  # how usual the second factor is for the subject that gave none now
    token_age: float = 0.0  # log2(1 + minutes since the token was issued)
    tool: float = 0.0  # a tool where the subject is a person
    # journeys
    km: float = 0.0  # log2(1 + kilometres) since the last place
    speed: float = 0.0  # log2(1 + km/h)
    hub: float = 0.0  # share of arrivals at this ASN that no journey explains
    # failures on the account
    fails_10m: float = 0.0
    fails_1h: float = 0.0
    fails_24h: float = 0.0
    foreign_1h: float = 0.0  # the same, weighted by unfamiliarity
    foreign_24h: float = 0.0
    fail_ips: float = 0.0
    refused_10m: float = 0.0
    refused_24h: float = 0.0
    # failures at the source and around it
    src_fast: float = 0.0
    src_mid: float = 0.0
    src_slow: float = 0.0
    src_victims: float = 0.0
    src_wins: float = 0.0
    src_calm: float = 0.0
    src_share: float = 0.0  # unfamiliar failures among all that the address did
    net_slow: float = 0.0
    net_victims: float = 0.0
    asn_surge: float = 0.0
    agent_surge: float = 0.0
    client_surge: float = 0.0
    all_surge: float = 0.0
    net_wins: float = 0.0  # unfamiliar successes of other subjects from here, lately
    asn_wins: float = 0.0
    agent_wins: float = 0.0
    device_slow: float = 0.0
    device_subjects: float = 0.0
    # the token and its family
    bind_ip: float = 0.0  # 1 where the use differs from the issue
    bind_net: float = 0.0
    bind_asn: float = 0.0
    bind_country: float = 0.0
    bind_agent: float = 0.0  # 1 - similarity
    bind_device: float = 0.0
    switches: float = 0.0
    unissued: float = 0.0
    overlong: float = 0.0
    endless: float = 0.0  # no expiry where this stream's tokens always have one
    revoked: float = 0.0
    reuse: float = 0.0
    gen_gap: float = 0.0
    spread: float = 0.0
    widened: float = 0.0
    scope_new: float = 0.0
    forged: float = 0.0
    # pace
    uses_pace: float = 0.0  # log2 of now over the own peak
    uses_level: float = 0.0
    issues_pace: float = 0.0
    issues_level: float = 0.0
    client_pace: float = 0.0
    client_new_net: float = 0.0
    new_client: float = 0.0
    new_grant: float = 0.0
    service: float = 0.0
    # memory of suspicion
    stain: float = 0.0  # of this context of the subject
    stain_token: float = 0.0  # of the token or the family
    stain_subject: float = 0.0  # of the subject elsewhere, lately
    stain_source: float = 0.0  # unfamiliar successes at an attacking source


NAMES: tuple[str, ...] = tuple(f.name for f in fields(Facts))
row = attrgetter(*NAMES)  # Facts -> tuple of floats in the order of NAMES

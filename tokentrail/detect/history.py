"""Facts from the subject's own history: what is new, how rare, how far, how unusual the hour."""

from __future__ import annotations

from math import log2

from tokentrail.detect import observation as o
from tokentrail.detect.baseline import surprise
from tokentrail.detect.geo import distance_km
from tokentrail.detect.moment import Moment
from tokentrail.detect.state import DAY, Context, Subject

CANNOT_TELL = 0.5
MIN_JOURNEY_KM = 100.0


def read(m: Moment) -> None:
    """Fill the history, population and journey facts of the moment."""
    facts, subject, context = m.facts, m.subject, m.context
    facts.history = log2(1 + subject.n)
    if subject.last and m.now > subject.last:
        facts.rest = log2(1 + (m.now - subject.last) / DAY)
    seen = subject.seen
    if subject.n:
        facts.new_ip = _new(seen, context.ip)
        facts.new_net = _new(seen, context.net)
        facts.new_asn = _new(seen, context.asn)
        facts.new_country = _new(seen, context.country)
        facts.new_city = _new(seen, context.city)
        facts.new_agent = _new(seen, context.agent)
        facts.new_browser = _new(seen, context.browser)
        facts.new_system = _new(seen, context.system)
        facts.new_device = _new(seen, context.device)
        facts.new_client = _new(seen, m.client_id)
        facts.new_grant = _new(seen, m.grant_id)
        facts.freeman_net, facts.freeman_agent = surprise(subject, context, m.world.vocabulary)
        facts.hour = _hour(subject, m.now)
    else:
        facts.new_ip = facts.new_net = facts.new_asn = facts.new_country = facts.new_city = CANNOT_TELL
        facts.new_agent = facts.new_browser = facts.new_system = facts.new_device = CANNOT_TELL
    facts.unfamiliar = unfamiliar(subject, context, (m.now - m.world.start) / DAY)
    words = m.world.vocabulary
    if words.total > 50:
        facts.rare_asn = words.rarity(context.asn)
        facts.rare_country = words.rarity(context.country)
        facts.rare_agent = words.rarity(context.agent)
    if context.ip >= 0:
        facts.homes = log2(1 + words.users[context.ip])
    if context.asn >= 0:
        facts.homes_asn = log2(1 + words.users[context.asn])
        net = m.world.networks.get(context.asn)
        if net is not None:
            facts.asn_tools = net[1] / (net[0] + 4.0)
        exits = m.world.exits.get(context.asn)
        if exits is not None and len(exits) > 1:
            facts.asn_spread = log2(len(exits))
    facts.service = float(subject.tool)
    if facts.unfamiliar >= 0.25 and subject.at_home:
        facts.parallel = max(0.0, 1.0 - (m.now - subject.at_home) / 3_600.0)
    _second_factor(m)
    if m.agent.tool and not subject.tool and not (context.agent >= 0 and context.agent in seen):
        facts.tool = 1.0 if subject.n else CANNOT_TELL
    _journey(m)


def _second_factor(m: Moment) -> None:
    """At issuing: does a subject that always gives a second factor give none?"""
    subject = m.subject
    if m.event.type == o.TOKEN_ISSUE:
        given = m.now - subject.mfa_at < 600.0 and subject.mfa_at > 0.0
        if not given:
            m.facts.mfa_skipped = subject.mfa_rate
        subject.mfa_rate += 0.1 * (float(given) - subject.mfa_rate)
    elif m.event.type == o.MFA_SUCCESS:
        subject.mfa_at = m.now


def _new(seen: dict[int, int], number: int) -> float:
    if number < 0:
        return CANNOT_TELL if number == -2 else 0.0
    return 0.0 if number in seen else 1.0


def _hour(subject: Subject, now: float) -> float:
    """1 minus the smoothed share of the hour against the subject's busiest hour; 0 while it learns."""
    if subject.n < 10:
        return 0.0
    hours, here = subject.hours, int(now // 3_600) % 24
    near = hours[here - 1] + 2 * hours[here] + hours[(here + 1) % 24]
    best = max(hours) * 4
    return 1.0 - min(1.0, (near + 1.0) / (best * 0.5 + 1.0))


def unfamiliar(subject: Subject, context: Context, age_days: float = 0.0) -> float:
    """How little of the context the subject is known for: 0 its own device or address, 1 nothing."""
    seen = subject.seen
    if subject.n == 0:
        # Once the stream has run for days, nobody's name is a stranger's name.
        return 0.4 + 0.4 * min(1.0, age_days / 5.0)
    if context.device >= 0 and context.device in seen:
        return 0.0 if context.country < 0 or context.country in seen else 0.2
    machine = context.system < 0 or (context.system in seen and context.browser in seen)
    if context.ip >= 0 and context.ip in seen:
        if context.agent in seen:
            return 0.0
        return 0.1 if machine else 0.35
    if context.asn >= 0 and context.asn in seen:
        if context.net >= 0 and context.net in seen and machine:
            return 0.15
        return 0.3 if machine else 0.55
    if context.country >= 0 and context.country in seen:
        return 0.7 if machine else 0.85
    return 0.9 if machine else 1.0


def _journey(m: Moment) -> None:
    """Distance and speed from the subject's last place, and how often this ASN is a mere exit."""
    context, place = m.context, m.subject.place
    if context.asn >= 0:
        hop = m.world.hops.get(context.asn)
        if hop is not None:
            m.facts.hub = hop[1] / (hop[0] + 8.0)
    if context.lat is None or context.lon is None or place is None:
        return
    m.previous = place
    km = distance_km(place[1], place[2], context.lat, context.lon)
    if km < MIN_JOURNEY_KM:
        return
    hours = max(m.now - place[0], 60.0) / 3_600.0
    m.facts.km = log2(1 + km)
    m.facts.speed = log2(1 + km / hours)


def _network(m: Moment) -> None:
    """Which ASNs carry services, and which show themselves in many countries."""
    world, context = m.world, m.context
    if m.event.type not in (o.LOGIN_SUCCESS, o.TOKEN_ISSUE):
        return
    net = world.networks.setdefault(context.asn, [0.0, 0.0])
    net[0] += 1.0
    net[1] += float(m.agent.tool)
    if context.country >= 0:
        exits = world.exits.setdefault(context.asn, set())
        if len(exits) < 32:
            exits.add(context.country)


def write(m: Moment) -> None:
    """Move the subject's place and learn which ASNs are exits of a VPN or a carrier."""
    subject, context = m.subject, m.context
    subject.last = m.now
    if not m.event.success:
        return  # a stranger's failure says nothing about where the subject is
    if m.facts.unfamiliar < 0.25 and subject.n:
        subject.at_home = m.now
    if context.asn >= 0:
        _network(m)
    if m.agent.tool and subject.n == 0:
        subject.tool = True
    if context.lat is None or context.lon is None:
        return
    if context.asn >= 0:
        hop = m.world.hops.setdefault(context.asn, [0.0, 0.0])
        before = subject.place
        if before is not None and before[3] != context.asn:
            hop[0] += 1.0
            # Known machine, impossible journey: the network moved, not the person.
            if m.facts.speed > 9.0 and m.facts.new_device == 0.0 and m.facts.new_agent == 0.0:
                hop[1] += 1.0
    subject.place = (m.now, context.lat, context.lon, context.asn, context.system)

"""Facts about failures: on the account, at its source, and in the whole population."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log2

from tokentrail.detect import observation as o
from tokentrail.detect import vocabulary as v
from tokentrail.detect.geo import network
from tokentrail.detect.moment import Moment
from tokentrail.detect.state import MAX_RECENT, Source, World
from tokentrail.detect.windows import K_HABIT, LN2, MID, Tally

KEEP = 86_400.0
QUIET = 4 * 86_400.0
ATTACKED = 3.0  # unfamiliar failures in an hour after which an account counts as attacked
SIGN_IN = (o.LOGIN_SUCCESS, o.LOGIN_FAILURE, o.MFA_SUCCESS, o.MFA_FAILURE)


def read(m: Moment) -> None:
    """Fill the failure facts. The event itself counts where it is a failure."""
    _account(m)
    source = m.world.sources.get(m.context.ip) if m.context.ip >= 0 else None
    m.source = source
    facts = m.facts
    if source is not None:
        tally = source.tally
        tally.settle(m.now)
        facts.src_fast = log2(1 + tally.fast)
        facts.src_mid = log2(1 + tally.mid)
        facts.src_slow = log2(1 + tally.slow)
        facts.src_victims = log2(1 + tally.victims)
        facts.src_wins = log2(1 + tally.wins)
        facts.src_calm = log2(1 + tally.calm)
        facts.src_share = tally.slow / (tally.slow + tally.calm + 2.0)
        facts.stain_source = facts.src_share * min(tally.victims, 10.0) / 10.0
    if m.event.type not in SIGN_IN and m.event.type != o.TOKEN_ISSUE:
        return
    tallies, context = m.world.tallies, m.context
    facts.net_wins = _wins(m, "net", context.net)
    facts.asn_wins = _wins(m, "asn", context.asn)
    facts.agent_wins = _wins(m, "agent", context.agent)
    net = tallies.get(("net", context.net))
    if net is not None and context.net >= 0:
        net.settle(m.now)
        facts.net_slow, facts.net_victims = log2(1 + net.slow), log2(1 + net.victims)
    device = tallies.get(("device", context.device))
    if device is not None and context.device >= 0:
        device.settle(m.now)
        facts.device_slow = log2(1 + device.slow)
        facts.device_subjects = log2(1 + device.victims)
    facts.asn_surge = _surge(m, "asn", context.asn)
    facts.agent_surge = _surge(m, "agent", context.agent)
    facts.client_surge = _surge(m, "client", m.client_id)
    facts.all_surge = _surge(m, "all", 0)


def _account(m: Moment) -> None:
    subject, now, facts = m.subject, m.now, m.facts
    if subject.refused:
        facts.refused_10m = sum(now - t <= 600 for t in subject.refused)
        facts.refused_24h = len(subject.refused)
    if not subject.fails:
        return
    if now - subject.fails[0][0] > KEEP:
        subject.fails = [f for f in subject.fails if now - f[0] <= KEEP]
    ips = set()
    for ts, ip, weight in subject.fails:
        age = now - ts
        facts.fails_24h += 1.0
        facts.foreign_24h += weight
        if age <= 3_600.0:
            facts.fails_1h += 1.0
            facts.foreign_1h += weight
            if age <= 600.0:
                facts.fails_10m += 1.0
        if weight >= 0.25:
            ips.add(ip)
    facts.fail_ips = float(len(ips))


def _wins(m: Moment, kind: str, number: int) -> float:
    """log2 of the unfamiliar successes of the last day with this key."""
    tally = m.world.tallies.get((kind, number)) if number >= 0 else None
    if tally is None:
        return 0.0
    tally.settle(m.now)
    return log2(1 + tally.wins)


def _surge(m: Moment, kind: str, number: int) -> float:
    """log2 of the unfamiliar failures of the last hour over what this key ordinarily has."""
    tally = m.world.tallies.get((kind, number)) if number >= 0 else None
    if tally is None:
        return 0.0
    tally.settle(m.now)
    lived = max(m.now - m.world.start, 3_600.0)
    effective = (1.0 - exp(-lived * K_HABIT)) / K_HABIT
    expected = tally.habit / effective * (MID / LN2)
    return max(0.0, log2((tally.mid + 1.0) / (expected + 1.0)))


def write(m: Moment) -> None:
    """Count a failure against account and source, and let a familiar success speak for the source."""
    kind = m.event.type
    if kind not in SIGN_IN:
        return
    subject, context, now = m.subject, m.context, m.now
    if kind == o.MFA_FAILURE:
        subject.refused = [t for t in subject.refused or [] if now - t <= KEEP][-MAX_RECENT:]
        subject.refused.append(now)
    sighting = sighting_of(m)
    if sighting.failed:
        if subject.fails is None:
            subject.fails = []
        subject.fails.append((now, context.ip, sighting.weight))
        if len(subject.fails) > MAX_RECENT:
            del subject.fails[0]
        if m.facts.foreign_1h + sighting.weight >= ATTACKED:
            subject.alarm = now
    overhear(m.world, sighting, now)


@dataclass(slots=True, frozen=True)
class Sighting:
    """A sign-in as the population sees it: what several scorers tell each other (values, not ids)."""

    subject: str
    weight: float
    failed: bool
    success: bool
    ip: str | None
    asn: str | None
    agent: str | None
    device: str | None
    client: str | None


def sighting_of(m: Moment) -> Sighting:
    """The sighting of a sign-in event."""
    e = m.event
    return Sighting(m.name, m.facts.unfamiliar, e.type == o.LOGIN_FAILURE, e.success, e.ip, e.asn, e.user_agent,
                    e.device_id, e.client_id)  # fmt: skip


def overhear(world: World, seen: Sighting, now: float) -> None:
    """Count a sighting, one's own or another scorer's, against its source and everything it came with."""
    words = world.vocabulary
    ip = words.id(v.IP, seen.ip)
    if ip >= 0:
        source = world.sources.get(ip)
        if source is None:
            source = world.sources[ip] = Source(Tally(now))
        _count(source.tally, seen, now)
    if seen.failed and seen.weight < 0.25:
        return
    keys = (
        ("net", words.id(v.NET, network(seen.ip) if seen.ip else None)), ("device", words.id(v.DEVICE, seen.device)),
        ("asn", words.id(v.ASN, seen.asn)), ("agent", words.id(v.AGENT, seen.agent)),
        ("client", words.id(v.CLIENT, seen.client)), ("all", 0),
    )  # fmt: skip
    for key in keys:
        if key[1] < 0:
            continue
        tally = world.tallies.get(key)
        if tally is None:
            if not seen.failed and (seen.weight < 0.25 or key[0] in ("client", "all")):
                continue  # a key with nothing odd needs no tally
            tally = world.tallies[key] = Tally(now)
        _count(tally, seen, now)


def _count(tally: Tally, seen: Sighting, now: float) -> None:
    tally.settle(now)
    if seen.failed:
        tally.fail(seen.subject, seen.weight)
    elif seen.success:
        tally.win(seen.weight < 0.25)


def sweep(world: World, now: float) -> None:
    """Forget sources and keys that have been quiet for days: memory stays bounded."""
    world.sources = {k: s for k, s in world.sources.items() if now - s.tally.ts < QUIET}
    world.tallies = {k: t for k, t in world.tallies.items() if now - t.ts < 10 * QUIET}

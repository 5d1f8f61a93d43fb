"""State as plain JSON values and back. Texts, not vocabulary ids, so that another process can read them."""

from __future__ import annotations

from typing import Any

from tokentrail.detect import vocabulary as v
from tokentrail.detect.agents import agent
from tokentrail.detect.geo import network
from tokentrail.detect.state import Client, Context, Family, Sighting, Source, Subject, Token, World
from tokentrail.detect.windows import Rate, Tally

VERSION = 1
Plain = Any


def _word(world: World, number: int) -> str | None:
    return world.vocabulary.text[number] if number >= 0 else None


def dump_context(world: World, c: Context | None) -> Plain:
    """[ip, asn, country, country/city, user agent, device, lat, lon]."""
    if c is None:
        return None
    ids = (c.ip, c.asn, c.country, c.city, c.agent, c.device)
    return [*[_word(world, i) for i in ids], c.lat, c.lon]


def load_context(world: World, plain: Plain) -> Context:
    """The inverse of dump_context."""
    ip, asn, country, city, user_agent, device, lat, lon = plain
    words, parts = world.vocabulary, agent(user_agent)
    said = user_agent is not None
    return Context(
        words.id(v.IP, ip), words.id(v.NET, network(ip) if ip else None), words.id(v.ASN, asn),
        words.id(v.COUNTRY, country), words.id(v.CITY, city), words.id(v.AGENT, user_agent),
        words.id(v.BROWSER, parts.browser if said else None), words.id(v.SYSTEM, parts.os if said else None),
        words.id(v.KIND, parts.kind if said else None), words.id(v.DEVICE, device), lat, lon,
    )  # fmt: skip


def _value(world: World, number: int) -> Plain:
    words = world.vocabulary
    return [words.feature[number], words.text[number]] if number >= 0 else None


def _number(world: World, plain: Plain) -> int:
    return world.vocabulary.id(plain[0], plain[1]) if plain is not None else -1


def _rate(rate: Rate | None) -> Plain:
    return None if rate is None else [rate.ts, rate.day, rate.level, rate.today, rate.peak]


def _load_rate(plain: Plain) -> Rate | None:
    if plain is None:
        return None
    rate = Rate(plain[0])
    rate.day, rate.level, rate.today, rate.peak = int(plain[1]), plain[2], plain[3], plain[4]
    return rate


def dump_subject(world: World, s: Subject) -> Plain:
    """One subject, without its tokens and families."""
    words = world.vocabulary
    place = None if s.place is None else [*s.place[:3], _value(world, s.place[3]), _value(world, s.place[4])]
    return {
        "f": s.first, "l": s.last, "n": s.n, "h": s.hours.hex(), "tool": s.tool, "alarm": s.alarm, "place": place,
        "seen": [[words.feature[k], words.text[k], c] for k, c in s.seen.items()],
        "pend": [[p.ts, dump_context(world, p.context), _value(world, p.client), _value(world, p.grant), p.hour]
                 for p in s.pending],
        "learned": None if s.learned is None else [[_value(world, k) for k in s.learned], s.learned_at],
        "fails": None if s.fails is None else [[t, _value(world, ip), w] for t, ip, w in s.fails],
        "refused": s.refused,
        "risk": None if s.risk is None else
                [[[_value(world, k) for k in key], *at] for key, at in s.risk.items()],
        "home": s.at_home, "mfa": [s.mfa_at, s.mfa_rate], "uses": _rate(s.uses), "issues": _rate(s.issues),
    }  # fmt: skip


def load_subject(world: World, p: Plain) -> Subject:
    """The inverse of dump_subject; ids are interned into this world's vocabulary."""
    place = p["place"]
    subject = Subject(first=p["f"], last=p["l"], n=p["n"], hours=bytearray.fromhex(p["h"]), tool=p["tool"])
    subject.alarm = p["alarm"]
    subject.seen = {world.vocabulary.id(f, text): c for f, text, c in p["seen"]}
    if place is not None:
        subject.place = (place[0], place[1], place[2], _number(world, place[3]), _number(world, place[4]))
    subject.pending = [
        Sighting(ts, load_context(world, c), _number(world, client), _number(world, grant), hour)
        for ts, c, client, grant, hour in p["pend"]
    ]
    if p["learned"] is not None:
        subject.learned, subject.learned_at = _key(world, p["learned"][0]), p["learned"][1]
    if p["fails"] is not None:
        subject.fails = [(t, _number(world, ip), w) for t, ip, w in p["fails"]]
    subject.refused = p["refused"]
    if p["risk"] is not None:
        subject.risk = {_key(world, key): (value, at) for key, value, at in p["risk"]}
    subject.at_home = p["home"]
    subject.mfa_at, subject.mfa_rate = p["mfa"]
    subject.uses, subject.issues = _load_rate(p["uses"]), _load_rate(p["issues"])
    return subject


def _key(world: World, plain: Plain) -> tuple[int, int, int]:
    ip, user_agent, device = (_number(world, x) for x in plain)
    return ip, user_agent, device


def dump_token(world: World, t: Token) -> Plain:
    """One access token's record."""
    return [
        t.subject, t.issued, dump_context(world, t.context), t.last, dump_context(world, t.last_context), t.client,
        t.family, t.expires, t.known_issue, t.agent, t.device, t.risk, t.switches, sorted(t.scope),
    ]  # fmt: skip


def load_token(world: World, p: Plain) -> Token:
    """The inverse of dump_token."""
    return Token(
        subject=p[0], issued=p[1], context=load_context(world, p[2]), last=p[3],
        last_context=load_context(world, p[4]), client=p[5], family=p[6], expires=p[7], known_issue=p[8],
        agent=p[9], device=p[10], risk=p[11], switches=p[12], scope=frozenset(p[13]),
    )  # fmt: skip


def dump_family(world: World, f: Family) -> Plain:
    """One refresh family's record."""
    return [
        f.subject, f.gen, f.gen_ts, dump_context(world, f.context), f.agent, sorted(f.scope), f.risk,
        [_value(world, a) for a in f.asns], [_value(world, a) for a in f.agents], f.last,
    ]  # fmt: skip


def load_family(world: World, p: Plain) -> Family:
    """The inverse of dump_family."""
    return Family(
        subject=p[0], gen=p[1], gen_ts=p[2], context=None if p[3] is None else load_context(world, p[3]),
        agent=p[4], scope=frozenset(p[5]), risk=p[6], asns={_number(world, a) for a in p[7]},
        agents={_number(world, a) for a in p[8]}, last=p[9],
    )  # fmt: skip


TALLY = ("ts", "fast", "mid", "slow", "victims", "wins", "calm", "habit", "last_win")


def _tally(t: Tally) -> Plain:
    return [*[getattr(t, name) for name in TALLY], t.seen]


def _load_tally(plain: Plain) -> Tally:
    tally = Tally(plain[0])
    for name, value in zip(TALLY, plain, strict=False):
        setattr(tally, name, value)
    tally.seen = plain[-1]
    return tally


def dump_population(world: World) -> Plain:
    """What is shared by all subjects: vocabulary counts, failures by source, clients, keys, the clock."""
    words = world.vocabulary
    counted = [[words.feature[i], words.text[i], c, words.users[i]] for i, c in enumerate(words.count) if c > 0]
    return {
        "version": VERSION, "now": world.now, "start": world.start, "events": world.events, "issued": world.issued,
        "habits": world.habits,
        "users": world.users, "total": words.total, "words": counted,
        "sources": [[words.text[k], _tally(s.tally)] for k, s in world.sources.items()],
        "tallies": [[k, _value(world, n) if k != "all" else None, _tally(t)] for (k, n), t in world.tallies.items()],
        "hops": [[_value(world, k), h] for k, h in world.hops.items()],
        "networks": [[_value(world, k), n] for k, n in world.networks.items()],
        "exits": [[_value(world, k), [_value(world, c) for c in found]] for k, found in world.exits.items()],
        "keys": {k: sorted(kids) for k, kids in world.keys.items()},
        "revoked": [[*k, at] for k, at in world.revoked.items()],
        "clients": [[k, c.first, c.n, c.scopes, [[_value(world, n), x] for n, x in c.nets.items()], _rate(c.issues)]
                    for k, c in world.clients.items()],
    }  # fmt: skip


def load_population(world: World, p: Plain) -> None:
    """Fill an empty world. Unknown versions are refused by ValueError: the scorer then starts cold."""
    if p.get("version") != VERSION:
        raise ValueError("a snapshot of another version")
    words = world.vocabulary
    world.now, world.start, world.events, world.issued = p["now"], p["start"], p["events"], p["issued"]
    world.users = p["users"]
    world.habits = p["habits"]
    words.total = p["total"]
    for feature, text, count, users in p["words"]:
        number = words.id(feature, text)
        words.count[number], words.users[number] = count, users
        words.distinct[feature] += 1
    world.sources = {words.id(v.IP, ip): Source(_load_tally(t)) for ip, t in p["sources"]}
    world.tallies = {(k, 0 if k == "all" else _number(world, n)): _load_tally(t) for k, n, t in p["tallies"]}
    world.hops = {_number(world, k): h for k, h in p["hops"]}
    world.networks = {_number(world, k): n for k, n in p["networks"]}
    world.exits = {_number(world, k): {_number(world, c) for c in found} for k, found in p["exits"]}
    world.keys = {k: set(kids) for k, kids in p["keys"].items()}
    world.revoked = {(kind, value): at for kind, value, at in p["revoked"]}
    for name, first, n, scopes, nets, rate in p["clients"]:
        client = Client(first=first, n=n, scopes=scopes, nets={_number(world, k): x for k, x in nets})
        client.issues = _load_rate(rate)
        world.clients[name] = client

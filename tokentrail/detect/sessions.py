"""Facts about a token and its refresh family: where it is used, in what order, with what scope."""

from __future__ import annotations

from math import log2

from tokentrail.detect import observation as o
from tokentrail.detect.agents import similarity
from tokentrail.detect.moment import Moment
from tokentrail.detect.state import DAY, Family, Token

TOKEN_TYPES = (o.TOKEN_ISSUE, o.TOKEN_REFRESH, o.TOKEN_USE)
KEEP_TOKEN = 3_600.0
REVOKED_KEEP = 7 * DAY
NO_SCOPE: frozenset[str] = frozenset()


def read(m: Moment) -> None:
    """Fill the token facts: binding, revocation, reuse, scope, issuer and lifetime."""
    event, world = m.event, m.world
    if event.type not in TOKEN_TYPES:
        return
    m.token = world.tokens.get(event.jti) if event.jti else None
    m.family = world.families.get(event.family) if event.family else None
    if event.type != o.TOKEN_ISSUE:
        _binding(m)
        _revoked(m)
    if event.type == o.TOKEN_REFRESH:
        _rotation(m)
    _scope(m)
    _forged(m)


def _binding(m: Moment) -> None:
    """How far the use is from both the issue and the last use; the nearer of the two counts."""
    event, facts, token, family = m.event, m.facts, m.token, m.family
    if event.type == o.TOKEN_USE and event.jti is not None:
        # Means something only where the stream shows nearly every token's issue.
        usual = m.world.usual("use known", token is not None and token.known_issue, 300)
        if token is None or not token.known_issue:
            facts.unissued = float(usual > 0.95 and world_knows_issues(m))
    if event.type == o.TOKEN_USE and token is None:
        return
    if token is not None:
        agent, device, known = token.agent, token.device, [token.context, token.last_context]
        facts.switches = log2(1 + token.switches)
        facts.stain_token = token.risk
        facts.token_age = log2(1 + (m.now - token.issued) / 60.0)
    elif family is not None and family.context is not None:
        agent, device, known = family.agent, None, [family.context]
    else:
        return
    if family is not None:
        facts.stain_token = max(facts.stain_token, family.risk)
        facts.spread = log2(max(len(family.asns) + len(family.agents) - 1, 1))
    here = m.context
    facts.bind_ip = min(_differs(c.ip, here.ip) for c in known)
    if facts.bind_ip:
        facts.bind_net = min(_differs(c.net, here.net) for c in known)
        facts.bind_asn = min(_differs(c.asn, here.asn) for c in known)
        facts.bind_country = min(_differs(c.country, here.country) for c in known)
    facts.bind_agent = 1.0 - similarity(agent, event.user_agent)
    if device is not None and event.device_id is not None:
        facts.bind_device = float(device != event.device_id)


def _differs(one: int, two: int) -> float:
    return float(one != two and one >= 0 and two >= 0)


def world_knows_issues(m: Moment) -> bool:
    """True once enough tokens have been seen issued that an unknown one means something."""
    world = m.world
    if world.complete:
        return world.issued > 20
    return world.issued > 200 and m.now - world.start > 4 * 3_600.0


def _revoked(m: Moment) -> None:
    revoked, event, at = m.world.revoked, m.event, 0.0
    if not revoked:
        return
    if event.jti and event.type == o.TOKEN_USE:
        at = revoked.get(("jti", event.jti), 0.0)
    if event.presented_jti:
        at = at or revoked.get(("jti", event.presented_jti), 0.0)
    if event.family:
        at = at or revoked.get(("family", event.family), 0.0)
    if event.sid:
        at = at or revoked.get(("session", event.sid), 0.0)
    if not at and m.token is not None:
        whole = revoked.get(("subject", m.name), 0.0) or revoked.get(("client", event.client_id or ""), 0.0)
        at = whole if m.token.known_issue and m.token.issued < whole else 0.0
    if at:
        m.revoked_at = at
        m.facts.revoked = log2(1 + max(m.now - at, 0.0))


def _rotation(m: Moment) -> None:
    """A generation presented again: reuse, unless the same machine retries within the leeway."""
    event, family, facts = m.event, m.family, m.facts
    if family is None or event.gen is None:
        return
    if event.gen > family.gen:
        if family.gen >= 0:
            facts.gen_gap = float(event.gen - family.gen - 1)
        return
    leeway = m.policy.settings.refresh_leeway_seconds
    retry = (
        m.now - family.gen_ts <= leeway
        and event.gen >= family.gen - 1
        and similarity(family.agent, event.user_agent) >= 0.95
    )
    facts.reuse = 0.25 if retry else 1.0


def _scope(m: Moment) -> None:
    event, facts = m.event, m.facts
    if event.scope is None:
        return
    asked = frozenset(event.scope.split())
    if event.type == o.TOKEN_REFRESH:
        granted = m.family.scope if m.family is not None else NO_SCOPE
        if granted and asked - granted:
            facts.widened, m.widened = 1.0, asked - granted
    elif event.type == o.TOKEN_USE:
        if m.token is not None and m.token.scope and asked - m.token.scope:
            facts.widened, m.widened = 1.0, asked - m.token.scope
    elif m.client is not None and m.client.n >= 20:
        unknown = [s for s in asked if s not in m.client.scopes]
        if unknown:
            facts.scope_new, m.widened = 1.0, frozenset(unknown)


def _forged(m: Moment) -> None:
    event, policy, facts = m.event, m.policy, m.facts
    if event.iss is not None:
        trusted = policy.issuers.get(event.iss)
        if policy.issuers:
            if trusted is None:
                facts.forged, m.forged_why = 1.0, "its issuer is not in the trust list"
            elif event.kid is not None and trusted and event.kid not in trusted:
                facts.forged, m.forged_why = 1.0, "its key id is not one of its issuer's"
        elif event.type == o.TOKEN_USE and world_knows_issues(m):
            known = m.world.keys.get(event.iss)
            if known is None:
                facts.forged, m.forged_why = 1.0, "its issuer never issued a token in this stream"
            elif event.kid is not None and known and event.kid not in known:
                facts.forged, m.forged_why = 1.0, "its key id never signed a token in this stream"
    elif event.kid is not None and policy.issuers and not any(event.kid in k for k in policy.issuers.values()):
        facts.forged, m.forged_why = 1.0, "its key id is not in the trust list"
    if event.type != o.TOKEN_REFRESH and event.jti is not None:
        usual = m.world.usual(event.type + " exp", event.exp is not None, 500)
        if event.exp is None and usual > 0.999 and (m.token is None or event.type == o.TOKEN_ISSUE):
            facts.endless = 1.0
    if event.exp is not None:
        start = event.iat if event.iat is not None else event.ts
        over = event.exp - start - policy.max_lifetime_seconds
        if over > policy.settings.lifetime_slack_seconds:
            facts.overlong = log2(1 + over)


def write(m: Moment) -> None:
    """Remember issues, rotations, uses and revocations."""
    event = m.event
    if event.type == o.TOKEN_REVOKE:
        _note_revocation(m)
    elif event.type in TOKEN_TYPES and event.success:  # what was refused holds claims, not knowledge
        if event.type != o.TOKEN_USE:
            m.world.issued += 1
            if event.iss is not None and not m.facts.forged:
                m.world.keys.setdefault(event.iss, set()).add(event.kid or "")
        if event.family:
            _note_family(m)
        if event.jti:
            _note_token(m)


def _note_revocation(m: Moment) -> None:
    event, revoked = m.event, m.world.revoked
    if event.revoke_target and event.revoke_value:
        revoked.setdefault((event.revoke_target, event.revoke_value), m.now)
        return
    if event.jti:
        revoked.setdefault(("jti", event.jti), m.now)
    if event.family:
        revoked.setdefault(("family", event.family), m.now)
    if event.sid:
        revoked.setdefault(("session", event.sid), m.now)


def _note_family(m: Moment) -> None:
    event, context = m.event, m.context
    assert event.family is not None  # noqa: S101 - checked by the caller; tells mypy
    family = m.family
    if family is None:
        family = m.world.families[event.family] = Family(subject=m.name)
    family.last = m.now
    scope = frozenset(event.scope.split()) if event.scope else NO_SCOPE
    if event.type == o.TOKEN_ISSUE:
        family.context, family.agent = context, event.user_agent
        family.scope = family.scope or scope
    elif event.type == o.TOKEN_REFRESH:
        if event.gen is not None and event.gen > family.gen:
            family.gen, family.gen_ts = event.gen, m.now
            family.context, family.agent = context, event.user_agent
        family.scope = family.scope or scope
    if len(family.asns) < 16 and context.asn >= 0:
        family.asns.add(context.asn)
    if len(family.agents) < 16 and context.agent >= 0:
        family.agents.add(context.agent)


def _note_token(m: Moment) -> None:
    event, context, token = m.event, m.context, m.token
    assert event.jti is not None  # noqa: S101
    if token is None:
        expires = event.exp if event.exp is not None else m.now + m.policy.max_lifetime_seconds
        m.token = m.world.tokens[event.jti] = Token(
            subject=m.name, issued=m.now, context=context, last=m.now, last_context=context,
            client=event.client_id, family=event.family, expires=min(expires, m.now + DAY),
            known_issue=event.type != o.TOKEN_USE, agent=event.user_agent, device=event.device_id,
            scope=frozenset(event.scope.split()) if event.scope else NO_SCOPE,
        )  # fmt: skip
        return
    if token.last_context.ip != context.ip and _differs(token.last_context.asn, context.asn):
        token.switches += 1
    token.last, token.last_context = m.now, context


def sweep(m: Moment) -> None:
    """Forget what has expired; called now and then, so that memory stays bounded."""
    world, now = m.world, m.now
    world.tokens = {k: t for k, t in world.tokens.items() if max(t.expires, t.last) + KEEP_TOKEN > now}
    world.families = {k: f for k, f in world.families.items() if now - f.last < 30 * DAY}
    world.revoked = {k: at for k, at in world.revoked.items() if now - at < REVOKED_KEEP}

"""What the token protocol makes certain: reuse, use after revocation, forgery, scope that grows."""

from __future__ import annotations

from tokentrail.detect import observation as o
from tokentrail.detect.detections.base import Detection
from tokentrail.detect.moment import Moment

Answer = tuple[float, str] | None
USE = (o.TOKEN_USE, o.TOKEN_REFRESH)
ALL_TOKEN = (o.TOKEN_ISSUE, o.TOKEN_REFRESH, o.TOKEN_USE)


def _reuse(m: Moment) -> Answer:
    if m.facts.reuse < 1.0 or m.family is None:
        return None
    gone = int(m.now - m.family.gen_ts)
    return 0.985, (
        f"refresh token generation {m.event.gen} was presented again; generation {m.family.gen} "
        f"had been used {gone} s before, so two parties hold this family"
    )


def _after_revoke(m: Moment) -> Answer:
    gone = m.now - m.revoked_at
    grace = m.policy.settings.revoke_grace_seconds
    if not m.revoked_at or gone <= grace:
        return None
    same = m.facts.bind_ip == 0.0 and m.facts.bind_agent < 0.05
    if gone <= 3 * grace and same:
        return None  # the same machine, still finishing what it began
    return 0.98, f"used {int(gone)} s after it was revoked"


def _forged(m: Moment) -> Answer:
    return (0.99, f"the token is not one of ours: {m.forged_why}") if m.facts.forged else None


def _overlong(m: Moment) -> Answer:
    event = m.event
    if m.facts.endless:
        return 0.97, "the token has no expiry, where every other one has"
    if m.facts.overlong == 0.0 or event.exp is None:
        return None
    start = event.iat if event.iat is not None else event.ts
    allowed = int(m.policy.max_lifetime_seconds)
    return 0.98, f"the token lives {int(event.exp - start)} s where policy allows {allowed} s"


def _widened(m: Moment) -> Answer:
    if m.facts.widened:
        return 0.98, f"scope grew beyond what was granted: {', '.join(sorted(m.widened)[:5])}"
    if m.facts.scope_new:
        return 0.35, f"the client asks for a scope it never had: {', '.join(sorted(m.widened)[:5])}"
    return None


def _spread(m: Moment) -> Answer:
    if m.facts.spread < m.policy.settings.spread or m.facts.unfamiliar < 0.5:
        return None
    return 0.3, "one refresh family is used from many networks or user agents"


DETECTIONS = (
    Detection("refresh_token_reuse", "T1550.001", "RFC 9700 section 4.14.2, Auth0, Okta", (o.TOKEN_REFRESH,),
              "Ask the subject which device is theirs; end every session of the family.",
              _reuse, "revoke", "family"),
    Detection("use_after_revoke", "T1550.001", "RFC 7009, RFC 9700", USE,
              "Find the resource server that still accepted it and how old its deny-list was.",
              _after_revoke, "revoke", "jti"),
    Detection("unknown_issuer_or_key", "T1606", "RFC 9068 section 4", ALL_TOKEN,
              "Check key rotation first; then who could have minted it and which server took it.",
              _forged, "revoke", "jti"),
    Detection("lifetime_over_policy", "T1606", "policy max_lifetime_seconds", ALL_TOKEN,
              "Compare the issuer's configuration with the policy; a forger seldom knows it.",
              _overlong, "revoke", "jti"),
    Detection("scope_widened", "T1528", "RFC 6749 section 6", ALL_TOKEN,
              "Compare the grant with the client's registration; look for a new consent.",
              _widened, "revoke", "family"),
    Detection("refresh_family_spread", "T1550", "Panther", USE,
              "Compare the networks with the subject's habit.", _spread),
)  # fmt: skip

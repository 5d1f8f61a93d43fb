"""Token introspection (RFC 7662): what the issuer knows of a token, told only to who may ask."""

from __future__ import annotations

from typing import Any

from psycopg.rows import dict_row

from producers.issuer.core import Core
from producers.issuer.directory import Client
from producers.issuer.oauth import OAuthError
from producers.issuer.secret import token_hash

INACTIVE = {"active": False}
"""All that is told about a token that is not good, for whatever reason (section 2.2)."""


def introspect(core: Core, client: Client, token: str) -> dict[str, Any]:
    """The answer about an access or refresh token. Raises OAuthError when the client may not ask at all."""
    if client.may_introspect == "none":
        raise OAuthError("unauthorized_client", "this client may not introspect", 403)
    asked = {"hash": token_hash(token), "issuer": core.issuer}
    with core.pool.connection() as conn, conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(_ACCESS, asked).fetchone()
        if found is None:
            found = cursor.execute(_REFRESH, asked).fetchone()
    if found is None or not found.pop("live") or not _may_see(client, found):
        return dict(INACTIVE)
    confirmed = found.pop("cnf_jkt")
    if confirmed:
        found |= {"cnf": {"jkt": confirmed}}
    if found.get("token_type"):
        found["token_type"] = "DPoP" if confirmed else "Bearer"
    return {"active": True, "iss": core.issuer} | {name: value for name, value in found.items() if value is not None}


def _may_see(client: Client, found: dict[str, Any]) -> bool:
    """Section 4: a token is told of only to the client it was given to, or to who protects its audience."""
    if client.may_introspect == "any" or found["client_id"] == client.client_id:
        return True
    return client.may_introspect == "audience" and found["aud"] in client.audiences


_ACCESS = """
select t.client_id, t.subject as sub, t.audience as aud, t.scope, t.sid, t.jti, t.issued_at as iat,
    t.expires_at as exp, t.cnf_jkt, 'access' as token_type,
    t.expires_at > extract(epoch from now()) and not exists (
        select from issuer.cutoff c
        where (c.target, c.value) in (('jti', t.jti), ('session', t.sid), ('subject', t.subject),
                ('client', t.client_id), ('family', t.family), ('issuer', %(issuer)s))
            and (c.target = 'jti' or c.revoked_at >= t.issued_at * 1000000)
    ) as live
from issuer.access_token t where t.token_hash = %(hash)s
"""

_REFRESH = """
select r.client_id, r.subject as sub, r.audience as aud, r.scope, r.sid,
    extract(epoch from r.created_at)::bigint as iat, extract(epoch from r.expires_at)::bigint as exp, r.cnf_jkt,
    r.expires_at > now() and r.used_at is null and not exists (
        select from issuer.cutoff c
        where (c.target, c.value) in (('session', r.sid), ('subject', r.subject), ('client', r.client_id),
                ('family', r.family), ('issuer', %(issuer)s))
            and c.revoked_at >= extract(epoch from r.created_at) * 1000000
    ) as live
from issuer.refresh_token r where r.token_hash = %(hash)s
"""

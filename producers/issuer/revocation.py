"""Token revocation by a client (RFC 7009)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from producers.issuer.core import Core
from producers.issuer.directory import Client
from producers.issuer.oauth import OAuthError
from producers.issuer.secret import token_hash
from tokentrail.tokens.revocation import Revocation, revoke


def revoke_token(core: Core, client: Client, token: str, source: Mapping[str, Any]) -> bool:
    """Revoke a token of this client; a refresh token takes its family with it (section 2.1).

    False when there was nothing to revoke: that is answered like success (section 2.2), also for another
    client's token, so that nobody learns whether it exists.
    """
    if not client.may_revoke:
        raise OAuthError("unauthorized_client", "this client may not revoke", 403)
    with core.pool.connection() as conn:
        row = conn.execute(
            """select 'jti', jti, client_id from issuer.access_token where token_hash = %(hash)s
            union all
            select 'family', family, client_id from issuer.refresh_token where token_hash = %(hash)s""",
            {"hash": token_hash(token)},
        ).fetchone()
        if row is None or row[2] != client.client_id:
            return False
        known = conn.execute("select 1 from issuer.cutoff where (target, value) = (%s, %s)", row[:2]).fetchone()
        if known is not None:
            return False
        revoke(conn, core.issuer, Revocation(row[0], row[1], "revoked by its client", "client"), source=source)
    core.wake()
    return True

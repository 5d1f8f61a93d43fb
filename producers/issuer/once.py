"""Ids that may be used once: of client assertions and of DPoP proofs."""

from __future__ import annotations

from hashlib import sha256

from producers.issuer.core import Core


def use(core: Core, kind: str, owner: str, id_: str, seconds: int) -> bool:
    """Use an id up for as long as it could be shown again; False when it was used before."""
    digest = sha256(f"{kind}\x00{owner}\x00{id_}".encode()).digest()
    with core.pool.connection() as conn:
        added = conn.execute(
            """insert into issuer.used_once (id_hash, expires_at) values (%s, now() + make_interval(secs => %s))
            on conflict do nothing""",
            (digest, seconds),
        )
    return added.rowcount == 1

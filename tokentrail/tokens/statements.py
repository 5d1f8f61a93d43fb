"""The signature of an issuer's statement: a compact JWS by one of the keys in its JWK Set."""

from __future__ import annotations

import json
from typing import Any

from joserfc import jws

from tokentrail.tokens.keys import SigningKey
from tokentrail.tokens.trust import Keys

STATEMENT_TYP = "tokentrail-statement+jwt"
ALGORITHM = "RS256"


def signed_claims(signature: str, keys: Keys) -> tuple[dict[str, Any], SigningKey]:
    """The claims of a statement and the key that signed them.

    Raises ValueError or joserfc's JoseError for anything that is not our form or not signed by a known
    key; NotReadyError where the keys cannot be had at the moment.
    """
    header = jws.extract_compact(signature.encode()).headers()
    if header.get("alg") != ALGORITHM or header.get("typ") != STATEMENT_TYP or header.keys() - {"alg", "typ", "kid"}:
        raise ValueError("not the header of a statement")
    key = keys.find(str(header.get("kid")))
    if key is None:
        raise ValueError("kid is not among the issuer's keys")
    signed = jws.deserialize_compact(signature, key.key, algorithms=[ALGORITHM])
    return json.loads(signed.payload or b""), key

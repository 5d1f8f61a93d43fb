"""The signature under an issuer's statements."""

from __future__ import annotations

from typing import Any

from joserfc import jws

from tokentrail.outbox.statement import Signer
from tokentrail.tokens.commands import canonical
from tokentrail.tokens.keys import SIGNATURE_ALG, SigningKey
from tokentrail.tokens.mint import JWS_REGISTRY
from tokentrail.tokens.statements import STATEMENT_TYP


def statement_signer(key: SigningKey) -> Signer:
    """Signs with a key of the issuer's JWK Set: payload to compact JWS (RS256)."""

    def sign(payload: dict[str, Any]) -> str:
        header = {"alg": SIGNATURE_ALG, "typ": STATEMENT_TYP, "kid": key.kid}
        return jws.serialize_compact(header, canonical(payload), key.key, registry=JWS_REGISTRY)

    return sign

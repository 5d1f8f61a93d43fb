"""The signature under an issuer's statements."""

from __future__ import annotations

from typing import Any

from tokentrail.outbox.statement import Signer
from tokentrail.tokens import jose
from tokentrail.tokens.commands import canonical
from tokentrail.tokens.keys import SigningKey
from tokentrail.tokens.statements import STATEMENT_TYP


def statement_signer(key: SigningKey) -> Signer:
    """Signs with a key of the issuer's JWK Set: payload to compact JWS (RS256)."""

    def sign(payload: dict[str, Any]) -> str:
        return jose.sign(canonical(payload), key, STATEMENT_TYP).decode()

    return sign

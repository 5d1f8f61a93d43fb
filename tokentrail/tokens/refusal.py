"""Why a token was refused: one exception for each family of reasons, a stable code for each reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tokentrail.errors import Refused


@dataclass(frozen=True)
class Claimed:
    """What a refused token says about itself. Unless `verified`, anybody may have written it."""

    claims: Mapping[str, Any] = field(default_factory=dict)
    kid: str | None = None
    verified: bool = False


class TokenRefusedError(Refused):
    """This token is not good.

    `reason` is a stable code, `claimed` what the token said before it was refused.
    """

    def __init__(self, reason: str, detail: str, claimed: Claimed | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.claimed = claimed or Claimed()


class MalformedTokenError(TokenRefusedError):
    """Not a JWS in a JWE as RFC 7516, RFC 7515 and RFC 9068 want it.

    Reasons: malformed, header, algorithm.
    """


class UntrustedTokenError(TokenRefusedError):
    """Nobody we trust signed it.

    Reasons: undecryptable, unknown_issuer, unknown_key, bad_signature, proof.
    """


class PolicyTokenError(TokenRefusedError):
    """Well signed, but against the rules. Reasons: claims, lifetime, audience."""


class ExpiredTokenError(TokenRefusedError):
    """Out of its time. Reasons: expired, not_yet_valid."""


class RevokedTokenError(TokenRefusedError):
    """On the deny-list. Reason: revoked."""


class NotReadyError(TokenRefusedError):
    """The validator cannot know:

    its deny-list or keys are not there, or too old. Reasons: not_ready, stale, no_keys.
    """

"""What a detection is: an id, its reasons and its place in ATT&CK, and one function that decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tokentrail.detect.moment import Moment

Decide = Callable[[Moment], "tuple[float, str] | None"]


@dataclass(slots=True, frozen=True)
class Detection:
    """`decide` gives (weight 0..1, reason in words) or None; `target` names what may be revoked."""

    id: str
    technique: str
    source: str
    types: tuple[str, ...]
    check: str
    decide: Decide
    may: str = "score"  # score, alert or revoke
    target: str | None = None  # jti, family, session, subject or client


@dataclass(slots=True, frozen=True)
class Finding:
    """A detection that fired, how sure it is, and why."""

    detection: Detection
    weight: float
    reason: str

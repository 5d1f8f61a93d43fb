"""What the scorer says of the system itself. No event fires these: the consumer does."""

from __future__ import annotations

from tokentrail.detect.detections.base import Detection
from tokentrail.detect.moment import Moment


def _never(m: Moment) -> tuple[float, str] | None:  # noqa: ARG001 - the shape of every detection
    return None


NOT_ACKNOWLEDGED = Detection(
    "command_not_acknowledged", "-", "policy command_ack_seconds", (),
    "Does the issuer run? Revoke there by hand; its deny-list entry may be missing.", _never, "alert",
)  # fmt: skip
STORM = Detection(
    "revocation_storm", "-", "policy max_subjects_per_minute, max_share_of_active", (),
    "Is it an attack on many, or a broken model or feed? Two persons release what was held.", _never, "alert",
)  # fmt: skip
LEDGER_READ_SPIKE = Detection(
    "ledger_read_spike", "T1213", "own history", (),
    "Ask the reader what for. Compare with the purpose given.", _never, "alert",
)  # fmt: skip
DETECTIONS = (NOT_ACKNOWLEDGED, STORM, LEDGER_READ_SPIKE)

"""What others say: lists of bad addresses, leaked credentials, people's own reports, reads of the ledger."""

from __future__ import annotations

from tokentrail.detect import observation as o
from tokentrail.detect.detections.base import Detection
from tokentrail.detect.moment import Moment

Answer = tuple[float, str] | None
EVERY = (o.LOGIN_SUCCESS, o.LOGIN_FAILURE, o.MFA_SUCCESS, o.MFA_FAILURE, o.TOKEN_ISSUE, o.TOKEN_REFRESH, o.TOKEN_USE)
LEAKED = frozenset(("leaked_credential", "breached_password", "leaked_password"))
REPORTED = frozenset(("reported_by_user", "not_me", "fraud_reported"))


def _bad_address(m: Moment) -> Answer:
    if m.event.ip is None or m.event.ip not in m.policy.bad_addresses:
        return None
    return 0.6 if m.event.success else 0.5, "the address is on the operator's list of bad ones"


def _leaked(m: Moment) -> Answer:
    if m.event.note in LEAKED:
        return 0.95, "the issuer says that this credential is known to have leaked"
    return None


def _reported(m: Moment) -> Answer:
    return (0.97, "the person says: this was not me") if m.event.note in REPORTED else None


DETECTIONS = (
    Detection("known_bad_address", "T1078", "policy bad_addresses", EVERY,
              "Who else was there? Block the address if nobody belongs there.", _bad_address),
    Detection("leaked_credential", "T1078", "the issuer's breach check", EVERY,
              "Reset the password, then read what was done with it.", _leaked, "revoke", "subject"),
    Detection("reported_by_user", "T1078", "the person", EVERY,
              "Believe it first: end the sessions, then ask.", _reported, "revoke", "subject"),
)  # fmt: skip

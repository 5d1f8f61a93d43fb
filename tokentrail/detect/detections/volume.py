"""What only counting shows: guessing on one account, on many, from one source or from everywhere."""

from __future__ import annotations

from tokentrail.detect import observation as o
from tokentrail.detect.detections.base import Detection
from tokentrail.detect.moment import Moment

Answer = tuple[float, str] | None
SIGN_IN = (o.LOGIN_SUCCESS, o.LOGIN_FAILURE)
FAILED = (o.LOGIN_FAILURE,)


def _count(log: float) -> float:
    return float(2.0**log - 1.0)


def _seen(m: Moment, log: float) -> float:
    """A weighted count as tries: accounts without any history weigh less each, and are tries all the same."""
    return _count(log) / (max(m.facts.unfamiliar, 0.25) if m.facts.history == 0.0 else 1.0)


def _strange(m: Moment) -> bool:
    return m.facts.unfamiliar >= 0.25


def _brute(m: Moment) -> Answer:
    facts, s = m.facts, m.policy.settings
    if not _strange(m):
        if facts.fails_1h >= 2 * s.brute_tries:  # more than anybody forgets a password
            return 0.5, f"{int(facts.fails_1h) + 1} failures in an hour, from the subject's own place"
        return None
    tries = (facts.fails_1h if facts.history == 0.0 else facts.foreign_1h) + facts.unfamiliar
    if tries >= s.brute_tries or (tries >= s.brute_fast_tries and facts.fail_ips >= s.brute_addresses):
        places = int(facts.fail_ips)
        return 0.9, f"{int(facts.fails_1h) + 1} failures on this account in an hour from {places} addresses"
    return None


def _spray(m: Moment) -> Answer:
    facts, s = m.facts, m.policy.settings
    victims, tries = _seen(m, facts.src_victims), _seen(m, facts.src_slow)
    if not _strange(m) or victims < s.spray_users or tries < s.spray_tries:
        return None
    if tries / victims > s.spray_tries_per_user or facts.src_share < 0.3:
        return None
    return 0.9, f"one address tried about {int(victims)} accounts {int(tries)} times within a day"


def _stuffing(m: Moment) -> Answer:
    facts, s = m.facts, m.policy.settings
    victims, tries = _seen(m, facts.src_victims), _seen(m, facts.src_slow)
    if not _strange(m) or victims < s.stuffing_users or tries < s.stuffing_tries:
        return None
    if tries / victims > s.stuffing_tries_per_user:
        return None
    return 0.93, f"one address tried about {int(victims)} accounts once or twice each"


def _distributed(m: Moment) -> Answer:
    facts, s = m.facts, m.policy.settings
    surge = max(facts.all_surge, facts.agent_surge, facts.asn_surge)
    if facts.unfamiliar < 0.55 or surge < s.distributed_surge or facts.fail == 0.0:
        return None
    tally = m.world.tallies.get(("all", 0))
    if tally is None or tally.mid < s.distributed_tries:
        return None
    return 0.6, f"about {int(tally.mid)} failures in an hour from sources new to their accounts, many times the usual"


def _device(m: Moment) -> Answer:
    if _count(m.facts.device_subjects) <= m.policy.settings.device_subjects or not _strange(m):
        return None
    return 0.85, f"one device id tried about {int(_count(m.facts.device_subjects))} accounts"


def _rotation(m: Moment) -> Answer:
    facts, s = m.facts, m.policy.settings
    if not _strange(m) or facts.fail_ips < s.rotation_addresses or facts.fails_24h < s.rotation_tries:
        return None
    return 0.8, f"{int(facts.fails_24h)} tries on one account from {int(facts.fail_ips)} addresses or devices"


DETECTIONS = (
    Detection("brute_force", "T1110.001", "Elastic: 20 in 60 minutes", FAILED,
              "Is the account locked? Did any try succeed? Block the source.", _brute, "alert"),
    Detection("password_spray", "T1110.003", "Elastic: 5 users, 15 tries", FAILED,
              "List every success of the source; reset those accounts.", _spray, "alert"),
    Detection("password_spray_distributed", "T1110.003", "Elastic: 8 users, 25 tries an hour", FAILED,
              "Look for a shared agent, network or list of names.", _distributed, "alert"),
    Detection("credential_stuffing", "T1110.004", "Elastic: 25 tries, 15 users, 2 a user", FAILED,
              "Successes of this source use leaked passwords: reset them.", _stuffing, "alert"),
    Detection("device_many_subjects", "T1110", "Okta, Entra: more than 20 subjects", SIGN_IN,
              "A shared kiosk is known for its network; anything else is a tool.", _device, "alert"),
    Detection("device_rotation", "T1110.001", "Okta: 7 ids and 10 tries", FAILED,
              "One account, many faces: look at what the tries have in common.", _rotation, "alert"),
)  # fmt: skip

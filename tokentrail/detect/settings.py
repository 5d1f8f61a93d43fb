"""The one table of thresholds. Published starting points, not law; a policy file may change each.

Sources: Elastic detection-rules, Panther, Auth0, Sigma, Entra ID Protection, Okta, RFC 9700.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Settings:
    """Thresholds of the detections; counts are unfamiliar failures unless the name says otherwise."""

    refresh_leeway_seconds: float = 30.0  # Auth0, Okta: rotation overlap of up to a minute
    revoke_grace_seconds: float = 10.0  # calls in flight at logout
    lifetime_slack_seconds: float = 60.0  # clock skew between issuer and broker
    agent_similarity: float = 0.95  # Panther
    travel_km: float = 500.0  # Elastic, Entra
    travel_kmh: float = 800.0
    hub_share: float = 0.2  # an ASN with this share of impossible arrivals is an exit
    brute_tries: float = 20.0  # Elastic: 20 in 60 minutes
    brute_fast_tries: float = 10.0  # or 10 tries from 5 addresses
    brute_addresses: float = 5.0
    spray_users: float = 5.0  # Elastic: >= 5 users, >= 15 tries
    spray_tries: float = 15.0
    spray_tries_per_user: float = 8.0
    distributed_tries: float = 25.0  # Elastic: >= 25 tries an hour from >= 5 addresses
    distributed_surge: float = 3.0  # log2 over the ordinary hour
    stuffing_tries: float = 25.0  # Elastic: >= 25 tries, >= 15 users, <= 2 a user
    stuffing_users: float = 15.0
    stuffing_tries_per_user: float = 2.0
    device_subjects: float = 20.0  # Entra, Okta: more than 20 subjects
    rotation_addresses: float = 7.0
    rotation_tries: float = 10.0
    after_attack_seconds: float = 10_800.0  # 180 minutes
    after_attack_fails: float = 3.0
    after_attack_victims: float = 4.0
    mfa_refusals: float = 5.0  # Okta, Elastic: 5 in 10 minutes
    mfa_refusals_success: float = 3.0
    dormant_days: float = 30.0  # 30 to 90 days
    learned: int = 5  # sightings after which a subject's "new" means something
    pace: float = 2.0  # log2 over the own peak
    pace_level: float = 40.0  # and at least so many calls in the window
    client_pace: float = 1.6
    sessions_level: float = 3.0
    spread: float = 1.6
    skew_seconds: float = 900.0  # later than any outage that heals by itself usually takes
    unusual_hour: float = 0.9
    unfamiliar: float = 4.0  # log P(f)/P(f|u), sum of network and agent


DEFAULTS = Settings()

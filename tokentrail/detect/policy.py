"""Policy: what is trusted, what alerts, what revokes. Kept apart from how scores are made."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from tokentrail.detect.settings import DEFAULTS, Settings
from tokentrail.errors import ConfigError

AUTOMATIC = frozenset(
    (
        "refresh_token_reuse",
        "use_after_revoke",
        "unknown_issuer_or_key",
        "lifetime_over_policy",
        "scope_widened",
        "session_on_two_networks",
        "success_after_attack",
        "mfa_fatigue",
        "leaked_credential",
        "reported_by_user",
        "risk",  # a risk of revoke_at or more without any of the above
    )
)


@dataclass(slots=True, frozen=True)
class Policy:
    """Trust list, thresholds and limits. Immutable; `load` makes one from a file."""

    issuers: dict[str, frozenset[str]] = field(default_factory=dict)
    max_lifetime_seconds: float = 900.0
    name: str = "default"
    settings: Settings = DEFAULTS
    low: float = 0.20
    medium: float = 0.45
    high: float = 0.75
    critical: float = 0.93
    alert_at: float = 0.45
    revoke_at: float = 0.995
    shadow: bool = False
    automatic: frozenset[str] = AUTOMATIC
    protected: frozenset[str] = frozenset()
    quiet_clients: frozenset[str] = frozenset()
    bad_addresses: frozenset[str] = frozenset()
    client_alert_at: dict[str, float] = field(default_factory=dict)  # another alert threshold for a client
    maintenance: tuple[tuple[float, float], ...] = ()  # from, to in unix seconds: alerts, no automatic revocation
    alert_max_age_seconds: float = 300.0
    max_subjects_per_minute: int = 20
    max_share_of_active: float = 0.01
    active_window_seconds: float = 600.0
    min_share_subjects: int = 5
    max_per_detection: int = 15  # subjects a minute that one detection may hit
    reserved_for_critical: float = 0.5  # share of the budget that lesser severities cannot use up
    command_ack_seconds: float = 5.0
    alert_repeat_seconds: float = 600.0

    def severity(self, score: float) -> str:
        """none, low, medium, high or critical for a risk of 0..1."""
        if score >= self.high:
            return "critical" if score >= self.critical else "high"
        if score >= self.medium:
            return "medium"
        return "low" if score >= self.low else "none"


def parse(document: Any) -> Policy:
    """A policy from a decoded JSON document. Raises ConfigError naming the field that is wrong."""
    if not isinstance(document, dict):
        raise ConfigError("the policy must be a JSON object")
    known = {f.name for f in fields(Policy)}
    return Policy(**{key: _value(key, value) for key, value in document.items() if key in known})


def _value(key: str, value: Any) -> Any:
    reader = _READERS.get(key)
    if reader is not None:
        return reader(key, value)
    if not _is_number(value):
        raise ConfigError(f"policy field {key} must be a number")
    return value


def _texts(key: str, value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise ConfigError(f"policy field {key} must be a list of texts")
    return frozenset(value)


def _switch(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"policy field {key} must be true or false")
    return value


def _name(_key: str, value: Any) -> str:
    return str(value)


def _issuers(_key: str, value: Any) -> dict[str, frozenset[str]]:
    if not isinstance(value, dict):
        raise ConfigError('policy field issuers must be an object {"ISSUER": {"kids": ["KEY ID"]}}')
    found = {}
    for issuer, entry in value.items():
        kids = entry.get("kids", []) if isinstance(entry, dict) else entry
        if not isinstance(kids, list):
            raise ConfigError(f"policy field issuers: the kids of {issuer} must be a list")
        found[issuer] = frozenset(str(k) for k in kids)
    return found


def _thresholds(_key: str, value: Any) -> dict[str, float]:
    if not isinstance(value, dict) or not all(_is_number(v) for v in value.values()):
        raise ConfigError('policy field client_alert_at must be an object {"CLIENT": 0.6}')
    return {str(k): float(v) for k, v in value.items()}


def _windows(_key: str, value: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list) or not all(isinstance(w, list) and len(w) == 2 for w in value):
        raise ConfigError("policy field maintenance must be a list of [from, to] in unix seconds")
    if not all(_is_number(x) for window in value for x in window):
        raise ConfigError("policy field maintenance must be a list of [from, to] in unix seconds")
    return tuple((float(a), float(b)) for a, b in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _settings(_key: str, value: Any) -> Settings:
    if not isinstance(value, dict):
        raise ConfigError("policy field settings must be an object")
    known = {f.name for f in fields(Settings)}
    unknown = sorted(set(value) - known)
    if unknown:
        raise ConfigError(f"policy settings not known: {', '.join(unknown)}")
    for key, number in value.items():
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ConfigError(f"policy setting {key} must be a number")
    return replace(DEFAULTS, **value)


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "issuers": _issuers,
    "settings": _settings,
    "client_alert_at": _thresholds,
    "maintenance": _windows,
    "shadow": _switch,
    "name": _name,
    **dict.fromkeys(("automatic", "protected", "quiet_clients", "bad_addresses"), _texts),
}


def load(path: Path | None) -> Policy:
    """Read a policy file (JSON), or the default policy for None. Raises ConfigError."""
    if path is None:
        return Policy()
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"cannot read the policy file {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"the policy file {path} is not JSON: {error}") from error

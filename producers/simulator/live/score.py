"""What the player saw: requests, refusals, lateness, and how far each incident got."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Score:
    """Counts of one run. `late` is the worst delay of an action behind its plan, in seconds."""

    requests: int = 0
    logins: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    """Transport errors and server errors by what they said."""
    refused: Counter[str] = field(default_factory=Counter)
    """Refusals of honest people's requests by reason: each one is somebody disturbed."""
    begun: dict[str, str] = field(default_factory=dict)
    """Incidents that have begun: id to attack type."""
    stopped: dict[str, str] = field(default_factory=dict)
    """Incidents whose attacker was let in first and then shut out: id to attack type."""
    late: float = 0.0

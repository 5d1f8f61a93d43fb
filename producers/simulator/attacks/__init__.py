"""The attackers, one script a type: each makes the labelled actions of one incident."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from producers.simulator.actions import Action
from producers.simulator.attacks import accounts, clients, passwords, tokens
from producers.simulator.attacks.case import Case

Script = Callable[[Case, float], Iterator[Action]]


@dataclass(frozen=True, slots=True)
class Attack:
    """A type of attack. `volumetric`: seen by counting; `live`: also played against a running issuer."""

    script: Script
    volumetric: bool = False
    live: bool = True

    @property
    def name(self) -> str:
        """The label: the script's own name."""
        return self.script.__name__


_ALL = (
    Attack(tokens.refresh_token_replay),
    Attack(passwords.brute_force, volumetric=True),
    Attack(tokens.forged_token),
    Attack(accounts.impossible_travel_takeover),
    Attack(tokens.session_hijack),
    Attack(tokens.use_after_revoke),
    Attack(passwords.credential_stuffing, volumetric=True),
    Attack(tokens.overlong_token),
    Attack(accounts.mfa_fatigue),
    Attack(tokens.scope_widening),
    Attack(passwords.password_spray, volumetric=True),
    Attack(clients.client_secret_theft, volumetric=True),
    Attack(tokens.refresh_family_spread),
    Attack(accounts.new_device_country_takeover),
    Attack(passwords.device_farm, volumetric=True),
    Attack(accounts.tool_takeover),
    Attack(tokens.bulk_exfiltration, volumetric=True),
    Attack(accounts.session_storm),
    Attack(passwords.device_rotation, volumetric=True),
    Attack(passwords.password_spray_distributed, volumetric=True),
    Attack(accounts.quiet_takeover),
    Attack(clients.client_scope_probe, live=False),  # our issuer records no event for a refused client request
    Attack(accounts.dormant_takeover, live=False),  # needs weeks of silence first
)
ATTACKS: dict[str, Attack] = {attack.name: attack for attack in _ALL}
__all__ = ["ATTACKS", "Attack", "Case", "Script"]

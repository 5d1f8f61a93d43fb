"""For other issuers: publish what you do, obey what you are told, check yourself against the contract.

`DirectPublisher` sends events without a database (`tokentrail.outbox` is for issuers that have one),
`Obedience` calls one function for each command, `contract` is a kit of checks for your own tests, `keycloak`
translates Keycloak's events.
"""

from tokentrail.join.obedience import Obedience
from tokentrail.join.publisher import DirectPublisher

__all__ = ["DirectPublisher", "Obedience"]

"""Embedded Kafka, Postgres and schema registry for one machine: no Docker, loopback only, one directory.

`start` brings them up (or finds them up), `status` looks, `stop` ends them; they outlive the process that
started them. `announce` and `withdraw` tell the others of an issuer or web server run beside them.
"""

from tokentrail.devservices.lifecycle import Services, announce, start, stop, withdraw
from tokentrail.devservices.progress import ConsoleProgress, Progress
from tokentrail.devservices.status import status

__all__ = ["ConsoleProgress", "Progress", "Services", "announce", "start", "status", "stop", "withdraw"]

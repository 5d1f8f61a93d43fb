"""The scorer's models: opened from the shelf, taken up without a restart, refused without a signature."""

from __future__ import annotations

import time

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import Counter

from tokentrail.config import Settings
from tokentrail.detect.artefacts import bundled
from tokentrail.detect.models import Models
from tokentrail.detect.shelf import Shelf
from tokentrail.errors import TokentrailError
from tokentrail.tokens.keys import command_key

LOOK_SECONDS = 2.0
REFUSED = Counter("tokentrail_models_refused", "Model artefacts not loaded: no valid signature, or malformed")

log = structlog.get_logger()


def open_shelf(settings: Settings) -> Shelf:
    """The shelf under the state directory, with the command key's Ed25519 half where there is one."""
    if settings.command_key is None:
        return Shelf(settings.state_dir / "models", None)
    key = command_key(settings.command_key.get_secret_value()).key.private_key
    return Shelf(settings.state_dir / "models", key if isinstance(key, Ed25519PrivateKey) else None)


class Wardrobe:
    """Hands out the models in use and notices when others are put in use."""

    def __init__(self, settings: Settings) -> None:
        self._shelf = open_shelf(settings)
        self._stamp: tuple[float, ...] = ()
        self._looked = 0.0

    def now(self) -> Models:
        """What is in use. An artefact that does not verify is left out, loudly: rules and what is shipped stay."""
        self._stamp = self._shelf.stamp()
        try:
            return self._shelf.models()
        except (TokentrailError, ValueError, KeyError, TypeError) as error:
            REFUSED.inc()
            log.error("model refused; the package's own stays", reason=str(error)[:200])  # noqa: TRY400 - said in one line
            return bundled()

    def changed(self) -> Models | None:
        """Other models, if some were put in use since; looks every two seconds at most."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return None
        self._looked = time.monotonic()
        return self.now() if self._shelf.stamp() != self._stamp else None

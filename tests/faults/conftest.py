"""The ledger's fixtures serve the fault tests too."""

from tests.integration.ledger.conftest import feed, ledger

__all__ = ["feed", "ledger"]

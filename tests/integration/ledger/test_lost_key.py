"""A data key that is gone: what was sealed under it stays closed, and is not mistaken for tampering."""

from __future__ import annotations

import base64

from tests.feed import Feed
from tests.integration.ledger.conftest import with_key
from tests.integration.ledger.test_statements import Issuer, issuer, verdict
from tests.writers import ledger_offsets, wait_for, writer
from tokentrail.db import connect
from tokentrail.verifier import Options, verify

__all__ = ["issuer"]


def test_statements_hold_though_the_schema_was_said_under_the_lost_key(issuer: Issuer, feed: Feed) -> None:
    feed.events(20)
    with writer(issuer.settings):
        wait_for(lambda: ledger_offsets(issuer.settings) >= 20, 30)
    issuer.settings = with_key(issuer.settings)
    issuer.publish(feed, 30)
    assert verdict(issuer.settings) == "complete"
    key = base64.b64decode(issuer.settings.require("data_key"))
    with connect(issuer.settings, "reader") as conn:
        report = verify(conn, issuer.settings.ledger_origin, Options(data_keys=[key]))
    assert report.ok, report.problems
    assert report.bodies_locked >= 20
    assert report.bodies_opened >= 30

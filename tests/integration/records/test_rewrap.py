"""Rotation of the wrapping key: nothing is sealed anew, everything stays readable and searchable."""

from __future__ import annotations

import psycopg
import pytest
from pydantic import SecretStr

from tests.integration.records.book import Book
from tests.integration.records.conftest import new_key, verified
from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.errors import ConfigError
from tokentrail.ledger import rewrap as rewrapping
from tokentrail.ledger.seal import master_keys
from tokentrail.ledger.search import Query, search_entries


def with_keys(settings: Settings, *keys: str) -> Settings:
    return settings.model_copy(update={"data_key": SecretStr(" ".join(keys))})


def wrapping_keys(settings: Settings) -> set[str]:
    with psycopg.connect(settings.require("database_url")) as conn:
        rows = conn.execute(
            "select wrapping_key from ledger.data_key union select wrapping_key from ledger.search_key"
        ).fetchall()
    return {row[0] for row in rows}


def bodies(settings: Settings, **asked: str) -> set[str]:
    with connect(settings, "reader") as conn:
        return {found.body for found in search_entries(conn, settings, Query.of(**asked))}


def test_rotation(book: Book) -> None:
    """Old key, both keys, new key alone: at each stage what is there can be found, read and verified."""
    old, new = book.settings.require("data_key"), new_key()
    both, only_new = with_keys(book.settings, new, old), with_keys(book.settings, new)
    book.write(None, 100)
    book.write(None, 5, subject="u-7")
    ip = "198.51.100.7"
    assert bodies(book.settings, ip=ip) == {"open"}

    # A writer with both keys goes on with the data keys that are there.
    both_book = Book(both, seed=2)
    both_book._offset, both_book._seq = book._offset, book._seq
    both_book._stream = book._stream
    before = wrapping_keys(both)
    both_book.write(None, 100)
    assert verified(both).ok

    assert rewrapping.remaining(both) > 0
    seen: list[int] = []
    done = rewrapping.rewrap(both, seen.append)
    assert done.unopened == 0
    assert done.keys == sum(seen) > 50
    assert wrapping_keys(both) == {master_keys(only_new)[0].id} != before
    assert rewrapping.remaining(both) == 0
    assert rewrapping.rewrap(both).keys == 0

    both_book.write(None, 50)
    both_book.close()
    assert bodies(only_new, ip=ip) == {"open"}
    assert bodies(only_new, sub="u-7") == {"open"}
    assert verified(only_new).ok
    report = verified(book.settings)  # the old key opens nothing any more, and nothing is called wrong
    assert report.ok
    assert report.bodies_opened == 0


def test_a_run_that_died_goes_on(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    book.write(None, 200)
    both = with_keys(book.settings, new_key(), book.settings.require("data_key"))
    monkeypatch.setattr(rewrapping, "AT_ONCE", 20)
    total = rewrapping.remaining(both)

    class Died(Exception):
        pass

    def die(_count: int) -> None:
        if rewrapping.remaining(both) < total - 50:
            raise Died

    with pytest.raises(Died):
        rewrapping.rewrap(both, die)
    left = rewrapping.remaining(both)
    assert 0 < left < total
    assert verified(both).ok
    book.write(None, 50)  # a writer that knows only the old key makes new ones where it must
    rewrapping.rewrap(both)
    assert rewrapping.remaining(both) == 0
    report = verified(both)
    assert report.ok, report.problems
    assert report.bodies_opened == report.entries


def test_without_the_old_key(book: Book) -> None:
    book.write(None, 20)
    with pytest.raises(ConfigError, match="the old one"):
        rewrapping.rewrap(with_keys(book.settings, new_key()))

"""The scorer's state in Postgres: one consistent cut at a time, sealed, in the transaction of a batch."""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from psycopg import Connection

from tokentrail.config import Settings
from tokentrail.detect import snapshots
from tokentrail.detect.state import World
from tokentrail.errors import ConfigError

POPULATION = "population"
NONCE = 12


class Seal:
    """AES-256-GCM under keys derived from TOKENTRAIL_DATA_KEY (newest seals, all open)."""

    def __init__(self, settings: Settings) -> None:
        self._keys = []
        for part in settings.require("data_key").replace(",", " ").split():
            try:
                raw = base64.b64decode(part, validate=True)
            except ValueError:
                raise ConfigError("TOKENTRAIL_DATA_KEY is not base64") from None
            key = HKDF(SHA256(), 32, salt=None, info=b"tokentrail scorer state").derive(raw)
            self._keys.append(AESGCM(key))

    def close(self, plain: Any, bound: str) -> bytes:
        """Seal a JSON value, bound to where it belongs."""
        nonce = os.urandom(NONCE)
        packed = zlib.compress(json.dumps(plain, separators=(",", ":")).encode(), 1)
        return nonce + self._keys[0].encrypt(nonce, packed, bound.encode())

    def open(self, sealed: bytes, bound: str) -> Any:
        """Open what `close` sealed. Raises ConfigError if no key of the setting does."""
        for key in self._keys:
            try:
                packed = key.decrypt(sealed[:NONCE], sealed[NONCE:], bound.encode())
            except InvalidTag:
                continue
            return json.loads(zlib.decompress(packed))
        raise ConfigError("TOKENTRAIL_DATA_KEY does not open the scorer's state: give the old key beside the new one")


class Store:
    """Writes and reads cuts. All within the caller's transaction."""

    def __init__(self, settings: Settings) -> None:
        self.seal = Seal(settings)

    def write_cut(
        self, conn: Connection, world: World, dirty: dict[str, int], offsets: dict[tuple[str, int], int], book: Any
    ) -> None:
        """Store the changed subjects (name -> partition), the population and the offsets of the cut."""
        tokens, families = _by_subject(world, dirty)
        rows = []
        for name, partition in dirty.items():
            subject = world.subjects.get(name)
            if subject is None:
                continue
            plain = {
                "s": snapshots.dump_subject(world, subject),
                "t": {jti: snapshots.dump_token(world, world.tokens[jti]) for jti in tokens[name]},
                "m": {k: snapshots.dump_family(world, world.families[k]) for k in families[name]},
            }
            rows.append((partition, name, self.seal.close(plain, name)))
        with conn.cursor() as cursor:
            cursor.executemany(
                "insert into scorer.subject_state (partition, subject, state) values (%s, %s, %s) "
                "on conflict (partition, subject) do update set state = excluded.state, updated_at = now()",
                rows,
            )
            plain = {"world": snapshots.dump_population(world), "book": book}
            cursor.execute(
                "insert into scorer.population (name, state) values (%s, %s) "
                "on conflict (name) do update set state = excluded.state, taken_at = now()",
                (POPULATION, self.seal.close(plain, POPULATION)),
            )
            cursor.executemany(
                "insert into scorer.snapshot (topic, partition, next_offset) values (%s, %s, %s) on conflict "
                "(topic, partition) do update set next_offset = excluded.next_offset, taken_at = now()",
                [(topic, partition, offset) for (topic, partition), offset in offsets.items()],
            )

    def read_population(self, conn: Connection, world: World) -> Any:
        """Fill an empty world; returns the book of recent alerts, or None at a first start."""
        row = conn.execute("select state from scorer.population where name = %s", (POPULATION,)).fetchone()
        if row is None:
            return None
        plain = self.seal.open(row[0], POPULATION)
        snapshots.load_population(world, plain["world"])
        return plain["book"]

    def read_partition(self, conn: Connection, world: World, topic: str, partition: int) -> tuple[int, list[str]]:
        """Load a partition's subjects; returns the offset the state stands at and the subjects' names."""
        row = conn.execute(
            "select next_offset from scorer.snapshot where topic = %s and partition = %s", (topic, partition)
        ).fetchone()
        if row is None:
            return 0, []
        names = []
        found = conn.execute("select subject, state from scorer.subject_state where partition = %s", (partition,))
        for name, sealed in found:
            plain = self.seal.open(sealed, name)
            world.subjects[name] = snapshots.load_subject(world, plain["s"])
            for jti, token in plain["t"].items():
                world.tokens[jti] = snapshots.load_token(world, token)
            for key, family in plain["m"].items():
                world.families[key] = snapshots.load_family(world, family)
            names.append(name)
        return int(row[0]), names


def _by_subject(world: World, names: Iterable[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Ids of live tokens and families of these subjects."""
    wanted = set(names)
    tokens: dict[str, list[str]] = defaultdict(list)
    families: dict[str, list[str]] = defaultdict(list)
    for jti, token in world.tokens.items():
        if token.subject in wanted:
            tokens[str(token.subject)].append(jti)
    for key, family in world.families.items():
        if family.subject in wanted:
            families[str(family.subject)].append(key)
    return tokens, families


def forget(conn: Connection) -> None:
    """Drop the stored state, whose key is gone. The scorer learns anew from its positions on."""
    conn.execute("delete from scorer.subject_state")
    conn.execute("delete from scorer.population")
    conn.execute(
        "insert into scorer.snapshot (topic, partition, next_offset) "
        "select topic, partition, next_offset from scorer.partition_position "
        "on conflict (topic, partition) do update set next_offset = excluded.next_offset, taken_at = now()"
    )

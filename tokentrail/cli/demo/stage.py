"""Sets the stage: the people in the issuer's tables, the processes ready, the player with its targets."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import httpx

from producers.issuer import admin
from producers.issuer.passwords import Passwords
from producers.issuer.settings import IssuerSettings
from producers.simulator.live.cast import Cast, Casting
from producers.simulator.live.forge import Forger
from producers.simulator.live.player import Player, Targets
from producers.simulator.people import Population
from producers.simulator.plan import Plan
from tokentrail.cli.demo.books import READERS, Books
from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.errors import NotConnected
from tokentrail.tokens import make_keys
from tokentrail.tokens.keys import audience_key, pem_blocks, signing_keys

AUDIENCE = "records"
READY_WITHIN = 60.0
# A minute stands for a day and every kind of attacker comes in it: under the ordinary limits on how many people
# may be revoked at once the scorer would stop after the first few, as it should, and wait for a person.
POLICY = {"name": "demo", "max_subjects_per_minute": 200, "max_share_of_active": 0.25, "min_share_subjects": 100}


def make_cast(settings: Settings, own: IssuerSettings, population: Population) -> Cast:
    """The audience and all the people and machines, in one transaction."""
    with connect(settings, "issuer") as conn:
        admin.add_audience(conn, AUDIENCE, audience_public_pem(settings))
        return Casting(conn, admin.issuer_secret(own), Passwords(own)).make(population, AUDIENCE)


def audience_public_pem(settings: Settings) -> str:
    """The public half of the resource server's key: what tokens are encrypted to."""
    private = pem_blocks(settings.require("encryption_key"), "TOKENTRAIL_ENCRYPTION_KEY")[0]
    return make_keys.public_pem(private)


def scorer_policy(settings: Settings) -> Path:
    """The policy file of a demonstration, in the state directory."""
    path = settings.state_dir / "demo-policy.json"
    path.write_text(json.dumps(POLICY, indent=1) + "\n", encoding="utf-8")
    return path


def player(settings: Settings, plan: Plan, cast: Cast, urls: dict[str, str]) -> Player:
    """The player, with a forger who has a key of his own and, for golden tokens, the stolen signing key."""
    issuer = settings.require("issuer")
    to = audience_key(audience_public_pem(settings))
    own = signing_keys(make_keys.one_line(make_keys.rsa_pem()))[0]
    forger = Forger(issuer, AUDIENCE, to, own)
    if settings.signing_key is not None:
        forger.stolen = signing_keys(settings.require("signing_key"))[0]
    return Player(plan, cast, Targets(urls["issuer"], urls["resource-server"]), forger)


class Before:
    """How things stood before the processes started: the log's size, and who had claimed what."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._epochs = {schema: books.epochs(schema) for schema in READERS}
        self.entries = books.size()

    async def wait_until_at_work(self, urls: dict[str, str]) -> None:
        """Until all URLs are healthy and both readers have claimed partitions. NotConnected after a minute."""
        deaf, deadline = dict(urls), time.monotonic() + READY_WITHIN
        idle = set(self._epochs)
        async with httpx.AsyncClient(timeout=2) as client:
            while deaf or idle:
                deaf = {name: url for name, url in deaf.items() if not await _answers(client, f"{url}/health")}
                idle = {schema for schema in idle if self._books.epochs(schema) == self._epochs[schema]}
                if time.monotonic() > deadline:
                    names = ", ".join([*deaf, *(f"the reader of {schema}" for schema in sorted(idle))])
                    raise NotConnected(f"not ready after {READY_WITHIN:g} s: {names}; see the logs directory")
                await asyncio.sleep(0.1)


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.HTTPError:
        return False

"""One short demonstration on the tests' own servers, shared by the tests that look at what it left."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Servers, fresh_database, fresh_topics
from tokentrail.config import load_settings
from tokentrail.tokens import make_keys

SECONDS = 12


@dataclass(frozen=True)
class Day:
    """What a demonstration printed, and the environment in which its ledger can be read."""

    code: int
    out: str
    err: str
    environment: dict[str, str]

    @property
    def figures(self) -> dict[str, Any]:
        """The JSON of the last line."""
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found


@pytest.fixture(scope="session")
def day(servers: Servers, _template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """`tokentrail demo --json` as a user runs it, beside the tests' servers."""
    state = tmp_path_factory.mktemp("demo")
    with fresh_database(servers, _template) as url:
        environment = _environment(servers, url, state)
        fresh_topics(load_settings(kafka_bootstrap=servers.kafka_bootstrap))
        done = subprocess.run(  # noqa: S603 - our own program
            [Path(sys.executable).parent / "tokentrail", "demo", "--json", "--seconds", str(SECONDS), "--users", "150"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        yield Day(done.returncode, done.stdout, done.stderr, environment)


def _environment(servers: Servers, database_url: str, state: Path) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("TOKENTRAIL_")},
        **make_keys.environment(),
        "TOKENTRAIL_KAFKA_BOOTSTRAP": servers.kafka_bootstrap,
        "TOKENTRAIL_DATABASE_URL": database_url,
        "TOKENTRAIL_SCHEMA_REGISTRY_URL": servers.schema_registry_url,
        "TOKENTRAIL_STATE_DIR": str(state),
    }

"""What runs: the answer of `tokentrail status`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg

from tokentrail.config import Settings
from tokentrail.devservices import kafka, postgres, registry
from tokentrail.devservices.lifecycle import alive, outside
from tokentrail.devservices.part import running
from tokentrail.devservices.state import State, existing, read_json, record


def status(settings: Settings) -> dict[str, Any]:
    """Addresses of what answers, null for what does not, and whether all three servers do.

    Keys: kafka_bootstrap, database_url (with its password), schema_registry_url, issuer_url, web_url,
    state_dir, healthy. Nothing is started, stopped or written.
    """
    state = existing(settings.state_dir)
    given = outside(settings, state)
    known = read_json(state.services)
    with ThreadPoolExecutor(3) as pool:
        servers = {
            "kafka_bootstrap": pool.submit(_kafka, settings, state, given),
            "database_url": pool.submit(_postgres, state, given),
            "schema_registry_url": pool.submit(_registry, state, given),
        }
    found: dict[str, Any] = {name: future.result() for name, future in servers.items()}
    healthy = all(found.values())
    found["issuer_url"] = alive(known.get("issuer_url"))
    found["web_url"] = alive(known.get("web_url"))
    return {**found, "state_dir": str(state.root), "healthy": healthy}


def _kafka(settings: Settings, state: State, given: dict[str, str]) -> str | None:
    address = given.get("kafka_bootstrap")
    if address is None:
        found = running(kafka.PART, state)
        return kafka.bootstrap(found.ports) if found else None
    from confluent_kafka import KafkaException  # noqa: PLC0415 - slow to import, rarely needed here
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415

    client = AdminClient({**settings.kafka, "bootstrap.servers": address, "log_level": 0})
    try:
        return address if client.list_topics(timeout=5).brokers else None
    except KafkaException:
        return None


def _postgres(state: State, given: dict[str, str]) -> str | None:
    address = given.get("database_url")
    if address is None:
        found = running(postgres.PART, state)
        return postgres.url(state, found.ports) if found else None
    try:
        with psycopg.connect(address, connect_timeout=5):
            return address
    except psycopg.Error:
        return None


def _registry(state: State, given: dict[str, str]) -> str | None:
    address = given.get("schema_registry_url")
    if address is None:
        port = (record(state, "postgres").get("ports") or {}).get("client", 0)
        found = running(registry.part(port), state)
        return registry.url(found.ports) if found else None
    try:
        return address if httpx.get(f"{address.rstrip('/')}/subjects", timeout=5).status_code == 200 else None
    except httpx.HTTPError:
        return None

"""`tokentrail bench revoke`: from a signed command to its refusal by every validator, under background load.

Each command names a session of its own. Its way: Kafka, the issuer's transaction (Postgres commit), the issuer's relay,
Kafka again, and the deny-list of each validator; it counts as enforced when the last of them has it. Beside it stands
the floor of the same machine in the same run: a produce to an acknowledged record read back, twice, and one commit.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import TopicPartition
from pydantic import SecretStr

from benchmarks.issuer import ISSUER, issuer
from benchmarks.stage import Stage, stage
from tokentrail import kafka
from tokentrail.codec import Codec
from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.errors import NotConnected
from tokentrail.events import REVOCATIONS, REVOKE_TOKEN, TOKEN_USED, new_event
from tokentrail.join import DirectPublisher
from tokentrail.kafka import ensure_topics
from tokentrail.tokens import make_keys
from tokentrail.tokens.claims import new_id
from tokentrail.tokens.commands import Order, make_command
from tokentrail.tokens.denylist_feed import DenyListFeed
from tokentrail.tokens.keys import command_key

FLOOR_ROUNDS = 200
LATE_SECONDS = 30


def main(argv: list[str]) -> int:
    """Run and print; returns the exit code, 1 when a command was not enforced."""
    parser = argparse.ArgumentParser(prog="tokentrail bench revoke", description=__doc__)
    parser.add_argument("--commands", type=int, default=10_000)
    parser.add_argument("--rate", type=int, default=200, help="commands a second")
    parser.add_argument("--background", type=int, default=2000, help="events a second beside them")
    parser.add_argument("--validators", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    with stage() as made:
        figures = measure(made, options)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:<28} {value:,.1f}")
    return 0 if figures["enforced"] == figures["commands"] else 1


def measure(made: Stage, options: argparse.Namespace) -> dict[str, float]:
    """The issuer in its own process, validators and load in this one."""
    environment = make_keys.environment()
    ensure_topics(made.settings)
    key = SecretStr(environment["TOKENTRAIL_COMMAND_KEY"])
    with made.database() as plain, made.topic() as topic, issuer(plain, environment):
        settings = plain.model_copy(update={"command_key": key})
        floor = lowest(settings, topic)
        seen = Seen(options.validators)
        codec = Codec(settings.require("schema_registry_url"))
        feeds = [DenyListFeed(settings, codec, on_applied=seen.note) for _ in range(options.validators)]
        for feed in feeds:
            feed.start()
        for feed in feeds:
            feed.ready.wait(60)
        stop = threading.Event()
        noise = threading.Thread(target=background, args=(settings, codec, options.background, stop))
        noise.start()
        sent = command(settings, codec, options.commands, options.rate)
        seen.wait_for(sent, LATE_SECONDS)
        stop.set()
        noise.join()
        for feed in feeds:
            feed.stop()
    took = [(seen.complete[value] - at) * 1000 for value, at in sent.items() if value in seen.complete]
    if len(took) < 2:
        raise NotConnected(f"{len(took)} of {len(sent)} commands were enforced")
    spread = statistics.quantiles(took, n=100)
    return {
        "commands": len(sent),
        "enforced": len(took),
        "validators": options.validators,
        "background_per_second": options.background,
        "p50_ms": spread[49],
        "p99_ms": spread[98],
        "max_ms": max(took),
        "floor_p50_ms": floor[0],
        "floor_p99_ms": floor[1],
    }


class Seen:
    """When each value reached the last of the validators."""

    def __init__(self, validators: int) -> None:
        self.complete: dict[str, float] = {}
        self._validators = validators
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def note(self, denied: Mapping[str, Any]) -> None:
        """A validator has an entry."""
        now = time.perf_counter()
        with self._lock:
            count = self._counts[denied["value"]] = self._counts.get(denied["value"], 0) + 1
            if count == self._validators:
                self.complete[denied["value"]] = now

    def wait_for(self, values: Iterable[str], seconds: float) -> None:
        """Wait until all of these are complete, or no longer."""
        deadline = time.perf_counter() + seconds
        waiting = set(values)
        while (waiting := waiting - self.complete.keys()) and time.perf_counter() < deadline:
            time.sleep(0.05)


def command(settings: Settings, codec: Codec, count: int, rate: int) -> dict[str, float]:
    """Send commands at a steady rate; returns when each was made, by the session it names."""
    publisher = DirectPublisher(settings, codec, "bench-scorer")
    key = command_key(settings.require("command_key"))
    sent: dict[str, float] = {}
    began = time.perf_counter()
    for number in range(count):
        pause = began + number / rate - time.perf_counter()
        if pause > 0:
            time.sleep(pause)
        session = new_id("s_")
        sent[session] = time.perf_counter()
        event = make_command(Order("session", session, "bench"), commander=publisher.identity, audience=ISSUER, key=key)
        publisher.publish(REVOCATIONS, REVOKE_TOKEN, event, ISSUER)
    publisher.close()
    return sent


def background(settings: Settings, codec: Codec, rate: int, stop: threading.Event) -> None:
    """Uses of tokens, published in small bursts at a steady rate."""
    publisher = DirectPublisher(settings, codec, "bench-api")
    fields: dict[str, Any] = {
        "success": True,
        "failure_reason": None,
        "token_issuer": ISSUER,
        "kid": None,
        "issued_at": None,
    }
    fields |= {"expires_at": None, "audience": None, "scope": None, "uses": 1, "window_seconds": 60}
    subjects = [new_id("u_") for _ in range(200)]
    began, sent = time.perf_counter(), 0
    while not stop.is_set():
        due = int((time.perf_counter() - began) * rate)
        for _ in range(due - sent):
            event: dict[str, Any] = new_event(issuer="bench-api", subject=subjects[sent % 200])
            publisher.event(TOKEN_USED, event | fields)
            sent += 1
        stop.wait(0.01)
    publisher.close()


def lowest(settings: Settings, topic: str) -> tuple[float, float]:
    """p50 and p99 in ms of two produced and read records and one commit, with nothing else in between."""
    producer = kafka.producer(settings, linger_ms=0)
    consumer = kafka.consumer(settings, topic, group_protocol="classic", fetch_wait_max_ms=500)
    consumer.assign([TopicPartition(topic, 0, 0)])
    took = []
    with connect(settings, "issuer", autocommit=True) as conn:
        for number in range(FLOOR_ROUNDS):
            began = time.perf_counter()
            for _ in range(2):
                producer.produce(topic, b"x" * 1000, partition=0)
                producer.poll(0)
                while (message := consumer.poll(1.0)) is None or message.error() is not None:
                    pass
            conn.execute("insert into issuer.used_once values (%s, now())", (number.to_bytes(8, "big"),))
            took.append((time.perf_counter() - began) * 1000)
    consumer.close()
    producer.close()
    spread = statistics.quantiles(took, n=100)
    return spread[49], spread[98]

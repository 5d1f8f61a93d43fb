"""The contract test kit: what an issuer's team runs in its own CI, without any server.

problems = contract.event_problems("TokenIssued", event)       # for what you publish
for case in contract.command_cases(my_issuer): ...             # for what you obey
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

from fastavro import schemaless_writer

from tokentrail import phi
from tokentrail.codec.schemas import parsed
from tokentrail.codec.strict import MAX_VALUE_BYTES, Undecodable, check
from tokentrail.events import EVENTS, TOPIC_TYPES, uuid7
from tokentrail.tokens import make_keys
from tokentrail.tokens.claims import MAX_LIFETIME
from tokentrail.tokens.commands import Order, make_command
from tokentrail.tokens.keys import CommandKey, command_key, public_of

MICROS = 1_000_000


def event_problems(type_: str, event: Mapping[str, Any]) -> list[str]:
    """What is wrong with an event of tokens.events; nothing when the list is empty."""
    if type_ not in TOPIC_TYPES[EVENTS]:
        return [f"{type_} is no type of {EVENTS}: one of {', '.join(TOPIC_TYPES[EVENTS])}"]
    problems = _schema_problems(type_, event)
    if problems:
        return problems
    problems += [f"{field} looks like {shape.replace('_', ' ')}" for field, shape in phi.flagged(event).items()]
    issued, expires = event.get("issued_at"), event.get("expires_at")
    if issued is not None and expires is not None and not 0 < expires - issued <= MAX_LIFETIME * MICROS:
        problems.append(f"the token lives longer than {MAX_LIFETIME} seconds, or not at all")
    if type_ == "TokenIssued" and event.get("jti") is None:
        problems.append("a token without a jti cannot be revoked by itself")
    if event.get("success") is False and not event.get("failure_reason"):
        problems.append("a failure needs its failure_reason")
    if not any(event.get(name) for name in ("subject", "client_id", "typed_name_hash")):
        problems.append("neither subject, client_id nor typed_name_hash says whom it concerns")
    return problems


def _schema_problems(type_: str, event: Mapping[str, Any]) -> list[str]:
    schema = parsed(type_)
    names = {field["name"] for field in schema["fields"]}
    problems = [f"{name} is not a field of {type_}" for name in sorted(event.keys() - names)]
    problems += [f"{name} is missing" for name in sorted(names - event.keys())]
    if problems:
        return problems
    out = BytesIO()
    try:
        schemaless_writer(out, schema, dict(event), strict_allow_default=True)
        check(dict(event))
    except Undecodable as error:
        return [str(error)]
    except Exception as error:  # noqa: BLE001 - fastavro raises whatever the value makes it raise
        return [f"does not fit the schema: {type(error).__name__}: {error}"]
    return [f"over {MAX_VALUE_BYTES} bytes"] if out.tell() > MAX_VALUE_BYTES - 5 else []


@dataclass(frozen=True)
class CommandCase:
    """A command to hand to your code, and whether it must obey. `keys` are the ones it should trust."""

    name: str
    event: dict[str, Any]
    keys: dict[str, CommandKey]
    obey: bool


def command_cases(issuer: str) -> Iterator[CommandCase]:
    """Good commands for each target, and every way a command can be bad.

    A replay is the last case: the first again.
    """
    key, stranger = command_key(make_keys.ed25519_pem()), command_key(make_keys.ed25519_pem())
    keys = {key.kid: public_of(key)}
    now = time.time_ns() // 1000

    def command(order: Order, signer: CommandKey = key, audience: str = issuer, at: int = now) -> dict[str, Any]:
        return make_command(order, commander="contract-kit", audience=audience, key=signer, occurred_at=at)

    def case(name: str, event: dict[str, Any], *, obey: bool = False) -> CommandCase:
        return CommandCase(name, event, keys, obey)

    order = Order("session", "s_9fK2mZ81LpT4wQ7x", "contract test")
    first = case("session", command(order), obey=True)
    yield first
    for target in ("jti", "subject", "client", "family"):
        yield case(target, command(replace(order, target=target)), obey=True)
    yield case("another signer", command(order, signer=stranger))
    yield case("another signer under a known kid", command(order, signer=CommandKey(key.kid, stranger.key)))
    yield case("meant for another issuer", command(order, audience=issuer + "/other"))
    yield case("expired", command(order, at=now - 301 * MICROS))
    yield case("from the future", command(order, at=now + 3600 * MICROS))
    for field, value in (("value", "s_other_3kX9vQ2mZ81"), ("target", "client"), ("event_id", uuid7())):
        yield case(f"{field} changed after signing", command(order) | {field: value})
    yield case("no signature", command(order) | {"signed": ""})
    yield replace(first, name="replayed", obey=False)

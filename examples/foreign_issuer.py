"""A foreign issuer that joins: it tells what it does and obeys what it is told.

Run it beside `tokentrail up`: python examples/foreign_issuer.py https://my-issuer.example
Environment: TOKENTRAIL_COMMAND_PUBLIC_KEY (whom to obey), TOKENTRAIL_SIGNING_KEY (signs its statements).
"""

import sys
import threading
from typing import Any

from tokentrail.codec import Codec
from tokentrail.config import load_settings
from tokentrail.events import TOKEN_ISSUED, new_event, now_micros
from tokentrail.join import DirectPublisher, Obedience
from tokentrail.join.signing import statement_signer
from tokentrail.tokens.claims import new_id
from tokentrail.tokens.commands import Order
from tokentrail.tokens.key_list import obeyed_command_keys
from tokentrail.tokens.keys import signing_keys

sessions: dict[str, str] = {}  # session -> subject: your own session store


def end(order: Order) -> None:
    """Your one callback: end what the order names. Being called twice must do no harm."""
    for session, subject in list(sessions.items()):
        if order.value in (session, subject):
            del sessions[session]


def log_in(publisher: DirectPublisher, subject: str) -> str:
    """Where your issuer grants a token, say so."""
    session, now = new_id("s_"), now_micros()
    sessions[session] = subject
    token: dict[str, Any] = {"grant": "password", "scope": None, "audience": "records", "kid": None, "family": None}
    token |= {"gen": None, "session_id": session, "jti": new_id(), "issued_at": now, "expires_at": now + 300_000_000}
    publisher.event(TOKEN_ISSUED, new_event(issuer=publisher.identity, subject=subject, **token))
    return session


def main(identity: str, stop: threading.Event) -> None:
    """Publish one login, then obey until stopped."""
    settings = load_settings()
    codec = Codec(settings.require("schema_registry_url"))
    signer = statement_signer(signing_keys(settings.require("signing_key"))[0])
    publisher = DirectPublisher(settings, codec, identity, signer=signer)
    log_in(publisher, new_id("u_"))
    Obedience(settings, publisher, obeyed_command_keys(settings), end).run(stop)
    publisher.close()


if __name__ == "__main__":
    main(sys.argv[1], threading.Event())

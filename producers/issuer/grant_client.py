"""The client credentials grant (RFC 6749 section 4.4)."""

from __future__ import annotations

from typing import Any

from producers.issuer.core import (
    Core,
    Grant,
    Request,
    answer,
    choose_audience,
    choose_scope,
    mint,
    token_issued,
)
from producers.issuer.grant_record import Record
from tokentrail import events


def grant(core: Core, request: Request) -> tuple[dict[str, Any], Record]:
    """The answer, and what must be committed before it is given. No refresh token: section 4.4.3."""
    client = request.client
    wanted = Grant(
        audience=choose_audience(core, request),
        scope=choose_scope(request, client.scope),
        subject=client.client_id,
        client_id=client.client_id,
        jkt=request.jkt,
    )
    minted, row = mint(core, wanted)
    event = token_issued(core, wanted, minted, name="client_credentials", source=request.source)
    return answer(wanted, minted), Record([row], [(events.TOKEN_ISSUED, event)])

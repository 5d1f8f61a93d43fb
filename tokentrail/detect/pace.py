"""Facts about pace: how fast a subject or a client acts against how fast it ever did."""

from __future__ import annotations

from math import log2

from tokentrail.detect import observation as o
from tokentrail.detect.moment import Moment
from tokentrail.detect.windows import Rate

USES, ISSUES, CLIENT = 900.0, 1_800.0, 1_800.0  # half-lives in seconds
MIN_USES, MIN_ISSUES, MIN_CLIENT = 8.0, 2.0, 10.0  # below these a pace is nobody's business
NETS = 64


def read(m: Moment) -> None:
    """Fill the pace facts and count the event (a rate includes the event it is read at)."""
    event, facts, subject = m.event, m.facts, m.subject
    if event.type in (o.TOKEN_USE, o.TOKEN_REFRESH):
        if subject.uses is None:
            subject.uses = Rate(m.now)
        level = subject.uses.add(m.now, float(event.uses), USES)
        facts.uses_level = log2(1 + level)
        facts.uses_pace = max(0.0, log2((level + 1.0) / (max(subject.uses.peak, MIN_USES) + 1.0)))
    elif event.type == o.TOKEN_ISSUE:
        if subject.issues is None:
            subject.issues = Rate(m.now)
        level = subject.issues.add(m.now, 1.0, ISSUES)
        facts.issues_level = log2(1 + level)
        facts.issues_pace = max(0.0, log2((level + 1.0) / (max(subject.issues.peak, MIN_ISSUES) + 1.0)))
        _client(m)
    if m.client is not None and m.context.net >= 0 and m.client.n >= 20:
        nets = m.client.nets
        # Only a client of few networks (a service) is known by where it calls from.
        if len(nets) < 8 and m.context.net not in nets:
            facts.client_new_net = 1.0


def _client(m: Moment) -> None:
    client = m.client
    if client is None:
        return
    if client.issues is None:
        client.issues = Rate(m.now)
    level = client.issues.add(m.now, 1.0, CLIENT)
    if client.issues.peak > 0.0:
        m.facts.client_pace = max(0.0, log2((level + 1.0) / (max(client.issues.peak, MIN_CLIENT) + 1.0)))


def write(m: Moment) -> None:
    """Remember the client's scopes and networks from successes that raised no suspicion."""
    client, event = m.client, m.event
    if client is None or not event.success or event.type not in (o.TOKEN_ISSUE, o.TOKEN_REFRESH, o.LOGIN_SUCCESS):
        return
    client.n += 1
    if len(client.nets) < NETS and m.context.net >= 0:
        client.nets[m.context.net] = client.nets.get(m.context.net, 0) + 1
    if event.type == o.TOKEN_ISSUE and event.scope:
        for scope in event.scope.split()[:32]:
            if len(client.scopes) < 256:
                client.scopes[scope] = client.scopes.get(scope, 0) + 1

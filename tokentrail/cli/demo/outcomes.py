"""What became of each attack, judged by the simulator's truth that the scorer never saw."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from producers.simulator.live.cast import Cast
from producers.simulator.live.player import Player
from tokentrail.cli.demo.figures import Figures
from tokentrail.cli.demo.observer import Alert, Seen

RANK = {"not seen": 0, "alerted": 1, "revoked": 2}


@dataclass(slots=True)
class Trace:
    """Whom an incident touched, and from which addresses."""

    attack: str
    actors: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)


def judge(figures: Figures, player: Player, cast: Cast, seen: Seen) -> None:
    """Fills in the best outcome of each attack type, and how many people were revoked whom nobody attacked."""
    names = {login.subject: actor for actor, login in cast.logins.items()}
    names |= {cast.clients[service]: service for service in cast.basic}
    traces = _traces(player)
    touched_by: dict[str, int] = defaultdict(int)
    for trace in traces:
        for actor in trace.actors:
            touched_by[actor] += 1
    for trace in traces:
        found = max(
            (_outcome(a, trace, names, touched_by, seen) for a in seen.alerts), key=RANK.__getitem__, default=""
        )
        known = figures.incidents.get(trace.attack, "not seen")
        figures.incidents[trace.attack] = max(found or "not seen", known, key=RANK.__getitem__)
    revoked = {names.get(command.subject or "") for command in seen.commands.values() if command.happened}
    figures.disturbed = len({actor for actor in revoked if actor} - touched_by.keys())


def _outcome(alert: Alert, trace: Trace, names: dict[str, str], touched_by: dict[str, int], seen: Seen) -> str:
    """An alert speaks of an incident if it names its address and victim, or a victim nobody else attacks.

    An alert on a source alone has no victim; one that the victim's own token gave away has the victim's address.
    """
    actor = names.get(alert.subject or "")
    here = alert.ip in trace.addresses and (actor is None or actor in trace.actors)
    alone = actor in trace.actors and touched_by[actor or ""] == 1
    if not here and not alone:
        return "not seen"
    return "revoked" if alert.command_id in seen.revoked else "alerted"


def _traces(player: Player) -> list[Trace]:
    traces = {incident: Trace(attack) for incident, attack in player.score.begun.items()}
    for action in player.plan.actions:
        trace = traces.get(action.incident)
        if trace is not None:
            trace.actors.add(action.actor)
            trace.addresses.add(action.source.ip)
    return list(traces.values())

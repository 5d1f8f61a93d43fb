"""What an attacker can know of a plan: which sessions are open at a moment, and what was done in them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from producers.simulator.actions import Action, Outcome, Verb


@dataclass(slots=True)
class Span:
    """One session's life in plan seconds; `end` is infinite while nobody logs out."""

    session: str
    actor: str
    client: str
    begin: float
    last: float
    end: float = float("inf")
    kicked: bool = False
    actions: list[Action] = field(default_factory=list)


class Timeline:
    """An index over the honest part of a plan."""

    def __init__(self, actions: Iterable[Action]) -> None:
        spans: dict[str, Span] = {}
        for action in actions:
            if action.verb is Verb.ISSUE or not action.session or action.outcome is not Outcome.OK:
                continue
            span = spans.get(action.session)
            if span is None:
                span = Span(action.session, action.actor, action.client, action.at, action.at)
                spans[action.session] = span
            if action.verb in (Verb.LOGOUT, Verb.KICK):
                span.end, span.kicked = action.at, action.verb is Verb.KICK
            span.last = max(span.last, action.at)
            span.actions.append(action)
        self._spans: dict[str, list[Span]] = defaultdict(list)
        for span in spans.values():
            self._spans[span.actor].append(span)

    def open_session(self, actor: str, at: float, idle: float, stays: float) -> Span | None:
        """A session of `actor` used in the six `idle` before `at` that goes on for `stays` seconds after."""
        for span in self._spans[actor]:
            busy = span.begin + idle / 6 < at and at + stays < min(span.last, span.end)
            if busy and any(at - idle * 6 <= a.at <= at for a in span.actions):
                return span
        return None

    def closed_sessions(self, begin: float, end: float) -> list[Span]:
        """Sessions whose owner logged out between two moments, by time."""
        spans = [s for own in self._spans.values() for s in own if begin <= s.end <= end and not s.kicked]
        return sorted(spans, key=lambda span: span.end)

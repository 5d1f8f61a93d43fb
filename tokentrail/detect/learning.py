"""What becomes habit, and when: a sighting waits an hour for its outcome, a suspicious one three days."""

from __future__ import annotations

from tokentrail.detect.state import Context, Sighting, Subject, World

DELAY = 3_600.0
SUSPECT_DELAY = 3 * 86_400.0
SUSPECT = 0.5
AGAIN = 6 * 3_600.0  # the same place and machine counts once in this time
MAX_SEEN = 160
MAX_PENDING = 12


def notice(subject: Subject, context: Context, client: int, grant: int, now: float) -> None:
    """Queue a sighting of a successful event unless the same was queued a short while ago."""
    key = context.key()
    if subject.learned == key and now - subject.learned_at < AGAIN:
        return
    subject.learned, subject.learned_at = key, now
    if len(subject.pending) >= MAX_PENDING:
        subject.pending.pop(0)
    subject.pending.append(Sighting(now, context, client, grant, int(now // 3_600) % 24))


def settle(world: World, subject: Subject, now: float) -> None:
    """Learn the sightings whose time has come; one that turned suspicious waits for longer."""
    pending = subject.pending
    if not pending or now - pending[0].ts < DELAY:
        return
    keep: list[Sighting] = []
    for sighting in pending:
        age = now - sighting.ts
        if age < DELAY:
            keep.append(sighting)
            continue
        risk = subject.risk.get(sighting.context.key()) if subject.risk else None
        if risk is not None and risk[0] >= SUSPECT and age < SUSPECT_DELAY:
            keep.append(sighting)
            continue
        _learn(world, subject, sighting)
    subject.pending = keep


def _learn(world: World, subject: Subject, sighting: Sighting) -> None:
    vocabulary, seen, context = world.vocabulary, subject.seen, sighting.context
    subject.n += 1
    vocabulary.total += 1.0
    numbers = (
        context.ip, context.net, context.asn, context.country, context.city, context.agent,
        context.browser, context.system, context.kind, context.device, sighting.client, sighting.grant,
    )  # fmt: skip
    for number in numbers:
        if number < 0:
            continue
        first = number not in seen
        seen[number] = seen.get(number, 0) + 1
        vocabulary.learn(number, first)
    hour = subject.hours
    if hour[sighting.hour] < 255:
        hour[sighting.hour] += 1
    if len(seen) > MAX_SEEN:
        _forget(seen)


def _forget(seen: dict[int, int]) -> None:
    """Drop the oldest values seen once: a wandering subject must not grow without end."""
    for number in [k for k, v in seen.items() if v == 1][: MAX_SEEN // 4] or list(seen)[: MAX_SEEN // 4]:
        del seen[number]

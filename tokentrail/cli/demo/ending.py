"""After the last action: drain, show a revoked token once more, count, prove."""

from __future__ import annotations

import asyncio
import time

from producers.commander import Commander
from producers.simulator.live.cast import Cast
from producers.simulator.live.player import Player
from tokentrail.cli.demo import outcomes, trial
from tokentrail.cli.demo.books import Books, Range
from tokentrail.cli.demo.figures import Figures
from tokentrail.cli.demo.observer import Observer
from tokentrail.config import Settings
from tokentrail.tokens.commands import Order

DRAIN_WITHIN = 40.0
CALM_LOOKS = 4  # looks in a row, 0.25 s apart, at which nothing is under way
SHOWN_AT_MOST = 40
ACCEPTED, REFUSED = 200, 401
HELD = "demonstration"  # the session of the operator's revocation


async def drain(books: Books, observer: Observer) -> bool:
    """Until outboxes are empty, readers have read everything and every command is acknowledged; False if not."""
    deadline, calm = time.monotonic() + DRAIN_WITHIN, 0
    while calm < CALM_LOOKS and time.monotonic() < deadline:
        quiet = await asyncio.to_thread(_quiet, books, observer)
        calm = calm + 1 if quiet else 0
        await asyncio.sleep(0.25)
    return calm >= CALM_LOOKS


def _quiet(books: Books, observer: Observer) -> bool:
    if books.waiting() or observer.seen.pending():
        return False
    ends = observer.ends()
    return books.behind(ends) == 0 and all(observer.positions()[place] >= end for place, end in ends.items())


async def show_revoked(figures: Figures, player: Player, cast: Cast, observer: Observer, settings: Settings) -> None:
    """Presents tokens that commands revoked: the resource server must refuse one and say "revoked" in its event.

    Where no command hit a token that somebody still holds, an operator's command revokes one that was just good.
    """
    subjects = {revoked.subject for revoked in observer.seen.revoked.values()}
    actors = {actor for actor, login in cast.logins.items() if login.subject in subjects}
    sessions = [session for session, actor in player.owners().items() if actor in actors]
    refused = 0
    for session in sessions[-SHOWN_AT_MOST:]:
        refused += await player.present(session) == REFUSED
    if refused and await _told(observer):
        figures.revoked_token_refused = True
        return
    actor = next(a for a in player.owners().values() if a in cast.logins and a not in actors)
    held = await player.sign_in(actor, HELD)
    good = held and await player.present(HELD) == ACCEPTED
    await asyncio.to_thread(_command, settings, cast.logins[actor].subject, observer)
    figures.revoked_token_refused = good and await player.present(HELD) == REFUSED and await _told(observer)


async def _told(observer: Observer) -> bool:
    """Whether the resource server's event about a revoked token has been read, within four seconds."""
    for _ in range(40):
        if observer.seen.refused:
            return True
        await asyncio.sleep(0.1)
    return False


def _command(settings: Settings, subject: str, observer: Observer) -> None:
    """An operator revokes all of a subject's tokens; returns when the issuer has obeyed, or after ten seconds."""
    commander = Commander(settings, settings.require("issuer"))
    try:
        command = commander.send(Order("subject", subject, "shown in the demonstration"))
        deadline = time.monotonic() + 10
        while command not in observer.seen.revoked and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)  # the deny-list is a topic of its own
    finally:
        commander.close()


async def measure(
    figures: Figures, player: Player, cast: Cast, books: Books, observer: Observer, from_index: int
) -> None:
    """Counts from the real parts: Kafka's offsets and records, the ledger's rows, the commands' times."""
    ends = observer.positions()
    deadline = time.monotonic() + 10
    while await asyncio.to_thread(books.behind, ends) and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    ranges = {place: Range(first, ends[place]) for place, first in observer.start_at.items()}
    held = await asyncio.to_thread(books.held_ids, ranges, from_index)
    seen, score = observer.seen, player.score
    ids = {event_id for event_id, place, offset in seen.read if offset < ends[place]}
    figures.events_published, figures.entries = len(ids), len(held)
    figures.missing = len(ids - set(held))
    figures.alerts = dict(seen.detections)
    figures.commands, figures.acknowledged = len(seen.commands), len(seen.revoked.keys() & seen.commands.keys())
    figures.enforced_ms = seen.enforced_ms()
    outcomes.judge(figures, player, cast, observer.seen)
    if seen.unreadable:
        figures.notes.append(f"{seen.unreadable} records could not be read")
    if score.failures:
        worst = ", ".join(f"{reason} ({n})" for reason, n in score.failures.most_common(3))
        figures.notes.append(f"requests that failed: {worst}")
    if score.late > 1:
        figures.notes.append(f"this machine was busy: people acted up to {score.late:.1f} s late")


def prove(figures: Figures, settings: Settings, from_index: int) -> None:
    """Verification, then the tamper trial."""
    report = trial.check(settings)
    figures.verify_ok, figures.verified_entries = report.ok, report.entries
    figures.root_hash = report.root_hash
    for problem in report.problems[:3]:
        figures.notes.append(f"verify: {problem.kind} at {problem.index}: {problem.detail}")
    tried = trial.tamper(settings, from_index)
    figures.tampered_index, figures.tamper_detected = tried.index, tried.detected
    figures.restored_ok = tried.restored_ok
    if tried.note:
        figures.notes.append(tried.note)

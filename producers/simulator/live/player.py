"""Plays actions against a running issuer and resource server, keeping every session's tokens like its client."""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote_plus

from producers.simulator.actions import Action, Outcome, Verb
from producers.simulator.live import edge
from producers.simulator.live.cast import WIDENED, Cast
from producers.simulator.live.forge import Forger
from producers.simulator.live.http import Client, HttpError, Response
from producers.simulator.live.score import Score
from producers.simulator.plan import Plan

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
PATIENCE = 400  # actions under way before the player waits: servers that lag make it late, never lossy
TICK = 0.002


@dataclass(slots=True)
class Held:
    """The tokens of one session, and what is still to do in it, in order."""

    access: str = ""
    refresh: list[str] = field(default_factory=list)
    last: float = 0.0
    good: bool = False  # something shown from this session was accepted before
    todo: deque[Action] = field(default_factory=deque)
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Targets:
    """Where the requests go: two base addresses, and the resource server's path that needs a token."""

    issuer: str
    resource: str
    path: bytes = b"/records"


class Player:
    """One run of one plan."""

    def __init__(self, plan: Plan, cast: Cast, targets: Targets, forger: Forger) -> None:
        self.plan, self.cast, self.score = plan, cast, Score()
        self._forger, self._targets = forger, targets
        self._issuer, self._resource = Client(targets.issuer, 24), Client(targets.resource, 24)
        self._sessions: dict[str, Held] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way = 0
        self._place = {action.session: action.source for action in plan.actions if action.session}

    async def run(self, keep_on: Callable[[], bool]) -> None:
        """Plays every action at its time until the plan ends or `keep_on` says no; then waits for answers."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for action in self.plan.actions:
            while (ahead := start + action.at - loop.time()) > TICK and keep_on():
                await asyncio.sleep(min(ahead, 0.2))
            while self._under_way > PATIENCE and keep_on():
                await asyncio.sleep(TICK)
            if not keep_on():
                break
            self.score.late = max(self.score.late, loop.time() - start - action.at)
            self._begin(action)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=15)
        for task in self._tasks:
            task.cancel()

    def close(self) -> None:
        """Ends the connections."""
        self._issuer.close()
        self._resource.close()

    async def warm_up(self) -> None:
        """One machine takes a token and uses it: the first of everything is done before the clock runs."""
        issue = next(a for a in self.plan.actions if a.verb is Verb.ISSUE and not a.attack)
        held = Held()
        await self._issue(issue, held)
        await self._use(issue, held)

    async def present(self, session: str) -> int | None:
        """Shows a session's newest access token to the resource server: the status; None if there is no token."""
        held = self._sessions.get(session)
        if held is None or not held.access:
            return None
        headers = _bearer(held.access) + edge.headers(self._place.get(session) or self.plan.actions[0].source)
        return (await self._resource.get(self._targets.path, headers)).status

    async def sign_in(self, actor: str, session: str) -> bool:
        """A person signs in once more, from where they did last, into a session of a new name."""
        last = next(a for a in reversed(self.plan.actions) if a.actor == actor and not a.attack)
        self._place[session] = last.source
        held = self._sessions.setdefault(session, Held())
        return await self._login(replace(last, outcome=Outcome.OK, session=session), held)

    def owners(self) -> dict[str, str]:
        """Sessions that hold an access token, in the order they began, and the plan's name of their subject."""
        begun = {a.session: a.actor for a in self.plan.actions if a.session in self._sessions}
        return {session: actor for session, actor in begun.items() if self._sessions[session].access}

    # Order: within a session one thing after the other, sessions side by side.

    def _begin(self, action: Action) -> None:
        if action.attack:
            self.score.begun[action.incident] = action.attack
        held = self._sessions.get(action.session)
        if held is None:
            held = Held()
            if action.session:
                self._sessions[action.session] = held
        held.todo.append(action)
        self._under_way += 1
        if not held.busy:
            held.busy = True
            task = asyncio.get_running_loop().create_task(self._work_off(held))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work_off(self, held: Held) -> None:
        loop = asyncio.get_running_loop()
        while held.todo:
            action = held.todo.popleft()
            pause = held.last + action.wait - loop.time()
            if action.wait and pause > 0:
                await asyncio.sleep(pause)
            try:
                await self._play(action, held)
            except HttpError as error:
                self.score.failures[str(error)] += 1
            held.last = loop.time()
            self._under_way -= 1
        held.busy = False

    async def _play(self, action: Action, held: Held) -> None:
        match action.verb:
            case Verb.LOGIN:
                await self._login(action, held)
            case Verb.ISSUE:
                await self._issue(action, held)
            case Verb.REFRESH:
                await self._refresh(action, held)
            case Verb.USE:
                await self._use(action, held)
            case Verb.LOGOUT | Verb.KICK:
                await self._logout(action, held)
            case Verb.STEAL:
                victim = self._sessions.get(action.stolen, Held())
                held.access, held.refresh, held.good = victim.access, list(victim.refresh), True
            case Verb.FORGE:
                await self._forge(action)

    # Verbs

    async def _login(self, action: Action, held: Held) -> bool:
        login = self.cast.logins[action.actor]
        name, password, code = login.name, self.cast.password, ""
        if action.outcome is Outcome.UNKNOWN_USER:
            name = f"{name}.typo"
        if action.outcome in (Outcome.UNKNOWN_USER, Outcome.WRONG_PASSWORD):
            password = "wrong"  # noqa: S105 - meant to be
        elif login.totp is not None:
            code = login.code() if action.outcome is Outcome.OK else "000000"
        form = f"grant_type=password&username={quote_plus(name)}&password={quote_plus(password)}"
        self.score.logins += 1
        answer = await self._token(action, form + (f"&otp={code}" if code else ""), held)
        return self._take(answer, held)

    async def _issue(self, action: Action, held: Held) -> None:
        form = "grant_type=client_credentials" + (f"&scope={quote_plus(WIDENED)}" if action.widen else "")
        headers = self.cast.basic[action.actor] + FORM + edge.headers(action.source)
        answer = await self._post(b"/token", headers, form)
        self._note(action, answer, held)
        self._take(answer, held)

    async def _refresh(self, action: Action, held: Held) -> None:
        if not held.refresh:
            if not action.attack:
                await self._login(action, held)
            return
        answer = await self._token(action, self._refresh_form(action, held), held)
        if not self._take(answer, held) and not action.attack and not action.back:
            held.access, held.refresh = "", []
            await self._login(action, held)  # the session is gone: people sign in again

    def _refresh_form(self, action: Action, held: Held) -> str:
        presented = held.refresh[max(0, len(held.refresh) - 1 - action.back)]
        form = f"grant_type=refresh_token&refresh_token={presented}"
        return form + (f"&scope={quote_plus(WIDENED)}" if action.widen else "")

    async def _use(self, action: Action, held: Held) -> None:
        if not held.access:
            return
        headers = _bearer(held.access) + edge.headers(action.source)
        self.score.requests += 1
        answer = await self._resource.get(self._targets.path, headers)
        self._note(action, answer, held)

    async def _logout(self, action: Action, held: Held) -> None:
        if not held.refresh:
            return
        form = f"token={held.refresh[-1]}&token_type_hint=refresh_token"
        await self._token(action, form, held, b"/revoke")

    async def _forge(self, action: Action) -> None:
        subject, client = self.cast.logins[action.actor].subject, self.cast.clients["portal"]
        if action.forgery is None:
            return
        token = self._forger.make(action.forgery, subject, client)
        if token is None:
            return
        self.score.requests += 1
        headers = _bearer(token) + edge.headers(action.source)
        self._note(action, await self._resource.get(self._targets.path, headers), Held())

    # Requests

    async def _token(self, action: Action, form: str, held: Held, path: bytes = b"/token") -> Response:
        form = f"{form}&client_id={self.cast.clients[action.client]}"
        answer = await self._post(path, FORM + edge.headers(action.source), form)
        self._note(action, answer, held)
        return answer

    async def _post(self, path: bytes, headers: bytes, form: str) -> Response:
        self.score.requests += 1
        return await self._issuer.post(path, headers, form.encode())

    def _take(self, answer: Response, held: Held) -> bool:
        """Keeps the tokens of a good answer."""
        if answer.status != 200:
            return False
        body: dict[str, Any] = json.loads(answer.body)
        held.access = body["access_token"]
        refresh = body.get("refresh_token")
        if refresh and (not held.refresh or held.refresh[-1] != refresh):
            held.refresh.append(refresh)
            del held.refresh[:-4]
        return True

    def _note(self, action: Action, answer: Response, held: Held) -> None:
        """Counts what was refused, and whether an attacker was let in before and is now shut out."""
        if answer.status < 400:
            held.good = held.good or action.verb is not Verb.LOGOUT
        elif answer.status >= 500:
            self.score.failures[f"status {answer.status}"] += 1
        elif action.attack:
            if held.good:
                self.score.stopped[action.incident] = action.attack
        elif action.outcome is Outcome.OK:
            self.score.refused[f"{action.verb}: {_error(answer)}"] += 1


def _bearer(token: str) -> bytes:
    return f"Authorization: Bearer {token}\r\n".encode()


def _error(answer: Response) -> str:
    try:
        return str(json.loads(answer.body).get("error"))
    except (ValueError, AttributeError):
        return str(answer.status)

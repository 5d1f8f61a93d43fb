"""A virtual issuer and resource server: plays actions into backtest rows, keeping every session's tokens."""

from dataclasses import dataclass

from producers.simulator.actions import Action, Forgery, Outcome, Verb
from producers.simulator.dice import seeded
from producers.simulator.file_rows import Label, Press, Row
from producers.simulator.people import DAY

LIFETIME = 900.0
LEEWAY = 10.0  # s in which a rotated refresh token may be presented again from the same address
GRANTED = "openid records:read"
WIDENED = "openid records:read records:export admin"


@dataclass(slots=True)
class Family:
    """A refresh family: its newest generation, when and from where that was made, whether it is dead."""

    id: str
    gen: int = 0
    rotated_at: float = 0.0
    rotated_from: str = ""
    dead: bool = False
    thief: Label | None = None


@dataclass(slots=True)
class Held:
    """What the holder of a session has in hand; a thief holds a copy with the same family."""

    family: Family
    gen: int = 0
    jti: str = ""
    exp: float = 0.0
    kid: str = ""


class World:
    """The virtual issuer; `origin`: unix time of the plan's second 0; its key changes on `rotation_day`."""

    def __init__(self, seed: int, origin: float, rotation_day: int) -> None:
        self.origin = origin
        self.issuer = "https://id.example"
        self.rows: list[Row] = []
        self.labels: list[Label] = []
        self._rotation_day = rotation_day
        self._held: dict[str, Held] = {}
        self._rng = seeded(seed, "world")
        self._press = Press(seeded(seed, "ids"))

    def play(self, action: Action) -> None:
        """Plays one action; actions must come in order of time."""
        if action.verb is Verb.LOGIN:
            self._login(action)
        elif action.verb is Verb.ISSUE:
            self._issue(action, Held(Family("")))
        elif action.verb is Verb.STEAL:
            self._steal(action)
        elif action.verb is Verb.FORGE:
            self._forge(action)
        else:
            self._with_session(action)

    # Rows

    def _put(self, kind: str, action: Action, fields: Row, after: float = 0.0) -> Row:
        base: Row = {"subject": action.actor, "client_id": action.client, "iss": self.issuer}
        where = None if action.verb is Verb.KICK else action.source
        row = self._press.row(kind, self.origin + action.at + after, where, base | fields)
        self.rows.append(row)
        if action.attack:
            self._label(row, action.attack, action.incident)
        return row

    def _label(self, row: Row, attack: str, incident: str) -> None:
        self.labels.append(Label(str(row["event_id"]), attack, incident))

    def _kid(self, at: float) -> str:
        return "k2" if at >= self._rotation_day * DAY else "k1"

    def _mint(self, held: Held, at: float) -> Row:
        held.jti, held.exp, held.kid = self._press.new_id("jti"), self.origin + at + LIFETIME, self._kid(at)
        return {"jti": held.jti, "exp": round(held.exp, 3), "kid": held.kid}

    # Verbs

    def _login(self, action: Action) -> None:
        if action.outcome is Outcome.UNKNOWN_USER:
            self._put("login_failure", action, {"subject": self._press.new_id("unk"), "success": False})
            return
        if action.outcome is Outcome.WRONG_PASSWORD:
            self._put("login_failure", action, {"success": False})
            return
        self._put("login_success", action, {"success": True})
        answer = self._rng.uniform(2, 9)
        if action.outcome is not Outcome.OK:
            self._put("mfa_failure", action, {"success": False}, answer)
            return
        if action.mfa:
            self._put("mfa_success", action, {"success": True}, answer)
        held = Held(Family(self._press.new_id("fam")))
        held.family.rotated_at = action.at
        self._held[action.session] = held
        issued: Row = {"success": True, "family": held.family.id, "gen": 0, "scope": GRANTED}
        minted = self._mint(held, action.at)
        self._put("token_issue", action, issued | minted, answer + 0.2 if action.mfa else 0.2)

    def _issue(self, action: Action, held: Held) -> None:
        if action.widen:
            self._put("token_issue", action, {"success": False, "scope": WIDENED})
            return
        self._held[action.session] = held
        issued: Row = {"success": True, "scope": "records:read"}
        self._put("token_issue", action, issued | self._mint(held, action.at))

    def _steal(self, action: Action) -> None:
        victim = self._held.get(action.stolen)
        if victim is not None:
            self._held[action.session] = Held(victim.family, victim.gen, victim.jti, victim.exp, victim.kid)
            victim.family.thief = Label("", action.attack, action.incident)

    def _forge(self, action: Action) -> None:
        now = self.origin + action.at
        over = action.forgery in (Forgery.OVER_LONG, Forgery.NO_EXPIRY)
        shown: Row = {
            "jti": self._press.new_id("jti"),
            "iss": "https://id.examp1e" if action.forgery is Forgery.UNKNOWN_ISSUER else self.issuer,
            "kid": self._kid(action.at) if over else self._press.new_id("key"),
            "exp": None if action.forgery is Forgery.NO_EXPIRY else round(now + (DAY if over else LIFETIME), 3),
            "scope": WIDENED,
            "success": over,
        }
        self._put("token_use", action, shown)

    def _with_session(self, action: Action) -> None:
        held = self._held.get(action.session)
        if held is None or (held.family.dead and not action.attack):
            if action.attack or action.verb in (Verb.LOGOUT, Verb.KICK):
                return
            if held is not None and self._in_flight(held, action):
                self._use(action, held)
                return
            self._again(action)
            held = self._held[action.session]
        if action.verb is Verb.REFRESH:
            self._refresh(action, held)
        elif action.verb is Verb.USE:
            self._use(action, held)
        else:
            held.family.dead, held.family.rotated_at = True, action.at
            ended: Row = {"jti": held.jti, "family": held.family.id or None, "success": True}
            self._put("token_revoke", action, ended)

    def _in_flight(self, held: Held, action: Action) -> bool:
        """A call sent just before the session ended; any later one makes an honest client sign in again."""
        return action.verb is Verb.USE and action.at - held.family.rotated_at < 2

    def _again(self, action: Action) -> None:
        """An honest client that lost its session signs in again before it goes on."""
        login = Action(action.at - 0.5, Verb.LOGIN, action.actor, action.session, action.source, action.client)
        self._login(login)

    def _refresh(self, action: Action, held: Held) -> None:
        family, presented = held.family, max(0, held.gen - action.back)
        where = action.source.ip
        retry = action.at - family.rotated_at <= LEEWAY and where == family.rotated_from
        current = presented == family.gen or (presented == family.gen - 1 and retry)
        fields: Row = {"family": family.id, "gen": presented, "scope": GRANTED}
        if family.dead or not current:
            row = self._put("token_refresh", action, fields | {"success": False})
            if not action.attack and family.thief is not None:  # the victim's own token gives the thief away
                self._label(row, family.thief.attack, family.thief.incident)
            family.dead = True
            return
        if action.widen:
            fields["scope"] = WIDENED  # this issuer is lax: it grants what is asked
        if presented == family.gen:
            family.gen, family.rotated_at, family.rotated_from = presented + 1, action.at, where
        held.gen = family.gen
        self._put("token_refresh", action, fields | {"success": True} | self._mint(held, action.at))

    def _use(self, action: Action, held: Held) -> None:
        now = self.origin + action.at
        if now > held.exp and not action.attack:
            if not held.family.id or held.family.dead:
                return
            self._refresh(action, held)
        alive = now <= held.exp and not held.family.dead
        shown: Row = {"jti": held.jti, "kid": held.kid, "exp": round(held.exp, 3), "success": alive}
        self._put("token_use", action, shown | {"family": held.family.id or None})

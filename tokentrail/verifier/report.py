"""What a verification found."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

MAX_PROBLEMS = 1000


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that does not hold: its kind, the entry's index (null where it is not one entry), in words."""

    kind: str
    index: int | None
    detail: str


@dataclass
class Report:
    """The verdict. `ok` means that nothing was found; the list is cut at MAX_PROBLEMS, the count is not."""

    entries: int = 0
    tree_size: int = 0
    root_hash: str = ""
    bodies_opened: int = 0
    bodies_forgotten: int = 0
    bodies_locked: int = 0
    pruned: int = 0
    checkpoints: int = 0
    seconds: float = 0.0
    completeness: list[dict[str, Any]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return self.problem_count == 0

    def add(self, kind: str, index: int | None, detail: str) -> None:
        """Note a problem."""
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(kind, index, detail))

    def as_dict(self) -> dict[str, Any]:
        """The contract's JSON: ok, entries, tree_size, root_hash, problems, and what else is known."""
        return {"ok": self.ok, **asdict(self)}

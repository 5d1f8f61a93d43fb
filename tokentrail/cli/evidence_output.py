"""The verdict on an evidence pack, for a person."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from tokentrail.verifier.evidence import EvidenceReport


def say(report: EvidenceReport) -> None:
    """Write the verdict to stdout. What the pack says is shown escaped: it comes from outside."""
    console = Console(highlight=False, soft_wrap=True)
    if report.tree_size:
        console.print(
            f"{_shown(report.origin)}: {report.entries} entries, {report.opened} opened, of index {report.first_index} "
            f"to {report.end_index - 1} of a tree of {report.tree_size}"
        )
    for name, value in report.query.items():
        console.print(f"  {_shown(name)}: {_shown(value)}")
    console.print(f"manifest SHA-256 {report.manifest}")
    for name in report.cosigned:
        console.print(f"cosigned by {_shown(name)}")
    for note in report.notes:
        console.print(f"[yellow]note:[/] {_shown(note)}")
    if report.ok:
        complete = "genuine and complete" if report.complete else "genuine"
        console.print(f"[bold green]verified: {complete} under the checkpoint[/]")
        return
    console.print(f"[bold red]{len(report.problems)} problems[/]")
    for problem in report.problems[:20]:
        at = "" if problem.index is None else f" at index {problem.index}"
        console.print(f"  [red]{problem.kind}[/]{at}: {_shown(problem.detail)}")


def _shown(value: object) -> str:
    text = str(value)
    return escape("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text))

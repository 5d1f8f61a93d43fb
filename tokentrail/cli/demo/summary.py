"""The table a demonstration ends with."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from tokentrail.cli.demo.figures import Figures, percentile


def print_summary(figures: Figures, console: Console) -> None:
    """Prints all figures, then what did not hold."""
    table = Table(title="Tokentrail demo", box=None, show_header=False, title_justify="left", padding=(0, 2))
    table.add_column(style="dim")
    table.add_column()
    for name, value in _rows(figures):
        table.add_row(name, value)
    console.print(table)
    for note in figures.notes:
        console.print(f"  note: {note}", highlight=False, markup=False)
    verdict = "[bold green]the loop held[/]" if figures.held else "[bold red]the loop did not hold[/]"
    console.print(verdict)


def _rows(figures: Figures) -> list[tuple[str, str]]:
    p50, p99 = percentile(figures.enforced_ms, 50), percentile(figures.enforced_ms, 99)
    rate = figures.events_published / figures.seconds if figures.seconds else 0
    return [
        ("people at work", f"{figures.people} for {figures.seconds:.0f} s"),
        ("events published", f"{figures.events_published:,} ({rate:.0f}/s)"),
        ("entries in the ledger", f"{figures.entries:,}, {figures.missing} missing"),
        ("verified", f"{_yes(figures.verify_ok)}, {figures.verified_entries:,} entries, root {figures.root_hash}"),
        ("attacks", _incidents(figures)),
        ("alerts", ", ".join(f"{name} {n}" for name, n in figures.contract()["alerts"].items()) or "none"),
        ("revocations", f"{figures.commands} commands, {figures.acknowledged} acknowledged by the issuer"),
        ("event to enforced", f"p50 {p50} ms, p99 {p99} ms" if p50 is not None else "nothing was enforced"),
        ("honest people revoked", f"{figures.disturbed} of {figures.people}"),
        ("revoked token refused", _yes(figures.revoked_token_refused)),
        ("a superuser edits one entry", f"index {figures.tampered_index} named: {_yes(figures.tamper_detected)}"),
        ("restored and verified", _yes(figures.restored_ok)),
    ]


def _incidents(figures: Figures) -> str:
    groups: dict[str, list[str]] = {"revoked": [], "alerted": [], "not seen": []}
    for attack, outcome in sorted(figures.incidents.items()):
        groups[outcome].append(attack)
    parts = [f"{outcome}: {', '.join(names)}" for outcome, names in groups.items() if names]
    return f"{len(figures.incidents)} types\n" + "\n".join(parts)


def _yes(value: bool) -> str:
    return "[green]yes[/]" if value else "[red]no[/]"

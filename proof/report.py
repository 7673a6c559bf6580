"""The figures of a scenario, and the table of all at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(slots=True)
class Figures:
    """One line of the table. A promise is broken exactly if `broken` says so."""

    scenario: str
    generations: int = 0
    unknown: int = 0
    """BFL gave no id and cannot call: nobody can know. Refunded."""
    died: int = 0
    """The link ran out while the site was stopped, at a BFL that signs none again. Refunded."""
    lost: int = 0
    twice: int = 0
    drift: str = "0.0000"
    breaches: int = 0
    refunds: int = 0
    jain: float | None = None
    worst: float = 0.0
    stuck: int = 0
    orphans: int = 0
    leaks: int = 0
    takeover: float | None = None
    broken: list[str] = field(default_factory=list)


def _number(value: float | None, places: int) -> str:
    return "" if value is None else f"{value:.{places}f}"


_COLUMNS: Mapping[str, Callable[[Figures], str]] = {
    "generations": lambda line: str(line.generations),
    "unknown": lambda line: str(line.unknown),
    "died": lambda line: str(line.died),
    "lost": lambda line: str(line.lost),
    "twice": lambda line: str(line.twice),
    "drift": lambda line: line.drift,
    "breaches": lambda line: str(line.breaches),
    "refunds ≠ 1": lambda line: str(line.refunds),
    "stuck": lambda line: str(line.stuck),
    "orphans": lambda line: str(line.orphans),
    "leaks": lambda line: str(line.leaks),
    "Jain": lambda line: _number(line.jain, 3),
    "take-over s": lambda line: _number(line.takeover, 1),
    "worst s": lambda line: _number(line.worst, 1),
    "broken": lambda line: str(len(line.broken)),
}


def table(lanes: Mapping[str, Sequence[Figures]]) -> Iterator[str]:
    """Return the lines of the table: each lane with its scenarios, and the total."""
    every = [line for lines in lanes.values() for line in lines]
    labelled = [(f"{label}: {line.scenario}", line) for label, lines in lanes.items() for line in lines]
    rows = [["", *_COLUMNS]]
    rows += [[label, *(cell(line) for cell in _COLUMNS.values())] for label, line in labelled]
    rows += [["Total", *(cell(_total(every)) for cell in _COLUMNS.values())]]
    widths = [max(len(row[number]) for row in rows) for number in range(len(rows[0]))]
    for first, *others in rows:
        cells = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells]).rstrip()


def _total(lines: Sequence[Figures]) -> Figures:
    jains = [line.jain for line in lines if line.jain is not None]
    takeovers = [line.takeover for line in lines if line.takeover is not None]
    return Figures(
        "Total",
        generations=sum(line.generations for line in lines),
        unknown=sum(line.unknown for line in lines),
        died=sum(line.died for line in lines),
        lost=sum(line.lost for line in lines),
        twice=sum(line.twice for line in lines),
        drift=f"{sum((Decimal(line.drift) for line in lines), Decimal()):.4f}",
        breaches=sum(line.breaches for line in lines),
        refunds=sum(line.refunds for line in lines),
        jain=min(jains, default=None),
        worst=max((line.worst for line in lines), default=0.0),
        stuck=sum(line.stuck for line in lines),
        orphans=sum(line.orphans for line in lines),
        leaks=sum(line.leaks for line in lines),
        takeover=max(takeovers, default=None),
        broken=[sentence for line in lines for sentence in line.broken],
    )


def explain(lanes: Mapping[str, Iterable[Figures]]) -> Iterator[str]:
    """Return what broke each promise, the first few of each line."""
    for label, lines in lanes.items():
        for line in lines:
            yield from (f"{label}: {line.scenario}: {sentence}" for sentence in line.broken[:5])
            if more := line.broken[5:]:
                yield f"{label}: {line.scenario}: and {len(more)} more"

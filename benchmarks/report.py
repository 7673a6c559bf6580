"""The figures as tables, and the aims beside what was reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.figures import Figures
from benchmarks.ways import WAYS

COLUMNS = (
    "way",
    "makespan",
    "× ideal",
    "added",
    "file only",
    "polls/image",
    "requests/image",
    "workers MB",
    "all MB",
    "CPU s",
)
MEGABYTES = 300


@dataclass(frozen=True, slots=True)
class Aim:
    words: str
    reached: float
    limit: float

    @property
    def is_met(self) -> bool:
        return self.reached <= self.limit


def write(results: Mapping[str, Figures]) -> Iterator[str]:
    """Give the lines of the whole report."""
    ideal = next(iter(results.values())).ideal
    yield f"Ideal makespan: {ideal:.1f} s. Times after Ready: p50 / p95 in milliseconds.\n"
    yield from _table([COLUMNS, *(_row(name, figures) for name, figures in results.items())])
    yield "\nWhere that time goes, and how long a place stood empty:\n"
    stages = list(next(iter(results.values())).stages)
    rows = [(WAYS[name].title, *map(str, figures.stages.values())) for name, figures in results.items()]
    yield from _table([("way", *stages), *rows])
    for name, figures in results.items():
        if figures.refused:
            yield f"\n{WAYS[name].title}: {figures.refused} submissions were refused with 429."
    if aims := list(_aims(results)):
        yield "\nThe aims:\n"
        rows = [
            (aim.words, f"{aim.reached:.2f}", f"≤ {aim.limit:.2f}", "met" if aim.is_met else "MISSED")
            for aim in aims
        ]
        yield from _table([("aim", "reached", "limit", ""), *rows])


def _row(name: str, figures: Figures) -> tuple[str, ...]:
    return (
        WAYS[name].title,
        f"{figures.makespan:.1f}",
        f"{figures.ratio:.3f}",
        str(figures.added),
        str(figures.filed or "–"),
        f"{figures.polls_per_image:.2f}",
        f"{figures.requests_per_image:.2f}",
        f"{figures.workers_megabytes:.0f}",
        f"{figures.all_megabytes:.0f}",
        f"{figures.cpu_seconds:.1f}",
    )


def _aims(results: Mapping[str, Figures]) -> Iterator[Aim]:
    guide, polling, webhook = (results.get(name) for name in ("guide", "polling", "webhook"))
    if webhook:
        yield Aim("webhook: makespan, × ideal", webhook.ratio, 1.03)
        yield Aim("webhook: polls per image", webhook.polls_per_image, 0.2)
        yield Aim("webhook: all workers, MB", webhook.workers_megabytes, MEGABYTES)
    if webhook and guide:
        yield Aim("webhook: added p50, half the script's", webhook.added.p50, guide.added.p50 / 2)
        yield Aim("webhook: added p95, half the script's", webhook.added.p95, guide.added.p95 / 2)
    if polling:
        yield Aim("polling: all workers, MB", polling.workers_megabytes, MEGABYTES)
    if polling and guide:
        yield Aim("polling: makespan, × ideal, as the script", polling.ratio, guide.ratio)
        yield Aim("polling: added p50, as the script", polling.added.p50, guide.added.p50)
        yield Aim("polling: added p95, as the script", polling.added.p95, guide.added.p95)
        yield Aim("polling: polls per image, as the script", polling.polls_per_image, guide.polls_per_image)


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Give a Markdown table whose columns also stand in line."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        first, *others = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield f"| {' | '.join([first, *others])} |"
        if number == 0:
            yield f"| {' | '.join(['-' * widths[0], *('-' * (width - 1) + ':' for width in widths[1:])])} |"

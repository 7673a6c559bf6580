"""Charts of what was spent, measured for SVG: across in percent, so that words keep their size at any width;
down in pixels. The numbers are written here, because templates would write them in somebody's language.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby

from generations.credits.amounts import plain
from generations.usage.report import Line as Use
from generations.usage.report import Sums

# Pixels: above the plot for the words on the tallest bar, the plot, and below it for the days.
TOP, PLOT, BOTTOM = 24, 140, 24
_DIGIT = 8
# How much of its place a bar takes at most, the rest keeping it from the next; and how much of the plot.
_OF_PLACE, _OF_PLOT = 0.74, 0.06


# More days than this are told by the month.
LONGEST_BY_DAY = 62


@dataclass(frozen=True, slots=True)
class Step:
    """A day, or a month of more days than can stand beside each other, and what was spent in it."""

    first: date
    last: date
    sums: Sums

    @property
    def name(self) -> str:
        day = self.first
        return f"{day:%a} {day.day} {day:%b}" if self.first == self.last else f"{day:%B %Y}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    step: Step
    number: int
    count: int
    top: Decimal
    """What the highest line stands for."""
    tick: str
    """What stands below it; most have nothing."""
    is_now: bool
    is_ahead: bool
    is_tallest: bool
    address: str
    """Of these days alone, if there is one."""

    @property
    def words(self) -> str:
        return f"{self.step.name}: {plain(self.step.sums.spent)}"

    @property
    def slot_x(self) -> str:
        return _percent(self.number / self.count)

    @property
    def slot_width(self) -> str:
        return _percent(1 / self.count)

    @property
    def x(self) -> str:
        return _percent((self.number + 0.5) / self.count - self._broad / 2)

    @property
    def width(self) -> str:
        return _percent(self._broad)

    @property
    def _broad(self) -> float:
        return min(_OF_PLACE / self.count, _OF_PLOT)

    @property
    def middle(self) -> str:
        return _percent((self.number + 0.5) / self.count)

    @property
    def y(self) -> str:
        return _y(self.step.sums.spent, self.top)

    @property
    def height(self) -> str:
        return f"{TOP + PLOT - float(self.y):.1f}"

    @property
    def words_y(self) -> str:
        # Those that are shown when a bar is pointed at stand above the plot, clear of the other bars.
        return f"{float(self.y) - 8:.1f}" if self.is_tallest else f"{TOP - 8}"

    @property
    def words_x(self) -> str:
        return {"start": self.x, "middle": self.middle}.get(
            self.anchor, _percent((self.number + 0.9) / self.count)
        )

    @property
    def anchor(self) -> str:
        """Words at either end would be cut off if they stood in the middle of their bar."""
        place = (self.number + 0.5) / self.count
        return "start" if place < 0.2 else "end" if place > 0.8 else "middle"


@dataclass(frozen=True, slots=True)
class Line:
    """A line across the plot, of the scale or of a limit."""

    value: Decimal
    top: Decimal

    @property
    def y(self) -> str:
        return _y(self.value, self.top)

    @property
    def label(self) -> str:
        return plain(self.value)

    @property
    def label_y(self) -> str:
        """Where words beside it stand."""
        return f"{float(self.y) + 4:.1f}"

    @property
    def words_y(self) -> str:
        """Where words upon it stand."""
        return f"{float(self.y) - 5:.1f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    title: str
    bars: list[Bar]
    lines: list[Line]
    limit: Line | None

    height = TOP + PLOT + BOTTOM
    base = TOP + PLOT
    ticks_y = TOP + PLOT + 18
    plot_y = TOP
    plot_height = PLOT

    @property
    def axis_width(self) -> int:
        return 8 + _DIGIT * max(len(line.label) for line in self.lines)

    @property
    def limit_anchor(self) -> str:
        """At which end the words on the limit stand: away from those on the tallest bar."""
        return "start" if any(bar.is_tallest and 2 * bar.number >= bar.count for bar in self.bars) else "end"

    @property
    def limit_x(self) -> str:
        return _percent(0 if self.limit_anchor == "start" else 1)

    @property
    def step_name(self) -> str:
        return "Day" if _is_by_day([bar.step for bar in self.bars]) else "Month"

    @property
    def summary(self) -> str:
        """What the chart shows, for those who do not see it."""
        steps = [bar.step for bar in self.bars]
        spent = sum((step.sums.spent for step in steps), Decimal())
        if not spent:
            return f"{self.title}: nothing was spent."
        most = max(steps, key=lambda step: step.sums.spent)
        return f"{self.title}: {plain(spent)} in all, the most on {most.name} with {plain(most.sums.spent)}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A bar that lies beside its name."""

    use: Use
    width: str
    """Of the longest bar."""
    address: str


def of_steps(
    title: str,
    steps: Sequence[Step],
    *,
    today: date,
    limit: Decimal | None = None,
    address_of: Callable[[Step], str] = lambda step: "",
) -> Chart:
    """Return the chart of each day or month. A limit is drawn where it is within sight."""
    highest = max(step.sums.spent for step in steps)
    seen = limit if limit and limit <= 2 * highest else None
    scale = scale_to(max(highest, seen or highest))
    tallest = max(range(len(steps)), key=lambda number: steps[number].sums.spent) if highest > 0 else -1
    ticked = _ticked(steps)
    bars = [
        Bar(
            step=step,
            number=number,
            count=len(steps),
            top=scale[-1],
            tick=_tick(step, steps) if number in ticked else "",
            is_now=step.first <= today <= step.last,
            is_ahead=today < step.first,
            is_tallest=number == tallest,
            address=address_of(step),
        )
        for number, step in enumerate(steps)
    ]
    lines = [Line(value, scale[-1]) for value in scale]
    return Chart(title=title, bars=bars, lines=lines, limit=Line(seen, scale[-1]) if seen else None)


def steps_of(days: Sequence[Use]) -> list[Step]:
    """Return each day as a step, or each month where there are many days."""
    by_day = [(date.fromisoformat(day.key), day.sums) for day in days]
    if len(by_day) <= LONGEST_BY_DAY:
        return [Step(day, day, sums) for day, sums in by_day]
    months = [list(month) for _, month in groupby(by_day, key=lambda item: (item[0].year, item[0].month))]
    return [Step(month[0][0], month[-1][0], sum((sums for _, sums in month), Sums())) for month in months]


def rows_of(uses: Sequence[Use], address_of: Callable[[Use], str] = lambda use: "") -> list[Row]:
    """Return a row for each, the dearest having the longest bar."""
    longest = max((use.sums.spent for use in uses), default=Decimal())
    return [
        Row(
            use=use,
            width=_percent(float(max(use.sums.spent, Decimal()) / (longest or 1))),
            address=address_of(use),
        )
        for use in uses
    ]


def scale_to(highest: Decimal) -> list[Decimal]:
    """Return the lines of a scale: from nothing, by round steps, three or fewer, to the highest or more."""
    if highest <= 0:
        return [Decimal(0), Decimal(1)]
    power = Decimal(10) ** (math.floor(highest.log10()) - 1)
    step = next(step * power for step in (2, 5, 10, 20, 50) if 3 * step * power >= highest)
    return [number * step for number in range(math.ceil(highest / step) + 1)]


def _ticked(steps: Sequence[Step]) -> range:
    """Return the numbers of those that have words below: as many as fit beside each other on a phone."""
    weeks = _is_by_day(steps) and len(steps) <= 31
    apart = 7 if weeks else 14 if _is_by_day(steps) else math.ceil(len(steps) / 6)
    return range(0, len(steps), apart)


def _tick(step: Step, steps: Sequence[Step]) -> str:
    if not _is_by_day(steps):
        return f"{step.first:%Y}" if step.first.month == 1 else f"{step.first:%b}"
    same_month = steps[0].first.month == steps[-1].first.month
    return str(step.first.day) if same_month else f"{step.first.day} {step.first:%b}"


def _is_by_day(steps: Sequence[Step]) -> bool:
    return all(step.first == step.last for step in steps)


def _y(value: Decimal, top: Decimal) -> str:
    return f"{TOP + PLOT - PLOT * max(0.0, float(value / top)):.1f}"


def _percent(share: float) -> str:
    return f"{100 * share:.3f}%"

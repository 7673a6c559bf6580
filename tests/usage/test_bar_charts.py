from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from generations.usage import bar_charts
from generations.usage.bar_charts import Chart, Step
from generations.usage.report import Line, Sums

FIRST = date(2026, 11, 1)


def days(*spent: object, first: date = FIRST) -> list[Step]:
    return [
        Step(day, day, Sums(pictures=1, charged=Decimal(str(amount))))
        for number, amount in enumerate(spent)
        for day in [first + timedelta(days=number)]
    ]


def drawn(*spent: object, today: date = FIRST, limit: object = None) -> Chart:
    return bar_charts.of_steps(
        "Spent", days(*spent), today=today, limit=None if limit is None else Decimal(str(limit))
    )


@pytest.mark.parametrize("highest", ["0.0001", "0.4", "1", "2.5", "9.99", "10", "99.5", "1234567.8901"])
def test_a_scale_has_few_round_lines_and_reaches_the_highest(highest: str) -> None:
    scale = bar_charts.scale_to(Decimal(highest))
    assert scale[0] == 0
    assert scale[-2] < Decimal(highest) <= scale[-1]
    assert 2 <= len(scale) <= 4
    assert scale[1].normalize().as_tuple().digits in {(1,), (2,), (5,)}


def test_nothing_spent_draws_nothing_and_breaks_nothing() -> None:
    chart = drawn(0, 0)
    assert [bar.height for bar in chart.bars] == ["0.0", "0.0"]
    assert not any(bar.is_tallest for bar in chart.bars)
    assert chart.summary == "Spent: nothing was spent."


def test_bars_are_as_high_as_what_was_spent() -> None:
    chart = drawn(5, "2.5", 10)
    assert [bar.height for bar in chart.bars] == ["70.0", "35.0", "140.0"]
    assert [bar.is_tallest for bar in chart.bars] == [False, False, True]
    assert chart.summary == "Spent: 17.5 in all, the most on Tue 3 Nov with 10."


def test_what_came_back_beyond_what_was_paid_draws_no_bar_upside_down() -> None:
    assert drawn(-3, 5).bars[0].height == "0.0"


def test_every_bar_stays_within_the_plot() -> None:
    for count in (1, 3, 31, 62):
        for bar in drawn(*range(count)).bars:
            left, width = float(bar.x.rstrip("%")), float(bar.width.rstrip("%"))
            assert left >= 0
            assert left + width <= 100


def test_words_at_the_ends_lean_inwards() -> None:
    bars = drawn(*range(31)).bars
    assert [bars[0].anchor, bars[15].anchor, bars[30].anchor] == ["start", "middle", "end"]


def test_it_tells_today_from_what_is_to_come() -> None:
    chart = drawn(1, 2, 3, today=date(2026, 11, 2))
    assert [(bar.is_now, bar.is_ahead) for bar in chart.bars] == [
        (False, False),
        (True, False),
        (False, True),
    ]


@pytest.mark.parametrize(("spent", "end"), [((9, 1, 1, 1), "end"), ((1, 1, 1, 9), "start")])
def test_the_limits_words_stand_away_from_those_on_the_tallest_bar(spent: tuple[int, ...], end: str) -> None:
    chart = drawn(*spent, limit=9)
    assert (chart.limit_anchor, chart.limit_x) == (end, "100.000%" if end == "end" else "0.000%")


@pytest.mark.parametrize(("limit", "is_drawn"), [(None, False), (0, False), (20, True), ("20.0001", False)])
def test_a_limit_out_of_sight_is_not_drawn(limit: object, is_drawn: bool) -> None:
    chart = drawn(10, limit=limit)
    assert (chart.limit is not None) == is_drawn
    assert chart.lines[-1].value == (20 if is_drawn else 10)


def test_a_year_of_days_becomes_its_months() -> None:
    first = date(2026, 3, 15)
    lines = [
        Line(key=day.isoformat(), name="", sums=Sums(charged=Decimal(1)))
        for day in (first + timedelta(days=number) for number in range(366))
    ]
    steps = bar_charts.steps_of(lines)
    assert [(step.first, step.last) for step in (steps[0], steps[1], steps[-1])] == [
        (date(2026, 3, 15), date(2026, 3, 31)),
        (date(2026, 4, 1), date(2026, 4, 30)),
        (date(2027, 3, 1), date(2027, 3, 15)),
    ]
    assert sum(step.sums.spent for step in steps) == 366
    ticks = [bar.tick for bar in bar_charts.of_steps("Spent", steps, today=first).bars]
    assert [tick for tick in ticks if tick] == ["Mar", "Jun", "Sep", "Dec", "Mar"]

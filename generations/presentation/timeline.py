"""The timeline of a generation as people read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from generations.presentation.wording import duration, times

if TYPE_CHECKING:
    from generations.models import GenerationEvent

# What put a generation back into the queue, told afterwards.
_PUT_BACK = {
    "BFL is busy": "BFL was busy",
    "The BFL account is empty": "The BFL account was empty",
    "BFL refuses the key": "BFL refused the key",
    "BFL cannot be reached": "BFL could not be reached",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a generation's story."""

    at: datetime
    since: str
    """How long after the line before; nothing for the first."""
    title: str
    detail: str
    by: str


def tell(timeline: Sequence[GenerationEvent]) -> list[Line]:
    """Return the story as its owner reads it: turns in a row that came to nothing are one line."""
    attempts = sum(event.kind == "submitting" for event in timeline)
    lines: list[Line] = []
    begun = 0
    for run in _runs(timeline):
        begun += sum(event.kind == "submitting" for event in run)
        number = f", attempt {begun} of {attempts}" if run[-1].kind == "submitting" and attempts > 1 else ""
        lines.append(_line(run, number, is_first=not lines))
    return lines


def _runs(timeline: Sequence[GenerationEvent]) -> list[list[GenerationEvent]]:
    runs: list[list[GenerationEvent]] = []
    for event in timeline:
        if event.kind != "put_back" or not runs or runs[-1][-1].kind != "submitting":
            runs.append([event])
            continue
        turn = [*runs.pop(), event]
        if runs and (runs[-1][-1].kind, runs[-1][-1].detail) == ("put_back", event.detail):
            runs[-1] += turn
        else:
            runs.append(turn)
    return runs


def _line(run: list[GenerationEvent], number: str, *, is_first: bool) -> Line:
    first, last = run[0], run[-1]
    tries = len(run) // 2
    return Line(
        at=first.created_at,
        since="" if is_first else f"+{duration(first.elapsed)}",
        title=_put_back(run) if tries else last.title + number,
        detail="" if tries else last.detail,
        by=_by(last),
    )


def _put_back(run: list[GenerationEvent]) -> str:
    tries = len(run) // 2
    reason = _PUT_BACK.get(run[-1].detail, run[-1].detail)
    took = f" in {duration(run[-1].created_at - run[0].created_at)}" if tries > 1 else ""
    return f"{reason}: tried {times(tries)}{took}"


def _by(event: GenerationEvent) -> str:
    if event.created_by is None:
        return ""
    is_own = event.created_by_id == event.generation.user_id
    return "you" if is_own else event.created_by.get_username()


def sum_up(timeline: Sequence[GenerationEvent]) -> str:
    """Return the story in one sentence, as far as it has come; nothing while there is nothing to tell."""
    at: dict[str, datetime] = {}
    for event in timeline:
        at[event.kind] = event.created_at
        if event.kind == "put_back":
            at.pop("submitting", None)
        elif event.kind == "ready":
            at.pop("failed", None)
    # A webhook may be quicker than the answer to the submission.
    taken = "submitted" if "submitted" in at else "submitting"
    spans = [
        ("waited", "queued", "submitting"),
        ("handed over in", "submitting", "submitted"),
        ("made in", taken, "ready"),
        ("saved in", "ready", "succeeded"),
        ("failed after", "queued", "failed"),
        ("canceled after", "queued", "canceled"),
    ]
    told = [
        f"{verb} {duration(at[end] - at[start])}" for verb, start, end in spans if {start, end} <= at.keys()
    ]
    attempts = sum(event.kind == "submitting" for event in timeline)
    counted = [f"{attempts} attempts"] if attempts > 1 else []
    sentence = "; ".join([*([", ".join(told)] if told else []), *counted])
    return f"{sentence[0].upper()}{sentence[1:]}." if sentence else ""

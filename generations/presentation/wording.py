"""What people read about a generation: stages and failures, in sentences that say what to do."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.utils import timezone

STAGES = {
    "queued": "Waiting for your turn",
    "submitting": "Sending",
    "submitted": "Generating",
    "ready": "Saving",
    "succeeded": "Done",
    "failed": "Failed",
    "canceled": "Canceled",
}
WAITING_FOR_SLOT = "BFL is busy, yours is next"
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}
NOT_CHARGED = "Not charged"
LATE = "Arrived late, so it is free"
CANCELED = "It was canceled."
CAME_LATE = "The picture was given up, and came late after all."
KEPT = "The picture came late and is yours for free."
BOUGHT_BEFORE = "That press was made already, so nothing was bought twice. Press Generate again for more."

FAILURES = {
    "request_moderated": "FLUX declined the prompt. Reword it and try again.",
    "content_moderated": "FLUX held the finished picture back. Another wording or seed often helps.",
    "rejected": "FLUX does not accept these settings. Change them and try again.",
    "provider_error": "FLUX reported an error. Trying again usually helps.",
    "task_lost": "FLUX lost track of it. Try again; if it turns up after all, it is yours for free.",
    "timed_out": "FLUX took too long. Try again; if it still comes, it is yours for free.",
    "outcome_unknown": "The connection broke as FLUX was asked. Try again; if a picture turns up after all, "
    "it is yours for free.",
    "storing_failed": "It was made but could not be fetched. Try again, or ask staff to look into it.",
}

VALUES = {True: "Yes", False: "No", "jpeg": "JPEG", "png": "PNG"}


def shortened(text: str, length: int) -> str:
    """Return the text, or so many characters of it that end in an ellipsis. The template's own filter tells
    combining characters apart, at a hundred times the price, and a wall has two such texts a picture."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def value(given: object) -> object:
    """Return a parameter's value as people read it."""
    return VALUES.get(given, given) if isinstance(given, bool | str) else given


NOTICES = {
    "no_funds": "The team's BFL account is out of credits. What you submit waits its turn and nothing is "
    "lost; a member of staff has to top it up.",
    "refused": "BFL refuses the team's key. What you submit waits its turn and nothing is lost; "
    "a member of staff has to look at the key.",
    "away": "BFL cannot be reached at the moment. What you submit waits its turn, nothing to do.",
}

# In place of "Waiting for your turn" while BFL takes nothing from anybody.
WAITING = {
    "no_funds": "Waiting: the team's BFL account is empty",
    "refused": "Waiting: BFL refuses the team's key",
    "away": "Waiting: BFL cannot be reached",
}

# As far as pauses are counted: see provider.pause.
_MOST_TRIES = 20


def pause_line(detail: str, count: int, next_try: datetime | None) -> str:
    """Return what staff are told of a pause besides the notice: why, how often tried, and when again."""
    when = f", next try at {timezone.localtime(next_try):%H:%M:%S}" if next_try else ""
    tried = f"Tried {tries(count)}{when}."
    return f"{detail.rstrip('.')}. {tried}" if detail else tried


def tries(count: int) -> str:
    """Return how often BFL was tried in a pause, as far as that is counted."""
    return f"{count} times or more" if count >= _MOST_TRIES else times(count)


def times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count:,} pictures"


def new_pictures(count: int) -> str:
    """Return how many there are that nobody has looked at yet."""
    return "1 new picture" if count == 1 else f"{count:,} new pictures"


def place(number: int) -> str:
    """Return a place in line: next in line, 3rd in line, about 40th in line."""
    if number == 1:
        return "next in line"
    about = "" if number <= 10 else "about "
    rounded = number if number <= 10 else round_down(number)
    ending = "th" if rounded in (11, 12, 13) else _ENDINGS.get(rounded % 10, "th")
    return f"{about}{rounded:,}{ending} in line"


def crowd(number: int, *, at_least: int = 0) -> str:
    """Return how many there are: exactly while they can be counted at a glance, then 20+, 300+.

    Never less than `at_least`, which is shown beside it: "24 / 20+" cannot be right.
    """
    if number < 20 or number == at_least:
        return f"{number:,}"
    return f"{max(round_down(number), at_least):,}+"


def round_down(number: int) -> int:
    """Return a number with its first figure only, so that what is shown of it changes rarely."""
    digits = str(number)
    return int(digits[0].ljust(len(digits), "0"))


def day(day: date) -> str:
    """Return a day of the site's time zone: Today, Yesterday, 12 November, 31 December 2025."""
    today = timezone.localdate()
    if day in (today, today - timedelta(days=1)):
        return "Today" if day == today else "Yesterday"
    return f"{day.day} {day:%B}" if day.year == today.year else f"{day.day} {day:%B %Y}"


def about(seconds: float) -> str:
    """Return a length of time no more exactly than it can be foreseen: 4 s, 20 s, 3 min, 2 h."""
    if seconds < 10:
        return f"{max(round(seconds), 1)} s"
    if seconds < 58:
        return f"{round(seconds / 5) * 5} s"
    minutes = max(round(seconds / 60), 1)
    if minutes < 60:
        return f"{minutes if minutes < 10 else round(minutes / 5) * 5} min"
    return f"{round(minutes / 60)} h"


def duration(span: timedelta) -> str:
    """Return a length of time as people say it: 40 ms, 0.4 s, 12 s, 3 min 20 s, 2 h 5 min."""
    # The clocks of two processes may differ a little.
    seconds = max(span.total_seconds(), 0.0)
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_left} min" if minutes_left else f"{hours} h"
    return " ".join(part for part in (minutes and f"{minutes} min", rest and f"{rest} s") if part)

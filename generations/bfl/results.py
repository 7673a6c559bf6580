"""What BFL answers, read into frozen values. Every field but the ones named as required may be missing
or null in practice, so reading never fails on those."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeGuard

from generations.bfl.texts import LONGEST_REASON, clean, phrase, without_halves


class Status(StrEnum):
    """BFL's words for the state of a task; any other word becomes UNKNOWN and counts as in progress."""

    PENDING = "Pending"
    REASONING = "Reasoning"
    GENERATING = "Generating"
    READY = "Ready"
    REQUEST_MODERATED = "Request Moderated"
    CONTENT_MODERATED = "Content Moderated"
    ERROR = "Error"
    TASK_NOT_FOUND = "Task not found"
    UNKNOWN = "unknown"


# "Failed" stands in BFL's samples only. The others are what webhooks said until early 2026.
_OLD_WORDS = {
    "Failed": Status.ERROR,
    "FAILED": Status.ERROR,
    "SUCCESS": Status.READY,
    "PENDING": Status.PENDING,
    "processing": Status.GENERATING,
}
_LONGEST_SEED = 2**63 - 1
# BFL's are UUIDs of 36.
LONGEST_ID = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """BFL has taken the task."""

    id: str
    polling_url: str | None
    """Missing when a webhook was set."""
    cost: Decimal | None
    """Credits, where BFL says; null for the whole FLUX.1 family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    status: Status
    word: str
    """The status as BFL spelled it."""
    sample_url: str | None = None
    """Signed link, set exactly when READY; dies ten minutes after the task ended."""
    progress: float | None = None
    """From 0 to 1; some endpoints never report any."""
    prompt: str | None = None
    """The prompt that was used, rewritten when prompt_upsampling was on."""
    seed: int | None = None
    cost: Decimal | None = None
    """Credits."""
    reason: str = ""
    """BFL's words about a failure."""

    @property
    def has_failed(self) -> bool:
        return self.status in (Status.REQUEST_MODERATED, Status.CONTENT_MODERATED, Status.ERROR)


def read_submission(body: object) -> Submission | None:
    """Return the submission that a 200 answer speaks of, or None if it does not name a task."""
    bfl_id = _text(body.get("id")) if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not bfl_id or len(bfl_id) > LONGEST_ID:
        return None
    return Submission(
        id=bfl_id,
        polling_url=_text(body.get("polling_url")) or None,
        cost=_cost(body.get("cost")),
    )


def read_result(body: object) -> Result | None:
    """Return the state of a task from a poll's answer or a webhook's body, or None if it has none."""
    if not isinstance(body, Mapping) or not isinstance(body.get("status"), str):
        return None
    word = clean(body["status"], 64)
    found = body.get("result")
    result: Mapping[str, object] = found if isinstance(found, Mapping) else {}
    sample = result.get("sample")
    status = _status(word)
    if status is Status.READY and not (isinstance(sample, str) and sample):
        # Ready without a picture helps nobody: look again until the deadline.
        status = Status.UNKNOWN
    return Result(
        status=status,
        word=word,
        sample_url=str(sample) if status is Status.READY else None,
        progress=_progress(body.get("progress")),
        prompt=_text(result.get("prompt")),
        seed=_seed(result.get("seed")),
        cost=_cost(body.get("cost")),
        reason=_reason(body),
    )


def _status(word: str) -> Status:
    try:
        return Status(word)
    except ValueError:
        return _OLD_WORDS.get(word, Status.UNKNOWN)


def _is_number(value: object) -> TypeGuard[int | float]:
    # A whole number may be too long for isfinite().
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e18 < value < 1e18


def _progress(value: object) -> float | None:
    if not _is_number(value):
        return None
    # One client met percent values.
    return min(max(value / 100 if value > 1 else float(value), 0.0), 1.0)


def _cost(value: object) -> Decimal | None:
    """Return credits with four places: BFL's floats carry noise such as 7.000000000000001."""
    if not _is_number(value):
        return None
    return Decimal(str(value)).quantize(Decimal("0.0001")) if 0 <= value < 10_000 else None


def _seed(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if abs(value) <= _LONGEST_SEED else None


def _text(value: object) -> str | None:
    return without_halves(value) if isinstance(value, str) else None


def _reason(body: Mapping[str, object]) -> str:
    """Return `details` as a phrase: `{"Moderation Reasons": [...]}`, `{"error": "..."}` and their like."""
    details = body.get("details") or body.get("error")
    if isinstance(details, Mapping):
        reasons = [phrase(value) for value in list(details.values())[:20] if value]
        return "; ".join(reasons)[:LONGEST_REASON]
    return phrase(details) if details else ""

"""BFL's calls to us. It sends our own secret back as X-Webhook-Secret and signs nothing."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from generations.bfl.results import LONGEST_ID, Result, read_result
from generations.bfl.texts import without_halves

SECRET_HEADER = "X-Webhook-Secret"  # noqa: S105  # the name, not the secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    bfl_id: str
    result: Result


def is_secret(received: str, expected: str) -> bool:
    """Compare in constant time. Bytes, because a str with an accent would raise."""
    return hmac.compare_digest(received.encode(), expected.encode())


def read_delivery(body: object) -> Delivery | None:
    """Return what a call says, in the payload of 2025 (`task_id`) or a poll's (`id`); None if unreadable."""
    result = read_result(body)
    if result is None or not isinstance(body, Mapping):
        return None
    bfl_id = body.get("task_id") or body.get("id")
    if not isinstance(bfl_id, str) or not 0 < len(bfl_id) <= LONGEST_ID:
        return None
    # Not cleaned: that might make it another task's.
    if bfl_id != without_halves(bfl_id):
        return None
    return Delivery(bfl_id=bfl_id, result=result)

"""What people read about a generation: stages and failures, in sentences that say what to do."""

from __future__ import annotations

STAGES = {
    "queued": "Waiting for your turn",
    "submitting": "Handing over to FLUX",
    "submitted": "Generating",
    "ready": "Saving",
    "succeeded": "Done",
    "failed": "Failed",
    "canceled": "Canceled",
}
WAITING_FOR_SLOT = "Waiting for a provider slot"

FAILURES = {
    "request_moderated": "FLUX declined the prompt. Reword it and try again.",
    "content_moderated": "FLUX held the finished picture back. Another wording or seed often helps.",
    "rejected": "FLUX does not accept these settings. Change them and try again.",
    "provider_error": "FLUX reported an error. Trying again usually helps.",
    "task_lost": "FLUX lost track of the picture. Try again.",
    "timed_out": "FLUX took too long, so we stopped waiting. Try again.",
    "outcome_unknown": "The connection broke while the prompt was handed over, so nobody knows whether FLUX "
    "made the picture. Staff can look into it; you may try again.",
    "storing_failed": "The picture was made but could not be fetched. Staff can look into it; "
    "you may try again.",
}

VALUES = {True: "Yes", False: "No", "jpeg": "JPEG", "png": "PNG"}


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

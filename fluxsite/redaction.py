"""Take secrets out of text that somebody will read: log lines, events, error messages."""

from __future__ import annotations

import logging
import re

_SIGNED_LINK = re.compile(r"([?&;](?:sig|signature|token)=)[^&\s\"'<>]+", re.IGNORECASE)
_SECRET_FIELD = re.compile(
    r"((?:x-key|x-webhook-secret|webhook_secret|authorization)[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic)\s+)?)[^\s\"',}]+",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """Return the text with signatures of links and values of secret headers replaced by `…`."""
    return _SECRET_FIELD.sub(r"\1…", _SIGNED_LINK.sub(r"\1…", text))


class RedactingFilter(logging.Filter):
    """Redacts the finished message of a record, and the traceback that goes with it."""

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            record.msg, record.args = redact(record.getMessage()), None
        except (TypeError, ValueError):
            # Arguments that do not fit: the handler says so when it writes the record.
            record.msg = redact(str(record.msg))
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True

"""Take secrets out of text that somebody will read: log lines, events, error messages."""

from __future__ import annotations

import logging
import re

# What makes a link to a store valid: Azure's signature, and AWS's and Google's in both versions.
_SIGNED_LINK = re.compile(
    r"([?&;](?:sig|signature|token|awsaccesskeyid|googleaccessid|policy"
    r"|key-pair-id|x-(?:amz|goog)-(?:signature|credential|security-token|signedheaders))=)[^&\s\"'<>]+",
    re.IGNORECASE,
)
# https://name:password@host
_USER_INFO = re.compile(r"(\b[a-z][a-z0-9+.-]{0,30}://)[^/\s\"'<>@]{1,500}@", re.IGNORECASE)
_SECRET_FIELD = re.compile(
    r"((?:x-key|x-webhook-secret|webhook_secret|authorization|proxy-authorization|x-amz-security-token|cookie)[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic)\s+)?)[^\s\"',}]+",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """Return the text with signatures of links and values of secret headers replaced by `…`."""
    for pattern, kept in ((_SIGNED_LINK, r"\1…"), (_USER_INFO, r"\1…@"), (_SECRET_FIELD, r"\1…")):
        text = pattern.sub(kept, text)
    return text


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

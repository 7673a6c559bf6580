"""Redis is away: one line in the log instead of a traceback."""

from __future__ import annotations

import logging
import time

import redis

logger = logging.getLogger(__name__)

AWAY = (redis.ConnectionError, redis.TimeoutError)
# Seconds between two tries.
PAUSE = 1.0


def describe(error: BaseException) -> str:
    """Return one line that says what Redis answered."""
    return f"Redis is away: {' '.join(str(error).split()) or type(error).__name__}"


def wait_for_redis(connection: redis.Redis) -> None:
    """Return as soon as Redis answers; say once that it does not."""
    is_new = True
    while True:
        try:
            connection.ping()
        except AWAY as error:
            if is_new:
                logger.warning("%s. The next try is in %.0f s, and so on.", describe(error), PAUSE)
            is_new = False
            time.sleep(PAUSE)
        else:
            return


class OneLineFilter(logging.Filter):
    """Replaces the traceback of a lost Redis connection by its reason, in the same line."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, AWAY):
            record.msg, record.args = f"{record.getMessage()} ({describe(error)})", None
            record.exc_info = record.exc_text = None
        return True

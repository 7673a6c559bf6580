"""What `manage.py rqcron generations.cron` runs, and how often (seconds)."""

from __future__ import annotations

from rq import cron

from generations.pipeline.accounts import keep_books
from generations.pipeline.tasks import sweep

# Not seldom: what stands still after a crash stands still for so long.
cron.register(sweep, "default", interval=4, job_timeout=60, result_ttl=0)
cron.register(keep_books, "default", interval=60, job_timeout=60, result_ttl=0)

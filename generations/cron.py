"""What `manage.py rqcron generations.cron` runs, and how often (seconds)."""

from __future__ import annotations

from rq import cron

from generations.tasks import sweep

# Not seldom: what stands still after a crash stands still for so long.
cron.register(sweep, "default", interval=4, job_timeout=60, result_ttl=0)

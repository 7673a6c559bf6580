"""What `manage.py rqcron generations.cron` runs, and how often (seconds)."""

from __future__ import annotations

from rq import cron

from generations.tasks import sweep

# A follower that was killed keeps its lease for 5 seconds: with these 4 another goes on within 10.
cron.register(sweep, "default", interval=4, job_timeout=60, result_ttl=0)

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from generations.pipeline import tasks


class Command(BaseCommand):
    help = "Put right what a crash has left behind. Cron does it every 4 seconds; this does it now."

    def handle(self, **options: Any) -> None:
        tasks.sweep()

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from generations.doctor import CHECKS


class Command(BaseCommand):
    help = "Look whether everything is in order. Exit status 1 if anything is wrong."
    requires_system_checks = []

    def handle(self, **options: Any) -> None:
        is_well = True
        for subject, check in CHECKS.items():
            findings = list(check())
            is_well = is_well and not findings
            self.stdout.write(f"{subject}: {'in order' if not findings else ''}".rstrip())
            for finding in findings:
                self.stdout.write(self.style.ERROR(f"  {finding}"))
        if not is_well:
            sys.exit(1)

from __future__ import annotations

import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from sandbox.__main__ import add_arguments, run


class Command(BaseCommand):
    help = "Run a BFL on loopback, which needs no key and costs nothing."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(run(argparse.Namespace(**options)))

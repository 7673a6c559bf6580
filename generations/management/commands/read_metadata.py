from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from generations.media import xmp

NOTHING_FOUND = 1
BAD_INPUT = 2


class Command(BaseCommand):
    help = (
        "Print what a picture's file says of how it was made, as JSON: prompt, every parameter, seed, "
        "endpoint, time. Exit status 1: it says nothing. 2: it cannot be read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *, file: Path, **options: Any) -> None:
        try:
            fields = xmp.extract(file.read_bytes())
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}", returncode=BAD_INPUT) from None
        if fields is None:
            raise CommandError(f"{file} has no prompt stored in it.", returncode=NOTHING_FOUND)
        self.stdout.write(json.dumps(fields, ensure_ascii=False, indent=2))

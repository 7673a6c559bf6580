from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands.createsuperuser import Command as DjangoCommand
from django.core.management import CommandError
from django.db import IntegrityError

from fluxsite.accounts.apps import NAME_WITHOUT_CASE


class Command(DjangoCommand):
    """Django's own, with a sentence for a name that differs from another by its letters' case only."""

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            super().handle(*args, **options)
        except IntegrityError:
            raise CommandError(str(NAME_WITHOUT_CASE.violation_error_message)) from None

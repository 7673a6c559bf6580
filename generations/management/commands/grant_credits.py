from __future__ import annotations

from argparse import ArgumentParser
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from generations import ledger


class Command(BaseCommand):
    help = "Give credits to a person."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the person's user name")
        parser.add_argument("amount", help="credits; one is worth 0.01 USD at BFL")
        parser.add_argument("--reason", required=True, help="shown to the person")

    def handle(self, **options: Any) -> None:
        user = User.objects.filter(username=options["name"]).first()
        if user is None:
            raise CommandError(f"There is no person called “{options['name']}”.", returncode=2)
        try:
            entry = ledger.grant(user, _amount(options["amount"]), note=options["reason"], created_by=None)
        except ledger.InvalidAmount as invalid:
            raise CommandError(str(invalid), returncode=2) from None
        balance = ledger.plain(ledger.get_balance(user))
        self.stdout.write(f"{user.username} got {ledger.plain(entry.amount)} credits and has {balance} now.")


def _amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise CommandError(f"“{text}” is not an amount.", returncode=2) from None

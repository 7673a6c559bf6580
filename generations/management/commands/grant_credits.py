from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError

from generations.credits import grants, ledger
from generations.models import CreditEntry

BAD_INPUT = 2


class Command(BaseCommand):
    help = (
        "Give credits to people, or take a grant back. Exit status 2: bad input, and then nothing was done."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "words",
            nargs="*",
            metavar="NAME … AMOUNT",
            help="user names, and the credits that each gets; one is worth 0.01 USD at BFL",
        )
        parser.add_argument("--reason", required=True, help="shown to the people")
        parser.add_argument("--group", help="all who are in it, besides those named")
        parser.add_argument("--monthly", action="store_true", help="again at the start of each month")
        parser.add_argument("--expires", action="store_true", help="what is left at the month's end goes")
        parser.add_argument("--undo", type=int, metavar="ENTRY", help="take back the grant of this number")

    def handle(self, **options: Any) -> None:
        try:
            lines = list(_undo(options) if options["undo"] is not None else _give(options))
        except (ledger.InvalidAmount, ledger.NothingToUndo) as refusal:
            raise CommandError(str(refusal), returncode=BAD_INPUT) from None
        for line in lines:
            self.stdout.write(line)


def _give(options: dict[str, Any]) -> Iterator[str]:
    if not options["words"]:
        raise CommandError("Say how many credits.", returncode=BAD_INPUT)
    *names, amount = options["words"]
    order = grants.Order(
        people=[_person(name) for name in names],
        group=_group(options["group"]) if options["group"] else None,
        amount=_amount(amount),
        note=options["reason"],
        is_monthly=options["monthly"],
        expires=options["expires"],
    )
    for entry in grants.carry_out(order, created_by=None):
        again = " a month" if order.is_monthly else ""
        yield (
            f"{entry.account} got {ledger.plain(entry.amount)} credits{again} "
            f"and has {ledger.plain(entry.balance_after)} now. (entry {entry.pk})"
        )


def _undo(options: dict[str, Any]) -> Iterator[str]:
    if options["words"] or options["group"] or options["monthly"] or options["expires"]:
        raise CommandError(
            "--undo takes back a whole grant; name nobody and no amount, and no other option but --reason.",
            returncode=BAD_INPUT,
        )
    entry = CreditEntry.objects.filter(pk=options["undo"]).first()
    if entry is None:
        raise CommandError(f"There is no entry {options['undo']}.", returncode=BAD_INPUT)
    taken = ledger.undo(entry, note=options["reason"], created_by=None)
    yield (
        f"{taken.account} gave back {ledger.plain(-taken.amount)} of {ledger.plain(entry.amount)} credits "
        f"and has {ledger.plain(taken.balance_after)} now."
    )


def _person(name: str) -> User:
    found = User.objects.filter(username=name).first()
    if found is None:
        raise CommandError(f"There is no person called “{name}”.", returncode=BAD_INPUT)
    if not found.is_active:
        raise CommandError(f"{name} is switched off. Nothing was given to anybody.", returncode=BAD_INPUT)
    return found


def _group(name: str) -> Group:
    found = Group.objects.filter(name=name).first()
    if found is None:
        raise CommandError(f"There is no group called “{name}”.", returncode=BAD_INPUT)
    return found


def _amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise CommandError(f"“{text}” is not an amount.", returncode=BAD_INPUT) from None

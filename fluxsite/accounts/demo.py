"""The two people of a site that nobody has set up yet."""

from __future__ import annotations

import secrets
from decimal import Decimal

from django.contrib.auth import get_user_model
from django.db import transaction

from generations.credits import ledger

WELCOME_CREDITS = Decimal("100")
# No 0 O 1 l i: the password is read from a terminal and typed.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


@transaction.atomic
def create_people() -> list[tuple[str, str]]:
    """Make `demo` and `admin` and return their names and passwords; nobody where anyone exists.

    The passwords are kept nowhere else.
    """
    users = get_user_model().objects
    if users.exists():
        return []
    people = [(name, _password()) for name in ("demo", "admin")]
    (member, member_password), (staff, staff_password) = people
    demo = users.create_user(member, password=member_password)
    users.create_superuser(staff, password=staff_password)
    ledger.grant(demo, WELCOME_CREDITS, note="Welcome to the demo", created_by=None)
    return people


def _password() -> str:
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))

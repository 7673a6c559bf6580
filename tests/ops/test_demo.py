from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.password_validation import validate_password
from django.test import RequestFactory

from fluxsite.accounts import demo
from generations.credits import ledger

pytestmark = pytest.mark.django_db


def test_it_makes_a_member_with_credits_and_an_administrator() -> None:
    people = demo.create_people()
    assert [name for name, _ in people] == ["demo", "admin"]
    users = get_user_model().objects
    member, staff = users.get(username="demo"), users.get(username="admin")
    assert ledger.get_balance(member) == Decimal("100")
    assert not member.is_staff
    assert staff.is_superuser


def test_both_can_log_in_with_the_passwords_it_returns() -> None:
    request = RequestFactory().post("/")
    for name, password in demo.create_people():
        user = authenticate(request, username=name, password=password)
        assert user
        validate_password(password, user)


def test_it_makes_nobody_where_anyone_exists() -> None:
    get_user_model().objects.create_user("alice")
    assert demo.create_people() == []
    assert get_user_model().objects.count() == 1

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from generations.credits import ledger
from generations.pipeline import lifecycle
from tests.conftest import make_pictures

PASSWORD = "alice-paints-pictures"
HTMX = {"HX-Request": "true"}
WRONG = "The username and/or password you specified are not correct."


def log_in(
    client: Client,
    login: str = "alice",
    password: str = PASSWORD,
    *,
    next: str = "",
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    data = {"login": login, "password": password, "next": next}
    response = client.post("/accounts/login/", data, headers=headers)
    assert isinstance(response, HttpResponse)
    return response


def is_logged_in(client: Client) -> bool:
    return client.get("/credits/").status_code == 200


def test_it_can_be_typed_into_at_once(client: Client) -> None:
    (field,) = re.findall(r"<input[^>]* autofocus[^>]*>", client.get("/accounts/login/").text)
    assert 'name="login"' in field


def test_it_lets_people_in_with_their_password(client: Client, alice: User) -> None:
    response = log_in(client)
    assert (response.status_code, response["Location"]) == (302, "/")
    assert is_logged_in(client)


def test_it_shows_the_form_to_anybody(client: Client) -> None:
    text = client.get("/accounts/login/").text
    assert 'name="login"' in text
    assert 'autocomplete="username"' in text
    assert 'autocomplete="current-password"' in text
    assert "/accounts/signup/" not in text


def test_it_goes_on_to_where_the_person_was_going(client: Client, alice: User) -> None:
    assert 'name="next" value="/gallery/"' in client.get("/accounts/login/?next=/gallery/").text
    assert log_in(client, next="/gallery/")["Location"] == "/gallery/"


def test_it_sends_on_who_is_logged_in_already(as_alice: Client) -> None:
    assert as_alice.get("/accounts/login/")["Location"] == "/"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "javascript:alert(1)",
        "http:///evil.example",
        "\x09//evil.example",
    ],
)
def test_it_never_sends_people_to_another_site(target: str, client: Client, alice: User) -> None:
    assert log_in(client, next=target)["Location"] == "/"
    assert is_logged_in(client)


@pytest.mark.parametrize("login", ["alice", "nobody", "", "alice\x00", "' OR 1=1 --"])
def test_it_refuses_without_saying_who_exists(login: str, client: Client, alice: User) -> None:
    response = log_in(client, login, "not her password")
    assert response.status_code == 200
    assert not is_logged_in(client)
    assert WRONG in response.text or login in ("", "alice\x00")


def test_it_refuses_people_who_are_switched_off(client: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    log_in(client)
    assert not is_logged_in(client)


def test_it_ends_the_session_of_people_who_are_switched_off(as_alice: Client, alice: User) -> None:
    assert is_logged_in(as_alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert not is_logged_in(as_alice)


def test_it_stops_guessing_at_one_account(client: Client, alice: User) -> None:
    for _ in range(5):
        log_in(client, password="not her password")
    assert "Too many failed login attempts. Try again later." in log_in(client).text
    assert not is_logged_in(client)


def test_it_stops_guessing_at_many_accounts(client: Client, alice: User) -> None:
    for number in range(10):
        log_in(client, f"person-{number}", "guess")
    assert "Too many failed login attempts. Try again later." in log_in(client).text
    assert not is_logged_in(client)


def test_it_answers_a_flood_with_a_page_of_ours(client: Client, alice: User) -> None:
    responses = [log_in(client, f"person-{number}", "guess") for number in range(31)]
    assert [response.status_code for response in responses] == [200] * 30 + [429]
    assert "That was a little fast" in responses[-1].text
    assert log_in(client).status_code == 429


def test_it_believes_no_callers_word_about_their_address(client: Client, alice: User) -> None:
    for number in range(10):
        log_in(client, f"person-{number}", "guess", headers={"X-Forwarded-For": f"192.0.2.{number}"})
    assert "Too many failed login attempts. Try again later." in log_in(client).text


def test_it_limits_tries_at_the_admins_login_too(client: Client, staff: User) -> None:
    response = client.get("/admin/login/?next=/admin/")
    assert response["Location"] == "/accounts/login/?next=%2Fadmin%2F"
    assert client.post("/admin/login/", {"username": "staff", "password": "guess"}).status_code == 302


@pytest.mark.parametrize("method", ["get", "post"])
def test_it_lets_nobody_sign_up(method: str, client: Client, db: None) -> None:
    data = {"username": "mallory", "password1": "a-long-password-1", "password2": "a-long-password-1"}
    response = getattr(client, method)("/accounts/signup/", data)
    assert "Sign-up is closed" in response.text
    assert not User.objects.exists()


def test_it_logs_out_by_post(as_alice: Client) -> None:
    assert as_alice.post("/accounts/logout/")["Location"] == "/accounts/login/?signed-out"
    assert not is_logged_in(as_alice)


def test_it_asks_before_it_logs_out_by_get(as_alice: Client) -> None:
    assert "Log out?" in as_alice.get("/accounts/logout/").text
    assert is_logged_in(as_alice)


@pytest.mark.parametrize("address", ["/gallery/", "/progress/", "/credits/"])
def test_it_reloads_the_page_when_a_fragment_needs_the_login(address: str, as_alice: Client) -> None:
    as_alice.logout()
    response = as_alice.get(address, headers=HTMX)
    assert (response.status_code, response["HX-Refresh"]) == (204, "true")
    assert response.content == b""


def test_it_reloads_the_page_when_a_press_needs_the_login(as_alice: Client, alice: User) -> None:
    generation = lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})[0]
    as_alice.logout()
    response = as_alice.post(f"/g/{generation.code}/cancel/", headers=HTMX)
    generation.refresh_from_db()
    assert (response.status_code, response["HX-Refresh"]) == (204, "true")
    assert generation.status == generation.Status.QUEUED


def test_it_changes_the_password_and_stays(as_alice: Client, alice: User) -> None:
    new = "a-better-one-for-alice"
    data = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert as_alice.post("/accounts/password/change/", data).status_code == 302
    alice.refresh_from_db()
    assert alice.check_password(new)
    assert is_logged_in(as_alice)


@pytest.mark.parametrize("new", ["short", "password1234", "alice-alice"])
def test_it_refuses_a_weak_password(new: str, as_alice: Client, alice: User) -> None:
    data = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert "errorlist" in as_alice.post("/accounts/password/change/", data).text
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_it_ends_other_sessions_when_the_password_changes(as_alice: Client, alice: User) -> None:
    elsewhere = Client()
    elsewhere.force_login(alice)
    new = "a-better-one-for-alice"
    data = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    as_alice.post("/accounts/password/change/", data)
    assert not is_logged_in(elsewhere)


def test_it_says_that_one_is_signed_out(as_alice: Client) -> None:
    answer = as_alice.post("/accounts/logout/", follow=True)
    assert "You are signed out." in answer.text


def test_it_says_that_the_session_has_ended(as_alice: Client) -> None:
    as_alice.session.flush()
    as_alice.cookies[settings.SESSION_COOKIE_NAME] = "gone"
    assert "Your session has ended" in as_alice.get("/gallery/", follow=True).text


def test_it_says_that_the_account_is_switched_off(as_alice: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert "Your account is switched off" in as_alice.get("/gallery/", follow=True).text


def test_it_tells_a_stranger_nothing(client: Client, alice: User) -> None:
    text = client.get("/gallery/", follow=True).text
    assert "Your team" in text
    assert "session" not in text.split("<form")[0].split("<h1>")[1]


@pytest.mark.parametrize("twin", ["Alice", "ALICE", "aLICE"])
def test_no_two_names_differ_by_case_only(twin: str, alice: User, as_staff: Client) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user(twin)
    form = {"username": twin, "password1": "a-long-password-1", "password2": "a-long-password-1"}
    answer = as_staff.post("/admin/auth/user/add/", {**form, "usable_password": "true"})
    assert "already exists" in answer.text
    with pytest.raises(CommandError, match="There is a person of this name already"):
        call_command("createsuperuser", interactive=False, username=twin, email="a@flux.example")


def test_a_rename_to_a_twin_is_refused_with_a_sentence(alice: User, bob: User, as_staff: Client) -> None:
    address = f"/admin/auth/user/{bob.pk}/change/"
    form = as_staff.get(address).context["adminform"].form.initial
    sent = {name: value for name, value in form.items() if isinstance(value, str)}
    answer = as_staff.post(
        address,
        {**sent, "username": "ALICE", "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"},
    )
    assert "There is a person of this name already" in answer.text
    assert User.objects.filter(username="bob").exists()


@pytest.mark.parametrize("name", ["alice", "Alice", "ALICE"])
def test_one_logs_in_in_small_and_capital_letters(name: str, client: Client, alice: User) -> None:
    log_in(client, name)
    assert is_logged_in(client)


@pytest.mark.parametrize(("proxies", "forwarded", "tries"), [(0, "", 1), (1, "203.0.113.7", 1)])
def test_behind_a_unix_socket_people_can_log_in(
    proxies: int, forwarded: str, tries: int, client: Client, alice: User, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    data = {"login": "alice", "password": PASSWORD}
    answer = client.post("/accounts/login/", data, headers=headers, REMOTE_ADDR="")
    assert answer.status_code == 302
    assert is_logged_in(client)


def test_a_forged_address_counts_for_nothing(client: Client, alice: User, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = settings.ALLAUTH_TRUSTED_PROXY_COUNT = 0
    answers = [
        log_in(client, "nobody", "wrong", headers={"X-Forwarded-For": f"203.0.113.{number}"})
        for number in range(30)
    ]
    assert "Too many" in answers[-1].text or answers[-1].status_code == 429


@pytest.mark.parametrize("address", ["/gallery/", "/credits/", "/admin/", "/keys/", "/g/{code}/"])
def test_private_pages_are_kept_nowhere(address: str, as_staff: Client, staff: User) -> None:
    ledger.grant(staff, Decimal(10), note="For the tests", created_by=None)
    (generation,) = lifecycle.create(staff, "flux-dev", {"prompt": "a fox"})
    assert "no-store" in as_staff.get(address.format(code=generation.code))["Cache-Control"]


def test_logging_out_clears_what_the_browser_keeps_for_back(as_alice: Client) -> None:
    assert as_alice.post("/accounts/logout/")["Clear-Site-Data"] == '"cache"'


def test_pictures_are_kept_as_before(as_alice: Client, alice: User, media: Path) -> None:
    (generation,) = make_pictures(alice)
    answer = as_alice.get(f"/g/{generation.code}/thumbnail")
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"


def test_usage_needs_the_permission_that_the_admin_asks_for(client: Client, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    client.force_login(User.objects.get(pk=bob.pk))
    for address in ("/usage/", "/usage/usage.csv", "/usage/entries.csv"):
        assert client.get(address).status_code == 403
    assert 'href="/usage/"' not in client.get("/").text
    bob.user_permissions.add(Permission.objects.get(codename="view_creditentry"))
    assert client.get("/usage/").status_code == 200
    assert 'href="/usage/"' in client.get("/").text

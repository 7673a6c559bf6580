from __future__ import annotations

import pytest
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from pytest_django import DjangoAssertNumQueries, Settings

from fluxsite import urls

SECRET = "the-key-of-somebody"


@login_not_required
def break_down(request: HttpRequest) -> HttpResponse:
    raise RuntimeError(SECRET)


@login_not_required
def deny(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied(SECRET)


@login_not_required
def suspect(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation(SECRET)


urlpatterns = [
    path("break", break_down),
    path("deny", deny),
    path("suspect", suspect),
    *urls.urlpatterns,
]

PAGES = [
    ("/break", 500, "Something broke on our side"),
    ("/deny", 403, "You don’t have access to this page"),
    ("/suspect", 400, "This request was not understood"),
    ("/no-such-page", 404, "There is nothing here"),
]
EACH_PAGE = pytest.mark.parametrize(("address", "status", "heading"), PAGES)


@pytest.fixture(autouse=True)
def broken_addresses(settings: Settings, client: Client, as_alice: Client) -> None:
    settings.ROOT_URLCONF = __name__
    client.raise_request_exception = as_alice.raise_request_exception = False


def assert_is_our_page(response: HttpResponse, status: int, heading: str) -> None:
    assert response.status_code == status
    assert f"<h1>{heading}</h1>" in response.text
    assert 'href="/static/css/site.css"' in response.text
    assert not any(word in response.text for word in ("Traceback", SECRET, "RuntimeError", "DEBUG"))


@EACH_PAGE
def test_it_shows_a_page_of_ours(address: str, status: int, heading: str, as_alice: Client) -> None:
    response = as_alice.get(address)
    assert isinstance(response, HttpResponse)
    assert_is_our_page(response, status, heading)


@EACH_PAGE
def test_it_shows_it_to_those_who_are_not_logged_in(
    address: str, status: int, heading: str, client: Client
) -> None:
    response = client.get(address)
    assert isinstance(response, HttpResponse)
    assert_is_our_page(response, status, heading)


@EACH_PAGE
def test_it_tells_people_their_balance_unless_the_fault_is_ours(
    address: str, status: int, heading: str, as_alice: Client
) -> None:
    text = " ".join(as_alice.get(address).text.split())
    assert ('<span> 100 <span class="hidden-text">credits</span> </span>' in text) == (status != 500)
    assert ('class="battery' in text) == (status != 500)


@EACH_PAGE
def test_it_keeps_the_security_headers(address: str, status: int, heading: str, client: Client) -> None:
    headers = client.get(address).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_it_explains_a_token_that_is_missing() -> None:
    response = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "alice"})
    assert isinstance(response, HttpResponse)
    assert_is_our_page(response, 403, "This page was open for too long")


def test_it_explains_a_foreign_origin() -> None:
    headers = {"Origin": "https://evil.example"}
    response = Client(enforce_csrf_checks=True, headers=headers).post("/accounts/login/")
    assert isinstance(response, HttpResponse)
    assert_is_our_page(response, 403, "This page was open for too long")


def test_it_refuses_a_host_that_is_not_ours(client: Client, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["flux.example"]
    response = client.get("/", headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert "evil.example" not in response.text


def test_it_asks_the_database_nothing_when_all_is_lost(
    client: Client, as_alice: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        assert client.get("/break").status_code == 500
    # The session and its person, before the view is reached.
    with django_assert_num_queries(2):
        assert as_alice.get("/break").status_code == 500


def test_it_asks_the_database_nothing_for_strangers(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        for address, *_ in PAGES:
            client.get(address)

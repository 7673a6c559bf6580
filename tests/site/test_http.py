from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from functools import cache, partial
from typing import Any

import pytest
from django.conf import settings as site
from django.contrib.auth.models import User
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory
from pytest_django import Settings

from fluxsite.middleware import bodiless_heads
from generations.credits import ledger
from generations.models import Generation
from generations.pipeline import lifecycle
from generations.provider import bfl_client

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "object-src 'none'",
    "frame-ancestors 'none'",
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
ADDRESSES = ("/", "/gallery/", "/credits/", "/accounts/login/", "/admin/", "/healthz", "/no-such-page")
ASKED = (
    "SESSION_COOKIE_SECURE",
    "SESSION_COOKIE_HTTPONLY",
    "SESSION_COOKIE_SAMESITE",
    "SESSION_COOKIE_NAME",
    "CSRF_COOKIE_SECURE",
    "CSRF_COOKIE_HTTPONLY",
    "CSRF_COOKIE_NAME",
    "CSRF_TRUSTED_ORIGINS",
    "SECURE_SSL_REDIRECT",
    "SECURE_HSTS_SECONDS",
    "SECURE_PROXY_SSL_HEADER",
    "DEBUG",
)
ASK = f"""
import django, json
from django.conf import settings
django.setup()
print(json.dumps({{name: getattr(settings, name) for name in {ASKED}}}))
"""


@cache
def settings_with(public_url: str) -> dict[str, Any]:
    """Return what the real settings say in a process that has this PUBLIC_URL."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "fluxsite.settings",
        "PUBLIC_URL": public_url,
        "SECRET_KEY": "x" * 60,
        "DEBUG": "False",
    }
    command = [sys.executable, "-c", ASK]
    result = subprocess.run(
        command, env=environment, cwd=site.BASE_DIR, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("address", ADDRESSES)
def test_it_allows_nothing_but_what_is_ours(address: str, as_staff: Client) -> None:
    policy = as_staff.get(address)["Content-Security-Policy"]
    assert {directive.strip() for directive in policy.split(";")} == POLICY


@pytest.mark.parametrize("address", ADDRESSES)
def test_it_sends_the_security_headers_with_everything(address: str, as_staff: Client) -> None:
    headers = as_staff.get(address).headers
    assert {name: headers.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize("address", ["/", "/gallery/", "/credits/", "/accounts/login/"])
def test_it_writes_no_script_and_no_style_into_its_pages(address: str, client: Client, alice: User) -> None:
    lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})
    if address != "/accounts/login/":
        client.force_login(alice)
    text = client.get(address).text
    assert not any(mark in text for mark in ("<style", " style=", " onclick=", " onload=", "javascript:"))
    assert text.count("<script") == text.count('<script src="/static/')


@pytest.mark.parametrize("address", ["/gallery/", "/g/{code}/"])
def test_it_tells_caches_that_htmx_gets_something_else(address: str, as_alice: Client, alice: User) -> None:
    # Or the back button shows a bare fragment that the browser has kept under the page's address.
    generation = lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})[0]
    headers = as_alice.get(address.format(code=generation.code)).headers
    assert "hx-request" in headers["Vary"].lower() or "no-store" in headers.get("Cache-Control", "")


def test_it_keeps_cookies_from_scripts_and_other_sites(client: Client, alice: User) -> None:
    client.get("/accounts/login/")
    client.post("/accounts/login/", {"login": "alice", "password": "alice-paints-pictures"})
    names = {site.SESSION_COOKIE_NAME, site.CSRF_COOKIE_NAME}
    assert set(client.cookies) >= names
    for name in names:
        assert client.cookies[name]["httponly"]
        assert client.cookies[name]["samesite"] == "Lax"


def test_it_binds_cookies_to_https_as_soon_as_the_site_has_it() -> None:
    found = settings_with("https://flux.example")
    assert found["SESSION_COOKIE_SECURE"]
    assert found["CSRF_COOKIE_SECURE"]
    assert found["SESSION_COOKIE_NAME"] == "__Host-sessionid"
    assert found["CSRF_COOKIE_NAME"] == "__Host-csrftoken"


def test_it_keeps_to_https_as_soon_as_the_site_has_it() -> None:
    found = settings_with("https://flux.example")
    assert found["SECURE_SSL_REDIRECT"]
    assert found["SECURE_HSTS_SECONDS"] >= 365 * 24 * 3600
    assert found["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"]
    assert found["CSRF_TRUSTED_ORIGINS"] == ["https://flux.example"]


def test_it_works_over_plain_http_on_ones_own_machine() -> None:
    found = settings_with("")
    assert not found["SESSION_COOKIE_SECURE"]
    assert not found["SECURE_SSL_REDIRECT"]
    assert found["SECURE_HSTS_SECONDS"] == 0
    assert found["SECURE_PROXY_SSL_HEADER"] is None


@pytest.mark.parametrize("public_url", ["", "https://flux.example"])
def test_it_hides_cookies_from_scripts_either_way(public_url: str) -> None:
    found = settings_with(public_url)
    assert found["SESSION_COOKIE_HTTPONLY"]
    assert found["CSRF_COOKIE_HTTPONLY"]
    assert found["SESSION_COOKIE_SAMESITE"] == "Lax"
    assert not found["DEBUG"]


POSTED = (
    "/",
    "/form/",
    "/g/{code}/cancel/",
    "/g/{code}/retry/",
    "/accounts/login/",
    "/accounts/logout/",
    "/accounts/password/change/",
    "/accounts/reauthenticate/",
    "/admin/logout/",
    "/admin/generations/creditentry/add/",
    "/admin/generations/generation/",
    "/admin/generations/offer/add/",
    "/admin/auth/user/add/",
)


@pytest.mark.parametrize("address", POSTED)
def test_it_takes_no_post_without_its_token(address: str, staff: User) -> None:
    ledger.grant(staff, Decimal(10), note="For the tests", created_by=None)
    generation = lifecycle.create(staff, "flux-dev", {"prompt": "a heron"})[0]
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    response = client.post(address.format(code=generation.code), {"endpoint": "flux-dev", "prompt": "x"})
    assert response.status_code == 403
    assert "This page was open for too long" in response.text


def test_it_takes_the_token_from_htmx_as_a_header(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    token = str(client.get("/").context["csrf_token"])
    data = {"endpoint": "flux-dev", "form_for": "flux-dev", "prompt": "a heron"}
    response = client.post("/", data, headers={"HX-Request": "true", "X-CSRFToken": token})
    assert response.status_code == 200
    assert Generation.objects.count() == 1


def test_it_asks_bfl_for_a_secret_and_not_for_a_token(alice: User, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://flux.example"
    webhook = bfl_client.get_webhook(lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})[0])
    assert webhook
    post = partial(
        Client(enforce_csrf_checks=True).post,
        webhook.url.removeprefix(settings.PUBLIC_URL),
        {"task_id": "task-1", "status": "Pending"},
        content_type="application/json",
    )
    assert post().status_code == 401
    assert post(headers={"X-Webhook-Secret": webhook.secret}).status_code == 200


def test_it_serves_static_files_and_nothing_beside_them(client: Client) -> None:
    assert client.get("/static/../manage.py").status_code == 404
    assert client.get("/media/").status_code == 404
    assert client.get("/static/%2e%2e/fluxsite/settings.py").status_code == 404


def test_it_never_shows_its_settings(client: Client) -> None:
    response = client.get("/no-such-page?x=<script>")
    assert "DJANGO_SETTINGS_MODULE" not in response.text
    assert "<script>" not in response.text


# Django's client leaves out the body itself, so the server's side is called.
@pytest.mark.parametrize("kind", [HttpResponse, StreamingHttpResponse])
def test_head_is_answered_without_a_body(kind: type[HttpResponse], rf: RequestFactory) -> None:
    answer = bodiless_heads(lambda request: kind([b"a ", b"body"]))
    assert b"".join(answer(rf.get("/"))) == b"a body"
    assert b"".join(answer(rf.head("/"))) == b""

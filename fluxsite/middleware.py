from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.urls import reverse

GetResponse = Callable[[HttpRequest], HttpResponse]


def bodiless_heads(get_response: GetResponse) -> GetResponse:
    """Answer HEAD with the headers alone: Django leaves the body to the server, and gunicorn warns of it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.method == "HEAD":
            _empty(response)
        return response

    return middleware


def _empty(response: HttpResponseBase) -> None:
    if isinstance(response, StreamingHttpResponse):
        response.streaming_content = ()
    elif isinstance(response, HttpResponse):
        response.content = b""


def isolation_headers(get_response: GetResponse) -> GetResponse:
    """Switch off what browsers offer and we never use, and keep our answers out of other sites."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        )
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response

    return middleware


def private_pages(get_response: GetResponse) -> GetResponse:
    """Keep people's pages out of every cache: after a logout, *Back* would show them again."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        if is_page and _is_somebodys(request):
            response.headers.setdefault("Cache-Control", "private, no-store")
        if request.method == "POST" and request.path == reverse("account_logout"):
            # The studio is kept for *Back*, since the form that was pressed must come back with its token.
            response.headers["Clear-Site-Data"] = '"cache"'
        return response

    return middleware


def _is_somebodys(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return user is not None and user.is_authenticated


def login_for_fragments(get_response: GetResponse) -> GetResponse:
    """When the session has ended, reload the page instead of drawing the login form inside a fragment."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        target = response.headers.get("Location", "")
        if "HX-Request" not in request.headers or not target.startswith(resolve_url(settings.LOGIN_URL)):
            return response
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})

    return middleware

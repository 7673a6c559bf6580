"""Text of requests without NUL: PostgreSQL refuses it, in whichever parameter of whichever view it comes."""

from __future__ import annotations

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse, QueryDict


class RequestTextMiddleware:
    """Takes NUL out of parameters and cookies, and answers 404 to an address that has one in its path."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "%00" in request.META.get("QUERY_STRING", ""):
            request.GET = _cleaned(request.GET)  # type: ignore[assignment]
        # A cookie in quotes may have it as \000.
        request.COOKIES = {name: value for name, value in request.COOKIES.items() if "\0" not in value}
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> None:
        if "\0" in request.path_info:
            raise Http404
        # Without the check of forms (the webhook) a view reads its body itself.
        if request.method == "POST" and not getattr(view, "csrf_exempt", False):
            request.POST = _cleaned(request.POST)  # type: ignore[assignment]


def _cleaned(given: QueryDict) -> QueryDict:
    if not any("\0" in text for name, values in given.lists() for text in (name, *map(str, values))):
        return given
    cleaned = QueryDict(mutable=True, encoding=given.encoding)
    for name, values in given.lists():
        cleaned.setlist(name.replace("\0", ""), [str(value).replace("\0", "") for value in values])
    cleaned._mutable = False
    return cleaned

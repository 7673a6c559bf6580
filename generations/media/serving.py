"""Hands a stored file to a browser: whole or a part, by this process, by the server in front or by S3."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from django.conf import settings
from django.core.files.base import File
from django.db.models.fields.files import FieldFile
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from fluxsite.s3 import S3Storage

CHUNK = 64 * 1024
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)
# The address belongs to one picture for good, and to one person.
_KEPT_FOR_GOOD = "private, max-age=31536000, immutable"
# A signed link is good for longer than this.
_LED_ON_SECONDS = 900


def send(
    request: HttpRequest, stored: FieldFile, content_type: str, *, etag: str, download_as: str = ""
) -> HttpResponseBase:
    """Return the file, or the part that the browser asks for. Raises Http404 if it is gone.

    `etag` must tell this content from any other that the address may ever have.
    """
    headers = {"Cache-Control": _KEPT_FOR_GOOD, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
    if download_as:
        headers["Content-Disposition"] = disposition(download_as)
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return HttpResponse(status=304, headers=headers)
    if isinstance(stored.storage, S3Storage):
        return _by_a_signed_link(stored.storage, stored, content_type, headers)
    if settings.ACCEL_REDIRECT:
        return _by_the_server_in_front(stored, content_type, headers)
    return _by_us(request, stored, content_type, headers)


def opened(stored: FieldFile) -> File[bytes]:
    """Return the file, opened to be read. Raises Http404 if it is gone."""
    try:
        return stored.open("rb")
    except FileNotFoundError:
        raise Http404 from None


def disposition(name: str) -> str:
    """Return the header that has a browser keep what it gets as a file of this name."""
    return str(content_disposition_header(True, name))


def _by_a_signed_link(
    storage: S3Storage, stored: FieldFile, content_type: str, headers: dict[str, str]
) -> HttpResponse:
    names = ("Cache-Control", "Content-Disposition")
    answered = {name: headers[name] for name in names if name in headers}
    link = storage.url(stored.name, {"Content-Type": content_type, **answered})
    return HttpResponseRedirect(link, headers={"Cache-Control": f"private, max-age={_LED_ON_SECONDS}"})


def _by_the_server_in_front(stored: FieldFile, content_type: str, headers: dict[str, str]) -> HttpResponse:
    path = f"{settings.ACCEL_REDIRECT.rstrip('/')}/{quote(str(stored.name))}"
    # It answers for ranges itself, and only it knows the length and when the file was written.
    for name in ("ETag", "Accept-Ranges"):
        headers.pop(name)
    return HttpResponse(content_type=content_type, headers={**headers, "X-Accel-Redirect": path})


def _by_us(
    request: HttpRequest, stored: FieldFile, content_type: str, headers: dict[str, str]
) -> HttpResponseBase:
    file = opened(stored)
    asked = _range_asked_for(request, headers["ETag"])
    if asked is None:
        response = FileResponse(file, content_type=content_type)
        # Given to FileResponse, some of them would be overwritten.
        for name, value in headers.items():
            response[name] = value
        return response
    part = _within(asked, file.size)
    if not part:
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{file.size}"})
    headers |= {
        "Content-Range": f"bytes {part.start}-{part.stop - 1}/{file.size}",
        "Content-Length": str(len(part)),
    }
    return StreamingHttpResponse(_read(file, part), status=206, content_type=content_type, headers=headers)


def _range_asked_for(request: HttpRequest, etag: str) -> tuple[str, str] | None:
    """Return the two ends of the one range that is asked for. Several at once, or none: the whole file."""
    if request.headers.get("If-Range", etag) != etag:
        return None
    found = _RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    return (found[1], found[2]) if found and any(found.groups()) else None


def _within(asked: tuple[str, str], size: int) -> range:
    """Return the bytes meant; none if the file has none of them."""
    first, last = asked
    if not first:
        return range(max(0, size - int(last)), size)
    return range(int(first), min(int(last) + 1, size) if last else size)


def _read(file: File[bytes], part: range) -> Iterator[bytes]:
    with file:
        file.seek(part.start)
        left = len(part)
        while left and (chunk := file.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk

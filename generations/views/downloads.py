from __future__ import annotations

import uuid
from collections.abc import Iterator
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from fluxsite.http import PersonRequest
from generations.gallery.query import FORMATS, parse
from generations.media import file_names, images, serving, xmp, zip_archive
from generations.models import Generation, Picture
from generations.models.gallery import PictureQuerySet
from generations.views.picture_actions import chosen

# Rows read at a time while a ZIP is sent. No cursor stays open for as long as a slow connection takes.
BATCH = 200


@require_safe
def download(request: PersonRequest, code: uuid.UUID) -> HttpResponseBase:
    """One picture to keep: as it is stored, without metadata, or in another format."""
    generation = get_object_or_404(
        Generation.objects.filter(user=request.user, image__isnull=False).select_related("image"), code=code
    )
    wanted = request.GET.get("as", "original")
    if wanted == "clean":
        return _send(generation, images.without_metadata(_content(generation)), generation.image.format)
    if format := FORMATS.get(wanted):
        return _in_format(request, generation, format)
    if wanted != "original":
        messages.error(request, f"There is no download “{wanted[:20]}”. Choose one under “Download”.")
        return redirect("generation-detail", code=code)
    return _original(request, generation)


def _original(request: PersonRequest, generation: Generation) -> HttpResponseBase:
    image = generation.image
    name = file_names.name_of(generation, images.EXTENSIONS[image.format])
    content_type = images.CONTENT_TYPES[image.format]
    return serving.send(request, image.file, content_type, etag=image.sha256, download_as=name)


def _in_format(request: PersonRequest, generation: Generation, format: str) -> HttpResponseBase:
    if format == generation.image.format:
        return _original(request, generation)
    converted = images.convert(_content(generation), format)
    return _send(generation, xmp.embed(converted, images.describe(generation)), format)


def _content(generation: Generation) -> bytes:
    with serving.opened(generation.image.file) as file:
        content: bytes = file.read()
    return content


def _send(generation: Generation, content: bytes, format: str) -> HttpResponse:
    name = file_names.name_of(generation, images.EXTENSIONS[format])
    headers = {"Content-Disposition": serving.disposition(name), "Cache-Control": "private, max-age=3600"}
    return HttpResponse(content, content_type=images.CONTENT_TYPES[format], headers=headers)


@require_http_methods(["GET", "HEAD", "POST"])
def download_zip(request: PersonRequest) -> HttpResponseBase:
    """The originals of all pictures that a search finds, or of those selected, newest first."""
    pictures = Picture.objects.on_wall()
    if request.method == "POST":
        pictures = chosen(request, pictures)
    else:
        pictures = pictures.matching(request.user, parse(request.GET.get("q", "")))
    if not pictures.exists():
        messages.info(request, "There is no picture to download.")
        return redirect(_gallery(request))
    name = f"fluxsite-{timezone.localdate().isoformat()}.zip"
    headers = {"Content-Disposition": serving.disposition(name), "Cache-Control": "private, no-store"}
    pieces = zip_archive.write(picture.generation for picture in _in_batches(pictures))
    return StreamingHttpResponse(pieces, content_type="application/zip", headers=headers)


def _in_batches(pictures: PictureQuerySet) -> Iterator[Picture]:
    page = pictures
    while batch := list(page.newest_first().whole()[:BATCH]):
        yield from batch
        if len(batch) < BATCH:
            return
        page = pictures.older_than(batch[-1])


def _gallery(request: PersonRequest) -> str:
    text = request.GET.get("q", "")
    return reverse("gallery") + (f"?{urlencode({'q': text})}" if text else "")

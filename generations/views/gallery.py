from __future__ import annotations

import uuid
from pathlib import Path
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db.models import Prefetch
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from fluxsite.http import PersonRequest
from generations import lifecycle
from generations.images import CONTENT_TYPES
from generations.models import GeneratedImage, Generation, GenerationEvent
from generations.models.generation import GenerationQuerySet

PAGE_SIZE = 48


@require_safe
@vary_on_headers("HX-Request")
def gallery(request: PersonRequest) -> HttpResponse:
    pictures = _pictures(request.user)
    before = _before(request)
    page = pictures.older_than(before) if before else pictures
    shown = list(page.newest_first()[: PAGE_SIZE + 1])
    has_more = len(shown) > PAGE_SIZE
    context = {
        "generations": shown[:PAGE_SIZE],
        "next_url": _next_url(shown[PAGE_SIZE - 1]) if has_more else "",
        "is_first_page": before is None,
        "count": pictures.count(),
    }
    template = "generations/_wall.html" if request.htmx else "generations/gallery.html"
    return render(request, template, context)


@require_safe
@vary_on_headers("HX-Request")
def detail(request: PersonRequest, code: uuid.UUID) -> HttpResponse:
    mine = Generation.objects.filter(user=request.user).select_related("image")
    events = Prefetch("events", GenerationEvent.objects.select_related("created_by"))
    generation = get_object_or_404(mine.prefetch_related("entries", events), code=code)
    if generation.is_unseen:
        lifecycle.mark_seen(mine.filter(pk=generation.pk))
    if request.htmx:
        return render(request, "generations/_detail_state.html", {"generation": generation})
    pictures = _pictures(request.user)
    context = {
        "generation": generation,
        "newer": pictures.newer_than(generation).order_by("created_at", "pk").first(),
        "older": pictures.older_than(generation).newest_first().first(),
    }
    return render(request, "generations/detail.html", context)


@require_safe
def image(request: PersonRequest, code: uuid.UUID) -> FileResponse:
    found = _image(request.user, code)
    name = f"fluxsite-{code}{Path(str(found.file)).suffix}" if "download" in request.GET else ""
    return _file(found.file, CONTENT_TYPES[found.format], download_as=name)


@require_safe
def thumbnail(request: PersonRequest, code: uuid.UUID) -> FileResponse:
    return _file(_image(request.user, code).thumbnail, "image/webp")


def _pictures(user: User) -> GenerationQuerySet:
    return Generation.objects.filter(user=user).for_gallery()


def _image(user: User, code: uuid.UUID) -> GeneratedImage:
    return get_object_or_404(GeneratedImage, generation__user=user, generation__code=code)


def _before(request: PersonRequest) -> Generation | None:
    """Return the last picture of the page before, if the address names one of this person's."""
    try:
        code = uuid.UUID(request.GET.get("before", ""))
    except ValueError:
        return None
    return Generation.objects.filter(user=request.user, code=code).first()


def _next_url(last: Generation) -> str:
    return f"{reverse('gallery')}?{urlencode({'before': last.code})}"


def _file(stored: FieldFile, content_type: str, *, download_as: str = "") -> FileResponse:
    try:
        content = stored.open("rb")
    except FileNotFoundError:
        raise Http404 from None
    return FileResponse(
        content,
        content_type=content_type,
        as_attachment=bool(download_as),
        filename=download_as,
        # The address belongs to one picture for good, and to one person.
        headers={"Cache-Control": "private, max-age=31536000, immutable"},
    )

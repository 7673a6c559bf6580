from __future__ import annotations

import uuid
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db.models import Prefetch
from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from fluxsite.http import PersonRequest
from generations.gallery.query import parse
from generations.media import serving
from generations.media.images import CONTENT_TYPES
from generations.models import GeneratedImage, Generation, GenerationEvent, Picture
from generations.models.gallery import PictureQuerySet
from generations.models.image import RENDITION_SIDES
from generations.pipeline import lifecycle, queue


@require_safe
@vary_on_headers("HX-Request")
def detail(request: PersonRequest, code: uuid.UUID) -> HttpResponse:
    mine = Generation.objects.filter(user=request.user).select_related("image", "picture")
    events = Prefetch("events", GenerationEvent.objects.select_related("created_by"))
    generation = get_object_or_404(mine.prefetch_related("entries", events), code=code)
    # Fetched ahead, nobody has looked at it; when it is shown it is asked for again.
    if generation.is_unseen and "X-Prefetch" not in request.headers:
        lifecycle.mark_seen(request.user.generations.filter(pk=generation.pk))
    if request.htmx:
        return render(request, "viewer/_detail_state.html", {"generation": generation})
    context = {"generation": generation, **_ways(request, generation)}
    return render(request, "viewer/detail.html", context)


def _ways(request: PersonRequest, generation: Generation) -> dict[str, str]:
    """Return where one can go from here: in the search that one came from, or back to the studio."""
    if not generation.is_succeeded:
        return {"back_url": reverse("studio"), "back_name": "Studio"}
    text = request.GET.get("q", "")
    origin = {"back": "studio"} if request.GET.get("back") == "studio" else {"q": text} if text else {}
    carried = f"?{urlencode(origin)}" if origin else ""
    picture: Picture | None = getattr(generation, "picture", None)
    is_trashed = picture is not None and picture.is_trashed
    shelf = Picture.objects.in_trash() if is_trashed else Picture.objects.on_wall()
    ways = _way_back(generation, origin, is_trashed=is_trashed)
    for way, code in _neighbours(shelf.matching(request.user, parse(text)), generation).items():
        ways[way] = reverse("generation-detail", args=[code]) + carried
    return ways


def _way_back(generation: Generation, origin: dict[str, str], *, is_trashed: bool) -> dict[str, str]:
    if "back" in origin and not is_trashed:
        return {"back_url": f"{reverse('studio')}#card-{generation.code}", "back_name": "Studio"}
    back, name = ("gallery-trash", "Back to the trash") if is_trashed else ("gallery", "Gallery")
    place = {"at": generation.code, **{key: text for key, text in origin.items() if key == "q"}}
    return {"back_url": f"{reverse(back)}?{urlencode(place)}", "back_name": name}


def _neighbours(pictures: PictureQuerySet, generation: Generation) -> dict[str, uuid.UUID]:
    """Return the codes of the pictures before and after this one, which itself need not be among them."""
    here = Picture(pk=generation.pk, created_at=generation.created_at)
    newer = pictures.newer_than(here).oldest_first().values_list("generation__code", flat=True).first()
    older = pictures.older_than(here).newest_first().values_list("generation__code", flat=True).first()
    return {name: code for name, code in (("newer_url", newer), ("older_url", older)) if code}


@require_safe
def image(request: PersonRequest, code: uuid.UUID) -> HttpResponseBase:
    found = image_of(request.user, code)
    return serving.send(request, found.file, CONTENT_TYPES[found.format], etag=found.sha256)


@require_safe
def thumbnail(request: PersonRequest, code: uuid.UUID) -> HttpResponseBase:
    found = image_of(request.user, code)
    return serving.send(request, found.thumbnail, "image/webp", etag=f"{found.sha256}-thumbnail")


@require_safe
def rendition(request: PersonRequest, code: uuid.UUID, side: int) -> HttpResponseBase:
    """A smaller copy; of an older picture, whose copies are made only now, the original meanwhile."""
    found = image_of(request.user, code)
    if side not in RENDITION_SIDES:
        raise Http404
    if side in found.renditions:
        stored = FieldFile(found, GeneratedImage._meta.get_field("thumbnail"), found.rendition_name(side))
        return serving.send(request, stored, "image/webp", etag=f"{found.sha256}-{side}")
    queue.enqueue_renditions(found.generation_id)
    answer = redirect("generation-image", code=code)
    answer["Cache-Control"] = "private, no-store"
    return answer


def image_of(user: User, code: uuid.UUID) -> GeneratedImage:
    """Return the image if this person may see its files. Raises Http404."""
    images = GeneratedImage.objects.select_related("generation")
    # Staff see pictures in the admin; the page with all that was done to make one is its owner's.
    if not (user.is_staff and user.has_perm("generations.view_generatedimage")):
        images = images.filter(generation__user=user)
    return get_object_or_404(images, generation__code=code)

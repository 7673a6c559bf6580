"""Putting pictures in order: one, several, or all that a search matches."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from fluxsite.http import PersonRequest
from generations.gallery import changes
from generations.gallery import removal as trash_can
from generations.gallery.query import parse
from generations.models import Change, Picture, Tag
from generations.models.gallery import PictureQuerySet
from generations.presentation import wording

Kind = Change.Kind


@require_POST
def change(request: PersonRequest) -> HttpResponse:
    """Do one thing to all the pictures that are named, or to all that the search matches."""
    try:
        kind = Kind(request.POST.get("do", ""))
        shelf = Picture.objects.in_trash() if kind == Kind.RESTORE else Picture.objects.on_wall()
        _change(request, kind, chosen(request, shelf))
    except changes.InvalidTag as refusal:
        messages.error(request, str(refusal))
    except ValueError:
        messages.error(request, "Choose what to do with the pictures: favorite, tag or trash.")
    return _answer(request, reverse("gallery"))


@require_POST
def undo(request: PersonRequest, pk: int) -> HttpResponse:
    made = get_object_or_404(request.user.changes, pk=pk)
    count = changes.undo(made)
    if count:
        messages.success(request, f"Undone. {wording.pictures(count)} as before.")
    elif count is None:
        messages.info(request, "That was undone already.")
    else:
        messages.info(request, "Nothing to undo: what was removed for good does not come back.")
    return _answer(request, reverse("gallery"))


@require_POST
def favourite(request: PersonRequest, code: uuid.UUID) -> HttpResponse:
    kind = Kind.UNFAVOURITE if request.POST.get("favourite") == "no" else Kind.FAVOURITE
    return _change_one(request, code, kind)


@require_POST
def tags(request: PersonRequest, code: uuid.UUID) -> HttpResponse:
    return _change_one(request, code, Kind.UNTAG if request.POST.get("do") == Kind.UNTAG else Kind.TAG)


@require_POST
def trash(request: PersonRequest, code: uuid.UUID) -> HttpResponse:
    return _change_one(request, code, Kind.TRASH)


@require_POST
def restore(request: PersonRequest, code: uuid.UUID) -> HttpResponse:
    return _change_one(request, code, Kind.RESTORE)


@require_http_methods(["GET", "HEAD", "POST"])
def empty_trash(request: PersonRequest) -> HttpResponse:
    """Ask first, with the number; then remove just those that the number was about."""
    until = _moment(request.POST.get("until", ""))
    if request.method == "POST" and until:
        count = trash_can.empty(request.user, until=until)
        messages.success(
            request, f"{wording.pictures(count)} removed for good. The files follow in a moment."
        )
        return redirect("gallery-trash")
    pictures = Picture.objects.of(request.user).in_trash()
    context = {"count": pictures.count(), "until": timezone.now().isoformat()}
    return render(request, "gallery/empty_trash.html", context)


def _change_one(request: PersonRequest, code: uuid.UUID, kind: Kind) -> HttpResponse:
    picture = get_object_or_404(Picture, user=request.user, generation__code=code)
    try:
        _change(request, kind, Picture.objects.filter(pk=picture.pk))
    except changes.InvalidTag as refusal:
        messages.error(request, str(refusal))
    if request.htmx and "order" in request.POST:
        picture.refresh_from_db()
        return render(request, "gallery/_picture_actions.html", {"picture": picture})
    page = reverse("generation-detail", args=[code])
    return _answer(request, f"{page}?{request.GET.urlencode()}" if request.GET else page)


def _change(request: PersonRequest, kind: Kind, pictures: PictureQuerySet) -> None:
    tag = _tag(request, kind)
    made = changes.change(request.user, kind, pictures, tag=tag)
    if made:
        address = reverse("gallery-undo", args=[made.pk])
        messages.success(request, _told(kind, made.count, tag), extra_tags=address)
    else:
        messages.info(request, "Nothing changed: no picture was chosen, or all of them were so already.")


def _tag(request: PersonRequest, kind: Kind) -> Tag | None:
    name = request.POST.get("tag", "")
    match kind:
        case Kind.TAG:
            return changes.get_tag(request.user, name)
        case Kind.UNTAG:
            return changes.find_tag(request.user, name)
    return None


def chosen(request: PersonRequest, shelf: PictureQuerySet) -> PictureQuerySet:
    """Return the pictures that the wall's form names; what is no code of this person's is left out."""
    if "everything" in request.POST:
        return shelf.matching(request.user, parse(request.POST.get("q", "")))
    codes = [code for code in map(_code, request.POST.getlist("picture")) if code]
    return shelf.filter(user=request.user, generation__code__in=codes)


def _code(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
        return found.astimezone(UTC) if found and timezone.is_aware(found) else None
    except (ValueError, OverflowError):
        return None


def _answer(request: HttpRequest, otherwise: str) -> HttpResponse:
    """Tell script what happened; lead everybody else back to where they were."""
    if request.headers.get("HX-Request"):
        return render(request, "_messages.html")
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    # Not redirect(): it takes a word for the name of a view, and fails if there is none.
    return HttpResponseRedirect(back if is_ours else otherwise)


def _told(kind: Kind, count: int, tag: Tag | None) -> str:
    pictures = wording.pictures(count)
    return {
        Kind.FAVOURITE: f"{pictures} added to favorites.",
        Kind.UNFAVOURITE: f"{pictures} removed from favorites.",
        Kind.TAG: f"{pictures} tagged “{tag}”.",
        Kind.UNTAG: f"“{tag}” removed from {pictures}.",
        Kind.TRASH: f"{pictures} moved to trash.",
        Kind.RESTORE: f"{pictures} back in the gallery.",
    }[kind]

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_http_methods

from fluxsite.http import PersonRequest
from generations.media import provenance, xmp
from generations.models import Generation

# What stands in front of the site may refuse a first line of a request over 4 KB or 8 KB.
LONGEST_ADDRESS = 3500
# What stands in a file beside the parameters.
_NO_PARAMETERS = {"endpoint", "created_at", "code", "final_prompt"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says of how its picture was made. Anybody may have written it."""

    generation: Generation
    made_at: datetime | None
    use_url: str
    is_own: bool


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: PersonRequest) -> HttpResponse:
    """Reads prompt and parameters out of a picture's file. Nothing of it is kept."""
    if request.method != "POST":
        return render(request, "viewer/metadata.html", {"longest": settings.IMAGE_MAX_BYTES})
    context = {"longest": settings.IMAGE_MAX_BYTES, **_read(request)}
    return render(request, "viewer/metadata.html", context, status=422 if "error" in context else 200)


def _read(request: PersonRequest) -> dict[str, object]:
    file = request.FILES.get("file")
    if file is None:
        return {"error": _why_none(request)}
    content = file.read()
    if own := provenance.find_own(request.user, content):
        return {"name": file.name, "reading": _reading_of_own(own)}
    fields = xmp.extract(content)
    if fields is None:
        return {
            "error": f"“{file.name}” has no prompt stored in it. Pictures that were saved here "
            "as JPEG or PNG do, as long as no program took it out."
        }
    return {"name": file.name, "reading": _reading(request.user, fields)}


def _why_none(request: PersonRequest) -> str:
    # The upload handler has dropped what is too large.
    if int(request.META.get("CONTENT_LENGTH") or 0) > settings.IMAGE_MAX_BYTES:
        return f"That file is larger than {filesizeformat(settings.IMAGE_MAX_BYTES)}. Choose a smaller one."
    return "Choose a file first."


def _reading(user: User, fields: Mapping[str, object]) -> Reading:
    params = {name: value for name, value in fields.items() if name not in _NO_PARAMETERS}
    told = Generation(
        endpoint=str(fields.get("endpoint", ""))[:64],
        params=params,
        final_prompt=str(fields.get("final_prompt", "")),
    )
    if own := _own(user, str(fields.get("code", ""))):
        return _reading_of_own(own)
    return Reading(told, _moment(str(fields.get("created_at", ""))), _use_url(told), is_own=False)


def _reading_of_own(own: Generation) -> Reading:
    return Reading(own, own.created_at, f"{reverse('studio')}?from={own.code}&use=all", is_own=True)


def _own(user: User, code: str) -> Generation | None:
    try:
        return Generation.objects.filter(user=user, code=uuid.UUID(code)).first()
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    """Return the moment in the site's time, if there is such a time."""
    try:
        found = parse_datetime(text)
        return timezone.localtime(found) if found and timezone.is_aware(found) else None
    except (ValueError, OverflowError):
        return None


def _use_url(told: Generation) -> str:
    """Return the studio's address with all that its form takes of this, or nothing if it takes nothing."""
    endpoint = told.catalogue_entry
    if endpoint is None:
        return ""
    known = {parameter.name for parameter in endpoint.parameters}
    taken = {name: value for name, value in told.params.items() if name in known and _is_plain(value)}
    address = f"{reverse('studio')}?{urlencode({'endpoint': endpoint.slug, **taken})}"
    return address if len(address) <= LONGEST_ADDRESS else ""


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, int, float)) and value is not False

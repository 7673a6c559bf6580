"""A page for staff that shows every component in every state, in both themes beside each other."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from fluxsite.http import PersonRequest, staff_only
from styleguide.specimens import GROUPS
from styleguide.specimens.made_up import LISTING
from styleguide.specimens.specimen import Group, Specimen

# What has to be the only one of its name on a page. Radio buttons of one name would take each other's choice.
_NAMES = re.compile(
    r'(\s(?:id|for|name|list|data-copy|aria-controls|aria-describedby|aria-labelledby)=")([^"]+)(")'
)
_LANDMARKS = re.compile(r'(<(?:form|nav|section)\b[^>]*\saria-label=")([^"]+)(")')
_HEADINGS = re.compile(r"<h[1-6]\b")
_METHODS = re.compile(r'(<form\b[^>]*\smethod=")[^"]+(")')
_PICTURES = re.compile(r'((?:\ssrc|<image href)=")/g/[^"]+(")')


@dataclass(frozen=True, slots=True)
class Drawn:
    specimen: Specimen
    in_themes: dict[str, SafeString]


@require_safe
@staff_only
def page(request: PersonRequest) -> HttpResponse:
    groups = [(group, _draw_all(group)) for group in GROUPS]
    return render(request, "components/page.html", {"groups": groups})


def _draw_all(group: Group) -> list[Drawn]:
    name = slugify(group.name)
    return [_draw(specimen, f"{name}-{number}") for number, specimen in enumerate(group.make())]


def _draw(specimen: Specimen, name: str) -> Drawn:
    # Nothing here can be sent: without a token Django would warn, and this one is refused.
    context = {"csrf_token": "made-up", "listing": LISTING, **specimen.context}
    html = _choose(render_to_string(specimen.template, context), specimen.chosen)
    return Drawn(specimen, {theme: _apart(html, f"{name}-{theme}") for theme in specimen.themes})


def _choose(html: str, count: int) -> str:
    """Return a wall with its first pictures ticked, and told of as its script does."""
    html = html.replace('name="picture"', 'name="picture" checked', count)
    return html.replace("data-chosen></p>", f"data-chosen>{count} chosen</p>") if count else html


def _apart(html: str, suffix: str) -> SafeString:
    """Return the markup with names of its own, a picture that exists, and nothing that asks the site."""
    html = _NAMES.sub(lambda found: found[1] + _each(found[2], suffix) + found[3], html)
    html = _LANDMARKS.sub(rf"\1\2, {suffix}\3", html)
    html = _PICTURES.sub(rf"\1{static('img/specimen.svg')}\2", html)
    # Whatever they head elsewhere, here they stand below the specimen's name.
    html = _HEADINGS.sub(r'\g<0> aria-level="4"', html)
    # A form of this method closes a dialog, or does nothing.
    html = _METHODS.sub(r"\1dialog\2", html)
    # Drawn by our templates, which have escaped what they were given.
    return mark_safe(html.replace(" hx-", " data-off-").replace("<dialog ", "<dialog open "))  # noqa: S308


def _each(names: str, suffix: str) -> str:
    return " ".join(f"{name}-{suffix}" for name in names.split())

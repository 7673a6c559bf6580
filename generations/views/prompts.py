from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from fluxsite.http import PersonRequest
from generations import prompts


@require_safe
@vary_on_headers("HX-Request")
def past_prompts(request: PersonRequest) -> HttpResponse:
    words = request.GET.get("q", "")
    found = prompts.find(request.user, words)
    context = {
        "found": found,
        "words": words,
        "has_more": len(found) == prompts.SHOWN,
        "searched": prompts.SEARCHED,
        "is_searched_in_part": lambda: prompts.is_searched_in_part(request.user),
    }
    template = "_past_prompts.html" if request.htmx else "past_prompts.html"
    return render(request, f"generations/{template}", context)

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from fluxsite.http import PersonRequest
from generations.studio import prompt_history


@require_safe
@vary_on_headers("HX-Request")
def past_prompts(request: PersonRequest) -> HttpResponse:
    words = request.GET.get("q", "")
    found = prompt_history.find(request.user, words)
    context = {
        "found": found,
        "words": words,
        "has_more": len(found) == prompt_history.SHOWN,
        "searched": prompt_history.SEARCHED,
        "is_searched_in_part": lambda: prompt_history.is_searched_in_part(request.user),
    }
    template = "_past_prompts.html" if request.htmx else "past_prompts.html"
    return render(request, f"studio/{template}", context)

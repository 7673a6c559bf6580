from __future__ import annotations

from django.urls import path

from generations import webhooks
from generations.views import components, credits, gallery, keys, progress, prompts, studio, usage

urlpatterns = [
    path("", studio.studio, name="studio"),
    path("form/", studio.studio_form, name="studio-form"),
    path("form/foot/", studio.foot, name="studio-foot"),
    path("draft/", studio.draft, name="draft"),
    path("draft/undo/", studio.undo, name="draft-undo"),
    path("draft/forget/", studio.forget, name="draft-forget"),
    path("prompts/", prompts.past_prompts, name="past-prompts"),
    path("progress/", progress.progress, name="progress"),
    path("progress/cancel/", progress.cancel_all, name="progress-cancel"),
    path("progress/clear/", progress.clear_all, name="progress-clear"),
    path("gallery/", gallery.gallery, name="gallery"),
    path("g/<uuid:code>/", gallery.detail, name="generation-detail"),
    path("g/<uuid:code>/image", gallery.image, name="generation-image"),
    path("g/<uuid:code>/thumbnail", gallery.thumbnail, name="generation-thumbnail"),
    path("g/<uuid:code>/cancel/", progress.cancel, name="generation-cancel"),
    path("g/<uuid:code>/cancel-press/", progress.cancel_press, name="generation-cancel-press"),
    path("g/<uuid:code>/clear/", progress.clear, name="generation-clear"),
    path("g/<uuid:code>/retry/", progress.retry, name="generation-retry"),
    path("keys/", keys.keys, name="keys"),
    path("credits/", credits.credits, name="credits"),
    path("credits/entries.csv", credits.csv, name="credits-csv"),
    path("usage/", usage.page, name="usage"),
    path("usage/usage.csv", usage.csv, name="usage-csv"),
    path("usage/entries.csv", usage.entries_csv, name="usage-entries-csv"),
    path("components/", components.page, name="components"),
    path("webhooks/bfl/<uuid:code>/", webhooks.receive, name="bfl-webhook"),
]

from __future__ import annotations

from django.urls import path

from generations import webhooks
from generations.views import credits, gallery, studio, usage

urlpatterns = [
    path("", studio.studio, name="studio"),
    path("form/", studio.studio_form, name="studio-form"),
    path("progress/", studio.progress, name="progress"),
    path("gallery/", gallery.gallery, name="gallery"),
    path("g/<uuid:code>/", gallery.detail, name="generation-detail"),
    path("g/<uuid:code>/image", gallery.image, name="generation-image"),
    path("g/<uuid:code>/thumbnail", gallery.thumbnail, name="generation-thumbnail"),
    path("g/<uuid:code>/cancel/", studio.cancel, name="generation-cancel"),
    path("g/<uuid:code>/retry/", studio.retry, name="generation-retry"),
    path("credits/", credits.credits, name="credits"),
    path("credits/entries.csv", credits.csv, name="credits-csv"),
    path("usage/", usage.page, name="usage"),
    path("usage/usage.csv", usage.csv, name="usage-csv"),
    path("usage/entries.csv", usage.entries_csv, name="usage-entries-csv"),
    path("webhooks/bfl/<uuid:code>/", webhooks.receive, name="bfl-webhook"),
]

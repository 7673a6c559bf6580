from __future__ import annotations

from django.urls import path

from generations import webhooks
from generations.views import credits, downloads, gallery, metadata, order, studio, usage, viewer

urlpatterns = [
    path("", studio.studio, name="studio"),
    path("form/", studio.studio_form, name="studio-form"),
    path("progress/", studio.progress, name="progress"),
    path("gallery/", gallery.gallery, name="gallery"),
    path("gallery/months/", gallery.jump, name="gallery-months"),
    path("gallery/suggestions/", gallery.suggest, name="gallery-suggestions"),
    path("gallery/count/", gallery.count, name="gallery-count"),
    path("gallery/change/", order.change, name="gallery-change"),
    path("gallery/undo/<int:pk>/", order.undo, name="gallery-undo"),
    path("gallery/trash/", gallery.trash, name="gallery-trash"),
    path("gallery/trash/empty/", order.empty_trash, name="gallery-trash-empty"),
    path("gallery/pictures.zip", downloads.download_zip, name="gallery-zip"),
    path("g/<uuid:code>/", viewer.detail, name="generation-detail"),
    path("g/<uuid:code>/image", viewer.image, name="generation-image"),
    path("g/<uuid:code>/thumbnail", viewer.thumbnail, name="generation-thumbnail"),
    path("g/<uuid:code>/download", downloads.download, name="generation-download"),
    path("g/<uuid:code>/favourite/", order.favourite, name="generation-favourite"),
    path("g/<uuid:code>/tags/", order.tags, name="generation-tags"),
    path("g/<uuid:code>/trash/", order.trash, name="generation-trash"),
    path("g/<uuid:code>/restore/", order.restore, name="generation-restore"),
    path("g/<uuid:code>/cancel/", studio.cancel, name="generation-cancel"),
    path("g/<uuid:code>/retry/", studio.retry, name="generation-retry"),
    path("read/", metadata.page, name="metadata"),
    path("credits/", credits.credits, name="credits"),
    path("credits/entries.csv", credits.csv, name="credits-csv"),
    path("usage/", usage.page, name="usage"),
    path("usage/usage.csv", usage.csv, name="usage-csv"),
    path("usage/entries.csv", usage.entries_csv, name="usage-entries-csv"),
    path("webhooks/bfl/<uuid:code>/", webhooks.receive, name="bfl-webhook"),
]

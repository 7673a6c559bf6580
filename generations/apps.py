from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class GenerationsConfig(AppConfig):
    name = "generations"

    def ready(self) -> None:
        import_module("generations.checks")
        # RQ forks for each job; what is imported before the fork need not be imported in it.
        import_module("generations.pipeline.tasks")

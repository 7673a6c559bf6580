from __future__ import annotations

import gc
import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fluxsite.settings")
application = get_wsgi_application()
# Django would read the views at the first request, in each worker by itself.
import_module("fluxsite.urls")
# What is loaded stays: the collector need not go through it in the middle of a page, which takes as long as a
# page does, nor touch it after the fork, when each worker would get a copy of its own.
gc.freeze()

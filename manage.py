#!/usr/bin/env python
from __future__ import annotations

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from fluxsite.ops.redis_away import AWAY, describe

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fluxsite.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"fluxsite: {error}")
    except AWAY as error:
        sys.exit(f"fluxsite: {describe(error)}")

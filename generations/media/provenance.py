"""Who made a picture, as its file says: BFL signs its pictures with Content Credentials (C2PA)."""

from __future__ import annotations

import hashlib

from django.contrib.auth.models import User

from generations.media import containers
from generations.models import Generation


def is_signed(content: bytes) -> bool:
    """Whether the file holds a C2PA manifest. One changed byte makes its signature invalid."""
    return containers.has_manifest(content)


def find_own(user: User, content: bytes) -> Generation | None:
    """Return the person's own generation whose stored file is just this one, or None."""
    digest = hashlib.sha256(content).hexdigest()
    return Generation.objects.filter(user=user, image__sha256=digest).first()

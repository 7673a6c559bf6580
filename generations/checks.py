"""Misconfiguration said at start, not first in a job."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from generations.bfl import Hosts
from generations.media import file_names


@register(deploy=True)
def check_api_key(**kwargs: Any) -> list[CheckMessage]:
    if settings.BFL_API_KEY:
        return []
    hint = (
        "Set BFL_API_KEY or BFL_API_KEY_FILE. Without a key only `make run` with its sandbox makes pictures."
    )
    return [Error("There is no key for BFL's API.", hint=hint, id="generations.E001")]


@register
def check_api_key_fits_a_header(**kwargs: Any) -> list[CheckMessage]:
    if not settings.BFL_API_KEY or is_usable_key(settings.BFL_API_KEY):
        return []
    hint = "Copy it from BFL's dashboard again: letters, digits and signs only, on one line."
    return [Error("BFL_API_KEY has a character in it that no key has.", hint=hint, id="generations.E003")]


def is_usable_key(key: str) -> bool:
    return bool(key) and key.isascii() and key.isprintable()


@register
def check_api_base(**kwargs: Any) -> list[CheckMessage]:
    if Hosts(extra=frozenset(settings.BFL_EXTRA_HOSTS)).is_api(settings.BFL_API_BASE):
        return []
    hint = "Use one of BFL's, such as https://api.bfl.ai, or name its host in BFL_EXTRA_HOSTS."
    return [Error("BFL_API_BASE is no host that may see the key.", hint=hint, id="generations.E002")]


@register
def check_download_names(**kwargs: Any) -> list[CheckMessage]:
    hint = f"Known are {', '.join(f'{{{name}}}' for name in sorted(file_names.FIELDS))}."
    try:
        unknown = list(file_names.unknown_fields(settings.DOWNLOAD_NAMES))
    except ValueError:
        return [Error("DOWNLOAD_NAMES has a brace without its other half.", hint=hint, id="generations.E004")]
    return [
        Error(f"DOWNLOAD_NAMES knows no {{{name}}}.", hint=hint, id="generations.E004") for name in unknown
    ]


@register
def check_s3(**kwargs: Any) -> list[CheckMessage]:
    if not settings.S3_BUCKET or (settings.S3_ACCESS_KEY_ID and settings.S3_SECRET_ACCESS_KEY):
        return []
    hint = "Set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY (or S3_SECRET_ACCESS_KEY_FILE)."
    return [Error("S3_BUCKET is set, and no key to it.", hint=hint, id="generations.E005")]


@register(deploy=True)
def check_public_url(**kwargs: Any) -> list[CheckMessage]:
    if settings.IS_HTTPS:
        return []
    hint = "Set PUBLIC_URL to the https:// address of this site. Without one BFL's webhooks cannot reach it."
    return [Warning("PUBLIC_URL is not https.", hint=hint, id="generations.W001")]


@register(deploy=True)
def check_trusted_proxies(**kwargs: Any) -> list[CheckMessage]:
    if settings.TRUSTED_PROXIES or not settings.IS_HTTPS:
        return []
    hint = "Set TRUSTED_PROXIES to how many web servers stand in front: 1 for a usual nginx or Caddy."
    return [
        Error("PUBLIC_URL says https, and no proxy is trusted to say so.", hint=hint, id="generations.E006")
    ]

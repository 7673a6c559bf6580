"""Read the environment, with types and clear refusals.

Only settings.py reads it. Every value may come from a file instead, named by `NAME_FILE`: that is how
Docker and systemd hand over secrets.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import zoneinfo
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "") -> str:
    """Return the variable, or the content of the file that `NAME_FILE` names, without outer spaces."""
    file = os.environ.get(f"{name}_FILE")
    if not file:
        return os.environ.get(name, "").strip() or default
    try:
        return Path(file).read_text().strip() or default
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE: {error.strerror}: {file}") from None
    except UnicodeDecodeError:
        raise ImproperlyConfigured(f"{name}_FILE: not text: {file}") from None


def flag(name: str, default: bool) -> bool:
    value = text(name, str(default))
    if value not in ("True", "False"):
        raise ImproperlyConfigured(f"{name} must be True or False, not {value!r}.")
    return value == "True"


def whole(name: str, default: int, *, minimum: int = 0) -> int:
    value = text(name, str(default))
    if not (value.isdecimal() and len(value) < 20) or int(value) < minimum:
        raise ImproperlyConfigured(f"{name} must be a whole number from {minimum}, not {value!r}.")
    return int(value)


def words(name: str, default: str = "") -> list[str]:
    """Return the comma-separated parts, empty ones left out."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def origin(name: str, default: str = "") -> str:
    """Return an http(s) address without a path."""
    value = text(name, default).rstrip("/")
    if value and not re.fullmatch(r"https?://[^/?#\s@]+", value, re.IGNORECASE):
        raise ImproperlyConfigured(f"{name} must be like https://host or http://host:port, not {value!r}.")
    return _as_browsers_send_it(value) if value else ""


def _as_browsers_send_it(address: str) -> str:
    """Return an origin in small letters and without the port that its scheme has anyway."""
    scheme, _, host = address.lower().partition("://")
    default = {"http": ":80", "https": ":443"}.get(scheme, "")
    return f"{scheme}://{host.removesuffix(default) if default else host}"


def is_loopback(address: str) -> bool:
    """Return whether an address that `origin` has accepted is one of this machine's own."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def zone(name: str, default: str) -> str:
    """Return the name of a time zone."""
    value = text(name, default)
    if value not in zoneinfo.available_timezones():
        raise ImproperlyConfigured(f"{name} must be a time zone such as Europe/Berlin, not {value!r}.")
    return value


def database(name: str, default: str) -> dict[str, Any]:
    """Return Django's settings for the database of a URL."""
    try:
        parsed = dj_database_url.parse(text(name, default), conn_max_age=60, conn_health_checks=True)
    # The value may hold a password, so it is not repeated.
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be like postgres://user:password@host/name.") from None
    return dict(parsed)


def secret_key(folder: Path) -> str:
    """Return SECRET_KEY, or the one that the first start of this site left in its data folder."""
    if given := text("SECRET_KEY"):
        return given
    file = folder / "secret_key"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _first_writer_wins(file)
    except OSError as error:
        raise ImproperlyConfigured(
            f"DATA_DIR cannot be used: {error.strerror}: {file}. Make it writable, or name another folder."
        ) from None


def _first_writer_wins(file: Path) -> str:
    # Several processes start at once. The key is linked into place whole, so that none can read half of it.
    if not file.exists():
        draft = file.with_name(f".secret_key-{secrets.token_hex(8)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(64))
        try:
            file.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text().strip()

"""Pictures in a store that speaks S3. Each request, ours as well as a browser's, is a link signed for it.

Signature Version 4 in the query, as in AWS's "Authenticating Requests: Using Query Parameters". Five requests
are all that is needed of S3, hence no SDK.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree

import requests
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage

LINK_SECONDS = 3600
# Links of one quarter of an hour are the same, so that browsers know what they have. Each lasts 45 minutes.
SAME_FOR = timedelta(minutes=15)
TIMEOUT = (5, 60)
_XML = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class S3Error(OSError):
    """The store did not do it. Its text has the method and the status, and no signature."""


class S3Storage(Storage):
    """The bucket of S3_BUCKET. A second save under the same name replaces the first, whole or not at all."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def _save(self, name: str, content: File[bytes]) -> str:
        content.seek(0)
        self._request("PUT", name, data=content.read())
        return name

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        return ContentFile(self._request("GET", name).content, name=name)

    def delete(self, name: str) -> None:
        self._request("DELETE", name)

    def exists(self, name: str) -> bool:
        try:
            self._request("HEAD", name)
        except FileNotFoundError:
            return False
        return True

    def size(self, name: str) -> int:
        return int(self._request("HEAD", name).headers["Content-Length"])

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Return the names of folders and of files in a folder."""
        folder = f"{path.rstrip('/')}/" if path else ""
        wanted = {"list-type": "2", "delimiter": "/", "prefix": folder}
        folders: list[str] = []
        files: list[str] = []
        while True:
            page = ElementTree.fromstring(self._request("GET", "", wanted).content)  # noqa: S314  # our own store's
            folders += [str(found.text) for found in page.iterfind(f"{_XML}CommonPrefixes/{_XML}Prefix")]
            files += [str(found.text) for found in page.iterfind(f"{_XML}Contents/{_XML}Key")]
            token = page.findtext(f"{_XML}NextContinuationToken")
            if not token:
                break
            wanted["continuation-token"] = token
        return [name[len(folder) : -1] for name in folders], [name[len(folder) :] for name in files]

    def url(self, name: str | None, headers: Mapping[str, str] | None = None) -> str:
        """Return a link for a browser, good for an hour at most; the store answers it with these headers."""
        query = {f"response-{header.lower()}": value for header, value in (headers or {}).items()}
        now = datetime.now(UTC)
        return _link("GET", str(name), query, now - (now - datetime.min.replace(tzinfo=UTC)) % SAME_FOR)

    def _request(
        self, method: str, name: str, query: Mapping[str, str] | None = None, data: bytes | None = None
    ) -> requests.Response:
        link = _link(method, name, query or {}, datetime.now(UTC))
        try:
            response = requests.request(method, link, data=data, timeout=TIMEOUT, allow_redirects=False)
        except requests.RequestException as error:
            # The error's own text has the signed link in it.
            raise S3Error(f"S3 does not answer a {method}: {type(error).__name__}") from None
        if response.status_code == 404:
            raise FileNotFoundError(name)
        if not response.ok:
            raise S3Error(f"S3 answered a {method} with {response.status_code}")
        return response


def _link(method: str, name: str, query: Mapping[str, str], at: datetime) -> str:
    address = f"{settings.S3_ENDPOINT}/{settings.S3_BUCKET}/{name}"
    return sign(method, address, query, at)


def sign(method: str, address: str, query: Mapping[str, str], at: datetime) -> str:
    """Return the address with what proves that we may do this, from `at` on for LINK_SECONDS."""
    parts = urlsplit(address)
    scope = f"{at:%Y%m%d}/{settings.S3_REGION}/s3/aws4_request"
    signed = {
        **query,
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{settings.S3_ACCESS_KEY_ID}/{scope}",
        "X-Amz-Date": f"{at:%Y%m%dT%H%M%SZ}",
        "X-Amz-Expires": str(LINK_SECONDS),
        "X-Amz-SignedHeaders": "host",
    }
    path = quote(parts.path, safe="/~")
    text = urlencode(sorted(signed.items()), quote_via=quote, safe="~")
    request = "\n".join((method, path, text, f"host:{parts.netloc}", "", "host", "UNSIGNED-PAYLOAD"))
    digest = hashlib.sha256(request.encode()).hexdigest()
    to_sign = "\n".join(("AWS4-HMAC-SHA256", signed["X-Amz-Date"], scope, digest))
    key = f"AWS4{settings.S3_SECRET_ACCESS_KEY}".encode()
    for part in (*scope.split("/"), to_sign):
        key = hmac.digest(key, part.encode(), "sha256")
    return f"{parts.scheme}://{parts.netloc}{path}?{text}&X-Amz-Signature={key.hex()}"

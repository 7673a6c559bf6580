"""Pictures in a store that speaks S3: ours here keeps them in memory and believes whoever has signed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import requests
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.test import Client
from pytest_django import Settings

from fluxsite import s3
from generations import checks
from generations.media import images
from tests.conftest import make_pictures

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
PAGE = 2


class Store(BaseHTTPRequestHandler):
    """Two names a page in its lists, so that there is always a next one."""

    kept: dict[str, bytes]
    seen: list[dict[str, list[str]]]

    def do_PUT(self) -> None:
        self.kept[self.name] = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200)

    def do_GET(self) -> None:
        if "list-type" in self.query:
            self.answer(200, self.listing().encode())
        elif self.name in self.kept:
            self.answer(200, self.kept[self.name])
        else:
            self.answer(404)

    do_HEAD = do_GET

    def do_DELETE(self) -> None:
        self.kept.pop(self.name, None)
        self.answer(204)

    @property
    def name(self) -> str:
        return unquote(urlsplit(self.path).path).removeprefix("/pictures/")

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query)

    def listing(self) -> str:
        folder = self.query.get("prefix", [""])[0]
        start = int(self.query.get("continuation-token", ["0"])[0])
        rest = [name.removeprefix(folder) for name in sorted(self.kept) if name.startswith(folder)]
        names = sorted({name.partition("/")[0] + "/" * ("/" in name) for name in rest})
        lines = [
            f"<CommonPrefixes><Prefix>{folder}{name}</Prefix></CommonPrefixes>"
            if name.endswith("/")
            else f"<Contents><Key>{folder}{name}</Key></Contents>"
            for name in names[start : start + PAGE]
        ]
        if start + PAGE < len(names):
            lines.append(f"<NextContinuationToken>{start + PAGE}</NextContinuationToken>")
        return f'<ListBucketResult xmlns="{NAMESPACE}">{"".join(lines)}</ListBucketResult>'

    def answer(self, status: int, body: bytes = b"") -> None:
        self.seen.append(self.query)
        status = status if "X-Amz-Signature" in self.query else 403
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def kept() -> dict[str, bytes]:
    return {}


@pytest.fixture
def store(settings: Settings, kept: dict[str, bytes]) -> Iterator[type[Store]]:
    handler = type("OwnStore", (Store,), {"kept": kept, "seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        settings.S3_ENDPOINT = f"http://127.0.0.1:{server.server_address[1]}"
        settings.S3_BUCKET, settings.S3_REGION = "pictures", "us-east-1"
        settings.S3_ACCESS_KEY_ID, settings.S3_SECRET_ACCESS_KEY = "reader", "a-secret-of-the-store"
        yield handler
        server.shutdown()
        thread.join()


@pytest.fixture
def in_s3(store: type[Store], settings: Settings) -> None:
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": "fluxsite.s3.S3Storage"}}
    assert isinstance(default_storage, s3.S3Storage)


def test_it_signs_as_amazon_does(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    # The example of "Authenticating Requests: Using Query Parameters" in AWS's documentation.
    settings.S3_ACCESS_KEY_ID, settings.S3_REGION = "AKIAIOSFODNN7EXAMPLE", "us-east-1"
    settings.S3_SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    monkeypatch.setattr(s3, "LINK_SECONDS", 86400)
    link = s3.sign(
        "GET", "https://examplebucket.s3.amazonaws.com/test.txt", {}, datetime(2013, 5, 24, tzinfo=UTC)
    )
    assert link.endswith("aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")


def test_it_keeps_and_gives_back(store: type[Store], kept: dict[str, bytes]) -> None:
    storage = s3.S3Storage()
    for content in (b"first", b"second"):
        assert storage.save("images/aa/picture.jpg", ContentFile(content)) == "images/aa/picture.jpg"
    assert kept == {"images/aa/picture.jpg": b"second"}
    assert storage.open("images/aa/picture.jpg").read() == b"second"
    assert storage.size("images/aa/picture.jpg") == 6
    storage.delete("images/aa/picture.jpg")
    assert not storage.exists("images/aa/picture.jpg")
    with pytest.raises(FileNotFoundError):
        storage.open("images/aa/picture.jpg")


def test_it_lists_folders_page_by_page(store: type[Store], kept: dict[str, bytes]) -> None:
    for name in ("a/1.jpg", "b/2.jpg", "3.jpg", "c/d/4.jpg", "5.jpg"):
        kept[f"images/{name}"] = b""
    assert s3.S3Storage().listdir("images") == (["a", "b", "c"], ["3.jpg", "5.jpg"])
    assert s3.S3Storage().listdir("images/c/d") == ([], ["4.jpg"])
    assert s3.S3Storage().listdir("nowhere") == ([], [])


def test_no_error_tells_a_signature(
    store: type[Store], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "do_PUT", lambda self: self.answer(503))
    with pytest.raises(s3.S3Error, match="S3 answered a PUT with 503"):
        s3.S3Storage().save("picture.jpg", ContentFile(b""))
    settings.S3_ENDPOINT = "http://127.0.0.1:9"
    with pytest.raises(OSError, match="S3 does not answer a GET: ConnectionError") as away:
        s3.S3Storage().open("picture.jpg")
    assert "Signature" not in str(away.value)
    assert away.value.__cause__ is None


def test_it_leads_the_owner_to_a_signed_link(
    as_alice: Client, as_bob: Client, alice: User, in_s3: None, store: type[Store]
) -> None:
    (picture,) = make_pictures(alice)
    response = as_alice.get(f"/g/{picture.code}/image")
    assert response.status_code == 302
    assert response["Cache-Control"] == "private, max-age=900"
    assert images.read(requests.get(response["Location"]).content).format == "JPEG"
    assert store.seen[-1]["response-content-type"] == ["image/jpeg"]
    assert store.seen[-1]["response-cache-control"] == ["private, max-age=31536000, immutable"]
    download = as_alice.get(f"/g/{picture.code}/download")["Location"]
    assert "a lighthouse at dusk" in unquote(download)
    assert as_bob.get(f"/g/{picture.code}/image").status_code == 404


def test_a_browser_gets_the_same_link_for_a_while(
    as_alice: Client, alice: User, in_s3: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (picture,) = make_pictures(alice)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return cls.moment

        moment = datetime(2026, 11, 22, 12, 1, tzinfo=UTC)

    monkeypatch.setattr(s3, "datetime", Clock)
    first = as_alice.get(f"/g/{picture.code}/image")["Location"]
    Clock.moment = datetime(2026, 11, 22, 12, 14, tzinfo=UTC)
    assert as_alice.get(f"/g/{picture.code}/image")["Location"] == first
    Clock.moment = datetime(2026, 11, 22, 12, 16, tzinfo=UTC)
    assert as_alice.get(f"/g/{picture.code}/image")["Location"] != first


def test_other_formats_and_the_zip_come_from_there_too(as_alice: Client, alice: User, in_s3: None) -> None:
    (picture,) = make_pictures(alice)
    assert as_alice.get(f"/g/{picture.code}/download?as=png").content.startswith(b"\x89PNG")
    assert as_alice.get("/gallery/pictures.zip").getvalue().startswith(b"PK")


def test_it_asks_for_a_key_to_the_bucket(settings: Settings) -> None:
    assert checks.check_s3() == []
    settings.S3_BUCKET = "pictures"
    assert [message.id for message in checks.check_s3()] == ["generations.E005"]


def test_pictures_are_on_the_disk_without_a_bucket() -> None:
    assert not isinstance(storages["default"], s3.S3Storage)

"""What a picture's file tells of how it was made, read back by a page and by a command."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client
from django.utils.html import escape
from pytest_django import Settings

from generations.media import images, xmp
from generations.media.containers import jpeg_segments
from generations.models import Generation
from tests.conftest import jpeg, make_pictures

PAGE = "/read/"
FIELDS = {
    "prompt": "a fox & an owl",
    "width": 1024,
    "height": 768,
    "steps": 30,
    "seed": 7,
    "endpoint": "flux-dev",
    "created_at": "2026-10-01T12:00:00+00:00",
    "code": "00000000-0000-0000-0000-000000000000",
}


def upload(client: Client, content: bytes, name: str = "fox.jpg") -> HttpResponse:
    response: HttpResponse = client.post(PAGE, {"file": SimpleUploadedFile(name, content)})  # type: ignore[assignment]
    return response


def with_packet(fields: bytes) -> bytes:
    """Return a JPEG that says this where our fields are."""
    whole = made_with()
    (packet,) = [part for marker, part in jpeg_segments(whole) if marker == 0xE1]
    head, tail = packet.split(b"<fluxsite:generation>")
    data = head[4:] + b"<fluxsite:generation>" + fields + tail[tail.index(b"</fluxsite:generation>") :]
    return whole.replace(packet, head[:2] + (len(data) + 2).to_bytes(2, "big") + data)


def made_with(**changes: object) -> bytes:
    return xmp.embed(jpeg(), {**FIELDS, **changes})


def test_it_tells_all_that_made_an_own_picture(as_alice: Client, alice: User, media: Path) -> None:
    (generation,) = make_pictures(alice)
    assert as_alice.get(PAGE).text.count("button primary") == 1
    text = upload(as_alice, as_alice.get(f"/g/{generation.code}/image").getvalue()).text
    assert text.count("button primary") == 1
    assert "a lighthouse at dusk" in text
    assert '<dt class="break">Steps</dt><dd class="break">28</dd>' in text
    assert "<dt>Seed</dt><dd>42</dd>" in text
    assert f'href="/?from={generation.code}&amp;use=all"' in text
    assert f'href="/g/{generation.code}/"' in text


def test_what_it_offers_fills_the_form(as_alice: Client, alice: User) -> None:
    text = upload(as_alice, made_with()).text
    address = text.split('<a class="button primary" href="')[1].split('"')[0].replace("&amp;", "&")
    form = as_alice.get(address, follow=True).text
    assert escape("a fox & an owl") in form
    assert 'value="30"' in form
    assert 'value="7"' in form


def test_it_never_leads_to_somebody_elses_picture(as_alice: Client, bob: User, media: Path) -> None:
    (foreign,) = make_pictures(bob)
    text = upload(as_alice, made_with(code=str(foreign.code))).text
    assert str(foreign.code) not in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"prompt": "<script>alert(1)</script>"}, "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ({"endpoint": "flux-of-tomorrow"}, "This site does not offer the model that made it."),
        ({"endpoint": None, "prompt": None}, "How was it made?"),
        ({"prompt": "é" * 4000}, "The prompt is too long for a link."),
        ({"steps": {"a": [1]}, "seed": [1], "width": None}, "How was it made?"),
        ({"created_at": "2026-99-99T00:00:00"}, "How was it made?"),
        ({"created_at": "soon", "code": "no code"}, "How was it made?"),
        ({"aspect_ratio": "0:0", "width": "wide"}, "How was it made?"),
        ({"created_at": "0001-01-01T00:00:00+14:00"}, "How was it made?"),
        ({"created_at": "9999-12-31T23:59:59-12:00"}, "How was it made?"),
        ({"endpoint": "x" * 5000, "<b>": "<i>"}, "&lt;b&gt;"),
    ],
)
def test_it_believes_nothing_in_a_file(changes: dict[str, object], said: str, as_alice: Client) -> None:
    response = upload(as_alice, made_with(**changes))
    assert response.status_code == 200
    assert said in response.text


@pytest.mark.parametrize("field", ["prompt", "endpoint", "seed", "code", "created_at", "\\ud800"])
def test_half_a_letter_in_a_file_is_told_as_a_question_mark(field: str, as_alice: Client) -> None:
    # Written by hand: embed() has no half letters.
    fields = f'{{"endpoint": "flux-dev", "{field}": "\\ud800 half a letter"}}'.encode()
    content = with_packet(fields)
    assert upload(as_alice, content).status_code == 200


@pytest.mark.parametrize("content", [b"", b"no picture", jpeg(), with_packet(b"[1]")])
def test_it_says_so_when_a_file_tells_nothing(content: bytes, as_alice: Client) -> None:
    response = upload(as_alice, content, "holiday.jpg")
    assert response.status_code == 422
    assert 'aria-describedby="file-error"' in response.text


def test_it_asks_for_a_file(as_alice: Client) -> None:
    assert "Choose a file first." in as_alice.post(PAGE).text


def test_it_drops_a_file_that_is_too_large(as_alice: Client, settings: Settings) -> None:
    settings.IMAGE_MAX_BYTES = settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 5000
    response = upload(as_alice, made_with() + b"\0" * 5000)
    assert response.status_code == 422
    assert "That file is larger than" in response.text


def test_it_keeps_nothing_of_the_file(as_alice: Client, media: Path, tmp_path: Path) -> None:
    upload(as_alice, made_with())
    assert list(media.rglob("*")) == []
    assert not Generation.objects.exists()


def test_a_command_tells_the_same(alice: User, media: Path) -> None:
    (generation,) = make_pictures(alice)
    out = io.StringIO()
    call_command("read_metadata", str(media / str(generation.image.file)), stdout=out)
    assert json.loads(out.getvalue()) == images.describe(generation)


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    plain = tmp_path / "plain.jpg"
    plain.write_bytes(jpeg())
    with pytest.raises(CommandError, match="has no prompt stored in it") as nothing:
        call_command("read_metadata", str(plain))
    assert nothing.value.returncode == 1
    with pytest.raises(CommandError, match="No such file") as missing:
        call_command("read_metadata", str(tmp_path / "nowhere.jpg"))
    assert missing.value.returncode == 2

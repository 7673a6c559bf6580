"""Who may open what: every address of the site against four people. An address that is missing here fails."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from generations.credits import ledger
from generations.credits.amounts import plain
from generations.gallery import changes
from generations.models import (
    Change,
    CreditEntry,
    GeneratedImage,
    Generation,
    Picture,
    PictureTag,
)
from generations.pipeline import lifecycle
from sandbox import Sandbox
from tests.conftest import rows_of

LOGIN = "login"
Expected = tuple[int | str, int | str, int | str, int | str]

# Anonymous, the owner of the picture, another member, staff.
EVERYBODY: Expected = (200, 200, 200, 200)
MEMBERS: Expected = (LOGIN, 200, 200, 200)
OWNER: Expected = (LOGIN, 200, 404, 404)
# Staff see pictures in the admin; what a picture was made of is its owner's.
FILE: Expected = (LOGIN, 200, 404, 200)
STAFF: Expected = (LOGIN, LOGIN, LOGIN, 200)
STAFF_PAGE: Expected = (LOGIN, 403, 403, 200)
NOBODY: Expected = (LOGIN, LOGIN, LOGIN, 403)
POSTED: Expected = (LOGIN, 405, 405, 405)

SITE: dict[str, Expected] = {
    "studio": MEMBERS,
    "studio-form": POSTED,
    "studio-foot": MEMBERS,
    "draft": POSTED,
    "draft-fill": POSTED,
    "draft-undo": POSTED,
    "draft-forget": POSTED,
    "past-prompts": MEMBERS,
    "progress": MEMBERS,
    "gallery": MEMBERS,
    "gallery-months": MEMBERS,
    "gallery-suggestions": MEMBERS,
    "gallery-count": MEMBERS,
    "gallery-change": POSTED,
    "gallery-undo": POSTED,
    "gallery-trash": MEMBERS,
    "gallery-trash-empty": MEMBERS,
    "generation-detail": OWNER,
    "generation-image": FILE,
    "generation-thumbnail": FILE,
    # The picture is too small for one, and the browser is led to the original.
    "generation-rendition": (LOGIN, 302, 404, 302),
    "generation-download": OWNER,
    "gallery-zip": (LOGIN, 200, 302, 302),
    "metadata": MEMBERS,
    "generation-favourite": POSTED,
    "generation-tags": POSTED,
    "generation-trash": POSTED,
    "generation-restore": POSTED,
    "generation-cancel": POSTED,
    "generation-retry": POSTED,
    "generation-cancel-press": POSTED,
    "generation-clear": POSTED,
    "progress-cancel": POSTED,
    "progress-clear": POSTED,
    "sandbox": MEMBERS,
    "keys": MEMBERS,
    "credits": MEMBERS,
    "credits-csv": MEMBERS,
    "usage": STAFF_PAGE,
    "usage-csv": STAFF_PAGE,
    "usage-entries-csv": STAFF_PAGE,
    "components": STAFF_PAGE,
    "bfl-webhook": (405, 405, 405, 405),
    "healthz": EVERYBODY,
    "readyz": EVERYBODY,
}
ACCOUNTS: dict[str, Expected] = {
    "account_login": (200, 302, 302, 302),
    "account_logout": (LOGIN, 200, 200, 200),
    "account_inactive": EVERYBODY,
    "account_signup": (200, 302, 302, 302),
    "account_reauthenticate": (LOGIN, 200, 200, 200),
    "account_change_password": MEMBERS,
}
ADMIN: dict[str, Expected] = {
    "admin:index": STAFF,
    "admin:login": (LOGIN, 403, 403, 302),
    "admin:logout": (LOGIN, 302, 302, 405),
    "admin:password_change": STAFF,
    "admin:password_change_done": STAFF,
    "admin:autocomplete": NOBODY,
    "admin:jsi18n": STAFF,
    # To the generation's page, which is its owner's; the admin shows no way there.
    "admin:view_on_site": (LOGIN, LOGIN, LOGIN, 302),
    "admin:app_list": STAFF,
    "admin:auth_user_password_change": STAFF,
    "admin:generations_creditentry_undo": STAFF,
}
WRITTEN_BY_THE_MACHINE = (
    "creditaccount",
    "generation",
    "generatedimage",
    "delivery",
    "generationevent",
    "press",
    "provider",
    "offerchange",
    "grantplan",
    "bflaccount",
)


def pages_of(model: str, *, add: Expected = STAFF, delete: Expected = STAFF) -> dict[str, Expected]:
    pages = {"changelist": STAFF, "change": STAFF, "history": STAFF, "add": add, "delete": delete}
    return {f"admin:{model}_{page}": expected for page, expected in pages.items()}


TABLE: dict[str, Expected] = {
    **SITE,
    **ACCOUNTS,
    **ADMIN,
    **pages_of("generations_creditentry", delete=NOBODY),
    **pages_of("generations_offer", delete=NOBODY),
    **pages_of("generations_limit"),
    **pages_of("auth_user"),
    **pages_of("auth_group"),
    **pages_of("account_emailaddress"),
}
for name in WRITTEN_BY_THE_MACHINE:
    TABLE |= pages_of(f"generations_{name}", add=NOBODY, delete=NOBODY)

POSTED_TO = [name for name in SITE if SITE[name] == POSTED] + ["gallery-trash-empty", "gallery-zip"]
PEOPLE = ("anonymous", "owner", "other", "staff")


def routes(
    patterns: Sequence[URLPattern | URLResolver], namespace: str = ""
) -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{pattern.namespace}:" if pattern.namespace else ""
            yield from routes(pattern.url_patterns, namespace + inner)
        else:
            yield f"{namespace}{pattern.name}", pattern


ROUTES = dict(routes(get_resolver().url_patterns))
# The admin's catch-all and its old addresses have no name.
NAMED = sorted(name for name in ROUTES if not name.endswith(":None"))


def address_of(name: str, rows: dict[str, Model]) -> str:
    generation = rows["generations_generation"]
    assert isinstance(generation, Generation)
    model = name.removeprefix("admin:").rpartition("_")[0].removesuffix("_password")
    given: dict[str, Any] = {
        "code": generation.code,
        "side": 1024,
        "object_id": rows.get(model, generation).pk,
        "id": generation.user.pk,
        "pk": rows["generations_creditentry"].pk,
        "content_type_id": ContentType.objects.get_for_model(Generation).pk,
        "app_label": "generations",
    }
    wanted = ROUTES[name].pattern.regex.groupindex
    converters = ROUTES[name].pattern.converters
    return reverse(name, kwargs={key: given[key] for key in {*wanted, *converters}})


def answer(client: Client, address: str) -> int | str:
    response = client.get(address)
    # A file that is sent is closed once it has been read.
    response.getvalue()
    to_login = response.headers.get("Location", "").startswith(("/accounts/login/?", "/admin/login/?"))
    return LOGIN if response.status_code == 302 and to_login else response.status_code


@pytest.fixture
def clients(client: Client, as_alice: Client, as_bob: Client, as_staff: Client) -> dict[str, Client]:
    return dict(zip(PEOPLE, (client, as_alice, as_bob, as_staff), strict=True))


def test_it_knows_every_address_of_the_site() -> None:
    assert sorted(TABLE) == NAMED


@pytest.mark.parametrize("person", ["anonymous", "other", "staff"])
def test_nothing_of_anothers_is_changed_by_a_post(
    person: str, alice: User, rows: dict[str, Model], clients: dict[str, Client]
) -> None:
    made = changes.change(alice, Change.Kind.FAVOURITE, Picture.objects.all())
    assert made
    picture = rows["generations_generation"]
    assert isinstance(picture, Generation)
    tables = (Picture, PictureTag, GeneratedImage, Generation, CreditEntry, Change)
    before = rows_of(*tables)
    form = {
        "picture": str(picture.code),
        "do": "trash",
        "favourite": "no",
        "tag": "x",
        "until": timezone.now(),
    }
    for name in POSTED_TO:
        address = reverse(name, args=[made.pk]) if name == "gallery-undo" else address_of(name, rows)
        response = clients[person].post(address, form)
        if person == "anonymous":
            assert response["Location"].startswith("/accounts/login/?"), name
        elif ROUTES[name].pattern.converters:
            assert response.status_code == 404, name
        else:
            assert response.status_code < 400, name
    assert rows_of(*tables) == before


@pytest.mark.parametrize("person", PEOPLE)
def test_it_opens_to_the_right_people_only(
    person: str, rows: dict[str, Model], clients: dict[str, Client]
) -> None:
    answers = {name: answer(clients[person], address_of(name, rows)) for name in NAMED}
    assert answers == {name: TABLE[name][PEOPLE.index(person)] for name in NAMED}


@pytest.mark.parametrize(("person", "username"), [("owner", "alice"), ("other", "bob"), ("staff", "staff")])
def test_every_page_tells_people_their_balance(
    person: str, username: str, rows: dict[str, Model], clients: dict[str, Client]
) -> None:
    told = {}
    for name in NAMED:
        text = clients[person].get(address_of(name, rows)).getvalue().decode(errors="replace")
        if "<html" in text:
            found = re.search(r'class="battery .*?<span>\s+(\S+)', text, re.DOTALL)
            told[name] = found[1] if found else ""
    balance = plain(ledger.get_balance(User.objects.get(username=username)))
    assert told == dict.fromkeys(told, balance)
    assert len(told) > 12


@pytest.mark.parametrize("person", PEOPLE)
def test_nobody_waits_for_bfl(
    person: str, rows: dict[str, Model], clients: dict[str, Client], sandbox: Sandbox
) -> None:
    # Out at the end only.
    for name in sorted(NAMED, key=lambda name: name.endswith("logout")):
        for send in (clients[person].get, clients[person].post):
            send(address_of(name, rows)).getvalue()
    assert list(sandbox.requests) == []


def test_no_press_waits_for_bfl(as_alice: Client, alice: User, sandbox: Sandbox) -> None:
    as_alice.post("/", {"endpoint": "flux-dev", "form_for": "flux-dev", "prompt": "a fox", "count": "2"})
    canceled, failed = Generation.objects.order_by("pk")
    as_alice.post(reverse("generation-cancel", args=[canceled.code]))
    (claimed,) = lifecycle.claim()
    lifecycle.fail(claimed, Generation.FailureCode.TIMED_OUT)
    for generation in (canceled, failed):
        as_alice.post(reverse("generation-retry", args=[generation.code]))
    assert Generation.objects.queued().count() == 2
    assert list(sandbox.requests) == []

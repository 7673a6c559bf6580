from __future__ import annotations

import contextlib
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from generations import doctor
from generations.gallery import changes, removal
from generations.models import Change, GeneratedImage, Generation, Picture, PictureTag
from generations.pipeline import lifecycle
from generations.studio import prompt_history
from tests.conftest import make_pictures, sweep
from tests.gallery.test_picture_actions import codes, of, shown

Kind = Change.Kind


@pytest.fixture
def trashed(alice: User, media: Path) -> Generation:
    """One of Alice's two pictures, moved to trash."""
    picture, _ = make_pictures(alice, 2)
    assert changes.change(alice, Kind.TRASH, of([picture]))
    return picture


def files(media: Path) -> set[str]:
    return {path.name for path in media.rglob("*") if path.is_file()}


def let_days_pass(days: int) -> None:
    past = timezone.now() - timedelta(days=days)
    for picture in Picture.objects.filter(trashed_at__isnull=False):
        assert picture.remove_at
        remove_at = picture.remove_at - timedelta(days=days)
        Picture.objects.filter(pk=picture.pk).update(trashed_at=past, remove_at=remove_at)


def test_it_is_gone_from_wall_studio_and_search_but_not_for_good(
    as_alice: Client, alice: User, trashed: Generation
) -> None:
    code = str(trashed.code)
    for address in ("/gallery/", "/gallery/?q=lighthouse", "/", "/gallery/months/"):
        assert code not in as_alice.get(address).text, address
    assert shown(as_alice, "/gallery/trash/?q=lighthouse") == [code]
    assert as_alice.get(f"/g/{code}/thumbnail").status_code == 200


def test_it_says_how_many_days_are_left(as_alice: Client, trashed: Generation) -> None:
    let_days_pass(10)
    text = as_alice.get("/gallery/trash/").text
    # With a hidden parent nobody would hear it.
    assert '<span class="words">20 days <span class="rest">left</span></span>' in text


def test_it_is_restored_from_the_trash(as_alice: Client, alice: User, trashed: Generation) -> None:
    as_alice.post("/gallery/change/", {"do": "restore", "picture": str(trashed.code)})
    assert str(trashed.code) in shown(as_alice)
    assert shown(as_alice, "/gallery/trash/") == []


def test_the_sweep_leaves_it_until_its_days_are_over(
    alice: User,
    trashed: Generation,
    media: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    let_days_pass(29)
    sweep(django_capture_on_commit_callbacks)
    assert Picture.objects.count() == 2
    let_days_pass(1)
    sweep(django_capture_on_commit_callbacks)
    assert Picture.objects.count() == 1


def test_removal_takes_files_and_words_and_leaves_the_ledger(
    as_alice: Client, alice: User, trashed: Generation, media: Path
) -> None:
    tag = changes.get_tag(alice, "logo")
    assert changes.change(alice, Kind.TAG, Picture.objects.filter(pk=trashed.pk), tag=tag)
    let_days_pass(31)
    assert removal.remove_due() == 1
    assert {name for name in files(media) if str(trashed.code) in name} == set()
    assert not GeneratedImage.objects.filter(generation=trashed).exists()
    assert not PictureTag.objects.exists()
    removed = Generation.objects.get(pk=trashed.pk)
    assert removed.is_removed
    assert removed.prompt == removed.final_prompt == ""
    assert removed.entries.count() == 1
    assert list(doctor.check_files()) == list(doctor.check_ledger()) == list(doctor.check_search()) == []
    assert removal.remove_due() == 0


def test_the_pages_bear_with_a_removed_picture(as_alice: Client, alice: User, trashed: Generation) -> None:
    let_days_pass(31)
    assert removal.remove_due() == 1
    assert "A picture that you removed" in as_alice.get("/credits/").text
    assert as_alice.get("/").status_code == 200
    assert as_alice.get(f"/g/{trashed.code}/").status_code in (200, 404)
    assert as_alice.get(f"/g/{trashed.code}/image").status_code == 404
    assert as_alice.get(f"/g/{trashed.code}/thumbnail").status_code == 404


def test_a_removal_that_was_interrupted_is_finished_by_the_next(
    alice: User, trashed: Generation, media: Path
) -> None:
    let_days_pass(31)
    default_storage.delete(str(trashed.image.file))
    assert removal.remove_due() == 1
    assert list(doctor.check_files()) == []


def test_a_sweep_removes_so_many_and_the_next_goes_on(
    alice: User, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "MOST", 4)
    assert changes.change(alice, Kind.TRASH, of(make_pictures(alice, 5)))
    let_days_pass(31)
    assert [removal.remove_due(), removal.remove_due(), removal.remove_due()] == [4, 1, 0]


def test_a_sweep_stops_when_its_time_is_over(
    alice: User, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "SECONDS", -1)
    assert changes.change(alice, Kind.TRASH, of(make_pictures(alice, 3)))
    let_days_pass(31)
    assert removal.remove_due() == 1


def test_files_are_removed_while_nobody_waits_for_the_database(
    transactional_db: None, trashed: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_days_pass(31)
    waited = []
    delete = default_storage.delete

    def watched(name: str) -> None:
        waited.append(connection.in_atomic_block)
        delete(name)

    monkeypatch.setattr(default_storage, "delete", watched)
    assert removal.remove_due() == 1
    assert waited == [False, False]


def test_a_file_that_cannot_be_removed_holds_up_no_other(
    alice: User, media: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stuck, other = make_pictures(alice, 2)
    assert changes.change(alice, Kind.TRASH, of([stuck, other]))
    let_days_pass(31)
    delete = default_storage.delete

    def refused(name: str) -> None:
        if str(stuck.code) in name:
            raise PermissionError(name)
        delete(name)

    with monkeypatch.context() as broken:
        broken.setattr(default_storage, "delete", refused)
        assert removal.remove_due() == 1
    assert f"The files of {stuck.code} cannot be removed" in caplog.text
    assert list(Picture.objects.values_list("pk", flat=True)) == [stuck.pk]
    assert removal.remove_due() == 1
    assert files(media) == set()


def test_the_prompt_leaves_the_history_with_its_last_picture(alice: User, bob: User, media: Path) -> None:
    for person in (alice, bob):
        prompt_history.remember(person, "a heron")
        prompt_history.remember(person, "a heron among reeds")
    make_pictures(alice, prompt="a heron among reeds")
    first, last = make_pictures(alice, 2, prompt="a heron")
    for picture, left in ((first, 2), (last, 1)):
        assert changes.change(alice, Kind.TRASH, of([picture]))
        let_days_pass(31)
        assert removal.remove_due() == 1
        assert alice.past_prompts.count() == left
    assert bob.past_prompts.count() == 2


def test_the_prompt_stays_in_the_history_while_a_picture_of_it_is_coming(alice: User, media: Path) -> None:
    prompt_history.remember(alice, "a heron")
    assert changes.change(alice, Kind.TRASH, of(make_pictures(alice, prompt="a heron")))
    let_days_pass(31)
    lifecycle.create(alice, "flux-dev", {"prompt": "a heron"}, count=1)
    assert removal.remove_due() == 1
    assert alice.past_prompts.exists()


def test_emptying_names_the_number_and_spares_what_came_later(
    as_alice: Client, alice: User, bob: User, trashed: Generation, media: Path
) -> None:
    bobs = make_pictures(bob)
    assert changes.change(bob, Kind.TRASH, of(bobs))
    page = as_alice.get("/gallery/trash/empty/").text
    assert re.search(r"Remove 1 picture\s+for good", page)
    until = re.search(r'name="until" value="([^"]+)"', page)
    assert until
    later = Picture.objects.on_wall().of(alice).get()
    assert changes.change(alice, Kind.TRASH, Picture.objects.filter(pk=later.pk))
    response = as_alice.post("/gallery/trash/empty/", {"until": until[1].replace("&#x2B;", "+")}, follow=True)
    assert "1 picture removed for good." in response.text
    assert shown(as_alice, "/gallery/trash/") == codes([later.generation])
    assert removal.remove_due() == 1
    assert Picture.objects.in_trash().of(bob).exists()


def test_what_was_emptied_cannot_be_undone(as_alice: Client, alice: User, trashed: Generation) -> None:
    change = alice.changes.get()
    assert removal.empty(alice, until=timezone.now()) == 1
    assert changes.change(alice, Kind.RESTORE, of([trashed])) is None
    text = as_alice.post(f"/gallery/undo/{change.pk}/", follow=True).text
    assert "Nothing to undo" in text
    assert not Picture.objects.on_wall().filter(pk=trashed.pk).exists()
    assert removal.remove_due() == 1


def test_what_was_emptied_is_not_saved_by_undoing_an_earlier_restore(
    alice: User, trashed: Generation
) -> None:
    restored = changes.change(alice, Kind.RESTORE, of([trashed]))
    assert restored
    assert changes.change(alice, Kind.TRASH, of([trashed]))
    assert removal.empty(alice, until=timezone.now()) == 1
    assert changes.undo(restored) == 0
    assert removal.remove_due() == 1


def test_undo_tells_how_many_are_really_back(as_alice: Client, alice: User, media: Path) -> None:
    change = changes.change(alice, Kind.TRASH, of(make_pictures(alice, 3)))
    assert change
    gone = Picture.objects.in_trash()[:1].get()
    Picture.objects.filter(pk=gone.pk).update(remove_at=timezone.now())
    text = as_alice.post(f"/gallery/undo/{change.pk}/", follow=True).text
    assert "Undone. 2 pictures as before." in text


@pytest.mark.parametrize(
    "until", ["", "yesterday", "2026-01-01", "9999-99-99T00:00:00Z", "0001-01-01T00:00:00+14:00"]
)
def test_emptying_without_a_moment_asks_again(until: str, as_alice: Client, trashed: Generation) -> None:
    response = as_alice.post("/gallery/trash/empty/", {"until": until})
    assert "Remove 1 picture" in response.text
    assert Picture.objects.in_trash().exists()


def test_an_empty_trash_says_so(as_alice: Client) -> None:
    assert "The trash is empty" in as_alice.get("/gallery/trash/").text
    assert "The trash is empty already." in as_alice.get("/gallery/trash/empty/").text


def test_the_days_are_a_setting(alice: User, media: Path, settings: Settings) -> None:
    settings.TRASH_DAYS = 2
    (picture,) = make_pictures(alice)
    assert changes.change(alice, Kind.TRASH, of([picture]))
    assert Picture.objects.get().days_left == 2


def test_two_sweeps_at_once_forget_the_prompt_of_the_last_two_pictures(
    alice: User, media: Path, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt_history.remember(alice, "a heron")
    pictures = make_pictures(alice, 2, prompt="a heron")
    assert changes.change(alice, Kind.TRASH, of(pictures))
    let_days_pass(31)
    both = list(removal._due())
    meeting = threading.Barrier(2, timeout=2)
    has_another = removal._has_another

    def slowly(*args: Any) -> bool:
        # Both have come here before one goes on, unless one waits for the other.
        answer = has_another(*args)
        with contextlib.suppress(threading.BrokenBarrierError):
            meeting.wait()
        return answer

    monkeypatch.setattr(removal, "_has_another", slowly)

    def remove(picture: Picture) -> bool:
        try:
            return removal._remove(picture)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        assert all(threads.map(remove, both))
    assert not alice.past_prompts.exists()

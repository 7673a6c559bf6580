from __future__ import annotations

import io
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from PIL import Image
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from generations.credits import ledger
from generations.gallery import changes, removal
from generations.media import images
from generations.models import Change, GeneratedImage, Generation, Picture
from generations.pipeline import lifecycle, queue, tasks
from generations.provider import bfl_client
from proof import promises
from sandbox import Sandbox
from tests.conftest import age, jpeg, kinds, run_jobs, sweep, waiting_jobs

FailureCode = Generation.FailureCode


@pytest.fixture
def ready(alice: User, sandbox: Sandbox, media: Path, monkeypatch: pytest.MonkeyPatch) -> Generation:
    """A generation whose picture lies at BFL."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    lifecycle.create(alice, "flux-dev", {"prompt": "a lighthouse", "width": 256, "height": 256})
    (generation,) = lifecycle.claim()
    client = bfl_client.get_client()
    submission = client.submit(generation.endpoint, generation.params)
    lifecycle.mark_submitted(generation, submission)
    for _ in range(1000):
        result = client.get_result(str(submission.polling_url))
        if result.sample_url:
            break
    lifecycle.mark_ready(generation, result, bfl_id=submission.id)
    return generation


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 24), "teal").save(buffer, "PNG")
    return buffer.getvalue()


def files(media: Path) -> list[Path]:
    return [path for path in media.rglob("*") if path.is_file()]


def test_it_keeps_picture_thumbnail_and_placeholder(ready: Generation, media: Path) -> None:
    tasks.store(ready.pk)
    image = GeneratedImage.objects.get(generation__status=Generation.Status.SUCCEEDED)
    assert (image.width, image.height, image.format) == (256, 256, "JPEG")
    assert len(files(media)) == 2
    assert image.placeholder.startswith("data:image/webp;base64,")


def test_it_does_nothing_the_second_time(ready: Generation, sandbox: Sandbox) -> None:
    tasks.store(ready.pk)
    count = len(sandbox.requests)
    tasks.store(ready.pk)
    assert len(sandbox.requests) == count


@pytest.mark.parametrize("kind", ["truncated", "drop", "not_a_picture", "answer"])
def test_it_tries_again_when_a_download_goes_wrong(kind: str, ready: Generation, sandbox: Sandbox) -> None:
    sandbox.faults.script("download", kind, times=2)
    tasks.store(ready.pk)
    ready.refresh_from_db()
    assert ready.is_succeeded


def test_it_asks_for_a_fresh_link_when_the_old_one_is_dead(ready: Generation, sandbox: Sandbox) -> None:
    sandbox.faults.script("download", "expired")
    tasks.store(ready.pk)
    ready.refresh_from_db()
    assert ready.is_succeeded


@pytest.mark.parametrize("kind", ["not_a_picture", "huge_pixels"])
def test_it_refuses_what_is_no_picture_and_gives_the_credits_back(
    kind: str, ready: Generation, sandbox: Sandbox, media: Path
) -> None:
    sandbox.faults.script("download", kind, times=None)
    age(ready, ready_at=tasks.BAD_IMAGE_PATIENCE + 1)
    tasks.store(ready.pk)
    ready.refresh_from_db()
    assert ready.failure_code == FailureCode.STORING_FAILED
    assert ledger.get_balance(ready.user) == 100
    assert files(media) == []


@pytest.mark.parametrize("kind", ["oversized", "endless", "truncated", "not_a_picture", "huge_pixels"])
def test_it_leaves_what_could_not_be_fetched_to_the_sweep(
    kind: str, ready: Generation, sandbox: Sandbox, media: Path, settings: Settings
) -> None:
    settings.IMAGE_MAX_BYTES = 1_000_000
    sandbox.faults.script("download", kind, times=None, size=2_000_000)
    tasks.store(ready.pk)
    ready.refresh_from_db()
    assert ready.status == Generation.Status.READY
    assert "Saving will be tried again" in str(ready.events.last())
    assert files(media) == []


def test_what_goes_wrong_again_and_again_is_told_once(ready: Generation, sandbox: Sandbox) -> None:
    sandbox.faults.script("download", "not_a_picture", times=None)
    for _ in range(3):
        tasks.store(ready.pk)
    assert kinds(ready) == ["queued", "submitting", "submitted", "ready", "note"]


def test_a_storage_that_takes_nothing_is_told_without_its_path(ready: Generation, media: Path) -> None:
    media.rmdir()
    media.write_text("no folder")
    with pytest.raises(OSError, match="Not a directory"):
        tasks.store(ready.pk)
    note = str(ready.events.last())
    assert "Saving will be tried again: Not a directory" in note
    assert str(media) not in note
    media.unlink()
    tasks.store(ready.pk)
    ready.refresh_from_db()
    assert ready.is_succeeded


def test_a_page_where_the_picture_should_be_may_be_gone_a_minute_later(
    ready: Generation, sandbox: Sandbox
) -> None:
    sandbox.faults.script("download", "not_a_picture", times=tasks.STORE_TRIES)
    tasks.store(ready.pk)
    tasks.store(ready.pk)
    ready.refresh_from_db()
    assert ready.is_succeeded
    assert ledger.get_balance(ready.user) == 100 - ready.price


@pytest.mark.parametrize("kind", ["drop", "truncated", "expired"])
def test_a_bfl_that_cannot_be_reached_has_until_the_deadline(
    kind: str, ready: Generation, sandbox: Sandbox
) -> None:
    sandbox.faults.script("download", kind, times=None)
    age(ready, ready_at=tasks.STORE_DEADLINE - 30)
    tasks.store(ready.pk)
    ready.refresh_from_db()
    assert ready.status == Generation.Status.READY


def test_it_believes_the_content_and_not_the_name(ready: Generation, sandbox: Sandbox) -> None:
    sandbox.faults.script("download", "wrong_format")
    tasks.store(ready.pk)
    image = GeneratedImage.objects.get()
    assert (image.format, Path(image.file.path).suffix) == ("PNG", ".png")


def test_a_picture_that_comes_too_late_leaves_no_file(
    ready: Generation, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    download = bfl_client.get_client().download

    def slow_download(url: str, *, max_bytes: int) -> bytes:
        lifecycle.fail(Generation.objects.get(), FailureCode.STORING_FAILED)
        return download(url, max_bytes=max_bytes)

    monkeypatch.setattr(bfl_client.get_client(), "download", slow_download)
    tasks.store(ready.pk)
    assert files(media) == []


def test_the_sweep_stores_again_what_stands_ready(
    ready: Generation, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    age(ready, store_again_at=1)
    sweep(django_capture_on_commit_callbacks)
    assert waiting_jobs("store") == [("generations.pipeline.tasks.store", (ready.pk,))]


def test_the_sweep_stores_it_again_once_a_minute_and_not_each_time(
    ready: Generation, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    age(ready, store_again_at=1)
    for _ in range(3):
        sweep(django_capture_on_commit_callbacks)
    assert len(waiting_jobs("store")) == 1
    ready.refresh_from_db()
    assert ready.store_again_at is not None
    assert ready.store_again_at > timezone.now() + timedelta(seconds=55)
    assert kinds(ready) == ["queued", "submitting", "submitted", "ready"]


def test_the_sweep_gives_a_job_its_minute_before_it_queues_another(
    ready: Generation, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    sweep(django_capture_on_commit_callbacks)
    assert waiting_jobs("store") == []


def test_the_sweep_queues_no_second_job_behind_one_that_still_waits(
    ready: Generation, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    for _ in range(3):
        age(ready, store_again_at=0)
        sweep(django_capture_on_commit_callbacks)
    assert len(waiting_jobs("store")) == 1


def test_a_last_look_is_queued_once_however_long_it_waits(
    ready: Generation, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    age(ready, ready_at=tasks.STORE_DEADLINE + 1)
    for _ in range(3):
        sweep(django_capture_on_commit_callbacks)
    assert len(waiting_jobs("last")) == 1


def test_what_hangs_is_not_tried_again_in_the_same_job(
    ready: Generation, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "STORE_SECONDS", 0)
    sandbox.faults.script("download", "truncated", times=None)
    tasks.store(ready.pk)
    assert sum(request.path.startswith("/results/") for request in sandbox.requests) == 1


@pytest.mark.parametrize(
    ("enqueue", "status"),
    [(queue.enqueue_store, Generation.Status.READY), (queue.enqueue_end, Generation.Status.FAILED)],
)
def test_no_job_keeps_a_worker_for_longer_than_it_may(
    enqueue: Callable[[int], None],
    status: str,
    ready: Generation,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    monkeypatch.setattr(queue, "LONGEST_JOB", 1)
    sandbox.faults.script("download", "slow", seconds=30)
    age(ready, ready_at=tasks.STORE_DEADLINE + 1)
    with django_capture_on_commit_callbacks(execute=True):
        enqueue(ready.pk)
    began_at = time.monotonic()
    run_jobs("last", "store")
    assert time.monotonic() - began_at < 10
    ready.refresh_from_db()
    assert ready.status == status


def test_behind_two_workers_that_hang_every_deadline_is_kept() -> None:
    # To connect, until the answer begins, until it ends, and its last bytes.
    last_look = 4 * tasks.LAST_LOOK_SECONDS
    assert queue.LONGEST_JOB + last_look < promises.SLACK


@pytest.mark.parametrize("fault", ["not_a_picture", "huge_pixels"])
def test_what_can_never_be_a_picture_is_given_up_within_a_minute(
    fault: str, ready: Generation, sandbox: Sandbox
) -> None:
    sandbox.faults.script("download", fault, times=None)
    tasks.store(ready.pk)
    ready.refresh_from_db()
    assert ready.status == Generation.Status.READY
    age(ready, ready_at=60)
    tasks.store(ready.pk)
    ready.refresh_from_db()
    assert (ready.status, ready.failure_code) == (
        Generation.Status.FAILED,
        Generation.FailureCode.STORING_FAILED,
    )
    assert ledger.get_balance(ready.user) == 100


@pytest.mark.parametrize("fault", ["truncated", "expired"])
def test_what_is_cut_short_is_fetched_for_as_long_as_its_link_lives(
    fault: str, ready: Generation, sandbox: Sandbox
) -> None:
    sandbox.faults.script("download", fault, times=None)
    age(ready, ready_at=9 * 60)
    tasks.store(ready.pk)
    ready.refresh_from_db()
    assert ready.status == Generation.Status.READY


def test_what_a_killed_worker_wrote_in_another_format_goes_when_it_is_stored(
    ready: Generation, media: Path
) -> None:
    images.store(ready, png())
    tasks.store(ready.pk)
    image = GeneratedImage.objects.get()
    assert sorted(files(media)) == sorted([Path(image.file.path), Path(image.thumbnail.path)])


def test_a_second_job_leaves_nothing_of_a_picture_that_was_removed_meanwhile(
    ready: Generation, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    download, is_first = bfl_client.get_client().download, iter([True, False])

    def overtaken(url: str, *, max_bytes: int) -> bytes:
        content = download(url, max_bytes=max_bytes)
        if next(is_first):
            tasks.store(ready.pk)
            changes.change(ready.user, Change.Kind.TRASH, Picture.objects.all())
            removal.empty(ready.user, until=timezone.now())
            removal.remove_due()
        return content

    monkeypatch.setattr(bfl_client.get_client(), "download", overtaken)
    tasks.store(ready.pk)
    assert Generation.objects.get().is_removed
    assert files(media) == []


@pytest.mark.parametrize("written", ["everything", "the original in another format", "the thumbnail"])
def test_what_a_killed_worker_had_written_goes_when_it_is_given_up(
    written: str, ready: Generation, sandbox: Sandbox, media: Path
) -> None:
    image = images.store(ready, png() if "another" in written else jpeg())
    if written == "the thumbnail":
        Path(image.file.path).unlink()
    sandbox.faults.script("download", "expired", times=None)
    age(ready, ready_at=tasks.STORE_DEADLINE + 1)
    tasks.end_overdue(ready.pk)
    ready.refresh_from_db()
    assert ready.failure_code == FailureCode.STORING_FAILED
    assert files(media) == []


def test_the_loser_of_two_jobs_leaves_the_winners_files_alone(
    ready: Generation, sandbox: Sandbox, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    download, is_first = bfl_client.get_client().download, iter([True, False])

    def overtaken(url: str, *, max_bytes: int) -> bytes:
        if next(is_first):
            tasks.store(ready.pk)
        return download(url, max_bytes=max_bytes)

    monkeypatch.setattr(bfl_client.get_client(), "download", overtaken)
    tasks.store(ready.pk)
    image = GeneratedImage.objects.get()
    assert kinds(ready).count("succeeded") == 1
    assert Path(image.file.path).stat().st_size == image.byte_size
    assert len(files(media)) == 2


def test_the_sweep_ends_what_can_no_longer_be_fetched(
    ready: Generation, sandbox: Sandbox, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    sandbox.faults.script("download", "expired", times=None)
    age(ready, ready_at=tasks.STORE_DEADLINE + 1)
    sweep(django_capture_on_commit_callbacks)
    assert waiting_jobs("last") == [("generations.pipeline.tasks.end_overdue", (ready.pk,))]
    tasks.end_overdue(ready.pk)
    ready.refresh_from_db()
    assert ready.failure_code == FailureCode.STORING_FAILED


def test_its_time_to_be_fetched_begins_when_it_is_ready(
    ready: Generation,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    sweep(django_capture_on_commit_callbacks)
    assert waiting_jobs("last") == []
    monkeypatch.setattr(tasks, "STORE_DEADLINE", 0)
    sweep(django_capture_on_commit_callbacks)
    assert waiting_jobs("last") == [("generations.pipeline.tasks.end_overdue", (ready.pk,))]


def test_what_was_forgotten_past_its_deadline_is_looked_for_once_more(
    ready: Generation, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    age(ready, ready_at=tasks.STORE_DEADLINE + 1)
    sweep(django_capture_on_commit_callbacks)
    assert waiting_jobs("last") == [("generations.pipeline.tasks.end_overdue", (ready.pk,))]
    tasks.end_overdue(ready.pk)
    ready.refresh_from_db()
    assert ready.is_succeeded

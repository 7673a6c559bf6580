"""What is in sight in the studio, what is told of it, and how it leaves."""

from __future__ import annotations

import re
import uuid
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from generations import bfl
from generations.credits import ledger
from generations.models import CreditEntry, Generation, Provider
from generations.pipeline import fair_order, lifecycle
from generations.presentation import wording
from generations.provider import circuit_breaker
from generations.studio import estimates
from tests.conftest import age, arrive, kinds, make_pictures, make_ready, submit, waiting_calls

HTMX = {"HX-Request": "true"}


def buy(user: User, count: int = 1, endpoint: str = "flux-dev", prompt: str = "a heron") -> list[Generation]:
    """Press Generate once."""
    return lifecycle.create(user, endpoint, {"prompt": prompt}, count=count, token=uuid.uuid4())


def panel(client: Client) -> str:
    return client.get("/progress/", headers=HTMX).text


def post(client: Client, address: str) -> HttpResponse:
    response = client.post(address, headers=HTMX)
    assert isinstance(response, HttpResponse)
    return response


def section(text: str, name: str) -> str:
    """Return the part of a page that bears an id, up to the end of its element."""
    found = re.search(rf'<section[^>]*id="{name}".*?</section>', text, re.DOTALL)
    assert found
    return found.group()


def card(text: str, generation: Generation) -> str:
    found = re.search(rf'<li id="card-{generation.code}">.*?</article>', text, re.DOTALL)
    assert found, "it is not shown"
    return " ".join(found.group().split())


def shown(text: str) -> set[uuid.UUID]:
    """Return the codes of what is in sight."""
    return {uuid.UUID(code) for code in re.findall(r'id="card-([\w-]+)"', section(text, "progress"))}


def told(text: str) -> str:
    found = re.search(r'id="progress-told"[^>]*>(.*?)</p>', text)
    assert found
    return found.group(1)


def version(text: str) -> str:
    found = re.search(r"/progress/\?version=([0-9a-f]+)", text)
    assert found
    return found.group(1)


def stand(text: str) -> str:
    found = re.search(r'data-stand="([0-9a-f]+)"', text)
    assert found
    return found[1]


def asks_every(text: str) -> str:
    found = re.search(r'hx-trigger="(?:every (\w+), )?queue-changed', text)
    assert found
    return found.group(1) or ""


# Stages


def test_it_says_each_stage_in_words(as_alice: Client, alice: User, media: Path) -> None:
    first, second = buy(alice, 2)
    assert "<b>BFL is busy, yours is next</b>" in card(panel(as_alice), first)
    assert "<b>Waiting for your turn</b>" in card(panel(as_alice), second)
    generation = lifecycle.claim()[0]
    assert "<b>Sending</b>" in card(panel(as_alice), first)
    submit(generation)
    assert "<b>Generating</b>" in card(panel(as_alice), first)
    assert lifecycle.mark_progress(
        generation, bfl.Result(status=bfl.Status.PENDING, word="Pending", progress=0.4)
    )
    assert "<b>Generating 40 %</b>" in card(panel(as_alice), first)
    make_ready(generation)
    assert "<b>Saving</b>" in card(panel(as_alice), first)


def test_it_says_that_bfl_had_no_slot(as_alice: Client, alice: User) -> None:
    buy(alice)
    generation = lifecycle.claim()[0]
    assert lifecycle.put_back(generation, "BFL is busy")
    assert "<b>BFL is busy, yours is next</b>" in card(panel(as_alice), generation)


def test_it_tells_the_place_in_line(as_alice: Client, alice: User) -> None:
    rows = buy(alice, 3)
    text = panel(as_alice)
    assert "next in line · about 5 s" in card(text, rows[0])
    assert "2nd in line" in card(text, rows[1])
    assert "3rd in line" in card(text, rows[2])


def test_its_place_honours_that_people_take_turns(as_alice: Client, alice: User, bob: User) -> None:
    buy(bob, 10)
    mine = buy(alice, 2)
    text = panel(as_alice)
    # Bob's first was there before hers; then they take turns.
    assert "2nd in line" in card(text, mine[0])
    assert "4th in line" in card(text, mine[1])


def test_its_place_is_the_order_in_which_turns_come(
    alice: User, bob: User, charlie: User, settings: Settings
) -> None:
    settings.BFL_MAX_ACTIVE = 1
    ledger.grant(charlie, Decimal(100), note="For this", created_by=None)
    for person, count in ((alice, 1), (bob, 3), (charlie, 2)):
        buy(person, count)
    lifecycle.fail(lifecycle.claim()[0], Generation.FailureCode.PROVIDER_ERROR)
    waiting = {bob.pk: 3, charlie.pk: 2}
    places = fair_order.places(waiting)
    came: dict[int, list[int]] = {person: [] for person in waiting}
    for place in range(1, 6):
        (claimed,) = lifecycle.claim()
        came[claimed.user_id].append(place)
        lifecycle.fail(claimed, Generation.FailureCode.PROVIDER_ERROR)
    assert came == places


def test_the_line_has_no_end_for_nobody() -> None:
    assert fair_order.places({}) == {}
    assert fair_order.places({1: 3, 2: 1}) == {1: [1, 3, 4], 2: [2]}


def test_it_gives_the_reason_and_no_estimate_while_bfl_is_away(as_alice: Client, alice: User) -> None:
    (waiting,) = buy(alice)
    circuit_breaker.pause(Provider.Pause.NO_FUNDS)
    shown = card(panel(as_alice), waiting)
    assert "Waiting: the team&#x27;s BFL account is empty" in shown
    assert "in line" not in shown


def test_it_says_when_one_takes_longer_than_usual(as_alice: Client, alice: User) -> None:
    buy(alice)
    generation = lifecycle.claim()[0]
    submit(generation)
    assert "usually 5 s" in card(panel(as_alice), generation)
    before = version(panel(as_alice))
    age(generation, claimed_at=60)
    assert "longer than usual" in card(panel(as_alice), generation)
    assert version(panel(as_alice)) != before


# Estimates


def measured(seconds: float, count: int, user: User, *, endpoint: str = "flux-dev") -> None:
    """Let pictures have arrived that took so long."""
    buy(user, count, endpoint)
    for generation in lifecycle.claim():
        arrive(generation)
        end = timezone.now()
        Generation.objects.filter(pk=generation.pk).update(
            finished_at=end, claimed_at=end - timedelta(seconds=seconds)
        )
    estimates._measure.cache_clear()


def test_it_goes_by_the_catalogue_until_enough_is_measured(alice: User, media: Path) -> None:
    assert estimates.typical_seconds()["flux-dev"] == 5
    measured(20, estimates.FEWEST - 1, alice)
    assert estimates.typical_seconds()["flux-dev"] == 5
    measured(20, 1, alice)
    assert estimates.typical_seconds()["flux-dev"] == pytest.approx(20)
    assert estimates.typical_seconds()["flux-pro"] == 6


def test_it_measures_the_newest_only(alice: User, media: Path) -> None:
    ledger.grant(alice, Decimal(1000), note="For many", created_by=None)
    measured(100, 3, alice)
    measured(10, estimates.NEWEST, alice)
    assert estimates.typical_seconds()["flux-dev"] == pytest.approx(10)


def test_one_that_took_ages_does_not_spoil_it(alice: User, media: Path) -> None:
    measured(10, 4, alice)
    measured(300, 1, alice)
    assert estimates.typical_seconds()["flux-dev"] == pytest.approx(10)


def test_it_estimates_by_place_and_slots(
    as_alice: Client, alice: User, bob: User, settings: Settings
) -> None:
    settings.BFL_MAX_ACTIVE = 2
    buy(bob, 6)
    mine = buy(alice, 4)
    # Eighth in line: after eight halves of five seconds its own five begin.
    assert "8th in line · about 25 s" in card(panel(as_alice), mine[3])


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "1 s"),
        (7.4, "7 s"),
        (12, "10 s"),
        (47, "45 s"),
        (59, "1 min"),
        (200, "3 min"),
        (1400, "25 min"),
        (7300, "2 h"),
    ],
)
def test_it_says_no_more_exactly_than_it_knows(seconds: float, said: str) -> None:
    assert wording.about(seconds) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (1, "next in line"),
        (2, "2nd in line"),
        (3, "3rd in line"),
        (10, "10th in line"),
        (23, "about 20th in line"),
        (478, "about 400th in line"),
        (2500, "about 2,000th in line"),
    ],
)
def test_it_says_a_place_as_people_do(number: int, said: str) -> None:
    assert wording.place(number) == said


def test_it_calls_days_by_their_names() -> None:
    today = timezone.localdate()
    assert wording.day(today) == "Today"
    assert wording.day(today - timedelta(days=1)) == "Yesterday"
    assert wording.day(date(2024, 2, 9)) == "9 February 2024"


# In sight until looked at


def test_what_has_ended_stays_in_sight_until_it_is_looked_at(
    as_alice: Client, alice: User, media: Path
) -> None:
    (made,) = make_pictures(alice)
    assert str(made.code) in section(as_alice.get("/").text, "progress")
    as_alice.get(f"/g/{made.code}/")
    text = as_alice.get("/").text
    assert str(made.code) not in section(text, "progress")
    assert str(made.code) in section(text, "recent")


def test_looking_while_it_is_made_is_not_looking_at_how_it_ends(as_alice: Client, alice: User) -> None:
    (waiting,) = buy(alice)
    as_alice.get(f"/g/{waiting.code}/")
    waiting.refresh_from_db()
    assert waiting.seen_at is None


def test_nobody_elses_look_counts(as_bob: Client, as_staff: Client, alice: User, media: Path) -> None:
    (made,) = make_pictures(alice)
    for client in (as_bob, as_staff):
        assert client.get(f"/g/{made.code}/").status_code == 404
    made.refresh_from_db()
    assert made.seen_at is None


def test_a_press_stays_together_while_anything_of_it_is_in_sight(
    as_alice: Client, alice: User, media: Path
) -> None:
    first, second = buy(alice, 2)
    arrive(lifecycle.claim()[0])
    as_alice.get(f"/g/{first.code}/")
    text = panel(as_alice)
    assert str(first.code) in text
    assert str(second.code) in text
    assert text.count('class="press ') == 1


def test_a_card_does_not_move_when_it_ends(as_alice: Client, alice: User, media: Path) -> None:
    rows = [buy(alice, prompt=prompt)[0] for prompt in ("a fox", "a heron", "a hare")]
    before = re.findall(r'id="card-([\w-]+)"', panel(as_alice))
    for generation in lifecycle.claim()[:2]:
        arrive(generation)
    assert re.findall(r'id="card-([\w-]+)"', panel(as_alice)) == before
    assert before == [str(row.code) for row in reversed(rows)]


def test_it_counts_all_that_has_ended_and_shows_the_newest(
    as_alice: Client, alice: User, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generations.studio.progress_panel.MOST_UNSEEN", 2)
    made = make_pictures(alice, 3)
    buy(alice)
    assert lifecycle.fail(lifecycle.claim()[0], Generation.FailureCode.PROVIDER_ERROR)
    text = panel(as_alice)
    assert told(text) == "3 new pictures, 1 failed."
    before = version(text)
    lifecycle.mark_seen(Generation.objects.filter(pk=made[0].pk))
    assert told(panel(as_alice)) == "2 new pictures, 1 failed."
    assert version(panel(as_alice)) != before


def test_all_that_has_ended_is_a_link_away_and_stays_in_sight(
    as_alice: Client, alice: User, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [make_pictures(alice)[0] for _ in range(4)]
    assert "Show all" not in as_alice.get("/").text
    monkeypatch.setattr("generations.studio.progress_panel.MOST_UNSEEN", 2)
    text = as_alice.get("/").text
    assert shown(text) == {made[2].code, made[3].code}
    assert "These are the newest 2." in text
    assert 'href="/?all#work-title">Show all 4</a>' in text
    text = as_alice.get("/?all").text
    assert shown(text) == {row.code for row in made}
    assert "Show all" not in text
    # This is what makes htmx send it along.
    assert """hx-vals:inherited='{"all": ""}'""" in text
    asked = {"version": version(text), "all": ""}
    assert as_alice.get("/progress/", asked, headers=HTMX).status_code == 204
    buy(alice)
    assert {row.code for row in made} < shown(as_alice.get("/progress/", asked, headers=HTMX).text)
    text = as_alice.post(f"/g/{made[0].code}/clear/", {"all": ""}, headers=HTMX).text
    assert shown(text) >= {row.code for row in made[1:]}


def test_a_page_has_an_end_however_much_has_ended(
    as_alice: Client, alice: User, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [make_pictures(alice)[0] for _ in range(4)]
    monkeypatch.setattr("generations.studio.progress_panel.MOST_UNSEEN", 2)
    monkeypatch.setattr("generations.studio.progress_panel.MOST_ASKED_FOR", 3)
    assert '?all#work-title">Show 3</a>' in as_alice.get("/").text
    text = as_alice.get("/?all").text
    assert shown(text) == {row.code for row in made[1:]}
    assert "These are the newest 3." in text
    assert 'All pictures are in your <a class="link" href="/gallery/">gallery</a>.' in text


def test_a_press_that_is_shown_whole_leaves_nothing_out(
    as_alice: Client, alice: User, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generations.studio.progress_panel.MOST_UNSEEN", 2)
    buy(alice, 3)
    for generation in lifecycle.claim():
        arrive(generation)
    text = as_alice.get("/").text
    assert told(text) == "3 new pictures."
    assert len(shown(text)) == 3
    assert "Show all" not in text


def test_its_heading_is_true_of_what_stands_below(as_alice: Client, alice: User, media: Path) -> None:
    assert ">In progress</h2>" in as_alice.get("/").text
    make_pictures(alice)
    assert ">Finished</h2>" in panel(as_alice)
    buy(alice)
    assert ">In progress</h2>" in panel(as_alice)


def test_it_clears_one_press(as_alice: Client, alice: User, media: Path) -> None:
    first, second = make_pictures(alice)[0], make_pictures(alice)[0]
    text = post(as_alice, f"/g/{first.code}/clear/").text
    assert str(first.code) not in section(text, "progress")
    assert str(first.code) in section(text, "recent")
    assert str(second.code) in section(text, "progress")


def test_it_clears_all_that_has_ended_and_nothing_that_moves(
    as_alice: Client, alice: User, media: Path
) -> None:
    made = make_pictures(alice, 2)
    (waiting,) = buy(alice)
    text = section(post(as_alice, "/progress/clear/").text, "progress")
    assert str(waiting.code) in text
    assert not any(str(row.code) in text for row in made)


def test_it_clears_nobody_elses(as_bob: Client, alice: User, media: Path) -> None:
    (made,) = make_pictures(alice)
    assert as_bob.post("/progress/clear/").status_code == 302
    assert as_bob.post(f"/g/{made.code}/clear/").status_code == 404
    made.refresh_from_db()
    assert made.seen_at is None


def test_what_was_seen_stays_seen(alice: User, media: Path) -> None:
    (made,) = make_pictures(alice)
    mine = Generation.objects.filter(pk=made.pk)
    assert lifecycle.mark_seen(mine) == 1
    seen_at = mine.get().seen_at
    assert lifecycle.mark_seen(mine) == 0
    assert mine.get().seen_at == seen_at


def test_a_late_picture_comes_into_sight_again(as_alice: Client, alice: User, media: Path) -> None:
    buy(alice)
    generation = lifecycle.claim()[0]
    submit(generation)
    assert lifecycle.fail(generation, Generation.FailureCode.TIMED_OUT)
    post(as_alice, "/progress/clear/")
    generation.refresh_from_db()
    make_ready(generation)
    assert "<b>Saving</b>" in card(panel(as_alice), generation)


# Ended


def test_a_failed_one_says_what_happened_that_it_was_free_and_what_to_do(
    as_alice: Client, alice: User
) -> None:
    (generation,) = buy(alice)
    assert lifecycle.fail(generation, Generation.FailureCode.REQUEST_MODERATED)
    shown = card(panel(as_alice), generation)
    assert wording.FAILURES["request_moderated"] in shown
    assert "Not charged" in shown
    assert "Try again" in shown
    assert f'href="/?from={generation.code}' in shown


def test_a_retry_takes_the_failed_ones_place_in_sight(as_alice: Client, alice: User) -> None:
    (generation,) = buy(alice)
    assert lifecycle.fail(generation, Generation.FailureCode.PROVIDER_ERROR)
    text = post(as_alice, f"/g/{generation.code}/retry/").text
    again = Generation.objects.get(retry_of=generation)
    assert str(again.code) in section(text, "progress")
    assert str(generation.code) not in section(text, "progress")
    assert str(generation.code) in section(text, "recent")


# Cancel


def test_what_i_cancel_leaves_and_the_rest_of_its_press_stays(as_alice: Client, alice: User) -> None:
    first, second = buy(alice, 2)
    text = post(as_alice, f"/g/{first.code}/cancel/").text
    assert "Not charged" in card(section(text, "progress"), first)
    text = post(as_alice, f"/g/{second.code}/cancel/").text
    assert "Not charged" in card(section(text, "recent"), second)
    assert "card-" not in section(text, "progress")


def test_what_staff_cancel_stays_in_sight(alice: User, staff: User) -> None:
    (generation,) = buy(alice)
    assert lifecycle.cancel(generation, canceled_by=staff)
    generation.refresh_from_db()
    assert generation.is_canceled
    assert generation.seen_at is None


def test_it_cancels_a_press_and_no_other(as_alice: Client, alice: User) -> None:
    (other,), pressed = buy(alice), buy(alice, 3)
    text = post(as_alice, f"/g/{pressed[1].code}/cancel-press/").text
    assert "3 pictures canceled; 7.5 refunded." in text
    assert list(alice.generations.queued()) == [other]
    assert ledger.get_balance(alice) == Decimal("97.5")
    assert kinds(pressed[2]) == ["queued", "canceled"]
    assert pressed[2].events.get(kind="canceled").created_by == alice


def test_a_picture_without_a_press_is_canceled_alone(as_alice: Client, alice: User) -> None:
    alone, other = lifecycle.create(alice, "flux-dev", {"prompt": "a heron"}, count=2)
    post(as_alice, f"/g/{alone.code}/cancel-press/")
    assert list(alice.generations.queued()) == [other]


def test_it_cancels_all_that_wait_and_nothing_of_anybody_else(
    as_alice: Client,
    alice: User,
    bob: User,
    settings: Settings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.BFL_MAX_ACTIVE = 1
    buy(alice, 3)
    buy(alice, 2, "flux-pro")
    theirs = buy(bob, 2)
    (working,) = lifecycle.claim()
    with django_capture_on_commit_callbacks(execute=True):
        text = post(as_alice, "/progress/cancel/").text
    assert "4 pictures canceled; 15 refunded." in text
    assert [row.pk for row in alice.generations.unfinished()] == [working.pk]
    assert {row.status for row in bob.generations.all()} == {"queued"}
    assert ledger.get_balance(bob) == 100 - sum(row.price for row in theirs)
    assert waiting_calls() == 1


def test_it_gives_each_refund_once_however_often_all_are_canceled(as_alice: Client, alice: User) -> None:
    buy(alice, 3)
    post(as_alice, "/progress/cancel/")
    assert "Nothing waits any more, so nothing was canceled." in post(as_alice, "/progress/cancel/").text
    assert ledger.get_balance(alice) == 100
    assert CreditEntry.objects.filter(kind=CreditEntry.Kind.REFUND).count() == 3


def test_what_one_has_canceled_is_no_news_and_tells_by_whom(alice: User) -> None:
    buy(alice, 2)
    for row in lifecycle.cancel_waiting(alice, alice.generations.all()):
        row.refresh_from_db()
        assert not row.is_unseen
        assert (row.timeline[-1].kind, row.timeline[-1].created_by) == ("canceled", alice)


def test_what_was_claimed_meanwhile_is_not_canceled(alice: User) -> None:
    buy(alice, 2)
    waiting = alice.generations.all()
    lifecycle.claim()
    assert lifecycle.cancel_waiting(alice, waiting) == []
    assert ledger.get_balance(alice) == 95


def test_it_cancels_all_or_none(alice: User) -> None:
    first = buy(alice, 2)[0]
    # A refund that should not be there yet: the database refuses a second one.
    ledger.refund(first)
    with pytest.raises(IntegrityError), transaction.atomic():
        lifecycle.cancel_waiting(alice, alice.generations.all())
    assert alice.generations.queued().count() == 2


def test_it_denies_that_other_peoples_presses_exist(as_bob: Client, alice: User) -> None:
    (waiting,) = buy(alice)
    assert as_bob.post(f"/g/{waiting.code}/cancel-press/").status_code == 404
    as_bob.post("/progress/cancel/")
    assert alice.generations.queued().count() == 1


@pytest.mark.parametrize("address", ["/progress/cancel/", "/progress/clear/"])
def test_it_goes_back_to_the_studio_without_script(address: str, as_alice: Client) -> None:
    assert as_alice.post(address)["Location"] == "/"
    assert as_alice.get(address).status_code == 405


def test_it_asks_before_several_are_canceled(as_alice: Client, alice: User) -> None:
    buy(alice, 3)
    text = as_alice.get("/").text
    assert re.search(r"<summary[^>]*>Cancel 3 waiting</summary>", text)
    assert "What is being made goes on." in text


# What is told


def test_it_sums_up_in_a_sentence(as_alice: Client, alice: User, media: Path) -> None:
    assert told(as_alice.get("/").text) == "Nothing in progress."
    buy(alice, 3)
    assert told(panel(as_alice)) == "3 waiting."
    claimed = lifecycle.claim()
    arrive(claimed[0])
    lifecycle.fail(claimed[1], Generation.FailureCode.PROVIDER_ERROR)
    buy(alice)
    assert told(panel(as_alice)) == "1 new picture, 1 failed, 1 in progress, 1 waiting."


def test_the_sentence_stands_outside_what_is_swapped(as_alice: Client, alice: User) -> None:
    buy(alice)
    text = as_alice.get("/").text
    assert "progress-told" not in section(text, "progress")
    assert 'id="progress-told" role="status" hx-swap-oob' in panel(as_alice)


def test_a_step_forward_in_line_is_not_announced(as_alice: Client, alice: User, bob: User) -> None:
    (theirs,) = buy(bob)
    buy(alice)
    before = panel(as_alice)
    assert lifecycle.cancel(theirs, canceled_by=bob)
    after = panel(as_alice)
    assert version(after) != version(before)
    assert told(after) == told(before)


def test_a_step_in_line_changes_nothing_at_the_button(as_alice: Client, alice: User, bob: User) -> None:
    (first,) = buy(bob)
    buy(alice)
    before = panel(as_alice)
    lifecycle.cancel(first, canceled_by=bob)
    after = panel(as_alice)
    assert version(after) != version(before)
    assert stand(after) == stand(before)


@pytest.mark.parametrize("verb", ["claim", "fail", "grant"])
def test_what_changes_credits_or_places_is_told_to_the_button(
    verb: str, as_alice: Client, alice: User
) -> None:
    buy(alice, 2)
    (claimed,) = lifecycle.claim()[:1]
    before = stand(panel(as_alice))
    if verb == "claim":
        lifecycle.put_back(claimed, "BFL is busy")
    elif verb == "fail":
        lifecycle.fail(claimed, Generation.FailureCode.PROVIDER_ERROR)
    else:
        ledger.grant(alice, Decimal(5), note="x", created_by=None)
    assert stand(panel(as_alice)) != before


def test_the_title_counts(as_alice: Client, alice: User) -> None:
    assert "<title>Studio · fluxsite</title>" in as_alice.get("/").text
    buy(alice, 2)
    assert "<title>(2) Studio · fluxsite</title>" in as_alice.get("/").text
    assert "<title>(2) Studio · fluxsite</title>" in panel(as_alice)


def test_the_badge_reads_mine_and_everybodys(as_alice: Client, alice: User, bob: User) -> None:
    buy(alice, 2)
    buy(bob, 3)
    badge = '<span aria-hidden="true">2<span class="wide-only"> / 5</span></span>'
    assert badge in as_alice.get("/gallery/").text
    assert badge in panel(as_alice)


@pytest.mark.parametrize(
    ("all_of_them", "mine", "shown"), [(24, 24, "24"), (25, 24, "24+"), (340, 24, "300+"), (7, 3, "7")]
)
def test_a_crowd_is_never_smaller_than_ones_own_part(all_of_them: int, mine: int, shown: str) -> None:
    assert wording.crowd(all_of_them, at_least=mine) == shown


def test_a_crowd_is_counted_roughly() -> None:
    assert [wording.crowd(number) for number in (0, 19, 20, 57, 512)] == ["0", "19", "20+", "50+", "500+"]


# Asking again


def test_it_asks_each_second_while_something_is_made_or_about_to_be(
    as_alice: Client, alice: User, bob: User, settings: Settings
) -> None:
    settings.BFL_MAX_ACTIVE = 8
    assert asks_every(panel(as_alice)) == ""
    buy(bob, 5)
    buy(alice, 1)
    assert asks_every(panel(as_alice)) == "1s"
    lifecycle.claim()
    assert asks_every(panel(as_alice)) == "1s"


@pytest.mark.parametrize(("slots", "every"), [(24, "1s"), (4, "3s"), (2, "6s"), (1, "12s")])
def test_it_asks_again_half_the_way_to_its_turn(
    slots: int, every: str, as_alice: Client, alice: User, bob: User, settings: Settings
) -> None:
    settings.BFL_MAX_ACTIVE = slots
    lifecycle.claim()
    (first,) = buy(alice)
    buy(bob, 1)
    lifecycle.cancel(first, canceled_by=alice)
    buy(alice, 1)
    for person in (User.objects.create_user(name) for name in ("dora", "emil", "fritz")):
        ledger.grant(person, Decimal(10), note="For one", created_by=None)
        buy(person)
    last = User.objects.get(username="fritz")
    client = Client()
    client.force_login(last)
    assert asks_every(panel(client)) == every


def test_it_asks_every_twenty_seconds_at_least(client: Client, alice: User, settings: Settings) -> None:
    settings.BFL_MAX_ACTIVE = 1
    people = [User.objects.create_user(f"person{number}") for number in range(9)]
    for person in people:
        ledger.grant(person, Decimal(10), note="For one", created_by=None)
        buy(person)
    client.force_login(people[-1])
    assert asks_every(panel(client)) == "20s"


def test_it_moves_nothing_while_nothing_is_new(as_alice: Client, alice: User, bob: User) -> None:
    buy(alice)
    before = version(panel(as_alice))
    answer = as_alice.get("/progress/", {"version": before}, headers=HTMX)
    assert (answer.status_code, answer.content) == (204, b"")


def test_another_device_learns_what_was_cleared(as_alice: Client, alice: User, media: Path) -> None:
    make_pictures(alice)
    before = version(panel(as_alice))
    post(as_alice, "/progress/clear/")
    assert as_alice.get("/progress/", {"version": before}, headers=HTMX).status_code == 200


def test_where_only_the_line_has_moved_no_more_than_the_line_is_drawn(
    as_alice: Client, alice: User, bob: User
) -> None:
    _, his = buy(bob, 2)
    rows = buy(alice, 2)
    before = version(panel(as_alice))
    assert lifecycle.cancel(his, canceled_by=bob)
    answer = as_alice.get("/progress/", {"version": before}, headers=HTMX)
    assert (answer.status_code, answer["HX-Reswap"]) == (200, "none")
    assert all(f'id="outlook-{row.code}" hx-swap-oob="outerMorph">' in answer.text for row in rows)
    assert "3rd in line" in answer.text
    assert "2 of yours in progress, 3 in all" in answer.text
    assert asks_every(answer.text) == "1s"
    assert not any(f"card-{row.code}" in answer.text for row in rows)
    # With that the page is as one that is drawn anew.
    assert version(answer.text) == version(panel(as_alice))


def test_a_step_of_a_picture_draws_the_panel(as_alice: Client, alice: User) -> None:
    rows = buy(alice, 2)
    before = version(panel(as_alice))
    lifecycle.claim()
    answer = as_alice.get("/progress/", {"version": before}, headers=HTMX)
    assert "HX-Reswap" not in answer
    assert all(f"card-{row.code}" in answer.text for row in rows)


def test_an_answer_without_news_costs_the_same_queries_however_much_moves(
    as_alice: Client, alice: User, bob: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    buy(alice, 12)
    buy(bob, 30)
    before = version(panel(as_alice))
    # Session, person, what moves, what ended; and once a second in each process: the line, turns, what is
    # late, BFL.
    with django_assert_max_num_queries(8):
        assert as_alice.get("/progress/", {"version": before}).status_code == 204


@pytest.mark.parametrize("count", [1, 9])
def test_a_panel_costs_the_same_queries_however_much_is_in_it(
    count: int,
    as_alice: Client,
    alice: User,
    media: Path,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    ledger.grant(alice, Decimal(100), note="For many", created_by=None)
    make_pictures(alice, count)
    buy(alice, count)
    arrive(lifecycle.claim()[0])
    panel(as_alice)
    # As above, and the balance, the prices, the rest of each press, the refunds.
    for address in ("/progress/", "/progress/?all"):
        with django_assert_max_num_queries(11):
            as_alice.get(address, headers=HTMX)


def test_other_peoples_work_never_reaches_the_browser(
    as_bob: Client, alice: User, bob: User, media: Path
) -> None:
    (made,) = make_pictures(alice, prompt="a secret of Alice's")
    (waiting,) = buy(alice, prompt="another secret")
    buy(bob)
    for address in ("/", "/progress/", "/progress/?whole"):
        text = as_bob.get(address, headers=HTMX).text
        assert "secret" not in text
        assert not any(str(row.code) in text for row in (made, waiting))


def test_the_keys_have_a_page_of_their_own(as_alice: Client) -> None:
    assert "Write the prompt" in as_alice.get("/keys/").text


def test_the_pulse_is_looked_up_once_a_second(
    as_alice: Client,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr("generations.studio.site_snapshot.HOLDS_FOR", 1e9)
    buy(alice)
    before = version(panel(as_alice))
    with django_assert_max_num_queries(4):
        assert as_alice.get("/progress/", {"version": before}).status_code == 204

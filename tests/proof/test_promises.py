"""The proof finds what it looks for: each promise, broken once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from copy import copy
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from generations.credits import ledger
from generations.models import Generation, GenerationEvent
from generations.pipeline import lifecycle
from proof import evidence as proof_evidence
from proof import promises
from proof.evidence import Evidence
from proof.lane import Lane
from proof.report import Figures
from proof.site import Site
from proof.stage import KEY, Stage
from sandbox import Sandbox
from tests.conftest import Work, jpeg

Kind = GenerationEvent.Kind
FailureCode = Generation.FailureCode


@pytest.fixture
def stage(db: None, sandbox: Sandbox, tmp_path: Path) -> Stage:
    """A site that never runs, without webhooks; its log is written by the test."""
    lane = Lane(
        label="The tests",
        database_url="",
        uses_webhooks=False,
        scenarios=(),
        is_long=False,
        seed=1,
        folder=str(tmp_path),
        prepared="",
        began_at=time.time(),
    )
    log = tmp_path / "log.txt"
    log.touch()
    return Stage(Site({}, log), sandbox, lane)


@pytest.fixture
def evidence(stage: Stage, alice: User, work: Work) -> Evidence:
    """Two pictures that were honestly made."""
    stage.begin("two pictures")
    # One of them for more than its price.
    stage.sandbox.faults.script("submit", "cost", cost=3.1, prompt="no. 00001")
    for _ in range(2):
        stage.part.pressed.append(stage.prompt())
        lifecycle.create(alice, "flux-dev", {"prompt": stage.part.pressed[-1]})
    work()
    return judged(stage)


def judged(stage: Stage) -> Evidence:
    stage.end()
    return proof_evidence.collect(stage, [])[-1]


def broken(evidence: Evidence) -> tuple[Figures, str]:
    figures, findings = promises.judge(evidence)
    return figures, " ".join(finding.sentence for finding in findings)


def fail(generation: Generation, code: Generation.FailureCode) -> None:
    generation.status, generation.failure_code = Generation.Status.FAILED, code


def test_it_finds_nothing_where_nothing_is_wrong(evidence: Evidence) -> None:
    figures, found = broken(evidence)
    assert found == ""
    assert (figures.generations, figures.lost, figures.twice, figures.drift) == (2, 0, 0, "0.0000")


def lose(evidence: Evidence) -> None:
    fail(evidence.generations[0], FailureCode.TIMED_OUT)


def lose_an_answer(evidence: Evidence) -> None:
    fail(evidence.generations[0], FailureCode.OUTCOME_UNKNOWN)


def never_end(evidence: Evidence) -> None:
    evidence.generations[0].status = Generation.Status.SUBMITTED


def remove_the_file(evidence: Evidence) -> None:
    Path(evidence.generations[0].image.file.path).unlink()


def spoil_the_file(evidence: Evidence) -> None:
    default_storage.save(evidence.generations[0].image.file.name, ContentFile(b"not a picture"))


def store_another_picture(evidence: Evidence) -> None:
    image = evidence.generations[0].image
    default_storage.save(image.file.name, ContentFile(jpeg()))
    image.sha256 = hashlib.sha256(jpeg()).hexdigest()


def mix_pictures_up(evidence: Evidence) -> None:
    evidence.generations[0].bfl_id = evidence.generations[1].bfl_id


def buy_twice(evidence: Evidence) -> None:
    tasks = evidence.tasks[evidence.generations[0].pk]
    tasks.append(copy(tasks[0]))


def lose_a_press(evidence: Evidence) -> None:
    evidence.part.pressed.append("a fox")


def charge_another_price(evidence: Evidence) -> None:
    evidence.generations[0].price += Decimal("0.0001")


def settle_nothing(evidence: Evidence) -> None:
    (task,) = evidence.tasks[evidence.generations[1].pk]
    task.named_cost = 5.0


def be_refused(evidence: Evidence) -> None:
    seen = copy(evidence.requests[0])
    seen.status = 429
    evidence.requests.append(seen)


def submit_too_many(evidence: Evidence) -> None:
    (task,) = evidence.tasks[evidence.generations[0].pk]
    evidence.tasks[0] = [copy(task) for _ in range(30)]


def refund_what_was_delivered(evidence: Evidence) -> None:
    generation = evidence.generations[1]
    refund = copy(generation.entries.all()[0])
    refund.kind = "refund"
    generation._prefetched_objects_cache["entries"] = [*generation.entries.all(), refund]  # type: ignore[attr-defined]


def hesitate_to_submit(evidence: Evidence) -> None:
    before(evidence.generations[0], Kind.SUBMITTED, seconds=160)


def hesitate_to_fetch(evidence: Evidence) -> None:
    before(evidence.generations[0], Kind.SUCCEEDED, seconds=970)


def before(generation: Generation, kind: str, *, seconds: float) -> None:
    """Let everything before that step have been earlier."""
    (step,) = (event for event in generation.events.all() if event.kind == kind)
    for event in generation.events.all():
        if event.pk < step.pk:
            event.created_at -= timedelta(seconds=seconds)


def leave_a_file_behind(evidence: Evidence) -> None:
    evidence.doctor.append("No picture owns this file: images/ab/x.jpg")


def log_the_key(evidence: Evidence) -> None:
    evidence.log += f"x-key: {KEY}"


def log_a_link(evidence: Evidence) -> None:
    evidence.log += "https://delivery.eu.bfl.ai/sample.jpeg?sig=signed-by-bfl"


def send_the_key_along(evidence: Evidence) -> None:
    download = next(seen for seen in evidence.requests if seen.path.startswith("/results/"))
    download.key = KEY


@pytest.mark.parametrize(
    ("breaks", "figure", "sentence"),
    [
        (lose, "lost", "BFL made it as"),
        (lose_an_answer, "lost", "its outcome is called unknown, and BFL has told it"),
        (lose_an_answer, "drift", "credits of BFL's bill were paid by nobody"),
        (never_end, "stuck", "it is still submitted"),
        (remove_the_file, "lost", "its file cannot be read"),
        (spoil_the_file, "lost", "its file is not the one that was stored"),
        (store_another_picture, "lost", "its file shows something else"),
        (mix_pictures_up, "lost", "a task of somebody else's"),
        (buy_twice, "twice", "BFL has taken it more than once"),
        (lose_a_press, "lost", "the press for a fox made 0 generations"),
        (charge_another_price, "drift", "alice has"),
        (settle_nothing, "drift", "alice has"),
        (be_refused, "breaches", "as one too many"),
        (submit_too_many, "breaches", "tasks of all endpoints were active at once"),
        (refund_what_was_delivered, "refunds", "has the entries charge, refund"),
        (hesitate_to_submit, "stuck", "it stood too long at submitting"),
        (hesitate_to_fetch, "stuck", "it stood too long at ready"),
        (leave_a_file_behind, "orphans", "No picture owns this file"),
        (log_the_key, "leaks", "the log shows 1 secrets and 0 signed links"),
        (log_a_link, "leaks", "the log shows 0 secrets and 1 signed links"),
        (send_the_key_along, "leaks", "1 times, and not to the API"),
    ],
)
def test_it_finds_a_broken_promise(
    breaks: Callable[[Evidence], None], figure: str, sentence: str, evidence: Evidence
) -> None:
    breaks(evidence)
    figures, found = broken(evidence)
    assert sentence in found
    assert Decimal(getattr(figures, figure)) > 0


def test_it_gives_a_submission_longer_where_a_webhook_may_come(evidence: Evidence) -> None:
    hesitate_to_submit(evidence)
    evidence.uses_webhooks = True
    assert broken(evidence)[1] == ""


def test_it_excuses_only_an_answer_that_never_came(evidence: Evidence) -> None:
    # What nobody knows is given back, so only this check is asked.
    lose_an_answer(evidence)
    (seen,) = evidence.submissions[evidence.generations[0].pk]
    seen.status = None
    figures = Figures("alone")
    assert list(promises.check_delivery(evidence, figures)) == []
    assert (figures.unknown, figures.lost) == (1, 0)


def test_it_excuses_an_answer_that_was_lost_on_its_way(evidence: Evidence) -> None:
    lose_an_answer(evidence)
    evidence.part.loses_answers = True
    assert list(promises.check_delivery(evidence, Figures("alone"))) == []


@pytest.fixture
def crowded(stage: Stage) -> Evidence:
    """Ten people, of whom one pressed first and most, and whose turns have all come."""
    stage.begin("ten people")
    first, *others = [User.objects.create_user(f"person-{number}") for number in range(10)]
    for person, count in [(first, 40), *((other, 4) for other in others)]:
        ledger.grant(person, Decimal(1000), note="For the tests", created_by=None)
        lifecycle.create(person, "flux-dev", {"prompt": "a fox"}, count=count)
    stage.part.all_wait_from = timezone.now()
    while claimed := lifecycle.claim():
        for generation in claimed:
            lifecycle.fail(generation, FailureCode.PROVIDER_ERROR)
    return judged(stage)


def test_it_measures_fair_turns(crowded: Evidence) -> None:
    figures = Figures("alone")
    assert list(promises.check_fairness(crowded, figures)) == []
    assert figures.jain is not None
    assert figures.jain > 0.99


def test_it_sees_that_the_oldest_go_first(crowded: Evidence) -> None:
    turns = [event for row in crowded.generations for event in row.events.all() if event.kind == "submitting"]
    for pk, event in zip(sorted(event.pk for event in turns), turns, strict=True):
        event.pk = pk
    figures = Figures("alone")
    (found,) = promises.check_fairness(crowded, figures)
    assert found.sentence.endswith("Jain 0.100")


def test_it_says_that_too_few_have_waited(crowded: Evidence) -> None:
    crowded.part.all_wait_from = timezone.now()
    (found,) = promises.check_fairness(crowded, Figures("alone"))
    assert found.sentence.startswith("0 starts")


def test_each_line_of_the_log_is_some_scenarios(stage: Stage) -> None:
    for name in ("first", "second"):
        stage.site.log.write_text(f"{stage.site.log.read_text()}before {name}\n")
        stage.begin(name)
    stage.site.log.write_text(f"{stage.site.log.read_text()}at the end\n")
    stage.end()
    logs = [part.log for part in proof_evidence.collect(stage, [])]
    assert logs == ["before first\nbefore second\n", "at the end\n"]

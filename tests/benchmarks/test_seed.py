"""The site that benchmarks are run on is one that the real one could have become."""

from __future__ import annotations

from pathlib import Path

from django.contrib.auth.models import User

from benchmarks import seed
from generations import doctor
from generations.gallery.query import parse
from generations.models import CreditEntry, GeneratedImage, Generation, Picture

COUNT = 2_000


def test_it_fills_a_site_in_which_all_adds_up(transactional_db: None, media: Path) -> None:
    seed.fill(COUNT)
    made = Generation.objects.filter(status="succeeded").count()
    assert Generation.objects.count() == COUNT
    assert GeneratedImage.objects.count() == Picture.objects.count() == made
    kinds = [CreditEntry.objects.filter(kind=kind).count() for kind in ("grant", "charge", "refund")]
    assert kinds == [seed.PEOPLE, COUNT, COUNT - made]
    checks = (doctor.check_ledger, doctor.check_search, doctor.check_files)
    assert [list(check()) for check in checks] == [[], [], []]
    person = User.objects.get(username="person1")
    params = Picture.objects.of(person).values_list("generation__params", flat=True)
    rare = sum(seed.RARE in given["prompt"] for given in params)
    assert Picture.objects.matching(person, parse(seed.RARE)).count() == rare

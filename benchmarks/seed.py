"""A believable site of any size in the database of DATABASE_URL: `python -m benchmarks.seed 10000`.

A hundred people in four years, one of them with a tenth of the pictures. Rows are written straight into the
tables and past none of their rules: the ledger's triggers look at every entry. Pictures share a few files.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fluxsite.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.management.color import no_style  # noqa: E402
from django.db import DEFAULT_DB_ALIAS, connection, connections, models, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks import vocabulary  # noqa: E402
from generations import periods  # noqa: E402
from generations.bfl import ENDPOINTS, Endpoint  # noqa: E402
from generations.credits import ledger  # noqa: E402
from generations.gallery import changes  # noqa: E402
from generations.media import images, renditions  # noqa: E402
from generations.models import (  # noqa: E402
    CreditAccount,
    CreditEntry,
    GeneratedImage,
    Generation,
    Picture,
    PictureTag,
    Tag,
)

PEOPLE = 100
YEARS = timedelta(days=4 * 365)
BATCH = 20_000
PLENTY = Decimal(1_000_000)
# So many prompts have this word, however many there are.
RARE = "axolotl"
RARE_COUNT = 200
SHAPES = ((1024, 1024), (1344, 768), (768, 1344), (1152, 896), (896, 1152), (1440, 608))
ENDPOINT_SHARES = {
    "flux-dev": 40,
    "flux-kontext-pro": 30,
    "flux-pro-1.1": 15,
    "flux-kontext-max": 8,
    "flux-pro-1.1-ultra": 5,
    "flux-pro": 2,
}


@dataclass(frozen=True, slots=True)
class Press:
    """What one press bought: pictures of one prompt, of one moment."""

    person: int
    at: datetime
    endpoint: Endpoint
    shape: tuple[int, int]
    prompt: str
    count: int


def fill(count: int, *, seed: int = 0) -> None:
    """Add people and `count` generations with images and ledger to a migrated, empty database."""
    chance = random.Random(seed)
    people = _people()
    stored = {shape: _stored(people[0], shape) for shape in SHAPES}
    balances = dict.fromkeys(CreditAccount.objects.values_list("pk", flat=True), PLENTY)
    accounts = dict(CreditAccount.objects.values_list("user_id", "pk"))
    entry_ids = itertools.count(CreditEntry.objects.latest("pk").pk + 1)
    tags = _tags(people)
    for batch in _batches(_generations(count, [person.pk for person in people], chance)):
        with transaction.atomic():
            _insert(batch)
            made = [_image(generation, stored) for generation in batch if generation.is_succeeded]
            _insert(made)
            pictures = [_picture(image, chance) for image in made]
            _insert(pictures)
            _insert(list(_uses_of_tags(pictures, tags, chance)))
            _insert(list(_entries(batch, accounts, balances, entry_ids)))
    _settle()


def _people() -> list[User]:
    """Return a hundred people with plenty of credits."""
    people = User.objects.bulk_create(User(username=f"person{number}") for number in range(1, PEOPLE + 1))
    for person in people:
        ledger.grant(person, PLENTY, note="Plenty", created_by=None)
    return people


def _presses(count: int, people: Sequence[int], chance: random.Random) -> Iterator[Press]:
    """Give presses from four years ago until now. In the middle one person does so all at once."""
    prompts = vocabulary.prompts(chance)
    crowd = range(count // 2, count // 2 + min(5_000, count // 20))
    # With these a tenth of all is the first person's.
    first = (count / 10 - len(crowd)) / (count - len(crowd))
    others = [1 + 2 * chance.random() for _ in people[1:]]
    shares = [sum(others) * first / (1 - first), *others]
    step = YEARS / count
    at = timezone.now() - YEARS
    number = 0
    while number < count:
        is_crowded = number in crowd
        size = min(chance.choice((1, 1, 2, 4, 4)), count - number)
        at += timedelta() if is_crowded else step * size * 2 * chance.random()
        yield Press(
            person=people[0] if is_crowded else chance.choices(people, shares)[0],
            at=at,
            endpoint=ENDPOINTS[chance.choices(list(ENDPOINT_SHARES), list(ENDPOINT_SHARES.values()))[0]],
            shape=chance.choice(SHAPES),
            prompt=next(prompts),
            count=size,
        )
        number += size


def _generations(count: int, people: Sequence[int], chance: random.Random) -> Iterator[Generation]:
    numbers = itertools.count(
        (Generation.objects.order_by("-pk").values_list("pk", flat=True).first() or 0) + 1
    )
    step = max(count // RARE_COUNT, 1)
    for press in _presses(count, people, chance):
        for _ in range(press.count):
            number = next(numbers)
            prompt = press.prompt if number % step else f"{press.prompt}, {RARE}"
            yield _generation(number, press, prompt, chance)


def _generation(number: int, press: Press, prompt: str, chance: random.Random) -> Generation:
    fate = chance.random()
    status = "failed" if fate < 0.05 else "canceled" if fate < 0.06 else "succeeded"
    took = timedelta(seconds=press.endpoint.usual_seconds * (0.7 + chance.random()))
    seed = chance.randrange(2**32)
    return Generation(
        pk=number,
        code=uuid.UUID(int=chance.getrandbits(128), version=4),
        user_id=press.person,
        endpoint=press.endpoint.slug,
        params=_params(press, prompt),
        price=press.endpoint.price,
        bfl_price=press.endpoint.price,
        status=status,
        failure_code="content_moderated" if status == "failed" else "",
        attempts=0 if status == "canceled" else 1,
        bfl_id="" if status == "canceled" else str(uuid.UUID(int=chance.getrandbits(128))),
        seed=seed if status == "succeeded" else None,
        created_at=press.at,
        submitted_at=None if status == "canceled" else press.at,
        ready_at=press.at + took if status == "succeeded" else None,
        finished_at=press.at + took,
        seen_at=press.at + took,
    )


def _params(press: Press, prompt: str) -> dict[str, object]:
    width, height = press.shape
    size = {"width": width, "height": height}
    names = {parameter.name for parameter in press.endpoint.parameters}
    shape: dict[str, object] = {**size} if "width" in names else {"aspect_ratio": _ratio(width, height)}
    return {"prompt": prompt, **shape, "safety_tolerance": 2, "output_format": "jpeg"}


def _ratio(width: int, height: int) -> str:
    return {1024: "1:1", 1344: "16:9", 768: "9:16", 1152: "4:3", 896: "3:4", 1440: "21:9"}[width]


def _stored(person: User, shape: tuple[int, int]) -> GeneratedImage:
    """Write one picture of this shape by the way of all pictures; the row is not saved."""
    params = {"prompt": "a plain picture", "width": shape[0], "height": shape[1]}
    made = Generation(user=person, endpoint="flux-dev", params=params, created_at=timezone.now())
    image = images.store(made, vocabulary.plain_picture(shape))
    # All rows share this file and thumbnail. Renditions are named after their generation: nobody has any.
    renditions.delete(made)
    image.largest_rendition = 0
    return image


def _image(generation: Generation, stored: dict[tuple[int, int], GeneratedImage]) -> GeneratedImage:
    asked = {generation.params.get("width"), generation.params.get("aspect_ratio")}
    shape = next(shape for shape in SHAPES if asked & {shape[0], _ratio(*shape)})
    values = {
        field.attname: getattr(stored[shape], field.attname) for field in GeneratedImage._meta.concrete_fields
    }
    image = GeneratedImage(**{**values, "id": generation.pk})
    image.generation = generation
    return image


def _tags(people: Iterable[User]) -> dict[int, list[Tag]]:
    """Return the tags of each person, by their pk."""
    return {person.pk: [changes.get_tag(person, name) for name in vocabulary.TAGS] for person in people}


def _picture(image: GeneratedImage, chance: random.Random) -> Picture:
    picture = changes.picture_of(image.generation, image)
    picture.is_favourite = chance.random() < 0.03
    if chance.random() < 0.02:
        picture.trashed_at = timezone.now()
        picture.remove_at = picture.trashed_at + timedelta(days=settings.TRASH_DAYS)
    return picture


def _uses_of_tags(
    pictures: Iterable[Picture], tags: dict[int, list[Tag]], chance: random.Random
) -> Iterator[PictureTag]:
    """Give one picture in five a tag, the first ones most often."""
    for picture in pictures:
        if chance.random() < 0.2:
            of_person = tags[picture.user_id]
            tag = of_person[int(len(of_person) * chance.random() ** 2)]
            yield PictureTag(tag=tag, picture=picture)


def _entries(
    generations: Iterable[Generation],
    accounts: dict[int, int],
    balances: dict[int, Decimal],
    numbers: Iterator[int],
) -> Iterator[CreditEntry]:
    """Give the charge of each picture, and the refund of one that did not come."""
    for generation in generations:
        account = accounts[generation.user_id]
        kinds = ("charge",) if generation.is_succeeded else ("charge", "refund")
        for kind in kinds:
            amount = -generation.price if kind == "charge" else generation.price
            balances[account] += amount
            yield CreditEntry(
                pk=next(numbers),
                account_id=account,
                kind=kind,
                amount=amount,
                balance_after=balances[account],
                generation_id=generation.pk,
                bought_at=generation.created_at,
                bought_on=periods.local_day(generation.created_at),
                endpoint=generation.endpoint,
                created_at=generation.created_at,
            )


def _batches(generations: Iterator[Generation]) -> Iterator[list[Generation]]:
    while batch := list(itertools.islice(generations, BATCH)):
        yield batch


def _insert(rows: Sequence[models.Model]) -> None:
    """Write rows of one model by the quickest way that the database has."""
    if not rows:
        return
    numbered = rows[0].pk is not None
    fields = [field for field in rows[0]._meta.concrete_fields if numbered or not field.primary_key]
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    table = rows[0]._meta.db_table
    # Not through the proxy, which looks itself up at every value.
    own = connections[DEFAULT_DB_ALIAS]
    values = ([field.get_db_prep_save(getattr(row, field.attname), own) for field in fields] for row in rows)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for line in values:
                    copy.write_row(line)
        else:
            places = ", ".join(["%s"] * len(fields))
            cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", list(values))


def _settle() -> None:
    """Let the database know what is in it: where its numbers go on, and how many of what there are."""
    by_hand = [Generation, GeneratedImage, CreditEntry]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), by_hand):
            cursor.execute(statement)
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.seed", description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, help="generations to make")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes another site")
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    began = time.monotonic()
    fill(options.count, seed=options.seed)
    print(f"{options.count:,} generations in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()

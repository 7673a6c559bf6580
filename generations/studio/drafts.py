"""What stands in a person's form, on whatever device: kept as typed, limited in size and checked by nothing.

It never buys. Of two tabs the last to write wins, quietly.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from django.contrib.auth.models import User
from django.utils import timezone

from generations.models import Draft, Generation
from generations.studio import prompt_history
from generations.studio.endpoint_switch import CUSTOM_RATIO, LABELS

NAMES = frozenset({*LABELS, CUSTOM_RATIO, "endpoint", "form_for", "count", "seed_mode"})
# Of one value, in characters: more than any endpoint takes, so that a refused prompt is kept whole.
LONGEST = 20_000
# In `before`: the prompt that the last filling put there.
_FILLED = "filled"


def get(user: User) -> Draft:
    """Return a person's draft; an empty one for who had none."""
    return Draft.objects.get_or_create(user=user, defaults={"updated_at": timezone.now()})[0]


def keep(user: User, values: Mapping[str, object]) -> None:
    """Save what stands in the form now. The button of an endpoint that is switched off sends nothing."""
    _save(user, form=_trim({"endpoint": values.get("form_for"), **values}))


def replace(user: User, values: Mapping[str, object]) -> None:
    """Fill the form anew; undo brings back what stood there.

    Filled again before a word of it was changed, it still brings back what was one's own.
    """
    draft, form = get(user), _trim(values)
    if draft.form == form:
        return
    is_own = not draft.before or draft.before.get(_FILLED) != _words(draft.form)
    before = draft.form if is_own else draft.before
    _save(user, form=form, before={**before, _FILLED: _words(form)} if before else {})


def undo(user: User) -> None:
    """Bring back what stood in the form before it was filled anew. What stands there now can be brought back
    in the same way."""
    draft = get(user)
    if draft.before:
        _save(user, form=_trim(draft.before), before=draft.form)


def forget(user: User) -> None:
    """Let go of what undo would bring back."""
    _save(user, before={})


def lost_words(draft: Draft) -> str:
    """Return the prompt that only undo can bring back: it is not in the form, and not among past prompts."""
    words = _words(draft.before)
    if not words or words in _words(draft.form) or prompt_history.has(draft.user, words):
        return ""
    return words


def end_press(user: User, token: uuid.UUID) -> None:
    """Something was bought with this token: forms that are drawn from now on belong to another press.

    Not if another press has ended it already, or two tabs would be given different tokens.
    """
    Draft.objects.filter(user=user, token=token).update(token=uuid.uuid4())


def fill(form: Mapping[str, object], generation: Generation, use: str) -> dict[str, object]:
    """Return a form's values with those of a picture in their place.

    `use` says which: prompt, seed, vary (everything but the seed); else everything, with the seed that BFL
    used, so that the request is the same again.
    """
    if use == "prompt":
        return {**form, "prompt": generation.prompt}
    if use == "seed":
        return {**form, **_seed_of(generation)}
    taken = {**generation.params, "endpoint": generation.endpoint, "form_for": generation.endpoint}
    taken.pop("seed", None)
    return taken if use == "vary" else {**taken, **_seed_of(generation)}


def _seed_of(generation: Generation) -> dict[str, object]:
    seed = generation.params.get("seed") if generation.seed is None else generation.seed
    return {} if seed is None else {"seed": seed, "seed_mode": "locked"}


def _words(form: Mapping[str, str]) -> str:
    """Return the prompt as it is compared: forms send other line ends."""
    return form.get("prompt", "").replace("\r\n", "\n").strip()


def _trim(values: Mapping[str, object]) -> dict[str, str]:
    # PostgreSQL keeps no NUL.
    return {
        name: str(value).replace("\0", "")[:LONGEST]
        for name, value in values.items()
        if name in NAMES and value is not None
    }


def _save(user: User, **fields: object) -> None:
    # One statement, so that two tabs cannot both find that there is no row yet.
    Draft.objects.bulk_create(
        [Draft(user=user, updated_at=timezone.now(), **fields)],
        update_conflicts=True,
        unique_fields=["user"],
        update_fields=[*fields, "updated_at"],
    )

from __future__ import annotations

import pytest

from generations import bfl
from generations.studio.endpoint_switch import Fitted, fit

KONTEXT, DEV, PRO, ULTRA = (
    bfl.ENDPOINTS[slug] for slug in ("flux-kontext-pro", "flux-dev", "flux-pro", "flux-pro-1.1-ultra")
)
FOUR_TO_THREE = {"aspect_ratio": "4:3"}
DRAWN_BY_DEV = {"width": "1024", "height": "768", "steps": "28", "guidance": "3.0", "safety_tolerance": "2"}


def from_dev(endpoint: bfl.Endpoint, **typed: str) -> Fitted:
    return fit(endpoint, {**DRAWN_BY_DEV, **typed}, drawn=DEV)


def test_it_keeps_every_value_that_fits() -> None:
    fitted = from_dev(PRO, prompt="a heron", seed="7", steps="12", width="512", count="3", seed_mode="locked")
    kept = {"prompt": "a heron", "seed": "7", "steps": "12", "width": "512", "height": "768"}
    assert fitted == Fitted({**kept, "count": "3", "seed_mode": "locked"}, "")


def test_it_leaves_defaults_to_the_new_endpoint_and_says_nothing_of_them() -> None:
    assert from_dev(PRO, prompt="a heron").values.keys() == {"prompt", "width", "height"}


def test_the_shape_stays_whoever_chose_it() -> None:
    assert from_dev(KONTEXT, prompt="a heron") == Fitted({"prompt": "a heron", "aspect_ratio": "4:3"}, "")
    drawn_by_ultra = {"aspect_ratio": "16:9", "safety_tolerance": "2"}
    assert fit(KONTEXT, drawn_by_ultra, drawn=ULTRA) == Fitted({"aspect_ratio": "16:9"}, "")


@pytest.mark.parametrize(
    ("typed", "values", "sentence"),
    [
        ({"steps": "12"}, FOUR_TO_THREE, "Steps was left out: Kontext Pro has no such setting."),
        (
            {"steps": "12", "guidance": "4"},
            FOUR_TO_THREE,
            "Steps and guidance were left out: Kontext Pro has no such settings.",
        ),
        (
            {"width": "1376"},
            {"aspect_ratio": "16:9"},
            "Width and height became the shape 16:9: Kontext Pro takes a shape.",
        ),
        (
            {"width": "1440", "height": "256"},
            {},
            "Width and height were left out: Kontext Pro takes a shape instead.",
        ),
        ({"width": "many"}, {}, "Width and height were left out: Kontext Pro takes a shape instead."),
    ],
)
def test_it_says_what_became_of_the_rest(
    typed: dict[str, str], values: dict[str, str], sentence: str
) -> None:
    assert from_dev(KONTEXT, **typed) == Fitted(values, sentence)


@pytest.mark.parametrize(
    ("given", "values", "sentence"),
    [
        (
            {"aspect_ratio": "16:9"},
            {"width": "1344", "height": "768"},
            "The shape 16:9 became 1344 × 768: Dev takes width and height.",
        ),
        ({"aspect_ratio": "1:1"}, {"width": "1024", "height": "1024"}, ""),
        (
            {"aspect_ratio": "1:1", "aspect_ratio_custom": "5:4"},
            {"width": "1152", "height": "896"},
            "The shape 5:4 became 1152 × 896: Dev takes width and height.",
        ),
        (
            {"aspect_ratio_custom": "wide"},
            {},
            "The shape was left out: Dev takes width and height instead.",
        ),
    ],
)
def test_a_shape_becomes_a_size(given: dict[str, str], values: dict[str, str], sentence: str) -> None:
    assert fit(DEV, given, drawn=KONTEXT) == Fitted(values, sentence)


def test_what_was_asked_for_counts_more_than_what_can_be_carried_over() -> None:
    both = {"width": "1024", "height": "768", "aspect_ratio": "1:1"}
    assert fit(KONTEXT, both, drawn=DEV) == Fitted({"aspect_ratio": "1:1"}, "")
    assert fit(DEV, both, drawn=KONTEXT) == Fitted({"width": "1024", "height": "768"}, "")


def test_what_the_endpoint_would_refuse_goes_back_to_its_default() -> None:
    fitted = from_dev(PRO, steps="99")
    assert "steps" not in fitted.values
    assert fitted.sentence == "Steps 99 was left out. Steps must be a whole number from 1 to 50."


def test_a_prompt_is_never_taken_away() -> None:
    assert from_dev(KONTEXT, prompt="x" * 5000).values["prompt"] == "x" * 5000


@pytest.mark.parametrize("new", bfl.ENDPOINTS.values(), ids=lambda endpoint: endpoint.slug)
@pytest.mark.parametrize("old", bfl.ENDPOINTS.values(), ids=lambda endpoint: endpoint.slug)
def test_between_any_two_endpoints_what_is_kept_is_what_the_new_one_takes(
    old: bfl.Endpoint, new: bfl.Endpoint
) -> None:
    given = {name: str(value) for name, value in old.clean({"prompt": "a heron", "seed": "7"}).items()}
    for drawn in (old, None):
        values = {name: value for name, value in fit(new, given, drawn=drawn).values.items() if value}
        assert new.clean(values)["prompt"] == "a heron"

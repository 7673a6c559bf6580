from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from generations import bfl
from generations.bfl import Endpoint
from generations.forms import CUSTOM_RATIO, RATIOS, GenerationForm, initial_of

ENDPOINTS = pytest.mark.parametrize("endpoint", bfl.ENDPOINTS.values(), ids=lambda endpoint: endpoint.slug)
KONTEXT = bfl.ENDPOINTS["flux-kontext-pro"]
ULTRA = bfl.ENDPOINTS["flux-pro-1.1-ultra"]
PRO = bfl.ENDPOINTS["flux-pro"]
DEV = bfl.ENDPOINTS["flux-dev"]


def filled(endpoint: Endpoint, **values: Any) -> GenerationForm:
    return GenerationForm(endpoint, balance=Decimal(100), data={"prompt": "a heron", **values})


def empty(endpoint: Endpoint, balance: str = "100", **kwargs: Any) -> GenerationForm:
    return GenerationForm(endpoint, balance=Decimal(balance), **kwargs)


@ENDPOINTS
def test_it_turns_what_was_given_into_what_is_sent(endpoint: Endpoint) -> None:
    form = filled(endpoint, seed=" 7 ", prompt_upsampling="on", output_format="png")
    assert form.is_valid()
    assert form.params["seed"] == 7
    assert form.params["prompt_upsampling"] is True
    assert form.params == endpoint.clean(
        {"prompt": "a heron", "seed": 7, "prompt_upsampling": True, "output_format": "png"}
    )


@ENDPOINTS
def test_it_has_one_field_for_each_parameter(endpoint: Endpoint) -> None:
    form = empty(endpoint)
    assert [name for name in form.fields if name != CUSTOM_RATIO] == [
        parameter.name for parameter in endpoint.parameters
    ]
    assert (CUSTOM_RATIO in form.fields) == ("aspect_ratio" in form.fields)


@ENDPOINTS
def test_it_puts_every_field_in_just_one_place(endpoint: Endpoint) -> None:
    form = empty(endpoint)
    single = [form.prompt, form.seed_field, form.ratio, form.custom_ratio]
    placed = [*(field for field in single if field), *form.size_fields, *form.more_fields]
    assert sorted(field.name for field in placed) == sorted(form.fields)


@ENDPOINTS
def test_it_sends_defaults_when_only_the_prompt_is_given(endpoint: Endpoint) -> None:
    form = filled(endpoint)
    assert form.is_valid()
    assert form.params == endpoint.clean({"prompt": "a heron"})
    assert "seed" not in form.params


@ENDPOINTS
def test_it_accepts_the_values_that_it_shows_first(endpoint: Endpoint) -> None:
    values = {name: value for name, value in initial_of(endpoint, {}).items() if value is not None}
    form = filled(endpoint, **values)
    assert form.is_valid(), form.errors


def test_it_never_looks_at_fields_of_other_endpoints() -> None:
    form = filled(KONTEXT, width="1", steps="none", user="1")
    assert form.is_valid()
    assert {"width", "steps", "user"}.isdisjoint(form.params)


@pytest.mark.parametrize(
    ("endpoint", "name", "lowest", "highest"),
    [
        (DEV, "steps", 1, 50),
        (DEV, "width", 256, 1440),
        (DEV, "guidance", 1.5, 5),
        (PRO, "interval", 1, 4),
        (DEV, "safety_tolerance", 0, 6),
        (DEV, "seed", 0, 2**63 - 1),
    ],
)
def test_it_takes_the_ends_of_a_range(endpoint: Endpoint, name: str, lowest: float, highest: float) -> None:
    for value in (lowest, highest):
        form = filled(endpoint, **{name: str(value)})
        assert form.is_valid(), form.errors
        assert form.params[name] == value


@pytest.mark.parametrize(
    ("endpoint", "name", "value"),
    [
        (DEV, "steps", "0"),
        (DEV, "steps", "51"),
        (DEV, "steps", "1e1"),
        (DEV, "steps", "١٢"),
        (DEV, "steps", "9" * 5000),
        (DEV, "width", "1456"),
        (DEV, "width", "1000"),
        (DEV, "guidance", "1.49"),
        (DEV, "guidance", "inf"),
        (PRO, "interval", "0.99"),
        (DEV, "seed", "9223372036854775808"),
        (DEV, "output_format", "PNG"),
        (KONTEXT, "aspect_ratio", "1:2.5"),
        (ULTRA, "aspect_ratio", "22:9"),
    ],
)
def test_it_refuses_at_the_field_what_bfl_would_refuse(endpoint: Endpoint, name: str, value: str) -> None:
    form = filled(endpoint, **{name: value})
    assert not form.is_valid()
    assert list(form.errors) == [name]
    assert len(form.errors[name]) == 1


def test_it_prefers_the_shape_that_was_typed() -> None:
    form = filled(KONTEXT, aspect_ratio="16:9", aspect_ratio_custom=" 5 : 4 ")
    assert form.is_valid()
    assert form.params["aspect_ratio"] == "5:4"
    assert CUSTOM_RATIO not in form.params


def test_it_complains_of_a_typed_shape_where_it_was_typed() -> None:
    form = filled(KONTEXT, aspect_ratio="16:9", aspect_ratio_custom="9:1")
    assert list(form.errors) == [CUSTOM_RATIO]


def test_it_draws_shapes_with_their_pixels() -> None:
    choices = empty(ULTRA, initial=initial_of(ULTRA, {})).ratio_choices
    assert [choice.value for choice in choices] == list(RATIOS)
    assert [choice.value for choice in choices if choice.is_chosen] == ["16:9"]
    square = next(choice for choice in choices if choice.value == "1:1")
    assert (square.width, square.height, square.pixels) == (2048, 2048, "2048 × 2048")


@pytest.mark.parametrize("ratio", RATIOS)
def test_it_offers_only_shapes_that_it_takes(ratio: str) -> None:
    assert filled(KONTEXT, aspect_ratio=ratio).is_valid()


def test_it_says_what_a_press_costs_and_leaves() -> None:
    form = empty(DEV, "10")
    assert (form.total, form.left_after, form.refusal) == (Decimal("2.5"), Decimal("7.5"), "")


def test_it_lets_the_last_credits_be_spent() -> None:
    assert empty(DEV, "2.5").refusal == ""
    assert empty(DEV, "2.4999").refusal == "You are 0.0001 credits short. Ask a member of staff for more."


def test_it_marks_what_is_switched_off() -> None:
    form = empty(DEV, switched_off=frozenset({"flux-dev"}))
    off = [choice.endpoint.slug for choice in form.choices_of_endpoint if not choice.is_enabled]
    assert off == ["flux-dev"]
    assert form.refusal == "Dev is switched off at the moment. Choose another model."


def test_it_starts_from_defaults() -> None:
    initial = initial_of(DEV, {})
    assert (initial["width"], initial["height"], initial["steps"]) == (1024, 768, 28)
    assert initial["seed"] is None


def test_it_keeps_given_values_that_the_endpoint_takes() -> None:
    initial = initial_of(DEV, {"steps": "12", "seed": 0, "width": "", "height": None, "raw": True})
    assert (initial["steps"], initial["seed"]) == ("12", 0)
    assert (initial["width"], initial["height"]) == (1024, 768)
    assert "raw" not in initial


def test_it_shows_an_unusual_shape_as_typed() -> None:
    assert initial_of(KONTEXT, {"aspect_ratio": "5:4"})[CUSTOM_RATIO] == "5:4"
    assert CUSTOM_RATIO not in initial_of(KONTEXT, {"aspect_ratio": "4:3"})

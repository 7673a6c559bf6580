from __future__ import annotations

from typing import Any

import pytest

from generations import bfl
from generations.bfl import Endpoint
from generations.studio.aspect_ratios import RATIOS
from generations.studio.endpoint_switch import CUSTOM_RATIO
from generations.studio.form import GenerationForm, initial_of

ENDPOINTS = pytest.mark.parametrize("endpoint", bfl.ENDPOINTS.values(), ids=lambda endpoint: endpoint.slug)
KONTEXT = bfl.ENDPOINTS["flux-kontext-pro"]
ULTRA = bfl.ENDPOINTS["flux-pro-1.1-ultra"]
PRO = bfl.ENDPOINTS["flux-pro"]
DEV = bfl.ENDPOINTS["flux-dev"]


def filled(endpoint: Endpoint, **values: Any) -> GenerationForm:
    return GenerationForm(endpoint, data={"prompt": "a heron", **values})


def empty(endpoint: Endpoint, **values: Any) -> GenerationForm:
    return GenerationForm(endpoint, initial=initial_of(endpoint, values))


def params_of(form: GenerationForm) -> dict[str, Any]:
    assert form.is_valid(), form.errors
    (params,) = form.requests
    return params


def seeds_of(form: GenerationForm) -> list[object]:
    assert form.is_valid(), form.errors
    return [params.get("seed") for params in form.requests]


@ENDPOINTS
def test_it_turns_what_was_given_into_what_is_sent(endpoint: Endpoint) -> None:
    form = filled(endpoint, seed=" 7 ", prompt_upsampling="on", output_format="png")
    params = params_of(form)
    assert params["seed"] == 7
    assert params["prompt_upsampling"] is True
    assert params == endpoint.clean(
        {"prompt": "a heron", "seed": 7, "prompt_upsampling": True, "output_format": "png"}
    )


@ENDPOINTS
def test_it_has_one_field_for_each_parameter(endpoint: Endpoint) -> None:
    form = empty(endpoint)
    assert [name for name in form.fields if name != CUSTOM_RATIO] == [
        *(parameter.name for parameter in endpoint.parameters),
        "count",
        "seed_mode",
    ]
    assert (CUSTOM_RATIO in form.fields) == ("aspect_ratio" in form.fields)


@ENDPOINTS
def test_it_puts_every_field_in_just_one_place(endpoint: Endpoint) -> None:
    form = empty(endpoint)
    single = [form.prompt, form.seed_field, form.ratio, form.custom_ratio, form.count_field]
    more = [setting.field for setting in form.more]
    placed = [*(field for field in single if field), *form.size_fields, *more]
    assert sorted([*(field.name for field in placed), "seed_mode"]) == sorted(form.fields)


@ENDPOINTS
def test_it_sends_defaults_when_only_the_prompt_is_given(endpoint: Endpoint) -> None:
    form = filled(endpoint)
    assert params_of(form) == endpoint.clean({"prompt": "a heron"})
    assert "seed" not in params_of(form)


@ENDPOINTS
def test_it_accepts_the_values_that_it_shows_first(endpoint: Endpoint) -> None:
    values = {name: value for name, value in initial_of(endpoint, {}).items() if value is not None}
    form = filled(endpoint, **values)
    assert form.is_valid(), form.errors


def test_it_never_looks_at_fields_of_other_endpoints() -> None:
    form = filled(KONTEXT, width="1", steps="none", user="1")
    assert {"width", "steps", "user"}.isdisjoint(params_of(form))


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
        assert params_of(form)[name] == value


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
    assert params_of(form)["aspect_ratio"] == "5:4"
    assert CUSTOM_RATIO not in params_of(form)


def test_it_complains_of_a_typed_shape_where_it_was_typed() -> None:
    form = filled(KONTEXT, aspect_ratio="16:9", aspect_ratio_custom="9:1")
    assert list(form.errors) == [CUSTOM_RATIO]


def test_it_draws_shapes_with_their_pixels() -> None:
    shapes = empty(ULTRA).shapes
    assert [shape.ratio for shape in shapes] == list(RATIOS)
    assert [shape.ratio for shape in shapes if shape.is_chosen] == ["16:9"]
    square = next(shape for shape in shapes if shape.ratio == "1:1")
    assert (square.width, square.height, square.pixels) == (2048, 2048, "2048 × 2048")


def test_it_marks_the_ratio_that_a_size_nearly_has() -> None:
    shapes = empty(DEV, width="1376", height="768").shapes
    assert [shape.ratio for shape in shapes if shape.is_chosen] == ["16:9"]


@pytest.mark.parametrize("endpoint", [DEV, PRO])
def test_it_offers_only_sizes_that_the_endpoint_takes(endpoint: Endpoint) -> None:
    for shape in empty(endpoint).shapes:
        assert filled(endpoint, width=str(shape.width), height=str(shape.height)).is_valid(), shape


@pytest.mark.parametrize(
    ("endpoint", "values", "drawn"),
    [
        (KONTEXT, {"aspect_ratio": "16:9"}, "16:9"),
        (KONTEXT, {"aspect_ratio_custom": "5:4"}, "1152 × 912"),
        (KONTEXT, {"aspect_ratio_custom": "wide"}, "1:1"),
        (DEV, {"width": "512", "height": "512"}, "1:1"),
        (DEV, {"width": "1440", "height": "256"}, "1440 × 256"),
        (DEV, {"width": "many"}, "4:3"),
    ],
)
def test_it_draws_the_shape_that_stands_in_it(endpoint: Endpoint, values: dict[str, str], drawn: str) -> None:
    assert empty(endpoint, **values).shape.told == drawn


@pytest.mark.parametrize("ratio", RATIOS)
def test_it_offers_only_shapes_that_it_takes(ratio: str) -> None:
    assert filled(KONTEXT, aspect_ratio=ratio).is_valid()


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


def test_it_asks_for_as_many_pictures_as_were_counted() -> None:
    assert seeds_of(filled(DEV, count="3")) == [None, None, None]


@pytest.mark.parametrize("count", ["0", "-1", "101", "2.5", "many", "1e2", "٣"])
def test_it_refuses_a_count_that_is_none(count: str) -> None:
    form = filled(DEV, count=count)
    assert form.errors == {"count": ["Count must be a whole number from 1 to 100."]}
    assert form.count == 1


def test_a_random_seed_is_bfls_own_whatever_stood_there() -> None:
    assert seeds_of(filled(DEV, count="2", seed_mode="random", seed="7")) == [None, None]


def test_a_locked_seed_is_the_same_for_all() -> None:
    form = filled(DEV, count="2", seed_mode="locked", seed="7")
    assert seeds_of(form) == [7, 7]
    assert form.makes_the_same_again
    assert not filled(DEV, count="2", seed_mode="counting", seed="7").makes_the_same_again


def test_a_seed_that_counts_up_gives_each_picture_the_next() -> None:
    assert seeds_of(filled(DEV, count="3", seed_mode="counting", seed="7")) == [7, 8, 9]


def test_all_that_differs_between_the_pictures_is_the_seed() -> None:
    form = filled(DEV, count="2", seed_mode="counting", seed="7", steps="12")
    assert form.is_valid()
    first, second = form.requests
    assert {**first, "seed": 8} == second


def test_a_seed_counts_to_the_largest_and_no_further() -> None:
    largest = 2**63 - 1
    assert seeds_of(filled(DEV, count="2", seed_mode="counting", seed=str(largest - 1)))[-1] == largest
    beyond = filled(DEV, count="2", seed_mode="counting", seed=str(largest))
    assert beyond.errors == {"seed": [f"The seeds would count beyond {largest}. Begin lower."]}


@pytest.mark.parametrize("mode", ["locked", "counting"])
def test_a_seed_that_is_wanted_must_be_given(mode: str) -> None:
    assert filled(DEV, seed_mode=mode).errors == {"seed": ["Write the seed to use, or choose a random one."]}


def test_it_refuses_another_way_to_choose_seeds() -> None:
    assert list(filled(DEV, seed_mode="lucky").errors) == ["seed_mode"]


@pytest.mark.parametrize(
    ("values", "mode"), [({}, "random"), ({"seed": 0}, "locked"), ({"seed": ""}, "random")]
)
def test_a_seed_without_a_mode_is_locked(values: dict[str, Any], mode: str) -> None:
    assert initial_of(DEV, values)["seed_mode"] == mode


def test_it_knows_what_is_not_as_it_was_at_first() -> None:
    changed = [s.field.name for s in empty(DEV, steps="12", prompt_upsampling="true").more if s.is_changed]
    assert changed == ["steps", "prompt_upsampling"]
    assert not any(setting.is_changed for setting in empty(PRO).more)


@ENDPOINTS
def test_each_setting_under_more_has_a_sentence_of_help(endpoint: Endpoint) -> None:
    assert all(setting.field.help_text for setting in empty(endpoint).more)

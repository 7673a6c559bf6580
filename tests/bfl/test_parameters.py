from __future__ import annotations

import pytest

from generations.bfl import ENDPOINTS, InvalidParameters

PROMPT_MISSING = "Write what you want to see."
RATIO_FORM = "Shape must be two whole numbers with a colon, such as 16:9."
RATIO_RANGE = "Shape must lie between 3:7 and 7:3."
SIZE = "must be a whole number from 256 to 1440, in steps of 32."
GUIDANCE = "Guidance must be a number from 1.5 to 5."
HUGE = pytest.param(10**400, id="huge")
MANY_NINES = pytest.param("9" * 5000, id="many nines")


def clean(name: str, value: object, endpoint: str = "flux-dev") -> object:
    return ENDPOINTS[endpoint].clean({"prompt": "a lighthouse", name: value})[name]


def refusal(name: str, value: object, endpoint: str = "flux-dev") -> str:
    """Return the sentence that this value gets, and see that no other parameter is blamed."""
    with pytest.raises(InvalidParameters) as refused:
        clean(name, value, endpoint)
    assert list(refused.value.errors) == [name]
    return refused.value.errors[name]


@pytest.mark.parametrize("prompt", [None, "", "   ", "\n\t ", "\u2003"])
def test_it_asks_for_a_prompt(prompt: object) -> None:
    assert refusal("prompt", prompt) == PROMPT_MISSING


def test_it_asks_for_a_prompt_that_was_left_out() -> None:
    with pytest.raises(InvalidParameters) as refused:
        ENDPOINTS["flux-dev"].clean({})
    assert refused.value.errors == {"prompt": PROMPT_MISSING}


def test_it_takes_a_prompt_of_4000_characters() -> None:
    assert clean("prompt", f" {'é' * 4000}\n") == "é" * 4000


def test_it_refuses_a_longer_prompt_and_says_how_long_it_is() -> None:
    assert refusal("prompt", "x" * 4001) == "Prompt is 4,001 characters long; 4,000 is the most."


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x0b", "\x1b", "\x7f", "\ud800", "\ufffe", "\uffff"])
def test_it_refuses_control_characters_in_a_prompt(character: str) -> None:
    sentence = "Prompt has a control character in it. Take it out and try again."
    assert refusal("prompt", f"a{character}b") == sentence


def test_it_keeps_lines_and_tabs_of_a_prompt() -> None:
    assert clean("prompt", "one\r\ntwo\tthree 🌊\n") == "one\ntwo\tthree 🌊"


@pytest.mark.parametrize("prompt", [5, True, 1.5, ["a"], {"a": 1}, b"bytes"])
def test_it_refuses_a_prompt_that_is_no_text(prompt: object) -> None:
    assert refusal("prompt", prompt) == "Prompt must be text."


@pytest.mark.parametrize(
    "width", [True, 512.0, "512.0", "5e2", [512], {}, "wide", "٥١٢", "５１２", "0x200", "1_024"]
)
def test_it_refuses_a_size_that_is_no_whole_number(width: object) -> None:
    assert refusal("width", width) == f"Width {SIZE}"


@pytest.mark.parametrize("height", [255, 0, -512, 1441, 1472, 300, 257, "1" * 20, MANY_NINES, HUGE])
def test_it_refuses_a_size_out_of_range_or_off_step(height: object) -> None:
    assert refusal("height", height) == f"Height {SIZE}"


def test_it_reads_numbers_from_text() -> None:
    assert clean("width", " 512 ") == 512
    assert clean("seed", "+7") == 7
    assert clean("guidance", " 2.5 ") == 2.5


def test_it_takes_a_seed_of_zero() -> None:
    assert clean("seed", 0) == 0
    assert clean("seed", "0") == 0


@pytest.mark.parametrize("seed", [-1, 2**63, "18446744073709551615", True, 1.0])
def test_it_refuses_a_seed_that_no_column_holds(seed: object) -> None:
    assert refusal("seed", seed) == "Seed must be a whole number from 0 to 9223372036854775807."


@pytest.mark.parametrize("guidance", [1.49, 5.01, "nan", "inf", "-inf", float("nan"), -2, 0, MANY_NINES])
def test_it_refuses_a_number_out_of_range(guidance: object) -> None:
    assert refusal("guidance", guidance) == GUIDANCE


@pytest.mark.parametrize("guidance", [True, [2.0], {}, "much", "2,5", b"2", HUGE, "٣", "２.５", "0_3"])
def test_it_refuses_what_is_no_number(guidance: object) -> None:
    assert refusal("guidance", guidance) == GUIDANCE


@pytest.mark.parametrize(
    ("given", "value"),
    [(True, True), (False, False), ("on", True), ("True", True), ("true", True), (" false ", False)],
)
def test_it_reads_yes_and_no(given: object, value: bool) -> None:
    assert clean("prompt_upsampling", given) is value


@pytest.mark.parametrize("given", [1, 0, 1.0, "1", "yes", "maybe", [], [True], {}])
def test_it_refuses_what_is_neither_yes_nor_no(given: object) -> None:
    assert refusal("prompt_upsampling", given).endswith(" must be true or false.")


@pytest.mark.parametrize("given", ["gif", "JPEG", "jpeg ", ".png", 1, True, ["jpeg"], {}])
def test_it_refuses_a_format_that_is_not_offered(given: object) -> None:
    assert refusal("output_format", given) == "File format must be jpeg or png."


@pytest.mark.parametrize("ratio", ["3:7", "7:3", "9:21", "21:9", "1:1", "9999:9999", "4285:9998"])
def test_it_takes_a_ratio_up_to_the_edges(ratio: str) -> None:
    assert clean("aspect_ratio", ratio, "flux-kontext-pro") == ratio


def test_it_writes_a_ratio_plainly() -> None:
    assert clean("aspect_ratio", " 016 : 9 ", "flux-pro-1.1-ultra") == "16:9"


@pytest.mark.parametrize(
    "ratio", ["299:700", "701:300", "2:5", "5:2", "1:9999", "9999:1", "3:8", "4284:9998"]
)
def test_it_refuses_a_ratio_just_outside(ratio: str) -> None:
    assert refusal("aspect_ratio", ratio, "flux-kontext-max") == RATIO_RANGE


@pytest.mark.parametrize(
    "ratio",
    ["0:1", "1:0", "0:0", "16x9", "16/9", "16:9:1", ":", "16:", "-1:1", "1.5:1", "１:１", "99999:99999"],
)
def test_it_refuses_what_is_no_ratio(ratio: str) -> None:
    assert refusal("aspect_ratio", ratio, "flux-kontext-pro") == RATIO_FORM


@pytest.mark.parametrize("ratio", [1, 1.5, True, ["1:1"], {}])
def test_it_refuses_a_ratio_that_is_no_text(ratio: object) -> None:
    assert refusal("aspect_ratio", ratio, "flux-kontext-pro") == RATIO_FORM


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize("slug", ENDPOINTS)
def test_it_takes_nothing_for_not_given(slug: str, nothing: object) -> None:
    endpoint = ENDPOINTS[slug]
    names = {parameter.name for parameter in endpoint.parameters} - {"prompt"}
    cleaned = endpoint.clean({"prompt": "x", **dict.fromkeys(names, nothing)})
    assert cleaned == endpoint.clean({"prompt": "x"})
    assert "seed" not in cleaned


def test_it_takes_false_and_zero_for_given() -> None:
    cleaned = ENDPOINTS["flux-dev"].clean({"prompt": "x", "safety_tolerance": 0, "prompt_upsampling": False})
    assert cleaned["safety_tolerance"] == 0
    assert cleaned["prompt_upsampling"] is False


def test_it_names_a_setting_that_the_endpoint_does_not_take() -> None:
    sentence = refusal("aspect_ratio", "1:1", "flux-dev")
    assert sentence.startswith("Dev has no setting called “aspect_ratio”. It takes guidance, height,")
    assert refusal("x" * 200, "1:1").count("x") < 60


def test_it_says_everything_that_is_wrong_at_once() -> None:
    with pytest.raises(InvalidParameters) as refused:
        ENDPOINTS["flux-dev"].clean({"prompt": "", "width": 1, "steps": "many", "raw": True})
    assert set(refused.value.errors) == {"prompt", "width", "steps", "raw"}
    assert all(sentence in str(refused.value) for sentence in refused.value.errors.values())


def test_it_leaves_what_was_given_alone() -> None:
    values = {"prompt": " x ", "width": "512"}
    ENDPOINTS["flux-dev"].clean(values)
    assert values == {"prompt": " x ", "width": "512"}

"""What of a form's values goes with another endpoint, and in a sentence what does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from generations.bfl import ENDPOINTS, Endpoint, parameters
from generations.bfl.parameters import Parameter
from generations.studio import aspect_ratios

CUSTOM_RATIO = "aspect_ratio_custom"
SIZE = ("width", "height")
# What is seen as a drawing, and never changes unasked.
_SHAPE = {"aspect_ratio", *SIZE}
LABELS = {parameter.name: parameter.label for entry in ENDPOINTS.values() for parameter in entry.parameters}


@dataclass(frozen=True, slots=True)
class Fitted:
    values: dict[str, str]
    sentence: str
    """What was left out or changed; empty if nothing was."""


def fit(endpoint: Endpoint, given: Mapping[str, str], *, drawn: Endpoint | None) -> Fitted:
    """Return those of the given values that an endpoint takes.

    `drawn` is the endpoint whose form they come from: what that form had filled in by itself is nobody's
    wish, so it is passed over in silence. The shape stays, whoever chose it.
    """
    values = {name: value for name, value in given.items() if value != ""}
    if custom := values.pop(CUSTOM_RATIO, ""):
        values["aspect_ratio"] = custom
    untouched = _untouched(values, drawn)
    told = _carry_shape(endpoint, values)
    said = ["" if given.keys() & _SHAPE <= untouched and not custom else told]
    values = {name: value for name, value in values.items() if name not in untouched - _SHAPE}
    said += [_leave_out(endpoint, values), *_reset(endpoint, values)]
    return Fitted(values, " ".join(sentence for sentence in said if sentence))


def _untouched(values: Mapping[str, str], drawn: Endpoint | None) -> set[str]:
    defaults = {parameter.name: str(parameter.default) for parameter in drawn.parameters} if drawn else {}
    return {name for name, value in values.items() if defaults.get(name) == value}


def _carry_shape(endpoint: Endpoint, values: dict[str, str]) -> str:
    """Turn a size into a shape, or a shape into a size, where the endpoint takes the other and has none."""
    takes = _names(endpoint)
    sizes = [values.pop(side, "") for side in SIZE if "aspect_ratio" in takes]
    if any(sizes) and "aspect_ratio" not in values:
        values["aspect_ratio"] = aspect_ratios.ratio_of(*sizes)
        return _shape_told(endpoint, values, "Width and height", "a shape")
    if "aspect_ratio" not in takes and "aspect_ratio" in values:
        ratio = values.pop("aspect_ratio")
        if values.keys() >= set(SIZE):
            return ""
        if parameters.refusal(_RATIO, ratio):
            return f"The shape was left out: {endpoint.name} takes width and height instead."
        width, height = aspect_ratios.size_of(endpoint, ratio)
        values |= {"width": str(width), "height": str(height)}
        return f"The shape {ratio} became {width} × {height}: {endpoint.name} takes width and height."
    return ""


def _shape_told(endpoint: Endpoint, values: dict[str, str], what: str, instead: str) -> str:
    ratio = values["aspect_ratio"]
    if not ratio or parameters.refusal(_parameter(endpoint, "aspect_ratio"), ratio):
        del values["aspect_ratio"]
        return f"{what} were left out: {endpoint.name} takes {instead} instead."
    return f"{what} became the shape {ratio}: {endpoint.name} takes {instead}."


def _leave_out(endpoint: Endpoint, values: dict[str, str]) -> str:
    """Take out what the endpoint has no setting for."""
    foreign = [name for name in LABELS if name in values and name not in _names(endpoint)]
    for name in foreign:
        del values[name]
    if not foreign:
        return ""
    were = "were" if len(foreign) > 1 else "was"
    such = "no such settings" if len(foreign) > 1 else "no such setting"
    return f"{_listed([LABELS[name] for name in foreign])} {were} left out: {endpoint.name} has {such}."


def _reset(endpoint: Endpoint, values: dict[str, str]) -> list[str]:
    """Take out what the endpoint would refuse, so that its default stands there; never a prompt."""
    sentences = []
    for parameter in endpoint.parameters:
        value = values.get(parameter.name, "")
        if not value or parameter.name == "prompt" or not (refusal := parameters.refusal(parameter, value)):
            continue
        del values[parameter.name]
        sentences.append(f"{parameter.label} {value[:20]} was left out. {refusal}")
    return sentences


# What a ratio has to be at any endpoint that takes one.
_RATIO = next(
    parameter
    for entry in ENDPOINTS.values()
    for parameter in entry.parameters
    if isinstance(parameter, parameters.Ratio)
)


def _parameter(endpoint: Endpoint, name: str) -> Parameter:
    return next(parameter for parameter in endpoint.parameters if parameter.name == name)


def _names(endpoint: Endpoint) -> set[str]:
    return {parameter.name for parameter in endpoint.parameters}


def _listed(labels: list[str]) -> str:
    """Return labels as one reads them out: Steps, guidance and interval."""
    lower = [labels[0], *(label[0].lower() + label[1:] for label in labels[1:])]
    return " and ".join([", ".join(lower[:-1]), lower[-1]]) if len(lower) > 1 else lower[0]

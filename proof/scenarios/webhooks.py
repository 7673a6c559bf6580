"""BFL's webhooks go mad, and strangers call."""

from __future__ import annotations

from proof.stage import Stage

# What happens to the calls for one generation; several at once where it says so.
_FATES = (
    ("lost",),
    ("duplicated",),
    ("late",),
    ("early",),
    ("old_payload",),
    ("progress", "duplicated"),
    ("forged",),
    ("oversized",),
    ("malformed",),
    ("foreign",),
    ("chunked",),
    ("wrong_secret",),
    ("no_secret",),
    ("no_result",),
    ("forged", "foreign", "malformed", "oversized", "lost"),
    ("late", "duplicated", "progress"),
)
_SECONDS = {"late": 5.0, "progress": 1.0}
# What is about another task is taken and put aside while ours is not known yet.
_ANSWERS = {"forged": {401}, "oversized": {413}, "malformed": {400}, "foreign": {400, 200}}


def play(stage: Stage) -> None:
    stage.sandbox.settings.latency = (1.0, 2.0)
    for fate in _FATES:
        for kind in fate:
            stage.sandbox.faults.script(
                "webhook", kind, prompt=_mark(fate), seconds=_SECONDS.get(kind, 0.0), times=None
            )
    prompts = [stage.prompt(_mark(fate)) for fate in _FATES * (8 if stage.lane.is_long else 2)]
    stage.press_together(stage.people(5), prompts, "flux-dev")
    stage.say(f"{len(prompts)} generations, whose webhooks are {', '.join(sorted(_kinds()))}")
    try:
        stage.wait_until_finished(150)
    finally:
        _check_refusals(stage, prompts)


def _kinds() -> set[str]:
    return {kind for fate in _FATES for kind in fate}


def _mark(fate: tuple[str, ...]) -> str:
    return f"<{' '.join(fate)}>"


def _check_refusals(stage: Stage, prompts: list[str]) -> None:
    """Who does not know the secret, or says what cannot be, has been told so."""
    for task in filter(None, map(stage.task_of, prompts)):
        for call in task.webhook_calls:
            is_stranger = call.secret != task.params["webhook_secret"]
            expected = {401} if is_stranger else _ANSWERS.get(call.kind, {200})
            stage.promise(
                call.status in expected, f"a call ({call.kind}) was answered {call.status} {call.error}"
            )

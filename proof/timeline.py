"""What there is to read about a broken promise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from generations.models import Generation
from proof.evidence import Evidence
from proof.promises import Finding

LOG_TAIL = 400


def write(folder: Path, evidence: Evidence, findings: Sequence[Finding]) -> Path:
    """Write what happened to each generation of the findings, and the log's end; return the file."""
    path = folder / f"{evidence.part.name.lower().replace(' ', '-').replace(',', '')}.txt"
    lines = [str(finding) for finding in findings]
    for generation in {finding.generation: None for finding in findings if finding.generation}:
        lines += ["", *_timeline(generation, evidence)]
    lines += ["", "The log of the site", "", *evidence.log.splitlines()[-LOG_TAIL:]]
    path.write_text("\n".join(lines) + "\n")
    return path


def _timeline(generation: Generation, evidence: Evidence) -> Iterator[str]:
    yield f"{generation.code} ({generation.endpoint}, {generation.prompt}) of {generation.user}"
    for event in generation.events.all():
        yield f"  {event.created_at:%H:%M:%S.%f}  {event}"
    for entry in generation.entries.all():
        yield f"  {entry.created_at:%H:%M:%S.%f}  {entry}"
    for task in evidence.tasks.get(generation.pk, []):
        yield f"  BFL: {task.id} {task.status}, taken at {task.accepted_at:.1f}, ready at {task.ready_at:.1f}"
        for call in task.webhook_calls:
            yield f"    called at {call.at:.1f} ({call.kind}): {call.status} {call.error}"
        for seen in evidence.requests:
            if seen.task_id == task.id:
                asked = f"{seen.method} {seen.path[:40]} {seen.status} {seen.fault or ''}"
                yield f"    asked at {seen.at:.1f}: {asked}"

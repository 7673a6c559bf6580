from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
from django.conf import settings

from fluxsite.redaction import RedactingFilter, redact

SECRET = "s3cr3t-V%2Flue%3D"


@pytest.mark.parametrize(
    "text",
    [
        f"https://bfldeliveryscus.blob.core.windows.net/a.jpeg?se=2026&sp=r&sig={SECRET}",
        f"https://delivery.eu1.bfl.ai/a.jpeg?sig={SECRET}&se=2026",
        f"https://delivery.eu1.bfl.ai/a.jpeg?Signature={SECRET}",
        f'<a href="https://delivery.eu1.bfl.ai/a.jpeg?se=1&sig={SECRET}">',
        f"https://delivery.eu1.bfl.ai/a.jpeg?se=1&amp;sig={SECRET}",
        f"https://example.com/?token={SECRET}",
        f"https://s3.example/a.jpeg?X-Amz-Signature={SECRET}",
        f"https://s3.example/a.jpeg?X-Amz-Credential={SECRET}&X-Amz-Date=20261201",
        f"https://s3.example/a.jpeg?a=1&X-Amz-Security-Token={SECRET}",
        f"https://s3.example/a.jpeg?AWSAccessKeyId={SECRET}&Expires=1",
        f"https://storage.example/a.jpeg?x-goog-signature={SECRET}",
        f"https://storage.example/a.jpeg?X-Goog-Credential={SECRET}",
        f"https://storage.example/a.jpeg?GoogleAccessId={SECRET}",
        f"https://cdn.example/a.jpeg?Policy={SECRET}&Key-Pair-Id=x",
        f"redis://:{SECRET}@redis.example:6379/0",
        f"postgres://fluxsite:{SECRET}@db.example/fluxsite",
        f"Proxy-Authorization: Basic {SECRET}",
        f"X-Amz-Security-Token: {SECRET}",
        f"x-key: {SECRET}",
        f"X-Key={SECRET}",
        f"{{'x-key': '{SECRET}', 'Accept': '*/*'}}",
        f'{{"webhook_secret":"{SECRET}"}}',
        f"X-Webhook-Secret: {SECRET}",
        f"'HTTP_X_WEBHOOK_SECRET': '{SECRET}'",
        f"Authorization: {SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"authorization=Basic {SECRET}",
    ],
)
def test_it_takes_secrets_out(text: str) -> None:
    assert SECRET not in redact(text)
    assert "…" in redact(text)


def test_it_leaves_the_rest_of_the_text() -> None:
    text = f'GET https://a.bfl.ai/x.jpeg?se=2026&sig={SECRET}&sp=r "403" x-key: {SECRET}, done'
    assert redact(text) == 'GET https://a.bfl.ai/x.jpeg?se=2026&sig=…&sp=r "403" x-key: …, done'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a signature look",
        "design=1",
        "https://a/?design=1&assign=2",
        "key: 5",
        "mail to ben@example.com",
        "https://a/b@c",
    ],
)
def test_it_leaves_other_text_alone(text: str) -> None:
    assert redact(text) == text


@pytest.fixture
def logger() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.addFilter(RedactingFilter())
    logger = logging.getLogger("tests.redaction")
    logger.propagate = False
    logger.addHandler(handler)
    yield logger, lines
    logger.removeHandler(handler)


def test_it_redacts_the_finished_message(logger: tuple[logging.Logger, io.StringIO]) -> None:
    log, lines = logger
    log.warning("Fetching %s took %.1f s", f"https://a.bfl.ai/x?sig={SECRET}", 0.25)
    assert lines.getvalue() == "Fetching https://a.bfl.ai/x?sig=… took 0.2 s\n"


def test_it_redacts_tracebacks(logger: tuple[logging.Logger, io.StringIO]) -> None:
    log, lines = logger
    try:
        raise ValueError(f"https://a.bfl.ai/x?sig={SECRET}")
    except ValueError:
        log.exception("Failed")
    assert "Traceback" in lines.getvalue()
    assert "x?sig=…" in lines.getvalue()
    assert SECRET not in lines.getvalue()


def test_it_lets_percent_signs_pass(logger: tuple[logging.Logger, io.StringIO]) -> None:
    log, lines = logger
    log.warning("%s", "100 % of %s")
    assert lines.getvalue() == "100 % of %s\n"


def test_it_breaks_nothing_when_a_message_does_not_fit_its_arguments() -> None:
    # What a filter raises ends up in the code that wanted to log; what a handler raises does not.
    record = logging.LogRecord("x", logging.WARNING, __file__, 1, "%d pictures", ("some",), None)
    assert RedactingFilter().filter(record)


def test_it_is_in_front_of_every_handler() -> None:
    logs: dict[str, dict[str, dict[str, str]]] = settings.LOGGING  # type: ignore[assignment]  # as in settings.py
    assert all("redact" in handler["filters"] for handler in logs["handlers"].values())
    name = logs["filters"]["redact"]["()"]
    assert name == f"{RedactingFilter.__module__}.{RedactingFilter.__name__}"

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from generations.bfl import BFLError, Client, Hosts, Status, Submission, errors
from generations.bfl import client as bfl_client
from generations.bfl.parameters import Value
from sandbox import Sandbox
from tests.bfl.conftest import KEY, Server, client_at

PARAMS: dict[str, Value] = {"prompt": "a lighthouse — “dusk” 🌊", "width": 256, "height": 256, "seed": 7}
JSON = {"Content-Type": "application/json"}
NOT_SENT = (errors.Unreachable, errors.RateLimited, errors.InsufficientFunds, errors.Unauthorized)

# What BFL and the proxies in front of it answer, and the error that it stands for.
ANSWERS: list[tuple[int, object, type[BFLError]]] = [
    (400, {"detail": "Finetune not found or not ready"}, errors.InvalidRequest),
    (401, {"detail": "Unauthorized"}, errors.Unauthorized),
    (402, {"detail": "Insufficient credits"}, errors.InsufficientFunds),
    (403, {"detail": "Not authenticated - Invalid Authentication"}, errors.Unauthorized),
    (404, {"detail": "Not Found"}, errors.NotFound),
    (422, {"detail": [{"loc": ["body", "width"], "msg": "too small", "type": "x"}]}, errors.InvalidRequest),
    (429, {"detail": "Too many active tasks"}, errors.RateLimited),
    (500, "<html><h1>Internal Server Error</h1></html>", errors.ServerError),
    (502, "<html><h1>Bad Gateway</h1></html>", errors.ServerError),
    (503, {"message": "Service Unavailable"}, errors.ServerError),
    (504, None, errors.ServerError),
    (405, {"detail": "Method Not Allowed"}, errors.UnexpectedAnswer),
    (302, "<html>moved</html>", errors.UnexpectedAnswer),
]
NO_TASK: list[object] = [
    "<html>Welcome</html>",
    '{"id": "abc"',
    "",
    pytest.param("[" * 100_000, id="deep"),
    pytest.param("9" * 5000, id="huge"),
    None,
    [],
    {},
    {"id": None},
    {"id": ""},
    {"id": 5},
    {"status": "Pending"},
]


def submit(client: Client) -> Submission:
    return client.submit("flux-dev", PARAMS)


def refuse(client: Client) -> BFLError:
    with pytest.raises(BFLError) as caught:
        submit(client)
    return caught.value


# Time


def test_an_answer_that_comes_bit_by_bit_is_not_waited_for(
    client: Client, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = str(submit(client).polling_url)
    while not (sample := client.get_result(url).sample_url):
        pass
    sandbox.faults.script("download", "slow", seconds=20)
    monkeypatch.setattr(bfl_client, "_DOWNLOAD_SECONDS", 0.3)
    with pytest.raises(errors.NoAnswer, match="not whole in time"):
        client.download(sample, max_bytes=10_000_000)


def test_the_time_for_a_picture_counts_from_the_request_on(
    client: Client, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = picture_url(client, sandbox)
    sandbox.faults.script("download", "hang", seconds=0.5)
    monkeypatch.setattr(bfl_client, "_DOWNLOAD_SECONDS", 0.3)
    with pytest.raises(errors.NoAnswer, match="not whole in time"):
        client.download(url, max_bytes=10_000_000)


def test_a_look_may_be_shorter_than_usual(client: Client, sandbox: Sandbox) -> None:
    url = str(submit(client).polling_url)
    sandbox.faults.script("poll", "hang", seconds=1)
    with pytest.raises(errors.NoAnswer):
        client.get_result(url, timeout=0.1)


# Submissions


def test_it_sends_exactly_the_parameters(client: Client, sandbox: Sandbox) -> None:
    submission = submit(client)
    [seen] = sandbox.requests
    assert (seen.method, seen.path, seen.body) == ("POST", "/v1/flux-dev", PARAMS)
    assert submission.id in sandbox.tasks
    assert submission.cost is None


def test_it_gives_back_the_polling_address_as_it_came(client: Client, sandbox: Sandbox) -> None:
    submission = submit(client)
    assert submission.polling_url == f"{sandbox.url}/v1/get_result?id={submission.id}"


def test_it_adds_the_webhook_to_the_parameters(client: Client, sandbox: Sandbox) -> None:
    hook = {"webhook_url": "http://127.0.0.1:9/hook", "webhook_secret": "sésame"}
    submission = client.submit("flux-dev", PARAMS, **hook)
    assert sandbox.requests[-1].body == {**PARAMS, **hook}
    assert submission.polling_url is None
    assert submission.id in sandbox.tasks


@pytest.mark.parametrize("hook", [{"webhook_url": "http://127.0.0.1:9/"}, {"webhook_secret": "sesame"}])
def test_it_sends_no_webhook_without_address_and_secret(
    hook: dict[str, str], client: Client, sandbox: Sandbox
) -> None:
    client.submit("flux-dev", PARAMS, **hook)
    assert sandbox.requests[-1].body == PARAMS


def test_it_sends_the_key_in_its_header_only(server: Server, server_client: Client) -> None:
    server.will_say({"id": "abc"})
    submit(server_client)
    [received] = server.received
    assert [name for name, value in received.headers.items() if KEY in value] == ["x-key"]
    assert KEY not in received.target
    assert KEY.encode() not in received.body
    assert received.headers["content-type"] == "application/json"


def test_it_keeps_to_the_path_of_the_endpoint(server: Server, server_client: Client) -> None:
    server.will_say({"id": "abc"})
    server_client.submit("../v1/credits?x=", {})
    assert server.received[0].target == "/v1/..%2Fv1%2Fcredits%3Fx%3D"


def test_it_reads_the_cost_without_its_noise(server: Server, server_client: Client) -> None:
    server.will_say({"id": "abc", "polling_url": None, "cost": 7.000000000000001, "input_mp": 0.0})
    submission = submit(server_client)
    assert submission == Submission(id="abc", polling_url=None, cost=Decimal("7"))


@pytest.mark.parametrize(("status", "body", "kind"), ANSWERS, ids=[str(row[0]) for row in ANSWERS])
def test_it_raises_the_error_of_the_status(
    status: int, body: object, kind: type[BFLError], client: Client, sandbox: Sandbox
) -> None:
    sandbox.faults.script("submit", "answer", status=status, body=body)
    error = refuse(client)
    assert type(error) is kind
    assert f"POST /v1/flux-dev: {status}" in str(error)
    assert error.permanent is (status in (400, 404, 422))


def test_it_never_repeats_a_submission(client: Client, sandbox: Sandbox) -> None:
    for status in (429, 500, 503):
        sandbox.faults.script("submit", "answer", status=status, headers={"Retry-After": "0"})
        refuse(client)
    assert len(sandbox.requests) == 3


def test_it_says_which_field_bfl_refused(client: Client, sandbox: Sandbox) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        client.submit("flux-dev", {"prompt": "x", "width": 100, "steps": 99})
    width, steps = caught.value.detail.split("; ")
    assert width == "width: Input should be greater than or equal to 256"
    assert steps == "steps: Input should be less than or equal to 50"


def test_it_has_words_for_a_refusal_without_any(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "answer", status=422, body="<html>no</html>")
    error = refuse(client)
    assert isinstance(error, errors.InvalidRequest)
    assert error.detail == "BFL answered 422."


@pytest.mark.parametrize("detail", [[], ["plain"], [{"loc": [], "msg": "m"}], [{}], [None], {"a": 1}, 5])
def test_it_survives_any_shape_of_detail(detail: object, client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "answer", status=422, body={"detail": detail})
    assert type(refuse(client)) is errors.InvalidRequest


@pytest.mark.parametrize(
    ("header", "seconds"),
    [({}, None), ({"Retry-After": "7"}, 7), ({"Retry-After": "99999"}, 300), ({"Retry-After": "-1"}, None)],
)
def test_it_tells_how_long_to_wait(
    header: dict[str, str], seconds: float | None, client: Client, sandbox: Sandbox
) -> None:
    sandbox.faults.script("submit", "answer", status=429, body={"detail": "slow"}, headers=header)
    error = refuse(client)
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after == seconds


def test_it_cannot_wait_until_a_date(client: Client, sandbox: Sandbox) -> None:
    headers = {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}
    sandbox.faults.script("submit", "answer", status=429, headers=headers)
    error = refuse(client)
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after is None


@pytest.mark.parametrize("body", NO_TASK, ids=str)
def test_it_takes_no_answer_for_a_task_that_names_none(
    body: object, client: Client, sandbox: Sandbox
) -> None:
    sandbox.faults.script("submit", "answer", status=200, body=body, headers=JSON)
    assert type(refuse(client)) is errors.UnexpectedAnswer


def test_it_reads_no_more_than_a_megabyte_of_json(client: Client, sandbox: Sandbox) -> None:
    body = json.dumps({"id": "abc", "more": "x" * 2_000_000})
    sandbox.faults.script("submit", "answer", status=200, body=body, headers=JSON)
    assert type(refuse(client)) is errors.UnexpectedAnswer


def test_it_reads_no_more_than_a_megabyte_of_unpacked_json(server: Server, server_client: Client) -> None:
    packed = gzip.compress(json.dumps({"id": "abc", "more": "x" * 3_000_000}).encode())
    server.will_say(packed, headers={"Content-Encoding": "gzip"})
    assert type(refuse(server_client)) is errors.UnexpectedAnswer


# Connections


def test_it_tells_when_no_answer_came_in_time(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "hang", seconds=30)
    started = time.monotonic()
    assert type(refuse(client_at(sandbox, timeout=0.1))) is errors.NoAnswer
    assert time.monotonic() - started < 5


def test_it_tells_when_nobody_listens() -> None:
    with Sandbox(key=KEY) as sandbox:
        client = client_at(sandbox)
    assert type(refuse(client)) is errors.Unreachable


def test_it_tells_when_the_connection_broke_after_sending(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "drop", accepted=True)
    assert type(refuse(client)) is errors.NoAnswer
    assert len(sandbox.requests) == len(sandbox.tasks) == 1


def test_it_tells_when_the_answer_broke_off(server: Server, server_client: Client) -> None:
    server.will_say(b'{"id": "ab', headers={"Content-Length": "500"})
    assert type(refuse(server_client)) is errors.NoAnswer


def test_it_tells_when_no_connection_came_about_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generations.bfl.client._CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        host = f"127.0.0.1:{full.getsockname()[1]}"
        waiting = [socket.create_connection(full.getsockname())]
        hosts = Hosts(extra=frozenset({host}))
        client = Client(KEY, base_url=f"http://{host}", hosts=hosts, timeout=0.1)
        assert type(refuse(client)) is errors.Unreachable
        waiting[0].close()


@pytest.fixture
def noisy_tls(tmp_path: Path) -> Iterator[tuple[Client, Path]]:
    """A host that takes one request over TLS and then answers with noise, and its certificate."""
    certificate = tmp_path / "certificate.pem"
    _make_certificate(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        threading.Thread(target=_answer_with_noise, args=(listener, certificate), daemon=True).start()
        hosts = Hosts(extra=frozenset({host}))
        yield Client(KEY, base_url=f"https://{host}", hosts=hosts, timeout=5), certificate


def _make_certificate(path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl program")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(path)]
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"]
    result = subprocess.run([openssl, "req", "-x509", *key, *name], check=True, capture_output=True)
    with path.open("ab") as file:
        file.write(result.stdout)


def _answer_with_noise(listener: socket.socket, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with contextlib.suppress(OSError):
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(65536)
            os.write(secured.fileno(), b"noise" * 100)
            time.sleep(0.2)


def test_it_does_not_know_what_became_of_a_request_when_tls_broke_after_it(
    noisy_tls: tuple[Client, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, certificate = noisy_tls
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert type(refuse(client)) is errors.NoAnswer


def test_it_sends_nothing_to_a_host_whose_certificate_it_does_not_trust(
    noisy_tls: tuple[Client, Path],
) -> None:
    assert type(refuse(noisy_tls[0])) is errors.Unreachable


@pytest.mark.parametrize("key", ["bfl_…", "bfl_abc\nx", "bfl_abc\x00"])
def test_it_sends_nothing_with_a_key_that_fits_no_header(key: str, sandbox: Sandbox) -> None:
    hosts = Hosts(extra=frozenset(sandbox.hosts))
    with pytest.raises((ValueError, *NOT_SENT)) as caught:
        submit(Client(key, base_url=sandbox.url, hosts=hosts))
    assert not isinstance(caught.value, UnicodeError)
    assert not sandbox.requests


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_it_follows_no_redirect(status: int, client: Client, sandbox: Sandbox) -> None:
    headers = {"Location": f"{sandbox.url}/v1/credits"}
    sandbox.faults.script("submit", "answer", status=status, headers=headers)
    assert type(refuse(client)) is errors.UnexpectedAnswer
    assert [seen.path for seen in sandbox.requests] == ["/v1/flux-dev"]


def test_it_follows_no_redirect_of_a_poll(server: Server, server_client: Client) -> None:
    server.will_say({"status": "Ready"}, 302, {"Location": f"{server.url}/elsewhere"})
    with pytest.raises(errors.UnexpectedAnswer):
        server_client.get_result(f"{server.url}/v1/get_result?id=1")
    assert len(server.received) == 1


@pytest.mark.parametrize("kind", ["drop", "hang", "answer"])
def test_it_keeps_key_and_signature_out_of_its_errors(kind: str, sandbox: Sandbox) -> None:
    client = client_at(sandbox, timeout=0.1)
    url = picture_url(client, sandbox)
    sandbox.faults.script("download", kind, status=500, seconds=5)
    with pytest.raises(BFLError) as caught:
        client.download(url, max_bytes=1_000_000)
    assert "sig=" not in str(caught.value)
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_it_keeps_the_key_out_of_its_errors_when_bfl_repeats_it(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "answer", status=403, body={"detail": f"Unknown key {KEY}"})
    assert KEY not in str(refuse(client))


# Results


def polled(client: Client, sandbox: Sandbox, **answer: object) -> object:
    """Return what a poll gives when BFL answers so."""
    url = submit(client).polling_url or ""
    sandbox.faults.script("poll", "answer", **answer)
    return client.get_result(url).status


def test_it_reads_a_finished_task(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "latency", seconds=0)
    submission = submit(client)
    result = client.get_result(submission.polling_url or "")
    assert (result.status, result.word, result.seed) == (Status.READY, "Ready", 7)
    assert result.prompt == PARAMS["prompt"]
    assert result.sample_url == sandbox.sample_url(sandbox.tasks[submission.id])


def test_it_reads_a_task_in_progress(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "never")
    result = client.get_result(submit(client).polling_url or "")
    assert (result.status, result.sample_url, result.progress) == (Status.PENDING, None, None)


@pytest.mark.parametrize("address", ["https://evil.example/x", "http://api.bfl.ai/", "x", ""])
def test_it_sends_its_key_to_no_host_that_is_not_bfls(
    address: str, server_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[object] = []
    monkeypatch.setattr("requests.Session.request", lambda *args, **kwargs: sent.append(args))
    with pytest.raises(errors.ForbiddenHost):
        server_client.get_result(address)
    assert sent == []


@pytest.mark.parametrize("length", ["9" * 4300, "9" * 5000, "٣" * 20, "-1", "12abc"])
def test_an_odd_content_length_is_a_bad_download_or_none(
    length: str, server: Server, server_client: Client
) -> None:
    server.will_say(b"picture", headers={"Content-Length": length.encode().decode("latin-1")})
    with contextlib.suppress(errors.BFLError):
        assert server_client.download(f"{server.url}/a.jpeg", max_bytes=1000) == b"picture"


def test_it_polls_with_its_key_at_the_address_as_it_came(server: Server, server_client: Client) -> None:
    server.will_say({"id": "1", "status": "Pending"})
    target = "/v1/get_result?id=a%2Fb&region=eu+1&id=2&empty=&sig=a%3D%2B"
    server_client.get_result(server.url + target)
    assert server.received[0].target == target
    assert server.received[0].headers["x-key"] == KEY


@pytest.mark.parametrize("prompt", ["[request moderated]", "[content moderated]", "[error]", "[failed]"])
def test_it_reads_a_failed_task(prompt: str, client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "latency", seconds=0)
    submission = client.submit("flux-dev", {**PARAMS, "prompt": prompt})
    result = client.get_result(submission.polling_url or "")
    assert result.word.lower() == prompt.strip("[]")
    assert result.status in (Status.REQUEST_MODERATED, Status.CONTENT_MODERATED, Status.ERROR)
    assert result.reason


@pytest.mark.parametrize("body", [None, "", "<html>wait</html>", {"detail": "running"}])
def test_it_takes_202_for_in_progress(body: object, client: Client, sandbox: Sandbox) -> None:
    assert polled(client, sandbox, status=202, body=body) is Status.PENDING


@pytest.mark.parametrize("body", [{"detail": "Not Found"}, "<html>", {"id": "1", "status": "Task not found"}])
def test_it_takes_404_for_a_task_that_this_host_does_not_know(
    body: object, client: Client, sandbox: Sandbox
) -> None:
    assert polled(client, sandbox, status=404, body=body) is Status.TASK_NOT_FOUND


def test_it_finds_a_task_in_its_own_cluster_only() -> None:
    with Sandbox(key=KEY, clusters=2) as sandbox:
        client = client_at(sandbox)
        url = submit(client).polling_url or ""
        elsewhere = [client.get_result(f"http://{host}/v1/get_result{url[-40:]}") for host in sandbox.hosts]
        statuses = sorted(result.status for result in elsewhere)
    assert statuses == [Status.PENDING, Status.TASK_NOT_FOUND, Status.TASK_NOT_FOUND]


def test_it_reads_a_task_that_comes_with_422(client: Client, sandbox: Sandbox) -> None:
    url = submit(client).polling_url or ""
    body = {"id": "1", "status": "Error", "details": {"error": "Bad input"}}
    sandbox.faults.script("poll", "answer", status=422, body=body)
    result = client.get_result(url)
    assert (result.status, result.reason) == (Status.ERROR, "Bad input")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (422, {"detail": [{"loc": ["query", "id"], "msg": "Field required"}]}, errors.InvalidRequest),
        (500, "<html>Azure Front Door</html>", errors.ServerError),
        (503, {"detail": "busy"}, errors.ServerError),
        (429, {"detail": "slow down"}, errors.RateLimited),
        (403, {"detail": "no"}, errors.Unauthorized),
        (200, "<html>Welcome</html>", errors.UnexpectedAnswer),
        (200, {"id": "1"}, errors.UnexpectedAnswer),
        (200, {"status": 5}, errors.UnexpectedAnswer),
        (200, "[" * 100_000, errors.UnexpectedAnswer),
    ],
)
def test_it_raises_when_a_poll_tells_nothing(
    status: int, body: object, kind: type[BFLError], client: Client, sandbox: Sandbox
) -> None:
    with pytest.raises(BFLError) as caught:
        polled(client, sandbox, status=status, body=body)
    assert type(caught.value) is kind


# Credits


def test_it_tells_the_credits_that_are_left(client: Client, sandbox: Sandbox) -> None:
    sandbox.credits = Decimal("97.5")
    assert client.credits() == Decimal("97.5")
    assert sandbox.requests[-1].path == "/v1/credits"


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"<p>", b'{"credits":"5"}', b'{"credits":true}', b'{"credits":NaN}']
)
def test_it_takes_no_other_answer_for_credits(body: bytes, server: Server, server_client: Client) -> None:
    server.will_say(body)
    with pytest.raises(errors.UnexpectedAnswer):
        server_client.credits()


def test_it_tells_when_the_key_is_wrong(sandbox: Sandbox) -> None:
    client = Client("wrong", base_url=sandbox.url, hosts=Hosts(extra=frozenset(sandbox.hosts)))
    with pytest.raises(errors.Unauthorized):
        client.credits()


# Downloads


def picture_url(client: Client, sandbox: Sandbox) -> str:
    sandbox.faults.script("submit", "latency", seconds=0)
    return client.get_result(submit(client).polling_url or "").sample_url or ""


def picture(client: Client, sandbox: Sandbox, max_bytes: int = 1_000_000) -> bytes:
    return client.download(picture_url(client, sandbox), max_bytes=max_bytes)


def test_it_downloads_the_picture(client: Client, sandbox: Sandbox) -> None:
    content = picture(client, sandbox)
    assert content.startswith(b"\xff\xd8")
    assert content.endswith(b"\xff\xd9")
    assert sandbox.requests[-1].status == 200


def test_it_sends_no_key_for_a_picture(server: Server, server_client: Client) -> None:
    server.will_say({"credits": 5})
    server.will_say(b"picture")
    server_client.credits()
    assert server_client.download(f"{server.url}/results/a.jpeg?sig=a%2B", max_bytes=7) == b"picture"
    assert server.received[1].target == "/results/a.jpeg?sig=a%2B"
    assert KEY not in str(server.received[1].headers)


def test_it_sends_no_password_of_netrc(
    server: Server, server_client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for answer in ({"credits": 5}, {"id": "abc"}, b"picture"):
        server.will_say(answer)
    server_client.credits()
    submit(server_client)
    server_client.download(f"{server.url}/a", max_bytes=100)
    assert not [received for received in server.received if "authorization" in received.headers]


def test_it_takes_a_picture_of_just_the_largest_size(client: Client, sandbox: Sandbox) -> None:
    size = len(picture(client, sandbox))
    assert len(picture(client, sandbox, max_bytes=size + 4096)) <= size + 4096
    with pytest.raises(errors.BadDownload):
        picture(client, sandbox, max_bytes=1000)


def test_it_takes_exactly_the_largest_size(server: Server, server_client: Client) -> None:
    server.will_say(b"x" * 1000)
    server.will_say(b"x" * 1001)
    assert len(server_client.download(f"{server.url}/a", max_bytes=1000)) == 1000
    with pytest.raises(errors.BadDownload):
        server_client.download(f"{server.url}/a", max_bytes=1000)


@pytest.mark.parametrize("kind", ["oversized", "endless"])
def test_it_stops_at_the_largest_size(kind: str, client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.script("download", kind, size=500_000_000)
    started = time.monotonic()
    with pytest.raises(errors.BadDownload):
        picture(client, sandbox)
    assert time.monotonic() - started < 5


def test_it_stops_at_the_largest_size_of_what_is_unpacked(server: Server, server_client: Client) -> None:
    server.will_say(gzip.compress(bytes(3_000_000)), headers={"Content-Encoding": "gzip"})
    with pytest.raises(errors.BadDownload):
        server_client.download(f"{server.url}/a", max_bytes=1_000_000)


def test_it_refuses_a_picture_shorter_than_announced(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.script("download", "truncated")
    with pytest.raises(errors.BadDownload):
        picture(client, sandbox)


def test_it_tells_when_the_link_has_run_out(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.script("download", "expired")
    with pytest.raises(errors.LinkExpired):
        picture(client, sandbox)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, errors.LinkExpired),
        (404, errors.LinkExpired),
        (410, errors.LinkExpired),
        (500, errors.ServerError),
        (302, errors.UnexpectedAnswer),
        (206, errors.UnexpectedAnswer),
        (429, errors.RateLimited),
    ],
)
def test_it_raises_when_no_picture_came(
    status: int, kind: type[BFLError], client: Client, sandbox: Sandbox
) -> None:
    headers = {"Location": f"{sandbox.url}/v1/credits"}
    sandbox.faults.script("download", "answer", status=status, headers=headers)
    with pytest.raises(BFLError) as caught:
        picture(client, sandbox)
    assert type(caught.value) is kind
    assert sandbox.requests[-1].path.startswith("/results/")


def test_it_can_be_shared_between_threads(client: Client, sandbox: Sandbox) -> None:
    threads = [threading.Thread(target=submit, args=(client,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sandbox.tasks) == 8

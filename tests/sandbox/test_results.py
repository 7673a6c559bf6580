from __future__ import annotations

import uuid

import requests

from sandbox import Sandbox
from tests.sandbox.conftest import KEY, finish, poll, submit, wait_for

FIELDS = ["id", "status", "result", "progress", "details", "preview"]


def test_it_says_pending_with_all_fields(slow_sandbox: Sandbox) -> None:
    answer = poll(submit(slow_sandbox, "flux-kontext-pro"))
    assert list(answer) == FIELDS
    assert answer["status"] == "Pending"
    assert set(list(answer.values())[2:]) == {None}


def test_it_says_ready_with_the_result(sandbox: Sandbox) -> None:
    answer = finish(submit(sandbox, seed=42))
    result = answer["result"]
    assert list(answer) == FIELDS
    assert list(result) == ["sample", "prompt", "seed", "start_time", "end_time", "duration"]
    assert (answer["status"], result["prompt"], result["seed"]) == ("Ready", "a lighthouse", 42)
    assert result["duration"] == result["end_time"] - result["start_time"]


def test_it_chooses_a_seed_where_none_is_given(sandbox: Sandbox) -> None:
    seeds = {finish(submit(sandbox, seed=None))["result"]["seed"] for _ in range(2)}
    assert len(seeds) == 2
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_it_rewrites_the_prompt_on_request(sandbox: Sandbox) -> None:
    result = finish(submit(sandbox, prompt_upsampling=True))["result"]
    assert result["prompt"].startswith("a lighthouse, ")


def test_it_reports_progress_in_tenths_then_none(sandbox: Sandbox) -> None:
    response = submit(sandbox, "flux-pro-1.1")
    (task,) = sandbox.tasks.values()
    moments = [task.accepted_at + (task.ready_at - task.accepted_at) * n / 200 for n in range(201)]
    seen = list(dict.fromkeys(task.progress_at(moment) for moment in moments))
    assert seen == [None, *(n / 10 for n in range(1, 11))]
    assert finish(response)["progress"] is None


def test_it_shows_progress_to_a_client(sandbox: Sandbox) -> None:
    sandbox.settings.latency = (200, 200)
    response = submit(sandbox, "flux-dev")
    assert wait_for(lambda: poll(response)["progress"]) in [n / 10 for n in range(1, 11)]


def test_it_sends_the_headers_of_a_poll(sandbox: Sandbox) -> None:
    response = requests.get(submit(sandbox).json()["polling_url"], timeout=5)
    assert response.headers["Retry-After"] == "1"
    assert response.headers["X-Ratelimit-Limit"] == "1200"
    assert 0 <= int(response.headers["X-Ratelimit-Remaining"]) < 1200
    assert float(response.headers["X-Ratelimit-Reset"]) > 0


def test_it_does_not_know_other_ids(sandbox: Sandbox) -> None:
    task_id = str(uuid.uuid4())
    response = requests.get(f"{sandbox.url}/v1/get_result", {"id": task_id}, timeout=5)
    assert response.status_code == 404
    assert response.json()["id"] == task_id
    assert response.json()["status"] == "Task not found"


def test_it_wants_an_id(sandbox: Sandbox) -> None:
    response = requests.get(f"{sandbox.url}/v1/get_result", timeout=5)
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["query", "id"]


def test_it_takes_the_id_twice(sandbox: Sandbox) -> None:
    body = submit(sandbox).json()
    response = requests.get(body["polling_url"], {"id": body["id"]}, timeout=5)
    assert response.status_code == 200


def test_it_knows_a_task_in_its_own_cluster_only() -> None:
    with Sandbox(clusters=2, latency=(60, 60)) as sandbox:
        urls = [submit(sandbox).json()["polling_url"] for _ in range(2)]
        assert [url.split("/")[2] for url in urls] == sandbox.hosts[1:]
        for url in urls:
            path = url.split("/", 3)[3]
            codes = [requests.get(f"http://{host}/{path}", timeout=5).status_code for host in sandbox.hosts]
            assert sorted(codes) == [200, 404, 404]
            assert codes[sandbox.hosts.index(url.split("/")[2])] == 200


def test_it_takes_submissions_at_a_cluster_too() -> None:
    with Sandbox(clusters=1) as sandbox:
        host = sandbox.hosts[1]
        response = requests.post(f"http://{host}/v1/flux-dev", json={}, headers=KEY, timeout=5)
        assert response.json()["polling_url"].startswith(f"http://{host}/")


def test_it_delivers_from_another_cluster() -> None:
    with Sandbox(clusters=2, speed=100, latency=(1, 1)) as sandbox:
        response = submit(sandbox)
        delivery = finish(response)["result"]["sample"].split("/")[2]
        assert delivery in sandbox.hosts[1:]
        assert delivery != response.json()["polling_url"].split("/")[2]


def test_it_can_be_late_to_know_a_task(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "unknown", seconds=0.5)
    response = submit(sandbox)
    assert poll(response)["status"] == "Task not found"
    assert finish(response)["status"] == "Ready"

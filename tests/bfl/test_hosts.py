from __future__ import annotations

import pytest

from generations.bfl import API_BASES, Client, Hosts
from generations.bfl.errors import ForbiddenHost

API = [
    *API_BASES.values(),
    "https://api.eu4.bfl.ai/v1/get_result?id=1",
    "https://gateway.bfl.ai/v1/get_result?id=1",
    "https://API.BFL.AI/v1/get_result",
    "HTTPS://api.us3.bfl.ai/",
]
DELIVERY = [
    "https://delivery-eu1.bfl.ai/results/a/sample.jpeg?sig=x",
    "https://delivery.us4.bfl.ai/durable/a/sample.jpeg",
    "https://bfldeliveryprodeu4.blob.core.windows.net/results/a/sample.jpeg?sig=x",
    "https://bfldeliveryscus.blob.core.windows.net/results/a/sample.png?sig=x",
    "https://BFLDeliveryScus.blob.core.windows.net/results/a/sample.png?sig=x",
]
HOSTILE = [
    "",
    " ",
    "api.bfl.ai",
    "//api.bfl.ai/x",
    "https:///api.bfl.ai/x",
    "http://api.bfl.ai/x",
    "http://delivery-eu1.bfl.ai/x",
    "http://bfldeliveryscus.blob.core.windows.net/x",
    "ftp://api.bfl.ai/x",
    "file:///etc/passwd",
    "file://api.bfl.ai/etc/passwd",
    "javascript:fetch('https://api.bfl.ai')",
    "data:image/png;base64,AAAA",
    "https://user@api.bfl.ai/x",
    "https://user:password@api.bfl.ai/x",
    "https://api.bfl.ai@evil.com/x",
    "https://api.bfl.ai:8443/x",
    "https://api.bfl.ai:443/x",
    "https://api.bfl.ai:port/x",
    "https://api.bfl.ai:99999/x",
    "https://evilbfl.ai/x",
    "https://api.evilbfl.ai/x",
    "https://api.bfl.ai.evil.com/x",
    "https://api.bfl.ai./x",
    "https://.bfl.ai/x",
    "https://bfl.ai.",
    "https://api.bfl.com/x",
    "https://evil.com/.bfl.ai",
    "https://evil.com?.bfl.ai",
    "https://evil.com#.bfl.ai",
    "https://evil.com\\.bfl.ai/x",
    "https://evil.com\\@api.bfl.ai/x",
    "https://evil.com／.bfl.ai/x",
    "https://evil.com\x00.bfl.ai/x",
    "\x00https://api.bfl.ai/x",
    " https://api.bfl.ai/x",
    "https://api.bfl.ai/x\n",
    "https://api .bfl.ai/x",
    "https://api.bfl.ai\t/x",
    'https://api.bfl.ai/"x',
    "https://2130706433/x",
    "https://0x7f000001/x",
    "https://127.0.0.1/x",
    "https://169.254.169.254/latest/meta-data",
    "http://localhost:6379/x",
    "https://[::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[api.bfl.ai]/x",
    "https://[api.bfl.ai/x",
    "https://evil.blob.core.windows.net/x",
    "https://bfldelivery.blob.core.windows.net/x",
    "https://bfldelivery-x.blob.core.windows.net/x",
    "https://xbfldeliveryscus.blob.core.windows.net/x",
    "https://bfldeliveryscus.evil.blob.core.windows.net/x",
    "https://bfldeliveryscus.blob.core.windows.net.evil.com/x",
    "https://bfldeliveryscus.blob.core.windows.net:444/x",
    "https://bfldeliveryscus.blob.core.windows.net./x",
    "https://bfldeliveryscus-blob.core.windows.net/x",
]


@pytest.mark.parametrize("url", API)
def test_it_knows_the_hosts_of_the_api(url: str) -> None:
    assert Hosts().is_api(url)
    assert Client("k", base_url=API_BASES["global"], hosts=Hosts()).addresses_of("id", url) == [url]


@pytest.mark.parametrize("url", DELIVERY)
def test_it_knows_the_hosts_that_deliver(url: str) -> None:
    assert Hosts().is_delivery(url)


@pytest.mark.parametrize("url", [url for url in DELIVERY if "windows" in url])
def test_it_gives_the_key_to_no_storage_account(url: str) -> None:
    assert not Hosts().is_api(url)


@pytest.mark.parametrize("url", HOSTILE)
def test_it_trusts_no_other_address(url: str) -> None:
    assert not Hosts().is_api(url)
    assert not Hosts().is_delivery(url)
    client = Client("k", base_url=API_BASES["global"], hosts=Hosts(), timeout=1, poll_timeout=1)
    with pytest.raises(ForbiddenHost):
        client.get_result(url)
    with pytest.raises(ForbiddenHost):
        client.download(url, max_bytes=1000)


@pytest.mark.parametrize("url", ["https://api.example.com", "http://api.bfl.ai", "", "api.bfl.ai"])
def test_it_is_not_made_for_any_other_base(url: str) -> None:
    with pytest.raises(ForbiddenHost):
        Client("k", base_url=url, hosts=Hosts())


def test_it_takes_hosts_of_the_operator_over_https() -> None:
    hosts = Hosts(extra=frozenset({"bfl.example.com", "relay.example.com:8443"}))
    assert hosts.is_api("https://bfl.example.com/v1/credits")
    assert hosts.is_delivery("https://relay.example.com:8443/x")
    assert not hosts.is_api("https://relay.example.com/x")
    assert not hosts.is_api("https://sub.bfl.example.com/x")


def test_it_takes_plain_http_on_loopback_only() -> None:
    hosts = Hosts(extra=frozenset({"127.0.0.1:9000", "localhost:9000", "bfl.example.com", "10.0.0.1:80"}))
    assert hosts.is_api("http://127.0.0.1:9000/v1")
    assert hosts.is_delivery("http://localhost:9000/x")
    assert not hosts.is_api("http://bfl.example.com/v1")
    assert not hosts.is_api("http://10.0.0.1:80/v1")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9001/", "http://user@127.0.0.1:9000/", "http://127.0.0.1/", "http://2130706433:9000/"],
)
def test_it_takes_only_the_named_port_of_loopback(url: str) -> None:
    assert not Hosts(extra=frozenset({"127.0.0.1:9000"})).is_api(url)


def test_it_looks_for_a_task_in_the_clusters_of_its_region() -> None:
    assert Hosts().clusters_of("https://api.eu.bfl.ai") == [
        "https://api.eu.bfl.ai",
        "https://api.eu1.bfl.ai",
        "https://api.eu2.bfl.ai",
        "https://api.eu3.bfl.ai",
        "https://api.eu4.bfl.ai",
    ]
    assert "https://api.us4.bfl.ai" in Hosts().clusters_of("https://api.us.bfl.ai")


def test_it_looks_for_a_task_everywhere_when_it_was_sent_to_the_global_host() -> None:
    found = Hosts().clusters_of("https://api.bfl.ai")
    regional = {*Hosts().clusters_of("https://api.eu.bfl.ai"), *Hosts().clusters_of("https://api.us.bfl.ai")}
    assert found[0] == "https://api.bfl.ai"
    assert regional - {"https://api.eu.bfl.ai", "https://api.us.bfl.ai"} <= set(found)
    assert "https://gateway.bfl.ai" in found
    assert all(Hosts().is_api(base) for base in found)


def test_it_looks_for_a_task_at_a_single_cluster_only_there() -> None:
    assert Hosts().clusters_of("https://api.us1.bfl.ai") == ["https://api.us1.bfl.ai"]


@pytest.mark.parametrize("base", API_BASES.values())
def test_it_looks_for_a_task_of_bfls_own_hosts_at_no_other(base: str) -> None:
    delivery = Hosts(extra=frozenset({"pictures.example.com"}))
    assert delivery.is_delivery("https://pictures.example.com/x")
    assert delivery.clusters_of(base) == Hosts().clusters_of(base)


def test_it_looks_for_a_task_at_the_operators_other_hosts() -> None:
    hosts = Hosts(extra=frozenset({"127.0.0.1:9000", "127.0.0.1:9001", "bfl.example.com"}))
    found = hosts.clusters_of("http://127.0.0.1:9000")
    assert found == ["http://127.0.0.1:9000", "http://127.0.0.1:9001"]


def test_it_asks_every_cluster_for_the_task_by_its_id() -> None:
    client = Client("k", base_url="https://api.us.bfl.ai/", hosts=Hosts())
    urls = client.addresses_of("a/b&c", "")
    assert urls[0] == "https://api.us.bfl.ai/v1/get_result?id=a%2Fb%26c"
    assert urls[1] == "https://api.us1.bfl.ai/v1/get_result?id=a%2Fb%26c"
    assert len(urls) == 5

"""What a connection answers by itself has to be what the routes answer, and what is odd has to reach the routes."""

import json
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from hubel.serve import connection
from hubel.serve.settings import Access, Limits, Settings
from tests.serve.conftest import picture, serving
from tests.serve.test_gate import TOKEN, raw
from tests.serve.test_run import until
from tests.work import HANG

PREDICT = "/v1/models/animals/predict"
PNG = {"content-type": "image/png"}


def request(content, path=PREDICT, **headers):
    """A request for predictions as bytes."""
    fields = {"Host": "localhost", "Content-Type": "image/png", "Content-Length": str(len(content)), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + content


def connected(address):
    place = urlsplit(address)
    return socket.create_connection((place.hostname, place.port), HANG)


def counts(address):
    lines = httpx.get(f"{address}/metrics", timeout=HANG).text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


@pytest.fixture
def by_itself(monkeypatch):
    """The requests that connections have answered by themselves."""
    found = []
    usual = connection.Quick._end
    monkeypatch.setattr(connection.Quick, "_end", lambda quick, status: (found.append(status), usual(quick, status)))
    return found


@pytest.mark.parametrize(
    ("query", "content"),
    [
        ("?top=1&threshold=0.1", picture()),  # what no other test asks: the service remembers it
        ("?top=2&threshold=0.2", picture("JPEG", (40, 30))),
        ("?threshold=0.999", picture()),
        ("?top=3", b"no picture"),
        ("?top=03", b""),
    ],
)
def test_the_second_answer_is_the_first_ones(client, by_itself, query, content):
    answers = [client.post(PREDICT + query, content=content, headers=PNG) for _ in range(2)]
    assert len(by_itself) == 1  # the first one tells what the address means
    said = [each.json() | {"request": ""} for each in answers]
    assert said[0] == said[1]
    assert answers[0].status_code == answers[1].status_code == by_itself[0]
    first, second = ({name: value for name, value in each.headers.items() if name != "date"} for each in answers)
    assert first.pop("x-request-id") != second.pop("x-request-id")
    assert first == second


@pytest.mark.parametrize("query", ["?top=0", "?top=x", "?threshold=2", "?other=1", "?pictures=true"])
def test_what_is_no_setting_or_takes_long_is_never_remembered(client, by_itself, query):
    answers = [client.post(PREDICT + query, content=picture(), headers=PNG) for _ in range(2)]
    assert answers[0].status_code == answers[1].status_code
    assert not by_itself


@pytest.mark.parametrize(
    ("odd", "answered"),
    [
        (request(picture(), Expect="100-continue"), b"HTTP/1.1 100"),
        (request(picture()).replace(b"POST", b"PUT"), b"HTTP/1.1 405"),
        (request(picture()).replace(b"HTTP/1.1", b"HTTP/1.0"), b"HTTP/1.1 200"),
        (request(bytes(70_000)), b"HTTP/1.1 422"),
        (
            request(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"2\r\nno\r\n0\r\n\r\n",
            b"HTTP/1.1 422",
        ),
    ],
)
def test_what_is_odd_goes_to_the_routes(address, by_itself, odd, answered):
    with connected(address) as one:
        one.sendall(odd)
        assert one.recv(65536).startswith(answered)
    assert not by_itself


def test_several_requests_at_once_are_answered_in_their_order(address):
    parts = [request(picture(seed=number), X_Request_Id=f"number-{number}") for number in range(5)]
    parts.insert(2, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: health\r\n\r\n")
    parts[-1] = request(picture(), X_Request_Id="last", Connection="close")
    found = raw(address, b"".join(parts))
    order = [part.partition(b"\r\n")[0].decode() for part in found.split(b"x-request-id: ")[1:]]
    assert order == ["number-0", "number-1", "health", "number-2", "number-3", "last"]
    assert found.count(b"HTTP/1.1 200 OK") == 6


def test_a_body_may_come_in_pieces(address, by_itself):
    whole = request(picture(), Connection="close")
    with connected(address) as one:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(whole), 40):
            one.sendall(whole[start : start + 40])
        head, _, body = b"".join(iter(lambda: one.recv(65536), b"")).partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert json.loads(body)["predictions"][0]["class"] in ("cat", "dog", "hen")
    assert by_itself == [200]


def test_a_client_that_goes_takes_its_pictures_along(model_file, by_itself):
    limits = Limits(batch=2, wait=3600, deadline=HANG)
    with serving(Settings((("animals", str(model_file)),), limits)) as address:
        with connected(address) as one:
            one.sendall(request(picture()))
            until(lambda: counts(address)['hubel_queue_pictures{model="animals"}'] == 1)
        until(lambda: counts(address)['hubel_queue_pictures{model="animals"}'] == 0)
        assert counts(address)['hubel_requests_total{status="499"}'] == 1
    assert by_itself == [499]


def test_what_is_late_is_refused_and_the_connection_stays(model_file, by_itself):
    limits = Limits(batch=2, wait=3600, deadline=0.05)
    settings = Settings((("animals", str(model_file)),), limits)
    with serving(settings) as address, httpx.Client(base_url=address, timeout=HANG) as client:
        answers = [client.post(PREDICT, content=picture(), headers=PNG) for _ in range(2)]
        assert [each.json()["reason"] for each in answers] == ["deadline", "deadline"]
        assert "connection" not in answers[1].headers
        assert counts(address)['hubel_queue_pictures{model="animals"}'] == 0
    assert by_itself == [503, 503]


def test_a_fault_is_told_and_the_next_request_answered(address, by_itself, monkeypatch):
    monkeypatch.setattr(connection, "pictures_of", lambda *_: 1 / 0)
    answer = httpx.post(address + PREDICT, content=picture(), headers=PNG, timeout=HANG)
    assert (answer.status_code, answer.json()["reason"]) == (500, "fault")
    monkeypatch.undo()
    assert httpx.post(address + PREDICT, content=picture(), headers=PNG, timeout=HANG).status_code == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, b"200"),
        ({"Host": "evil.com"}, b"421"),
        ({"Origin": "http://evil.com"}, b"403"),
        ({"Authorization": "Bearer wrong"}, b"401"),
    ],
)
def test_who_may_ask_is_asked_here_too(model_file, by_itself, headers, expected):
    settings = Settings((("animals", str(model_file)),), access=Access(TOKEN))
    with serving(settings) as address:
        fields = {"Authorization": f"Bearer {TOKEN}", "Connection": "close", **headers}
        assert raw(address, request(picture(), **fields)).split()[1] == expected
    assert by_itself == [int(expected)]


@pytest.mark.parametrize("begun", [b"", b"POST ", request(picture())[:-5]])
def test_a_connection_that_does_not_go_on_is_closed(model_file, monkeypatch, begun):
    monkeypatch.setattr(connection, "_SILENCE", 0.05)
    settings = Settings((("animals", str(model_file)),), Limits(patience=0.3))
    with serving(settings) as address:
        found = raw(address, begun)
    assert found.startswith(b"HTTP/1.1 408") if len(begun) > 10 else not found


def test_a_connection_is_kept_between_requests_and_not_for_ever(model_file, monkeypatch):
    monkeypatch.setattr(connection, "_SILENCE", 0.02)
    monkeypatch.setattr(connection, "_KEPT", 0.3)
    with serving(Settings((("animals", str(model_file)),))) as address:
        found = raw(address, request(picture()))
    assert found.startswith(b"HTTP/1.1 200")
    assert b"connection: close" not in found


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", "cannot be read as a request"),
        (b"hello\r\n\r\n", "cannot be read as a request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "this port speaks http"),
    ],
)
def test_what_is_no_request_gets_a_sentence_too(address, sent, words):
    before = counts(address)
    with connected(address) as asking:
        asking.sendall(sent)
        head, _, body = b"".join(iter(lambda: asking.recv(65536), b"")).partition(b"\r\n\r\n")
    said = json.loads(body)
    assert head.startswith(b"HTTP/1.1 400")
    assert f"x-request-id: {said['request']}".encode() in head
    assert (words in said["error"], said["reason"]) == (True, "request")
    name = 'hubel_refused_total{reason="request"}'
    assert counts(address)[name] == before[name] + 1


CHUNKED = b"POST /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = {  # what has more than a head may have, and no end of it
    "a line": b"GET /health HTTP/1.1\r\nX: " + b"a" * 70_000,
    "lines": b"GET /health HTTP/1.1\r\n" + b"X: aaaa\r\n" * 9_000,
    "an address": b"GET /" + b"a" * 70_000,
    "a length's note": b"POST /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1;"
    + b"a" * 70_000,
    "lines after it": b"POST /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    + b"X: aaaa\r\n" * 9_000,
    "a whole": b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    "many lines": b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: aaaa\r\n" * 9_000 + b"\r\n",
}


@pytest.mark.parametrize("case", ENDLESS)
def test_a_head_has_its_bounds(address, case):
    before = counts(address).get('hubel_refused_total{reason="head"}', 0)
    head, _, body = raw(address, ENDLESS[case]).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert json.loads(body)["reason"] == "head"
    assert "at most 65,536 bytes" in json.loads(body)["error"]
    assert counts(address)['hubel_refused_total{reason="head"}'] == before + 1


def test_a_body_in_the_smallest_pieces_is_none(address):
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in picture())
    own = {"Transfer-Encoding": "chunked", "Connection": "close"}
    lines = "".join(
        f"{name}: {value}\r\n" for name, value in ({"Host": "localhost", "Content-Type": "image/png"} | own).items()
    )
    answer = raw(address, f"POST {PREDICT} HTTP/1.1\r\n{lines}\r\n".encode() + pieces + b"0\r\nHost: evil.com\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("target", "host", "expected"),
    [
        ("http://localhost/health", "evil.com", 200),
        ("http://localhost:80/health", "localhost", 200),
        ("http://evil.com/health", "localhost", 421),
        ("http://localhost@evil.com/health", "localhost", 421),
        ("http://evil.com:80/health", "localhost", 421),
        ("http://[::1]:80/health", "localhost", 200),
        ("http://[::1].evil.com/health", "localhost", 400),
    ],
)
def test_an_absolute_target_says_the_host(address, target, host, expected):
    answer = raw(address, f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert int(answer.split()[1]) == expected


@pytest.mark.parametrize(
    ("coding", "expected", "words"),
    [
        ({"Content-Encoding": "gzip"}, 415, "content-encoding: expected none, received 'gzip'; send it unpacked"),
        ({"Content-Encoding": "identity"}, 200, "predictions"),
        ({"Transfer-Encoding": "gzip, chunked"}, 501, "transfer-encoding: expected chunked or none"),
        ({"Transfer-Encoding": "chunked"}, 200, "predictions"),
    ],
)
def test_what_is_packed_is_refused(address, coding, expected, words):
    content = picture()
    if "Transfer-Encoding" in coding:
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content)
    else:
        body, coding = content, {**coding, "Content-Length": str(len(content))}
    fields = {"Host": "localhost", "Content-Type": "image/png", "Connection": "close", **coding}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    for _ in range(2):  # the second time the address is known
        answer = raw(address, f"POST {PREDICT} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        assert (int(answer.split()[1]), words in answer.decode()) == (expected, True)

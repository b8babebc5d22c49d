"""Who may ask, how much may come, and how fast."""

import http.client
import http.server
import socket
import threading
import time
from urllib.parse import urlsplit

import httpx
import pytest

from hubel.base.errors import SettingError
from hubel.serve.settings import Access, Limits, Settings
from tests.serve.conftest import picture, serving
from tests.work import HANG

TOKEN = "a-token-of-24-characters"


def raw(address, text, pause=None):
    """What comes back for bytes as they are, until the connection is closed."""
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port), HANG) as connection:
        connection.sendall(text)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def status(answer):
    return int(answer.split()[1])


@pytest.fixture(scope="module")
def guarded(model_file):
    access = Access(TOKEN, ("example.com",), ("https://pages.example.org",))
    limits = Limits(content=200_000, patience=0.5)
    with serving(Settings((("animals", str(model_file)),), limits, access)) as found:
        yield found


HOSTS = [
    ("localhost", 200),
    ("localhost:1234", 200),
    ("LOCALHOST", 200),
    ("127.0.0.1", 200),
    ("127.0.0.1:80", 200),
    ("[::1]", 200),
    ("[::1]:8000", 200),
    ("192.168.1.7:8000", 200),
    ("example.com", 200),
    ("example.com.", 200),
    ("evil.com", 421),
    ("evil.com:8000", 421),
    ("localhost.evil.com", 421),
    ("127.0.0.1.evil.com", 421),
    ("example.com.evil.com", 421),
    ("evil-example.com", 421),
    ("", 421),
    ("localhost@evil.com", 421),
    ("evil.com#localhost", 421),
    ("0x7f.1", 421),
    ("1", 421),
    ("::1", 421),
    ("[::1].evil.com", 421),
    ("[::1]evil.com", 421),
    ("[evil.com]", 421),
    ("127.0.0.1:abc", 421),
    ("127.0.0.1:99999", 421),
    ("localhost:", 200),
]
ORIGINS = [
    ("http://localhost:8000", 200),
    ("https://localhost:8000", 200),
    ("https://pages.example.org", 200),
    ("http://localhost", 403),
    ("http://localhost:9000", 403),
    ("http://127.0.0.1:8000", 403),
    ("http://evil.com", 403),
    ("http://localhost:8000.evil.com", 403),
    ("https://pages.example.org.evil.com", 403),
    ("null", 403),
    ("", 403),
    ("file://", 403),
    ("http://[", 403),
]
TOKENS = [
    (f"Bearer {TOKEN}", 200),
    (f"bearer {TOKEN}", 200),
    ("", 401),
    ("Bearer", 401),
    ("Bearer ", 401),
    (f"Bearer {TOKEN[:-1]}", 401),
    (f"Bearer {TOKEN}x", 401),
    (f"Basic {TOKEN}", 401),
    (TOKEN, 401),
    ("Bearer \xff\xfe", 401),
]


def asked(address, path="/v1/models", **headers):
    fields = {"Host": "localhost:8000", "Authorization": f"Bearer {TOKEN}", "Connection": "close", **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return raw(address, f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1"))


@pytest.mark.parametrize(("host", "expected"), HOSTS)
def test_hosts(guarded, host, expected):
    assert status(asked(guarded, Host=host)) == expected


@pytest.mark.parametrize(("origin", "expected"), ORIGINS)
def test_origins(guarded, origin, expected):
    assert status(asked(guarded, Origin=origin)) == expected


@pytest.mark.parametrize(("header", "expected"), TOKENS)
def test_tokens(guarded, header, expected):
    assert status(asked(guarded, Authorization=header)) == expected


ELSEWHERE = {"Origin": "https://pages.example.org"}


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/animals/predict", "/nothing"])
def test_pages_that_are_named_may_read_answers_and_no_others(guarded, path):
    before = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answer = httpx.options(
        guarded + path, headers={**ELSEWHERE, **before}, timeout=HANG
    )  # without a token, as browsers do
    assert (answer.status_code, answer.content) == (200, b"")
    assert "authorization" in answer.headers["access-control-allow-headers"]
    assert httpx.options(guarded + path, headers=ELSEWHERE, timeout=HANG).status_code == 401
    own = {"Origin": guarded}
    assert httpx.options(guarded + path, headers={**own, **before}, timeout=HANG).status_code == 401
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for _ in range(2):  # the second time without a coroutine
        sent = httpx.post(guarded + path, content=picture(), headers={**ELSEWHERE, **bearer}, timeout=HANG)
        assert sent.headers["access-control-allow-origin"] == "https://pages.example.org"
        assert sent.headers["vary"] == "origin"
        sent = httpx.post(guarded + path, content=picture(), headers={**own, **bearer}, timeout=HANG)
        assert "access-control-allow-origin" not in sent.headers


ASK = """async ([address, token, bytes]) => {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "image/png" };
  const answer = await fetch(address, { method: "POST", headers, body: Uint8Array.from(bytes) });
  return [answer.status, (await answer.json()).predictions.length, answer.headers.get("x-request-id").length];
}"""


def test_a_page_elsewhere_asks(model_file, browser_page):
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as elsewhere:
        threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
        place = f"http://localhost:{elsewhere.server_port}"
        access = Access(TOKEN, origins=(place,))
        with serving(Settings((("animals", str(model_file)),), access=access)) as address:
            browser_page.goto(place)
            given = [f"{address}/v1/models/animals/predict", TOKEN, list(picture())]
            assert browser_page.evaluate(ASK, given) == [200, 1, 16]
        elsewhere.shutdown()


def test_the_description_says_that_a_token_is_wanted(guarded, address):
    found = httpx.get(f"{guarded}/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=HANG).json()
    assert found["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
    assert found["security"] == [{"token": []}]
    free = [path for path, ways in found["paths"].items() if any(way.get("security") == [] for way in ways.values())]
    assert sorted(free) == ["/", "/health", "/ready", "/v2/health/live", "/v2/health/ready"]
    assert "security" not in httpx.get(f"{address}/openapi.json", timeout=HANG).json()


def test_two_hosts_are_refused(guarded):
    text = b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.com\r\nConnection: close\r\n\r\n"
    assert status(raw(guarded, text)) in (400, 421)


@pytest.mark.parametrize("path", ["/", "/health", "/ready"])
def test_what_says_nothing_asks_for_no_token(guarded, path):
    assert status(asked(guarded, path, Authorization="")) != 401


@pytest.mark.parametrize(
    "path", ["/v1/models", "/metrics", "/openapi.json", "/nothing", "//", "/health/", "/v1/models/animals"]
)
def test_all_else_does(guarded, path):
    assert status(asked(guarded, path, Authorization="")) == 401


@pytest.mark.parametrize("path", ["/", "/health", "/nothing", "/v1/models", "/v1/models/animals/predict"])
def test_every_route_bounds_its_body(guarded, path):
    headers = {"authorization": f"Bearer {TOKEN}"}
    answer = httpx.post(guarded + path, content=bytes(200_001), headers=headers, timeout=HANG)
    assert (answer.status_code, answer.json()["reason"]) == (413, "length")
    chunked = httpx.post(guarded + path, content=iter([bytes(150_000)] * 2), headers=headers, timeout=HANG)
    assert (chunked.status_code, chunked.json()["reason"]) == (413, "length")


def test_a_length_that_is_a_lie_is_not_believed(guarded):
    head = f"POST /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {10**15}\r\n\r\n"
    assert status(raw(guarded, head.encode())) == 413


def test_a_body_that_does_not_come_is_not_waited_for(guarded):
    head = "POST /v1/models/animals/predict HTTP/1.1\r\nHost: localhost\r\n"
    head += f"Authorization: Bearer {TOKEN}\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\nfew"
    answer = raw(guarded, head.encode())
    assert status(answer) == 408
    assert b"did not come in within 0.5 s" in answer
    assert b"connection: close" in answer


def traversals():
    """500 ways of asking for a file."""
    steps = ["../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%252f", "..\\", "..%5c", "%c0%ae%c0%ae/", "....//", "..;/"]
    goals = ["etc/passwd", "etc%2fpasswd", "pyproject.toml", "proc/self/environ", "animals.safetensors"]
    starts = ["/", "/v1/models/", "/v1/models/animals/", "/v1/models/animals%2f", "//"]
    return [f"{start}{step * 3}{goal}" for start in starts for step in steps for goal in goals] + [
        f"/v1/models/{step * 8}{goal}/predict" for step in steps for goal in goals for _ in range(5)
    ]


def test_no_path_reaches_a_file(address):
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=HANG)
    ways = traversals()
    assert len(ways) == 500
    for way in dict.fromkeys(ways):
        connection.putrequest("POST" if way.endswith("predict") else "GET", way, skip_accept_encoding=True)
        connection.putheader("Content-Length", "0")
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        assert 400 <= answer.status < 500, way
        assert b"root:" not in body
        assert b"[project]" not in body
    connection.close()


def test_a_client_that_goes_away_is_counted(address):
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port), HANG) as connection:
        connection.sendall(b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
    until = time.monotonic() + HANG
    while 'status="499"} 0' in httpx.get(f"{address}/metrics", timeout=HANG).text:
        assert time.monotonic() < until


def test_request_ids_are_taken_where_they_are_plain(client):
    assert client.get("/health", headers={"x-request-id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert len(client.get("/health", headers={"x-request-id": "a b\tc"}).headers["x-request-id"]) == 16


def test_short_tokens_and_wildcards_are_refused():
    with pytest.raises(SettingError, match="at least 16"):
        Access("secret")
    with pytest.raises(SettingError, match="stands for all"):
        Access(origins=("*",))
    for host in ("*", "http://a.b/", "a.b:80", "", "á.org"):
        with pytest.raises(SettingError, match="host name: expected a name such as"):
            Access(hosts=(host,))


def request_of(record):
    return getattr(record, "note", {}).get("request")


def test_the_log_has_ids_and_reasons_and_no_pictures(client, caplog):
    with caplog.at_level("INFO", "hubel.serve"):
        import logging

        logging.getLogger("hubel.serve").addHandler(caplog.handler)
        try:
            content = picture()
            client.post(
                "/v1/models/animals/predict",
                content=content,
                headers={"content-type": "text/x", "x-request-id": "mine"},
            )
            until = time.monotonic() + HANG  # it is written once the answer is sent
            while not (found := [each for each in caplog.records if request_of(each) == "mine"]):
                assert time.monotonic() < until
        finally:
            logging.getLogger("hubel.serve").removeHandler(caplog.handler)
    (record,) = found
    assert record.note["reason"] == "kind"
    assert set(record.note) == {"method", "path", "ms", "request", "model", "status", "reason"}

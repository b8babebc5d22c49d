"""The studio's server: it answers its own page, and nobody else."""

import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from hubel.cli.studio import TOKEN as VARIABLE
from hubel.studio.page import studio_page
from tests.serve.test_connection import ENDLESS
from tests.studio.conftest import TOKEN
from tests.work import HANG

BEARER = {"Authorization": f"Bearer {TOKEN}"}
ASKED = {"text": "8x8x1: flatten, dense 2"}


@pytest.fixture
def client(address):
    with httpx.Client(base_url=address, timeout=HANG) as found:
        yield found


def test_the_page_is_given_to_anybody_and_forbids_all_else(client):
    found = client.get("/")
    assert found.text == studio_page()
    assert found.headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in found.text
    assert "unsafe-inline" not in found.text
    assert "unsafe-eval" not in found.text
    assert TOKEN not in found.text


def test_questions_bear_the_token(client):
    assert client.post("/ask/design", json=ASKED, headers=BEARER).json()["totals"]["parameters"] == 130
    for headers in ({}, {"Authorization": "Bearer another-token-of-24-let"}, {"Cookie": f"token={TOKEN}"}):
        assert client.post("/ask/design", json=ASKED, headers=headers).status_code == 401
    assert client.post(f"/ask/design?token={TOKEN}", json=ASKED).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example:8700"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://127.0.0.1:1"}, 403),
    ],
)
def test_others_are_refused_whatever_they_bear(client, headers, status):
    assert client.post("/ask/design", json=ASKED, headers=BEARER | headers).status_code == status
    assert client.get("/", headers=headers).status_code == status


def test_a_form_of_another_page_is_no_question(client):
    """What a page elsewhere could send without asking first (CSRF) is not taken."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        found = client.post("/ask/design", content='{"text": ""}', headers=BEARER | {"Content-Type": kind})
        assert found.status_code == 415


@pytest.mark.parametrize(
    "path",
    [
        "/ask/",
        "/ask/nothing",
        "/ask/design/..",
        "/..%2f..%2fetc/passwd",
        "/ask/..%2f..%2fetc/passwd",
        "/ask",
        "/web/frame.css",
    ],
)
def test_nothing_else_is_there(client, path):
    for method in ("GET", "POST"):
        found = client.request(method, path, json=ASKED, headers=BEARER)
        assert found.status_code == 404
        assert found.json()["reason"] == "unknown"


def test_questions_of_other_forms_are_refused(client):
    assert client.get("/ask/design", headers=BEARER).status_code == 405
    assert client.post("/ask/design", json=[1], headers=BEARER).status_code == 400
    assert client.post("/ask/design", json={"text": 1}, headers=BEARER).status_code == 400
    assert (
        client.post("/ask/design", content="{", headers=BEARER | {"Content-Type": "application/json"}).status_code
        == 400
    )
    deep = "[" * 100_000
    assert (
        client.post("/ask/design", content=deep, headers=BEARER | {"Content-Type": "application/json"}).status_code
        == 400
    )
    assert client.post("/ask/design", json={"text": "9" * 3_000_000}, headers=BEARER).status_code == 413


@pytest.mark.parametrize("case", ENDLESS)
def test_a_head_has_its_bounds(address, case):
    """Whoever sends it: heads come before Host and token."""
    place = httpx.URL(address)
    with socket.create_connection((place.host, place.port), HANG) as one:
        one.sendall(ENDLESS[case])
        answer = b"".join(iter(lambda: one.recv(2**16), b""))
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"at most 65,536 bytes" in answer


def test_https_is_said_not_to_be_spoken(address):
    place = httpx.URL(address)
    with socket.create_connection((place.host, place.port), HANG) as one:
        one.sendall(b"\x16\x03\x01\x02\x00\x01")
        answer = b"".join(iter(lambda: one.recv(2**16), b""))
    assert b'"error": "this port speaks http"' in answer


def test_the_variable_of_the_token_is_that_of_serve():
    from hubel.cli.serve import TOKEN as OTHER

    assert VARIABLE == OTHER


def test_stopped_while_it_answers_it_says_nothing_of_a_fault(tmp_path):
    """Questions of runs may take long: a page asks again once the studio is back."""
    program = (
        "import sys, threading, time; from pathlib import Path; from hubel.studio import runs, server\n"
        "runs.Runs.run = lambda self, name: print('asked', flush=True) or time.sleep(4) or {}\n"
        "server.serve_studio('x' * 24, 0, Path('.'), lambda bound: print(bound.getsockname()[1], flush=True))"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stdout=-1, stderr=-1, text=True) as process:
        address = f"http://127.0.0.1:{int(process.stdout.readline())}"
        bearer = {"Authorization": f"Bearer {'x' * 24}"}
        transport = httpx.HTTPTransport(retries=12)  # the port is there a moment before it listens
        with ThreadPoolExecutor(1) as pool, httpx.Client(transport=transport, headers=bearer, timeout=HANG) as client:
            asked = pool.submit(client.post, f"{address}/ask/run", json={"name": "x"})
            process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            with pytest.raises(httpx.RemoteProtocolError, match="disconnected"):
                asked.result()
        out, said = process.communicate(timeout=HANG)
    assert "raceback" not in out + said
    assert "graceful" not in out + said

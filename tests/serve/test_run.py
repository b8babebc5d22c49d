"""The command: what it refuses to begin, and its processes, from without."""

import http.client
import json
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from hubel.base.errors import SettingError
from hubel.cli import main
from hubel.serve.run import _Asked, bound_socket, serve
from hubel.serve.settings import Settings
from tests.serve.conftest import picture, written_model
from tests.work import HANG

PREDICT = "/v1/models/animals/predict"
PNG = {"content-type": "image/png"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--address", "0.0.0.0"], "add --token"),
        (["--address", "192.168.1.7"], "or --open"),
        (["--address", "0.0.0.0", "--token", "short"], "at least 16"),
        (["--open", "--token"], "leave one of them out"),
        (["--certificate", "a.pem"], "takes both"),
        (["--origin", "*"], "stands for all"),
    ],
)
def test_what_is_not_begun(model_file, options, words, capsys):
    assert main(["serve", str(model_file), *options]) == 2
    assert words in capsys.readouterr().err


def test_two_models_of_one_name(model_file, tmp_path, capsys):
    other = tmp_path / "animals.safetensors"
    other.write_bytes(model_file.read_bytes())
    assert main(["serve", str(model_file), str(other)]) == 2
    assert f"write animals-2={other}" in capsys.readouterr().err


def test_a_path_that_is_nearly_there(model_file, capsys):
    assert main(["serve", str(model_file).replace(".safetensors", ".safetensor")]) == 2
    assert f"found nothing there; did you mean '{model_file}'?" in capsys.readouterr().err


def test_models_that_cannot_be_opened_are_all_named(model_file, tmp_path, capsys):
    (tmp_path / "cut.safetensors").write_bytes(model_file.read_bytes()[:-5])
    (tmp_path / "text.safetensors").write_text("no model")
    names = [str(model_file), str(tmp_path / "cut.safetensors"), f"words={tmp_path / 'text.safetensors'}"]
    assert main(["serve", *names, "--port", "0"]) == 2
    told = capsys.readouterr().err
    assert "2 of 3 models cannot be opened" in told
    assert "cut: " in told
    assert "words: " in told


@contextmanager
def started(*arguments):
    """A service in a process of its own: its address, the process and the lines of its log."""
    line = [sys.executable, "-m", "hubel", "serve", *map(str, arguments), "--port", "0"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log: list[str] = []
    reader = threading.Thread(target=lambda: log.extend(process.stderr))
    reader.start()
    try:
        first = process.stdout.readline()
        assert "http://" in first, "\n".join(log)
        yield re.search(r"http://[^/]*", first)[0], process, log
    finally:
        process.terminate()
        process.wait(HANG)
        reader.join(HANG)
        process.stdout.close()
        process.stderr.close()


def test_connections_send_at_once():
    """asyncio sets TCP_NODELAY for sockets that are named TCP, and for no others."""
    with bound_socket("127.0.0.1", 0) as bound, socket.create_connection(bound.getsockname(), HANG):
        taken, _ = bound.accept()
        with taken:
            assert taken.proto == socket.IPPROTO_TCP


def until(true):
    end = time.monotonic() + HANG
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def told(address, path="/v1/models/animals"):
    try:
        return httpx.get(address + path, timeout=HANG).json()
    except httpx.TransportError:
        return {}


def test_a_changed_file_is_opened_and_what_was_taken_is_answered_at_the_end(tmp_path):
    place = written_model(tmp_path / "animals.safetensors")
    with started(place, "--wait", "700") as (address, process, log):
        first = told(address)
        whole = place.read_bytes()
        place.write_bytes(whole[:-7])
        until(lambda: "not taken" in told(address)["trouble"])
        assert told(address)["sha256"] == first["sha256"]
        assert str(tmp_path) not in told(address)["trouble"]
        assert str(tmp_path) in "".join(log)  # where who serves it reads it
        assert httpx.post(address + PREDICT, content=picture(), headers=PNG, timeout=HANG).status_code == 200
        written_model(place, seed=1)
        until(lambda: told(address)["sha256"] != first["sha256"])
        assert told(address)["trouble"] == ""
        aside = place.rename(tmp_path / "aside.safetensors")
        until(lambda: "its file is gone" in told(address)["trouble"])
        assert httpx.post(address + PREDICT, content=picture(), headers=PNG, timeout=HANG).status_code == 200
        aside.rename(place)
        until(lambda: told(address)["trouble"] == "")
        answers = []
        ask = threading.Thread(
            target=lambda: answers.append(httpx.post(address + PREDICT, content=picture(), headers=PNG, timeout=HANG))
        )
        ask.start()
        until(lambda: 'hubel_queue_pictures{model="animals"} 1' in httpx.get(f"{address}/metrics").text)
        process.send_signal(signal.SIGTERM)
        ask.join(HANG)
        process.wait(HANG)
    assert [each.status_code for each in answers] == [200]
    lines = [json.loads(line) for line in log]
    assert {"reload", "request"} <= {each["event"] for each in lines}
    assert all("request" in each for each in lines if each["event"] == "request")


def test_of_a_run_whose_model_is_gone_no_checkpoint_is_served_instead(tmp_path):
    """What was opened goes on, and that its file is gone is said, until there is one again."""
    for number in range(12):
        (tmp_path / "data" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / "ab"[number % 2] / f"{number}.png").write_bytes(picture(seed=number))
    words = ["train", "8x8x3: flatten, dense 2 softmax", str(tmp_path / "data"), "--run", str(tmp_path / "run")]
    assert main([*words, "--epochs", "2", "--validation", "0.2"]) == 0
    place = tmp_path / "run" / "model.safetensors"
    assert [*(tmp_path / "run" / "checkpoints").iterdir()]
    with started(f"animals={tmp_path / 'run'}") as (address, _, log):
        first = told(address)
        aside = place.rename(tmp_path / "aside")
        until(lambda: told(address)["trouble"])
        assert told(address)["trouble"] == "its file is gone; what was opened before goes on"
        assert told(address)["sha256"] == first["sha256"]
        assert httpx.post(address + PREDICT, content=picture(), headers=PNG, timeout=HANG).status_code == 200
        aside.rename(place)
        until(lambda: told(address)["trouble"] == "")
        assert told(address)["sha256"] == first["sha256"]
    said = [each["trouble"] for each in map(json.loads, log) if each["event"] == "reload"]
    assert said == ["its file is gone; what was opened before goes on", ""]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc for the memory")
def test_many_requests_are_all_answered_and_leave_nothing_behind(model_file):
    """`benchmarks/answers/serve_load.py --soak` does so with 200,000."""
    with started(f"animals={model_file}", "--quiet") as (address, process, _):

        def ask(count):
            place = http.client.HTTPConnection(address.removeprefix("http://"), timeout=HANG)
            for _ in range(count):
                place.request("POST", PREDICT, picture(), PNG)
                answer = place.getresponse()
                assert len(answer.read()) > 100
                assert answer.status == 200
            place.close()

        def asked(count):
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(ask, [count] * 8))
            return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())[1])

        before = asked(40)
        assert asked(120) - before < 8_000  # kB; what it keeps of a request, and of a picture, would be more


def test_a_worker_has_the_time_that_it_needs_to_begin_and_then_has_to_answer():
    ours, theirs = multiprocessing.Pipe()
    asked = _Asked(SimpleNamespace(parent_conn=ours, process=SimpleNamespace(is_alive=lambda: True)))

    def answer(serves):
        theirs.recv()
        theirs.send(serves)

    assert [asked(timeout=0) for _ in range(3)] == [True] * 3  # it loads what it needs
    answer(False)
    assert (asked(timeout=0), asked.serves) == (True, False)
    assert not asked(timeout=0)
    answer(True)
    assert (asked(timeout=0), asked.serves) == (True, True)
    theirs.close()
    assert (asked(timeout=0), asked.ended) == (False, True)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc to find the processes")
def test_a_worker_that_is_killed_comes_back_and_counts_on(model_file):
    def children(process):
        return [int(each) for each in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]

    def works():
        try:
            return httpx.post(address + PREDICT, content=picture(), headers=PNG, timeout=HANG).status_code == 200
        except httpx.TransportError:  # taken by the one that was killed
            return False

    def answered():
        text = httpx.get(f"{address}/metrics", timeout=HANG).text
        return int(re.search(r'hubel_pictures_total\{model="animals"\} (\d+)', text)[1])

    def line(child):
        try:
            return Path(f"/proc/{child}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            return b""

    def python(process):
        return [each for each in children(process) if b"spawn_main" in line(each)]

    with started(f"animals={model_file}", "--workers", "2", "--quiet") as (address, process, log):
        until(lambda: len(python(process)) == 2 and works())
        before = python(process)
        count = answered()
        os.kill(before[0], signal.SIGKILL)
        until(lambda: len(python(process)) == 2 and before[0] not in python(process))
        until(lambda: any('"event": "worker"' in line and f'"worker": {before[0]}' in line for line in log))
        for _ in range(3):
            until(works)
        assert answered() >= count + 3
        stopped, killed = sorted(python(process))  # the loop asks them in this order
        os.kill(stopped, signal.SIGSTOP)
        os.kill(killed, signal.SIGKILL)
        until(lambda: len(python(process)) == 2 and killed not in python(process))
        assert stopped in python(process)  # nobody waited until that one had to be given up
        os.kill(stopped, signal.SIGCONT)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc to find the processes")
def test_a_worker_that_finds_no_model_any_more_says_so_in_a_line(tmp_path):
    place = written_model(tmp_path / "animals.safetensors")
    with started(f"animals={place}", "--workers", "2", "--quiet") as (address, process, log):
        until(lambda: told(address).get("name") == "animals")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        spawned = [
            int(each)
            for each in children.read_text().split()
            if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()
        ]
        form = {"content-type": "multipart/form-data; boundary=BBB"}  # of which another library says something, too
        httpx.post(address + PREDICT, content=b"--CCC\r\n\r\nx\r\n--CCC--\r\n", headers=form, timeout=HANG)
        place.rename(tmp_path / "aside.safetensors")
        os.kill(max(spawned), signal.SIGKILL)
        until(lambda: any('"level": "error"' in line for line in log))
        until(lambda: httpx.get(f"{address}/ready", timeout=HANG).status_code == 200)
    lines = [json.loads(line) for line in log]
    wrong = next(each for each in lines if each["level"] == "error")
    assert wrong["event"] == "worker"
    assert wrong["trouble"].startswith("animals: ")


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        ("none.pem", "cert.pem", r"--certificate \S+none.pem: cannot be opened \(No such file or directory\)"),
        ("cert.pem", "none.key", r"--key \S+none.key: cannot be opened"),
        ("cert.pem", "cert.pem", r"--key \S+cert.pem: expected a certificate and its own key, both as PEM"),
    ],
)
def test_certificates_that_are_none_are_named(tmp_path, model_file, certificate, key, words):
    (tmp_path / "cert.pem").write_text("no certificate")
    with pytest.raises(SettingError, match=words):
        serve(
            Settings((("animals", str(model_file)),)),
            port=0,
            certificate=str(tmp_path / certificate),
            key=str(tmp_path / key),
        )


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="workers count in a file that POSIX alone has")
def test_nothing_stays_of_a_service_that_is_killed(model_file, tmp_path, monkeypatch):
    """Neither its workers, which would keep the port, nor the file in which they count."""

    def answers():
        try:
            return httpx.get(f"{address}/ready", timeout=HANG).status_code == 200
        except httpx.TransportError:
            return False

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with started(f"animals={model_file}", "--workers", "2", "--quiet") as (address, process, _):
        until(answers)
        process.kill()
        until(lambda: not answers())
        assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="workers count in a file that POSIX alone has")
def test_a_service_none_of_whose_workers_comes_to_serving_ends_with_a_sentence(model_file, tmp_path):
    """Each worker is tried three times; that it listens is never said."""
    dies = "import os, sys\nif any('spawn_main' in word for word in sys.orig_argv): os._exit(7)\n"
    (tmp_path / "sitecustomize.py").write_text(dies, encoding="utf-8")
    words = [sys.executable, "-m", "hubel", "serve", f"animals={model_file}", "--workers", "2", "--port", "0"]
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(words, env=surroundings, capture_output=True, text=True, timeout=HANG, check=False)
    assert done.returncode == 2
    assert "serving" not in done.stdout
    *lines, last = done.stderr.splitlines()
    assert last == "hubel: workers ended one after the other before they served; the lines above may say why"
    told = [json.loads(line) for line in lines if '"event": "worker"' in line]
    assert [each["status"] for each in told] == [7] * 6
    assert all("since it ended" in each["trouble"] for each in told)

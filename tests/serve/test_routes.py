"""What the service answers, over a real socket."""

import base64
import io
import json
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from hubel.arch import parse
from hubel.data import Preprocessing
from hubel.nn import build
from hubel.serve.settings import Limits, Settings
from hubel.tasks import load_model, predict, save_model, task_named
from tests.serve.conftest import CLASSES, picture, serving
from tests.serve.test_page import detector
from tests.work import HANG

PREDICT = "/v1/models/animals/predict"
PNG = {"content-type": "image/png"}


def expected(model_file, content):
    return predict(load_model(model_file), [content])[0].tolist()


def probabilities(prediction):
    return [{each["class"]: each["probability"] for each in prediction["top"]}[name] for name in CLASSES]


def test_three_forms_give_what_predict_gives(client, model_file):
    content = picture("JPEG", (320, 240))
    told = expected(model_file, content)
    coded = base64.b64encode(content).decode()
    answers = [
        client.post(PREDICT, content=content, headers={"content-type": "image/jpeg"}),
        client.post(PREDICT, content=content, headers={"content-type": "application/octet-stream"}),
        client.post(PREDICT, files={"any": ("a.jpg", content)}),
        client.post(PREDICT, json={"pictures": [{"data": coded}]}),
        client.post(PREDICT, json={"pictures": [f"data:image/jpeg;base64,{coded}"]}),
    ]
    for answer in answers:
        assert answer.status_code == 200
        (prediction,) = answer.json()["predictions"]
        assert probabilities(prediction) == pytest.approx(told, abs=1e-6)
        assert prediction["class"] == CLASSES[int(np.argmax(told))]


def test_an_exported_file_answers_as_its_model_does(model_file, tmp_path):
    from hubel import export
    from hubel.export.onnx.digest import sealed

    place = tmp_path / "animals.onnx"
    place.write_bytes(sealed(export.onnx_model(model_file, "image")))
    content = picture("JPEG", (320, 240))
    with serving(Settings((("animals", str(place)),))) as address:
        answer = httpx.post(address + PREDICT, content=content, headers=PNG, timeout=HANG).json()
        assert httpx.get(f"{address}/v1/models/animals").json()["engine"].startswith("ONNX Runtime")
    assert probabilities(answer["predictions"][0]) == pytest.approx(expected(model_file, content), abs=1e-5)


def test_many_pictures_are_answered_in_their_order(client, model_file):
    contents = [picture(seed=number) for number in range(20)]
    answer = client.post(PREDICT, files=[("p", (f"{n}.png", each)) for n, each in enumerate(contents)]).json()
    assert [each["image"] for each in answer["predictions"]] == [f"{n}.png" for n in range(20)]
    for prediction, content in zip(answer["predictions"], contents, strict=True):
        assert probabilities(prediction) == pytest.approx(expected(model_file, content), abs=1e-6)


def test_top_and_threshold(client):
    content = picture()
    top = client.post(PREDICT, params={"top": 1}, content=content, headers=PNG).json()["predictions"][0]
    assert len(top["top"]) == 1
    assert top["class"] is not None
    unsure = client.post(PREDICT, params={"threshold": 1}, content=content, headers=PNG).json()["predictions"][0]
    assert unsure["class"] is None
    assert len(unsure["top"]) == 3


@pytest.mark.parametrize("query", ["", "?top=2", "?threshold=1&top=1", "?pictures=false"])
def test_settings_that_were_asked_before_are_answered_alike(client, query):
    """The first time FastAPI checks them, then they are known."""
    first, then = (client.post(f"{PREDICT}{query}", content=picture(), headers=PNG) for _ in range(2))
    assert (first.status_code, then.status_code) == (200, 200)
    assert first.content == then.content
    assert set(first.headers) == set(then.headers)


def test_a_picture_that_cannot_be_read_says_so_and_the_others_are_answered(client):
    files = [("p", ("good.png", picture())), ("p", ("bad.png", picture()[:60])), ("p", ("no.txt", b"hello"))]
    answer = client.post(PREDICT, files=files)
    good, cut, text = answer.json()["predictions"]
    assert answer.status_code == 200
    assert answer.json()["unreadable"] == 2
    assert good["class"] in CLASSES
    assert "cannot be decoded" in cut["error"]
    assert "is no picture of a format that is taken here" in text["error"]


def form(*parts, boundary="xyz", end=True):
    lines = []
    for head, content in parts:
        lines.append(f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n")
    return b"".join(lines) + (f"--{boundary}--\r\n".encode() if end else b"")


FILE = 'Content-Disposition: form-data; name="a"; filename="a.png"'
FORM = "multipart/form-data; boundary=xyz"
BAD = [
    ("image/png", b"", 400, "request", "received none"),
    ("image/png", b"not a picture", 422, "unreadable", "format that is taken"),
    ("image/png", picture()[:-30], 422, "unreadable", "cannot be decoded"),
    ("image/tiff", picture("TIFF"), 422, "unreadable", "received TIFF"),
    ("text/plain", picture(), 415, "kind", "text/plain"),
    ("", picture(), 415, "kind", "Content-Type"),
    ("application/json", b"{", 400, "request", "not JSON"),
    ("application/json", b"[" * 100_000, 400, "request", "nested too deep"),
    ("application/json", b"[]", 400, "request", "pictures"),
    ("application/json", b'{"pictures": []}', 400, "request", "received none"),
    ("application/json", b'{"pictures": [""], "pictures": [""]}', 400, "request", "'pictures' once"),
    ("application/json", b'{"pictures": [{"data": "", "data": ""}]}', 400, "request", "'data' once"),
    ("application/json", b'{"pictures": [3]}', 400, "request", "picture 1"),
    ("application/json", b'{"pictures": [{"data": "*"}]}', 400, "request", "base64"),
    ("application/json", b'{"pictures": [{"data": "", "url": "http://x/"}]}', 400, "request", "picture 1"),
    ("application/json", b'{"pictures": [{"data": "", "name": 3}]}', 400, "request", "name as a text"),
    ("application/json", b'{"pictures": [{"data": ""}], "top": 3}', 400, "request", "top and threshold"),
    ("application/json", json.dumps({"pictures": [""] * 65}).encode(), 413, "pictures", "at most 64"),
    ("multipart/form-data", form((FILE, picture())), 400, "request", "boundary"),
    (FORM, b"", 400, "request", "cut short"),
    (FORM, b"nothing of a form", 400, "request", "the form cannot be read"),
    (FORM, form((FILE, picture()), end=False), 400, "request", "cut short"),
    (FORM, form(('Content-Disposition: form-data; name="top"', b"3")), 400, "request", "the field 'top'"),
    (FORM, form(*[(FILE, b"")] * 65), 413, "pictures", "at most 64"),
    (FORM, form((FILE, b"")), 422, "unreadable", "the file is empty"),
    (FORM, form(("X: " + "y" * 30_000, b"")), 400, "request", "form"),
]


@pytest.mark.parametrize(("kind", "body", "status", "reason", "words"), BAD)
def test_bad_input_gets_a_sentence(client, kind, body, status, reason, words):
    answer = client.post(PREDICT, content=body, headers={"content-type": kind})
    told = answer.json()
    assert (answer.status_code, told["reason"]) == (status, reason)
    assert words in told["error"]
    assert answer.headers["x-request-id"] == told["request"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("top=0", "top"),
        ("top=x", "top"),
        ("threshold=2", "threshold"),
        ("top=1e9", "top"),
        ("threshold=nan", "threshold"),
        ("topp=3", "topp"),
        ("top=2&top=3", "top: expected once after the ?, received 2 times"),
        ("top=2&top=2", "top: expected once"),
        ("threshold=0.5&top=1&threshold=0.1", "threshold: expected once"),
        ("pictures=true&pictures=false", "pictures: expected once"),
        ("top=", "top"),
    ],
)
def test_settings_out_of_range(client, query, words):
    answer = client.post(f"{PREDICT}?{query}", content=picture(), headers=PNG)
    assert (answer.status_code, answer.json()["reason"]) == (422, "settings")
    assert answer.json()["error"].startswith(words)


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("GET", "/v1/models?top=3", "top: expected nothing after the ?"),
        ("GET", "/v1/models/animals?name=x", "name: expected nothing after the ?"),
        ("GET", "/v2/models/animals?top=3", "top: expected nothing after the ?"),
        ("POST", "/v2/models/animals/infer?top=3", "top: expected nothing after the ?"),
        ("GET", "/metrics?a=1", "a: expected nothing after the ?"),
    ],
)
def test_what_would_be_ignored_is_refused(client, method, path, words):
    answer = client.request(method, path, content=picture() if method == "POST" else b"")
    assert (answer.status_code, answer.json()["reason"]) == (422, "settings")
    assert answer.json()["error"].startswith(words)


def test_what_means_nothing_to_a_task_is_refused(client, tmp_path):
    """A threshold of 0 is one, too: of a detector's objects it lets all through."""
    torch.manual_seed(0)
    settings = {"means": [3.0], "deviations": [2.0]}
    network = parse("8x8x3: flatten, dense 1")
    place = save_model(
        tmp_path / "age.safetensors",
        network,
        build(network),
        preprocessing=Preprocessing(8, 8, 3, (0.5,) * 3, (0.2,) * 3),
        task=task_named("regression").from_settings(("years",), settings),
    )
    found = detector(tmp_path / "finder.safetensors", second=1.8)  # a tenth sure of it
    with serving(Settings((("age", str(place)), ("finder", str(found))))) as address:
        asked = {"content": picture(), "headers": PNG, "timeout": HANG}

        def refused(name, query):
            answer = httpx.post(f"{address}/v1/models/{name}/predict?{query}", **asked)
            assert (answer.status_code, answer.json()["reason"]) == (422, "settings"), query
            return answer.json()["error"]

        assert refused("age", "pictures=true") == "pictures: answers of regression are no pictures"
        assert refused("age", "top=2").startswith("top: counts classes or sentences")
        assert refused("age", "threshold=0").startswith("a threshold is of classes and labels")
        assert refused("finder", "top=2").startswith("top: ")
        whole = httpx.post(f"{address}/v1/models/finder/predict?threshold=0&pictures=true", **asked).json()
        usual = httpx.post(f"{address}/v1/models/finder/predict", **asked).json()
        count, others = (len(each["predictions"][0]["objects"]) for each in (whole, usual))
        assert count > others == 1
        assert whole["predictions"][0]["pictures"]
    assert client.post(f"{PREDICT}?pictures=true", content=picture(), headers=PNG).json()["reason"] == "settings"


@pytest.mark.parametrize("path", ["/", "/health", "/ready", "/v1/models"])
def test_what_is_asked_for_its_head_alone_has_the_head_of_the_whole(client, path):
    whole, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert client.head(PREDICT).status_code == 405


@pytest.mark.parametrize("path", ["/?from=there", "/health?probe=1", "/ready?x"])
def test_pages_and_probes_are_asked_as_they_are(client, path):
    assert client.get(path).status_code == 200


def test_how_much_of_a_picture_is_cut_away_is_told(client):
    files = [("p", (f"{width}.png", picture(size=(width, 8)))) for width in (8, 10, 40)]
    answers = client.post(PREDICT, files=files).json()["predictions"]
    assert ["note" in each for each in answers] == [False, False, True]
    assert answers[2]["note"].startswith("80% of it is cut away")
    again = [client.post(PREDICT, content=picture(size=(40, 8)), headers=PNG).json() for _ in range(2)]
    assert [each["predictions"][0]["note"] for each in again] == [answers[2]["note"]] * 2


def test_pixels_are_known_before_they_are_decoded(client):
    stream = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(stream, "PNG")
    assert len(stream.getvalue()) < 100_000
    answer = client.post(PREDICT, content=stream.getvalue(), headers=PNG)
    assert answer.status_code == 422
    assert "9000×9000" in answer.json()["error"]


def test_unknown_names_and_methods(client):
    answer = client.post("/v1/models/animal/predict", content=picture(), headers=PNG)
    assert answer.status_code == 404
    assert "did you mean 'animals'?" in answer.json()["error"]
    assert client.get("/v1/modelz").json()["reason"] == "unknown"
    wrong = client.get(PREDICT)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/animals", "/health", "/ready", "/metrics", "/v2", PREDICT])
def test_a_slash_too_many_is_told(client, path):
    """Not led elsewhere: what is asked by POST would be asked again, and a token sent to another address."""
    answer = client.get(path + "/", follow_redirects=False)
    assert answer.status_code == 404
    assert f"there is nothing at {path}/; {path} has none at its end" in answer.json()["error"]
    assert 'hubel_requests_total{status="404"} ' in client.get("/metrics").text


def test_models_tell_of_themselves(client):
    told = client.get("/v1/models").json()
    (model,) = told["models"]
    assert model["name"] == "animals"
    assert model["classes"] == list(CLASSES)
    assert told["limits"]["batch"] == 16
    assert client.get("/v1/models/animals").json() == model


def test_health(client):
    assert client.get("/health").json() == {"status": "alive"}
    assert client.get("/ready").json() == {"status": "ready"}


def test_metrics_count_what_was_answered_and_refused(client):
    def counts():
        lines = client.get("/metrics").text.splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    before = counts()
    client.post(PREDICT, content=picture(), headers=PNG)
    client.post(PREDICT, content=b"no", headers=PNG)
    after = counts()
    grown = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert grown['hubel_pictures_total{model="animals"}'] == 1
    assert grown['hubel_unreadable_total{model="animals"}'] == 1
    assert grown['hubel_refused_total{reason="unreadable"}'] == 1
    assert grown['hubel_batch_pictures_count{model="animals"}'] == 2
    assert grown['hubel_request_seconds_count{model="animals"}'] == 1
    assert grown['hubel_batch_pictures_bucket{model="animals",le="+Inf"}'] == 2


def test_far_too_much_is_refused_and_some_of_it_answered(model_file):
    limits = Limits(batch=1, queue=1, wait=0)
    with serving(Settings((("animals", str(model_file)),), limits)) as address, httpx.Client(timeout=HANG) as client:
        content = picture("PNG", (300, 300))

        def ask(_):
            return client.post(address + PREDICT, content=content, headers=PNG)

        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(ask, range(24)))
        statuses = Counter(each.status_code for each in answers)
        assert set(statuses) == {200, 503}
        refused = next(each for each in answers if each.status_code == 503)
        assert refused.json()["reason"] == "full"
        assert int(refused.headers["retry-after"]) >= 1
        text = client.get(f"{address}/metrics").text
        assert f'hubel_refused_total{{reason="full"}} {statuses[503]}' in text
        assert 'hubel_queue_pictures{model="animals"} 0' in text


def test_a_long_body_is_not_waited_for_where_it_would_be_refused(model_file):
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: "
    limits = Limits(batch=2, queue=1, wait=3600, deadline=HANG)
    with serving(Settings((("animals", str(model_file)),), limits)) as address:
        place = urlsplit(address)

        def connected():
            return socket.create_connection((place.hostname, place.port), HANG)

        def metrics():
            return httpx.get(f"{address}/metrics", timeout=HANG).text

        with connected() as waiting, connected() as refused:
            waiting.sendall(f"{head}{len(picture())}\r\n\r\n".encode() + picture())
            while 'hubel_queue_pictures{model="animals"} 1' not in metrics():
                pass
            refused.sendall(f"{head}900000\r\n\r\n".encode())
            assert refused.recv(65536).startswith(b"HTTP/1.1 503")
            assert 'hubel_queue_pictures{model="animals"} 1' in metrics()


def test_the_description_has_routes_answers_and_examples(client):
    told = client.get("/openapi.json").json()
    predict = told["paths"]["/v1/models/{name}/predict"]["post"]
    assert set(predict["requestBody"]["content"]) >= {"multipart/form-data", "application/json", "image/*"}
    assert {"200", "400", "413", "422", "503"} <= set(predict["responses"])
    example = predict["requestBody"]["content"]["application/json"]["example"]
    assert client.post(PREDICT, json=example).status_code == 200


def test_every_answer_has_security_headers(client):
    for path in ("/health", "/v1/models", "/nothing", "/openapi.json"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers

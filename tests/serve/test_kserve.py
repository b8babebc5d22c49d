"""The protocol of KServe, version 2."""

import base64
import json

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from hubel.arch import parse
from hubel.data import Preprocessing
from hubel.nn import build
from hubel.serve.settings import Access, Settings
from hubel.tasks import load_model, predict, save_model, task_named
from tests.serve.conftest import CLASSES, picture, serving
from tests.serve.test_gate import TOKEN

INFER = "/v2/models/animals/infer"


def tensor(datatype, shape, data, **more):
    return {"inputs": [{"name": "pictures", "datatype": datatype, "shape": shape, "data": data}], **more}


def test_files_and_pixels_are_answered_as_predict_answers_them(client, model_file):
    contents = [picture(seed=number) for number in range(3)]
    told = predict(load_model(model_file), contents).numpy()
    pixels = [np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8) for number in range(3)]
    coded = [base64.b64encode(each).decode() for each in contents]
    asked = [
        tensor("BYTES", [3], coded, id="mine"),
        tensor("UINT8", [3, 8, 8, 3], np.stack(pixels).tolist()),
        tensor("UINT8", [3, 8, 8, 3], np.stack(pixels).ravel().tolist()),
    ]
    for number, body in enumerate(asked):
        answer = client.post(INFER, json=body)
        assert answer.status_code == 200
        found = answer.json()
        assert (found["model_name"], found.get("id")) == ("animals", None if number else "mine")
        outputs = {each["name"]: each for each in found["outputs"]}
        assert outputs["probabilities"]["shape"] == [3, 3]
        assert np.reshape(outputs["probabilities"]["data"], (3, 3)) == pytest.approx(told, abs=1e-5)
        assert outputs["class"]["data"] == [CLASSES[int(np.argmax(each))] for each in told]
        assert outputs["probability"]["data"] == pytest.approx(told.max(1).tolist(), abs=1e-5)


def test_a_model_tells_its_tensors(client):
    told = client.get("/v2/models/animals").json()
    assert {each["name"] for each in told["inputs"]} == {"pictures", "pixels"}
    assert [each["shape"] for each in told["outputs"]] == [[-1], [-1], [-1, 3]]
    assert client.get("/v2/models/animals/ready").json()["ready"] is True
    assert client.get("/v2").json()["name"] == "hubel"
    assert client.get("/v2/models/animal").status_code == 404
    assert client.post("/v2/models/animal/infer", json=tensor("BYTES", [1], [""])).status_code == 404


def test_the_version_that_is_announced_has_its_addresses(client):
    (version,) = client.get("/v2/models/animals").json()["versions"]
    place = f"/v2/models/animals/versions/{version}"
    assert client.get(place).json() == client.get("/v2/models/animals").json()
    assert client.get(f"{place}/ready").json()["ready"] is True
    asked = tensor("BYTES", [1], [CODED])
    answers = [client.post(each, json=asked).json() for each in (INFER, f"{place}/infer")]
    assert answers[0] == answers[1]
    assert answers[0]["model_version"] == version
    assert client.get("/v2/models/animals/versions/2").status_code == 404


CODED = base64.b64encode(picture()).decode()
BAD = [
    (tensor(["BYTES"], [1], [CODED]), 400, "datatype: expected BYTES"),
    ("{", 400, "not JSON"),
    ("[]", 400, "expected {"),
    ('{"inputs": []}', 400, "expected {"),
    ('{"inputs": [], "inputs": []}', 400, "'inputs' once"),
    ({**tensor("BYTES", [1], [CODED]), "outputs": [{"name": "classes"}]}, 400, "class, probability, probabilities"),
    ({**tensor("BYTES", [1], [CODED]), "outputs": ["class"]}, 400, "expected [{"),
    ({**tensor("BYTES", [1], [CODED]), "outputs": 3}, 400, "outputs: expected [{"),
    (tensor("FP32", [1, 8, 8, 3], [0.5] * 192), 400, "datatype: expected BYTES"),
    (tensor("BYTES", [2], [CODED]), 400, "expected 2 texts"),
    (tensor("BYTES", [1, 1], [CODED]), 400, "shape: expected [N], received [1, 1]"),
    (tensor("BYTES", [0], []), 400, "shape"),
    (tensor("BYTES", [True], [CODED]), 400, "shape"),
    (tensor("BYTES", None, [CODED]), 400, "shape"),
    (tensor("BYTES", [1], ["*"]), 400, "base64"),
    (tensor("BYTES", [1], [7]), 400, "texts"),
    (tensor("BYTES", [65], [CODED] * 65), 413, "at most 64"),
    (tensor("BYTES", [2], [CODED, base64.b64encode(b"no picture").decode()]), 422, "picture 2: is no"),
    (tensor("UINT8", [8, 8, 3], [0] * 192), 400, "shape: expected [N, rows, columns, channels], received [8, 8, 3]"),
    (tensor("UINT8", [150, 2, 3], [0] * 900), 400, "shape: expected [N, rows, columns, channels]"),
    (tensor("UINT8", [1, 10**5, 10**5, 3], [0]), 400, "at most 25,000,000 pixels"),
    (tensor("UINT8", [1, 2, 2, 1], [0, 1, 2]), 400, "expected 4 whole numbers"),
    (tensor("UINT8", [1, 2, 2, 1], [0, 1, 2, 256]), 400, "from 0 to 255"),
    (tensor("UINT8", [1, 2, 2, 1], [0, 1, 2, 0.5]), 400, "from 0 to 255"),
    (tensor("UINT8", [1, 2, 2, 1], [0, True, 2, 3]), 400, "received true or false as number 1"),
    (tensor("UINT8", [1, 2, 2, 1], [[0, 1], [2, False]]), 400, "received true or false as number 3"),
    (tensor("UINT8", [1, 2, 2, 1], [[0, 1], [2]]), 400, "expected 4 whole numbers"),
    (tensor("UINT8", [1, 2, 2, 1], "abcd"), 400, "expected 4 whole numbers"),
    (tensor("UINT8", [1, 1, 1, 1], None), 400, "expected 1 whole numbers"),
    ({"inputs": []}, 400, "received 0 inputs"),
    ({"inputs": tensor("BYTES", [1], [CODED])["inputs"] * 2}, 400, "received 2 inputs"),
    ({"inputs": {}}, 400, "received an object"),
    ([1], 400, "received a list of 1"),
    ("[" * 100_000, 400, "nested too deep"),
    (
        {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [CODED]}]},
        400,
        "name: expected 'pictures'",
    ),
    (tensor("BYTES", [2], [CODED]), 400, "received a list of 1"),
    (tensor("BYTES", [2], [CODED, 7]), 400, "received a number as number 1"),
    (tensor("BYTES", [2], [CODED, "*"]), 400, "number 1 is none"),
    (tensor("UINT8", [1, 2, 2, 1], [0, 1, 2]), 400, "received 3"),
    (tensor("UINT8", [1, 2, 2, 1], [0, 1, 256, 3]), 400, "received 256 as number 2"),
    (tensor("UINT8", [1, 2, 2, 1], [[0, 1], [1.5, 3]]), 400, "received 1.5 as number 2"),
    (tensor("UINT8", [1, 2, 2, 1], [True] * 4), 400, "received true or false as number 0"),
    (tensor("UINT8", [1, 2, 2, 1], [0, -1, 10**30, 3]), 400, "received -1 as number 1"),
    (tensor("UINT8", [1, 2, 2, 1], "abcd"), 400, "received a text"),
    (tensor("BYTES", [1], [CODED], id=5), 400, "id: expected a text, received a number"),
    (tensor("BYTES", [1], [CODED], foo=1), 400, "received 'foo'"),
    (tensor("BYTES", [1], [CODED], parameters={"top": 1}), 400, "parameters: none is known here, received 'top'"),
    (tensor("BYTES", [1], [CODED], parameters={"binary_data_output": True}), 400, "as JSON alone"),
    (tensor("BYTES", [1], [CODED], parameters=[]), 400, "parameters: expected an object, received a list of 0"),
    (tensor("BYTES", [1], [CODED], outputs=[{"name": "class", "datatype": "BYTES"}]), 400, "received 'datatype'"),
    (
        tensor("BYTES", [1], [CODED], outputs=[{"name": "class", "parameters": {"classification": 2}}]),
        400,
        "class: para",
    ),
    ({"inputs": [tensor("BYTES", [1], [CODED])["inputs"][0] | {"parameters": {"binary_data_size": 5}}]}, 400, "JSON"),
    ({"inputs": [tensor("BYTES", [1], [CODED])["inputs"][0] | {"content_type": "x"}]}, 400, "inputs: expected name"),
]


@pytest.mark.parametrize(("body", "status", "words"), BAD)
def test_bad_tensors_get_a_sentence(client, body, status, words):
    content = body if isinstance(body, str) else json.dumps(body)
    answer = client.post(INFER, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert words in answer.json()["error"]


def test_the_outputs_that_are_asked_for_come_back(client):
    plain = {"parameters": {"binary_data": False}}  # as clients say that want JSON
    asked = {
        **tensor("BYTES", [1], [CODED], parameters={"binary_data_output": False}),
        "outputs": [{"name": "class", **plain}],
    }
    assert [each["name"] for each in client.post(INFER, json=asked).json()["outputs"]] == ["class"]


def test_what_is_cut_away_is_told(client):
    wide = base64.b64encode(picture(size=(40, 8))).decode()
    answer = client.post(INFER, json=tensor("BYTES", [2], [CODED, wide])).json()
    assert answer["parameters"]["note"].startswith("picture 2: 80% of it is cut away")
    assert "parameters" not in client.post(INFER, json=tensor("BYTES", [1], [CODED])).json()


def test_health_asks_for_no_token(model_file):
    with serving(Settings((("animals", str(model_file)),), access=Access(TOKEN))) as address:
        assert httpx.get(f"{address}/v2/health/live").json()["live"] is True
        assert httpx.get(f"{address}/v2/health/ready").json()["ready"] is True
        assert httpx.get(f"{address}/v2/models/animals").status_code == 401


def test_other_tasks_answer_in_json(tmp_path):
    torch.manual_seed(0)
    settings = {"values": [0, 1], "colours": [[0, 0, 0], [255, 0, 0]]}
    task = task_named("segmentation").from_settings(("road", "sky"), settings)
    network = parse("8x8x3: conv 4 3x3 same relu, conv 2 1x1 softmax")
    kind = Preprocessing(8, 8, 3, (0.5,) * 3, (0.2,) * 3)
    place = save_model(tmp_path / "m.safetensors", network, build(network), preprocessing=kind, classes=(), task=task)
    with serving(Settings((("m", str(place)),))) as address:
        pixels = np.asarray(Image.new("RGB", (9, 7), "red"))
        asked = tensor("UINT8", [1, 7, 9, 3], pixels.ravel().tolist())
        (output,) = httpx.post(f"{address}/v2/models/m/infer", json=asked, timeout=60).json()["outputs"]
        assert (output["name"], output["shape"]) == ("answer", [1])
        plain = httpx.post(f"{address}/v1/models/m/predict", content=picture(), headers={"content-type": "image/png"})
        assert set(json.loads(output["data"][0])) == set(plain.json()["predictions"][0]) - {"image"}
        asked = {"content": picture(), "headers": {"content-type": "image/png"}, "params": {"top": 2}}
        refused = httpx.post(f"{address}/v1/models/m/predict", **asked)
        assert refused.status_code == 422
        assert refused.json()["error"].startswith("top: counts classes or sentences")
        assert httpx.get(f"{address}/v1/models/m").json()["colours"] == settings["colours"]

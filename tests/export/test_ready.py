"""The engines: the same answers as PyTorch's, each time said whose they are."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from hubel import zoo
from hubel.arch import analyse, parse
from hubel.base.errors import SettingError
from hubel.cli import main
from hubel.data import Dataset, Preprocessing
from hubel.export.engines import chosen, is_for_openvino
from hubel.export.ready import Ready, opened
from hubel.nn import build
from hubel.tasks import LoadedModel, evaluate, load_model, predict, save_model, task_named
from hubel.train.run.run import MODEL

CLASSES = ("cat", "dog", "hen", "Ωμέγα")
NETWORKS = {
    "lenet": "28x28x1: conv 6 5x5 same tanh, avgpool 2, conv 16 5x5 tanh, avgpool 2, flatten, dense 4 softmax",
    "residual": "16x16x3: conv 8 3x3 same, norm, relu, sum(conv 8 3x3 same, norm | identity), globalavgpool, dense 4",
    "perceptron": "8x8x3: flatten, dense 20 relu, dense 4 softmax",
    "no softmax at its end": "9x7x3: conv 5 3x3/2 same gelu, maxpool 2, flatten, dense 4",
}


def written(folder, text, task=None, summary=None):
    torch.manual_seed(0)
    network = parse(text)
    module = build(network)
    with torch.no_grad():
        for name, buffer in module.named_buffers():
            if name.endswith(("mean", "var")):
                buffer.uniform_(0.5, 1.5)
    height, width, channels = network.input
    kind = Preprocessing(height, width, channels, (0.4,) * channels, (0.25,) * channels)
    return save_model(
        folder / MODEL, network, module, preprocessing=kind, classes=() if task else CLASSES, task=task, summary=summary
    )


@pytest.mark.parametrize("text", NETWORKS.values(), ids=NETWORKS)
def test_onnx_runtime_says_what_pytorch_says(tmp_path, text):
    path = written(tmp_path, text)
    model = load_model(path)
    size = model.preprocessing.height, model.preprocessing.width, model.preprocessing.channels
    images = np.random.default_rng(0).integers(0, 256, (70, *size), dtype=np.uint8)
    found = opened(path, lambda: load_model(path), "onnxruntime")
    assert isinstance(found.model, Ready)
    assert found.engine.startswith("ONNX Runtime")
    told = predict(model, images)
    for answer, expected in zip(found.answers(images, 4), told.tolist(), strict=True):
        shares = dict(answer.likeliest)
        assert [shares[name] for name in CLASSES] == pytest.approx(expected, abs=1e-5)
        assert answer.likeliest[0][0] == CLASSES[int(np.argmax(expected))]
        assert len(answer.likeliest) == 4
    assert len(found.answers(images[:1], 2)[0].likeliest) == 2
    assert found.answers(images[:0]) == []


def test_pytorch_answers_where_it_is_asked_for(tmp_path):
    path = written(tmp_path, NETWORKS["perceptron"])
    found = opened(path, lambda: load_model(path), "pytorch")
    assert isinstance(found.model, LoadedModel)
    assert (found.engine, found.note) == ("PyTorch, float32", "")


@pytest.mark.parametrize(("steps", "over"), [(1, False), (3, True)])
def test_a_run_that_went_on_for_more_epochs_is_over_again_at_its_end(tmp_path, steps, over):
    written(tmp_path, NETWORKS["perceptron"], summary={"steps": steps})
    (tmp_path / "run.toml").write_text("changes = [ { step = 1, epochs = 3.0, schedule_done = 0.0 } ]\n")
    found = opened(tmp_path, lambda: load_model(tmp_path / MODEL))
    assert isinstance(found.model, Ready) is over
    assert found.note == ""


def test_other_tasks_keep_what_they_do_with_an_engines_scores(tmp_path):
    settings = {"values": [0, 1], "colours": [[0, 0, 0], [255, 0, 0]]}
    task = task_named("segmentation").from_settings(("road", "sky"), settings)
    path = written(tmp_path, "8x8x3: conv 4 3x3 same relu, conv 2 1x1 softmax", task)
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    answers = [opened(path, lambda: load_model(path), engine).answer(image) for engine in ("onnxruntime", "pytorch")]
    assert (answers[0].mask == answers[1].mask).mean() > 0.999
    assert len(set(answers[0].mask.ravel().tolist())) > 1


def test_a_whole_model_is_measured_by_an_engine(tmp_path):
    path = written(tmp_path, NETWORKS["residual"])
    images = np.random.default_rng(0).integers(0, 256, (50, 16, 16, 3), dtype=np.uint8)
    dataset = Dataset(images, np.arange(50) % 4, CLASSES)
    found = [opened(path, lambda: load_model(path), engine, whole=True) for engine in ("onnxruntime", "pytorch")]
    losses = [evaluate(each.model, dataset).figures["loss"] for each in found]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    assert [each.engine.split()[0] for each in found] == ["ONNX", "PyTorch,"]


def test_what_an_engine_cannot_do_pytorch_does_and_that_is_said(tmp_path, monkeypatch):
    path = written(tmp_path, NETWORKS["perceptron"])

    def broken(*_, **__):
        raise RuntimeError("no kernel for this\nmore")

    monkeypatch.setattr("hubel.export.ready.computing", broken)
    found = opened(path, lambda: load_model(path))
    assert isinstance(found.model, LoadedModel)
    assert found.note == "onnxruntime cannot compute it: no kernel for this"
    with pytest.raises(SettingError, match="leave out --engine onnxruntime"):
        opened(path, lambda: load_model(path), "onnxruntime")


def test_a_damaged_file_is_refused_as_ever(tmp_path):
    path = written(tmp_path, NETWORKS["perceptron"])
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        opened(path, lambda: load_model(path))


def test_engines_that_are_not_here(monkeypatch):
    monkeypatch.setattr("hubel.export.engines.find_spec", lambda name: None)
    assert chosen("auto").engine == "pytorch"
    with pytest.raises(SettingError, match=r"pip install 'hubel\[export\]'"):
        chosen("onnxruntime")
    with pytest.raises(SettingError, match="pip install openvino"):
        chosen("openvino")
    with pytest.raises(SettingError, match="expected engine"):
        chosen("tensorrt")


@pytest.mark.parametrize(
    ("engine", "precision", "words"),
    [
        ("auto", "int8", r"hubel export RUN --int8 DATA -o FILE.onnx"),
        ("onnxruntime", "bfloat16", "onnxruntime computes in float32 here"),
        ("pytorch", "bfloat16", "pytorch computes in float32 here"),
        ("auto", "float16", r"expected precision float32 \| bfloat16"),
    ],
)
def test_precisions_that_are_not_to_be_had(engine, precision, words):
    with pytest.raises(SettingError, match=words):
        chosen(engine, precision)


def test_a_precision_names_what_it_needs(monkeypatch):
    monkeypatch.setattr("hubel.export.engines.find_spec", lambda name: None if name == "openvino" else name)
    with pytest.raises(SettingError, match=r"--precision bfloat16 needs openvino.*pip install openvino"):
        chosen("auto", "bfloat16")


@pytest.mark.parametrize(
    ("name", "float32", "int8"),
    [
        ("lenet5", False, False),
        ("resnet20", False, False),
        ("resnet10", False, True),
        ("resnet18", True, True),
        ("resnet34", True, True),
        ("resnet50", False, True),
        ("mobilenet_v2", False, True),
        ("vgg11", False, True),
        ("densenet121", False, False),
        ("convnext_tiny", False, False),
    ],
)
def test_networks_that_openvino_computes_quicker(name, float32, int8):
    """As measured: docs/benchmarks.md."""
    report = analyse(zoo.get(name))
    assert (is_for_openvino(report), is_for_openvino(report, eight=True)) == (float32, int8)


def test_openvino_is_taken_for_many_images_where_it_is_here_and_the_quicker(monkeypatch):
    monkeypatch.setattr("hubel.export.engines.find_spec", lambda name: name)
    broad = analyse(zoo.get("resnet18"))
    assert chosen("auto", many=True).suited(broad).engine == "openvino"
    assert chosen("auto", many=True).suited(analyse(zoo.get("resnet50"))).engine == "onnxruntime"
    assert chosen("auto").suited(broad).engine == "onnxruntime"  # it takes longer to start
    assert chosen("onnxruntime", many=True).suited(broad).engine == "onnxruntime"
    monkeypatch.setattr("hubel.export.engines.find_spec", lambda name: None if name == "openvino" else name)
    assert chosen("auto", many=True).suited(broad).engine == "onnxruntime"


BROAD = "40x40x3: conv 256 5x5/5 relu, 6 * (conv 256 3x3 same relu), globalavgpool, dense 4"


@pytest.mark.peers
def test_openvino_evaluates_broad_networks_in_float32_and_in_eight_bits(tmp_path, capsys):
    pytest.importorskip("openvino")
    path = written(tmp_path, BROAD)
    images = np.random.default_rng(0).integers(0, 256, (8, 40, 40, 3), dtype=np.uint8)
    expected = predict(load_model(path), images)
    found = opened(path, lambda: load_model(path), many=True)
    assert found.engine.startswith("OpenVINO")
    assert found.engine.endswith("float32")
    for answer, told in zip(found.answers(images, 4), expected.tolist(), strict=True):
        shares = dict(answer.likeliest)
        assert [shares[name] for name in CLASSES] == pytest.approx(told, abs=1e-5)
    Image.fromarray(images[0]).save(tmp_path / "one.png")
    assert main(["predict", str(path), str(tmp_path / "one.png")]) == 0
    assert "computed by ONNX Runtime" in capsys.readouterr().err
    assert main(["predict", str(path), str(tmp_path)]) == 0
    assert "computed by OpenVINO" in capsys.readouterr().err


@pytest.mark.peers
def test_bfloat16_answers_nearly_alike_and_is_said(tmp_path):
    pytest.importorskip("openvino")
    path = written(tmp_path, NETWORKS["residual"])
    try:
        found = opened(path, lambda: load_model(path), precision="bfloat16")
    except SettingError as error:
        assert "this processor does not compute in bfloat16; leave out --precision" in str(error)  # noqa: PT017
        pytest.skip(str(error))
    assert found.engine.startswith("OpenVINO")
    assert found.engine.endswith("bfloat16")
    images = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
    expected = opened(path, lambda: load_model(path)).answers(images, 4)
    answers = found.answers(images, 4)
    for answer, told in zip(answers, expected, strict=True):
        assert dict(answer.likeliest) == pytest.approx(dict(told.likeliest), abs=0.02)
    assert answers != expected  # it is another precision


@pytest.mark.peers
def test_openvino_computes_exported_files(tmp_path):
    pytest.importorskip("openvino")
    from hubel.export import onnx_model
    from hubel.export.onnx.digest import sealed

    path = written(tmp_path, NETWORKS["lenet"])
    place = tmp_path / "lenet.onnx"
    place.write_bytes(sealed(onnx_model(path, "sized")))
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28, 1), dtype=np.uint8)
    found = opened(place, lambda: load_model(path), "openvino")
    assert found.engine.startswith("OpenVINO")
    expected = opened(place, lambda: load_model(path)).answers(images, 4)
    for answer, told in zip(found.answers(images, 4), expected, strict=True):
        assert dict(answer.likeliest) == pytest.approx(dict(told.likeliest), abs=1e-5)


def test_a_small_network_answers_alike_on_one_thread_and_on_several(tmp_path):
    """Few images are computed on one thread, many on those that were asked for."""
    path = written(tmp_path, NETWORKS["lenet"])
    images = np.random.default_rng(0).integers(0, 256, (64, 28, 28, 1), dtype=np.uint8)
    found = opened(path, lambda: load_model(path), "onnxruntime", threads=2)
    together = found.answers(images, 4)
    for image, answer in zip(images, together, strict=True):
        (alone,) = found.answers(image[np.newaxis], 4)
        assert dict(alone.likeliest) == pytest.approx(dict(answer.likeliest), abs=1e-6)


def test_predict_says_who_computed(tmp_path, capsys):
    path = written(tmp_path, NETWORKS["perceptron"])
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    answers = []
    for engine, words in (("onnxruntime", "ONNX Runtime"), ("pytorch", "PyTorch")):
        assert main(["predict", str(path), str(tmp_path / "a.png"), "--json", "--engine", engine]) == 0
        out, err = capsys.readouterr()
        (one,) = json.loads(out)
        assert one["engine"].startswith(words)
        assert f"computed by {words}" in err
        answers.append({each["class"]: each["probability"] for each in one["top"]})
    assert answers[0] == pytest.approx(answers[1], abs=1e-5)


def test_the_model_of_a_run_that_was_stopped_is_computed_as_quickly(tmp_path):
    stopped = {"stopped": {"step": 20, "steps": 100, "epoch": 1.0, "epochs": 5.0}}
    path = written(tmp_path, NETWORKS["lenet"], summary=stopped)
    found = opened(path, lambda: load_model(path))
    assert (found.engine.split(" ")[:2], found.note) == (["ONNX", "Runtime"], "")
    image = np.zeros((28, 28), np.uint8)
    assert dict(found.answer(image, 4).likeliest) == pytest.approx(
        dict(load_model(path).predict(image, 4).likeliest), abs=1e-5
    )


def test_predict_needs_no_torch(tmp_path):
    path = written(tmp_path, NETWORKS["lenet"])
    Image.new("L", (30, 30), 255).save(tmp_path / "a.png")
    program = "import sys; from hubel.cli import main; main(sys.argv[1:]); print('torch' in sys.modules)"
    line = [sys.executable, "-c", program, "predict", str(path), str(tmp_path / "a.png")]
    told = subprocess.run(line, capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "False"

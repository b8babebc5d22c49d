"""On a GPU that is not there (`tests/pretended.py`): that nothing meets what lies elsewhere, nothing waits in a step,
and all that is asked of a model comes out as on a processor.
"""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from hubel.arch import parse
from hubel.base.errors import SettingError
from hubel.cli import main
from hubel.data import Augmentation, Batches, Dataset, Labels, Preprocessing, Splits, load
from hubel.data.masks.targets import Masks
from hubel.nn import check_device, device_named
from hubel.serve.batches import Picture
from hubel.serve.served import Served
from hubel.serve.settings import Settings
from hubel.tasks import task_of
from hubel.tasks.measure import measure
from hubel.tasks.multilabel.targets import LabelSets
from hubel.tasks.regression.targets import Numbers
from hubel.train import NotEnoughMemoryError, Supervised, open_model, resume, train
from hubel.train.loop.playing.step import QLearning
from hubel.train.loop.ways.adversarial import Adversarial
from tests.pretended import NAME, pretended
from tests.tasks.killed import RECIPE as KILLED
from tests.tasks.killed import trained
from tests.tasks.little import LITTLE
from tests.train.quadrants import RECIPE, quadrants

NETWORK = (
    "8x8x1: conv 4 3x3 same, norm, relu, maxpool 2, dropout 0.1, sum(conv 4 1x1 | identity), flatten, dense 4 softmax"
)
SPLITS = Splits(quadrants(64, 0), None, quadrants(40, 1))
THERE = f"{NAME}:0"
CHANGES = "shift 1, flip, crop 0.5, rotate 10, colour 0.2, operations 2, cutout 2, mixup 0.2"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    data = folder / "data.npz"
    Image.fromarray(SPLITS.test.images[0, ..., 0]).save(folder / "picture.png")
    recipe = RECIPE.replace(epochs=1, augmentation="none")
    sets = {"x_train": SPLITS.train.images, "y_train": SPLITS.train.labels}
    np.savez(data, **sets, x_test=SPLITS.test.images, y_test=SPLITS.test.labels)
    splits = load(str(data), validation=0.0)
    train(parse(NETWORK), splits, recipe, folder / "run", source={"source": str(data)}, validation=0.0)
    return folder / "run"


def test_it_is_there_and_elsewhere_it_is_refused():
    with pytest.raises(SettingError, match="expected a device: auto, cpu"):
        check_device(NAME)
    with pretended():
        assert device_named(THERE) == torch.device(THERE)
        with pytest.raises(SettingError, match=f"that is here: cpu, {NAME}:0; received '{NAME}:1', which is not"):
            check_device(f"{NAME}:1")


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "muon"])
def test_no_step_waits_and_its_numbers_are_those_of_a_processor(optimizer):
    recipe = RECIPE.replace(optimizer=optimizer, ema=0.9, clip_norm=1.0, micro_batch=17, weight_decay=0.01)
    found = []
    with pretended() as device:
        for place in ("cpu", THERE):
            torch.manual_seed(0)
            data = SPLITS.train
            how = Supervised(
                parse(NETWORK), recipe.replace(device=place), task_of(data), Preprocessing.for_dataset(data), data
            )
            changes = CHANGES if optimizer == "adam" else "shift 1, mixup 0.2"
            batches = Batches(data, 32, 0, Augmentation.parse(changes), device=place)
            device.fetched.clear()
            figures = [how(batch, 0.01, number) for number, batch in enumerate(batches.epoch(0))]
            assert device.fetched == []
            found.append(torch.stack(figures).cpu())
    assert torch.allclose(*found)


@pytest.mark.parametrize("task", sorted(set(LITTLE) - {"language", "caption"}))  # no LSTM, GRU runs on such devices
def test_no_step_of_any_task_waits(task, tmp_path, monkeypatch):
    little, waited, steps = LITTLE[task](tmp_path / "data"), [], []

    def noting(function):
        def noted(*given, **named):
            device.fetched.clear()
            try:
                return function(*given, **named)
            finally:
                waited.extend(device.fetched)
                steps.append(function.__name__)

        return noted

    for owner, name in ((Supervised, "_change"), (Adversarial, "_change"), (QLearning, "_change"), (Batches, "_take")):
        monkeypatch.setattr(owner, name, noting(getattr(owner, name)))
    with pretended() as device:
        monkeypatch.setattr("tests.tasks.killed.RECIPE", KILLED.replace(epochs=1, device=THERE))
        trained(little, tmp_path / "run")
    assert {"_change", "_take"} <= set(steps)
    assert waited == []


NAMES = ("nw", "ne", "sw", "se")


def targets_of(task, labels):
    chosen = np.eye(4)[labels]
    if task == "segmentation":
        masks = np.repeat(labels.astype(np.uint8), 64).reshape(-1, 8, 8)
        return Masks(masks, NAMES, (0, 1, 2, 3), ((0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)))
    if task == "multilabel":
        return LabelSets(chosen.astype(np.uint8), NAMES)
    return Numbers(chosen.astype(np.float32), NAMES) if task == "regression" else Labels(labels, NAMES)


ENDS = {
    "classification": "flatten, dense 4 softmax",
    "multilabel": "flatten, dense 4",
    "regression": "flatten, dense 4",
    "segmentation": "conv 4 1x1",
}


@pytest.mark.parametrize("task", ENDS)
def test_runs_of_every_task_are_measured_and_gone_on_with(task, tmp_path):
    both = (SPLITS.train, SPLITS.test)
    parts = [Dataset(each.images, targets_of(task, each.labels), name=each.name) for each in both]
    network = parse(f"8x8x1: conv 4 3x3 same nobias, norm, relu, {ENDS[task]}")
    splits = Splits(parts[0], None, parts[1])
    recipe = RECIPE.replace(ema=0.9, augmentation="none", label_smoothing=0.0)
    here = train(network, splits, recipe, tmp_path / "here", validation=0.0)

    def leave(event):
        if getattr(event, "epoch", 0) == 1 and hasattr(event, "evaluated"):
            raise KeyboardInterrupt

    with pretended() as device:
        with pytest.raises(KeyboardInterrupt):
            train(network, splits, recipe.replace(device=THERE), tmp_path / "there", progress=leave, validation=0.0)
        there = resume(tmp_path / "there", splits)
        waited = []
        for batch_size in (4, 40):
            device.fetched.clear()
            model = there.model().to(THERE)
            measure(model.task, model.module, model.preprocessing, *parts[1].tensors(), batch_size=batch_size)
            waited.append(len(device.fetched))
    for one, other in zip(there.metrics, here.metrics, strict=True):
        assert one.training == pytest.approx(other.training, rel=1e-4)
        assert one.evaluation == pytest.approx(other.evaluation, rel=1e-4)
    assert waited[0] == waited[1]  # however many batches there are


VERBS = [
    "predict RUN IMAGE",
    "evaluate RUN DATA",
    "look maps RUN IMAGE",
    "look unit RUN IMAGE --layer conv1 --at 3,3",
    "look filters RUN --layer conv1",
    "look filters RUN DATA --layer conv1 --images 3",
    "look convolve RUN IMAGE --layer conv1 --filter 1",
    "look mistakes RUN DATA",
    "look space RUN DATA",
    "look changes RUN IMAGE",
    "look cam RUN IMAGE",
    "look saliency RUN IMAGE",
    "look integrated-gradients RUN IMAGE --most-steps 8",
    "look occlusion RUN IMAGE --window 3",
    "look dream RUN IMAGE --steps 1 --octaves 1",
    "look style RUN IMAGE IMAGE --steps 1 --longest 16",
]


@pytest.mark.parametrize("line", VERBS)
def test_what_is_asked_of_a_model_is_the_same(line, run, capsys):
    words = {"RUN": str(run), "IMAGE": str(run.parent / "picture.png"), "DATA": str(run.parent / "data.npz")}
    command = [words.get(word, word) for word in line.split()]
    answers = []
    for device in ("cpu", THERE):
        with pretended():
            engine = ["--engine", "pytorch"] if device == "cpu" and command[0] in ("predict", "evaluate") else []
            assert main([*command, "--device", device, *engine, "--json", "--debug"]) == 0
        told = capsys.readouterr()
        assert (THERE in told.err) == (device == THERE)
        answers.append(json.loads(told.out))
    assert str(answers[1]).replace(f", on {THERE}", "") == str(answers[0])


def test_a_report_is_the_same(run, tmp_path, capsys):
    pages = []
    for device in ("cpu", THERE):
        with pretended() as there:
            assert main(["report", str(run), "-o", str(tmp_path / "page.html"), "--device", device, "--debug"]) == 0
            assert bool(there.fetched) == (device == THERE)
        pages.append((tmp_path / "page.html").read_bytes())
    assert pages[0] == pages[1]


def test_images_are_found_alike(run, tmp_path, capsys):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, image in enumerate(SPLITS.test.images[:4]):
        Image.fromarray(image[..., 0]).save(pictures / f"{number}.png")
    told = []
    for device in ("cpu", THERE):
        index = ["--index", str(tmp_path / f"{device[0]}.safetensors"), "--device", device, "--json", "--debug"]
        with pretended():
            assert main(["find", "index", str(run), str(pictures), *index]) == 0
            capsys.readouterr()
            assert main(["find", str(run), str(pictures / "2.png"), *index]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]


def test_what_is_exported_is_checked_there(run, tmp_path, capsys):
    with pretended() as there:
        line = ["export", str(run), "-o", str(tmp_path / "model.onnx"), "--input", "sized", "--device", THERE]
        assert main([*line, "--debug"]) == 0
        assert len(there.fetched) > 40  # an answer for each odd picture
    assert "everywhere the same class" in capsys.readouterr().out


def test_a_service_answers_from_there(run):
    picture = (run.parent / "picture.png").read_bytes()
    settings = Settings((("quadrants", str(run)),), device=THERE)
    with pretended():
        served = Served("quadrants", str(run), settings)
        (answer,) = served.answers([Picture(picture, "picture.png", 4)])
    assert served.current.by.engine.endswith(f", on {THERE}")
    assert answer.answer.data() == open_model(run).predict(run.parent / "picture.png", 4).data()


ASKED = ["predict RUN IMAGE", "evaluate RUN", "look maps RUN IMAGE", "find RUN IMAGE", "report RUN", "serve RUN"]
REFUSED = [("gpu", "did you mean 'cuda'?"), ("cuda:9", "received 'cuda:9', which is not")]


@pytest.mark.parametrize("line", [*ASKED, "export RUN -o O"])
@pytest.mark.parametrize(("device", "words"), REFUSED)
def test_a_device_that_is_not_there_is_refused_by_all_alike(line, device, words, run, tmp_path, capsys):
    places = {"RUN": str(run), "IMAGE": str(run.parent / "picture.png"), "O": str(tmp_path / "x.onnx")}
    assert main([*(places.get(word, word) for word in line.split()), "--device", device]) == 2
    assert words in capsys.readouterr().err


def test_memory_that_runs_out_there_is_told_with_what_would_fit(tmp_path, monkeypatch):
    def full(*given):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 300.00 MiB.")

    with pretended():
        monkeypatch.setattr(Supervised, "_backward", full)
        with pytest.raises(NotEnoughMemoryError, match=r"300 MiB more .*no checkpoint.* 16 at a time"):
            train(parse(NETWORK), SPLITS, RECIPE.replace(device=THERE), tmp_path / "run", validation=0.0)

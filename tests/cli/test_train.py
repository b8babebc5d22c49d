"""The main job, typed: LeNet-5 trained on MNIST, evaluated, and shown digits drawn by hand."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from hubel.cli import main
from hubel.data import load
from hubel.train import Run
from tests.work import DEEP, HANG

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
TINY = "28x28x1: conv 4 5x5/2 relu, maxpool 2, flatten, dense 10 softmax"


@pytest.fixture(scope="module")
def lenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LeNet-5 as `hubel train lenet5 mnist` leaves it; after one epoch, where tests need not be deep."""
    folder = tmp_path_factory.mktemp("lenet") / "run"
    assert main(["train", "lenet5", "mnist", "--run", str(folder), *([] if DEEP else ["--epochs", "1"])]) == 0
    return folder


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """600 training and 200 test digits in an .npz file, as Keras has them."""
    splits = load("mnist")
    assert splits.test is not None
    path = tmp_path / "few.npz"
    train, test = splits.train.take(np.arange(600)), splits.test.take(np.arange(200))
    np.savez(path, x_train=train.images, y_train=train.labels, x_test=test.images, y_test=test.labels)
    return path


Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def hubel(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Said:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_lenet_learns_digits(lenet: Path, hubel: Said) -> None:
    status, out, _ = hubel("evaluate", lenet, "--json")
    found = json.loads(out)
    assert status == 0
    assert (found["part"], found["images"]) == ("test", 10_000)
    assert found["accuracy"] >= (0.989 if DEEP else 0.98)
    assert sum(map(sum, found["confusion"])) == 10_000


def test_a_run_can_be_read_without_hubel(lenet: Path) -> None:
    assert {"run.toml", "metrics.csv", "model.safetensors"} <= {path.name for path in lenet.iterdir()}
    settings = (lenet / "run.toml").read_text()
    assert 'network = "28x28x1: conv 6 5x5 same tanh' in settings
    assert 'source = "mnist"' in settings


def test_explain_reads_a_run(lenet: Path, hubel: Said) -> None:
    status, out, _ = hubel("explain", lenet, "--json")
    assert (status, json.loads(out)["parameters"], json.loads(out)["name"]) == (0, 61_706, "lenet5")


def test_digits_of_any_size_and_colour_are_read_right(lenet: Path, hubel: Said, tmp_path: Path) -> None:
    status, out, _ = hubel("predict", lenet, *(DIGITS / f"{name}.png" for name in ("three", "five", "seven")), "--json")
    assert status == 0
    assert [one["class"] for one in json.loads(out)] == ["3", "5", "7"]

    test = load("mnist").test
    assert test is not None
    paths = []
    for i in range(40):
        digit = Image.fromarray(test.images[i, :, :, 0])
        changed = [digit, ImageOps.invert(digit), digit.resize((301, 301)), ImageOps.invert(digit).resize((90, 90))]
        picture = ImageOps.colorize(changed[3], "navy", "beige") if i % 5 == 4 else changed[i % 4]
        paths.append(tmp_path / f"{i}.png")
        picture.save(paths[-1])
    _, out, _ = hubel("predict", lenet, *paths, "--json")
    right = [one["class"] == str(test.labels[i]) for i, one in enumerate(json.loads(out))]
    assert sum(right) >= 39


def test_an_unreadable_image_is_named_and_the_rest_goes_on(lenet: Path, hubel: Said, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes((DIGITS / "seven.png").read_bytes()[:400])
    status, out, err = hubel("predict", lenet, broken, tmp_path / "none.png", DIGITS / "seven.png")
    assert status == 1
    assert "broken.png" in err
    assert "none.png" in err
    assert "seven.png" in out
    assert "7" in out


def test_train_says_where_the_run_lies_and_what_comes_next(few: Path, hubel: Said) -> None:
    status, out, _ = hubel("train", TINY, few, "--epochs", 2, "--seed", 3)
    assert status == 0
    assert "epoch   2" in out
    assert "hubel predict runs/network-few IMAGE" in out
    assert Path("runs/network-few/model.safetensors").exists()
    _, again, _ = hubel("train", TINY, few, "--epochs", 1)
    assert "runs/network-few-2" in again


def test_train_in_json(few: Path, hubel: Said) -> None:
    status, out, err = hubel("train", TINY, few, "--epochs", 1, "--set", "weight_decay=0.01", "--json", "--run", "here")
    found = json.loads(out)
    assert status == 0
    assert found["evaluated"] == "test"
    assert found["recipe"]["weight_decay"] == 0.01
    assert "epoch   1" in err
    status, out, _ = hubel("evaluate", "here", "--json")
    assert json.loads(out)["accuracy"] == pytest.approx(found["accuracy"])


def test_a_network_of_the_zoo_is_made_for_the_data(few: Path, hubel: Said) -> None:
    status, _, _ = hubel("train", "lenet5", few, "--epochs", 1, "--run", "here")
    assert status == 0
    _, out, _ = hubel("explain", "here", "--json")
    assert json.loads(out)["input"] == [28, 28, 1]


def test_class_folders_are_brought_to_the_networks_size(hubel: Said, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name, colour in (("red", (255, 0, 0)), ("green", (0, 255, 0))):
        for part, count in (("train", 12), ("test", 4)):
            folder = tmp_path / "photos" / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                noise = random.integers(0, 60, (40 + i, 50, 3)) + np.array(colour) // 2
                Image.fromarray(noise.astype(np.uint8)).save(folder / f"{i}.png")
    net = "16x16x3: conv 4 3x3 relu, globalavgpool, dense 2"
    status, out, _ = hubel("train", net, "photos", "--run", "here", "--epochs", 30, "--json")
    assert status == 0
    assert json.loads(out)["accuracy"] == 1.0
    _, out, _ = hubel("predict", "here", "photos/test/red/0.png", "--json")
    assert json.loads(out)[0]["class"] == "red"


def test_resume_of_a_finished_run_says_so(few: Path, hubel: Said) -> None:
    hubel("train", TINY, few, "--epochs", 1, "--run", "here")
    status, out, _ = hubel("train", "--resume", "here")
    assert status == 0
    assert "finished already" in out


@pytest.fixture
def stopped(few: Path, hubel: Said) -> Path:
    """A run as it is when its process is killed after a checkpoint."""
    hubel("train", TINY, few, "--epochs", 2, "--run", "stopped", "--no-report")
    Path("stopped/model.safetensors").unlink()
    return Path("stopped")


def test_a_run_that_was_stopped_can_be_used_everywhere(few: Path, stopped: Path, hubel: Said) -> None:
    stands = "training was stopped at epoch 2 of 2 (step"
    status, out, err = hubel("evaluate", stopped, "--json")
    assert (status, json.loads(out)["images"], stands in err) == (0, 200, True)
    assert stands in json.loads(out)["notes"][0]
    status, out, err = hubel("predict", stopped, DIGITS / "seven.png", "--json")
    assert (status, len(json.loads(out)[0]["top"]), stands in err) == (0, 3, True)
    for line in (["explain", stopped], ["look", "mistakes", stopped], ["look", "maps", stopped, DIGITS / "seven.png"]):
        status, out, err = hubel(*line, "--json")
        assert (status, bool(json.loads(out))) == (0, True), err
    status, _, err = hubel("report", stopped, "-o", "page.html")
    assert (status, stands[1:] in Path("page.html").read_text()) == (0, True), err
    status, out, _ = hubel("train", TINY, few, "--weights", stopped, "--epochs", 1, "--no-report", "--json")
    assert status == 0
    assert json.loads(out)["recipe"]["weights"].endswith("stopped/model-step-74.safetensors")
    few.unlink()
    status, out, _ = hubel("predict", stopped, DIGITS / "seven.png", "--json")
    assert (status, len(json.loads(out))) == (0, 1)
    status, _, err = hubel("evaluate", stopped)
    assert (status, "is not there any more; name where it lies now" in err, str(few) in err) == (2, True, True)


def test_a_run_whose_data_is_gone_says_so_and_goes_on_where_it_is_named(few: Path, stopped: Path, hubel: Said) -> None:
    few.rename("elsewhere.npz")
    for words in (["train", "--resume", stopped, "--epochs", 3], ["evaluate", stopped]):
        status, _, err = hubel(*words)
        assert status == 2
        assert f"{few.resolve()}: the data of {stopped} is not there any more; name where it lies now" in err
    status, _, err = hubel("report", stopped)
    assert status == 0
    assert f"no images, which cannot be read ({few.resolve()}: the data of {stopped} is not there any more)" in err
    assert hubel("train", "--resume", stopped, "elsewhere.npz", "--epochs", 3, "--no-report")[0] == 0


def test_a_run_that_was_begun_without_a_report_goes_on_without(few: Path, stopped: Path, hubel: Said) -> None:
    assert hubel("train", "--resume", stopped)[0] == 0
    assert not (stopped / "report.html").exists()
    assert hubel("train", "--resume", stopped, "--epochs", 3)[0] == 0
    assert not (stopped / "report.html").exists()
    hubel("train", TINY, few, "--epochs", 1, "--run", "with")
    Path("with/report.html").unlink()
    assert hubel("train", "--resume", "with", "--epochs", 2)[0] == 0
    assert Path("with/report.html").exists()


def test_more_epochs(few: Path, stopped: Path, hubel: Said) -> None:
    status, out, _ = hubel("train", "--resume", stopped, "--epochs", 3, "--no-report")
    assert status == 0
    assert "3 epochs instead of 2, from step 74 on: the schedule was at its end" in out.replace("\n", " ")
    assert "epoch   3" in out
    status, out, _ = hubel("train", "--resume", stopped, "--epochs", 3)
    assert (status, "finished already; --epochs N would train on" in out) == (0, True)
    status, _, err = hubel("train", "--resume", stopped, "--epochs", 1)
    assert (status, "expected more epochs than the 3 that are done, received 1" in err) == (2, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--learning-rate", 0.1], "--learning-rate means nothing"),
        (["--run", "there", "--time", 5], "--run, --time mean nothing"),
        (["--set", "ema=0.9", "--seed", 3], "--seed, --set mean nothing"),
        (["--bad-images", "skip"], "--bad-images means nothing"),
        (["--fit", "pad", "--validation", 0.1], "--validation, --fit mean nothing"),
        (["--weights", "x.pth", "--tune"], "--weights, --tune mean nothing"),
        (["--classes", 3], "--classes means nothing"),
        ([TINY, "mnist"], f"NET ({TINY}) means nothing"),
    ],
    ids=str,
)
def test_what_a_resumed_run_would_not_hear_is_refused(options: list[object], said: str, hubel: Said) -> None:
    status, _, err = hubel("train", "--resume", "runs/there", *options)
    assert status == 2
    assert f"{said} with --resume" in err


def test_a_failed_run_is_no_finished_one_and_its_last_good_model_is_used(few: Path, hubel: Said) -> None:
    wild = ["--optimizer", "sgd", "--learning-rate", 0.6, "--epochs", 20, "--set", "warmup=1.0"]
    status, _, err = hubel("train", "28x28x1: flatten, dense 32, dense 10", few, "--run", "here", *wild)
    assert status == 2
    assert "the loss" in err
    assert "is kept" in err
    status, _, err = hubel("train", "--resume", "here")
    assert status == 2
    assert "would fail again at the same step" in err
    status, out, err = hubel("evaluate", "here", "--json")
    assert status == 0
    assert json.loads(out)["images"] == 200
    assert "training failed; this is its last good model" in err


@pytest.mark.filterwarnings("always")
def test_a_damaged_model_is_named_and_used_only_where_that_is_asked_for(
    few: Path, hubel: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUBEL_IGNORE_DAMAGE", "")  # put back afterwards
    hubel("train", TINY, few, "--epochs", 1, "--run", "here", "--no-report")
    model = Path("here/model.safetensors")
    content = bytearray(model.read_bytes())
    content[-2] ^= 16
    model.write_bytes(content)
    again = ["train", TINY, few, "--weights", model]
    for line in (["explain", model], ["evaluate", "here"], ["predict", "here", DIGITS], again):
        status, out, err = hubel(*line)
        assert (status, out) == (2, "")
        assert err.startswith(f"hubel: {model if line[0] != 'train' else model.resolve()}: damaged: its SHA-256")
        assert err.count("\n") == 1
    told, *_ = json.loads(hubel("predict", "here", DIGITS, "--json", "--ignore-damage")[1])
    assert "used all the same" in told["warnings"][0]
    status, out, err = hubel("evaluate", "here", "--json", "--ignore-damage")
    assert status == 0
    assert json.loads(out)["images"] == 200
    assert f"hubel: {model}: damaged: its SHA-256 is another than when it was written; used all the same\n" in err


def test_training_on_from_a_run_with_frozen_layers(few: Path, hubel: Said) -> None:
    hubel("train", TINY, few, "--run", "first", "--epochs", 1, "--no-report")
    few_classes = TINY.replace("dense 10", "dense 3")
    data = np.load(few)
    kept = {part: data[f"y_{part}"] < 3 for part in ("train", "test")}
    np.savez("three.npz", **{name: values[kept[name[2:]]] for name, values in data.items()})
    status, out, _ = hubel(
        "train",
        few_classes,
        "three.npz",
        "--weights",
        "first",
        "--freeze",
        "all-but-head",
        "--epochs",
        2,
        "--run",
        "on",
    )
    assert status == 0
    assert "training 435 of 539 parameters" in out
    assert "dense1: new weights, for 3 classes" in out
    status, _, err = hubel("train", few_classes, "three.npz", "--weights", "nowhere.pth")
    assert (status, "nowhere.pth: expected a file of weights" in err) == (2, True)


@pytest.mark.filterwarnings("always")
def test_what_the_order_of_weights_alone_told_is_in_the_data(few: Path, hubel: Said) -> None:
    line = "28x28x1: maxpool 4, flatten, dense 8, relu, dense 8, relu, dense 8, relu, dense 10 softmax"
    sizes = {"gamma": (8, 49), "zeta": (8, 8), "beta": (8, 8), "out": (10, 8)}
    kernels = {f"{name}.weight": torch.ones(size) / 10 for name, size in sizes.items()}
    torch.save(kernels | {f"{name}.bias": torch.zeros(size[0]) for name, size in sizes.items()}, "other.pth")
    status, out, err = hubel("train", line, few, "--weights", "other.pth", "--epochs", 1, "--no-report", "--json")
    weights = json.loads(out)["weights"]
    assert (status, weights["fresh"], len(weights["notes"])) == (0, [], 1)
    assert "is told by the file's order alone" in weights["notes"][0]
    assert weights["notes"][0] in err


def test_images_can_be_held_out(few: Path, hubel: Said) -> None:
    line = ["train", TINY, few, "--epochs", 1, "--no-report", "--json"]
    status, out, _ = hubel(*line, "--run", "tested")
    assert (status, json.loads(out)["evaluated"], json.loads(out)["held_out"]) == (0, "test", None)
    status, out, _ = hubel(*line, "--run", "here", "--validation", 0.1)
    assert (status, json.loads(out)["evaluated"], json.loads(out)["held_out"]["images"]) == (0, "validation", 59)
    status, out, _ = hubel(*line, "--run", "patient", "--set", "patience=3")
    held = json.loads(out)["held_out"]["images"]
    assert (status, json.loads(out)["evaluated"], 115 < held < 125) == (0, "validation", True)
    status, _, err = hubel(*line, "--run", "refused", "--set", "patience=3", "--validation", 0)
    assert (status, "expected a validation part, by which patience = 3" in err) == (2, True)
    status, out, _ = hubel("evaluate", "patient", "--part", "validation", "--json")
    assert (status, json.loads(out)["images"]) == (0, held)
    with pytest.raises(SystemExit):
        hubel(*line, "--validation", "some")


def test_a_folder_without_parts_is_measured_on_images_held_out(few: Path, hubel: Said) -> None:
    digits = np.load(few)
    for number, (image, label) in enumerate(zip(digits["x_test"], digits["y_test"], strict=True)):
        Path(f"digits/{label}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(f"digits/{label}/{number}.png")
    _, out, _ = hubel("data", "digits", "--json")
    told = json.loads(out)
    status, out, _ = hubel("train", TINY, "digits", "--epochs", 1, "--run", "here", "--no-report")
    assert status == 0
    assert f"{told['held_out']['images']} of 200 training images are held out for validation (20% a class)" in out
    status, out, _ = hubel("evaluate", "here", "--json")
    measured = json.loads(out)
    assert (measured["part"], measured["images"]) == ("validation", told["held_out"]["images"])
    status, out, _ = hubel("evaluate", "here", "digits", "--json")
    assert (json.loads(out)["part"], json.loads(out)["images"]) == ("train", 200)
    status, out, _ = hubel("train", TINY, "digits", "--epochs", 1, "--run", "all", "--validation", 0, "--no-report")
    assert "held out" not in out
    assert "on 200 images" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "lenet5"], "expected DATA, or NET and DATA"),
        (["train", "phtos/"], "received 'phtos/', which is neither; did you mean 'photos'?"),
        (["train", "lente5"], "received 'lente5', which is neither; did you mean 'lenet5'?"),
        (["train", "segmentation", "photos"], "segmentation is a task, and no network; data alone is enough: hubel"),
        (["train", "--resume", "phtos"], "expected a run's folder, found nothing there; did you mean 'photos'?"),
        (["train", "lenet5", "mnits"], "did you mean 'mnist'"),
        (["train", "lente5", "mnist"], "lenet5"),
        (["train", "28x28x1: flatten, dense 7", "mnist"], "10 outputs"),
        (["train", "lenet5", "mnist", "--optimizer", "adamm"], "did you mean 'adam'"),
        (["train", "lenet5", "mnist", "--set", "weight_decy=1"], "did you mean 'weight_decay'"),
        (["evaluate", "nowhere"], "found nothing there"),
        (["predict", "nowhere", "x.png"], "hubel train lenet5 mnist"),
        (["evaluate", "."], "expected a run's folder"),
    ],
)
def test_mistakes_say_what_would_be_right(arguments: list[str], words: str, hubel: Said) -> None:
    Path("photos").mkdir()
    status, _, err = hubel(*arguments)
    assert status == 2
    assert words in err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_folders_whose_names_are_no_utf8(tmp_path):
    names = [b"\xff", "café".encode(), "犬".encode()]
    for number, name in enumerate(names):
        folder = os.fsencode(tmp_path / "images") + b"/" + name
        os.makedirs(folder)
        for image in range(4):
            content = io.BytesIO()
            Image.new("RGB", (8, 8), (80 * number, 20 * image, 200)).save(content, "PNG")
            with open(folder + b"/%d.png" % image, "wb") as file:
                file.write(content.getvalue())
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    for run, environment in (("utf8", {}), ("plain", plain)):
        line = ["train", "8x8x3: flatten, dense 3 softmax", "images", "--epochs", "1", "--run", run]
        command = [sys.executable, "-m", "hubel", *line, "--set", "threads=1", "--no-report"]
        ran = subprocess.run(command, cwd=tmp_path, env=os.environ | environment, capture_output=True, timeout=HANG)
        assert ran.returncode == 0, ran.stderr
        assert set(Run.open(tmp_path / run).classes) == {"\\xff", "café", "犬"}
        assert set(Run.open(tmp_path / run).model().classes) == {"\\xff", "café", "犬"}

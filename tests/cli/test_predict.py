"""`hubel predict` and `hubel evaluate` on what users have: folders, patterns, lists, odd classes."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hubel.arch import parse
from hubel.cli import main
from hubel.data import ImageError, Preprocessing, image_files
from hubel.data.prepare.cut import ImagesWarning
from hubel.nn import build
from hubel.tasks import Classification, load_model, predict, save_model
from hubel.tasks.measure import outputs


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model that tells dark from light, and shots/, 5 dark and 5 light pictures in two folders."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "cache"))
    network = parse("4x4x1: flatten, dense 2 softmax")
    module: Any = build(network)
    with torch.no_grad():
        for parameter in module.parameters():
            rows = torch.tensor([-0.25, 0.25])
            parameter.copy_(rows[:, None].expand(2, 16) if parameter.ndim == 2 else torch.zeros(2))
    rule = Preprocessing(4, 4, 1, (0.5,), (0.25,))
    save_model("model.safetensors", network, module, preprocessing=rule, task=Classification(("dark", "light")))
    for number in range(10):
        path = Path("shots") / ("a" if number < 5 else "b") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (20, 20), 25 * number).save(path)
    return tmp_path


Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def hubel(capsys: pytest.CaptureFixture[str]) -> Said:
    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


NAMES = [f"shots/{'a' if number < 5 else 'b'}/{number}.png" for number in range(10)]
EXPECTED = ["dark"] * 6 + ["light"] * 4

WAYS: dict[str, tuple[str, ...]] = {
    "files": tuple(NAMES),
    "a folder": ("shots",),
    "two folders": ("shots/a", "shots/b/"),
    "a pattern": ("shots/*/*.png",),
    "a pattern for any folders": ("shots/**/*.png",),
    "a list": ("list.txt",),
    "a table": ("table.csv",),
    "a table without heads": ("bare.csv",),
    "lines of JSON": ("table.jsonl",),
    "a list in quotes": ("quoted.txt",),
    "standard input": ("-",),
    "a folder, a list and standard input": ("shots/a", "rest.lst"),
}


def lists() -> None:
    Path("list.txt").write_text("# mine\n" + "\n".join(NAMES) + "\n\n")
    Path("rest.lst").write_text("\n".join(NAMES[5:]))
    Path("quoted.txt").write_text("\n".join(f'"{name}"' for name in NAMES))
    Path("table.jsonl").write_text("".join(f'{{"image": "{name}", "class": "dark"}}\n' for name in NAMES))
    Path("table.csv").write_text("id,file,size\n" + "".join(f"{n},{name},3\n" for n, name in enumerate(NAMES)))
    Path("bare.csv").write_text("".join(f"{name},{n}\n" for n, name in enumerate(NAMES)))


class Stdin(io.StringIO):
    """Standard input with these bytes."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.buffer = io.BytesIO(content)


@pytest.mark.parametrize("way", WAYS)
def test_images_can_be_named_in_many_ways(here: Path, hubel: Said, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    lists()
    monkeypatch.setattr(sys, "stdin", Stdin("\n".join(NAMES).encode()))
    status, out, _ = hubel("predict", "model.safetensors", *WAYS[way], "--json")
    found = json.loads(out)
    assert status == 0
    assert [one["image"].removesuffix("/").replace("./", "") for one in found] == NAMES
    assert [one["class"] for one in found] == EXPECTED


@pytest.mark.parametrize("between", [b"\0", b"\r\n"])
def test_a_list_may_come_as_others_write_it(
    here: Path, hubel: Said, monkeypatch: pytest.MonkeyPatch, between: bytes
) -> None:
    odd = os.fsdecode(b"caf\xe9 1.png")
    Path(NAMES[9]).rename(odd)
    monkeypatch.setattr(sys, "stdin", Stdin(between.join(map(os.fsencode, [NAMES[0], odd, ""]))))
    status, out, _ = hubel("predict", "model.safetensors", "-", "--json")
    assert (status, [one["class"] for one in json.loads(out)]) == (0, ["dark", "light"])


@pytest.mark.parametrize("written", ["utf-16", "utf-8-sig"])
def test_a_list_may_begin_with_the_mark_of_its_letters(
    here: Path, hubel: Said, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    content = "\r\n".join([NAMES[0], NAMES[9], ""]).encode(written)
    Path("list.txt").write_bytes(content)
    monkeypatch.setattr(sys, "stdin", Stdin(content))
    for place in ("-", "list.txt"):
        status, out, _ = hubel("predict", "model.safetensors", place, "--json")
        assert (status, [one["class"] for one in json.loads(out)]) == (0, ["dark", "light"])


def test_an_image_may_come_from_standard_input(here: Path, hubel: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(Path(NAMES[9]).read_bytes()))
    _, out, _ = hubel("predict", "model.safetensors", "-", "--json")
    assert [(one["image"], one["class"]) for one in json.loads(out)] == [("-", "light")]
    monkeypatch.setattr(sys, "stdin", Stdin(b""))
    status, _, err = hubel("predict", "model.safetensors", "-")
    assert (status, "on standard input; received nothing" in err) == (2, True)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("none/*.png", "expected files that fit the pattern, found none"),
        ("empty", "expected images in the folder, found none"),
        ("empty.txt", "expected a path a line, found none"),
        ("all.zip", "expected images, a folder, a pattern or a list, received an archive; unpack it"),
        ("all.npz", "expected images, a folder, a pattern or a list, received arrays"),
        ("https://example.org/a.png", "is an address, and pictures are not fetched"),
    ],
)
def test_nothing_is_told(here: Path, hubel: Said, place: str, message: str) -> None:
    Path("empty").mkdir()
    Path("empty.txt").write_text("\n# nothing\n")
    for name in ("all.zip", "all.npz"):
        Path(name).write_bytes(b"PK")
    status, _, err = hubel("predict", "model.safetensors", place)
    assert (status, f"{place}: {message}" in err) == (2, True)


def test_images_of_kinds_that_cannot_be_read_are_told_and_answered_with_why(here: Path, hubel: Said) -> None:
    for name in ("x.jp2", "deep/y.jxl", "without", "notes.txt", ".hidden.jp2", "@eaDir/z.jp2"):
        Path("shots", name).parent.mkdir(exist_ok=True)
        Path("shots", name).write_bytes(b"no picture")
    status, out, err = hubel("predict", "model.safetensors", "shots", "--json")
    told = json.loads(out)
    assert (status, len(told)) == (1, 12)
    assert [one["image"] for one in told if "error" in one] == ["shots/deep/y.jxl", "shots/x.jp2"]
    assert "cannot be read: files of kinds" in err
    for kind in (".jp2 (1)", ".jxl (1)", "without an ending (1)"):
        assert kind in err
    for path in image_files("shots"):
        Path(path).unlink()
    with pytest.raises(
        ValueError, match=r"shots: expected images in the folder, found none but files of kinds .*\.jp2 \(1\)"
    ):
        image_files("shots")


def test_what_is_cut_away_of_an_image_is_told(here: Path, hubel: Said) -> None:
    for name, size in (("wide", (90, 30)), ("photo", (40, 30)), ("tall", (20, 60)), ("square", (9, 9))):
        Image.new("L", size).save(f"{name}.png")
    names = ["wide.png", "photo.png", "tall.png", "square.png"]
    _, out, err = hubel("predict", "model.safetensors", *names, "--json")
    noted = {one["image"]: one["note"] for one in json.loads(out) if "note" in one}
    assert list(noted) == ["wide.png", "tall.png"]
    assert noted["wide.png"].startswith("67% of it is cut away")
    assert "cut to the middle, since 2 images are of another form" in err
    assert "wide.png by 67%, tall.png by 67%" in err
    assert "cut" not in hubel("predict", "model.safetensors", "photo.png")[2]


def test_from_python_it_is_a_warning(here: Path) -> None:
    model = load_model("model.safetensors")
    Image.new("L", (90, 30)).save("wide.png")
    tall = Image.new("L", (20, 60))
    with pytest.warns(ImagesWarning, match=r"since it is of another form .*: wide\.png by 67%$"):
        model.predict("wide.png")
    given = [np.zeros((30, 30), np.uint8), Path("wide.png"), Path("wide.png").read_bytes(), tall, np.asarray(tall)]
    named = r"4 images are of another form .*: wide\.png by 67%, image 3 by 67%, image 4 by 67% and 1 more$"
    with pytest.warns(ImagesWarning, match=named) as told:
        model.predict(given)
    assert told[0].filename == __file__
    Path("shots/x.jp2").write_bytes(b"")
    with pytest.warns(ImagesWarning, match=r"left out: files of kinds .*\.jp2 \(1\)"):
        model.predict("shots")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict([NAMES[0], Image.new("L", (40, 30))])


def test_from_python_an_image_that_cannot_be_read_stops_all_or_has_its_error_in_its_place(here: Path) -> None:
    model = load_model("model.safetensors")
    Path("shots/broken.png").write_bytes(b"no picture")
    images = [NAMES[0], "shots/broken.png", NAMES[9]]
    with pytest.raises(ImageError, match=r"broken\.png"):
        model.predict(images)
    dark, why, light = model.predict(images, bad_images="skip")
    assert (dark.class_name, light.class_name) == ("dark", "light")
    assert isinstance(why, ImageError)
    assert "broken.png" in str(why)
    assert sum(isinstance(each, ImageError) for each in model.predict("shots", bad_images="skip")) == 1
    with pytest.raises(ValueError, match="expected bad_images as stop or skip, received 'keep'"):
        model.predict(images, bad_images="keep")


def test_many_images_take_one_pass_and_the_broken_ones_are_named(
    here: Path, hubel: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = []

    def counted(module: Any, preprocessing: Preprocessing, images: torch.Tensor) -> torch.Tensor:
        passes.append(len(images))
        return outputs(module, preprocessing, images)

    monkeypatch.setattr("hubel.tasks.classification.task.outputs", counted)
    Path("shots/a/2.png").write_bytes(b"nothing")
    status, out, err = hubel("predict", "model.safetensors", "shots", "gone.png", "--json", "--engine", "pytorch")
    found = json.loads(out)
    assert status == 1
    assert [one.get("class") for one in found] == [*EXPECTED[:2], None, *EXPECTED[3:], None]
    assert [one["image"] for one in found if "error" in one] == ["shots/a/2.png", "gone.png"]
    assert "2 of 11 files cannot be read" in err
    assert passes == [9]


def test_answers_are_written_by_the_files_ending(here: Path, hubel: Said) -> None:
    Path("shots/b/9.png").write_bytes(b"nothing")
    status, out, _ = hubel("predict", "model.safetensors", "shots", "-o", "answers.csv")
    assert (status, out) == (1, "wrote answers.csv\n")
    with open("answers.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == NAMES
    assert [row["class"] for row in rows] == [*EXPECTED[:9], ""]
    assert float(rows[0]["probability"]) + float(rows[0]["probability 2"]) == pytest.approx(1, abs=1e-5)
    assert "is not an image" in rows[9]["error"]
    hubel("predict", "model.safetensors", "shots", "-o", "answers.jsonl")
    lines = [json.loads(line) for line in Path("answers.jsonl").read_text().splitlines()]
    hubel("predict", "model.safetensors", "shots", "-o", "answers.json")
    assert lines == json.loads(Path("answers.json").read_text())
    assert [one.get("class") for one in lines] == [*EXPECTED[:9], None]
    hubel("predict", "model.safetensors", "shots", "-o", "answers.md")
    assert Path("answers.md").read_text().count("\n") == 12
    hubel("predict", "model.safetensors", "shots", "-o", "answers.txt")
    assert Path("answers.txt").read_text().split()[:2] == [NAMES[0], "dark"]
    hubel("predict", "model.safetensors", "shots", "-o", "answers.html")
    assert Path("answers.html").read_text().count("<tr>") == 11
    assert hubel("predict", "model.safetensors", "shots", "-o", "-")[1] == Path("answers.csv").read_text()
    status, _, err = hubel("predict", "model.safetensors", "shots", "-o", "answers")
    assert (status, "answers of classification are no pictures" in err) == (2, True)
    status, _, err = hubel("predict", "model.safetensors", "shots", "-o", "answers.xls")
    assert (status, ".csv" in err, "answers.xls" in err or "'.xls'" in err) == (2, True, True)


def test_what_is_unsure_has_no_class(here: Path, hubel: Said) -> None:
    _, out, err = hubel("predict", "model.safetensors", "shots", "--threshold", 0.99, "--json")
    found = json.loads(out)
    unsure = [one for one in found if one["class"] is None]
    assert unsure == [one for one in found if one["probability"] < 0.99]
    assert 0 < len(unsure) < 10
    assert f"{len(unsure)} of 10 images have no class of at least 0.99" in err
    assert all(one["top"][0]["class"] for one in unsure)
    _, out, _ = hubel("predict", "model.safetensors", "shots", "--threshold", 0.99)
    assert out.count("?") == len(unsure)


def test_python_takes_a_path_too(here: Path) -> None:
    model = load_model("model.safetensors")
    assert predict(model, Path("shots")).argmax(1).tolist() == [0] * 6 + [1] * 4
    assert predict(model, "shots/b/9.png").argmax(1).tolist() == [1]
    assert predict(model, "shots/b/*.png").shape == (5, 2)
    assert [one.words()[0] for one in model.predict(Path("shots").glob("b/[89].png"))] == ["light", "light"]
    assert image_files(Path("shots")) == image_files("shots/*/*.png") == NAMES


def save(path: str, level: int) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (9, 9), level).save(path)


FOLDERS: dict[str, tuple[list[str], int, str]] = {
    "the same": (["dark/0", "light/1"], 2, ""),
    "one lacks": (["dark/0"], 1, "no image of light"),
    "one more": (
        ["dark/0", "light/1", "fox/2"],
        2,
        "left out: images of classes that are not among those of the model",
    ),
    "other case": (["Dark/0", "LIGHT/1"], 2, "classes in another spelling: Dark is dark, LIGHT is light"),
    "an empty one": (["dark/0", "light/1", "empty/"], 2, "left out: empty, without an image in it"),
    "a stray image": (["dark/0", "light/1", "cam"], 2, "left out: 1 image outside a class folder"),
    "a test part alone": (
        ["test/dark/0", "test/light/1"],
        2,
        "parts by folder: test is test (2), and there is no other",
    ),
}


@pytest.mark.parametrize("how", FOLDERS)
def test_what_can_be_measured_is_and_the_rest_is_named(here: Path, hubel: Said, how: str) -> None:
    names, count, said = FOLDERS[how]
    for name in names:
        if name.endswith("/"):
            Path("set", name).mkdir(parents=True)
        else:
            save(f"set/{name}.png", 20 if "dark" in name.casefold() else 230)
    status, out, err = hubel("evaluate", "model.safetensors", "set", "--json")
    found = json.loads(out)
    assert (status, found["images"], found["accuracy"]) == (0, count, 1.0)
    assert said in err
    assert any(said in note for note in found["notes"]) if said else not found["notes"]
    _, out, _ = hubel("look", "mistakes", "model.safetensors", "set", "--json")
    assert json.loads(out)["notes"] == found["notes"]


def test_a_set_without_parts_is_called_as_it_is(here: Path, hubel: Said) -> None:
    save("set/dark/0.png", 20)
    assert "100.00% of set right (1 of 1)" in hubel("evaluate", "model.safetensors", "set")[1]
    status, _, err = hubel("evaluate", "model.safetensors", "set/*/*.png")
    assert (status, "expected tar files, found set/dark/0.png; pictures come as a folder or a table" in err) == (
        2,
        True,
    )


def test_nothing_is_sent_to_the_engines_makers(here: Path, hubel: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    hubel("predict", "model.safetensors", "shots", "--engine", "onnxruntime")
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


def test_no_class_in_common_is_refused(here: Path, hubel: Said) -> None:
    save("set/cat/0.png", 3)
    save("set/dog/1.png", 9)
    status, _, err = hubel("evaluate", "model.safetensors", "set")
    assert status == 2
    assert "expected images of the classes dark, light, received cat, dog" in err


def test_files_are_measured_as_they_are_predicted(here: Path, hubel: Said) -> None:
    network = parse("4x8x1: flatten, dense 2 softmax")
    rule = Preprocessing(4, 8, 1, (0.5,), (0.25,), fit="stretch", levels=(0.0, 4095.0))
    torch.manual_seed(0)
    save_model("deep.safetensors", network, build(network), preprocessing=rule, task=Classification(("a", "b")))
    rng = np.random.default_rng(0)
    for number in range(12):
        Path("deep", "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        values = rng.integers(0, 2000 * (1 + number % 2), (12, 12)).astype(np.uint16)
        Image.fromarray(values).save(f"deep/{'ab'[number % 2]}/{number}.png")
    _, out, _ = hubel("predict", "deep.safetensors", "deep", "--json")
    right = np.mean([one["class"] == one["image"].split("/")[1] for one in json.loads(out)])
    _, out, _ = hubel("evaluate", "deep.safetensors", "deep", "--json")
    assert json.loads(out)["accuracy"] == pytest.approx(right)


def test_masks_beside_images_are_no_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for part in ("train", "test"):
        for number in range(3):
            for path in (f"{part}/images/{number}.jpg", f"{part}/masks/{number}_mask.png", "photos/labels/jar.png"):
                save(f"set/{path}", 90)
    told: list[str] = []
    found = image_files("set", told)
    assert found == [
        f"set/{each}"
        for each in ("photos/labels/jar.png", *(f"{p}/images/{n}.jpg" for p in ("test", "train") for n in range(3)))
    ]
    assert told == ["not taken for images: 6 masks beside the images of set"]
    assert len(image_files("set/train/masks", told)) == 3
    assert len(told) == 1

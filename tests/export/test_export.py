"""From training to a file that others run: equal answers, or no file."""

from __future__ import annotations

import copy
import itertools
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

import hubel
import hubel.cli
from hubel.arch import parse
from hubel.base.errors import FileError, ModelFileError, SettingError
from hubel.data import Preprocessing
from hubel.export import SkewError, engines, export, onnx_model, open_onnx
from hubel.export.check import compared
from hubel.export.forms import Written
from hubel.export.odd import odd_pictures
from hubel.export.onnx.digest import sealed
from hubel.export.onnx.form import onnx_bytes, runner
from hubel.export.onnx.graph import Graph
from hubel.export.onnx.preparation import prepared
from hubel.tasks import LoadedModel, load, task_named
from hubel.tasks.outputs import outputs
from hubel.train import Run
from tests.export.conftest import picture
from tests.export.test_onnx import lived_in
from tests.export.test_onnx import run as ran
from tests.tasks.little import LITTLE


def said(arguments: list[str], capsys: Any) -> Any:
    """Run a command that prints JSON."""
    capsys.readouterr()
    assert hubel.cli.main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_train_export_predict_and_evaluate_give_equal_answers(
    run: Path, colours: Path, tmp_path: Path, capsys: Any
) -> None:
    file = tmp_path / "colours.onnx"
    told = said(["export", str(run), "-o", str(file)], capsys)
    assert (told["form"], told["input"], told["check"]["passed"]) == ("onnx", "image", True)
    assert (told["check"]["pictures"], told["check"]["odd"] >= 40) == (64, True)
    assert told["check"]["largest"] <= 5e-3
    pictures = [str(path) for path in sorted(colours.glob("*/1*.png"))]
    own, other = (said(["predict", str(model), *pictures], capsys) for model in (run, file))
    for one, same in zip(own, other, strict=True):
        assert one["class"] == same["class"]
        assert one["probability"] == pytest.approx(same["probability"], abs=2e-6)
    measured = [said(["evaluate", str(model), str(colours)], capsys) for model in (run, file)]
    assert measured[0]["accuracy"] == measured[1]["accuracy"]
    assert measured[0]["loss"] == pytest.approx(measured[1]["loss"], abs=1e-5)
    assert hubel.cli.main(["inspect", str(file), "--input", "30x20x3"]) == 0
    assert "conv1" in capsys.readouterr().out


@pytest.mark.parametrize("input", ["sized", "tensor"])
def test_other_inputs_are_nearer_still(run: Path, colours: Path, tmp_path: Path, input: str) -> None:
    file = tmp_path / "colours.onnx"
    found = hubel.export(Run.open(run), file, input=input, check=sorted(map(str, colours.glob("*/*.png"))))
    assert found.check is not None
    assert (found.check.pictures, found.check.bound) == (64, 1e-4)
    assert found.check.largest <= 1e-5
    given = picture("red", 3, 12, 12)
    model = Run.open(run).model()
    own, other = (one.task.answer(one, given).data() for one in (model, open_onnx(file)))
    assert own["probability"] == pytest.approx(other["probability"], abs=2e-6)


def test_a_file_that_answers_otherwise_is_not_written(run: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """A mistake in what is written, here of the mean, is seen by the check."""
    import hubel.export.onnx.write as writer

    right = writer.normalised

    def wrong(graph: Any, numbers: str, preparation: Any, shape: Any) -> str:
        from dataclasses import replace

        return right(graph, numbers, replace(preparation, mean=(0.0, 0.0, 0.0)), shape)

    monkeypatch.setattr(writer, "normalised", wrong)
    file = tmp_path / "of" / "colours" / "colours.onnx"
    with pytest.raises(SkewError, match="not written, since it would answer otherwise: expected answers like those of"):
        export(run, file)
    assert list(tmp_path.iterdir()) == []


def test_a_class_that_differs_fails_the_check_though_all_is_near(run: Path) -> None:
    model = Run.open(run).model()

    def turned(images: Any) -> Any:
        shares = np.full((1, 3), 1 / 3)
        shares[0, 0] += 1e-9
        return shares

    found = compared(model, Written({}, "image", turned, "a fault"), [])
    assert not found.passed
    assert found.others > 0
    assert "have another class" in found.sentence()


def test_what_runs_elsewhere_too_is_compared_there_too(run: Path) -> None:
    model = Run.open(run).model()

    def wrong(images: Any) -> Any:
        return np.full((1, 3), 1 / 3)

    right = runner(onnx_bytes(model, "image"), "image", model)
    assert compared(model, Written({}, "image", right, "one", also={"another": right}), []).passed
    found = compared(model, Written({}, "image", right, "one", also={"another": wrong}), [])
    assert not found.passed
    assert found.runtime == "one and another"
    assert found.where.endswith(", by another; one answers like predict")
    assert found.others <= found.odd


def test_what_answers_otherwise_is_named_with_its_picture_and_who_agrees(run: Path, tmp_path: Path) -> None:
    """Two engines that part at one picture: which, of which size, and which of them is right, in the refusal."""
    model, size = Run.open(run).model(), (31, 45)
    right = runner(onnx_bytes(model, "image"), "image", model)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)).save(tmp_path / "odd one.png")

    def wrong(images: Any) -> Any:
        return np.roll(right(images), 1, 1) if images.shape[1:3] == size else right(images)

    for shown, called in (
        (str(tmp_path / "odd one.png"), f"{tmp_path / 'odd one.png'} of your pictures"),
        ((tmp_path / "odd one.png").read_bytes(), "number 1 of your pictures"),
    ):
        told = compared(model, Written({}, "image", right, "one", also={"another": wrong}), [shown]).sentence()
        assert f"({called}, 31×45, by another; one answers like predict), 5e-03 is allowed there" in told
        assert "answers like predict" not in compared(model, Written({}, "image", right, "one"), [shown]).sentence()


@pytest.mark.parametrize(
    ("offs", "told", "bound"),
    [([0.0049, 0.02, 0.001], 0.02, 0.04), ([0.02, 0.0049], 0.02, 0.04), ([0.03, 0.05, 0.09, 0.04], 0.09, 0.04)],
)
def test_the_largest_difference_is_told_with_what_it_may_be_there(
    run: Path, monkeypatch: Any, offs: list[float], told: float, bound: float
) -> None:
    model, left = Run.open(run).model(), iter(offs)
    monkeypatch.setattr("hubel.export.check._apart", lambda received, wanted: next(left, 0.0))
    monkeypatch.setattr("hubel.export.check._by_rounding", lambda *_: 0.04)
    right = runner(onnx_bytes(model, "image"), "image", model)
    found = compared(model, Written({}, "image", right, "one"), [])
    assert (found.largest, found.bound, found.passed) == (told, bound, told <= bound)


@pytest.mark.peers
def test_openvino_runs_the_file_before_it_is_written(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    found = export(run, tmp_path / "colours.onnx").check
    assert found is not None
    assert found.passed
    assert " and OpenVINO" in found.runtime


def graph_of(preparation: Preprocessing) -> Any:
    graph = Graph()
    graph.fresh("image")
    graph.add("Identity", prepared(graph, "image", preparation), name="out")
    sizes = ["batch", preparation.channels, preparation.height, preparation.width]
    made = graph.model(
        {"image": ("uint8", ["batch", "rows", "columns", 3])},
        {"out": ("float32", sizes)},
        name="preparation",
        words="",
        metadata={},
        version="",
    )
    onnx.checker.check_model(made, full_check=True)
    return made


SIDES = [(24, 20), (48, 40), (1, 50), (50, 1), (1, 1), (33, 97), (321, 240), (9, 9), (10, 200)]


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("ink", [None, "light", "dark"])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_any_size_are_prepared_to_the_bit(fit: Any, ink: Any, channels: int) -> None:
    preparation = Preprocessing(24, 20, channels, (0.5,) * channels, (0.2,) * channels, fit, ink)
    made, draw = graph_of(preparation), np.random.default_rng(0)
    for height, width in SIDES:
        coarse = draw.integers(0, 256, (max(1, height // 3), max(1, width // 3), 3), dtype=np.uint8)
        image = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
        for given in (image, 255 - image // 3):
            found = ran(made, image=given[np.newaxis])["out"][0].transpose(1, 2, 0)
            np.testing.assert_array_equal(found, preparation.prepare(given), f"{height}×{width}")
    tall = np.random.default_rng(1).integers(0, 256, (49, 23, 3), dtype=np.uint8)
    off = ran(made, image=tall[np.newaxis])["out"][0].transpose(1, 2, 0) - preparation.prepare(tall).astype(np.float32)
    assert np.abs(off).max() <= 1


def test_images_of_a_batch_are_turned_over_one_by_one() -> None:
    preparation = Preprocessing(8, 8, 3, (0.5,) * 3, (0.2,) * 3, "pad", "light")
    batch = np.stack([np.full((20, 30, 3), 250, np.uint8), np.full((20, 30, 3), 5, np.uint8)])
    batch[:, 8:12, 10:20] = 128
    found = ran(graph_of(preparation), image=batch)["out"].transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(found, [preparation.prepare(one) for one in batch])


def test_drawings_that_are_framed_are_written_with_the_networks_own_size(tmp_path: Path) -> None:
    from hubel.data import Frame

    network = hubel.parse("12x12x1: flatten, dense 2 softmax")
    preparation = Preprocessing(12, 12, 1, (0.2,), (0.3,), "pad", "light", Frame(8))
    task = task_named("classification").from_settings(("a", "b"), {})
    model = LoadedModel(network, lived_in(network), preparation, task)
    found = export(model, tmp_path / "drawn.onnx")
    assert found.input == "sized"
    assert "drawings, which are found, scaled and centred by their ink" in found.notes[0]
    with pytest.raises(SettingError, match="expected --input sized, received image: its images are drawings"):
        export(model, tmp_path / "other.onnx", input="image")


def test_odd_pictures_are_many_the_same_and_all_readable() -> None:
    first, again = (list(odd_pictures(12, 10)) for _ in range(2))
    assert first == again
    assert len({name for name, _ in first}) == len(first) >= 40
    preparation = Preprocessing(12, 10, 3, (0.5,) * 3, (0.2,) * 3)
    assert all(preparation.prepare(content).shape == (12, 10, 3) for _, content in first)


def test_what_cannot_be_written_is_refused_before_any_work(run: Path, tmp_path: Path, capsys: Any) -> None:
    def refused(*words: str) -> str:
        assert hubel.cli.main(["export", *words]) == 2
        return str(capsys.readouterr().err)

    assert "hubel does not write tflite: LiteRT's converters need" in refused("nothing", "-o", "model.tflite")
    assert "hubel does not write coreml: Apple's converter" in refused("nothing", "-o", "m", "--to", "coreml")
    assert "received 'onx'; did you mean 'onnx'?" in refused("nothing", "-o", "m", "--to", "onx")
    assert "expected a path that ends with .onnx" in refused("nothing", "-o", "model.pth")
    assert "expected a run's directory or a model file, found nothing there" in refused("nothing", "-o", "model.onnx")
    (tmp_path / "words").write_text("none", encoding="utf-8")
    for place in (tmp_path / "words" / "model.onnx", tmp_path / "words" / "deep" / "model.onnx"):
        assert "expected a folder, found a file in its place" in refused(str(run), "-o", str(place))


def test_files_that_are_no_exports_are_refused_in_words(run: Path, tmp_path: Path, capsys: Any) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no protobuf")
    bare = onnx_model(run)
    del bare.metadata_props[:]
    onnx.save(bare, tmp_path / "bare.onnx")
    newer = onnx_model(run)
    next(each for each in newer.metadata_props if each.key == "format").value = "99"
    (tmp_path / "newer.onnx").write_bytes(sealed(newer))
    other = onnx_model(run)
    next(each for each in other.metadata_props if each.key == "classes").value = '["a", "b"]'
    (tmp_path / "other.onnx").write_bytes(sealed(other))
    for place, word in ((0.5, "flipped"), (-40, "label")):  # in a weight, and in what it says of itself
        content = bytearray(sealed(onnx_model(run)))
        content[int(place * len(content)) if place > 0 else place] ^= 4
        (tmp_path / f"{word}.onnx").write_bytes(content)
    apart = onnx_model(run)
    onnx.external_data_helper.set_external_data(apart.graph.initializer[0], "../../etc/passwd")
    (tmp_path / "apart.onnx").write_bytes(sealed(apart))
    nan = onnx_model(run)
    for tensor in nan.graph.initializer:
        if tensor.name == "dense1.bias":
            tensor.raw_data = b"\xff" * len(tensor.raw_data)
    (tmp_path / "nan.onnx").write_bytes(sealed(nan))
    deadly = onnx_model(run, "tensor")
    relu = next(node for node in deadly.graph.node if node.op_type == "Relu")
    relu.op_type = "Resize"
    (tmp_path / "deadly.onnx").write_bytes(sealed(deadly))
    for name, words in {
        "broken": "not an ONNX file",
        "bare": "expected a file that hubel exported",
        "newer": "expected format 1, received '99'",
        "other": "expected 3 classes, one for each output of its network, received 2",
        "flipped": "damaged, or changed since: its SHA-256 is another",
        "label": "damaged, or changed since: its SHA-256 is another",
        "apart": "expected one file with all its weights",
        "deadly": "cannot be used: [ShapeInferenceError]",
        "nan": "what it answers is not all finite numbers",
    }.items():
        assert hubel.cli.main(["predict", str(tmp_path / f"{name}.onnx"), "x.png"]) == 2
        assert words in capsys.readouterr().err
    (tmp_path / "right.onnx").write_bytes(sealed(onnx_model(run)))
    assert hubel.cli.main(["find", str(tmp_path / "right.onnx"), "x.png"]) == 2
    assert "which predict, evaluate, serve and inspect take" in capsys.readouterr().err
    with pytest.raises(ModelFileError, match=r"exported; hubel\.export\.open_onnx\(path\) reads it"):
        hubel.load_model(tmp_path / "right.onnx")


def test_an_opened_file_computes_scores_as_the_module_does(run: Path, tmp_path: Path) -> None:
    model = Run.open(run).model()
    given = np.random.default_rng(0).integers(0, 256, (5, 12, 12, 3), dtype=np.uint8)
    for input in ("image", "sized", "tensor"):
        onnx.save(onnx_model(model, input), tmp_path / f"{input}.onnx")
        with pytest.warns(UserWarning, match="has no digest"):
            open_onnx(tmp_path / f"{input}.onnx")
        (tmp_path / f"{input}.onnx").write_bytes(sealed(onnx_model(model, input)))
        module: Any = open_onnx(tmp_path / f"{input}.onnx").module
        wanted = model.module.logits(model.preprocessing.normalise(torch.from_numpy(given)))
        np.testing.assert_allclose(module.scores(torch.from_numpy(given)), wanted.detach(), atol=1e-5)


def test_in_python_a_file_is_opened_for_many_pictures(run: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """So that OpenVINO may be taken, where it is quicker."""
    file = hubel.export(Run.open(run), tmp_path / "colours.onnx").path
    monkeypatch.setattr(engines, "is_here", lambda engine: True)
    module: Any = open_onnx(str(file)).module
    assert (module.way.engine, module.way.is_open) == ("onnxruntime", True)  # it is small
    monkeypatch.setattr(engines, "is_here", lambda engine: False)
    with pytest.raises(SettingError, match=r"the engine onnxruntime needs onnx.*pip install"):
        open_onnx(file)


def test_copies_of_an_opened_file_share_what_computes_and_pickles_are_refused(run: Path, tmp_path: Path) -> None:
    model = open_onnx(hubel.export(Run.open(run), tmp_path / "colours.onnx").path)
    images = [picture("red", 1, 24, 30), picture("blue", 2, 12, 12)]
    assert copy.deepcopy(model).predict(images) == model.predict(images)
    with pytest.raises(SettingError, match="cannot be pickled; send the model's file"):
        pickle.dumps(model)


@pytest.mark.parametrize("layers", ["gru 6 sequences", "lstm 6 sequences, rnn 5 sequences", "conv1d 6 3 causal, relu"])
def test_what_writes_goes_on_in_its_file_as_in_its_model(layers: str, tmp_path: Path) -> None:
    network = parse(f"12: embed 5 4, {layers}, dense 5")
    task = task_named("language").from_settings((), {"vocabulary": "abcde"})
    model = LoadedModel(network, lived_in(network, 3), Preprocessing(12, 1, 1, (0.0,), (1 / 255,)), task)
    export(model, tmp_path / "voice.onnx")
    read = open_onnx(tmp_path / "voice.onnx")
    how = {"prompt": "abcab", "length": 60, "seed": 3}
    assert [*read.make(**how).pieces()] == [*model.make(**how).pieces()]
    steps = torch.randint(5, (3, 24, 1, 1), dtype=torch.uint8)
    with torch.inference_mode():
        whole, apart = (outputs(each.module, each.preprocessing, steps) for each in (model, read))
        torch.testing.assert_close(apart, whole)
        with task.going_on(read.module):  # and not from one sitting to the next
            pieces = [outputs(read.module, read.preprocessing, steps[:, at : at + 8]) for at in (0, 8, 16)]
        torch.testing.assert_close(torch.cat(pieces, 2), whole)
        torch.testing.assert_close(outputs(read.module, read.preprocessing, steps), whole)


def test_what_speaks_says_the_same_from_its_file(tmp_path: Path) -> None:
    little = LITTLE["speech"](tmp_path / "data")
    run = hubel.train(little.network, load(little.source, **little.settings), directory=tmp_path / "run", epochs=0.2,
                      progress=False, augmentation="none")  # fmt: skip
    export(run.model(), tmp_path / "voice.onnx")
    said = []
    for number, each in enumerate((run.model(), open_onnx(tmp_path / "voice.onnx"))):
        (place,) = each.make(say="low", seconds=0.02, seed=2).write(tmp_path / f"{number}.wav")
        said.append(place.read_bytes())
    assert said[0] == said[1]


def test_a_model_is_not_written_over(run: Path, tmp_path: Path) -> None:
    file = run / "model.safetensors"
    before = file.read_bytes()
    for place, to in ((file, "onnx"), (tmp_path / "keep.jpg", "onnx"), (tmp_path / "y.onnx", "keras")):
        with pytest.raises(SettingError, match=f"expected a file that ends with .{to} for {to}, received"):
            export(run, place, to=to)
    link = tmp_path / "same.onnx"
    link.hardlink_to(file)
    with pytest.raises(SettingError, match="which is read here and is not replaced"):
        export(file, link)
    assert hubel.cli.main(["export", str(file), "-o", str(link)]) == 2
    newest = max((run / "checkpoints").glob("*.safetensors"))
    own = (file, newest, newest.with_suffix(".json"), run / "run.toml", run / "metrics.csv")
    for at, (each, link_to) in enumerate(itertools.product(own, ("hardlink_to", "symlink_to"))):
        kept, place = each.read_bytes(), tmp_path / f"{at}.onnx"
        getattr(place, link_to)(each)
        for model in (run, Run.open(run)):
            with pytest.raises(SettingError, match="which is read here and is not replaced"):
                export(model, place)
        assert hubel.cli.main(["export", str(run), "-o", str(place)]) == 2
        assert each.read_bytes() == kept
    assert file.read_bytes() == before
    (tmp_path / "other.safetensors").write_bytes(before)
    place = tmp_path / "other.onnx"
    place.symlink_to(tmp_path / "other.safetensors")
    with pytest.raises(FileError, match=r"other.onnx is a link to .*other.safetensors, a file of another kind"):
        export(run, place)
    assert hubel.cli.main(["export", str(run), "-o", str(place)]) == 2
    assert (tmp_path / "other.safetensors").read_bytes() == before

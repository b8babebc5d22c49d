"""hubel from Python: rooms and names after `import hubel`, and words wherever an object may stand."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

import hubel
from hubel.base.errors import HubelError, MissingFileError, SettingError
from hubel.data import Preprocessing
from hubel.nn import SoftmaxWarning

TEXT = "24x24x3: conv 8 3x3 relu, gap, fc 3 softmax"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for place, name in enumerate("abc"):
        (folder / name).mkdir()
        for number in range(8):
            pixels = random.integers(0, 60, (40, 50, 3), np.uint8)
            pixels[..., place] += 150
            Image.fromarray(pixels).save(folder / name / f"{number}.jpg")
    return folder


@pytest.fixture(scope="module")
def run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> hubel.Run:
    place = tmp_path_factory.mktemp("runs") / "photos"
    return hubel.train(TEXT, photos, None, place, epochs=40, progress=False, seed=1, device="cpu")


def test_importing_costs_nothing_and_rooms_come_when_they_are_named() -> None:
    program = """
import sys, hubel
assert {"zoo", "train", "look", "data", "predict", "build", "load_model"} <= set(dir(hubel))
assert hubel.analyse("ResNet-50").parameters == 25557032 and hubel.zoo.names() and hubel.draw and hubel.plan
assert hubel.look.__doc__ and hubel.advise("lenet5") and "class" in hubel.code("lenet5")
assert not {"torch", "numpy"} & set(sys.modules)
assert hubel.train.Recipe is hubel.Recipe and callable(hubel.train) and "Train `network`" in hubel.train.start.__doc__
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_every_name_is_there_and_tells_what_it_is() -> None:
    for name in dir(hubel):
        assert getattr(hubel, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'analyze'; did you mean 'analyse'"):
        _ = hubel.analyze  # type: ignore[attr-defined]


def test_a_network_by_any_name(run: hubel.Run, tmp_path: Path) -> None:
    (tmp_path / "net.txt").write_text(TEXT)
    given = [TEXT, tmp_path / "net.txt", str(tmp_path / "net.txt"), run, run.directory, run.model()]
    given += [run.directory / "model.safetensors", run.model().module, hubel.parse(TEXT), hubel.analyse(TEXT)]
    for each in given:
        assert str(hubel.network(each)) == str(hubel.parse(TEXT))
        assert hubel.analyse(each).parameters == 251
    assert hubel.network("resnet18", classes=3) == hubel.network("ResNet-18", classes=3)
    assert hubel.network(TEXT, input=(32, 32, 3)).input == (32, 32, 3)
    with pytest.raises(SettingError, match=r"expected a network: .*received int"):
        hubel.network(3)  # type: ignore[arg-type]
    with pytest.raises(MissingFileError, match="no file "):
        hubel.network(tmp_path / "none.txt")
    with pytest.raises(HubelError, match="did you mean 'lenet5'"):
        hubel.network("lenet6")


def test_a_softmax_does_not_stand_twice_in_silence() -> None:
    with pytest.warns(SoftmaxWarning, match="lenet5 ends with softmax, and nn.CrossEntropyLoss has one inside"):
        kept = hubel.build("lenet5")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bare = hubel.build("lenet5", logits=True)
        hubel.build("lenet5", logits=False)
        hubel.build("28x28x1: flatten, dense 10")
        alone = hubel.build("4: dense 3, softmax", logits=True)
    assert list(alone) == [alone.dense1]
    bare.load_state_dict(kept.state_dict())
    images = torch.rand(2, 1, 28, 28)
    torch.testing.assert_close(bare(images), kept.logits(images))
    torch.testing.assert_close(bare(images).softmax(1), kept(images))


def test_answers_for_one_image_and_for_many(run: hubel.Run, photos: Path) -> None:
    model, path = hubel.load_model(run.directory), photos / "a" / "0.jpg"
    assert hubel.load_model(model) is model
    one = model.predict(path)
    assert (one.class_name, str(one).split()[0]) == ("a", "a")
    forms = [str(path), path.read_bytes(), Image.open(path), np.asarray(Image.open(path))]
    for form in forms:
        for answer in (model.predict(form), *model.predict([form, form]), hubel.predict(run, form)):
            assert abs(answer.probability - one.probability) < 1e-5
    assert [len(model.predict(many)) for many in (photos, photos / "a" / "*.jpg", [path])] == [24, 8, 1]
    assert [answer.class_name for answer in model.predict(photos)] == [*"a" * 8, *"b" * 8, *"c" * 8]
    assert len(model.predict(np.stack([np.asarray(Image.open(path))] * 2), top=1)[0].likeliest) == 1
    assert model.predict([]) == []
    with pytest.raises(HubelError, match=r"none\.jpg"):
        model.predict("none.jpg")


def test_training_by_words(run: hubel.Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert hubel.evaluate(run.directory, photos).figures["accuracy"] == 1
    quick = {"epochs": 0.5, "progress": False}
    first = hubel.train("lenet5", photos, **quick)
    assert first.directory == Path("runs") / f"lenet5-{photos.name}"
    assert (first.network.input, len(first.classes)) == ((28, 28, 1), 3)
    loaded = hubel.load(photos, size=(24, 24))
    second = hubel.train(TEXT, loaded, weights=run.directory, freeze="all-but-head", **quick)
    assert second.recipe.weights == str(run.directory / "model.safetensors")
    assert hubel.train(TEXT, loaded.train, validation=0, recipe=first.recipe, **quick).recipe.seed == 0
    with pytest.raises(SettingError, match=r"epocs: no setting of hubel.train; did you mean 'epochs'"):
        hubel.train(TEXT, photos, epocs=3)
    with pytest.raises(SettingError, match="fit says how data is read, and this is: "):
        hubel.train(TEXT, loaded, fit="pad")
    with pytest.raises(HubelError, match="expected a device"):
        hubel.train(TEXT, photos, device="gpu")
    assert sorted(each.name for each in Path("runs").iterdir()) == [
        "lenet5-" + photos.name,
        "network-" + loaded.train.name.replace(" ", "-"),
        "network-" + loaded.train.name.replace(" ", "-") + "-2",
    ]


def test_a_loader_over_a_data_set(photos: Path) -> None:
    train = hubel.load(photos, size=(24, 24)).train
    wanted = Preprocessing.for_dataset(train)
    examples = train.examples()
    images, labels = next(iter(DataLoader(examples, batch_size=24)))
    assert (images.shape, images.dtype, labels.dtype) == ((24, 3, 24, 24), torch.float32, torch.int64)
    torch.testing.assert_close(images, wanted.normalise(torch.from_numpy(train.images.copy())))
    assert labels.tolist() == train.labels.tolist()
    image, label = examples[23]
    torch.testing.assert_close(image, images[23])
    assert int(label) == 2
    workers = DataLoader(examples, batch_size=5, shuffle=True, num_workers=1)
    assert sum(len(labels) for _, labels in workers) == 24


def test_results_show_themselves(run: hubel.Run, photos: Path) -> None:
    model = run.model()
    results = [
        hubel.analyse("resnet18"),
        hubel.network("resnet18"),
        hubel.load(photos, size=(24, 24)),
        hubel.data.describe(photos),
        hubel.advise("vgg16")[0],
        hubel.plan.plan_step("resnet18", 8, hubel.plan.find_device("t4")),
        run,
        model,
        hubel.evaluate(model, photos),
        model.predict(photos / "a" / "0.jpg"),
        hubel.Recipe(),
        hubel.Sequential(hubel.network("28x28x1: flatten, dense 10").body.nodes),
    ]
    for result in results:
        assert len(repr(result)) < 1200, type(result)
        assert "\n" not in repr(result)
        assert "array(" not in repr(result)
        assert " object at 0x" not in repr(result)
    for result in (*results[:1], *results[2:9]):
        assert len(str(result).splitlines()) >= 3, type(result)
        assert result._repr_html_().startswith("<"), type(result)  # type: ignore[attr-defined]
    assert "epoch" in str(run)
    assert "a, b, c" in str(model)
    assert "b" in str(results[8])


def test_looking_takes_a_run_or_a_path_and_one_image_or_many(run: hubel.Run, photos: Path) -> None:
    from hubel.look.inside.maps import maps
    from hubel.look.unit.unit import unit

    image = photos / "a" / "0.jpg"
    for model in (run, run.directory, str(run.directory / "model.safetensors"), run.model()):
        assert len(maps(model, image).samples) == 1
    assert len(maps(run, photos / "a").samples) == 8
    assert unit(run.directory, image).sample.name == "0.jpg"
    seen = hubel.look.saliency(run, [image, image])
    assert len(seen.maps) == 2
    assert len(repr(seen)) < 400
    assert hubel.look.saliency(model=run, images=image).maps
    with pytest.raises(HubelError, match="none"):
        maps("runs/none", image)

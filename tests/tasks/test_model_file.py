import hashlib
import io
import json
import os
import pickle
import random

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from hubel.arch import parse
from hubel.base.errors import UnreadableError
from hubel.data import Dataset, Preprocessing
from hubel.nn import build
from hubel.tasks import (
    Classification,
    LoadedModel,
    ModelFileError,
    WholenessWarning,
    evaluate,
    load_model,
    predict,
    save_model,
    task_named,
)

NETWORK = parse("6x5x3: conv 4 3x3 same, norm, relu, flatten, dense 3 softmax")
PREPROCESSING = Preprocessing(6, 5, 3, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.25), fit="pad")
CLASSES = ("cat", "dog", "Ωμέγα")


@pytest.fixture
def module():
    torch.manual_seed(0)
    built = build(NETWORK).eval()
    with torch.no_grad():
        built.norm1.running_mean.uniform_()
    return built


@pytest.fixture
def path(module, tmp_path):
    summary = {"validation": {"accuracy": 0.5}}
    return save_model(
        tmp_path / "deep" / "model.safetensors", NETWORK, module, preprocessing=PREPROCESSING, classes=CLASSES,
        summary=summary,
    )  # fmt: skip


def images(count=7):
    return np.random.default_rng(0).integers(0, 256, (count, 6, 5, 3), dtype=np.uint8)


def test_a_model_comes_back_whole(path, module):
    model = load_model(path)
    assert (model.network, model.preprocessing, model.classes) == (NETWORK, PREPROCESSING, CLASSES)
    assert model.task == Classification(CLASSES)
    assert model.summary == {"validation": {"accuracy": 0.5}}
    assert not model.module.training
    wanted = torch.softmax(module.logits(PREPROCESSING.normalise(torch.from_numpy(images()))), 1)
    assert torch.equal(predict(model, images()), wanted.detach())


def test_equal_models_are_equal_files(path, module, tmp_path):
    other = save_model(
        tmp_path / "other", NETWORK, module.state_dict(), preprocessing=PREPROCESSING, classes=CLASSES,
        summary={"validation": {"accuracy": 0.5}},
    )  # fmt: skip
    assert path.read_bytes() == other.read_bytes()
    assert [each.name for each in path.parent.iterdir()] == ["model.safetensors"]


def test_it_can_be_read_without_this_library(path):
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    about = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["hubel"])
    assert about["network"] == str(NETWORK)
    assert about["classes"] == list(CLASSES)


def test_loading_leaves_the_random_state_alone(path):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    load_model(path)
    assert torch.equal(torch.get_rng_state(), before)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


def zipped():
    file = io.BytesIO()
    torch.save({"weight": Bomb()}, file)
    return file.getvalue()


def test_no_length_of_the_header_is_taken_for_a_pickle(module, tmp_path):
    # safetensors begins with that length, rounded up to eight: one file in 32 begins as a pickle does
    for letters in range(0, 256, 8):
        path = save_model(
            tmp_path / "m", NETWORK, module, preprocessing=PREPROCESSING, classes=CLASSES,
            summary={"note": "a" * letters},
        )  # fmt: skip
        assert len(load_model(path).summary["note"]) == letters


@pytest.mark.parametrize("content", [zipped(), pickle.dumps(Bomb())], ids=["torch.save", "pickle"])
def test_a_pickle_is_refused_unopened(content, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"received a pickle.*weights_only=True"):
        load_model(path)


def rewritten(path, change):
    with safetensors.safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["hubel"])
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if "sha256" in about:
        about["sha256"] = "0" * 64
    change(about, state)
    content = safetensors.torch.save(state, metadata={"hubel": json.dumps(about)} if about else None)
    path.write_bytes(content.replace(b"0" * 64, hashlib.sha256(content).hexdigest().encode(), 1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda about, state: about.update(format=99), "format 2, received 99"),
        (
            lambda about, state: about.pop("classes"),
            "metadata cannot be read: there is no entry 'classes'; it was changed or damaged",
        ),
        (lambda about, state: about.update(network="6x5x3: con 4"), "metadata cannot be read"),
        (lambda about, state: about.update(preprocessing={}), "metadata cannot be read"),
        (lambda about, state: about.clear(), "no metadata"),
        (lambda about, state: state.pop("conv1.weight"), "weights do not fit.*conv1.weight"),
        (lambda about, state: state.update({"dense1.bias": torch.zeros(9)}), "weights do not fit.*dense1.bias"),
        (lambda about, state: state.update({"dense2.bias": torch.zeros(9)}), "nothing of it is called 'dense2.bias'"),
        (lambda about, state: state["dense1.bias"].fill_(torch.nan), "weights are not all finite"),
        (lambda about, state: state["norm1.running_var"].fill_(torch.inf), "weights are not all finite"),
        (lambda about, state: about["classes"].append("more"), "expected 3 classes, one for each output.*received 4"),
        (lambda about, state: about.update(classes="abc"), "expected classes as a list, received 'abc'"),
        (lambda about, state: about.update(classes=["a", "b", 3]), "expected the classes' names as texts"),
        (lambda about, state: about.update(classes=["a", "b", "c" * 10_001]), "HUBEL_MOST_NAME"),
        (lambda about, state: about.update(classes=["a", "b", "a"]), "of different names, received 'a' more than once"),
        (lambda about, state: about.update(classes=["a", " ", "b"]), "names of classes, received an empty one"),
        (lambda about, state: about.update(name="n" * 10_001), "HUBEL_MOST_NAME"),
        (lambda about, state: about.update(network=5), "expected network as a text, received 5"),
        (lambda about, state: about.update(name=None), "expected name as a text, received None"),
        (lambda about, state: about.update(summary=[1]), "expected summary as names and values"),
        (lambda about, state: about.update(task=["classification"]), "expected task as a text"),
        (lambda about, state: about["preprocessing"].update(height=60), r"expected images of 6×5×3.*60×5×3"),
        (lambda about, state: about["preprocessing"].update(height="6"), "metadata cannot be read"),
        (lambda about, state: about["preprocessing"].update(mean=[float("nan")] * 3), "metadata cannot be read"),
        (lambda about, state: about["preprocessing"].update(std=["a", "b", "c"]), "metadata cannot be read"),
        (lambda about, state: about.update(network="6x5x3: flatten, dense 200000000, dense 3"), "weights do not fit"),
        (
            lambda about, state: about.update(network="6x5x3: flatten, dense 2000000000, dense 2000000000, dense 3"),
            "PARAMETERS",
        ),
        (lambda about, state: about.update(network="6x5x3: conv 9 30000000"), "HUBEL_MOST_ROWS"),
        (lambda about, state: about["preprocessing"].update(levels=[]), "metadata cannot be read"),
        (lambda about, state: about["preprocessing"].update(levels="ab"), "metadata cannot be read"),
        (lambda about, state: about["preprocessing"].update(channels=True), "metadata cannot be read"),
        (lambda about, state: about["preprocessing"].update(std=[10**400] * 3), "metadata cannot be read"),
    ],
    ids=range(32),
)
def test_a_file_that_does_not_fit_says_which_and_why(change, words, path):
    rewritten(path, change)
    with pytest.raises(ModelFileError, match=f"(?s)model.safetensors: .*{words}"):
        load_model(path)


def test_a_pipe_in_the_place_of_a_model_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "model.safetensors")
    with pytest.raises(UnreadableError, match="expected a file, received a pipe or device"):
        load_model(tmp_path / "model.safetensors")


INFINITE = float("inf")


@pytest.mark.parametrize(
    ("task", "odd"),
    [
        ("speech", {"known": None}),
        ("speech", {"known": {"label": ["a", "b"], "speaker": []}}),
        ("speech", {"known": {"label": [["a"], "b"]}}),
        ("speech", {"known": {"label": ["a", "b"], "speaker": "ann"}}),
        ("pose", {"bones": [[0, INFINITE]]}),
        ("detection", {"stride": INFINITE}),
        ("detection", {"most": True}),
        ("segmentation", {"colours": [[0, 0, INFINITE], [1, 1, 1]]}),
        ("regression", {"means": [float("nan"), 0.0]}),
        ("play", {"games": INFINITE}),
        ("play", {"memory": 0.5}),
        ("synthesis", {"critic": ["a"]}),
    ],
)
def test_odd_settings_of_a_task_are_refused_in_words(path, task, odd):
    right = {
        "speech": {"known": {"label": ["a", "b"]}, "seconds": [1.0, 1.0], "rate": 8000},
        "pose": {"bones": [[0, 1]], "several": True, "most": 20},
        "detection": {"ids": [0, 1], "usual": [0.5, 0.5], "most": 9, "stride": 4},
        "segmentation": {"values": [0, 1], "colours": [[0, 0, 0], [1, 1, 1]]},
        "regression": {"means": [0.0, 0.0], "deviations": [1.0, 1.0]},
        "play": {"game": "minatar:breakout", "games": 0, "memory": 10},
        "synthesis": {"critic": "", "penalty": 1.0},
    }[task]
    task_named(task).from_settings(("a", "b"), right)
    rewritten(path, lambda about, _: about.update(task=task, classes=["a", "b"], task_settings={**right, **odd}))
    with pytest.raises(ModelFileError, match="metadata cannot be read"):
        load_model(path)


def test_cut_and_mutated_files_never_crash(path):
    content = path.read_bytes()
    random.seed(0)
    for _ in range(60):
        damaged = bytearray(content[: random.randrange(len(content))])
        for place in random.sample(range(len(damaged)), min(3, len(damaged))):
            damaged[place] ^= 1 << random.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(ModelFileError):
            load_model(path)


def test_every_flipped_bit_is_noticed(path):
    content = path.read_bytes()
    random.seed(0)
    for place in random.sample(range(len(content)), 150):
        damaged = bytearray(content)
        damaged[place] ^= 1 << random.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(ModelFileError, match=r"model\.safetensors: "):
            load_model(path)


def test_damage_can_be_ignored_to_save_what_can_be_saved(path, monkeypatch):
    wanted = load_model(path).module.state_dict()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"damaged: its SHA-256 is another.*--ignore-damage"):
        load_model(path)
    with pytest.warns(WholenessWarning, match="damaged.*used all the same"):
        saved = load_model(path, ignore_damage=True).module.state_dict()
    assert sum(not torch.equal(saved[name], wanted[name]) for name in wanted) == 1
    monkeypatch.setenv("HUBEL_IGNORE_DAMAGE", "1")
    with pytest.warns(WholenessWarning, match="damaged"):
        load_model(path)


def test_a_file_of_an_older_version_says_that_it_has_no_digest(path):
    def older(about, state):
        about.pop("sha256")
        about.update(format=1)

    rewritten(path, older)
    with pytest.warns(WholenessWarning, match="before models had a digest; whether it is whole cannot be known"):
        assert load_model(path).classes == CLASSES


def test_a_file_with_compositions_as_layers_of_their_own_still_opens(tmp_path):
    """Older versions built `se` as one module, `se1.squeeze` and `se1.excite`."""
    network = parse("6x5x4: se 2, product(identity | globalavgpool, dense 4), b=(se 4, norm), flatten, dense 3 softmax")
    module = build(network).eval()
    path = save_model(
        tmp_path / "model.safetensors", network, module, classes=CLASSES,
        preprocessing=Preprocessing(6, 5, 4, mean=(0.5,) * 4, std=(0.2,) * 4),
    )  # fmt: skip

    def older(about, state):
        about.pop("sha256")
        about.update(format=1)
        assert about["network"].startswith("6x5x4: se 2, product(")
        for name in list(state):
            was = name.replace("product1.branch2.conv1", "se1.squeeze").replace("product1.branch2.conv2", "se1.excite")
            state[was.replace("product2", "product1")] = state.pop(name)
        assert {"se1.squeeze.weight", "b.se1.excite.bias", "product1.branch2.dense1.weight"} < {*state}

    rewritten(path, older)
    with pytest.warns(WholenessWarning):
        model = load_model(path)
    images = torch.rand(2, 4, 6, 5)
    assert torch.equal(model.module(images), module(images))


def test_weights_of_half_precision_are_taken(path, module):
    rewritten(path, lambda about, state: state.update({name: state[name].half() for name in ("dense1.weight",)}))
    loaded = load_model(path).module.state_dict()["dense1.weight"]
    assert torch.equal(loaded, module.state_dict()["dense1.weight"].half().float())


def model_that_says(outputs: torch.Tensor) -> LoadedModel:
    """A model whose logits for an image are the row of `outputs` that the image's first pixel names."""
    network = parse("1x1x1: flatten, dense 3 softmax")
    module = build(network)

    def logits(inputs: torch.Tensor) -> torch.Tensor:
        return outputs[inputs[:, 0, 0, 0].round().long()]

    module.logits = logits
    return LoadedModel(network, module, Preprocessing(1, 1, 1, mean=(0.0,), std=(1 / 255,)), ("a", "b", "c"))


def test_figures_by_hand():
    # images 0 to 3 are called a, b, b, a; they are a, b, a, b: both right ones certain, both wrong ones in doubt
    certain, even = 50.0, 0.0
    rows = torch.tensor(
        [[certain, 0, 0], [0, certain, 0], [even, even + 1e-6, -50], [even + 1e-6, even, -50]], dtype=torch.float32
    )
    dataset = Dataset(np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1), np.array([0, 1, 0, 1]), ("a", "b", "c"))
    figures = evaluate(model_that_says(rows), dataset, batch_size=3)
    assert figures.accuracy == 0.5
    assert figures.confusion == ((1, 1, 0), (1, 1, 0), (0, 0, 0))
    assert figures.loss == pytest.approx(2 * np.log(2) / 4, rel=1e-4)
    assert [(each.precision, each.recall, each.examples) for each in figures.per_class] == [
        (0.5, 0.5, 2),
        (0.5, 0.5, 2),
        (None, None, 0),
    ]
    assert figures.data()["per_class"][2] == {"name": "c", "precision": None, "recall": None, "examples": 0}
    assert figures.table(12).rows[2] == ("c", "0", "·", "·", "")
    assert [row[0] for row in figures.table(2).rows] == ["a", "b"]  # least recall first, not what has none


def test_other_classes_or_sizes_are_refused(path):
    model = load_model(path)
    labels = np.zeros(7, np.int64)
    with pytest.raises(ValueError, match=r"cat, dog, Ωμέγα.*received dog, cat"):
        evaluate(model, Dataset(images(), labels, ("dog", "cat", "Ωμέγα")))
    with pytest.raises(ValueError, match=r"\(6, 5, 3\).*received \(5, 5, 3\)"):
        evaluate(model, Dataset(images()[:, :5], labels, CLASSES))
    with pytest.raises(ValueError, match=r"expected uint8 images N×6×5×3, received torch\.float32"):
        predict(model, torch.zeros(1, 6, 5, 3))


def test_images_of_any_kind_are_prepared_as_the_model_says(path, tmp_path):
    model = load_model(path)
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 30, 3), dtype=np.uint8))
    picture.save(tmp_path / "picture.png")
    given = [picture, tmp_path / "picture.png", np.asarray(picture)]
    found = predict(model, given)
    alone = predict(model, PREPROCESSING.prepare(picture)[np.newaxis])[0]
    for each in found:
        torch.testing.assert_close(each, alone)
    assert found.sum(1).tolist() == pytest.approx([1, 1, 1])
    assert predict(model, []).shape == (0, 3)

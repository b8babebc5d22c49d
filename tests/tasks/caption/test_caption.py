"""Captions: figures against worked values, how sentences are read, what is refused in words."""

from __future__ import annotations

import dataclasses
import json
import math
import random
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from hubel.arch import parse
from hubel.base.errors import DataError, ModelFileError, SettingError
from hubel.data import Dataset, Preprocessing, Splits
from hubel.data.captions.words import Words, sentence_of, words_of
from hubel.export import export
from hubel.export.opened import open_onnx
from hubel.look import grad_cam, occlusion
from hubel.nn import build
from hubel.nn.modules import writer_of
from hubel.tasks import LoadedModel, evaluate, load, load_model, save_model
from hubel.tasks.caption.metrics import bleu, cider
from hubel.tasks.caption.task import Captioning
from hubel.tasks.outputs import outputs
from hubel.train import choose, train
from tests.tasks.caption_shapes import draw


def test_bleu_is_the_mean_of_clipped_shares_less_what_is_too_short() -> None:
    said, wanted = [["a", "b", "c", "d", "e"]], [[["a", "b", "c", "d", "f", "g"]]]
    shares = (4 / 5, 3 / 4, 2 / 3, 1 / 2)
    assert bleu(said, wanted) == pytest.approx(math.prod(shares) ** 0.25 * math.exp(1 - 6 / 5))
    assert bleu([["the", "the", "the", "the"]], [[["the", "cat", "is", "on", "the", "mat"]]]) == 0


def test_cider_is_ten_for_the_same_words_and_none_for_others() -> None:
    wanted = [[["a", "red", "cat", "sits"]], [["a", "blue", "dog", "runs"]]]
    assert cider([["a", "red", "cat", "sits"], ["a", "blue", "dog", "runs"]], wanted) == pytest.approx([10, 10])
    assert cider([["one", "two", "three", "four"]] * 2, wanted) == [0, 0]
    # "a" stands in both and weighs nothing; one word of three is right, no longer n-gram, and two words are missing
    half = cider([["red"], ["a"]], wanted)
    assert half == pytest.approx([10 / 4 / math.sqrt(3) * math.exp(-9 / 72), 0])


def test_words_are_cut_by_blanks_or_by_characters() -> None:
    assert words_of("Um cão, à esquerda: o guarda-chuva!") == ["um", "cão", "à", "esquerda", "o", "guarda-chuva"]
    assert words_of("两只猫 on top") == ["两", "只", "猫", "on", "top"]
    assert sentence_of(["两", "只", "猫", "on", "top"]) == "两只猫 on top"
    assert Words.of([["a", "b"], ["a"]], 2).words == ("a",)


def test_pictures_are_held_out_with_all_their_sentences_and_words_come_from_training(tmp_path: Path) -> None:
    source = draw(tmp_path / "told", 20)
    (source / "captions.csv").write_text(
        (source / "captions.csv").read_text() + '0.png," ... "\n1.png,' + "x" * 10_000 + "\n", encoding="utf-8"
    )
    splits = load(source, validation=0.25)
    notes = " ".join(splits.notes)
    assert splits.validation is not None
    assert len(splits.train) + len(splits.validation) == 20
    assert "1 caption without a word" in notes
    assert "1 word of more than 40 letters" in notes
    assert not set(splits.train.paths) & set(splits.validation.paths)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["image,caption", "0.png,a cat", "1.png,a cat"], "one for all 2 pictures, 'a cat'"),
        (["image,caption", "none.png,a cat", "no.png,a dog"], "none.png"),
    ],
)
def test_what_cannot_be_learnt_is_refused_in_words(tmp_path: Path, lines: list[str], why: str) -> None:
    source = draw(tmp_path / "told", 2)
    (source / "captions.csv").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(DataError, match=why):
        load(source).train.targets.check_training()


@pytest.mark.parametrize("head", ["image,caption\n", "image,caption", "\ufeffpicture;sentence\r\n"])
def test_a_table_of_captions_without_a_line_is_named(tmp_path: Path, head: str) -> None:
    """Not taken for a folder of pictures without classes."""
    for number in range(4):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{number}.png")
    (tmp_path / "captions.csv").write_text(head, encoding="utf-8")
    with pytest.raises(DataError, match=r"captions\.csv: expected lines with a picture and a sentence, found none"):
        load(str(tmp_path))


def test_captions_without_one_for_training_are_refused_as_such(tmp_path: Path) -> None:
    source = draw(tmp_path / "told", 2)
    rows = ["image,caption,split", "0.png,a cat,val", "1.png,a dog,val"]
    (source / "captions.csv").write_text("\n".join(rows), encoding="utf-8")
    splits = load(source)
    steps, words = splits.train.targets.values.shape[2], len(splits.train.targets.words)
    network = parse(f"{'x'.join(map(str, splits.train.shape))}: flatten, caption {steps} {words} 8")
    with pytest.raises(DataError, match=r"at least one training image, received none, validation \(2\) alone"):
        train(network, splits, choose(network, splits.train), tmp_path / "run")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Splits, LoadedModel]:
    """Drawn shapes, and a model of random weights that writes about them."""
    splits = load(draw(tmp_path_factory.mktemp("told") / "told", 12), validation=0.5, size=(32, 32))
    task = Captioning.for_dataset(splits.train)
    network = parse(f"32x32x3: conv 4 3x3/2 same relu, flatten, dense 8, caption {task.steps} {len(task.words)} 8")
    torch.manual_seed(3)
    module = build(network).eval()
    with torch.no_grad():
        for each in module.parameters():
            each.mul_(3)  # so that pictures differ in what is said of them
    preprocessing = Preprocessing(32, 32, 3, (0.5,) * 3, (0.25,) * 3)
    return splits, LoadedModel(network, module, preprocessing, task)


@pytest.mark.parametrize("texts", ["beside", "images/captions", "train"])
def test_texts_beside_pictures_are_their_sentences(tmp_path: Path, texts: str) -> None:
    table = draw(tmp_path / "table", 8)
    wanted = load(table, validation=0)
    folder = tmp_path / "told"
    pictures, lines = {
        "beside": (folder, folder),
        "images/captions": (folder / "images", folder / "captions"),
        "train": (folder / "train", folder / "train"),
    }[texts]
    pictures.mkdir(parents=True)
    lines.mkdir(exist_ok=True)
    for place, path in enumerate(wanted.train.paths):
        (pictures / Path(path).name).write_bytes(Path(path).read_bytes())
        said = wanted.train.targets.sentences(place)
        (lines / f"{Path(path).stem}.txt").write_text("\n\n".join(said), encoding="utf-8")
    (folder / "readme.txt").write_text("what this is", encoding="utf-8")
    found = load(folder, validation=0)
    assert (found.train.targets.values == wanted.train.targets.values).all()
    (lines / "0.txt").write_text(" \n", encoding="utf-8")
    assert any("1 picture that no caption names (0.png)" in note for note in load(folder, validation=0).notes)


@pytest.mark.parametrize("name", ["captions_train2017.json", "told.json"])
def test_cocos_captions_are_sentences_and_not_boxes(tmp_path: Path, name: str) -> None:
    wanted = load(draw(tmp_path / "table", 6), validation=0)
    (tmp_path / "coco" / "annotations").mkdir(parents=True)
    (tmp_path / "table" / "images").rename(tmp_path / "coco" / "train2017")
    targets, images, annotations = wanted.train.targets, [], []
    for number, path in enumerate(wanted.train.paths):
        images.append({"id": number, "file_name": Path(path).name, "height": 32, "width": 32})
        annotations += [{"id": 0, "image_id": number, "caption": said} for said in targets.sentences(number)]
    whole = {"info": {}, "images": images, "annotations": annotations}
    place = tmp_path / "coco" / "annotations" / name
    place.write_text(json.dumps(whole), encoding="utf-8")
    assert (load(tmp_path / "coco", validation=0).train.targets.values == targets.values).all()
    # what is no sentence is no caption, and that is said; a number is its digits
    annotations += [{"id": 0, "image_id": 0, "caption": each} for each in (None, [], 12)]
    place.write_text(json.dumps(whole), encoding="utf-8")
    found = load(tmp_path / "coco", validation=0)
    assert any("left out: 2 captions without a word" in note for note in found.notes)
    assert "12" in [words for row in range(len(found.train)) for words in found.train.targets.sentences(row)]


def test_numbers_beside_pictures_and_folders_of_classes_are_no_sentences(tmp_path: Path) -> None:
    for name, text in (("0", "0 0.5 0.5 0.25 0.25"), ("1", "1 0.5 0.5 0.25 0.25")):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.txt").write_text(text)
    assert not Captioning.recognises(str(tmp_path))
    (tmp_path / "1.txt").write_text("a cat on a mat")
    (tmp_path / "0.txt").write_text("a dog on a mat")
    assert Captioning.recognises(str(tmp_path))
    (tmp_path / "cat").mkdir()
    for file in ("0.png", "0.txt", "1.png", "1.txt"):
        (tmp_path / file).rename(tmp_path / "cat" / file)
    assert not Captioning.recognises(str(tmp_path))


def test_figures_stand_beside_those_of_the_sentence_said_most_often(told: tuple[Splits, LoadedModel]) -> None:
    splits, model = told
    assert splits.validation is not None
    found = evaluate(model, splits.validation)
    people = [words_of_row(splits.validation, row) for row in range(len(splits.validation))]
    flat = [each for others in people for each in others]
    always = found.data()["always"]
    one = always["caption"].split()
    assert flat.count(one) == max(map(flat.count, flat))
    assert always["bleu4"] == pytest.approx(bleu([one] * len(people), people))
    assert always["cider"] == pytest.approx(np.mean(cider([one] * len(people), people)))
    assert always["exact"] == pytest.approx(np.mean([one in others for others in people]))
    table = found.table(0)
    assert table.titles[-1] == "#one for all"
    assert f"{always['cider']:.4f}" in table.rows[0]
    assert repr(always["caption"]) in table.note


def words_of_row(part: Dataset, row: int) -> list[list[str]]:
    """What people said of a picture, in words."""
    return [each.split() for each in part.targets.sentences(row)]


def test_a_picture_is_asked_where_the_network_looked_for_each_word(told: tuple[Splits, LoadedModel]) -> None:
    splits, model = told
    picture = splits.train.images[0]
    found = occlusion(model, [picture, splits.train.images[1]], window=32, stride=32, baseline="black")
    said = model.predict(picture)
    words = said.caption.split()
    assert found.said[0] == said.caption
    assert [each.class_name.split()[0] for each in found.maps[0]] == words
    assert len({each.class_name for each in found.maps[0]}) == len(words)
    for each, number, scores in zip(
        found.maps[0], said.numbers, step_by_step(model, picture, said.numbers), strict=False
    ):
        assert each.probability == pytest.approx(float(scores.softmax(0)[number]), rel=1e-4)
        others = torch.cat([scores[:number], scores[number + 1 :]]).logsumexp(0)
        assert each.score == pytest.approx(float(scores[number] - others), rel=1e-4)
    seen, covered = (step_by_step(model, each, said.numbers)[0] for each in (picture, np.zeros_like(picture)))
    fall = float(seen.softmax(0)[said.numbers[0]].logit() - covered.softmax(0)[said.numbers[0]].logit())
    assert found.maps[0][0].signed == pytest.approx(fall, rel=1e-3)
    assert grad_cam(model, picture, classes=[words[-1]]).maps[0][0].signed.any()
    with pytest.raises(SettingError, match=f"{said.caption!r}, received 'elephant', which is none of the"):
        grad_cam(model, picture, classes=["elephant"])
    known = next(word for word in model.task.words.words if word not in words)
    with pytest.raises(SettingError, match=f"received '{known}', which is a word that it knows and does not say here"):
        grad_cam(model, picture, classes=[known])


def step_by_step(model: LoadedModel, picture: np.ndarray, numbers: tuple[int, ...]) -> list[torch.Tensor]:
    """The scores of each word, given those before it, one step after another."""
    writer, caught = writer_of(model.module), []
    handle = writer.register_forward_pre_hook(lambda _, given: caught.append(given[0]))
    with torch.no_grad():
        model.module(model.preprocessing.normalise(torch.from_numpy(picture.copy())[None]))
        handle.remove()
        given, state, found = caught[0], None, []
        for number in numbers:
            scores, state = writer.step(given, state)
            found.append(scores[0])
            given = writer.look_up(torch.tensor([number]))
    return found


def test_some_of_what_is_held_out_is_spoken_of_on_the_way(told: tuple[Splits, LoadedModel]) -> None:
    splits, model = told
    assert splits.validation is not None
    held_out = splits.validation.tensors()
    found = model.task.sample(model, 1, held_out)
    assert found.count("\n") == 2
    said, people = found.split("\n")[0].split("  (a person: ")
    assert said
    assert people.rstrip(")") in {each for row in range(6) for each in splits.validation.targets.sentences(row)}
    assert model.task.sample(model, 2, held_out) != found
    assert model.task.sample(model, 1, None) == ""


def test_an_onnx_file_writes_what_the_likeliest_words_are(told: tuple[Splits, LoadedModel], tmp_path: Path) -> None:
    splits, model = told
    assert export(model, tmp_path / "told.onnx", input="sized").check is not None  # which has compared it
    images = splits.train.images[:]
    ready = onnxruntime.InferenceSession(tmp_path / "told.onnx")
    (words,) = ready.run(["words"], {"image": images})
    with torch.inference_mode():
        wanted = outputs(model.module, model.preprocessing, torch.from_numpy(images.copy())).argmax(1).numpy()
    assert len(np.unique(words, axis=0)) > 1
    assert (words == wanted).all()
    exported = open_onnx(tmp_path / "told.onnx")
    followed = dataclasses.replace(model, task=dataclasses.replace(model.task, beam=1))
    assert exported.predict(images[0]).sentences[0][1] == pytest.approx(followed.predict(images[0]).sentences[0][1])
    assert exported.predict(images[0]).caption == followed.predict(images[0]).caption
    with pytest.raises(SettingError, match="follows one sentence"):
        exported.predict(images[0], beam=2)
    with pytest.raises(SettingError, match=r"a word a step; model\.onnx can hold it"):
        export(model, tmp_path / "told.pt2")


def slow_cider(said: list[str], wanted: list[list[str]]) -> float:
    """CIDEr-D of Vedantam et al. 2015 word for word, times ten, as its authors' program has it."""

    def grams(sentence: str, n: int) -> list[str]:
        words = sentence.split()
        return [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]

    total = 0.0
    for sentence, others in zip(said, wanted, strict=True):
        for other in others:
            for n in (1, 2, 3, 4):
                idf = {
                    gram: math.log(len(wanted) / max(1, sum(any(gram in grams(s, n) for s in own) for own in wanted)))
                    for gram in (*grams(sentence, n), *grams(other, n))
                }
                g, r = ({w: grams(s, n).count(w) * idf[w] for w in grams(s, n)} for s in (sentence, other))
                product = sum(min(g[w], r.get(w, 0)) * r.get(w, 0) for w in g)
                lengths = math.sqrt(sum(v * v for v in g.values()) * sum(v * v for v in r.values()))
                off = max(0, len(sentence.split()) - 1) - max(0, len(other.split()) - 1)
                share = product / lengths if lengths else 0
                total += share * math.exp(-(off**2) / (2 * 6**2)) / 4 / len(others) * 10
    return total / len(said)


def test_cider_is_what_its_definition_says_word_for_word() -> None:
    chance = random.Random(0)
    words = ["a", "red", "blue", "cat", "dog", "sits", "runs", "on", "the", "mat"]

    def sentence() -> str:
        return " ".join(chance.choices(words, k=chance.randint(1, 9)))

    wanted = [[sentence() for _ in range(chance.randint(1, 5))] for _ in range(25)]
    said = [chance.choice([*own, sentence()]) for own in wanted]
    found = cider([each.split() for each in said], [[each.split() for each in own] for own in wanted])
    assert sum(found) / len(found) == pytest.approx(slow_cider(said, wanted))


def test_a_file_that_says_longer_sentences_than_its_network_writes_is_refused(tmp_path: Path) -> None:
    network, words = parse("8x8x3: flatten, dense 4, caption 5 4 6"), Words(("a", "cat"))
    for steps in (5, 6, 10**12):
        save_model(
            tmp_path / "model", network, build(network), preprocessing=Preprocessing(8, 8, 3, (0.5,) * 3, (0.2,) * 3),
            task=Captioning(words, steps),
        )  # fmt: skip
        if steps == 5:
            load_model(tmp_path / "model")
        else:
            with pytest.raises(ModelFileError, match=f"answers of 5×4, as its network gives, .* of {steps}×4"):
                load_model(tmp_path / "model")


def test_a_caption_that_is_too_long_to_read_is_named_not_taken_for_a_set_without_captions(tmp_path: Path) -> None:
    source = draw(tmp_path / "told", 12)
    (source / "captions.csv").write_text(f'file,caption\n0.png,"{"word " * 40_000}"\n1.png,a red circle\n')
    with pytest.raises(DataError, match=r"captions\.csv: cannot be read as CSV \(field larger"):
        load(source)


@pytest.mark.parametrize("head", ["split", "part", "set", "subset", "which"])
@pytest.mark.parametrize("words", [("train", "test"), ("a", "b")])
def test_a_column_says_the_parts_as_in_every_table(tmp_path: Path, head: str, words: tuple[str, str]) -> None:
    source = draw(tmp_path / "told", 12)
    lines = (source / "captions.csv").read_text(encoding="utf-8").splitlines()
    pictures = sorted({line.partition(",")[0] for line in lines[1:]})
    rows = [f"{line},{words[pictures.index(line.partition(',')[0]) >= 9]}" for line in lines[1:]]
    (source / "captions.csv").write_text("\n".join([f"{lines[0]},{head}", *rows]), encoding="utf-8")
    if words[0] == "train":
        splits = load(source)
        assert {name: len(part) for name, part in splits.parts().items()} == {"train": 9, "test": 3}
        assert any(f"{head}" in note and "test" in note for note in splits.notes)
        assert len(load(source, parts="none").train) == 12
    elif head in ("split", "set", "subset"):
        with pytest.raises(DataError, match=rf"{head} holds .*say which is: --parts train="):
            load(source)
    splits = load(source, parts=f"train={words[0]},test={words[1]}")
    assert {name: len(part) for name, part in splits.parts().items()} == {"train": 9, "test": 3}
    with pytest.raises(DataError, match="expected a column that holds nowhere, found none"):
        load(source, parts="train=nowhere")
    (source / "captions.csv").write_text("\n".join(lines), encoding="utf-8")  # without such a column
    with pytest.raises(DataError, match="expected a column that holds nowhere, found none"):
        load(source, parts="train=nowhere")

"""Finding images: the likest first, an index that follows its folder, and never features of another model."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from hubel.arch import parse
from hubel.base.errors import SettingError
from hubel.base.model_file import WholenessWarning
from hubel.cli import main
from hubel.data import ImageError, Preprocessing
from hubel.look.retrieve.find import Index, IndexFileError, embed, find, fingerprint, update_index
from hubel.nn import build
from hubel.tasks import LoadedModel, load, load_model, save_model, task_of

NETWORK = "16x16x3: conv 8 3x3 relu, maxpool 2, flatten, dense 24 relu, dense 3 softmax"


def made(seed: int) -> LoadedModel:
    torch.manual_seed(seed)
    network = parse(NETWORK)
    return LoadedModel(
        network, build(network).eval(), Preprocessing(16, 16, 3, (0.5,) * 3, (0.25,) * 3), ("a", "b", "c")
    )


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return made(0)


def noise(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve different images, two of them in a folder below, and a few things that are none."""
    root = tmp_path / "images"
    (root / "below" / ".hidden").mkdir(parents=True)
    for seed in range(12):
        noise(seed).save(root / ("below" if seed > 9 else "") / f"{seed}.png")
    noise(50).save(root / ".secret.png")
    noise(51).save(root / "below" / ".hidden" / "51.png")
    (root / "notes.txt").write_text("no image")
    return root


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index.safetensors"


@pytest.fixture
def saved(model, tmp_path) -> Path:
    return save_model(
        tmp_path / "m.safetensors",
        model.network,
        model.module,
        preprocessing=model.preprocessing,
        classes=model.classes,
    )


def test_an_image_finds_itself_first_then_the_likest(model, folder, index):
    update = update_index(model, folder, index)
    assert sorted(update.added) == sorted([*(f"{i}.png" for i in range(10)), "below/10.png", "below/11.png"])
    assert update.computed == 12
    (found,) = find(model, index, [folder / "3.png"], top=12)
    assert found[0].path == folder / "3.png"
    assert found[0].same
    assert not any(one.same for one in found[1:])
    assert found[0].similarity == pytest.approx(1, abs=1e-3)
    similarities = [one.similarity for one in found]
    assert similarities == sorted(similarities, reverse=True)
    assert len({one.path for one in found}) == 12


def test_a_file_is_found_before_others_that_the_network_takes_for_the_same(model, folder, index):
    """A picture without a mark: all of its places are alike, so that any of these files would be its nearest."""
    for number in range(30, 38):
        mark = PngInfo()
        mark.add_text("number", str(number // 2))  # two and two have the same bytes
        Image.new("RGB", (16, 16), (120, 120, 120)).save(folder / f"{number}.png", pnginfo=mark)
    update_index(model, folder, index)
    for name in ("37.png", "33.png", "30.png"):
        found = find(model, index, [folder / name], top=2)[0]
        assert (found[0].path.name, found[0].same, len(found)) == (name, True, 2)
        assert found[1].path.name in {f"{number}.png" for number in range(30, 38)}


def test_what_takes_no_files_finds_none_and_leaves_no_index(folder, index, tmp_path):
    game = load("minatar:breakout", frames=64)
    task = task_of(game.train)
    network = parse("10x10x4: conv 4 3x3 relu, flatten, dense 3")
    player = LoadedModel(network, build(network).eval(), Preprocessing(10, 10, 4, (0.5,) * 4, (0.25,) * 4), task)
    with pytest.raises(SettingError, match=r"finding: expected a model that takes images from files.* that plays"):
        update_index(player, folder, index)
    assert not index.exists()


def test_similarity_is_the_cosine_of_the_penultimate_features(model, folder, index):
    update_index(model, folder, index)
    images = np.stack([np.asarray(noise(0)), np.asarray(noise(1))])
    with torch.inference_mode():
        pair = model.module.penultimate(model.preprocessing.normalise(torch.from_numpy(images)))
    expected = torch.nn.functional.cosine_similarity(pair[0], pair[1], dim=0).item()
    (found,) = find(model, index, [noise(0)], top=12)
    assert next(one.similarity for one in found if one.path.name == "1.png") == pytest.approx(expected, abs=1e-3)
    lengths = np.linalg.norm(embed(model, [noise(0), noise(1)]), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-5)


def test_a_network_of_vectors_finds_too(folder, index):
    torch.manual_seed(0)
    network = parse("768: dense 20 relu, dense 3 softmax")
    flat = LoadedModel(
        network, build(network).eval(), Preprocessing(16, 16, 3, (0.5,) * 3, (0.25,) * 3), ("a", "b", "c")
    )
    assert update_index(flat, folder, index).index.features.shape == (12, 20)
    assert find(flat, index, [folder / "3.png"], top=1)[0][0].same


def test_several_images_are_asked_for_at_once_as_paths_bytes_and_arrays(model, folder, index):
    update_index(model, folder, index)
    given = [folder / "0.png", (folder / "1.png").read_bytes(), np.asarray(noise(2))]
    firsts = [one[0] for one in find(model, index, given, top=1)]
    assert [one.path.name for one in firsts] == ["0.png", "1.png", "2.png"]
    assert [one.same for one in firsts] == [True, True, False]


def test_only_what_is_new_goes_through_the_network(model, folder, index):
    update_index(model, folder, index)
    assert update_index(model, folder, index).computed == 0
    noise(20).save(folder / "20.png")
    noise(21).save(folder / "0.png")
    (folder / "1.png").unlink()
    (folder / "2.png").rename(folder / "two.png")
    shutil.copy(folder / "3.png", folder / "three.png")
    update = update_index(model, folder, index)
    assert sorted(update.added) == ["20.png", "three.png", "two.png"]
    assert update.changed == ("0.png",)
    assert sorted(update.removed) == ["1.png", "2.png"]
    assert update.computed == 2
    fresh = update_index(model, folder, index.with_name("fresh.safetensors")).index
    assert [file.path for file in update.index.files] == [file.path for file in fresh.files]
    assert torch.equal(update.index.features, fresh.features)


def test_a_change_that_keeps_size_and_time_is_seen(model, folder, index):
    changing = folder / "0.bmp"  # every bitmap of this size is as long
    noise(30).save(changing)
    stamp = changing.stat().st_mtime_ns
    update_index(model, folder, index)
    noise(31).save(changing)
    os.utime(changing, ns=(stamp, stamp))
    assert update_index(model, folder, index).changed == ("0.bmp",)


def test_files_that_have_settled_are_known_by_size_and_times(model, folder, index, monkeypatch):
    changing = folder / "0.bmp"
    noise(30).save(changing)
    monkeypatch.setattr(time, "time_ns", lambda: changing.stat().st_ctime_ns + 10**9)
    assert {file.modified for file in update_index(model, folder, index).index.files} == {0}  # too fresh to vouch
    monkeypatch.setattr(time, "time_ns", lambda: changing.stat().st_ctime_ns + 3 * 10**9)
    files = {file.path: file for file in update_index(model, folder, index).index.files}
    assert files["0.bmp"].modified == changing.stat().st_mtime_ns
    stamp = changing.stat().st_mtime_ns
    noise(31).save(changing)
    os.utime(changing, ns=(stamp, stamp))  # the time of the change itself cannot be set back
    update = update_index(model, folder, index)
    assert (update.changed, update.computed) == (("0.bmp",), 1)
    assert update_index(made(1), folder, index).computed == 13  # known files, but not to this model


def test_a_moved_folder_is_not_computed_again(model, folder, index):
    update_index(model, folder, index)
    moved = folder.rename(folder.with_name("moved"))
    assert update_index(model, moved, index).computed == 0
    assert find(model, index, [moved / "5.png"], top=1)[0][0].path == moved / "5.png"


def test_bad_images_are_named_and_the_rest_goes_on(model, folder, index):
    (folder / "cut.png").write_bytes((folder / "0.png").read_bytes()[:300])
    (folder / "text.jpg").write_text("not an image at all")
    update = update_index(model, folder, index)
    assert len(update.index) == 12
    assert [name for name, _ in update.index.rejected] == ["cut.png", "text.jpg"]
    assert all(reason for _, reason in Index.open(index).rejected)
    with pytest.raises(ImageError):
        find(model, index, [folder / "cut.png"])


def test_features_of_another_model_are_refused_and_made_anew(model, folder, index):
    update_index(model, folder, index)
    other = made(1)
    with pytest.raises(IndexFileError, match="another") as error:
        find(other, index, [folder / "0.png"])
    assert str(folder) in str(error.value)
    update = update_index(other, folder, index)
    assert update.computed == 12
    assert find(other, index, [folder / "0.png"], top=1)[0][0].same


def test_a_saved_model_is_the_same_model(model, tmp_path):
    path = save_model(
        tmp_path / "m.safetensors",
        model.network,
        model.module,
        preprocessing=model.preprocessing,
        classes=model.classes,
    )
    assert fingerprint(load_model(path)) == fingerprint(model)
    other = Preprocessing(16, 16, 3, (0.5,) * 3, (0.26,) * 3)
    assert fingerprint(LoadedModel(model.network, model.module, other, model.classes)) != fingerprint(model)


def test_an_empty_folder_finds_nothing(model, tmp_path, index):
    update = update_index(model, tmp_path, index)
    assert len(update.index) == 0
    assert f"{tmp_path} holds no image, nor does a folder in it" in update.notes[0]
    assert find(model, index, [noise(0)]) == ((),)
    noise(1).save(tmp_path / "1.png")
    assert update_index(model, tmp_path, index).computed == 1


def test_every_flipped_bit_of_an_index_is_noticed_and_it_is_made_anew(model, folder, index):
    update_index(model, folder, index)
    content = index.read_bytes()
    chance = random.Random(0)
    for place in chance.sample(range(len(content)), 60):
        damaged = bytearray(content)
        damaged[place] ^= 1 << chance.randrange(8)
        index.write_bytes(damaged)
        with pytest.raises(IndexFileError, match=index.name):
            find(model, index, [folder / "0.png"])
    damaged = bytearray(content)
    damaged[-1] ^= 1
    index.write_bytes(damaged)
    with pytest.warns(WholenessWarning, match="damaged: its SHA-256 is another.*made anew"):
        assert update_index(model, folder, index).computed
    assert index.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"not an index", b"\x10\0\0\0\0\0\0\0{}              "])
def test_a_file_that_is_no_index_is_refused(model, folder, index, content):
    index.write_bytes(content)
    with pytest.raises(IndexFileError, match=index.name):
        find(model, index, [folder / "0.png"])


def test_a_model_file_is_not_taken_for_an_index_nor_overwritten(model, folder, tmp_path):
    path = save_model(
        tmp_path / "m.safetensors",
        model.network,
        model.module,
        preprocessing=model.preprocessing,
        classes=model.classes,
    )
    before = path.read_bytes()
    with pytest.raises(IndexFileError, match="not an index"):
        update_index(model, folder, path)
    assert path.read_bytes() == before


def test_what_cannot_be_asked_for_is_refused(model, folder, index):
    with pytest.raises(FileNotFoundError):
        find(model, index, [noise(0)])
    with pytest.raises(ValueError, match="at least 1"):
        find(model, index, [noise(0)], top=0)
    with pytest.raises(NotADirectoryError, match="folder of images"):
        update_index(model, folder / "0.png", index)


def test_search_is_exact_and_puts_equals_in_order():
    random = np.random.default_rng(0)
    rows = torch.nn.functional.normalize(torch.tensor(random.normal(size=(5000, 300)), dtype=torch.float32), dim=1)
    rows[10] = rows[4000] = rows[2500]
    found = Index("", Path(), (None,) * 5000, rows.half())  # type: ignore[arg-type]
    places, cosines = found.search(rows[[2500, 7]].numpy(), 4)
    assert places[0, :3].tolist() == [10, 2500, 4000]
    expected = rows.half().float().numpy() @ rows[7].numpy()
    assert places[1].tolist() == np.argsort(-expected)[:4].tolist()
    np.testing.assert_allclose(cosines[1], np.sort(expected)[::-1][:4], atol=1e-5)
    assert found.search(rows[[0]].numpy(), 9999)[0].shape == (1, 5000)


KILLED = """
import sys
from pathlib import Path
from hubel.look.retrieve.find import update_index
from hubel.tasks import load_model
model = load_model(sys.argv[1])
while True:
    update_index(model, sys.argv[2], Path(sys.argv[3]))
    print("written", flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_a_killed_writer_leaves_a_whole_index(model, folder, tmp_path, index):
    saved = save_model(
        tmp_path / "m.safetensors",
        model.network,
        model.module,
        preprocessing=model.preprocessing,
        classes=model.classes,
    )
    command = [sys.executable, "-c", KILLED, str(saved), str(folder), str(index)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for rounds in range(5):
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.003 * rounds)
            assert len(Index.open(index)) == 12
        process.send_signal(signal.SIGKILL)
    assert len(Index.open(index)) == 12
    assert update_index(model, folder, index).computed == 0  # the lock went with its owner


def test_the_command_indexes_and_finds(saved, folder, capsys):
    (folder / "cut.png").write_bytes(b"cut")
    assert main(["find", "index", str(saved), str(folder)]) == 0
    told = capsys.readouterr()
    assert "12 added; 12 went through the network" in told.out.replace("\n", " ")
    assert "cut.png: is not an image" in told.err
    assert saved.with_name("m.find.safetensors").exists()
    assert main(["find", "index", str(saved), str(folder), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["images"], report["computed"], len(report["rejected"])) == (12, 0, 1)
    assert main(["find", str(saved), str(folder / "4.png"), "--json", "--top", "3"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["images"]
    assert answer["found"][0] == {"path": str(folder / "4.png"), "similarity": pytest.approx(1, abs=1e-3), "same": True}
    assert len(answer["found"]) == 3


def test_the_command_has_no_index_of_nothing(saved, tmp_path, capsys):
    assert main(["find", "index", str(saved), str(tmp_path)]) == 1
    assert "holds no image, nor does a folder in it" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["png", "svg", "html"])
def test_the_command_writes_a_contact_sheet(saved, folder, tmp_path, ending, capsys):
    main(["find", "index", str(saved), str(folder)])
    (folder / "9.png").unlink()  # a file that has gone since is no reason to stop
    target = tmp_path / f"sheet.{ending}"
    assert main(["find", str(saved), str(folder / "0.png"), "--top", "12", "-o", str(target)]) == 0
    assert target.stat().st_size > 5000
    assert capsys.readouterr().out.splitlines()[1:] == [f"wrote {target}"]


def test_one_bad_image_is_named_and_the_others_are_answered(saved, folder, capsys):
    main(["find", "index", str(saved), str(folder)])
    capsys.readouterr()
    assert main(["find", str(saved), "nothing.png", str(folder / "1.png"), "--top", "1"]) == 1
    told = capsys.readouterr()
    assert "nothing.png" in told.err
    assert "1.png (the same file)" in told.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["index", "m.safetensors"], "find index RUN FOLDER"),
        (["m.safetensors"], "expected an image"),
        (["m.safetensors", "images/0.png"], "find index m.safetensors FOLDER"),
        (["nowhere", "images/0.png"], "found nothing there"),
    ],
)
def test_what_is_missing_is_said(saved, folder, tmp_path, monkeypatch, capsys, words, told):
    monkeypatch.chdir(tmp_path)
    assert main(["find", *words]) == 2
    assert told in capsys.readouterr().err

"""Data that are given by the page: in pieces, bounded, counted, and nowhere else than in their set."""

import base64
import io
import zipfile

import pytest
from PIL import Image
from playwright.sync_api import expect

from hubel.studio.answers import answered
from hubel.studio.runs import Runs, own
from tests.axe import PLACE, violations
from tests.conftest import is_firefox
from tests.studio.conftest import TOKEN, studio
from tests.work import HANG

PATIENT = 1000 * HANG


def png(shade=0):
    """The bytes of a picture."""
    held = io.BytesIO()
    Image.new("L", (8, 8), shade).save(held, "png")
    return held.getvalue()


def put(runs, path, content=b"12345", at=0, size=5, name="pets"):
    values = {"name": name, "path": path, "at": at, "size": size, "content": base64.b64encode(content).decode()}
    return answered("put", values, runs.questions)


def test_pieces_become_a_file_and_may_come_twice(tmp_path):
    runs = Runs(tmp_path)
    whole = png()
    size = len(whole)
    assert put(runs, "cats/é 1.png", whole[:3], size=size) == {"there": False}
    assert answered("own", {"name": "pets"}, runs.questions)["files"] == 0
    again = put(Runs(tmp_path), "cats/é 1.png", whole[:3], size=size)  # of a server that is another by now
    assert again == {"there": False}
    assert "from 3 on" in put(runs, "cats/é 1.png", whole[4:], 4, size)["error"]
    assert put(runs, "cats/é 1.png", whole[3:], 3, size) == {"there": True}
    assert put(runs, "cats/é 1.png", whole, size=size) == {"there": True}
    assert "with other bytes" in put(runs, "cats/é 1.png", size=6)["error"]
    found = answered("own", {"name": "pets"}, runs.questions)
    assert (found["folders"], found["bytes"]) == ([["cats", 1]], size)
    assert (tmp_path / ".studio/data/pets/cats/é 1.png").read_bytes() == whole


def bomb():
    """The bytes of a picture of 400,000,000 pixels."""
    held = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(held, "png")
    return held.getvalue()


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        ("cats/bomb.png", bomb(), "has far more than 89,478,485 pixels; make it smaller"),
        ("cats/cut.png", png()[:45], "cannot be decoded"),
        ("cats/words.jpg", b"12345", "is not an image"),
        ("cats/words.tiff", b"12345", "is not an image"),
        ("cats/none.png", b"", "the file is empty"),
        ("cats/words.wav", b"12345", "is not a sound"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_a_training_cannot_read_is_not_taken(tmp_path, path, content, words):
    """By the same rule, and again where it comes again."""
    runs = Runs(tmp_path)
    for _ in range(2):
        error = put(runs, path, content, size=len(content))["error"]
        assert error.startswith(f"{path}: ")
        assert words in error
    assert answered("own", {"name": "pets"}, runs.questions)["files"] == 0


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../x",
        "/etc/x",
        "",
        "a//b",
        ".x",
        "a/.x",
        "a\\b",
        "a\0b",
        "a\u202eb",
        "a\nb",
        "a/" * 6 + "x",
        "é" * 101,
    ],
)
def test_names_stay_within_their_set(tmp_path, path):
    assert "expected" in put(Runs(tmp_path), path)["error"]
    assert not [each for each in tmp_path.rglob("*") if each.is_file()]


@pytest.mark.parametrize("values", [{"at": -1}, {"at": 1}, {"size": 4}, {"size": -1}, {"name": "../x"}, {"name": ""}])
def test_what_is_no_piece_is_refused(tmp_path, values):
    assert "expected" in put(Runs(tmp_path), "x.png", **values)["error"]


def test_a_set_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(own, "MOST_FILES", 2)
    monkeypatch.setattr(own, "MOST_BYTES", 12)
    runs = Runs(tmp_path)
    assert put(runs, "1.txt")["there"]
    assert "12 bytes in a set" in put(runs, "2.txt", b"", size=8)["error"]
    assert put(runs, "2.txt")["there"]
    assert "at most 2 files" in put(Runs(tmp_path), "3.png", size=1, content=b"1")["error"]


def packed(members):
    """The bytes of a zip."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return held.getvalue()


def test_an_archive_alone_is_the_data(tmp_path):
    runs, content = Runs(tmp_path), packed({"cats/1.png": png()})
    put(runs, "pets.zip", content, size=len(content))
    found = answered("own", {"name": "pets"}, runs.questions)
    assert found["path"].endswith("data/pets/pets.zip")
    assert answered("own", {"name": "table"}, runs.questions)["files"] == 0
    put(runs, "labels.csv", name="table")
    found = answered("own", {"name": "table"}, runs.questions)
    assert (found["path"][-16:], found["folders"]) == ("table/labels.csv", [[".", 1]])


def test_what_an_archive_holds_is_told_when_it_comes(tmp_path):
    runs = Runs(tmp_path)
    members = {f"pets/{name}/{number}.png": png(number) for name in ("cats", "dogs") for number in range(9)}
    others = {"pets/readme.txt": "x", "pets/dogs/broken.png": "x", "__MACOSX/pets/cats/._1.png": "x"}
    content = packed({**members, **others})
    put(runs, "pets.zip", content, size=len(content))
    found = answered("own", {"name": "pets"}, runs.questions)
    assert found["folders"] == [["cats", 9], ["dogs", 9]]
    assert (found["left"], found["tried"]) == (["pets/dogs/broken.png"], 19)
    assert [name for name, _ in found["shown"]] == ["cats"] * 6 + ["dogs"] * 6


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"1.png": png()}, "expected every image in a folder named after its class"),
        ({"readme.txt": b"x"}, "in one folder for each class, found none"),
        ({"../../evil.png": png(), "/tmp/evil.png": png()}, "in one folder for each class, found none"),
        ({"cats/1.png": b"x", "dogs/1.png": png()[:45]}, "none of its pictures can be read, such as cats/1.png"),
        ({"images/1.png": png(), "masks/1.png": png()}, "a mask for each image is for segmentation"),
    ],
)
def test_an_archive_that_no_training_reads_is_not_kept(tmp_path, members, words):
    runs, content = Runs(tmp_path), packed(members)
    put(runs, "pets.zip", content, size=len(content))
    error = answered("own", {"name": "pets"}, runs.questions)["error"]
    assert error.startswith("pets.zip: ")
    assert error.endswith("; it is not kept")
    assert words in error
    assert answered("own", {"name": "pets"}, runs.questions)["files"] == 0
    assert not (tmp_path / ".studio/data/pets").exists()


def test_a_damaged_archive_is_not_kept(tmp_path):
    for name in ("pets.zip", "pets.tar"):
        runs = Runs(tmp_path)
        put(runs, name)
        assert f"{name}: it is damaged" in answered("own", {"name": "pets"}, runs.questions)["error"]
        assert answered("own", {"name": "pets"}, runs.questions)["files"] == 0


def test_what_is_no_picture_is_no_class(tmp_path):
    runs = Runs(tmp_path)
    put(runs, "cats/1.png", png(), size=len(png()))
    for path in ("cats/notes.txt", "readme.txt", "Thumbs.db", "labels/labels.csv"):
        put(runs, path)
    found = answered("own", {"name": "pets"}, runs.questions)
    assert found["folders"] == [["cats", 1]]
    assert found["others"] == ["Thumbs.db", "cats/notes.txt", "labels/labels.csv", "readme.txt"]


def choose_folder(page, folder):
    """Choose a folder as a reader does. Firefox's driver chooses files alone, so that they are given there with the
    paths by which that browser names those of a folder.
    """
    chooser = page.locator("#own-folder")
    if not is_firefox(page.context.browser):
        chooser.set_input_files(str(folder))
        return
    paths = sorted(each for each in folder.rglob("*") if each.is_file())
    names = [each.relative_to(folder.parent).as_posix() for each in paths]
    chooser.evaluate(
        """(chooser, given) => {
            const held = new DataTransfer();
            for (const [path, text] of given) {
                const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
                const file = new File([bytes], path.split("/").at(-1));
                Object.defineProperty(file, "webkitRelativePath", { value: path });
                held.items.add(file);
            }
            chooser.files = held.files;
            chooser.dispatchEvent(new Event("change", { bubbles: true }));
        }""",
        [[name, base64.b64encode(path.read_bytes()).decode()] for name, path in zip(names, paths, strict=True)],
    )


def test_a_folder_is_dropped(browser_page, tmp_path):
    """By the protocol of Chromium, which lets a file's path be dropped as a hand does it."""
    if is_firefox(browser_page.context.browser):
        pytest.skip("Firefox's driver drops nothing")
    for name in ("cats", "dogs"):
        (tmp_path / "animals" / name).mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / f"animals/{name}/1.png")
    (tmp_path / "animals/dogs/2.png").write_text("broken")
    page = browser_page
    with studio(runs=tmp_path / "runs") as address:
        page.goto(f"{address}/#token={TOKEN}&room=train")
        page.get_by_text("your own pictures").click()
        page.locator(".dropzone").scroll_into_view_if_needed()
        box = page.locator(".dropzone").bounding_box()
        data = {"items": [], "files": [str(tmp_path / "animals")], "dragOperationsMask": 1}
        hand = page.context.new_cdp_session(page)
        for kind in ("dragEnter", "dragOver", "drop"):
            hand.send("Input.dispatchDragEvent", {"type": kind, "x": box["x"] + 20, "y": box["y"] + 10, "data": data})
        expect(page.locator(".own .note")).to_contain_text("pictures: cats 1, dogs 1", timeout=PATIENT)
        expect(page.locator(".own .note")).to_contain_text(
            "left out 1: dogs/2.png: is not an image in one of the formats"
        )
        expect(page.locator(".own .thumbs p")).to_have_text(["cats", "dogs"])
        expect(page.locator(".own .thumbs canvas")).to_have_count(2)


def test_folders_of_parts_stay_apart(browser_page, tmp_path):
    """Of one that is named as a part of the data, and of a class with a folder of its own in it."""
    for name in ("train/cats/1.png", "train/dogs/1.png", "birds/1.png", "birds/2.png", "birds/old/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8)).save(tmp_path / name)
    page = browser_page
    with studio(runs=tmp_path / "runs") as address:
        page.goto(f"{address}/#token={TOKEN}&room=train")
        page.get_by_text("your own pictures").click()
        choose_folder(page, tmp_path / "train")
        expect(page.locator(".own .note")).to_contain_text("pictures: train/cats 1, train/dogs 1", timeout=PATIENT)
        page.get_by_label("call the set").fill("birds")
        choose_folder(page, tmp_path / "birds")
        expect(page.locator(".own .note")).to_contain_text("birds: birds 2, birds/old 1", timeout=PATIENT)


def test_folders_archives_and_pictures_are_taken_and_what_is_not_is_said(browser_page, tmp_path):
    for name, shade in (("cats", 20), ("dogs", 200)):
        (tmp_path / "animals" / name).mkdir(parents=True)
        for number in range(3):
            Image.new("L", (8, 8), shade + number).save(tmp_path / f"animals/{name}/{number}.png")
    (tmp_path / "animals/cats/.hidden").write_text("x")
    (tmp_path / "animals/readme.txt").write_text("x")
    (tmp_path / "broken.zip").write_text("PK")
    with zipfile.ZipFile(tmp_path / "animals.zip", "w") as archive:
        archive.write(tmp_path / "animals/cats/0.png", "cats/0.png")
    page = browser_page
    with studio(runs=tmp_path / "runs") as address:
        page.goto(f"{address}/#token={TOKEN}&room=train")
        page.get_by_text("your own pictures").click()
        told, data = page.locator(".own .note"), page.locator("[list=data-known]")
        choose_folder(page, tmp_path / "animals")
        expect(told).to_contain_text("pictures: cats 3, dogs 3", timeout=PATIENT)
        expect(told).to_contain_text("no pictures and of no class: readme.txt")
        expect(data).to_have_value(str(tmp_path / "runs/.studio/data/pictures"), timeout=PATIENT)
        expect(told).to_contain_text("left out 1: cats/.hidden: ", timeout=PATIENT)
        page.locator("#own-files").set_input_files(str(tmp_path / "animals/dogs/0.png"))
        expect(told).to_contain_text("left out 1: 0.png (a single picture: name its class first)", timeout=PATIENT)
        page.get_by_label("class of single pictures").fill("wolves")
        page.locator("#own-files").set_input_files(str(tmp_path / "animals/dogs/0.png"))
        expect(told).to_contain_text("wolves 1", timeout=PATIENT)
        again = [str(tmp_path / "animals/cats" / f"{number}.png") for number in range(3)]
        page.get_by_label("class of single pictures").fill("lynxes")
        page.locator("#own-files").set_input_files(again)
        choose_folder(page, tmp_path / "animals")  # while those before are sent
        expect(told).to_contain_text("left out 1: cats/.hidden: ", timeout=PATIENT)
        expect(told).to_contain_text("lynxes 3", timeout=PATIENT)
        page.get_by_label("call the set").fill("Já vêm 1")
        page.locator("#own-files").set_input_files(str(tmp_path / "broken.zip"))
        expect(told).to_contain_text("broken.zip: it is damaged", timeout=PATIENT)
        assert data.input_value().endswith("data/pictures")
        page.locator("#own-files").set_input_files(str(tmp_path / "animals.zip"))
        expect(told).to_contain_text("Ja-vem-1: cats 1", timeout=PATIENT)
        expect(page.locator(".own .thumbs img")).to_have_count(1)
        assert data.input_value().endswith("Ja-vem-1/animals.zip")
        page.get_by_label("call the set").fill("三角")
        page.locator("#own-files").set_input_files(str(tmp_path / "animals.zip"))
        expect(told).to_contain_text("expected a name of letters A–Z", timeout=PATIENT)
        page.get_by_label("call it").press_sequentially("número 1")
        page.keyboard.press("Tab")
        assert page.get_by_label("call it").input_value() == "numero-1"
        assert not PLACE.is_file() or violations(page) == []


def test_what_is_of_no_class_is_not_counted_and_all_that_is_left_out_can_be_read(browser_page, tmp_path):
    for name in ("cats/1.png", "dogs/1.png", "loose.png"):
        (tmp_path / "animals" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8)).save(tmp_path / "animals" / name)
    for number in range(5):
        (tmp_path / f"animals/dogs/broken {number}.png").write_text("broken")
    page = browser_page
    with studio(runs=tmp_path / "runs") as address:
        page.goto(f"{address}/#token={TOKEN}&room=train")
        page.get_by_text("your own pictures").click()
        told = page.locator(".own .note")
        choose_folder(page, tmp_path / "animals")
        expect(told).to_contain_text("pictures: cats 1, dogs 1", timeout=PATIENT)
        expect(told).to_contain_text("left out: 1 image outside a class folder (loose.png)")
        expect(page.locator(".own .thumbs p span")).to_have_text(["cats", "dogs"])
        page.get_by_text("left out 5: dogs/broken 0.png").click()
        expect(told.locator("li", has_text="broken 4.png: is not an image")).to_be_visible()


def test_an_archive_with_pictures_that_cannot_be_read_is_trained_on_without_them(browser_page, tmp_path):
    members = {f"{name}/{number}.png": png(number) for name in ("cats", "dogs") for number in range(3)}
    content = packed({**members, "dogs/broken.png": b"x"})
    page = browser_page
    with studio(runs=tmp_path / "runs") as address:
        page.goto(f"{address}/#token={TOKEN}&room=train")
        page.get_by_text("your own pictures").click()
        box = page.get_by_label("leave out pictures that cannot be read")
        files = page.locator("#own-files")
        files.set_input_files({"name": "good.zip", "mimeType": "", "buffer": packed(members)})
        expect(page.locator(".own .note")).to_contain_text("pictures: cats 3, dogs 3", timeout=PATIENT)
        expect(box).not_to_be_checked()
        page.get_by_label("call the set").fill("more")
        files.set_input_files({"name": "pets.zip", "mimeType": "", "buffer": content})
        expect(page.locator(".own .note")).to_contain_text("more: cats 3, dogs 3", timeout=PATIENT)
        expect(page.locator(".own .note")).to_contain_text("cannot be read: 1, left out by the box below")
        expect(box).to_be_checked()

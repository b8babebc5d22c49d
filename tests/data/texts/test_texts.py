"""Texts from files: of any language, of bytes, joined, parted; and what is no text, in a sentence each."""

import json
import subprocess
import sys

import numpy as np
import pytest

from hubel.base.errors import DataError
from hubel.data import hold_out
from hubel.data.texts.load import is_text, load
from hubel.data.texts.vocabulary import Vocabulary
from hubel.tasks import load as load_any
from tests.command import hubel

PLAIN = "the quick brown fox jumps over the lazy dog\n" * 20


def read(tmp_path, content, name="text.txt", **settings):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load(path, **{"size": (8, 1), **settings})


@pytest.mark.parametrize("text", ["Größenwahn, straße\n" * 9, "日本語の文字。\n" * 20, "שלום עולם ñ é 🎈\n" * 9])
def test_windows_follow_each_other_and_come_back_as_they_were(tmp_path, text):
    found = read(tmp_path, text).train
    vocabulary = found.targets.vocabulary
    assert set(vocabulary.characters) == set(text)
    symbols = found.images.ravel()
    assert "".join(vocabulary.decoded(symbols.tolist())) == text[: len(symbols)]
    assert "".join(vocabulary.decoded(found.targets.array.ravel().tolist())) == text[1 : len(symbols) + 1]


def test_many_characters_are_kept_as_larger_numbers(tmp_path):
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 400))) * 3
    found = read(tmp_path, text).train
    assert found.images.dtype == np.int32
    assert int(found.images.max()) == 399
    told = read(tmp_path, "".join(map(chr, range(0x4E00, 0x4E00 + 5000))))
    assert len(told.train.targets.vocabulary) == 256
    assert "5,000 different characters are more than 4,096" in told.notes[0]


def test_bytes(tmp_path):
    found = read(tmp_path, "é日\n" * 9, vocabulary="bytes").train
    assert len(found.targets.vocabulary) == 256
    assert found.images.ravel()[:3].tolist() == [0xC3, 0xA9, 0xE6]
    assert "".join(Vocabulary().decoded([0xC3, 0xA9, 0xFF, 65])) == "é�A"


def test_the_last_tenth_is_held_out_and_another_share(tmp_path):
    found = read(tmp_path, PLAIN, validation="auto")
    assert str(found.held_out) == "88 of 880 characters at the end of the text are held out for validation (10%)"
    assert len(found.train) == 791 // 8
    assert read(tmp_path, PLAIN, validation=0.5).validation.name == "text validation"
    assert read(tmp_path, PLAIN, validation=0).validation is None
    short = read(tmp_path, PLAIN[:50], validation="auto")
    assert short.validation is None
    assert "too short to hold out a window of 8" in short.notes[0]
    assert hold_out(short, "auto") is short  # windows that follow each other are not held out one by one
    with pytest.raises(ValueError, match="expected a share from 0 to below 1"):
        read(tmp_path, PLAIN, validation=1.5)


def test_a_folder_is_joined_or_parted(tmp_path):
    (tmp_path / "b.txt").write_text("second " * 9)
    (tmp_path / "a.md").write_text("first\n" * 9)
    found = load(tmp_path, size=(8, 1))
    first = "".join(found.train.targets.vocabulary.decoded(found.train.images.ravel().tolist()))
    assert first.startswith("first\nfirst")
    assert "second" in first
    assert is_text(str(tmp_path))
    (tmp_path / "photo.jpg").write_bytes(b"")
    assert not is_text(str(tmp_path))
    parts = tmp_path / "parts"
    parts.mkdir()
    for part in ("train", "valid", "test"):
        (parts / f"{part}.txt").write_text(f"{part} " * 9)
    found = load(parts, size=(8, 1))
    assert list(found.parts()) == ["train", "validation", "test"]
    assert "parts by file: test.txt is test, train.txt is train, valid.txt is validation" in found.notes
    (parts / "readme.txt").write_text("of this set " * 9)
    found = load(parts, size=(8, 1))
    assert "left out: readme.txt, of no part beside those of training" in found.notes
    assert not {"h", "f"} & set(found.train.targets.vocabulary.characters)
    (parts / "train.txt").rename(parts / "poems.txt")
    found = load(parts, size=(8, 1))
    assert list(found.parts()) == ["train", "validation", "test"]
    assert len(found.train.images) == (len("of this set " * 9) + len("train " * 9)) // 8
    assert "v" in found.train.targets.vocabulary.characters


def test_what_is_no_text_in_a_folder_of_texts_is_named(tmp_path):
    for name in ("a.txt", "b.md", "d.csv", ".hidden", ".git/head"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("one, two, three\n" * 9)
    with pytest.raises(DataError, match=r"of its 2 texts a network learns to write with --task language"):
        load_any(str(tmp_path))
    notes = load(tmp_path, size=(8, 1)).notes
    assert "2 texts joined in the order of their names" in notes
    assert "left out: d.csv, no text by its name (.txt, .text, .md, .tex)" in notes
    for part in ("train", "test"):
        (tmp_path / "parts").mkdir(exist_ok=True)
        (tmp_path / "parts" / f"{part}.txt").write_text("one, two, three\n" * 9)
    assert not any("joined" in note for note in load(tmp_path / "parts", size=(8, 1)).notes)


def test_what_a_model_reads_is_not_advised_another_network(tmp_path):
    known = Vocabulary("\nabc")
    for content, left in (("漢字" * 99, "198 characters that the model does not know"), ("abcabc", "")):
        with pytest.raises(DataError) as told:
            read(tmp_path, content, vocabulary=known)
        assert "takes it" not in str(told.value)
        assert "shorter" not in str(told.value)
        assert left in str(told.value)


def test_line_ends_and_a_byte_order_mark(tmp_path):
    found = read(tmp_path, b"\xef\xbb\xbf" + b"one\r\ntwo\r\n" * 9)
    assert found.train.targets.vocabulary.characters == "\nenotw"
    assert "read as LF" in found.notes[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "text.txt: expected a text, found an empty file"),
        (
            b"a",
            "the network reads 8 and says what follows, received 1 character; one with a shorter input takes shorter",
        ),
        (b"abcdefgh", "received 8 characters; '3: embed 8 16, gru 32 sequences, dense 8' takes it"),
        (b"ab\ncd\xe9f", "received the byte 0xe9 at offset 5 (line 2); convert it"),
        ("hello".encode("utf-16"), "expected UTF-8, received UTF-16; convert it: iconv -f UTF-16"),
        (b"abc\0def", "received a nought (\\x00) at byte 3, which texts have not"),
    ],
)
def test_what_is_no_text(tmp_path, content, words):
    with pytest.raises(ValueError, match="expected") as found:
        read(tmp_path, content)
    assert words in str(found.value)


def test_a_table_is_no_text(tmp_path):
    with pytest.raises(ValueError, match=r"is a table \(\.csv\), no text"):
        read(tmp_path, "a,b\n1,2\n", "table.csv")
    told = read(tmp_path, "a,b,c\n1,2,3\n" * 9)
    assert told.notes[0] == "text.txt looks like a table with 3 columns; it is read as a text"


def test_one_character_over_and_over(tmp_path):
    found = read(tmp_path, "a" * 90)
    with pytest.raises(ValueError, match=r"at least two different characters, received 'a' alone, 88 times"):
        found.train.targets.check_training()


def test_a_vocabulary_is_in_order_and_each_once():
    for wrong in ("ba", "aab", 3):
        with pytest.raises(ValueError, match="in order, each once"):
            Vocabulary(wrong)
    assert json.dumps(Vocabulary("ab").data()) == '{"vocabulary": "ab"}'


def test_what_a_text_holds(tmp_path):
    (tmp_path / "text.txt").write_text("ab\nabc d\r\n" * 3)
    told = hubel("data", tmp_path / "text.txt")
    assert told.returncode == 0, told.stderr
    assert "text.txt: a text of 27 characters, 6 different ones (27 train)" in told.stdout
    assert "read as LF" in told.stdout
    found = json.loads(hubel("data", tmp_path / "text.txt", "--json").stdout)
    assert found["counts"] == {"\\n": 6, "a": 6, "b": 6, "c": 3, "·": 3, "d": 3}
    assert found["task"] == "language"
    assert "train has 27 characters, and training needs at least 65, one window and what" in told.stdout
    (tmp_path / "long.txt").write_text("abcde" * 13)
    assert "training needs" not in hubel("data", tmp_path / "long.txt").stdout
    (tmp_path / "empty.txt").write_text("")
    assert "found an empty file" in hubel("data", tmp_path / "empty.txt").stderr


def test_limits(tmp_path, monkeypatch):
    monkeypatch.setenv("HUBEL_MOST_TEXT", "20")
    with pytest.raises(ValueError, match="HUBEL_MOST_TEXT"):
        read(tmp_path, PLAIN)


def test_the_end_that_fills_no_window_is_said(tmp_path):
    place = tmp_path / "rhyme.txt"
    place.write_text("one for sorrow, two for joy\n" * 10)  # 280 characters, of which 252 are learnt from
    assert load(place, size=(50, 1)).notes == ("left out at the end, too few for a window of 50: 29 characters",)
    parts = load(place, size=(9, 1), validation=0.1)
    assert parts.notes == ("left out at the end, too few for a window of 9: 8 characters of train",)
    assert not load(place, size=(31, 1)).notes


def test_what_is_no_text_is_refused_before_pytorch_is_loaded(tmp_path):
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 " * 3000)
    (tmp_path / "short.txt").write_text("two for joy")
    for name, words in (("latin", "expected UTF-8, received the byte 0xe9"), ("short", "at least 65 characters")):
        code = f"import sys, hubel.cli; hubel.cli.main(['train', '{name}.txt']); sys.exit('torch' in sys.modules)"
        found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
        assert words in found.stderr
        assert found.returncode == 0, "PyTorch was loaded first"

import json
from pathlib import Path

import pytest

from hubel.base.headers import LONGEST, about_model, is_pickle, is_safetensors

ABOUT = {"network": "28x28x1: dense 10", "classes": ["a", "ü"]}


def file_of(folder: Path, header: bytes, length: int | None = None, rest: bytes = b"") -> Path:
    path = folder / "file"
    path.write_bytes((len(header) if length is None else length).to_bytes(8, "little") + header + rest)
    return path


def header_of(about: object) -> bytes:
    return json.dumps({"__metadata__": {"hubel": json.dumps(about)}}).encode()


def test_a_model_says_what_it_is(tmp_path: Path) -> None:
    path = file_of(tmp_path, header_of(ABOUT), rest=b"\x00" * 100)
    assert is_safetensors(path)
    assert not is_pickle(path)
    assert about_model(path) == ABOUT


def test_a_header_as_long_as_a_pickle_s_first_letters_is_none(tmp_path: Path) -> None:
    path = file_of(tmp_path, header_of(ABOUT).ljust(0x80))
    assert path.read_bytes()[:1] == b"\x80"
    assert not is_pickle(path)
    assert about_model(path) == ABOUT


@pytest.mark.parametrize(
    "header",
    [
        b"{}",
        b'{"__metadata__": {}}',
        b'{"__metadata__": []}',
        b'{"__metadata__": {"hubel": "not JSON"}}',
        b'{"__metadata__": {"hubel": {}}}',
        header_of([1, 2]),
        b"{" * 50_000,
        b'{"a": ' + b"[" * 200_000,
        b"{\xff}",
    ],
    ids=range(9),
)
def test_others_say_nothing(tmp_path: Path, header: bytes) -> None:
    path = file_of(tmp_path, header)
    assert is_safetensors(path)
    assert about_model(path) == {}


@pytest.mark.parametrize("length", [0, 1000, LONGEST + 1, 2**63, 2**64 - 1])
def test_a_length_that_cannot_be_is_not_believed(tmp_path: Path, length: int) -> None:
    path = file_of(tmp_path, header_of(ABOUT), length)
    assert not is_safetensors(path)
    assert about_model(path) == {}


@pytest.mark.parametrize(
    ("content", "pickled"),
    [(b"", False), (b"PK\x03\x04", True), (b"\x80\x04]", True), (b"{}", False), (b"text", False)],
)
def test_other_beginnings(tmp_path: Path, content: bytes, pickled: bool) -> None:
    (tmp_path / "file").write_bytes(content)
    assert is_pickle(tmp_path / "file") == pickled
    assert not is_safetensors(tmp_path / "file")
    assert about_model(tmp_path / "file") == {}

"""`hubel convolve`: what a student reads, at several widths, as data, from files and pictures, and mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from PIL import Image

from hubel.cli import main
from hubel.look.byhand.kernels import KERNELS

PHOTO = "122 134 124 25 45 / 153 210 112 47 96 / 66 48 68 45 45 / 11 123 45 78 128"
RESULT = "141  220  211  27\n  9  146  133  −4\n 29  103   68  78\n"
SIXTEEN = "1 1 2 4 / 5 6 7 8 / 3 2 1 0 / 1 2 3 4"


@pytest.fixture
def hubel(capsys, monkeypatch):
    def run(*arguments, columns=80):
        monkeypatch.setenv("COLUMNS", str(columns))
        status = main(["convolve", *map(str, arguments)])
        captured = capsys.readouterr()
        assert all(len(line) <= columns for line in captured.out.splitlines()) or "--json" in arguments
        return status, captured.out, captured.err

    return run


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "steps.png"
    Image.frombytes("L", (20, 16), bytes(12 * column for _ in range(16) for column in range(20))).save(path)
    return path


def test_every_product_and_the_running_sum(hubel):
    status, out, err = hubel(PHOTO, "1 -1 / 1 0")
    assert (status, err) == (0, "")
    assert out.startswith("image 4×5                 kernel 2×2\n122  134  124  25   45    1  −1\n")
    assert "height (4 − 2)/1 + 1 = 3    width (5 − 2)/1 + 1 = 4\neach number a sum of 2·2 = 4 products\n" in out
    first = (
        "(0, 0) = 141   rows 0…1, columns 0…1           │  141    ·    ·   ·\n"
        "  122·1 = 122 → 122   134·(−1) = −134 → −12    │    ·    ·    ·   ·\n"
        "  153·1 = 153 → 141   210·0    =    0 → 141    │    ·    ·    ·   ·\n"
    )
    assert first in out
    assert out.count("rows") == 12
    assert out.endswith("\noutput 3×4\n" + RESULT)


def test_a_narrow_screen_gives_each_product_a_line(hubel):
    _, out, _ = hubel(PHOTO, "blur", columns=60)
    lines = out.split("columns 0…2")[1].splitlines()[1:10]
    assert [line.split()[0] for line in lines] == [f"{v}·(1/9)" for v in (122, 134, 124, 153, 210, 112, 66, 48, 68)]
    _, wide, _ = hubel(PHOTO, "blur", columns=120)
    assert "  122·(1/9) = 122/9 → 122/9   134·(1/9) = 134/9 → 256/9   124·(1/9)" in wide


def test_many_positions_are_cut_short_unless_all_are_asked_for(hubel):
    image = ";".join(["1 2 3 4 5 6 7 8 9"] * 9)
    _, few, _ = hubel(image, "edge")
    _, every, _ = hubel(image, "edge", "--all")
    assert (few.count("rows"), every.count("rows")) == (2, 49)
    assert "47 more by --all" in few


def test_one_step_marks_the_window(hubel):
    _, out, _ = hubel(PHOTO, "1 -1 / 1 0", "--step", "1,2")
    assert " 153   210  [112] [47]   96 " in out
    assert "(1, 2) = 133   rows 1…2, columns 2…3\n" in out
    assert out.count("rows") == 1


def test_the_result_alone_and_from_standard_input(hubel, monkeypatch, tmp_path):
    assert hubel(PHOTO, "1 −1;1 0", "--result") == (0, RESULT, "")
    with (tmp_path / "numbers.txt").open("w+", encoding="utf-8") as file:
        file.write(RESULT)
        file.seek(0)
        monkeypatch.setattr(sys, "stdin", file)
        assert hubel("-", "--pool", "max", "--result")[1] == "220  211\n"
    assert hubel(tmp_path / "numbers.txt", "identity", "--result")[1] == "146  133\n"


@pytest.mark.parametrize(
    ("kind", "first", "output"),
    [
        ("max", "max(1, 1, 5, 6) = 6", "6  8\n3  4\n"),
        ("average", "(1 + 1 + 5 + 6)/4 = 13/4 = 3.25", "3.25  5.25\n   2     2\n"),
    ],
)
def test_pooling(hubel, kind, first, output):
    _, out, _ = hubel(SIXTEEN, "--pool", kind, "--size", "2", "--stride", "2")
    assert first in out
    assert out.endswith(f"output 2×2\n{output}")


def test_bias_and_activation(hubel):
    _, out, _ = hubel("1 2 / 3 4", "1 0 / 0 1", "--bias", "−7.5", "--activation", "relu")
    assert "bias: 5 − 7.5 = −2.5   relu(−2.5) = 0" in out


def test_flip_is_said(hubel):
    _, out, _ = hubel("1 2 / 3 4", "1 2 / 3 4", "--flip")
    assert "kernel 2×2, turned by 180°\n1  2         4  3\n3  4         2  1\n" in out


def test_channels(hubel):
    _, out, _ = hubel("1 2 / 3 4 | 5 6 / 7 8", "1 0 / 0 1 | 1 1 / 1 1")
    assert "sum of 2·2·2 = 8 products" in out
    assert "channel 1" in out
    assert out.endswith("output 1×1\n31\n")


def test_as_data(hubel):
    _, out, _ = hubel(PHOTO, "1 -1 / 1 0", "--bias", "1/2", "--json")
    found = json.loads(out)
    assert found["input"][1] == [153, 210, 112, 47, 96]
    assert found["kernel"] == [[1, -1], [1, 0]]
    assert (found["bias"], found["activation"], found["flipped"]) == (0.5, None, False)
    names = "⌊(height − kernel)/stride⌋ + 1"
    assert found["rule"]["height"] == {"names": names, "values": "(4 − 2)/1 + 1 = 3", "result": 3}
    assert (found["layer"], found["output_shape"]) == ("conv 1 2x2", [3, 4, 1])
    assert len(found["steps"]) == 12
    assert found["steps"][0]["products"][1] == {
        "value": 134, "weight": -1, "product": -134, "sum": -12, "padding": False,
    }  # fmt: skip
    assert found["steps"][0]["value"] == 141.5
    assert found["output"][2] == [29.5, 103.5, 68.5, 78.5]
    (step,) = json.loads(hubel(PHOTO, "edge", "--json", "--step", "0,1")[1])["steps"]
    assert step["position"] == [0, 1]
    pooled = json.loads(hubel(SIXTEEN, "--pool", "max", "--json")[1])
    assert pooled["steps"][0]["values"] == [1, 1, 5, 6]
    assert "steps" not in json.loads(hubel(SIXTEEN, "--pool", "max", "--json", "--result")[1])


def test_named_kernels_are_listed(hubel):
    _, out, _ = hubel("--list", columns=200)
    assert [line.split()[0] for line in out.splitlines()] == list(KERNELS)
    assert "−2 −1 0 / −1 1 1 / 0 1 2" in out
    listed = json.loads(hubel("--list", "--json")[1])
    assert {kernel["name"]: len(kernel["kernel"]) for kernel in listed} == dict.fromkeys(KERNELS, 3)


def test_a_picture_in_and_out(hubel, picture, tmp_path):
    out_path = tmp_path / "out.png"
    status, out, err = hubel(picture, "sobel-x", "-o", out_path, columns=400)
    assert (status, err) == (0, "")
    assert out == f"wrote {out_path}\n"
    assert "image steps.png 16×20" in hubel(picture, "sobel-x")[1]
    assert hubel(picture, "sobel-x", "--result")[1].splitlines()[0].split() == ["96"] * 18
    with Image.open(out_path) as written:
        assert (written.mode, written.size) == ("L", (18, 14))
        assert written.getcolors() == [(18 * 14, 96)]
    hubel(picture, "edge", "--padding", "1", "-o", out_path, columns=400)
    with Image.open(out_path) as written:
        assert written.getextrema() == (0, 255)  # −468 to 12, stretched


def test_a_table_and_a_drawing_of_it(hubel, tmp_path):
    for ending, held in (
        (".csv", "row,0,1,2\n0,7,8,10\n1,7,7,7\n"),
        (".md", "| 1 | 7 | 7 | 7 |"),
        (".tex", "0 & 7 & 8 & 10 "),
        (".svg", "<svg"),
        (".html", "<!doctype html>"),
    ):
        path = tmp_path / f"out{ending}"
        assert hubel("1 1 2 4 / 5 6 7 8 / 3 2 1 0", "1 0 / 0 1", "-o", path, columns=400)[0] == 0
        assert held in path.read_text(encoding="utf-8")


def test_a_picture_is_shrunk(hubel, picture):
    assert json.loads(hubel(picture, "identity", "--shrink", "10", "--json", "--result")[1])["output_shape"] == [
        6,
        8,
        1,
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_shows_the_picture_before_and_after(picture):
    import pty

    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": "80", "LINES": "40"}
    environment.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "hubel", "convolve", str(picture), "sobel-x"]
    process = subprocess.Popen(command, stdout=theirs, stderr=subprocess.STDOUT, env=environment)
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 65536):
            seen += piece
    except OSError:  # how Linux says that the other side closed
        pass
    assert process.wait() == 0
    os.close(ours)
    text = seen.decode()
    assert text.count("▀") == 20 * 8 + 18 * 7
    assert "38;2;228;228;228" in text  # the last column of steps


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected an image"),
        (("1 2 / 3 4",), "expected a kernel"),
        (("1 2 / 3 4", "egde"), "did you mean 'edge'"),
        (("1 2 / 3 4", "edge"), "what would fit: kernel_size 2 → 1; padding 1 → 2"),
        (("1 2 3 / 4 5 6", "1 1", "--stride", "2", "--strict"), "along the width, received (3 − 2)/2 + 1 = 1.5"),
        (("missing.txt", "edge"), "there is no file 'missing.txt'"),
        (("1 2 y", "edge"), "received 'y'"),
        (("0,5 1 / 2 3", "1"), "write 0.5, or 0, 5"),
        (("1 2 / 3 4", "0,5 1 / 2 3"), "write 0.5, or 0, 5"),
        (("1 2", "1", "--pool", "max"), "a kernel with --pool"),
        (("1 2", "--pool", "max", "--flip"), "--flip with --pool"),
        (("1 2", "1", "--size", "2"), "--size with --pool"),
        (("1 2", "1", "--shrink", "2"), "--shrink with a picture"),
        (("1 2", "1", "--padding", "90000"), "expected at most 60,000,000 products"),
        (("1 2", "1", "--padding", "900", "--json"), "--result leaves the steps out"),
        (("1 2", "1", "--step", "0,2"), "column of the output from 0 to 1, received 2"),
        (("1\0", "1"), "received '1\\x00'"),
    ],
)
def test_mistakes(hubel, arguments, message):
    status, out, err = hubel(*arguments)
    assert (status, out) == (2, "")
    assert message in err


@pytest.mark.parametrize("option", ["--stride=0", "--padding=x", "--step=1", "--bias=one", "--size=0x2"])
def test_options_that_cannot_be_read(hubel, capsys, option):
    with pytest.raises(SystemExit) as caught:
        hubel("1 2", "1", option)
    assert caught.value.code == 2
    assert "expected" in capsys.readouterr().err


def test_a_file_that_is_no_picture_and_one_that_is_no_numbers(hubel, tmp_path):
    (tmp_path / "no.png").write_text("nothing")
    assert "no.png: is not an image" in hubel(tmp_path / "no.png", "edge")[2]
    (tmp_path / "no.txt").write_bytes(b"\xff\xfe")
    assert "no.txt: " in hubel(tmp_path / "no.txt", "edge")[2]


def test_numbers_need_neither_torch_nor_numpy_nor_pillow():
    program = (
        f"import sys; from hubel.cli import main; main(['convolve', {PHOTO!r}, 'edge']); "
        "assert not {'torch', 'numpy', 'PIL'} & set(sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-X", "utf8", "-c", program], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_picture_without_pillow_names_the_line_that_installs_it(picture):
    program = (
        "import sys; sys.modules['PIL'] = None; from hubel.cli import main; "
        f"raise SystemExit(main(['convolve', {str(picture)!r}, 'edge']))"
    )
    ran = subprocess.run([sys.executable, "-X", "utf8", "-c", program], capture_output=True, text=True)
    assert ran.returncode == 2
    assert "pip install 'hubel[train]'" in ran.stderr

"""Options wherever they stand, what is told of wrong ones, and networks without their quotes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from hubel.cli import main, parser_of
from hubel.cli._parser import OF_RECIPES, Parser
from hubel.train import Recipe
from tests.cli.odd import WORKING, commands

LINES = {" ".join(words): parser for words, parser in commands()}


def parsed(parser: Parser, words: list[str]) -> dict[str, object]:
    return vars(parser.parse_args(words))


@pytest.mark.parametrize("command", LINES)
def test_an_option_may_stand_anywhere(command: str) -> None:
    parser, places = LINES[command], list(_places(WORKING[command]))
    flags = {flag: action.nargs for action in parser.options() for flag in action.option_strings}
    values = {"--task": "segmentation", "--width": "0.5", "--layer": "conv1"}
    options = [[flag] for flag in ("--debug", "--json") if flag in flags]
    options += [[flag, value] for flag, value in values.items() if flag in flags]
    options += [["-o", "o.onnx"] for action in parser.options() if action.required]
    alone = parsed(parser, [*itertools.chain(*options), "--", *places])
    for option, place in itertools.product(options, range(len(places) + 1)):
        others = [word for other in options if other is not option for word in other]
        assert parsed(parser, [*places[:place], *option, *places[place:], *others]) == alone


def _places(words: list[str]) -> Iterator[str]:
    for before, word in zip(["", *words], words, strict=False):
        if not word.startswith("-") and before not in ("-o", "--layer", "--input"):
            yield word


def test_options_before_the_command_and_values_that_look_like_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", "explain", "lenet5", "conv1"]) == 0
    before = capsys.readouterr().out
    assert main(["explain", "lenet5", "--json", "conv1"]) == 0
    assert capsys.readouterr().out == before
    assert main(["convolve", "1 2 / 3 4", "--bias", "-1/2", "--result", "-1 0 / 0 1"]) == 0
    assert capsys.readouterr().out == "2.5\n"
    assert main(["convolve", "--bias=-1", "--", "1 2 / 3 4", "-1"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["train", "lenet5", "--epohcs", "3", "mnist"],
            "--epohcs: no option of `hubel train`; did you mean '--epochs'",
        ),
        (["train", "lenet5", "mnist", "--batch_size", "3"], "did you mean '--batch-size'?"),
        (["train", "lenet5", "mnist", "--lr", "0.1"], "did you mean '--learning-rate'?"),
        (["train", "lenet5", "mnist", "--weight-decay", "0.1"], "did you mean '--set weight_decay'?"),
        (["train", "lenet5", "mnist", "--threads", "1"], "did you mean '--set threads'?"),
        (["sweep", "lenet5", "mnist", "--grad-clip", "1"], "did you mean '--set clip_norm'?"),
        (["explain", "lenet5", "--momentum", "1"], "--momentum: no option of `hubel explain`\n"),
        (["train", "lenet5", "mnist", "--early-stopping", "3"], "did you mean '--patience'?"),
        (["evaluate", "run", "--split", "test"], "did you mean '--part'?"),
        (["evaluate", "run", "--dry"], "--dry: no option of `hubel evaluate`\n"),
        (["predict", "run", "--topp", "3", "a.png"], "no option of `hubel predict`; did you mean '--top'?"),
        (["look", "cam", "run", "a.png", "--layr", "x"], "no option of `hubel look cam`; did you mean '--layer'?"),
        (["explain", "lenet5", "--no", "1"], "--no: no option of `hubel explain`"),
        (["train", "--data", "photos"], "no option of `hubel train`; DATA stands without an option"),
        (["evaluate", "--run", "r"], "--run: no option of `hubel evaluate`; RUN stands without an option"),
        (["train", "lenet5", "mnist", "--la", "3"], "--la may mean --layers or --labels"),
        (["code", "lenet5", "--to", "kera"], "expected pytorch, keras or jax, received 'kera'; did you mean 'keras'?"),
        (["train", "lenet5", "mnist", "--epochs", "abc"], "expected a number, received 'abc'"),
        (["train", "lenet5", "mnist", "--batch-size", "1.5"], "expected a whole number, received '1.5'"),
        (["train", "lenet5", "mnist", "--time", "0"], "--time: expected a number above 0, received '0'"),
        (["draw", "lenet5", "vgg16"], "vgg16: more words than `hubel draw` takes"),
        (["draw", "lenet5", "x.svg"], "x.svg: more words than `hubel draw` takes; did you mean '-o x.svg'?"),
        (["explain", "lenet5", "--latex"], "--latex: no option of `hubel explain`; did you mean '-o FILE.tex'?"),
        (["explain", "lenet5", "--set"], "expected one argument"),
        (["explain", "googlenet", "--heads", "true"], "did you mean '--option heads=VALUE'?"),
        (["explain", "googlenet", "--set", "heads=true"], "of the network as a whole: --option heads=true"),
        (["evaluate", "--json"], "the following arguments are required: RUN"),
        (["look", "mapz", "run"], "expected maps, unit"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_told_with_the_commands_own_usage(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert told.startswith("hubel: ")
    assert said in told
    assert f"usage: hubel {words[0]}" in told
    assert f"`hubel help {words[0]}" in told


def test_every_setting_of_a_recipe_without_an_option_is_offered_where_it_is_written_as_one() -> None:
    options = {each for action in LINES["train"].options() for each in action.option_strings}
    without = {field.name for field in fields(Recipe) if f"--{field.name.replace('_', '-')}" not in options}
    assert set(OF_RECIPES.split()) == without - {"time_budget", "augmentation"}  # --time and --augment


@pytest.mark.parametrize("words", [["train"], ["look", "cam"], ["find"], ["look"]], ids=" ".join)
def test_help_of_a_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for line in (["help", *words], [*words, "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(line)
        assert ended.value.code == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    assert f"usage: hubel {' '.join(words)}" in shown[0]


def test_help_alone_and_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["help"])
    assert ended.value.code == 0
    assert "completion" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["help", "trian"])
    assert "no command is called 'trian'; did you mean 'train'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "verb"), [("summary", "explain"), ("fit", "train"), ("test", "evaluate"), ("version", "--version")]
)
def test_verbs_as_they_are_called_elsewhere(word: str, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([word])
    assert f"no command is called {word!r}; did you mean {verb!r}?" in capsys.readouterr().err


def test_a_choice_in_other_letters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", "lenet5", "--to", "Keras"]) == 0
    assert "import keras" in capsys.readouterr().out


NETWORK = "28x28x1: conv 6 5x5 same tanh, maxpool 2, flatten, dense 10 softmax"


@pytest.mark.parametrize(
    ("command", "rest", "expected"),
    [
        ("explain", [], {"network": NETWORK}),
        ("explain", ["conv1"], {"network": NETWORK, "layer": "conv1"}),
        ("train", ["mnist"], {"network": NETWORK, "data": "mnist"}),
        ("train", ["my photos/"], {"network": NETWORK, "data": "my photos/"}),
        ("compare", ["lenet5"], {"first": NETWORK, "second": "lenet5"}),
    ],
)
def test_a_network_without_its_quotes(command: str, rest: list[str], expected: dict[str, str]) -> None:
    parser = parser_of([command]).commands()[command]
    found = parsed(parser, [*NETWORK.split(), "--json", *rest])
    assert {name: found[name] for name in expected} == expected
    bare = NETWORK.replace(":", "")
    found = parsed(parser, [*bare.split(), "--json", *rest])
    assert {name: found[name] for name in expected} == {
        name: bare if value == NETWORK else value for name, value in expected.items()
    }


def test_a_mistake_in_a_network_without_its_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "28x28x1:", "cnv", "6", "5x5,", "flatten"]) == 2
    assert "column 10: no layer is called 'cnv'; did you mean 'conv'?" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["nope.py", "nets/nope", "nope.safetensors", "./lenet5"])
def test_a_file_that_is_not_there(
    path: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where nothing is like it
    assert main(["explain", path]) == 2
    assert capsys.readouterr().err == f"hubel: no file {path}\n"


@pytest.mark.parametrize("verb", [["predict", "a" * 300, "x.png"], ["data", "a" * 300], ["inspect", "a" * 300]])
def test_what_the_system_refuses_is_a_sentence(verb: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(verb) == 2
    told = capsys.readouterr().err
    assert "aaa…: file name too long; a name may have 255 bytes" in told
    assert "Errno" not in told


def test_one_thing_has_one_name_in_all_commands() -> None:
    flags = {
        command: {flag for action in parser.options() for flag in action.option_strings}
        for command, parser in LINES.items()
    }
    assert all("--batch-size" in flags[command] for command in ("plan", "inspect", "train", "sweep"))
    assert all("--device" in flags[command] for command in ("plan", "train", "sweep"))
    common = {"--device", "--learning-rate", "--patience", "--augment", "--seed", "--optimizer", "--epochs"}
    assert common <= flags["train"] & flags["sweep"]
    chosen = {action.dest: action for action in LINES["plan"].options()}["optimizer"].choices
    assert {"adam", "adamw", "sgd", "muon"} <= set(chosen or ())


def test_an_option_whose_value_may_be_left_out_takes_what_follows() -> None:
    serve = parser_of(["serve"]).commands()["serve"]
    assert parsed(serve, ["run", "--token", "secret", "other"])["token"] == "secret"
    assert parsed(serve, ["run", "--token", "secret", "other"])["models"] == ["run", "other"]
    assert parsed(serve, ["run", "other", "--token"])["token"] == ""
    assert parsed(serve, ["run", "--token", "--quiet"])["token"] == ""

"""The studio's answers: what a page shows is what hubel says elsewhere, and every change can be made."""

import json

import pytest

from hubel import zoo
from hubel.advise import advise
from hubel.arch import analyse, parse
from hubel.base.errors import SettingError, UnknownNameError
from hubel.studio.answers import QUESTIONS, answered, answered_json

TEXT = "28x28x1: conv 6 5x5 tanh, avgpool 2, flatten, dropout 0.5, dense 10 softmax"
REST = "avgpool 2, flatten, dropout 0.5, dense 10 softmax"


def changed(text, path, how, setting="", value=""):
    return answered("change", {"text": text, "path": path, "how": how, "setting": setting, "value": value})


def test_a_design_has_the_figures_of_explain():
    found = answered("design", {"text": TEXT})
    report = analyse(parse(TEXT))
    assert [row["path"] for row in found["rows"]] == [row.path for row in report.rows]
    assert [row["macs"] for row in found["rows"]] == [row.cost.macs for row in report.rows]
    assert found["totals"]["parameters"] == report.parameters
    assert found["totals"]["kept_bytes"] == report.kept_bytes
    assert found["drawing"].startswith("<svg")
    assert "<style" not in found["drawing"]


def test_rows_say_where_in_the_text_they_stand():
    found = answered("design", {"text": "28x28x1: 2 * a=(conv 6 5x5, relu), se 2"})
    words = {row["path"]: row["place"] and found["text"][slice(*row["place"])] for row in found["rows"]}
    assert words["a1.conv1"] == words["a2.conv1"] == "conv 6 5x5"
    assert words["a2.relu1"] == "relu"
    assert words["product1.branch2.conv1"] is None  # a part of what `se 2` stands for


def test_a_name_of_the_zoo_is_its_text_and_no_file_is_read(tmp_path, monkeypatch):
    (tmp_path / "own.txt").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    assert answered("design", {"text": " ResNet-18"})["text"] == str(zoo.get("resnet18"))
    assert "wrong" in answered("design", {"text": "own.txt"})


def test_a_mistake_is_at_its_column():
    wrong = answered("design", {"text": "28x28x1: conv 6 5x5, convx 3"})["wrong"]
    assert wrong["start"] == 21
    assert "did you mean 'conv'" in wrong["told"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("8x8x1: conv 6 9x9, flatten, dense 3", "conv1"),
        ("9x9x1: conv 6 3x3, conv 6 9x9, flatten, dense 3", "conv2"),
        ("8x8x4: sum(conv 6 3x3 same | identity), relu", "sum1"),
        ("8x8x6: conv 8 3x3 groups=4", "conv1"),
        ("8x8x1: conv 6 3x3, lstm 8", "lstm1"),
        ("4x4x9: conv 9 1x1, groupnorm 2", "norm1"),
        ("8x8x1: conv 6 3x3, maxpool 9, conv 2 99x99", "pool1"),
        ("6x4: maxpool 2, dense 3", "pool1"),
        ("8x8x5: pixelshuffle 2", "pixelshuffle1"),
    ],
)
def test_what_would_fit_fits(text, path):
    """Whatever is offered as a button takes the network past the place where it failed."""
    wrong = answered("design", {"text": text})["wrong"]
    assert wrong["told"].startswith(path), wrong
    assert wrong["fits"]
    for fit in wrong["fits"]:
        if fit["text"] is not None:
            again = answered("design", {"text": fit["text"]})
            assert "wrong" not in again or not again["wrong"]["told"].startswith(path), fit


def test_what_would_fit_is_what_is_done():
    (fit,) = answered("design", {"text": "32x32x3: conv 16 3x3, sum(conv 16 3x3 | identity)"})["wrong"]["fits"]
    assert fit == {
        "words": "in all branches padding same",
        "text": "32x32x3: conv 16 3x3, sum(conv 16 3x3 same | identity)",
    }


@pytest.mark.parametrize(
    ("text", "fitting"),
    [
        ("8x8x1: conv 6 9x9", "8x8x1: conv 6 8x8"),
        ("8x8x6: conv 8 3x3 groups=4", "8x8x6: conv 8 3x3 groups=2"),
        ("8x8x3: maxpool 9", "8x8x3: maxpool 8"),
        ("9x9x3: conv 6 5x5, maxpool 2, conv 6 5x5", "14x14x3: conv 6 5x5, maxpool 2, conv 6 5x5"),
        ("20x3: lstm 3, conv1d 3 3", "20x3: lstm 3 sequences, conv1d 3 3"),
        ("20x3: conv 4 3x3 relu", "20x3: conv1d 4 3 relu"),
        ("8x8x4: sum(conv 6 3x3 same | identity)", "8x8x4: sum(conv 6 3x3 same | conv 6 1x1)"),
        ("8x8x3: sum(conv 4 1x1 | conv 5 1x1, relu)", "8x8x3: sum(conv 4 1x1 | conv 5 1x1, relu, conv 4 1x1)"),
        ("8x8x3: sum(identity | conv 5 3x3/2 same)", "8x8x3: sum(conv 5 1x1/2 | conv 5 3x3/2 same)"),
        ("8x8x3: concat(conv 4 3x3 | maxpool 3)", "8x8x3: concat(conv 4 3x3 same | maxpool 3/1 same)"),
        ("8x8x3: conv 4 3x3 smae, relu", "8x8x3: conv 4 3x3 same, relu"),
        ("8x8x3: sum(conv 3 3x3 strids=2 | identiy)", "8x8x3: sum(conv 3 3x3 strides=2 | identiy)"),
        (" resnt18 ", str(zoo.get("resnet18"))),
        ("28x28x1: conv 6 5x5 flatten", "28x28x1: conv 6 5x5, flatten"),
        ("9x9x1: conv 6 5x5 same tanh\nflatten\ndense 10", "9x9x1: conv 6 5x5 same tanh,\nflatten,\ndense 10"),
        ("9x9x1: maxpool 2 relu dense 4", "9x9x1: maxpool 2, relu, dense 4"),
        ("9x9x1: conv 2 3x3 relu tanh", "9x9x1: conv 2 3x3 relu, tanh"),
        ("8x8x3: conv 3 3x3 same sum(identity | conv 3 1x1)", "8x8x3: conv 3 3x3 same, sum(identity | conv 3 1x1)"),
        ("8x8x1: flatten, conv 3 3x3, dense 2", "8x8x1: conv 3 3x3, dense 2"),
        ("8x8x1: flatten, dropout 0.5, maxpool 2", "8x8x1: dropout 0.5, maxpool 2"),
        ("8x8x1: conv 3 3x3, globalavgpool, conv 4 3x3", "8x8x1: conv 3 3x3, conv 4 3x3"),
        ("10x10: flatten, lstm 5", "10x10: lstm 5"),
        ("784: conv 3 3x3", "28x28x1: conv 3 3x3"),
        ("3072: conv 3 3x3", "32x32x3: conv 3 3x3"),
        ("100: lstm 5", "100x1: lstm 5"),
        ("28x28x1: lstm 5", "28x28: lstm 5"),
        ("28x28x1: embed 10 5", "784: embed 10 5"),
        ("32x32x3: conv 8 3x3, pixelshuffle 3", "32x32x3: conv 9 3x3, pixelshuffle 3"),
        ("16x16x3: conv 5 3x3, pixelshuffle 2", "16x16x3: conv 4 3x3, pixelshuffle 2"),
        ("16x16x3: conv 5 3x3, pixelshuffle 2", "16x16x3: conv 8 3x3, pixelshuffle 2"),
        ("16x16x3: pixelshuffle 2", "16x16x4: pixelshuffle 2"),
        ("8x8x1: conv 6 3x3, relu, groupnorm 4", "8x8x1: conv 4 3x3, relu, groupnorm 4"),
        ("28x28x1: select 0..4", "28x28x1: select 0"),
        ("8x8x3: dense 12, select 3..14", "8x8x3: dense 12, select 3..11"),
        ("8x8x3: conv 4 3x3, select 7 9", "8x8x3: conv 4 3x3, select 0 1 2 3"),
        ("8x8x1: sum(conv 3 3x3 | identity)", "8x8x1: sum(conv 3 3x3 same | conv 3 1x1)"),
    ],
)
def test_misfits_have_a_button(text, fitting):
    assert fitting in [fit["text"] for fit in answered("design", {"text": text})["wrong"]["fits"]]


def test_what_would_fit_says_what_comes_of_it():
    fits = answered("design", {"text": "6x6x1: maxpool 7"})["wrong"]["fits"]
    assert "pool_size 6, which gives 1" in [fit["words"] for fit in fits]


def test_channels_that_seem_to_stand_first_are_told_with_a_button():
    order = answered("design", {"text": "3x224x224: conv 8 3x3, flatten"})["order"]
    assert "is read as 3 rows" in order["told"]
    assert order["text"] == "224x224x3: conv 8 3x3, flatten"
    assert answered("design", {"text": order["text"]})["order"] is None


@pytest.mark.parametrize("text", ["8x8x3: frobnicatequuxly 4", "8x8x3: conv 4 3x3 same same", "8x8x3: maxpol ="])
def test_words_that_help_no_further_are_no_button(text):
    assert answered("design", {"text": text})["wrong"]["fits"] == []


def test_a_setting_is_stepped_where_nothing_works_out():
    """Towards a network that works out again, past ones that do not."""
    text = "8x8x12: conv 12 3x3 same, sum(conv 13 3x3 same | identity), sum(conv 14 3x3 same | identity)"
    for step in ("13", "14"):
        found = changed(text, "conv1", "more", "filters")
        assert found == {
            "text": text.replace("conv 12" if step == "13" else "conv 13", f"conv {step}", 1),
            "value": step,
        }
        assert "wrong" in answered("design", {"text": found["text"]})
        text = found["text"]
    assert changed(text, "conv1", "more", "groups")["value"] == "2"
    assert changed(text, "conv1", "less", "groups") == {"error": "conv1 groups: nothing is less than 1"}
    assert "did you mean 'filters'" in changed(text, "conv1", "more", "filtres")["error"]


def test_a_kernel_is_stepped_through_even_sizes_up_to_its_input():
    """And no further, with the reason; where a later layer is in the way, its own mistake and what would fit say so."""
    text = "6x8x1: conv 2 4x4"
    settings = {each["name"]: each for each in answered("layer", {"text": text, "path": "conv1"})["settings"]}
    assert (settings["kernel_size"]["less"], settings["kernel_size"]["more"]) == ("3x3", "5x5")
    assert settings["kernel_size"]["ends"] == ""
    for size in (5, 6):
        found = changed(text, "conv1", "more", "kernel_size")
        assert found == {"text": f"6x8x1: conv 2 {size}x{size}", "value": f"{size}x{size}"}
        text = found["text"]
    settings = {each["name"]: each for each in answered("layer", {"text": text, "path": "conv1"})["settings"]}
    assert (settings["kernel_size"]["less"], settings["kernel_size"]["more"]) == ("5x5", "")
    assert settings["kernel_size"]["ends"] == "Conv2D expected an input of at least 7×7, received 6×8"
    assert changed(text, "conv1", "more", "kernel_size") == {
        "error": f"conv1 kernel_size: {settings['kernel_size']['ends']}"
    }
    assert changed("6x8x1: conv 2 3x3, maxpool 4", "conv1", "more", "kernel_size")["value"] == "4x4"


def test_steps_lead_to_networks():
    """Each step of each setting of every layer of some networks can be taken: parsed, or refused in words."""
    for text in (
        TEXT,
        "8x8x8: conv 8 3x3 groups=2, dwconv 3x3, groupnorm 4, maxpool 2, elu 0.5",
        "24: embed 9 16, lstm 24, dense 5",
    ):
        for row in answered("design", {"text": text})["rows"]:
            for setting in answered("layer", {"text": text, "path": row["path"]})["settings"]:
                for value in filter(None, (setting.get("less"), setting.get("more"), *setting.get("choices", ()))):
                    found = changed(text, row["path"], "set", setting["name"], value)
                    assert ("error" in found) != ("text" in found)
                    if setting["kind"] == "number":
                        assert found["text"] != text, (row["path"], setting)


@pytest.mark.parametrize(
    ("path", "how", "setting", "value", "expected"),
    [
        ("conv1", "set", "filters", "8", f"28x28x1: conv 8 5x5 tanh, {REST}"),
        (
            "conv1",
            "set",
            "activation",
            "linear",
            f"28x28x1: conv 6 5x5, {REST}",
        ),
        (
            "pool1",
            "after",
            "",
            "norm",
            f"28x28x1: conv 6 5x5 tanh, avgpool 2, norm{REST[9:]}",
        ),
        ("conv1", "before", "", "norm", f"28x28x1: norm, {TEXT[9:]}"),
        ("dropout1", "remove", "", "", "28x28x1: conv 6 5x5 tanh, avgpool 2, flatten, dense 10 softmax"),
        ("dense1", "remove", "", "", "28x28x1: conv 6 5x5 tanh, avgpool 2, flatten, dropout 0.5"),
        ("", "input", "", "32x32x3", f"32x32x3:{TEXT[8:]}"),
    ],
)
def test_changes_are_made_in_the_text(path, how, setting, value, expected):
    assert changed(TEXT, path, how, setting, value) == {"text": expected}


def test_what_is_around_a_change_stays_as_it_was_written():
    text = "28x28x1:\n  Conv2d 6 5x5 ,\n  3 * b=(c=conv 6 3x3 same, relu),\n  flatten"
    found = changed(text, "b2.c", "set", "filters", "8")["text"]
    assert found == text.replace("conv 6 3x3 same", "conv 8 3x3 same")
    assert changed(text, "b1.c", "remove")["text"] == text.replace("c=conv 6 3x3 same, ", "")


def test_a_part_of_what_a_word_stands_for_is_changed_in_the_tree():
    found = changed("8x8x4: se 2", "product1.branch2.conv1", "set", "filters", "3")
    assert "conv 3 1x1" in found["text"]
    assert "error" in changed("8x8x4: se 2", "product1.branch2.conv1", "remove")


@pytest.mark.parametrize(
    ("path", "how", "setting", "value"),
    [
        ("conv1", "set", "filters", "many"),
        ("conv1", "set", "filtres", "8"),
        ("conv9", "set", "filters", "8"),
        ("conv1", "turn", "", ""),
        ("conv1", "set", "filters", ""),
    ],
)
def test_changes_that_cannot_be_made_say_so(path, how, setting, value):
    assert changed(TEXT, path, how, setting, value)["error"]


def test_a_layer_tells_its_formulas():
    found = answered("layer", {"text": TEXT, "path": "conv1"})
    assert ["parameters", "(5·5·1 + 1)·6 = 156", "(kernel height·kernel width·channels + 1)·filters"] in found[
        "formulas"
    ]
    assert {setting["name"] for setting in found["settings"]} >= {"filters", "kernel_size", "strides", "padding"}
    assert "error" in answered("layer", {"text": TEXT, "path": "conv7"})


def test_advice_is_that_of_advise_with_the_change_made():
    found = answered("figures", {"text": "lenet5"})
    assert found["advice"] == [advice.data() for advice in advise("lenet5")]
    assert found["formulas"][0] == "(5·5·1 + 1)·6 = 156"


def test_programs_memory_and_comparisons():
    assert "class" in answered("code", {"text": TEXT, "framework": "pytorch"})["program"]
    assert "keras" in answered("code", {"text": TEXT, "framework": "keras"})["program"]
    memory = answered("memory", {"text": TEXT, "batch": 8})
    assert memory["training"] == sum(value for _, value in memory["parts"])
    compared = answered("compare", {"text": TEXT, "other": "lenet5"})
    assert len(compared["rows"]) == 11
    assert compared["told"]


def test_blocks_are_closed():
    found = answered("design", {"text": "resnet18", "closed": ["stage2", "stage3.block1"]})
    assert 'data-part="stage2" aria-expanded="false"' in found["drawing"]
    assert "stage2.block1" not in found["drawing"].replace('data-part="stage2.block1"', "stage2.block1")
    assert 'data-part="stage4" aria-expanded="true"' in found["drawing"]


def test_all_that_is_known_can_be_written():
    """Every word that a page completes is one; and so is every network of the zoo."""
    known = answered("known", {})
    for word in known["words"]:
        assert word["does"], word
    assert {word["word"] for word in known["words"]} >= {"conv", "maxpool", "dense", "sum", "lstm", "embed"}
    assert [each["name"] for each in known["zoo"]] == list(zoo.names())
    assert "causal" in next(word["settings"] for word in known["words"] if word["word"] == "conv1d")
    assert "causal" not in next(word["settings"] for word in known["words"] if word["word"] == "conv")


def test_many_layers_are_counted_and_not_all_listed():
    found = answered("design", {"text": "8x8x3: 2000 * conv 3 3x3 same"})
    assert len(found["rows"]) == 1500
    assert found["more"] == 500
    assert found["totals"]["layers"] == 2000


@pytest.mark.parametrize("question", sorted(QUESTIONS))
@pytest.mark.parametrize(
    "text", ["", ":", "28x28x1", "28x28x1:" + "(" * 5000, "9" * 200 + ": dense 1", "\x00", "1x1x1: dense 1" * 9]
)
def test_odd_texts_are_refused_in_words(question, text):
    kinds = QUESTIONS[question][1]
    values = {name: text for name, kind in kinds.items() if kind is str}
    json.loads(answered_json(question, json.dumps(values)))


@pytest.mark.parametrize(
    "values", [[], {"text": 3}, {"text": TEXT, "closed": [1]}, {"text": TEXT, "width": True}, {"texts": ""}]
)
def test_other_kinds_of_values_are_refused(values):
    with pytest.raises(SettingError):
        answered("design", values)


def test_an_unknown_question_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'design'"):
        answered("desing", {})

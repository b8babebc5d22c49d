"""What a drawing holds: every layer, within the page, and no words over words."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings

from hubel import zoo
from hubel.arch import Network, analyse, parse
from hubel.draw import figure, layout
from hubel.view.figures.scene import Circle, Group, Rectangle, Scene, Text, bounds, text_width
from tests.trees import networks

PAGES = (1240, 390)
TOUCH = 0.5  # pixels that estimates of letters' widths may err by


def overlapping(scene: Scene) -> list[tuple[str, str]]:
    """Pairs of words whose boxes overlap, found along the sorted left edges."""
    texts = sorted(scene.texts, key=lambda text: text.box[0])
    found, open_ones = [], list[Text]()
    for text in texts:
        left, top, _, bottom = text.box
        open_ones = [other for other in open_ones if other.box[2] > left + TOUCH]
        found += [
            (other.words, text.words)
            for other in open_ones
            if other.box[1] < bottom - TOUCH and top < other.box[3] - TOUCH
        ]
        open_ones.append(text)
    return found


def outside(scene: Scene) -> list[object]:
    return [
        mark
        for mark in scene.flat()
        if (box := bounds(mark))[0] < 0 or box[1] < 0 or box[2] > scene.width or box[3] > scene.height
    ]


def groups(scene: Scene) -> list[Group]:
    return [mark for mark in scene.marks if isinstance(mark, Group)]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", zoo.names())
def test_words_stand_clear_of_one_another_and_on_the_page(name, page):
    scene = layout(zoo.get(name), page=page)
    assert overlapping(scene) == []
    assert outside(scene) == []


@pytest.mark.parametrize("name", zoo.names())
def test_every_layer_is_in_it_with_its_sizes(name):
    report = analyse(zoo.get(name))
    drawn = groups(layout(report))
    there = {path for group in drawn for path in group.paths}
    bridges = {row.path for row in report.rows if ".bridge." in row.path or row.type == "Identity"}
    assert there | bridges >= {row.path for row in report.rows}
    shapes = {row.path: row.output_shape for row in report.rows}
    for group in drawn:
        if not group.paths:
            continue
        words = " ".join(mark.words for mark in group.marks if isinstance(mark, Text))
        numbers = set(re.findall(r"\d+", words.replace(",", "")))
        assert any({*map(str, shapes[path])} <= numbers for path in group.paths), (group.paths, words)


@settings(max_examples=60)
@given(networks())
def test_any_network_can_be_drawn(network):
    scene = layout(network, page=600)
    assert overlapping(scene) == []
    assert outside(scene) == []


@pytest.mark.parametrize(
    ("name", "style"),
    [("lenet5", "volumes"), ("alexnet", "volumes"), ("vgg19", "volumes"), ("mobilenet_v1", "blocks"),
     ("resnet18", "blocks"), ("googlenet", "blocks"), ("unet", "volumes"), ("unet_2015", "volumes")],
)  # fmt: skip
def test_the_style_is_what_suits_the_network(name, style):
    assert layout(zoo.get(name)).style == style


def test_a_chain_can_be_drawn_as_blocks_too():
    scene = layout(zoo.get("lenet5"), "blocks")
    words = {text.words for text in scene.texts}
    assert {"5×5 conv, 6", "28×28×6", "400 → 120", "48.1 K · 48.0 K"} <= words


def test_a_network_of_features_is_drawn():
    assert "dense, 3" in {text.words for text in layout(parse("784: dense 3 relu, dense 2")).texts}


@pytest.mark.parametrize(("times", "said"), [(2, ["×2"]), (3, ["×3"]), (5, ["×5"])])
@pytest.mark.parametrize("repeated", ["conv 8 3x3 same relu", "conv 8 3x3 same, norm, relu"])
def test_equal_layers_in_a_row_are_one_box(repeated, times, said):
    words = [text.words for text in layout(parse(f"32x32x8: {', '.join([repeated] * times)}, dense 4"), "blocks").texts]
    assert re.findall(" (×[2-9])$", "\n".join(words), re.MULTILINE) == said


def test_repeats_are_folded_and_say_how_many():
    scene = layout(zoo.get("resnet152"))
    words = [text.words for text in scene.texts]
    assert [word for word in words if word.startswith("×")] == ["×2", "×7", "×35", "×2"]
    assert "block2 … block36" in words
    report = analyse(zoo.get("resnet152"))
    ours = [row for row in report.rows if re.match(r"stage3\.block([2-9]|\d\d)\.", row.path)]
    assert sum(row.cost.parameters for row in ours) == pytest.approx(39.1e6, abs=5e4)
    assert any("39.1 M" in word for word in words)


@pytest.mark.parametrize("flow", ["down", "across"])
def test_a_repeat_that_grows_says_what_it_ends_with(flow):
    told = [
        any(
            "to 56×56×256" in text.words
            for text in layout(zoo.get("densenet121"), "blocks", detail=detail, flow=flow).texts
        )
        for detail in range(3)
    ]
    assert told == [False, True, True]  # without figures, none


def test_what_follows_repeats_is_not_folded_into_them():
    network = parse("8x8x4: 3 * sum(conv 4 3x3 same | identity), norm, relu, globalavgpool")
    boxes = [group for group in groups(layout(network)) if "norm1" in group.paths]
    assert [group.paths for group in boxes] == [("norm1", "relu1")]


def test_volumes_show_the_window_where_it_is_read_and_its_size():
    scene = layout(parse("16x16x1: conv 4 4x4/4, conv 2 2x2"), "volumes")
    windows = [mark for mark in scene.flat() if getattr(mark, "role", "") == "window"]
    faces = [mark for mark in scene.flat() if getattr(mark, "tone", "") == "side"]
    assert len(windows) == 2
    for window, face, share in zip(windows, faces, (4 / 16, 2 / 4), strict=False):
        (left, top, right, bottom), outer = bounds(window), bounds(face)
        assert outer[0] <= left < right <= outer[2]
        assert outer[1] <= top < bottom <= outer[3]
        assert (right - left) / (outer[2] - outer[0]) == pytest.approx(share, abs=0.01)


def test_sizes_of_volumes_follow_those_of_the_layers():
    scene = layout(zoo.get("alexnet"))
    fronts = [bounds(mark) for mark in scene.flat() if getattr(mark, "tone", "") == "side" and hasattr(mark, "points")]
    heights = [bottom - top for _, top, _, bottom in fronts][:6]  # 227, 55, 27, 27, 13, 13
    assert heights[0] / heights[1] == pytest.approx((227 / 55) ** 0.5, rel=0.01)
    assert all(before >= after for before, after in pairwise(heights))


def test_branches_stand_side_by_side_and_meet():
    joined = "s=sum(a=conv 4 1x1 | b=conv 4 3x3 same), c=concat(d=conv 2 1x1 | e=conv 3 1x1)"
    scene = layout(parse(f"8x8x4: {joined}, product(relu | globalavgpool)"))
    tops = {group.paths[0]: bounds(group.marks[0]) for group in groups(scene) if group.paths}
    assert tops["s.a"][1] == tops["s.b"][1]
    assert tops["s.a"][2] < tops["s.b"][0]
    assert [mark.sign for mark in scene.flat() if isinstance(mark, Circle)] == ["plus", "times"]
    assert "concat 8×8×5" in {text.words for text in scene.texts}


@pytest.mark.parametrize(("style", "page"), [("blocks", 1240), ("volumes", 1240), ("volumes", 700)])
def test_a_u_net_is_a_u(style, page):
    scene = layout(zoo.get("unet"), style, page)
    place = {path: bounds(group.marks[0]) for group in groups(scene) for path in group.paths}
    down, up, bottom = place["down1.conv1"], place["up1.conv2"], min(v[1] for k, v in place.items() if "bottom" in k)
    assert down[2] < up[0]
    assert abs(down[1] - up[1]) < 60
    assert down[3] < bottom
    bridges = [text.words for text in scene.texts if text.words.startswith("bridge")]
    assert len(bridges) == (4 if page == 1240 else 0)  # where an arrow is too short for words it stands without
    assert overlapping(scene) == []
    assert scene.width <= page


@pytest.mark.parametrize(("turned", "roles"), [(False, ["input", "convolution"]), (True, ["convolution", "input"])])
def test_a_joined_volume_is_what_was_copied_and_what_came_up(turned, roles):
    branches = ["identity", "maxpool 2, conv 8 3x3 same, deconv 2 2x2/2"][:: -1 if turned else 1]
    scene = layout(parse(f"16x16x1: conv 4 3x3 same, level=concat({' | '.join(branches)}), conv 3 3x3 same"))
    joined = next(group for group in groups(scene) if "level" in group.paths)
    tops = [mark for mark in joined.marks if getattr(mark, "tone", "") == "top"]
    assert [mark.role for mark in tops] == roles
    copied, risen = (mark.points[3][0] - mark.points[0][0] for mark in tops[:: -1 if turned else 1])
    assert copied / risen == pytest.approx(2**0.5)  # 4 channels and 2
    assert {"16", "6", "2×2 up-conv, 2"} <= {mark.words for mark in joined.marks if isinstance(mark, Text)}


def test_a_side_exit_says_that_it_is_for_training():
    scene = layout(zoo.get("googlenet", heads=True))
    assert sum("training only" in text.words for text in scene.texts) == 2
    assert overlapping(scene) == []


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "mobilenet_v2", "unet", "lenet5"])
@pytest.mark.parametrize(("detail", "flow"), [(2, "across"), (1, "across"), (0, "across"), (0, "down")])
def test_blocks_from_left_to_right_and_with_fewer_figures(name, detail, flow):
    report = analyse(zoo.get(name))
    scene = layout(report, "blocks", 1240, detail, flow)
    assert overlapping(scene) == []
    assert outside(scene) == []
    shown = {path for group in groups(scene) for path in group.paths}
    assert {row.path for row in report.rows if row.cost.parameters} <= shown
    words = " ".join(text.words for text in scene.texts)
    assert (" · " in words.partition("In a box")[0].partition("MACs")[2]) == (detail == 2)
    if flow == "across" and name != "unet":
        assert layout(report, "blocks", 1e5, detail, flow).width > 2 * layout(report, "blocks", 1e5, detail).width


@given(networks())
def test_any_network_can_be_drawn_from_left_to_right(network):
    scene = layout(network, "blocks", 1240, 2, "across")
    assert overlapping(scene) == []
    assert outside(scene) == []


def test_parts_keep_their_names():
    stem = "stem=(sum(conv 8 3x3 same | conv 8 1x1), relu)"
    text = f"16x16x8: 2 * block=(sum(conv 8 3x3 same | identity), relu), {stem}, dense 2"
    for flow in ("down", "across"):
        words = {each.words for each in layout(parse(text), "blocks", 1240, 2, flow).texts}
        assert {"block1 … block2", "stem"} <= words


@pytest.mark.parametrize(
    ("name", "purpose", "notes"),
    [
        ("lenet5", "print", []),
        ("resnet18", "print", ["without parameters and MACs, to be read there"]),
        ("resnet50", "print", ["without all figures, to be read there"]),
        ("resnet18", "slide", ["without all figures, to be read there"]),
        ("unet", "print", []),
        ("unet", "slide", ["without names, parameters and MACs, to be read there"]),
    ],
)
def test_letters_are_large_enough_where_it_goes(name, purpose, notes):
    drawn = figure(name, purpose=purpose)
    scene, least = drawn.scene, {"print": 6.0, "slide": 7.0}[purpose]
    assert min(text.size for text in scene.texts) * scene.scale * 0.75 >= least
    assert scene.width * scene.scale == pytest.approx({"print": 672.8, "slide": 1280.0}[purpose])
    assert drawn.notes == notes
    assert outside(scene) == []
    size = re.search(r'<svg[^>]* width="([\d.]+)" height="([\d.]+)"', drawn.svg())
    assert float(size[1]) == pytest.approx(scene.width * scene.scale, abs=0.1)
    if purpose == "slide":
        assert float(size[2]) == pytest.approx(720)


def test_what_cannot_be_read_anywhere_is_said():
    assert "its smallest letters are" in " ".join(figure("inception_v3", purpose="slide").notes)


def test_a_page_bounds_the_drawing():
    for name in ("resnet152", "vgg19", "mobilenet_v2", "unet"):
        for page in PAGES:
            assert layout(zoo.get(name), page=page).width <= page


def test_very_long_chains_and_names_are_drawn():
    text = "32x32x3: " + ", ".join(f"a_layer_with_a_very_long_name_{n}=conv {n} 3x3 same" for n in range(1, 400))
    scene = layout(parse(text))
    assert overlapping(scene) == []
    assert outside(scene) == []
    network = parse("8x8x1: conv 2 3x3")
    assert outside(layout(Network(network.input, network.body, "n" * 500), page=390)) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"style": "volumes"}, "expected a network of one chain"),
        ({"style": "cubes"}, "expected style as one of auto, volumes, blocks, received 'cubes'"),
        ({"page": 20}, "expected a page of 320"),
        ({"page": float("nan")}, "expected a page of 320"),
    ],
)
def test_what_cannot_be_drawn_is_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        layout(zoo.get("resnet18"), **arguments)


def test_boxes_have_the_colour_of_their_kind():
    scene = layout(
        parse("8x8x3: conv 4 3x3 norm relu, maxpool 2, flatten, dense 2".replace(" norm relu", "")), "blocks"
    )
    roles = [mark.role for mark in scene.flat() if isinstance(mark, Rectangle)]
    assert roles[:4] == ["input", "convolution", "pooling", "dense"]


def test_costs_within_repeats_are_those_of_one():
    text = "8x8x4: 3 * part=(conv 4 3x3 same, a=sum(conv 4 1x1 | identity), conv 4 3x3 same)"
    words = [text.words for text in layout(parse(text)).texts]
    assert words.count("148 · 9.22 K") == 2
    assert words.count("20 · 1.02 K") == 2  # the frame of a and what is in it: (4 + 1)·4 and 8·8·4·4


def test_the_name_of_what_stands_several_times_is_whole_beside_how_often():
    text = "8x8x1: 2 * block=(sum(conv 1 3x3 same, relu, conv 1 3x3 same | identity), relu), flatten, dense 10"
    scene = layout(parse(text))
    texts = {mark.words: mark for mark in scene.flat() if isinstance(mark, Text)}
    name, badge = texts["block1 … block2"], texts["×2"]
    room = badge.x - 1.15 * text_width(badge.words, badge.role)  # of a reader whose fonts are wider
    assert name.x + 1.15 * text_width(name.words, name.role) < room


def test_a_part_that_is_closed_tells_of_all_its_repeats():
    """Each of which gives another shape than the one before: what the last one gives, and what all of them cost."""
    text = "8x8x4: 3 * layer=concat(identity | conv 2 3x3 same), flatten, dense 2"
    scene = layout(parse(text), closed=["layer1"])
    told = [mark.words for mark in scene.flat() if isinstance(mark, Text)]
    at = told.index("layer1 … layer3: 3 layers")
    cost = sum(each.cost.parameters for each in analyse(parse(text)).rows[:-2])
    assert told[at + 1 : at + 3] == ["8×8×10", f"{cost} · 20.7 K"]
    assert "8×8×6" not in told

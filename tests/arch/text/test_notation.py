"""The text form: corner cases of the grammar, mistakes at their column, and hostile text, refused without much work."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hubel.arch import (
    GRU,
    LSTM,
    Auxiliary,
    Chain,
    Concat,
    Conv1D,
    Conv2D,
    Dense,
    Embedding,
    Identity,
    MaxPooling2D,
    Network,
    NotationError,
    Product,
    Reshape,
    SimpleRNN,
    Sum,
    ZeroPadding2D,
    parse,
    parse_node,
)
from tests.work import lines_run

READ = [
    ("conv 6 5x5", Conv2D(6, 5)),
    ("conv 6 5", Conv2D(6, 5)),
    ("conv 6 5×5", Conv2D(6, 5)),
    ("conv 6 5x3/2", Conv2D(6, (5, 3), 2)),
    ("conv 6 5x3/2x1", Conv2D(6, (5, 3), (2, 1))),
    ("conv 6 5 strides=2", Conv2D(6, 5, 2)),
    ("conv 6 5x5 pad=0/1x2/3", Conv2D(6, 5, padding=((0, 1), (2, 3)))),
    ("conv 6 5x5 padding=same", Conv2D(6, 5, padding="same")),
    ("conv filters=6 kernel_size=5", Conv2D(6, 5)),
    ("conv 6 5x5 nobias relu", Conv2D(6, 5, use_bias=False, activation="relu")),
    ("conv 6 5x5 relu same", Conv2D(6, 5, padding="same", activation="relu")),
    ("conv 6 5x5 linear", Conv2D(6, 5)),
    ("maxpool", MaxPooling2D(2)),
    ("maxpool 3/2", MaxPooling2D(3, 2)),
    ("maxpool 2 strides=2", MaxPooling2D(2)),
    ("zeropad 0/1x0/1", ZeroPadding2D(((0, 1), (0, 1)))),
    ("(dense 3)", Dense(3)),
    ("((dense 3))", Dense(3)),
    ("1 * dense 3", Dense(3)),
    ("2 * dense 3", Chain(Dense(3), Dense(3))),
    ("2 * (dense 3, dense 4)", Chain(Dense(3), Dense(4), Dense(3), Dense(4))),
    ("2 * 2 * dense 3", None),
    ("a=dense 3", Dense(3, name="a")),
    ("a=(dense 3)", Chain(Dense(3), name="a")),
    ("2 * a=(dense 3)", Chain(Chain(Dense(3), name="a"), Chain(Dense(3), name="a"))),
    ("sum(dense 3 | identity)", Sum(Dense(3), Identity())),
    ("concat(a=dense 3 | identity)", Concat(Dense(3, name="a"), Identity())),
    ("aux(dense 3, dense 2)", Auxiliary(Dense(3), Dense(2))),
    ("sum(dense 3)", Sum(Dense(3))),
    ("product(dense 3 | identity)", Product(Dense(3), Identity())),
    ("\n conv\t6\n5x5 ", Conv2D(6, 5)),
    ("conv1d 6 5/2 pad=1/2", Conv1D(6, 5, 2, padding=(1, 2))),
    ("conv1d 6 5 causal dilation=4 relu", Conv1D(6, 5, padding="causal", dilation_rate=4, activation="relu")),
    ("embed 9 4", Embedding(9, 4)),
    ("lstm 6 sequences", LSTM(6, return_sequences=True)),
    ("gru 6 backwards nobias", GRU(6, go_backwards=True, use_bias=False)),
    ("rnn 6 relu", SimpleRNN(6, "relu")),
    ("reshape 3x3", Reshape((3, 3))),
]


@pytest.mark.parametrize(("text", "node"), READ)
def test_reads(text, node):
    if node is None:
        with pytest.raises(NotationError, match="expected a layer"):
            parse_node(text)
        return
    assert parse_node(text) == node
    assert parse_node(str(node)) == node


WRONG = [
    ("", 1, "expected"),
    ("28x28x1", 8, "expected ':', received the end"),
    (
        "28x28x1x1: flatten",
        1,
        "expected height x width x channels, steps x features or a number of features, received '28x28x1x1'",
    ),
    ("0x3x1: flatten", 1, "received '0x3x1'"),
    ("8:", 3, "expected a layer, received the end"),
    ("8: dense 3,", 12, "expected another layer after ','"),
    ("8: dense 3,, dense 4", 12, "expected a layer"),
    ("8: dense", 4, "dense needs units"),
    ("8x8x1: conv 6", 8, "conv needs kernel_size"),
    ("8: dens 3", 4, "no layer is called 'dens'; did you mean 'dense'?"),
    ("8: Dens 3", 4, "did you mean 'dense'"),
    ("8: dense 3 rellu", 12, "did you mean 'relu'"),
    ("8: dense 3 unitz=4", 12, "did you mean 'units'"),
    ("8: dense 3 4", 12, "expected ',' or a setting by name after `dense UNITS`, received '4'"),
    ("8: dense 0", 4, "expected units as an int ≥ 1, received 0"),
    ("8: dense 3 activation", 12, "expected a value for activation, written activation=…"),
    ("8x8x1: conv 6 5x5 pad=", 23, "expected a value for padding"),
    ("8x8x1: conv 6 5x5 pad=1/2x3", 23, "expected sides as top/bottom x left/right"),
    ("8x8x1: conv 6 5x5 pad=1/2", 8, "expected padding as 'valid' or 'same' or an int"),
    ("8x8x1: conv 6 5x5 causal", 8, "expected padding as 'valid' or 'same' or an int"),
    ("8x8: lstm 3 seqences", 13, "did you mean 'sequences'"),
    ("8x8: lstn 3", 6, "did you mean 'lstm'"),
    ("8x8: lstm 3 gelu", 6, "expected activation of LSTM as 'tanh'"),
    ("8: (dense 3", 12, "expected ')', received the end"),
    ("8: dense 3)", 11, "received ')'"),
    ("8: sum(dense 3 | )", 18, "expected a layer"),
    ("8: aux(dense 3 | dense 3)", 16, "received '|'"),
    ("8: sum dense 3", 8, "expected '('"),
    ("8: 0 * dense 3", 4, "expected a count of 1 or more"),
    ("8: 2.5 * dense 3", 4, "expected a count of 1 or more"),
    ("8: -1 * dense 3", 4, "expected a count of 1 or more"),
    ("8: dense 3; dense 4", 11, "expected a word, a number or a sign, received ';'"),
    ("8: dense ３", 10, "received '３'"),
    ("8: dense 3\0", 11, "received"),
    ("8: __import__(1)", 4, "no layer is called '__import__'"),
    ("8: __import__('os')", 4, "no layer is called '__import__'"),
]


@pytest.mark.parametrize(("text", "column", "said"), WRONG)
def test_mistakes_point_at_their_column(text, column, said):
    with pytest.raises(NotationError) as refused:
        parse(text)
    assert said in str(refused.value)
    assert refused.value.column == column
    *_, excerpt, pointer = str(refused.value).split("\n")
    assert pointer.endswith("^")
    assert len(pointer.rstrip("^")) <= len(excerpt) + 1


MILLION = 1_000_000
HOSTILE = {
    "open brackets": ("8: ", "("),
    "open sums": ("8: ", "sum("),
    "balanced brackets": ("8: ", "(", "", ")"),
    "closing brackets": ("8: ", ")"),
    "a chain of counts": ("8: ", "9 * "),
    "a long word": ("8: ", "a"),
    "a long setting": ("8: dense 3 ", "a"),
    "a long name": ("8: ", "a", "=dense 0"),
    "a long number": ("8: dense ", "9"),
    "a long float": ("8: dropout 0.", "9"),
    "a huge exponent": ("8: dropout 1e", "9"),
    "a long size": ("8x8x1: conv 6 ", "3x", "3"),
    "a long size, broken off": ("8x8x1: conv 6 ", "3x"),
    "slashes": ("8x8x1: conv 6 ", "3/"),
    "numbers": ("8: dense ", "3 "),
    "commas": ("8: ", ","),
    "bars": ("8: sum(dense 3 ", "|"),
    "equals": ("8: dense 3 ", "a="),
    "stars": ("8: ", "*"),
    "spaces": ("8:", " "),
    "unicode digits": ("8: dense ", "９"),
    "nul": ("8: ", "\0"),
    "surrogates": ("8: ", "\udc80"),
    "emoji": ("8: ", "🙂"),
    "unknown words": ("8: ", "dens 3, "),
    "many channels": ("8x8x3: select ", "0 ", "-1"),
}


def hostile(kind, size):
    """A text of about that many letters: a beginning, something again and again, an end, and more of the kind."""
    start, again, *ends = HOSTILE[kind]
    end, more = (*ends, "", "")[:2]
    times = (size - len(start) - len(end)) // len(again + more)
    return start + again * times + end + more * times


def refusal(text):
    with pytest.raises(ValueError) as refused:
        parse(text)
    return str(refused.value)


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_is_refused_with_work_in_proportion_to_its_length(kind):
    assert len(refusal(hostile(kind, MILLION - 10))) < 1000
    once, twice = (lines_run(lambda size=size: refusal(hostile(kind, size))) for size in (5_000, 10_000))
    assert twice <= 2.2 * once


def test_a_text_of_more_than_a_million_letters_is_not_read():
    said = []
    assert lines_run(lambda: said.append(refusal("8: " + "dense 3, " * 150_000))) < 500
    assert "1,000,000" in said[0]


@pytest.mark.parametrize(
    "text",
    ["8: " + "99999 * (" * 60 + "dense 3" + ")" * 60, "8: 99999999999999999999999 * dense 3"],
    ids=["nested counts", "a large count"],
)
def test_a_short_text_for_a_huge_network_is_refused_before_it_is_built(text):
    said = []
    assert lines_run(lambda: said.append(refusal(text))) < 20_000
    assert len(said[0]) < 1000


@given(st.text("0123456789x×/.,|*=() \nconvdesumaxp_-e:", max_size=60))
@example("8: dense 1e5")
@example("8: dense 1e400")
@example("8: dropout -0")
def test_any_text_is_a_network_or_a_mistake_with_a_column(text):
    try:
        network = parse(text)
    except NotationError as error:
        network, column = None, error.column
    if network is None:
        assert 1 <= column <= len(text) + 1
    else:
        assert isinstance(network, Network)
        assert parse(str(network)) == network


def test_a_stretch_that_repeats_is_written_once():
    assert str(parse("8: dense 3, dense 3, relu, relu")) == "8: 2 * dense 3, 2 * relu"
    assert str(parse("8: dense 3, relu, dense 3, relu, dense 3")) == "8: 2 * (dense 3, relu), dense 3"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "8x8x3: conv 4 3x3 relu tanh",
            "column 24: activation is set twice, to relu and tanh; write the second as a lay",
        ),
        ("8x8x3: conv 4 3x3 same valid", "column 24: padding is set twice, to same and valid"),
        ("8x8x3: conv 4 3x3 same pad=1", "padding is set twice, to same and 1"),
        ("8x8x3: conv 4 3x3/2 strides=1", "strides is set twice, to 2 and 1"),
        ("8x8x3: conv 4 3x3 strides=2 strides=2", "strides is set twice, to 2 and 2"),
        ("8x8x3: conv 4 3x3 filters=5", "filters is set twice, to 4 and 5"),
        ("8: dense 4 relu activation=tanh", "activation is set twice, to relu and tanh"),
        ("8: dense 4 nobias use_bias=true", "use_bias is set twice, to false and true"),
        ("8x8x3: leaky 1e999", "column 14: expected a finite number, received 1e999"),
        ("8x8x3: norm epsilon=1e400", "expected a finite number, received 1e400"),
    ],
)
def test_a_setting_is_set_once_and_finite(text, said):
    with pytest.raises(NotationError) as caught:
        parse(text)
    assert said in str(caught.value)


def test_numbers_that_follow_each_other_are_written_by_the_first_and_the_last() -> None:
    network = parse("4x4x70: select 3 0..63 5 6 7, select 0 1 2 3")
    assert network.body.nodes[0].channels == (3, *range(64), 5, 6, 7)
    assert str(network) == "4x4x70: select 3 0..63 5 6 7, select 0 1 2 3"
    assert str(parse("4x4x9: select 0 1 2 3 4 8")) == "4x4x9: select 0..4 8"


@pytest.mark.parametrize("text", ["select 3..2", "select 0..99999999", "conv 3..5", f"select 0..{'9' * 200}"])
def test_runs_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(NotationError, match="expected"):
        parse(f"4x4x4: {text}")


@pytest.mark.parametrize("given", [None, 3, [], (28, 28, 1)])
def test_what_is_no_text_is_named(given):
    with pytest.raises(TypeError, match=f"expected a network's text form, received {type(given).__name__}"):
        parse(given)


@pytest.mark.parametrize(
    ("open", "close", "most", "said"),
    [
        ("1 * (", ")", 62, "at most 62 brackets within brackets, received more"),
        ("(", ")", 62, "at most 62 brackets within brackets, received more"),
        ("sum(", " | identity)", 31, "at most 64 levels of nodes within nodes, received 65; .* at most 31 of them"),
        ("product(", " | identity)", 31, "at most 64 levels of nodes within nodes, received 65; .* 31 of them"),
    ],
)
def test_nesting_goes_as_deep_as_is_said(open: str, close: str, most: int, said: str) -> None:
    network = parse(f"8x8x3: {open * most}relu{close * most}")
    assert parse(str(network)) == network
    with pytest.raises(ValueError, match=said):
        parse(f"8x8x3: {open * (most + 1)}relu{close * (most + 1)}")

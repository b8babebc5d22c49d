"""Words of Keras, PyTorch and papers, which are written back as hubel's own."""

import pytest

from hubel import zoo
from hubel.arch import NotationError, parse
from hubel.arch.text.aliases import ALIASES, meant


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("28x28x1: conv 6 5x5, bn, relu, fc 10", "28x28x1: conv 6 5x5, norm, relu, dense 10"),
        (
            "28x28x1: Conv2D 6 5x5 ReLU, GAP, Linear 10 Softmax",
            "28x28x1: conv 6 5x5 relu, globalavgpool, dense 10 softmax",
        ),
        ("28x28x1: conv2d 6 5x5 swish, max 2, avg 2", "28x28x1: conv 6 5x5 silu, maxpool 2, avgpool 2"),
        ("28x28x1: BatchNorm2d, AveragePooling2D 2, linear 10", "28x28x1: norm, avgpool 2, dense 10"),
        ("28x28x1: dense 10 linear, linear", "28x28x1: dense 10, linear"),
        ("28x28x4: residual(identity | conv 4 1x1)", "28x28x4: sum(identity | conv 4 1x1)"),
        ("28x28x4: Concatenate(identity | conv 4 1x1)", "28x28x4: concat(identity | conv 4 1x1)"),
        ("28x28x1 conv 6 5x5, flatten", "28x28x1: conv 6 5x5, flatten"),
        ("784 dense 10", "784: dense 10"),
        ("28x28x1 3 * conv 6 5x5", "28x28x1: 3 * conv 6 5x5"),
        ("28x28x1 (conv 6 5x5, flatten)", "28x28x1: conv 6 5x5, flatten"),
        ("96: Embedding 128 64, SimpleRNN 8", "96: embed 128 64, rnn 8"),
    ],
)
def test_other_words(text: str, meaning: str) -> None:
    assert str(parse(text)) == meaning
    assert parse(text) == parse(meaning)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("8x8: bidirectional 3", r"concat\(lstm 8 \| lstm 8 backwards\)"),
        ("8x8: Attention 3", "there is no layer for it"),
        ("8x8x1: pool 2", "maxpool 2 or avgpool 2"),
        ("8x8x1 2 conv 3", "expected ':'"),
        ("28 28 1: conv 3 3x3", "expected ':'"),
        ("8x8x1: fc", "fc needs units"),
    ],
)
def test_what_no_word_is_for(text: str, said: str) -> None:
    with pytest.raises(NotationError, match=said):
        parse(text)


def test_every_word_leads_to_one_of_hubels_own() -> None:
    from hubel.arch._layer import REGISTRY, WAITING
    from hubel.arch.layers.activation import NAMES
    from hubel.arch.text.notation import JOINS

    known = {*REGISTRY, *WAITING, *NAMES, *JOINS}
    assert set(ALIASES.values()) <= known
    assert not set(ALIASES) & known
    assert meant("MaxPool_2d", known) == "maxpool"


@pytest.mark.parametrize("name", ["ResNet50", "resnet-50", "ResNet 50", "LeNet-5", "VGG16-BN", "Inception-v3", "U-Net"])
def test_names_as_papers_write_them(name: str) -> None:
    plain = "".join(letter for letter in name.lower() if letter.isalnum())
    assert zoo.get(name) == zoo.get(str(zoo.meant(name)))
    assert "".join(filter(str.isalnum, str(zoo.meant(name)))) == plain
    assert zoo.meant("lenet") is None

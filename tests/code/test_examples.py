"""What figures are of: an image, a sequence or a vector, as the network takes."""

import pytest

from hubel.arch import analyse, parse
from hubel.code import source
from tests.command import hubel


@pytest.mark.parametrize(
    ("text", "example", "shapes"),
    [
        ("8x8x1: conv 2 3x3, flatten, dense 2", "image", "height × width × channels"),
        ("9: embed 5 4, lstm 3 sequences, dense 5", "sequence", "steps × features"),
        ("9x2: conv1d 3 3, flatten, dense 2", "sequence", "steps × features"),
        ("9: dense 2", "vector", "features"),
    ],
)
def test_figures_are_of_what_the_network_takes(text, example, shapes):
    report = analyse(parse(text))
    assert report.example == example
    assert f"in training, one {example}" in hubel("explain", text).stdout
    program = source(parse(text))
    assert f"multiply-adds a{'n' * (example == 'image')} {example}." in program
    assert f"Shapes in comments are {shapes}" in program

"""A network that looks whole numbers up is not for images: refused in words, wherever it is given them."""

from __future__ import annotations

import pytest

from hubel.arch import parse
from hubel.tasks import Classification


@pytest.mark.parametrize(
    "text", ["784: embed 256 8, flatten, dense 2", "784: concat(embed 256 8 | embed 256 4), gru 2"]
)
def test_images_have_no_numbers_to_look_up(text: str) -> None:
    with pytest.raises(ValueError, match=r"received one whose input is whole numbers that are looked up \(embed\)"):
        Classification(("a", "b")).check(parse(text), (28, 28, 1))

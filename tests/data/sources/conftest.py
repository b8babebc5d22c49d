"""Six images in a folder."""

from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six images, 0.png to 5.png, each of its own grey."""
    for number in range(6):
        Image.new("L", (8, 8), 10 * number).save(tmp_path / f"{number}.png")
    return tmp_path

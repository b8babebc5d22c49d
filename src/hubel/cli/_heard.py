"""What `predict` and `find` say of sounds that they are asked about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hubel.cli._output import tell

if TYPE_CHECKING:
    from hubel.data import Preprocessing


def tell_heard(sounds: Sequence[tuple[str, bytes | None]], rule: Preprocessing) -> list[str]:
    """Say which sounds, by path or with their content, were brought to another rate or mixed down, which are silent,
    clipped, cut off or longer than what is heard. Returns what is to be noted of each, "" of most.
    """
    from hubel.data.decode.sound import read_sound
    from hubel.data.sources.listing import some

    read = [(path, read_sound(content or Path(path).read_bytes())) for path, content in sounds]
    if brought := [f"{path}: {sound.brought}" for path, sound in read if sound.brought]:
        tell(f"brought to what the network hears: {some(brought, 3)}")
    troubles = [(path, sound.troubles(rule.height, rule.width)) for path, sound in read]
    if told := [f"{path}: {'; '.join(those)}" for path, those in troubles if those]:
        tell(f"answered all the same: {some(told, 3)}")
    return ["; ".join(sound.notes(rule.height, rule.width)) for _, sound in read]

"""Which game a word means: `minatar:breakout`, `ale:Pong`, `gym:CarRacing-v3`."""

from __future__ import annotations

from importlib import import_module

from hubel.base.errors import SettingError
from hubel.base.names import nearest
from hubel.data.games.environments import Cells, Environments
from hubel.data.games.game import Game

OWN = {
    "breakout": "hubel.data.games.breakout:Breakout",
    "freeway": "hubel.data.games.freeway:Freeway",
    "asterix": "hubel.data.games.asterix:Asterix",
    "space_invaders": "hubel.data.games.invaders:SpaceInvaders",
}
_ALIKE = 0.7  # of the letters: all are named, so that what is hardly like one needs no guess
KINDS = ("minatar:", "ale:", "gym:")


def is_game(word: str) -> bool:
    """Whether a word is a game's."""
    return word.lower().startswith(KINDS)


def is_own(word: str) -> bool:
    """Whether a word is that of a game of ours, whose pictures are planes of things."""
    return word.lower().startswith("minatar:")


def own_game(word: str) -> str:
    """The name of a game of ours. Raises SettingError for one that is not there."""
    plain = word.partition(":")[2].lower().replace("-", "_").replace(" ", "_")
    if plain not in OWN:
        near = nearest(plain, OWN, _ALIKE)
        meant = f"; did you mean 'minatar:{near}'?" if near else ""
        raise SettingError(f"{word}: expected one of {', '.join(f'minatar:{each}' for each in OWN)}{meant}")
    return plain


def environments(word: str, games: int) -> Environments:
    """So many games of a word. Raises SettingError for one that is not there."""
    kind, _, name = word.partition(":")
    if kind.lower() == "minatar":
        module, _, cls = OWN[own_game(word)].partition(":")
        own: type[Game] = getattr(import_module(module), cls)
        return Cells(own, games)
    from hubel.data.games.gymnasium import Gymnasium

    if not name:
        raise SettingError(f"{word}: expected a game's name, such as ale:Pong or gym:CarRacing-v3, received none")
    id = name if kind.lower() == "gym" else f"ALE/{name.removeprefix('ALE/').removesuffix('-v5')}-v5"
    return Gymnasium(id, games, word)

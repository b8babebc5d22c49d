"""The images that a model of labels or numbers is furthest from right with, on a page; and targets that seem wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubel.view.figures.tiles import Section, Tile, TiledFigure

if TYPE_CHECKING:
    from hubel.look.errors.furthest import Furthest

MOST_TILES = 24
_SIZE = 150.0


def figure(found: Furthest, name: str = "") -> TiledFigure:
    """Set the page; `name` is the model's."""
    tiles = []
    for index in found.order(MOST_TILES).tolist():
        true, said = found.words(index)
        tiles.append(Tile(found.dataset.seen([index])[0], true, f"taken for {said}", hover=_hover(found, index)))
    shown = f"{len(tiles):,} of {len(found.losses):,} images"
    sections = [Section(f"Furthest from right: {shown}", tuple(tiles), "", _SIZE)]
    suspects = found.suspects()
    if suspects:
        wrong = [
            Tile(found.dataset.seen([index])[0], found.suspicion(index, at), "", hover=_hover(found, index))
            for index, at in suspects[:MOST_TILES]
        ]
        title = f"{found.task.noun[1].capitalize()} that may be wrong: {len(wrong):,} of {len(suspects):,}"
        note = "worth a look before the model is blamed"
        sections.append(Section(title, tuple(wrong), note, _SIZE))
    return TiledFigure(f"Mistakes{f' of {name}' if name else ''}", found.outcome, tuple(sections))


def _hover(found: Furthest, index: int) -> str:
    return f"{found.name_of(index)}, loss {found.losses[index]:.3g}"

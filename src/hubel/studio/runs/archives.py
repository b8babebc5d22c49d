"""What an archive of pictures holds, looked into when it comes: classes, what cannot be read, a few of each."""

from __future__ import annotations

from collections import Counter, defaultdict
from io import BytesIO
from pathlib import Path
from typing import Any

from hubel.base.errors import HubelError
from hubel.base.words import printable
from hubel.view.writers.markup import data_url

MOST_TRIED = 2000  # pictures that are decoded, evenly
_CLASSES, _OF_EACH, _SIDE = 12, 6, 44  # classes whose pictures are shown; so many of each; their pixels


def looked_into(archive: Path) -> dict[str, Any]:
    """The pictures of a zip, or of a tar that is not compressed, by class as a training takes them, and what is left.

    folders: [class, number], without `left`, the pictures of those `tried` that cannot be read; notes: sentences;
    shown: [class, data URL] of a few. Raises DataError where it is damaged, or holds no pictures by class.
    """
    from hubel.data import read_image
    from hubel.data.sources.archives import list_archive
    from hubel.data.sources.layout import Layout

    found = list_archive(archive, archive, Layout())  # neither is compressed, so that nothing is unpacked
    parts = found.parts if len(found.parts) > 1 else {"": next(iter(found.parts.values()))}
    items = [
        (printable(f"{part}/{found.classes[label]}" if part else found.classes[label]), item)
        for part, some in parts.items()
        for item, label in some
    ]
    counted = Counter(name for name, _ in items)
    step = max(1, -(-len(items) // MOST_TRIED))
    shown, left = defaultdict[str, list[str]](list), []
    for name, item in items[::step]:
        try:
            picture = read_image(item.read(), at_least=(_SIDE, _SIDE), name=item.name)
        except HubelError:
            left.append(item.name.removeprefix(f"{archive}:"))
            counted[name] -= 1
            continue
        if len(shown[name]) < _OF_EACH and len(shown) <= _CLASSES:
            picture.thumbnail((_SIDE, _SIDE))
            written = BytesIO()
            picture.save(written, "png")
            shown[name].append(data_url(written.getvalue()))
    return {
        "folders": list(counted.items()),
        "notes": [printable(note).replace(f"{archive}:", "") for note in found.notes],
        "left": left,
        "tried": len(items[::step]),
        "shown": [[name, address] for name, few in shown.items() for address in few],
    }

"""Attributions of what a model says of one image alone: the words of a sentence."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hubel.look.access.sample import samples
from hubel.look.attribution.result import Attributions
from hubel.tasks import LoadedModel

_Method = Callable[..., Attributions]


def of_what_it_says(method: _Method) -> _Method:
    """Have a method ask each image for the words that the model says of it, by default all; of models that say one of
    their classes it is as it was.
    """

    @functools.wraps(method)
    def asked(model: LoadedModel, images: Any, **how: Any) -> Attributions:
        prepared = samples(model, images)
        own = [about for one in prepared if (about := model.task.about(model, one.picture)) is not None]
        if not own:
            return method(model, prepared, **how)
        found = []
        for one, about in zip(prepared, own, strict=True):
            most = len(about.classes)
            found.append(method(about, one, **{**how, "top": min(how.get("top") or most, most)}))
        maps, said = tuple(each.maps[0] for each in found), tuple(each.said[0] for each in found)
        return replace(found[0], images=prepared, maps=maps, said=said)

    return asked

"""One model that is served: opened from its file, and opened anew where that changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hubel.base.errors import HubelError, ModelFileError, SettingError
from hubel.base.files import sha256_of
from hubel.data import ImageError
from hubel.serve.batches import Picture
from hubel.serve.pictures import decoded
from hubel.serve.settings import Limits
from hubel.tasks import Answer, LoadedModel


@dataclass(frozen=True)
class Opened:
    """A model as its file was at one time."""

    model: LoadedModel
    sha256: str
    since: float  # seconds since 1970


def opened(models: Sequence[tuple[str, str]], limits: Limits) -> dict[str, Served]:
    """All models by name. Raises ModelFileError that names each that cannot be opened, and why."""
    found, failed = {}, []
    for name, place in models:
        try:
            found[name] = Served(name, place, limits)
        except (HubelError, OSError) as error:  # noqa: PERF203 (a few models)
            failed.append(f"{name}: {error}")
    if failed:
        count = f"{len(failed):,} of {len(models):,} models cannot be opened" if len(models) > 1 else ""
        raise ModelFileError("\n  ".join(filter(None, [count, *failed])))
    return found


class Served:
    """A model under its name. What it answers with is `opened`, which another thread may replace at any time.

    trouble: why the file as it is now is not the one that answers; "" where it is.
    """

    def __init__(self, name: str, place: str, limits: Limits) -> None:
        self._place = Path(place)
        self.name = name
        self.path = self._place / "model.safetensors" if self._place.is_dir() else self._place
        self.trouble = ""
        self._limits = limits
        self._computing = threading.Lock()  # a batch at a time, with all threads that there are
        self._stamp = self._seen = self._look()
        self.opened = self._open()

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _open(self) -> Opened:
        from hubel.tasks import load_model
        from hubel.train import Run

        model = Run.open(self._place).model() if self._place.is_dir() else load_model(self.path)
        if model.preprocessing.channels not in (1, 3):
            raise SettingError(
                f"{self.path}: expected a model of grey or colour pictures, received one of "
                f"{model.preprocessing.channels} bands, which no picture file holds; hubel.tasks.predict takes arrays"
            )
        blank = np.zeros(_shape(model), np.uint8)
        model.task.answers(model, blank[np.newaxis], 1)  # what is slow once is slow now, and what fails fails now
        return Opened(model, sha256_of(self.path), time.time())

    def changed(self) -> bool:
        """Whether the file is another than the one that was opened last, and has been for two looks."""
        now, before = self._look(), self._seen
        self._seen = now
        return now is not None and now == before and now != self._stamp

    def reload(self) -> bool:
        """Open the file anew. Where that fails the model stays as it was, and `trouble` says why; returns whether it
        was taken.
        """
        self._stamp = self._look()
        try:
            self.opened, self.trouble = self._open(), ""
        except (HubelError, OSError) as error:
            self.trouble = f"the changed file was not taken: {error}"
        return not self.trouble

    def answers(self, pictures: Sequence[Picture]) -> list[Answer | Exception]:
        """What the model says of pictures; of those that cannot be read, why."""
        model = self.opened.model
        found: list[Any] = [self._ready(model, each) for each in pictures]
        if model.task.draws:
            return [each if isinstance(each, Exception) else self._drawn(model, each) for each in found]
        for top in {each.top for each in pictures}:
            places = [
                place
                for place, picture in enumerate(pictures)
                if picture.top == top and not isinstance(found[place], Exception)
            ]
            if places:
                with self._computing:
                    answers = model.task.answers(model, np.stack([found[place] for place in places]), top)
                for place, answer in zip(places, answers, strict=True):
                    found[place] = answer
        return found

    def _ready(self, model: LoadedModel, picture: Picture) -> Any:
        """A picture as the network's input, or as it is where answers are drawn on it; or why it cannot be read."""
        try:
            image = decoded(picture.content, picture.name, model.preprocessing, self._limits)
            return image if model.task.draws else model.preprocessing.prepare(image)
        except ImageError as error:
            return error

    def _drawn(self, model: LoadedModel, image: Any) -> Answer:
        with self._computing:
            return model.task.answer(model, image)


def _shape(model: LoadedModel) -> tuple[int, int, int]:
    return model.preprocessing.height, model.preprocessing.width, model.preprocessing.channels

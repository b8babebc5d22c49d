"""One model that is served: opened from its file, and opened anew where that changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hubel.base.errors import HubelError, ModelFileError, SettingError
from hubel.base.exported import usable
from hubel.base.files import sha256_of
from hubel.data import ImageError
from hubel.data.decode.image import QUIET
from hubel.data.decode.sound import read_sound
from hubel.data.prepare.cut import cut_of, cut_words
from hubel.export.ready import PYTORCH, Opened, Ready, opened
from hubel.serve.batches import Picture
from hubel.serve.log import LOG
from hubel.serve.pictures import decoded
from hubel.serve.settings import Settings

if TYPE_CHECKING:
    from hubel.tasks import Answer, LoadedModel


class Told(NamedTuple):
    """What a model says of a picture, and what is to be known besides: that much of it is cut away, or of a sound that
    it is silent, clipped or cut off; "" where there is nothing.
    """

    answer: Answer
    note: str


@dataclass(frozen=True)
class Current:
    """A model as its file was at one time."""

    by: Opened
    sha256: str
    since: float  # seconds since 1970
    pace: float  # seconds that one picture took, prepared


def all_served(settings: Settings) -> dict[str, Served]:
    """All models by name. Raises ModelFileError that names each that cannot be opened, and why."""
    found, failed = {}, []
    for name, place in settings.models:
        try:
            found[name] = Served(name, place, settings)
        except (HubelError, OSError) as error:  # noqa: PERF203 (a few models)
            failed.append(f"{name}: {error}")
    if failed:
        count = (
            f"{len(failed):,} of {len(settings.models):,} models cannot be opened" if len(settings.models) > 1 else ""
        )
        raise ModelFileError("\n  ".join(filter(None, [count, *failed])))
    return found


class Served:
    """A model under its name. What it answers with is `current`, which another thread may replace at any time.

    trouble: why the file as it is now is not the one that answers; "" where it is.
    """

    def __init__(self, name: str, place: str, settings: Settings) -> None:
        self._place = usable(Path(place))
        self.name = name
        self.path = self._place / "model.safetensors" if self._place.is_dir() else self._place
        self.trouble = ""
        self._settings = settings
        self._computing = threading.Lock()  # PyTorch's batches, each with all threads that there are
        self._stamp = self._seen = self._look()
        self.current = self._open()

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _open(self) -> Current:
        settings = self._settings
        found = opened(
            self._place,
            self._loaded,
            settings.engine,
            settings.threads,
            device=settings.device,
            precision=settings.precision,
            many=True,
        )
        kind = found.model.preprocessing
        if not getattr(found.model.task, "answers_examples", True):
            raise SettingError(
                f"{self.path}: expected a model that answers examples, received one for "
                f"{found.model.task.name}; hubel predict has its answers"
            )
        if kind.channels not in (1, 3):
            raise SettingError(
                f"{self.path}: expected a model of grey or colour pictures, received one of {kind.channels} bands, "
                "which no picture file holds; hubel.tasks.predict takes arrays"
            )
        blank = np.zeros((1, kind.height, kind.width, kind.channels), np.uint8)
        found.answers(blank, 1)  # what is slow once is slow now, and what fails fails now
        begun = time.perf_counter()
        found.answers(blank, 1)
        pace = time.perf_counter() - begun
        note = {"model": self.name, "task": found.model.task.name, "engine": found.engine, "note": found.note}
        LOG.info("open", extra={"note": note})
        return Current(found, sha256_of(self._file()), time.time(), pace)

    def _file(self) -> Path:
        """What was opened; of a run that has not ended, what its newest checkpoint is written to."""
        if self.path.is_file():
            return self.path
        from hubel.train import Run

        return Run.open(self._place).model_file()

    def _loaded(self) -> LoadedModel:
        import torch

        from hubel.tasks import load_model
        from hubel.train import Run

        torch.set_num_threads(self._settings.threads)
        model = Run.open(self._place).model() if self._place.is_dir() else load_model(self.path)
        return model.to(self._settings.device)

    def changed(self) -> bool:
        """Whether the file is another than the one that was opened last, or gone, and has been for two looks."""
        now, before = self._look(), self._seen
        self._seen = now
        return now == before and now != self._stamp

    def reload(self) -> bool:
        """Open the file anew. Where that fails the model stays as it was, and `trouble` says why; returns whether it
        was taken.
        """
        self._stamp = self._look()
        if self._stamp is None:  # of a run a checkpoint may be there, which is not what is served
            self.trouble = "its file is gone; what was opened before goes on"
            return False
        try:
            self.current, self.trouble = self._open(), ""
        except (HubelError, OSError) as error:
            said = str(error).replace(str(self.path), self.name).replace(str(self._place), self.name)
            self.trouble = f"the changed file was not taken: {said}"  # to clients, whom paths do not concern
        return not self.trouble

    def answers(self, pictures: Sequence[Picture]) -> list[Told | Exception]:
        """What the model says of pictures, and what is to be known besides; of those that cannot be read, why."""
        by = self.current.by
        with QUIET:  # once for all
            ready = [self._ready(by.model, each) for each in pictures]
        found: list[Any] = [each if isinstance(each, Exception) else each[0] for each in ready]
        for top in {each.top for each in pictures}:
            places = [
                place
                for place, picture in enumerate(pictures)
                if picture.top == top and not isinstance(found[place], Exception)
            ]
            if not places:
                continue
            with self._computing if by.engine.startswith(PYTORCH) else nullcontext():
                if by.model.task.draws:
                    answers = [by.answer(found[place], top) for place in places]
                else:
                    answers = by.answers(np.stack([found[place] for place in places]), top)
            for place, answer in zip(places, answers, strict=True):
                found[place] = Told(answer, ready[place][1])
        return found

    def _ready(self, model: Ready | LoadedModel, picture: Picture) -> Any:
        """A picture as the network's input, or as it is where answers are drawn on it, and what is to be known of it;
        or why it cannot be read.
        """
        rule, image = model.preprocessing, picture.content
        try:
            if isinstance(image, bytes):
                image = decoded(image, picture.name, rule, self._settings.limits)
            note = (
                "; ".join(read_sound(image).notes(rule.height, rule.width))
                if rule.fit == "time"
                else cut_words(cut_of(rule, image))
            )
            return image if model.task.draws else rule.prepare(image), note
        except ImageError as error:
            return error
        except SettingError as error:  # of a sound
            return ImageError(picture.name, str(error))

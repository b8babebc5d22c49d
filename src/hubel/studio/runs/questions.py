"""The questions about runs, which the server answers and no page can by itself."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hubel.base.errors import HubelError, SettingError
from hubel.base.wishes import PAUSE, PAUSED, WISHES, is_look_wanted, put_wish, want_look, wish
from hubel.base.words import printable
from hubel.studio.answers.read import report
from hubel.studio.runs.folder import checked_name, described, other_names, run_names
from hubel.studio.runs.looking import Line, decoded, looked
from hubel.studio.runs.own import OwnData
from hubel.studio.runs.trainings import NOTES, Trainings

_DATA_USUAL = "mnist"
_FRESH_SECONDS = 2.0  # that a page waits for a checkpoint of this moment
_WHOLE = ("batch_size", "seed")  # numbers of a recipe
_MOST_REFUSED = 5  # trainings that did not begin, of which a page is told
_MOST_OTHERS = 20  # names that a page is told and cannot ask by


class Runs:
    """The runs of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trainings = Trainings(folder)
        self.data = OwnData(folder / NOTES)
        self._line = Line()
        self._pauses: set[str] = set()  # runs that were asked to pause, and do not yet

    @property
    def questions(self) -> dict[str, tuple[Callable[..., dict[str, Any]], dict[str, type]]]:
        """What may be asked, as `hubel.studio.answers.QUESTIONS` has it."""
        return {
            "runs": (self.runs, {}),
            "run": (self.run, {"name": str}),
            "train": (
                self.train,
                {"text": str, "data": str, "name": str, "epochs": str, "settings": list, "skip": int},
            ),
            "stop": (self.stop, {"name": str}),
            "forget": (self.forget, {"name": str}),
            "resume": (self.resume, {"name": str, "epochs": str}),
            "wish": (self.wish, {"name": str, "wish": str}),
            "model": (self.model, {"name": str, "fresh": int}),
            "examples": (self.examples, {"name": str}),
            "mistakes": (self.mistakes, {"name": str}),
            "looked": (
                self.looked,
                {"name": str, "look": str, "layer": str, "picture": str, "style": str, "ticket": str},
            ),
            "looking": (self.looking, {"ticket": str}),
            "decoded": (decoded, {"content": str}),
            "put": (self.data.put, {"name": str, "path": str, "at": int, "size": int, "content": str}),
            "own": (self.data.own, {"name": str}),
        }

    def runs(self) -> dict[str, Any]:
        """Every run, the newest first, and trainings that have not come so far, or never did."""
        names = run_names(self.folder)
        others = [name for name in self.trainings.names() if name not in names]
        begun = [name for name in others if self.trainings.is_running(name)]
        refused = [name for name in others if self.trainings.was_refused(name)][-_MOST_REFUSED:]
        told = [self._brief(name) for name in [*begun, *names, *refused]]
        return {"folder": str(self.folder), "runs": told, "others": other_names(self.folder)[:_MOST_OTHERS]}

    def run(self, name: str) -> dict[str, Any]:
        """One run: its settings, its metrics so far, how it stands, and what its process says."""
        name = checked_name(name)
        found = self._told(name)
        state = self._state(name, found)
        stands = wish(self.folder / name) if state == PAUSED else ""
        if state != "training":
            self._pauses.discard(name)
        elif name in self._pauses:
            stands = "it waits at its next step"
            if not wish(self.folder / name):  # a training forgets what was asked before its first step
                put_wish(self.folder / name, PAUSE)
        return {
            **found,
            "state": state,
            "stands": stands,
            "said": self.trainings.said(name),
            "given": self.trainings.given(name),
        }

    def train(self, text: str, data: str, name: str, epochs: str, settings: list[str], skip: int) -> dict[str, Any]:
        """Begin a training: the network as text, the data as `hubel train` takes it, settings as NAME=VALUE; skip: 1 to
        leave out images that cannot be read.

        What can be told at once is refused here, the rest by the training itself.
        """
        name = checked_name(name or self._free_name())
        if (self.folder / name).exists():
            raise SettingError(f"{self.folder / name}: there is a run already; give this one another name")
        for what, word in (("the network", text), ("the data", data)):
            if word.startswith("-") or "\0" in word:
                raise SettingError(f"{what}: expected no option, received {printable(word)[:60]!r}")
        for setting in (f"epochs={epochs}", *settings):
            _check_setting(*setting.partition("=")[::2])
        if not Path(text).is_file():
            report(text)
        _check_data(data or _DATA_USUAL)
        options = ["--run", str(self.folder / name), *([f"--epochs={epochs}"] if epochs else [])]
        options += ["--bad-images=skip"] if skip else []
        options += [f"--set={setting}" for setting in settings if "=" in setting]
        self.trainings.begin(name, [*options, "--", text, data or _DATA_USUAL])
        return {"name": name}

    def stop(self, name: str) -> dict[str, Any]:
        """Have a training end at its next step."""
        self.trainings.stop(checked_name(name))
        return {"name": name}

    def forget(self, name: str) -> dict[str, Any]:
        """Take a training that did not begin off the list; a run stays as it is."""
        name = checked_name(name)
        if self.trainings.is_running(name) or (self.folder / name / "run.toml").is_file():
            raise SettingError(f"{name}: expected a training that did not begin")
        self.trainings.forget(name)
        return {"name": name}

    def resume(self, name: str, epochs: str) -> dict[str, Any]:
        """Go on with a run that was stopped, or with more epochs."""
        name = checked_name(name)
        if epochs.startswith("-"):
            raise SettingError(f"epochs: expected a number, received {printable(epochs)[:40]!r}")
        if "network" not in self._told(name):
            raise SettingError(f"{self.folder / name}: there is no run to go on with: its training did not begin")
        more = [f"--epochs={epochs}"] if epochs else []
        self.trainings.begin(name, ["--resume", str(self.folder / name), *more])
        return {"name": name}

    def wish(self, name: str, wish: str) -> dict[str, Any]:
        """Ask a training to pause, to make one step, or to go on: one of `hubel.base.wishes.WISHES`."""
        run = self.folder / checked_name(name)
        if wish not in WISHES:
            raise SettingError(f"expected one of {', '.join(WISHES)}, received {printable(wish)[:40]!r}")
        if not run.is_dir() or not self.trainings.is_running(name):
            raise SettingError(f"{name}: there is no training of it under way that this studio began")
        put_wish(run, wish)
        self._pauses = self._pauses | {name} if wish == PAUSE else self._pauses - {name}
        return {"name": name}

    def model(self, name: str, fresh: int) -> dict[str, Any]:
        """A run's model, to run in the page. fresh: 1 for that of this moment where it trains, else its newest."""
        from hubel.studio.runs.model import running_model

        run = self.folder / checked_name(name)
        if fresh and run.is_dir() and self.trainings.is_running(name) and not wish(run).startswith(PAUSED):
            want_look(run, True)
            end = time.monotonic() + _FRESH_SECONDS
            while is_look_wanted(run) and time.monotonic() < end:
                time.sleep(0.02)
        return running_model(run)

    def examples(self, name: str) -> dict[str, Any]:
        """Some of the images that a run's model is measured on, to look at it by."""
        from hubel.studio.runs.model import examples

        return examples(self.folder / checked_name(name))

    def mistakes(self, name: str) -> dict[str, Any]:
        """What a run's model takes for something else, the surest first."""
        from hubel.studio.runs.model import surest_mistakes

        return surest_mistakes(self.folder / checked_name(name))

    def looked(self, name: str, look: str, layer: str, picture: str, style: str, ticket: str) -> dict[str, Any]:
        """What a run's model says, or a picture of it as `hubel look` draws it. ticket: by which `looking` knows it."""
        run = self.folder / checked_name(name)
        if not run.is_dir():
            raise SettingError(f"{run}: expected a run's folder, found none")
        with self._line.turn(ticket):
            return looked(run, look, layer, picture, style)

    def looking(self, ticket: str) -> dict[str, Any]:
        """How many looks come `before` the one of this ticket."""
        return {"before": self._line.before(ticket)}

    def _free_name(self) -> str:
        taken = {*run_names(self.folder), *self.trainings.names()}
        return next(name for name in (f"studio-{number}" for number in range(1, 10**6)) if name not in taken)

    def _told(self, name: str) -> dict[str, Any]:
        if not (self.folder / name / "run.toml").is_file():
            if name in self.trainings.names():
                return {"name": name, "rows": [], "figures": [], "epochs": None}
            raise SettingError(f"{self.folder / name}: expected a run's folder, found none")
        return described(self.folder / name)

    def _state(self, name: str, found: dict[str, Any]) -> str:
        if self.trainings.is_running(name):
            if wish(self.folder / name).startswith(PAUSED):
                return PAUSED
            return "training" if "network" in found else "starting"
        if "network" not in found:
            return "refused"
        return "failed" if found["failure"] else "finished" if found["finished"] else "stopped"

    def _brief(self, name: str) -> dict[str, Any]:
        try:
            found = self._told(name)
        except (HubelError, OSError) as error:
            return {"name": name, "state": "unreadable", "told": printable(str(error))[:300]}
        last = found["rows"][-1] if found["rows"] else {}
        kept = {each: found.get(each) for each in ("name", "network", "data", "task", "epochs")}
        return {**kept, "state": self._state(name, found), "last": last, "figures": found["figures"]}


def _check_setting(name: str, given: str) -> None:
    if not given:
        return
    if name == "augmentation":
        from hubel.data import Augmentation

        if given != "auto":
            Augmentation.parse(given)
    elif name in ("epochs", "learning_rate", *_WHOLE):
        try:
            number = float(given)
        except ValueError:
            number = math.nan
        isnt_whole, may_be_0 = name in _WHOLE and number % 1 != 0, name == "seed"
        if isnt_whole or not (0 < number < math.inf or (number == 0 and may_be_0)):
            wanted = f"a {'whole ' * (name in _WHOLE)}number {'of at least' if may_be_0 else 'above'} 0"
            raise SettingError(f"{name.replace('_', ' ')}: expected {wanted}, received {printable(given)[:40]}")


def _check_data(data: str) -> None:
    from hubel.data import check_source

    try:
        check_source(data)
    except HubelError as error:
        raise SettingError(f"the data: {error}") from None

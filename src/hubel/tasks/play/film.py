"""A game as a film: what is seen, where the network answers, what it takes each action to be worth."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from hubel.base.errors import SettingError
from hubel.base.files import replacing, write_atomically
from hubel.base.numbers import counted
from hubel.tasks.asking import Made
from hubel.tasks.model import LoadedModel
from hubel.tasks.play.playing import EPSILON, Moment, moments
from hubel.view.writers.font import REGULAR

if TYPE_CHECKING:
    from hubel.tasks.play.task import Play

_HEIGHT, _GAP, _BARS, _LETTERS = 240, 12, 230, 15  # pixels
_GROUND, _INK, _QUIET, _CHOSEN = (255, 255, 255), (30, 32, 36), (170, 178, 188), (31, 119, 180)
_MILLISECONDS, _FRAMES_A_SECOND = 70, 15
_MOST = 1500  # frames of a GIF: a film of more is no file that one opens

Pixels = npt.NDArray[np.uint8]


def frame(moment: Moment, actions: Sequence[str], limits: tuple[float, float], end: str = "") -> Pixels:
    """A moment as a picture, uint8 H×W×3: the game, the same with where the last map answers in red, a bar for what
    each action is worth, between these limits. end: what is said behind the points.
    """
    game = _fitted(moment.seen)
    looked = _looked(moment, game.size)
    width = game.width + _GAP + looked.width + _GAP + _BARS
    canvas = Image.new("RGB", (width + width % 2, _HEIGHT + 2 * _LETTERS), _GROUND)
    canvas.paste(game, (0, 0))
    canvas.paste(looked, (game.width + _GAP, 0))
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.truetype(str(REGULAR), _LETTERS)
    draw.text((2, _HEIGHT + 6), f"{_points(moment.points)}{end}", _INK, font)
    draw.text((game.width + _GAP + 2, _HEIGHT + 6), "what it saw" if moment.activity.any() else "", _INK, font)
    left = game.width + looked.width + 2 * _GAP
    draw.text((left + 2, _HEIGHT + 6), "worth of each action", _INK, font)
    _bars(draw, font, moment, actions, limits, left)
    return np.asarray(canvas)


def _points(points: float) -> str:
    return f"{points:g} point{'s' * (points != 1)}"


def _fitted(pixels: Pixels) -> Image.Image:
    times = max(1, _HEIGHT // pixels.shape[0])
    image = Image.fromarray(np.ascontiguousarray(pixels.repeat(times, 0).repeat(times, 1)))
    return image.resize((round(image.width * _HEIGHT / image.height), _HEIGHT), Image.Resampling.BILINEAR)


def _looked(moment: Moment, size: tuple[int, int]) -> Image.Image:
    """The game in grey, and red where the network's last map answers."""
    grey = np.asarray(_fitted(moment.seen).convert("L").resize(size), np.float32)[..., None] * 0.6
    map_ = Image.fromarray((moment.activity * 255).astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
    strength = np.asarray(map_, np.float32)[..., None] / 255 * 0.85
    colour = np.array((235, 64, 52), np.float32)
    return Image.fromarray((grey * (1 - strength) + colour * strength).clip(0, 255).astype(np.uint8))


def _bars(
    draw: ImageDraw.ImageDraw, font: Any, moment: Moment, actions: Sequence[str], limits: tuple[float, float], left: int
) -> None:
    low, high = limits
    each = min(34, _HEIGHT // max(1, len(actions)))
    names, room = 92, _BARS - 92 - 50
    small = font if each >= _LETTERS + 2 else ImageFont.truetype(str(REGULAR), max(7, each - 2))
    for number, (name, value) in enumerate(zip(actions, moment.worth.tolist(), strict=True)):
        top = number * each
        long = round(room * (value - low) / (high - low)) if high > low else 0
        colour = _CHOSEN if number == moment.action else _QUIET
        draw.text((left, top + 2), name[:12], _INK, small)
        draw.rectangle((left + names, top + 3, left + names + max(1, long), top + max(4, each - 4)), colour)
        draw.text((left + names + max(1, long) + 5, top + 2), f"{value:.2f}", _INK, small)


@dataclass(frozen=True, eq=False)
class Film(Made):
    """A game, moment by moment."""

    play: Play
    moments: Sequence[Moment]
    over: bool
    points: float
    seed: int
    epsilon: float

    @classmethod
    def of(cls, play: Play, model: LoadedModel, steps: int = 1000, seed: int = 0, epsilon: float = EPSILON) -> Film:
        """A game of a seed, up to so many steps; `epsilon`: the chance of an action at random."""
        games = play.environments(1)
        found, over, points = moments(games, model.module, model.preprocessing, steps, seed, epsilon)
        return cls(play, found, over, points, seed, epsilon)

    def data(self) -> dict[str, Any]:
        """How it went."""
        done = [self.play.classes[each.action] for each in self.moments]
        return {
            "game": self.play.game,
            "points": self.points,
            "steps": len(self.moments),
            "over": self.over,
            "seed": self.seed,
            "epsilon": self.epsilon,
            "actions": {name: done.count(name) for name in self.play.classes},
            "rules": list(self.play.environments(1).rules),
        }

    def words(self) -> str:
        """Points, steps, and whether it was over."""
        less = f"; of a film every {self._every}th step is shown" if self._every > 1 else ""
        blind = "" if any(each.activity.any() for each in self.moments) else "; where it looked is not known of it"
        steps = counted(len(self.moments), "step")
        return f"{_points(self.points)} in {steps} of {self.play.game}, {self._end}, seed {self.seed}{less}{blind}"

    @property
    def _end(self) -> str:
        return "over" if self.over else "not over"

    @property
    def _every(self) -> int:
        return -(-len(self.moments) // _MOST)

    def frames(self) -> list[Pixels]:
        """The film's pictures; the last one, which is held for a second, has what the last step came to."""
        worths = np.stack([each.worth for each in self.moments])
        limits = float(worths.min()), float(worths.max())
        played = [frame(each, self.play.classes, limits) for each in self.moments[:: self._every]]
        last = replace(self.moments[-1], points=self.points)
        return [*played, *[frame(last, self.play.classes, limits, f", {self._end}")] * _FRAMES_A_SECOND]

    def write(self, place: Path) -> list[Path]:
        """Write it as a GIF, or as MP4 where ffmpeg is here."""
        frames = self.frames()
        if place.suffix.lower() == ".mp4":
            _write_mp4(place, frames)
        else:
            images = [Image.fromarray(each).quantize(64, dither=Image.Dither.NONE) for each in frames]
            buffer = io.BytesIO()
            images[0].save(buffer, "GIF", save_all=True, append_images=images[1:], duration=_MILLISECONDS, loop=0)
            write_atomically(place, buffer.getvalue())
        return [place]


def _write_mp4(place: Path, frames: Sequence[Pixels]) -> None:
    program = shutil.which("ffmpeg")
    if program is None:
        raise SettingError(f"{place}: MP4 needs the program ffmpeg, which is not here; -o game.gif needs nothing")
    height, width = frames[0].shape[:2]
    given = f"-f rawvideo -pix_fmt rgb24 -s {width}x{height} -r {_FRAMES_A_SECOND} -i -".split()
    wanted = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-f", "mp4", "-y"]
    with replacing(place) as unfinished:
        done = subprocess.run(
            [program, "-loglevel", "error", *given, *wanted, str(unfinished)],
            input=b"".join(each.tobytes() for each in frames),
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise SettingError(f"{place}: ffmpeg could not write it: {done.stderr.decode(errors='replace').strip()}")

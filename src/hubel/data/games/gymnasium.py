"""Gymnasium's environments that show pictures (Towers et al. 2024), Atari's among them, as Q-learning sees them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from hubel.base.errors import DataError, SettingError
from hubel.base.limits import check
from hubel.data.games.environments import Environments
from hubel.data.games.game import Array

SIDE, MOMENTS = 84, 4  # pixels, and pictures that a network sees at once (Mnih et al. 2015)
_ATARI = "ALE/"
_SKIP, _STICKY = 4, 0.25  # frames that an action lasts; chance that it does not come through (Machado et al. 2018)
_LIMIT = 27_000  # steps: half an hour of Atari at 60 frames a second, as Machado et al. (2018) have it
GROUP = "gymnasium.envs"  # the entry point by which packages bring environments
_asked_for: set[EntryPoint] = set()  # which register but once
_MOST = 1_000_000  # whatever an environment says: the actions of a game are kept


class Gymnasium(Environments):
    """Environments of an id, each with a seed of its own. word: by which they were asked for, and are called.

    Pictures are grey, 84×84, the last four moments; of Atari's an action lasts four frames, of whose last two each
    pixel's brighter one is seen. What is kept of a game is its seed and the actions since it began, by which it is
    played again up to the moment: no environment needs to be able to save itself.
    """

    stacked: ClassVar[bool] = True
    clipped: ClassVar[bool] = True

    def __init__(self, id: str, games: int, word: str) -> None:
        self.id, self.games, self.atari = word, games, id.startswith(_ATARI)
        self.shape = (SIDE, SIDE, MOMENTS)
        self.environments = [made(id, self.id) for _ in range(games)]
        self._shape = self.environments[0].observation_space.shape
        self.actions = _actions(self.id, self.environments[0])
        told = getattr(self.environments[0].spec, "max_episode_steps", None)
        self.limit = min(int(told), _MOST) if told else _LIMIT
        self.rules = (
            *(
                (
                    f"the action before goes on for a frame with a chance of {_STICKY:g} (sticky actions)",
                    f"an action lasts {_SKIP} frames, and a lost life ends no game",
                )
                if self.atari
                else ()
            ),
            f"a game is over after {self.limit:,} steps at the latest",
        )
        kind = np.uint8 if len(self.actions) < 256 else np.uint16
        self._state: dict[str, Array] = {
            "seeds": np.zeros(games, np.int64),
            "steps": np.zeros(games, np.int64),
            "done": np.zeros((games, self.limit), kind),
            "pictures": np.zeros((games, *self.shape), np.uint8),
        }
        self._seen: Array = np.zeros((SIDE, SIDE, 3), np.uint8)

    @property
    def state(self) -> Mapping[str, Array]:
        """Seeds, actions since, and what is seen."""
        return self._state

    def restore(self) -> None:
        """Play every game again up to its moment."""
        wanted = self._state["pictures"].copy()
        for game in range(self.games):
            steps, over = int(self._state["steps"][game]), False
            self._begin(game, int(self._state["seeds"][game]))
            for action in self._state["done"][game, :steps].tolist():
                over = self._act(game, action)[1]
            self._state["steps"][game] = steps
            if over or not np.array_equal(self._state["pictures"][game], wanted[game]):
                raise DataError(
                    f"game {game} does not come to the same picture by the same seed and {steps:,} actions: the "
                    "environment hangs on something else, and what was begun on it cannot be gone on with exactly"
                )

    def begin(self, random: np.random.Generator) -> None:
        """Begin all games, each with a new seed."""
        for game in range(self.games):
            self._begin(game, int(random.integers(2**31)))

    def _begin(self, game: int, seed: int) -> None:
        picture, _ = self._asked(self.environments[game].reset, 2, seed=seed)
        self._check(picture)
        self._state["seeds"][game], self._state["steps"][game] = seed, 0
        self._state["pictures"][game] = _small(picture)[..., None]
        self._look(game, picture)

    def step(self, actions: Array, random: np.random.Generator) -> tuple[Array, Array]:
        """Do an action in each."""
        rewards, over = np.zeros(self.games, np.float32), np.zeros(self.games, bool)
        for game, action in enumerate(actions.tolist()):
            rewards[game], over[game] = self._act(game, action)
            if over[game]:
                self._begin(game, int(random.integers(2**31)))
        return rewards, over

    def _act(self, game: int, action: int) -> tuple[float, bool]:
        environment, total, over = self.environments[game], 0.0, False
        last: list[Array] = []
        for _ in range(_SKIP if self.atari else 1):
            picture, reward, ended, cut, _ = self._asked(environment.step, 5, action)
            self._check(picture, reward)
            total, over, last = total + float(reward), bool(ended or cut), [*last[-1:], picture]
            if over:
                break
        steps = int(self._state["steps"][game])
        self._state["done"][game, steps] = action
        self._state["steps"][game] = steps + 1
        pictures = self._state["pictures"][game]
        pictures[..., :-1] = pictures[..., 1:]
        pictures[..., -1] = _small(np.maximum.reduce(last))
        self._look(game, last[-1])
        return total, over or steps + 1 >= self.limit

    def _asked(self, what: Callable[..., Any], values: int, *given: Any, **named: Any) -> tuple[Any, ...]:
        """What an environment, which is another's code, answers."""
        try:
            found: tuple[Any, ...] = tuple(what(*given, **named))
        except Exception as error:
            raise DataError(f"{self.id}: the environment failed: {_sentence(error)}") from error
        if len(found) != values:
            raise DataError(
                f"{self.id}: expected {values} values of {what.__name__}, as Gymnasium has them, received {len(found)}"
            )
        return found

    def _check(self, picture: Any, reward: Any = 0.0) -> None:
        """Raise DataError for a picture that is none of those that the environment says it shows, and points that are
        no number.
        """
        shape, kind = getattr(picture, "shape", None), getattr(picture, "dtype", type(picture).__name__)
        if shape != self._shape or kind != np.uint8:
            raise DataError(f"{self.id}: expected pictures uint8 {self._shape}, received {kind} {shape}")
        try:
            finite = math.isfinite(reward)
        except (TypeError, ValueError, OverflowError):
            finite = False
        if not finite:
            raise DataError(f"{self.id}: expected points, a finite number, received {reward!r:.60}")

    def _look(self, game: int, picture: Array) -> None:
        if game == 0:
            self._seen = picture

    def pictures(self) -> Array:
        """The last four moments."""
        found: Array = self._state["pictures"].copy()
        return found

    def seen(self) -> Array:
        """The first game's picture in its own size; of Atari's in its colours, of which learning knows none."""
        machine = getattr(self.environments[0].unwrapped, "ale", None) if self.atari else None
        picture = self._seen if machine is None else machine.getScreenRGB()
        picture = picture if picture.ndim == 3 else picture[..., None]
        found: Array = np.broadcast_to(picture, (*picture.shape[:2], 3)).copy()
        return found


def made(id: str, word: str) -> Any:
    """An environment of an id, asked for by a word. Raises SettingError, in a sentence, where there is none, it needs
    more than is here, it shows no pictures, or its actions are not some that can be counted.
    """
    if ":" in id:
        raise SettingError(
            f"{word}: expected an environment's name, such as gym:CarRacing-v3, received one that would import a "
            "module, which no name does: name it without the module, and have a package of yours register it (the "
            f"entry point {GROUP}), or in Python gymnasium.register"
        )
    try:
        import gymnasium
    except ModuleNotFoundError:
        raise _lacking("gymnasium") from None
    more: dict[str, Any] = {}
    if id.startswith(_ATARI):
        try:
            import ale_py
        except ModuleNotFoundError:
            raise _lacking("ale-py") from None
        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        gymnasium.register_envs(ale_py)
        more = {"frameskip": 1, "repeat_action_probability": _STICKY, "obs_type": "grayscale"}
    if id not in gymnasium.registry:
        _brought(word)
    try:
        found = gymnasium.make(id, disable_env_checker=True, **more)
    except Exception as error:  # another's code, and other packages that it asks for
        raise SettingError(f"{word}: is no environment that can be made here: {_sentence(error)}") from None
    space, actions = found.observation_space, found.action_space
    shape: tuple[int, ...] = getattr(space, "shape", None) or ()
    kind = getattr(space, "dtype", None)
    if kind != np.uint8 or not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))) or min(shape[:2]) < 8:
        raise SettingError(
            f"{word}: expected an environment that shows pictures, uint8 H×W or H×W×3, received one that shows "
            f"{' '.join([str(kind or type(space).__name__), '×'.join(map(str, shape))]).strip()}; one of your own that "
            "wraps it in Gymnasium's AddRenderObservation shows pictures"
        )
    if not isinstance(actions, gymnasium.spaces.Discrete) or int(actions.start):
        raise SettingError(
            f"{word}: expected actions that can be counted, since a network gives each one's worth, received {actions}"
        )
    return found


def _brought(word: str) -> None:
    """Have the packages that are installed register their environments, as Gymnasium before 1.0 did: those that name
    what does so under its entry point. Raises SettingError where one of them fails.
    """
    from gymnasium.envs.registration import namespace

    for point in entry_points(group=GROUP):
        if point in _asked_for:
            continue
        _asked_for.add(point)
        try:
            with nullcontext() if point.name.startswith("__") else namespace(point.name):
                point.load()()
        except Exception as error:  # another's code
            raise SettingError(
                f"{word}: {point.value}, which an installed package names to register environments, failed: "
                f"{type(error).__name__}: {_sentence(error)}"
            ) from error


def _sentence(error: Exception) -> str:
    return f"{error}".partition("\n")[0].strip().rstrip(".") or type(error).__name__


def _lacking(package: str) -> SettingError:
    return SettingError(
        f"this game needs {package}, which is not installed; install it with: pip install 'hubel[play]'"
    )


def _actions(id: str, environment: Any) -> tuple[str, ...]:
    meanings = getattr(environment.unwrapped, "get_action_meanings", None)
    many = int(environment.action_space.n)
    check("actions", many, id)
    names = tuple(str(name).lower() for name in (meanings() if meanings else ()) or ())
    return names if len(set(names)) == many else tuple(f"action {number}" for number in range(many))


def _small(picture: Array) -> Array:
    """Grey, 84×84 (Mnih et al. 2015)."""
    image = Image.fromarray(picture if picture.ndim == 2 or picture.shape[2] == 3 else picture[..., 0])
    return np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX))

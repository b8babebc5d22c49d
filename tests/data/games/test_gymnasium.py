"""Gymnasium's environments, in the peers' place: one made here that needs nothing else, and Atari's."""

import numpy as np
import pytest

from hubel.arch import parse
from hubel.base.errors import DataError, SettingError
from hubel.data.games.named import environments
from hubel.tasks import load
from hubel.train import choose, resume, train

gymnasium = pytest.importorskip("gymnasium")
pytestmark = pytest.mark.peers


class Dots(gymnasium.Env):
    """A dot among noise that goes left or right; where it leaves, the game is over."""

    observation_space = gymnasium.spaces.Box(0, 255, (20, 24, 3), np.uint8)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, forgets=False):
        self.forgets = forgets

    def _picture(self):
        found = self.np_random.integers(0, 40, (20, 24, 3), dtype=np.uint8)
        if self.forgets:
            found = np.random.default_rng().integers(0, 40, (20, 24, 3), dtype=np.uint8)
        found[8:12, self.x : self.x + 3] = 255
        return found

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.x = int(self.np_random.integers(8, 14))
        return self._picture(), {}

    def step(self, action):
        self.x += 2 * action - 1
        over = not 0 < self.x < 20
        return self._picture(), 5.0 if action else -2.0, over, False, {}


for name, how in (("Dots-v0", {}), ("Forgets-v0", {"forgets": True})):
    gymnasium.register(name, Dots, kwargs=how, max_episode_steps=30)

NETWORKS = [
    "84x84x4: conv 4 8x8/8, layernorm, relu, flatten, dense 2",
    "84x84x4: conv 4 8x8/8, relu, flatten, dense 2",
]


@pytest.mark.parametrize("network", NETWORKS)
def test_a_run_goes_on_to_the_same_bits_by_seeds_and_actions(network, tmp_path):
    splits = load("gym:Dots-v0", frames=64, how={"memory": 64, "every": 5})
    how = choose(parse(network), splits.train).replace(batch_size=16, epochs=2.0, threads=1, checkpoint_seconds=0)
    whole = train(parse(network), splits, how, tmp_path / "whole")

    def stop(event):
        if getattr(event, "epoch", 0) == 1 and hasattr(event, "evaluated"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(parse(network), splits, how, tmp_path / "cut", progress=stop)
    cut = resume(tmp_path / "cut", splits)
    one, other = (each.model().module.state_dict() for each in (whole, cut))
    assert all(np.array_equal(one[name].numpy(), other[name].numpy()) for name in one)


def test_pictures_are_grey_and_the_last_four_moments():
    games = environments("gym:Dots-v0", 2)
    games.begin(np.random.default_rng(0))
    first = games.pictures()
    assert first.shape == (2, 84, 84, 4)
    assert all(np.array_equal(first[..., 0], first[..., each]) for each in range(4))
    rewards, over = games.step(np.array([1, 0]), np.random.default_rng(0))
    second = games.pictures()
    assert (rewards.tolist(), over.tolist()) == ([5.0, -2.0], [False, False])
    assert np.array_equal(second[..., 2], first[..., 3])
    assert not np.array_equal(second[..., 3], first[..., 3])
    assert games.seen().shape == (20, 24, 3)


def test_one_that_hangs_on_more_than_its_seed_is_named():
    games = environments("gym:Forgets-v0", 1)
    games.begin(np.random.default_rng(0))
    games.step(np.array([1]), np.random.default_rng(0))
    with pytest.raises(DataError, match="does not come to the same picture by the same seed and 1 actions"):
        games.restore()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("gym:Nix-v0", "^gym:Nix-v0: is no environment that can be made here: Environment `Nix` doesn't exist"),
        ("gym:CartPole-v1", "^gym:CartPole-v1: expected an environment that shows pictures"),
        ("gym:Pendulum-v1", "expected an environment that shows pictures"),
    ],
)
def test_what_cannot_be_played_is_refused_in_a_sentence(word, said):
    with pytest.raises(SettingError, match=said):
        environments(word, 1)


def test_environments_of_installed_packages_are_found(tmp_path, monkeypatch):
    (tmp_path / "brings_games.py").write_text(
        "import gymnasium, numpy\n"
        "class Mine(gymnasium.Env):\n"
        "    observation_space = gymnasium.spaces.Box(0, 255, (20, 24, 3), numpy.uint8)\n"
        "    action_space = gymnasium.spaces.Discrete(2)\n"
        "def register():\n"
        "    gymnasium.register('Mine-v0', Mine, max_episode_steps=50)\n"
        "def fails():\n"
        "    raise OSError('no room')\n"
    )
    said = tmp_path / "brings_games-1.0.dist-info"
    said.mkdir()
    (said / "METADATA").write_text("Metadata-Version: 2.1\nName: brings_games\nVersion: 1.0\n")
    (said / "entry_points.txt").write_text(
        "[gymnasium.envs]\n__root__ = brings_games:register\nshop = brings_games:register\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert environments("gym:Mine-v0", 1).shape == (84, 84, 4)
    assert environments("gym:shop/Mine-v0", 1).limit == 50
    (said / "entry_points.txt").write_text("[gymnasium.envs]\n__root__ = brings_games:fails\n")
    with pytest.raises(SettingError, match=r"^gym:Nix-v0: brings_games:fails, .* failed: OSError: no room$"):
        environments("gym:Nix-v0", 1)


def test_actions_that_cannot_be_counted_are_refused():
    class Steered(Dots):
        action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

    gymnasium.register("Steered-v0", Steered)
    with pytest.raises(SettingError, match="expected actions that can be counted"):
        environments("gym:Steered-v0", 1)


def test_ataris_are_played_by_the_customary_rules():
    pytest.importorskip("ale_py")
    games = environments("ale:Pong", 2)
    assert games.actions[:3] == ("noop", "fire", "right")
    assert any("0.25" in rule for rule in games.rules)
    games.begin(np.random.default_rng(0))
    for _ in range(40):
        games.step(np.array([2, 3]), np.random.default_rng(0))
    was = games.pictures()
    games.restore()
    assert np.array_equal(games.pictures(), was)
    assert was[0].std() > 5
    with pytest.raises(SettingError, match="Did you mean: `Pong`"):
        environments("ale:Pongo", 1)


ODD = {
    "NaN": (lambda see: (see, float("nan"), False, False, {}), "expected points, a finite number, received nan"),
    "None": (lambda see: (see, None, False, False, {}), "expected points, a finite number, received None"),
    "four": (lambda see: (see, 1.0, False, {}), "expected 5 values of step"),
    "small": (lambda see: (see[1:], 1.0, False, False, {}), "expected pictures uint8"),
    "floats": (lambda see: (see / 255, 1.0, False, False, {}), "expected pictures uint8"),
    "fault": (lambda see: 1 / 0, "the environment failed: division by zero"),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_an_environment_does_otherwise_is_told(odd):
    answer, words = ODD[odd]

    class Odd(Dots):
        def step(self, action):
            return answer(self._picture())

    gymnasium.register("Odd-v0", entry_point=Odd)
    try:
        found = environments("gym:Odd-v0", 1)
        found.begin(np.random.default_rng(0))
        with pytest.raises(DataError, match=words):
            found.step(np.zeros(1, np.int64), np.random.default_rng(0))
    finally:
        del gymnasium.registry["Odd-v0"]

"""Playing: learnt with a memory and without, measured, filmed, told, refused."""

import json
import re
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from hubel.arch import parse
from hubel.base.errors import SettingError
from hubel.data.games.environments import Environments
from hubel.look import occlusion, sample
from hubel.tasks import load, task_of
from hubel.tasks.play.playing import ShortGameWarning
from hubel.train import choose, open_model, resume, train
from hubel.train.loop.playing.kept import Memory
from hubel.train.loop.playing.step import QLearning
from tests.command import hubel

NORMALISED = "10x10x4: conv 8 3x3, layernorm, relu, flatten, dense 32, layernorm, relu, dense 3"
PLAIN = "10x10x4: conv 8 3x3, relu, flatten, dense 32, relu, dense 3"
GAME = "minatar:breakout"


def recipe(network, splits, **more):
    settings = {"threads": 1, "device": "cpu", "memory_format": "channels-last", "checkpoint_seconds": 0, **more}
    return choose(parse(network), splits.train).replace(**settings)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("played") / "run"
    line = ["train", NORMALISED, GAME, "--epochs=0.4", "--set=threads=1", "--run", str(folder)]
    said = hubel(*line)
    assert said.returncode == 0, said
    return folder, said


def test_the_rule_chooses_a_normalised_network_and_says_what_is_played(run):
    splits = load(GAME, frames=64)
    assert task_of(splits.train).network(splits.train).word == "minatar_pqn"
    assert splits.train.classes == ("stay", "left", "right")
    assert len(splits.validation), len(splits.test) == (10, 100)
    said = run[1].stdout + run[1].stderr
    assert "3 actions (stay, left, right)" in said
    assert "frames/s" in said
    assert "points a game of late" in said
    assert "at random" in said


def test_a_network_learns_to_play_better_than_chance(run):
    found = json.loads(hubel("evaluate", str(run[0]), "--json").stdout)
    assert found["games"] == 100
    assert found["epsilon"] == 0.01
    assert found["return"] > 1.0 > found["at_random"]["return"] > 0.1  # 0.35
    assert any("sticky" in rule for rule in found["rules"])
    told = hubel("evaluate", str(run[0])).stdout
    assert "points a game in 100 games" in told
    assert "at random" in told
    assert json.loads(hubel("evaluate", str(run[0]), "--json").stdout) == found  # the same games each time


@pytest.mark.parametrize("network", [NORMALISED, PLAIN])
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(network, tmp_path):
    splits = load(GAME, frames=256, how={"memory": 200, "every": 7})
    how = recipe(network, splits, batch_size=32, epochs=2.0)
    whole = train(parse(network), splits, how, tmp_path / "whole")
    stops = []

    def stop(event):
        if getattr(event, "epoch", 0) == 1 and hasattr(event, "evaluated"):
            stops.append(event.step)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(parse(network), splits, how, tmp_path / "cut", progress=stop)
    assert stops == [8]
    assert whole.steps == 16
    cut = resume(tmp_path / "cut", splits)
    one, other = (each.model().module.state_dict() for each in (whole, cut))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert [row.training for row in whole.metrics] == [row.training for row in cut.metrics]


def step_of(network, splits, **how):
    task = task_of(load(GAME, frames=64, how=how).train)
    made = recipe(network, splits, batch_size=64)
    from hubel.data import Preprocessing

    return QLearning(parse(network), made, task, Preprocessing.for_dataset(splits.train), splits.train)


def test_lambda_returns_are_what_they_are_by_their_definition():
    """G = Σ (1-λ) λⁿ⁻¹ · (n-step return), the last of all with the weight that is left."""
    splits = load(GAME, frames=64)
    step = step_of(NORMALISED, splits, trace=0.6, discount=0.9)
    random = torch.Generator().manual_seed(0)
    rewards, worth = torch.rand(5, 1, generator=random), torch.rand(6, 1, generator=random)
    found = step._returns(rewards, torch.zeros(5, 1, dtype=torch.bool), list(worth))
    for start in range(5):
        ends = range(1, 5 - start + 1)
        each = [sum(0.9**k * rewards[start + k] for k in range(n)) + 0.9**n * worth[start + n] for n in ends]
        weights = [0.4 * 0.6 ** (n - 1) for n in ends][:-1]
        wanted = sum(w * g for w, g in zip(weights, each, strict=False)) + (1 - sum(weights)) * each[-1]
        assert torch.allclose(found[start], wanted)
    over = torch.tensor([[False], [True], [False], [False], [False]])
    ended = step._returns(rewards, over, list(worth))
    assert torch.allclose(ended[1], rewards[1])  # nothing of the game after it


def test_actions_at_random_become_fewer_up_to_a_share_of_training():
    step = step_of(NORMALISED, load(GAME, frames=64), explore=0.1, exploring=0.5)
    step.steps = 100.0
    assert [round(step.epsilon(number), 3) for number in (0, 25, 50, 99)] == [1.0, 0.55, 0.1, 0.1]


class Counting(Environments):
    """A game whose pictures are the number of the step, the last three of them, new at every game's beginning."""

    stacked = True
    clipped = False

    def __init__(self):
        self.games, self.shape, self.actions, self.rules, self.limit = 2, (1, 1, 3), ("a", "b"), (), 9
        self.now = np.zeros((2, 3), np.uint8)

    state = property(lambda self: {"now": self.now})

    def begin(self, random):
        self.now[:] = [[1], [101]]

    def step(self, actions, random):
        over = self.now[:, -1] % 10 == 4  # a game of four steps
        self.now[:, :-1] = self.now[:, 1:]
        self.now[:, -1] += 1
        self.now[over] = self.now[over][:, -1:]
        return self.now[:, -1].astype(np.float32), over

    def pictures(self):
        return self.now[:, None, None].copy()

    def seen(self):
        return np.zeros((1, 1, 3), np.uint8)


def test_memory_gives_back_moments_as_they_were_seen_over_games_and_its_own_end():
    games = Counting()
    games.begin(None)
    memory = Memory(games, 40)  # 20 rows
    known = {}
    for turn in range(70):
        pictures = games.pictures()
        rewards, over = games.step(None, None)
        memory.add(pictures, np.array([turn % 2, 0]), rewards, over)
        for game in range(2):
            after = games.pictures()[game].ravel().tolist()
            known[tuple(pictures[game].ravel().tolist())] = (turn, bool(over[game]), after, float(rewards[game]))
    assert memory.ready(32)
    torch.manual_seed(0)
    seen, actions, rewards, over, after = memory.draw(400)
    rows = set()
    for now, action, reward, ended, then in zip(seen, actions, rewards, over, after, strict=True):
        turn, was_over, next_, brought = known[tuple(now.ravel().tolist())]
        rows.add(turn)
        assert (bool(ended), float(reward)) == (was_over, brought)
        if now.ravel()[-1] < 100:
            assert int(action) == turn % 2
        if not was_over:
            assert then.ravel().tolist() == next_
    assert min(rows) >= 70 - 20
    assert max(rows) == 68  # of the last one, what came next is not known yet


def test_a_film_shows_the_game_what_the_network_saw_and_what_actions_are_worth(run, tmp_path):
    said = hubel("predict", str(run[0]), "-o", str(tmp_path / "game.gif"), "--steps", "6", "--seed", "2", "--json")
    found = json.loads(said.stdout)
    assert found["game"] == GAME
    assert found["steps"] == 6
    assert sum(found["actions"].values()) == 6
    with Image.open(tmp_path / "game.gif") as film:
        assert film.n_frames == 7  # those of the steps, and the end
        assert film.size[0] > 2 * film.size[1]
    assert "ffmpeg" in hubel("predict", str(run[0]), "-o", str(tmp_path / "game.mp4"), "--steps", "1").stderr or (
        (tmp_path / "game.mp4").stat().st_size
    )
    picture = tmp_path / "picture.png"
    Image.new("L", (9, 9)).save(picture)
    assert "expected -o game.gif" in hubel("predict", str(run[0]), str(picture)).stderr


def test_a_film_ends_with_all_points_and_says_where_nothing_is_known_of_its_looks(run):
    film = open_model(run[0]).make(steps=4, seed=2)
    frames = film.frames()
    assert len(frames) == 4 + 15
    assert all(np.array_equal(frames[4], each) for each in frames[5:])
    assert not np.array_equal(frames[4], frames[3])  # as the last, but with its points and that it is not over
    game = film.moments[0].seen.shape
    wide = round(game[1] * 240 / game[0])
    assert np.array_equal(frames[4][:240, :wide], frames[3][:240, :wide])
    assert "where it looked" not in film.words()
    blind = [replace(each, activity=np.zeros((1, 1), np.float32)) for each in film.moments]
    assert replace(film, moments=blind).words().endswith("; where it looked is not known of it")


def test_a_films_points_are_those_of_every_step(run, monkeypatch):
    paid = []
    model = open_model(run[0])
    kind = type(model.task.environments(1))
    step = kind.step

    def told(self, actions, random):
        rewards, over = step(self, actions, random)
        rewards = rewards + 2.0 ** len(paid)
        paid.append(float(rewards[0]))
        return rewards, over

    monkeypatch.setattr(kind, "step", told)
    for steps in (1, 5, 1000):
        paid.clear()
        film = model.make(steps=steps, seed=1)
        assert film.points == pytest.approx(sum(paid))
        assert film.data()["points"] == film.points
        assert [each.points for each in film.moments] == pytest.approx([sum(paid[:n]) for n in range(len(paid))])
    assert film.over


def test_a_picture_of_the_game_is_answered_with_each_actions_worth(run):
    model = open_model(run[0])
    shown = load(GAME, frames=64).train.images[:2]
    one = model.predict(shown[0])
    assert one.action in ("stay", "left", "right")
    assert set(one.data()["worth"]) == {"stay", "left", "right"}
    many = model.predict(shown)
    assert many[0].data()["worth"] == pytest.approx(one.data()["worth"], abs=1e-5)
    with pytest.raises(SettingError, match="uint8 10×10×4"):
        model.predict(np.zeros((4, 4), np.uint8))


def test_a_moment_of_a_game_that_it_plays_can_be_looked_at(run):
    model = open_model(run[0])
    film = model.make(steps=13, seed=0)
    seen = sample(model, f"{GAME}#12")
    assert (seen.picture == film.moments[12].shown).all()
    assert seen.seen.shape == (10, 10, 3)
    assert (seen.seen == film.moments[12].seen).all()
    found = occlusion(model, f"{GAME}#12", window=10, stride=10, baseline="black", classes=["left"]).maps[0][0]
    worth = dict(model.predict(seen.picture).worth)["left"]
    assert found.score == pytest.approx(worth, rel=1e-4)
    without = dict(model.predict(np.zeros_like(seen.picture)).worth)["left"]
    assert found.signed == pytest.approx(worth - without, abs=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("always", ShortGameWarning)
        told = hubel("look", "maps", str(run[0]), GAME)
    assert "conv1" in told.stdout
    assert re.search(
        rf"hubel: {GAME}: the game was over after \d+ steps, and its last moment is looked at", told.stderr
    )
    for given, why in (
        ("minatar:freeway", f"the game that the model plays, {GAME}"),
        (f"{GAME}#x", "a step's number after #"),
        (f"{GAME}#99999", "the game was over after"),
        ("picture.png", f"takes no file; {GAME} has it play"),
    ):
        with pytest.raises(SettingError, match=why):
            sample(model, given)


def test_the_report_has_points_beside_random_play_and_moments(run):
    page = (run[0] / "report.html").read_text()
    assert "this network" in page
    assert "training frames an epoch, 10 validation games, " in page
    assert "test games of 10×10×4" in page
    assert "points a game on the validation games" in page
    assert "at random" in page
    assert "Moments of a game" in page


def test_it_leaves_as_onnx_with_the_same_answers(run, tmp_path):
    said = hubel("export", str(run[0]), "-o", str(tmp_path / "any.onnx"))
    assert "it takes what is seen of a game as uint8 rows×columns×" in said.stderr
    assert "EXIF" not in said.stderr
    said = hubel("export", str(run[0]), "-o", str(tmp_path / "model.onnx"), "--input", "sized")
    assert "differ by at most" in said.stdout


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["dqn", GAME], "pictures of 10×10×4, received one for 84×84×4; take minatar or minatar_pqn"),
        ([NORMALISED.replace("dense 3", "dense 5"), GAME], "expected a network with 3 outputs, one an action"),
        ([GAME, "--validation", "0.2"], "nothing is held out of a game"),
        ([GAME, "--fit", "crop"], "for which fit means nothing"),
        ([GAME, "--bad-images", "skip"], "for which bad_images means nothing"),
        ([GAME, "--labels", "x"], "is a game, for which labels means nothing"),
        ([GAME, "--set", "ema=0.9"], "expected ema 0.0"),
        (
            [GAME, "--patience=2", "--set=monitor=loss"],
            "return, steps, received 'loss', which the task",
        ),
        ([GAME, "--batch-size", "100"], "64 games side by side"),
        ([GAME, "--augment", "flip"], "augmentation 'none' with a game"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(line, said, tmp_path):
    found = hubel("train", *line, "--epochs=0.001", "--no-report", "--run", str(tmp_path / "run"))
    assert found.returncode == 2
    assert said in found.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"trace": 2}, "expected trace from 0 to 1, received 2"),
        ({"memory": 0}, "expected memory from 1"),
        ({"luck": 1}, "expected settings of playing"),
    ],
)
def test_settings_are_checked(how, said):
    with pytest.raises(SettingError, match=said):
        task_of(load(GAME, frames=64, how=how).train)

"""Our own games by their rules, many side by side, and words that mean none."""

import numpy as np
import pytest

from hubel.base.errors import SettingError
from hubel.data.games.breakout import Breakout
from hubel.data.games.environments import Cells
from hubel.data.games.named import OWN, environments, is_game
from tests.command import hubel

STAY, LEFT, RIGHT = 0, 1, 2


def begun(games=1, seed=0):
    found = Breakout(games)
    found.begin(np.ones(games, bool), np.random.default_rng(seed))
    return found


def put(game, **values):
    for name, value in values.items():
        game.state[name][...] = value
    return game


def did(game, *actions):
    """What each action brings, of the first game, and whether it is over in the end."""
    points = []
    for action in actions:
        reward, over = game.step(np.full(game.games, action), np.random.default_rng(0))
        points.append(float(reward[0]))
    return points, bool(over[0])


def where(game):
    return int(game.state["x"][0]), int(game.state["y"][0])


def test_it_begins_with_three_rows_of_bricks_and_a_ball_that_comes_down_from_a_side():
    planes = begun(64).planes_of()
    assert planes[..., 3].sum((1, 2)).tolist() == [30] * 64
    assert planes[:, 1:4, :, 3].all()
    assert planes[:, 9, 4, 0].all()
    assert sorted(set(begun(64).state["x"].tolist())) == [0, 9]


def test_a_brick_is_a_point_and_turns_the_ball_back_where_it_was():
    game = put(begun(), x=4, y=4, across=1, down=-1)
    assert did(game, STAY) == ([1.0], False)
    assert where(game) == (5, 4)
    assert not game.state["bricks"][0, 3, 5]
    assert int(game.state["down"][0]) == 1


def test_a_second_brick_right_after_one_is_gone_through():
    game = put(begun(), x=4, y=4, across=1, down=-1, struck=1)
    assert did(game, STAY) == ([0.0], False)
    assert where(game) == (5, 3)
    assert game.state["bricks"][0, 3, 5]


def test_the_paddle_sends_the_ball_on_from_above_and_back_from_its_edge_and_misses_it_elsewhere():
    above = put(begun(), x=4, y=8, across=1, down=1, paddle=4)
    assert did(above, STAY) == ([0.0], False)
    assert (where(above), int(above.state["across"][0]), int(above.state["down"][0])) == ((5, 8), 1, -1)
    edge = put(begun(), x=4, y=8, across=1, down=1, paddle=5)
    assert did(edge, STAY) == ([0.0], False)
    assert (where(edge), int(edge.state["across"][0]), int(edge.state["down"][0])) == ((5, 8), -1, -1)
    assert did(put(begun(), x=4, y=8, across=1, down=1, paddle=8), STAY) == ([0.0], True)
    assert did(put(begun(), x=4, y=8, across=1, down=1, paddle=6), LEFT) == ([0.0], False)


def test_walls_and_ceiling_turn_the_ball_and_the_paddle_stays_within():
    game = put(begun(), x=9, y=5, across=1, down=1, bricks=False)
    did(game, STAY)
    assert (where(game), int(game.state["across"][0])) == ((9, 6), -1)
    game = put(begun(), x=5, y=0, across=1, down=-1, bricks=False)
    did(game, STAY)
    assert (where(game), int(game.state["down"][0])) == ((6, 0), 1)
    game = put(begun(), paddle=0)
    did(game, LEFT)
    assert int(game.state["paddle"][0]) == 0
    did(put(game, paddle=9), RIGHT)
    assert int(game.state["paddle"][0]) == 9


def test_new_bricks_come_when_all_are_gone_and_the_ball_is_at_the_paddle():
    game = put(begun(), x=4, y=8, across=1, down=1, paddle=4, bricks=False)
    did(game, STAY)
    assert game.state["bricks"].sum() == 30


@pytest.mark.parametrize("name", OWN)
def test_games_side_by_side_are_what_each_is_alone(name):
    """Put from a game of many into one alone, the same action comes to the same."""
    random = np.random.default_rng(3)
    many = environments(f"minatar:{name}", 16)
    many.begin(random)
    alone = environments(f"minatar:{name}", 1)
    alone.sticky = many.sticky = 0.0
    for turn in range(60):
        which = turn % 16
        if name == "asterix":  # nothing comes, which would be drawn
            many.state["next"][:] = 5
        before = {key: value.copy() for key, value in many.state.items()}
        for key, value in alone.state.items():
            value[...] = before[key][which : which + 1]
        actions = random.integers(0, len(many.actions), 16)
        rewards, over = many.step(actions, np.random.default_rng(turn))
        reward, ended = alone.step(actions[which : which + 1], np.random.default_rng(turn))
        assert (reward[0], ended[0]) == (rewards[which], over[which])
        if not over[which] and not reward[0]:  # where nothing is drawn
            assert np.array_equal(alone.pictures()[0], many.pictures()[which])


def alone(name, **values):
    found = environments(f"minatar:{name}", 1)
    found.sticky = 0.0
    found.begin(np.random.default_rng(0))
    for key, value in values.items():
        found.state[key][...] = value
    return found


def done(game, *actions):
    """What each action brings, by its name, and whether the game is over in the end."""
    found = [game.step(np.array([game.actions.index(each)]), np.random.default_rng(0)) for each in actions]
    return [float(reward[0]) for reward, _ in found], bool(found[-1][1][0])


def test_freeways_chicken_goes_a_step_in_three_and_cars_send_it_back():
    game = alone("freeway", row=5, pause=0, x=0, wait=9)
    done(game, "up", "up", "up")
    assert int(game.state["row"][0]) == 4
    done(game, "up")
    assert int(game.state["row"][0]) == 3
    assert done(alone("freeway", row=1, pause=0, x=0, wait=9), "up") == ([1.0], False)
    game = alone("freeway", row=5, pause=0, x=3, wait=0, speed=2)  # each car drives on the chicken's column
    done(game, "stay")
    assert int(game.state["row"][0]) == 9
    assert done(alone("freeway", left=0), "stay") == ([0.0], True)


def test_in_asterix_gold_is_a_point_and_an_enemy_the_end_and_both_come_faster():
    there = {"next": 5, "turn": 3}
    lane = np.arange(8) == 4
    game = alone("asterix", there=lane, column=6, way=1, gold=1, **there)
    assert done(game, "right", "right") == ([1.0, 0.0], False)
    assert done(alone("asterix", there=lane, column=6, way=1, gold=0, **there), "right") == ([0.0], True)
    game = alone("asterix", ramp=-1, ramps=1, next=5)
    done(game, "stay")
    assert (int(game.state["comes"][0]), int(game.state["moves"][0])) == (9, 4)


def test_in_space_invaders_a_shot_alien_is_a_point_and_a_bullet_or_an_alien_below_the_end():
    game = alone("space_invaders", turn=99, shoots=99)
    points, over = done(game, "fire", *["stay"] * 6)
    assert (sum(points), over) == (1.0, False)
    assert game.state["aliens"].sum() == 23
    theirs = np.zeros((10, 10), bool)
    theirs[8, 5] = True
    assert done(alone("space_invaders", theirs=theirs), "stay") == ([0.0], True)
    assert done(alone("space_invaders", theirs=theirs), "left") == ([0.0], False)
    game = alone("space_invaders", turn=0)
    done(game, "stay")
    assert game.state["aliens"][0, :4, 1:7].all()
    last = np.zeros((10, 10), bool)
    last[0, 0] = True
    game = alone("space_invaders", aliens=last, turn=0, way=-1)
    done(game, "stay")
    assert (np.argwhere(game.state["aliens"][0]).tolist(), int(game.state["way"][0])) == ([[1, 0]], 1)


def test_what_is_put_back_goes_on_as_it_went():
    one, other = (environments("minatar:breakout", 8) for _ in range(2))
    one.begin(np.random.default_rng(1))
    for turn in range(20):
        one.step(np.full(8, turn % 3), np.random.default_rng(turn))
    for key, value in other.state.items():
        value[...] = one.state[key]
    other.restore()
    for turn in range(40):
        found = [each.step(np.full(8, turn % 3), np.random.default_rng(turn)) for each in (one, other)]
        assert all(np.array_equal(*both) for both in zip(*found, strict=True))
        assert np.array_equal(one.pictures(), other.pictures())


def test_the_action_before_is_done_again_as_often_as_is_said_and_no_game_lasts_for_ever():
    games = Cells(Breakout, 4096, sticky=0.25)
    games.begin(np.random.default_rng(0))
    games.step(np.full(4096, RIGHT), np.random.default_rng(1))
    again = (games.state["before"] == STAY).mean()
    assert abs(again - 0.25) < 0.03
    short = Cells(Breakout, 2, limit=3)
    short.begin(np.random.default_rng(0))
    over = [short.step(np.full(2, STAY), np.random.default_rng(1))[1].all() for _ in range(3)]
    assert over == [False, False, True]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("minatar:brekout", "expected one of minatar:.*did you mean 'minatar:breakout'"),
        ("minatar:tetris", "expected one of minatar:breakout, .*, minatar:space_invaders$"),
        ("minatar:", "expected one of minatar:"),
        ("gym:", "expected a game's name, such as ale:Pong"),
    ],
)
def test_words_that_mean_no_game_are_refused(word, said):
    assert is_game(word)
    with pytest.raises(SettingError, match=said):
        environments(word, 1)


def test_a_game_is_told_before_anything_is_learnt():
    told = hubel("data", "minatar:breakout").stdout
    assert "a game of pictures 10×10×4" in told
    assert "3: stay, left, right" in told
    assert "sticky actions" in told


def test_no_name_of_a_game_imports_a_module(tmp_path, monkeypatch):
    """What Gymnasium would do for `module:Name`, though a stranger's model may say it."""
    (tmp_path / "strange.py").write_text("raise SystemExit('it ran')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SettingError, match="would import a module, which no name does"):
        environments("gym:strange:Name-v0", 1)

"""What stands around training: the display, listeners, the range test, notices."""

import io
import math
import re

import pytest
from rich.console import Console

from hubel.train import Display, EpochMetrics, Progress, RateRange, TensorBoard, find_learning_rate, together, train


def shown(splits, network, recipe, directory, **console):
    screen = Console(file=io.StringIO(), width=100, **console)
    with Display(screen) as display:
        train(network, splits, recipe, directory, progress=display)
    return screen.file.getvalue()


def test_piped_output_is_plain_lines_one_an_epoch(splits, network, recipe, tmp_path):
    text = shown(splits, network, recipe, tmp_path / "run")
    assert "\x1b" not in text
    first, *epochs, last = text.splitlines()
    assert re.match(r"training [\d,]+ parameters on 640 images: 2 epochs, adam, one-cycle to 0.03", first)
    assert [line.split()[1] for line in epochs] == ["1", "2"]
    assert all("test" in line and "images/s" in line for line in epochs)
    assert last.endswith(str(tmp_path / "run" / "model.safetensors"))


def test_a_terminal_shows_how_far_how_well_how_fast_and_how_long(recipe):
    screen = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    with Display(screen) as display:
        display(Progress(2, 4, 100, 400, {"loss": 0.1234, "accuracy": 0.975}, 12_345.0, 125.0))
    text = screen.file.getvalue()
    for words in ("epoch 2/4", "loss 0.123", "accuracy  97.5%", "12,345 images/s", "2:05 left"):
        assert words in text


def test_two_listeners_hear_the_same(splits, network, recipe, tmp_path):
    first, second = [], []
    train(network, splits, recipe, tmp_path / "run", progress=together(first.append, second.append))
    assert first == second != []


@pytest.mark.peers
def test_tensorboard_gets_every_epoch(splits, network, recipe, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(network, splits, recipe, tmp_path / "run", progress=TensorBoard(tmp_path / "curves"))
    curves = EventAccumulator(str(tmp_path / "curves")).Reload()
    assert [point.step for point in curves.Scalars("test/accuracy")] == [20, 40]


def test_the_range_test_finds_a_rate_that_trains(splits, network, recipe, tmp_path):
    found = find_learning_rate(network, splits.train, recipe)
    assert isinstance(found, RateRange)
    assert list(found.rates) == sorted(found.rates)
    assert 1e-4 < found.best < 1
    run = train(network, splits, recipe.replace(learning_rate=found.best), tmp_path / "run")
    assert run.metrics[-1].evaluation_accuracy > 0.9


def test_the_range_test_ends_where_the_loss_runs_away(splits, network, recipe):
    found = find_learning_rate(network, splits.train, recipe.replace(optimizer="sgd"), high=1e6)
    assert found.rates[-1] < 1e6
    assert all(math.isfinite(loss) for loss in found.losses)
    with pytest.raises(ValueError, match="low < high"):
        find_learning_rate(network, splits.train, recipe, low=1, high=0.1)


def test_an_exception_in_a_listener_ends_training_and_leaves_a_run_to_go_on_with(splits, network, recipe, tmp_path):
    def fail(event):
        if isinstance(event, EpochMetrics):
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        train(network, splits, recipe, tmp_path / "run", progress=fail)
    assert (tmp_path / "run" / "metrics.csv").exists()


@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left on device"), UnicodeEncodeError("ascii", "×", 0, 1, "")]
)
def test_a_display_that_cannot_be_written_is_given_up_and_training_goes_on(
    splits, network, recipe, tmp_path, failure, capsys
):
    class Lost(io.StringIO):
        def write(self, text):
            raise failure

    with Display(Console(file=Lost(), width=100)) as display:
        run = train(network, splits, recipe, tmp_path / "run", progress=display)
    assert run.is_finished
    assert capsys.readouterr().err.count("progress can no longer be shown") == 1

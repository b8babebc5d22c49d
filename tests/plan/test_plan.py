"""Time, traffic and runs, worked out by hand for small cases; the table of devices; the command."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hubel import zoo
from hubel.arch import analyse, parse, training_memory
from hubel.plan import (
    DEVICES,
    HOP_SECONDS,
    SHARES,
    Device,
    device_data,
    device_from,
    find_device,
    layer_times,
    plan_run,
    plan_step,
)
from tests.command import hubel as said_by

WHOLE = dict.fromkeys(SHARES, 1.0)
FAST_MEMORY = Device("a", {"float32": 1e9}, 1e18, 10**12, 1e9, 100.0, WHOLE, 0.0, "made up")
SLOW_MEMORY = Device("b", {"float32": 1e18}, 1e9, 10**12, 1e9, 100.0, WHOLE, 0.0, "made up")


def test_arithmetic_alone_takes_two_operations_a_multiply_add():
    network = parse("28x28x192: conv 32 5x5 same")
    (layer,) = layer_times(analyse(network), 4, FAST_MEMORY)
    assert layer.forward == pytest.approx(2 * 4 * 120_422_400 / 1e9)
    assert layer.backward == pytest.approx(layer.forward)  # the images need no gradient
    assert layer.bound == "compute"


def test_memory_alone_takes_what_is_read_and_written():
    (layer,) = layer_times(analyse(parse("28x28x192: relu")), 4, SLOW_MEMORY)
    assert layer.forward == pytest.approx(4 * 2 * 28 * 28 * 192 * 4 / 1e9)
    assert layer.bound == "memory"
    (half,) = layer_times(analyse(parse("28x28x192: relu")), 4, SLOW_MEMORY, "bfloat16")
    assert half.forward == pytest.approx(layer.forward / 2)


def test_poolings_move_sixteen_channels_at_once_and_the_places_of_the_largest():
    (average,) = layer_times(analyse(parse("9x9x16: avgpool 3/2")), 2, SLOW_MEMORY)
    assert average.forward == pytest.approx(2 * 16 * (81 + 16) * 4 / 1e9)
    (narrow,) = layer_times(analyse(parse("9x9x6: avgpool 3/2")), 2, SLOW_MEMORY)
    assert narrow.forward == pytest.approx(average.forward)
    (largest,) = layer_times(analyse(parse("9x9x16: maxpool 3/2")), 2, SLOW_MEMORY)
    assert largest.forward == pytest.approx(2 * 16 * ((81 + 16) * 4 + 16 * 8) / 1e9)


def test_tanh_is_worked_out_and_relu_moved():
    with_tanh, with_relu = (
        layer_times(analyse(parse(f"9x9x16: conv 16 3x3 {name}")), 2, FAST_MEMORY)[0] for name in ("tanh", "relu")
    )
    assert with_tanh.forward - with_relu.forward == pytest.approx(2 * 2 * 7 * 7 * 16 / 1e9)
    assert with_tanh.backward == pytest.approx(with_relu.backward)


@pytest.mark.parametrize(("line", "kind", "times"), [("dropout", "dropout", 1), ("lrn", "response", 3)])
def test_what_takes_longer_than_its_numbers_to_move(line: str, kind: str, times: int):
    report = analyse(parse(f"9x9x16: {line}"))
    only = replace(FAST_MEMORY, shares={**WHOLE, kind: 0.5})
    whole, half = (layer_times(report, 2, device)[0].seconds for device in (FAST_MEMORY, only))
    assert whole == pytest.approx(times * 2 * 2 * 81 * 16 / 1e9, rel=1e-6)
    assert half == pytest.approx(2 * whole, rel=1e-6)


def test_weights_travel_at_a_rate_of_their_own():
    slow = replace(SLOW_MEMORY, shares={**WHOLE, "weights": 0.1})
    (quick,) = layer_times(analyse(parse("1000: dense 1000 nobias")), 2, SLOW_MEMORY)
    (layer,) = layer_times(analyse(parse("1000: dense 1000 nobias")), 2, slow)
    assert layer.forward - quick.forward == pytest.approx(9 * 4e6 / 1e9)
    assert layer.backward == pytest.approx(2 * layer.forward)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("8x8x16: conv 16 3x3", "convolution"),
        ("8x8x16: conv 16 1x1", "pointwise"),
        ("8x8x3: conv 16 3x3", "image"),
        ("8x8x1: conv 6 5x5", "narrow"),
        ("8x8x8: conv 32 1x1", "narrow"),
        ("8x8x16: dwconv 3x3", "depthwise"),
        ("16: dense 16", "dense"),
    ],
)
def test_classes_of_layers_have_shares_of_their_own(line: str, kind: str):
    only = replace(FAST_MEMORY, shares={**WHOLE, kind: 0.5})
    whole, half = (layer_times(analyse(parse(line)), 4, device)[0].seconds for device in (FAST_MEMORY, only))
    assert half == pytest.approx(2 * whole)


def test_laptops_are_reckoned_from_cores_clocks_and_units():
    assert find_device("ryzen-7840u").flops == pytest.approx({"float32": 844.8e9, "bfloat16": 1689.6e9})
    assert find_device("core-i7-12650h").rate("bfloat16") == pytest.approx(550.4e9)
    assert find_device("core-i7-12650h").bandwidth == pytest.approx(76.8e9)
    assert find_device("ryzen-7840u").bandwidth == pytest.approx(120e9)
    assert "8·3.3 GHz·32 = 845 GFLOP/s" in find_device("ryzen-7840u").source
    assert "reckoned" in find_device("apple-m2").source


def test_what_is_checkpointed_is_computed_twice_and_not_kept():
    network, device = zoo.get("resnet18"), find_device("a100")
    plain, twice = plan_step(network, 32, device), plan_step(network, 32, device, checkpoint=("stage1",))
    inside = sum(layer.forward for layer in plain.layers if layer.path.startswith("stage1."))
    assert twice.backward == pytest.approx(plain.backward + inside)
    assert (twice.forward, twice.update) == (plain.forward, plain.update)
    assert twice.memory.total == training_memory(network, 32, checkpoint=("stage1",)).total < plain.memory.total
    assert twice.largest_batch > plain.largest_batch
    last = plan_step(zoo.get("alexnet"), 8, device, channels_last=True)
    assert last.memory.total == training_memory(zoo.get("alexnet"), 8, channels_last=True).total
    with pytest.raises(KeyError, match="did you mean 'stage1'"):
        plan_step(network, 32, device, checkpoint=("stag1",))


def test_a_flattened_picture_costs_nothing():
    times = layer_times(analyse(parse("8x8x3: flatten, dense 10")), 4, SLOW_MEMORY)
    assert times[0].seconds == 0


def test_the_ring_sends_twice_the_gradients_but_a_share():
    network = zoo.get("vgg16")
    eight = plan_step(network, 8, find_device("a100"), devices=8)
    assert eight.reduce_bytes == pytest.approx(2 * 7 / 8 * 138_357_544 * 4)
    assert 0 <= eight.exposed <= eight.reduce
    assert eight.reduce == pytest.approx(eight.reduce_bytes / 300e9 + 14 * HOP_SECONDS)
    one = plan_step(network, 8, find_device("a100"))
    assert one.exposed == one.reduce_bytes == 0
    assert one.seconds + eight.exposed == pytest.approx(eight.seconds)


def test_what_backward_hides_and_what_it_does_not():
    network = zoo.get("alexnet")
    slow = plan_step(network, 4, Device("c", {"float32": 1e15}, 1e13, 10**12, 1e9, 100.0, WHOLE, 0.0, "x"), devices=2)
    assert slow.exposed > 0.9 * slow.reduce  # nothing to hide behind
    quick = plan_step(network, 4, FAST_MEMORY, devices=2)
    assert quick.exposed < 0.1 * quick.reduce


def test_more_devices_never_wait_less():
    waits = [plan_step(zoo.get("resnet50"), 32, find_device("a100"), devices=n).exposed for n in (1, 2, 8, 64, 1024)]
    assert waits == sorted(waits)


def test_a_run_counts_steps_time_and_energy():
    step = plan_step(parse("8: dense 2"), 10, FAST_MEMORY, devices=4)
    run = plan_run(step, 1001, 3)
    assert run.steps == 26 * 3
    assert run.seconds == pytest.approx(78 * step.seconds)
    assert run.kilowatt_hours == pytest.approx(run.seconds / 3600 * 4 * 0.1)


def test_the_memory_is_that_of_arch():
    step = plan_step(zoo.get("resnet18"), 16, find_device("rtx-3060"), precision="autocast", optimizer="adam")
    expected = training_memory(zoo.get("resnet18"), 16, precision="autocast", optimizer="adam")
    assert step.memory.total == expected.total
    bound = training_memory(zoo.get("resnet18"), step.largest_batch, precision="autocast", optimizer="adam")
    assert bound.total <= find_device("rtx-3060").memory


def test_devices_are_found_kept_and_refused():
    assert find_device("A100") is DEVICES["a100"]
    with pytest.raises(KeyError, match="did you mean 'rtx-4090'"):
        find_device("rtx-409")
    for device in DEVICES.values():
        assert device_from(json.loads(json.dumps(device_data(device)))) == device
        assert device.source
        assert device.rate("float32") <= device.rate("bfloat16")
    with pytest.raises(ValueError, match="received none of weights"):
        device_from({**device_data(FAST_MEMORY), "shares": {kind: 1.0 for kind in WHOLE if kind != "weights"}})
    with pytest.raises(ValueError, match="received none of flops"):
        device_from({name: 1 for name in device_data(FAST_MEMORY) if name != "flops"})
    for wrong in (0, 1025):
        with pytest.raises(ValueError, match="devices as an int from 1 to 1,024"):
            plan_step(zoo.get("lenet5"), 1, FAST_MEMORY, devices=wrong)
    with pytest.raises(ValueError, match="one or more images"):
        plan_run(plan_step(zoo.get("lenet5"), 1, FAST_MEMORY), 0, 1)


def hubel(*arguments: str, status: int = 0, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "hubel", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"HUBEL_CACHE": str(folder), "PATH": ""},
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_command_plans_a_run(tmp_path: Path):
    arguments = ("plan", "resnet50", "--batch", "256", "--device", "h100", "--devices", "8", "--precision", "autocast")
    text = hubel(*arguments, "--images", "1281167", "--epochs", "90", folder=tmp_path)
    for words in ("images a second", "kept for backward", "largest batch", "kWh", "assumed:", "2·(8 − 1)/8"):
        assert words in text
    found: dict[str, Any] = json.loads(hubel(*arguments, "--images", "1281167", "--json", folder=tmp_path))
    assert found["run"]["steps"] == 626
    assert found["seconds"] == pytest.approx(sum(found[part] for part in ("forward", "backward", "update", "exposed")))
    assert found["fits"]


def test_parts_are_checkpointed_from_the_command_line(tmp_path: Path):
    arguments = ("plan", "resnet18", "--device", "t4", "--json")
    plain = json.loads(hubel(*arguments, folder=tmp_path))
    twice = json.loads(hubel(*arguments, "--checkpoint", "stage1", "--checkpoint", "stage2", folder=tmp_path))
    assert twice["backward"] > plain["backward"]
    assert twice["memory"]["kept"] < plain["memory"]["kept"]


def test_an_unknown_power_tells_no_energy(tmp_path: Path):
    (tmp_path / "device.json").write_text(json.dumps(device_data(replace(FAST_MEMORY, power=0.0))))
    arguments = ("plan", "lenet5", "--images", "1000")
    assert "kWh" not in hubel(*arguments, folder=tmp_path)
    assert json.loads(hubel(*arguments, "--json", folder=tmp_path))["run"]["kilowatt_hours"] is None


def test_the_table_says_what_is_not_confirmed(tmp_path: Path):
    text = " ".join(hubel("plan", "--list", folder=tmp_path).split())
    assert "without sparsity" in text
    unconfirmed = {name for name, device in DEVICES.items() if "not confirmed from the maker" in device.source}
    assert unconfirmed == {"rtx-3060", "rtx-4060"}


def test_what_does_not_fit_is_said(tmp_path: Path):
    text = hubel("plan", "vgg16", "--batch", "512", "--device", "rtx-4060", status=1, folder=tmp_path)
    assert "does NOT fit" in text


def test_a_machine_that_is_not_measured_says_how(tmp_path: Path):
    assert "add --measure" in hubel("plan", "lenet5", status=2, folder=tmp_path)
    assert "expected a NET" in hubel("plan", status=2, folder=tmp_path)
    assert "NVIDIA" in hubel("plan", "--list", folder=tmp_path)
    (tmp_path / "device.json").write_text(json.dumps(device_data(FAST_MEMORY)))
    assert json.loads(hubel("plan", "lenet5", "--json", folder=tmp_path))["device"]["name"] == "a"
    (tmp_path / "device.json").write_text("{}")
    assert "measure again with" in hubel("plan", "lenet5", status=2, folder=tmp_path)


def test_what_if(tmp_path: Path):
    data = json.loads(hubel("compare", "lenet5", "--set", "conv2.kernel_size=3", "--json", folder=tmp_path))
    assert data["first"]["macs"] - data["second"]["macs"] == data["differences"]["macs"] == 416_520 - 322_056
    data = json.loads(hubel("compare", "mobilenet_v2", "--width", "0.5", "--json", folder=tmp_path))
    assert data["first"]["parameters"] == 3_504_872 > data["second"]["parameters"]
    assert "expected a second NET" in hubel("compare", "lenet5", status=2, folder=tmp_path)
    assert "did you mean 'conv2'" in hubel("explain", "lenet5", "--set", "conv3.filters=3", status=2, folder=tmp_path)
    assert "(3·3·6 + 1)·16 = 880" in hubel(
        "explain", "lenet5", "conv2", "--set", "conv2.kernel_size=3", folder=tmp_path
    )


def test_advice_in_words_and_as_data(tmp_path: Path):
    block = "28x28x192: conv 32 5x5 same"
    assert "12,443,648 MACs, 9.68 times cheaper" in hubel("advise", block, folder=tmp_path)
    found = json.loads(hubel("advise", block, "--json", folder=tmp_path))
    assert {advice["rule"] for advice in found["advice"]} == {"bottleneck", "stack of 3×3"}
    assert "nothing to point at" in hubel("advise", "784: dense 8 relu, dense 8", folder=tmp_path)


def test_hours_tell_how_many_images_are_seen_or_frames_played():
    line = ["plan", "minatar_pqn", "--device", "h100", "--batch-size", "64", "--hours", "2", "--json"]
    alone = json.loads(said_by(*line).stdout)
    assert alone["within"]["noun"] == "images"
    assert alone["within"]["examples"] == int(2 * 3600 * alone["images_per_second"])
    played = json.loads(said_by(*line, "--data", "minatar:breakout").stdout)["within"]
    assert played["noun"] == "frames"
    assert 0 < played["examples"] < alone["within"]["examples"] / 2  # each is learned from twice
    assert "learned from 2 times" in played["how"]
    apart = sum(float(each) for each in re.findall(r"([\d.e-]+) ms", played["how"]))
    assert played["a_second"] == pytest.approx(1000 / apart, rel=0.01)  # as it is written
    line[1] = "minatar"
    assert "looked at 9 times" in json.loads(said_by(*line, "--data", "minatar:breakout").stdout)["within"]["how"]
    assert "frames a second" in said_by(*line[:-1], "--data", "minatar:breakout").stdout


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--data", "minatar:breakout"], "expected --hours with --data"),
        (["--hours", "1", "--data", "mnist"], "expected --data with a game"),
        (["--hours", "1", "--data", "minatar:breakout", "--devices", "2"], "expected one device with --data"),
        (["--hours", "0"], "--hours"),
    ],
)
def test_hours_and_games_that_mean_nothing_are_refused(more, said):
    found = said_by("plan", "minatar_pqn", "--device", "h100", *more)
    assert found.returncode == 2
    assert said in found.stderr

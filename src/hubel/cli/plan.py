"""`hubel plan`: what training a network will take, before it is run."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hubel.base.errors import SettingError
from hubel.cli._edits import add_set, edited
from hubel.cli._finish import TABLES, Answer, add_output, finish
from hubel.cli._measured import THIS, keep, measure, measured_device
from hubel.cli._network import add_network, add_options, load_network
from hubel.cli._numbers import positive, whole
from hubel.plan import DEVICES, Devices, Plan, StepPlan, Within, find_device, plan_run, plan_step

DESCRIPTION = """Say what training takes before it is run: a step's time and memory, the largest batch, and with
--images and --epochs days and energy, on one device or on many. `--measure` measures this machine once and keeps what
it finds."""
EXAMPLES = """  hubel plan resnet50 --batch-size 64 --device a100
  hubel plan resnet50 --batch-size 256 --device h100 --devices 8 --images 1281167 --epochs 90 --precision autocast
  hubel plan resnet50 --batch-size 256 --device t4 --checkpoint stage1 --checkpoint stage2
  hubel plan lenet5 --batch-size 128 --measure
  hubel plan pqn --data ale:Pong --hours 10 --batch-size 64 --optimizer adam
  hubel plan --measure --threads 2
  hubel plan --list
  hubel plan vgg16 --batch-size 32 --device rtx-4090 --json"""

# what each keeps of a weight, in the planner's words; muon's is of kernels, which are nearly all
OPTIMIZERS = {
    "adam": "adam",
    "adamw": "adam",
    "sgd": "momentum",
    "muon": "momentum",
    "momentum": "momentum",
    "plain-sgd": "sgd",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_network(parser, "network")
    parser._actions[-1].nargs = "?"
    parser.add_argument(
        "--batch-size",
        "--batch",
        dest="batch",
        type=int,
        default=32,
        metavar="N",
        help="images a step on each device (32)",
    )
    parser.add_argument("--device", metavar="NAME", help="one of --list, or `this`, as it was measured")
    parser.add_argument("--devices", type=int, default=1, metavar="N", help="how many, 1 to 1,024 (1)")
    parser.add_argument("--precision", choices=("float32", "autocast", "bfloat16"), default="float32")
    parser.add_argument(
        "--optimizer",
        choices=tuple(OPTIMIZERS),
        default="sgd",
        help="as of `hubel train`, whose sgd has momentum (sgd); without momentum it is plain-sgd",
    )
    parser.add_argument("--channels-last", action="store_true", help="count memory for that layout")
    parser.add_argument(
        "--checkpoint",
        action="append",
        default=[],
        metavar="PART",
        help="compute the inside of a part twice instead of keeping it, such as stage1; may be given again",
    )
    parser.add_argument("--images", type=int, metavar="N", help="images in the data set")
    parser.add_argument("--epochs", type=float, metavar="N", help="how often each is seen (1)")
    parser.add_argument("--hours", type=positive, metavar="N", help="say how many images are seen in so many hours")
    parser.add_argument(
        "--data",
        metavar="GAME",
        help="with --hours, a game that it is to learn: how many frames are played, at the pace that the game has here",
    )
    parser.add_argument("--measure", action="store_true", help="measure this machine first, in some ten seconds")
    parser.add_argument("--threads", type=whole(1, 1_000), default=1, metavar="N", help="threads to measure with (1)")
    parser.add_argument("--list", action="store_true", help="list the devices, with their makers' figures")
    add_output(parser, *TABLES)
    add_set(parser)
    add_options(parser)


def run(arguments: Namespace) -> int:
    """Print a plan, the devices, or what was measured."""
    if arguments.measure:
        if arguments.threads < 1:
            raise SettingError(f"expected --threads of 1 or more, received {arguments.threads}")
        keep(measure(arguments.threads))
    here = measured_device()
    known = {THIS: here} if here is not None else {}
    if arguments.list or arguments.network is None:
        if not arguments.list and not arguments.measure:
            raise SettingError("expected a NET to plan for, or --list, or --measure; received none")
        devices = {**known, **DEVICES} if arguments.list else known
        return finish(arguments, Answer.of(Devices(devices)))
    name = arguments.device or THIS
    if name == THIS and here is None:
        raise SettingError(
            f"this machine is not measured yet: add --measure, or choose a --device of {', '.join(DEVICES)}"
        )
    network = edited(load_network(arguments.network, arguments), arguments)
    step = plan_step(
        network,
        arguments.batch,
        find_device(name, known),
        devices=arguments.devices,
        precision=arguments.precision,
        optimizer=OPTIMIZERS[arguments.optimizer],
        channels_last=arguments.channels_last,
        checkpoint=arguments.checkpoint,
    )
    if arguments.epochs is not None and arguments.images is None:
        raise SettingError("expected --images with --epochs: how many images are seen so often")
    run = plan_run(step, arguments.images, arguments.epochs or 1.0) if arguments.images is not None else None
    plan = Plan(step, run, _within(arguments, step))
    finish(arguments, Answer.of(plan))
    return 0 if plan.fits else 1


def _within(arguments: Namespace, step: StepPlan) -> Within | None:
    """How much is seen in so many hours: images, or frames of a game, which are played as well."""
    hours, data = arguments.hours, arguments.data
    if hours is None:
        if data is not None:
            raise SettingError("expected --hours with --data: how long it is to learn")
        return None
    if data is None:
        pace = step.images_per_second
        return Within(hours, int(hours * 3600 * pace), "images", pace, "images of a step / its time")
    from hubel.tasks import task_of_source

    kind, _ = task_of_source(data)
    described = kind.describe(data).data()
    if "frames_per_second" not in described:
        raise SettingError(f"expected --data with a game, such as ale:Pong, received {data}, which is for {kind.name}")
    if step.devices > 1:
        raise SettingError(
            f"expected one device with --data, since games are played by one process, received {step.devices}"
        )
    looks, learned = kind.work(step.network)
    played, looked = 1 / described["frames_per_second"], looks * step.forward / step.batch
    learnt = learned * step.seconds / step.batch
    pace = 1 / (played + looked + learnt)
    how = (
        f"played {1e3 * played:.3g} ms (measured here), looked at {looks:g} times {1e3 * looked:.3g} ms, learned from "
        f"{learned:g} times {1e3 * learnt:.3g} ms"
    )
    return Within(hours, int(hours * 3600 * pace), kind.example[1], pace, how)

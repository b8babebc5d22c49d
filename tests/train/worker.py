"""A process that trains the tests' network until it is done or stopped.

`python -m tests.train.worker DIRECTORY EPOCHS [plain]`, or the same under torchrun. Where DIE is set, the process of
that rank kills itself once, soon after it began; where HANG is, it stops without ending.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from hubel.arch import parse
from hubel.data import Splits
from hubel.train import Started, StoppedError, resume, train
from tests.train.quadrants import NETWORK, PLAIN, RECIPE, quadrants

directory, epochs = Path(sys.argv[1]), float(sys.argv[2])
network = PLAIN if "plain" in sys.argv else NETWORK
splits = Splits(train=quadrants(640, 0), test=quadrants(200, 1))
recipe = RECIPE.replace(epochs=epochs, ema=0.95, checkpoint_seconds=0)


def listen(event):
    if isinstance(event, Started):
        print("started", event.step, flush=True)


fate = {os.environ.get("DIE"): signal.SIGKILL, os.environ.get("HANG"): signal.SIGSTOP}.get(os.environ.get("RANK", ""))
if fate is not None and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
    marker = directory / "checkpoints" / "step-00000032.json"

    def die() -> None:
        while not marker.exists():
            threading.Event().wait(0.005)
        if fate == signal.SIGSTOP:
            print("hangs", flush=True)
        os.kill(os.getpid(), fate)

    threading.Thread(target=die, daemon=True).start()

try:
    if (directory / "run.toml").exists() and "RANK" not in os.environ:
        resume(directory, splits, progress=listen)
    else:
        train(parse(network), splits, recipe, directory, progress=listen)
except StoppedError as stopped:
    print(stopped)

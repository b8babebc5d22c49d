"""A process that trains the tests' network until it is done or stopped.

`python -m tests.train.worker DIRECTORY EPOCHS [plain]`, or the same under torchrun. Where DIE is set, the process of
that rank kills itself once, soon after it began; where HANG is, it stops without ending, after a restart if both are.
LATE is the rank of one that shows that it lives and comes no further; then each says how far it is.
PATIENCE is the seconds after which a silent process counts as hung, where a test does not wait as long as users do.
"""

import datetime
import os
import signal
import sys
import threading
from pathlib import Path

from hubel.arch import parse
from hubel.data import Splits
from hubel.train import Started, StoppedError, resume, start_heartbeat, train
from hubel.train.distributed import rendezvous
from tests.train.quadrants import NETWORK, PLAIN, RECIPE, quadrants

if "PATIENCE" in os.environ:
    rendezvous._PATIENCE = datetime.timedelta(seconds=float(os.environ["PATIENCE"]))

RESTARTS = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
directory, epochs = Path(sys.argv[1]), float(sys.argv[2])
network = PLAIN if "plain" in sys.argv else NETWORK
splits = Splits(train=quadrants(640, 0), test=quadrants(200, 1))
recipe = RECIPE.replace(epochs=epochs, ema=0.95, checkpoint_seconds=0)


def listen(event):
    if isinstance(event, Started):
        print("started", event.step, flush=True)


fates = {os.environ.get("DIE"): signal.SIGKILL} if RESTARTS == 0 else {}
if int("DIE" in os.environ) == RESTARTS:
    fates[os.environ.get("HANG")] = signal.SIGSTOP
fate = fates.get(os.environ.get("RANK", ""))
if fate is not None:
    marker = directory / "checkpoints" / f"step-{32 + 16 * RESTARTS:08d}.json"

    def die() -> None:
        while not marker.exists():
            threading.Event().wait(0.005)
        if fate == signal.SIGSTOP:
            print("stands still", flush=True)
        os.kill(os.getpid(), fate)

    threading.Thread(target=die, daemon=True).start()

if "LATE" in os.environ:
    start_heartbeat()
    if os.environ["LATE"] == os.environ["RANK"]:
        print("is late", flush=True)
        threading.Event().wait()
    print("is there", flush=True)

try:
    if (directory / "run.toml").exists() and "RANK" not in os.environ:
        resume(directory, splits, progress=listen)
    else:
        train(parse(network), splits, recipe, directory, progress=listen)
except StoppedError as stopped:
    print(stopped)

"""Every option of every command, read from the parsers, with odd values; and what came of each.

`python -m tests.cli.odd` reads lines, JSON lists of words, and prints how each ended: `Outcome`s as JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import resource
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from hubel.cli import COMMANDS, main, parser_of
from tests.work import HANG

WHOLE = ("-1", "0", "1", "99999999999999999999", "2147483648", "1e9", "nan", "", "x", "1.5", "٣", "0x10", " 7 ", "1_0")
REAL = ("nan", "inf", "-inf", "-1", "0", "1e308", "1e-320", "", "x", "1,5", "0x1p3", "٣.٤")
WORDS = ("", "-", "a" * 5000, "../../x", "%s%n{}", "[]", "🦊", "\x1b[31m", "a=b", "=", "None", "*", "0", "-1", "\udcff")
PATHS = ("", ".", "/dev/null", "/nonexistent/x.png", "a" * 300, "\udcff.png", "/proc/self/x.svg", "x.png/")
SHAPES = ("0x0x0", "-1x2x3", "1x1", "999999999x999999999x9", "1x1x1x1", "28X28X1", "28x28x1e3", "9" * 5000, "28x28x1")
PLACES = ("0,0", "-1,-1", "999999,999999", "0,0,0", ",", "1", "3/4", "1/0", "1:2", "5-2", "0-99999999999", "1x1/0")
SECONDS = 20  # of the processor, far more than any line needs
NETWORK = "8x8x1: conv 4 3x3 same relu, maxpool 2, flatten, dense 2 softmax"
SEEN = ["run", "a.png", "-o", "o.png"]
# of each command, the words after its name that make it work, in a folder with images.npz, a.png, b.png, model.py, run
WORKING = {
    "zoo": ["lenet5"],
    "explain": ["lenet5", "conv1"],
    "compare": ["lenet5", "alexnet"],
    "draw": ["lenet5", "-o", "o.svg"],
    "advise": ["lenet5"],
    "code": ["lenet5"],
    "plan": ["lenet5", "--device=t4"],
    "convolve": ["1 2 3 / 4 5 6 / 7 8 9", "1 0 / 0 1"],
    "inspect": ["model.py:make", "--input", "8x8x1"],
    "data": ["images.npz"],
    "train": [NETWORK, "images.npz", "--epochs=1", "--no-report", "--time=0.1"],
    "sweep": [NETWORK, "images.npz", "--trials=1", "--epochs=1", "--validation=0.2"],
    "evaluate": ["run"],
    "predict": ["run", "a.png"],
    "report": ["run", "-o", "o.html"],
    "find": ["index", "run", "."],
    "serve": ["none"],  # which there is not: a service that begins does not end
    "studio": ["none"],  # nor does a studio
    "site": [],  # of which Pyodide is a part, from npm: tests/studio has it
    "export": ["run", "-o", "o.onnx"],
    "completion": ["bash"],
    "look maps": SEEN,
    "look unit": ["run", "a.png", "--layer", "conv1", "-o", "o.png"],
    "look filters": ["run", "-o", "o.png"],
    "look convolve": SEEN,
    "look mistakes": ["run", "-o", "o.html"],
    "look space": ["run", "-o", "o.html"],
    "look changes": ["run", "-o", "o.html"],
    "look cam": SEEN,
    "look saliency": SEEN,
    "look integrated-gradients": SEEN,
    "look occlusion": SEEN,
    "look dream": [*SEEN, "--steps=1", "--octaves=1"],
    "look style": ["run", "a.png", "b.png", "-o", "o.png", "--steps=1"],
}
# those that take an exported model too, in a folder with exported.onnx
EXPORTED = {
    "inspect": ["exported.onnx", "--input", "8x8x1"],
    "explain": ["exported.onnx"],
    "evaluate": ["exported.onnx", "images.npz"],
    "predict": ["exported.onnx", "a.png"],
    "serve": ["exported.onnx", "--port=x"],
}


def of_task(source: str, network: str, run: str, *settings: str) -> dict[str, list[str]]:
    """The words that make those commands work that a task changes: its data, a network for it and a run."""
    seen = [run, "a.png", "-o", "o.png"]
    return {
        "data": [source, *settings],
        "train": [network, source, *settings, "--epochs=1", "--no-report", "--time=0.1"],
        "sweep": [network, source, *settings, "--trials=1", "--epochs=1", "--validation=0.2"],
        "evaluate": [run],
        "predict": [run, "a.png"],
        "report": [run, "-o", "o.html"],
        "export": [run, "-o", "o.onnx"],
        "find": ["index", run, "."],
        "look mistakes": [run, "-o", "o.html"],
        "look maps": seen,
        "look saliency": seen,
        "look space": [run, "-o", "o.html"],
    }


def commands() -> Iterator[tuple[list[str], argparse.ArgumentParser]]:
    """The words that name each command, and its parser."""
    for name in COMMANDS:
        parser = _choices(parser_of([name]))[name]
        inner = _choices(parser)
        yield from (([name, what], each) for what, each in inner.items()) if inner else [([name], parser)]


def lines(known: dict[str, list[str]]) -> Iterator[list[str]]:
    """All lines. known: of each command that is meant, words that make it work, as `WORKING`."""
    for words, parser in commands():
        right = known.get(" ".join(words), [])
        for action in parser._actions if right else ():
            if action.nargs == 0 or isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)):
                continue
            if action.option_strings:
                for value in values(action):
                    yield [*words, *right, f"{max(action.option_strings, key=len)}={value}"]
        for place in range(len(right)):
            if not right[place].startswith("-") and not (place and right[place - 1].startswith("-")):
                for value in (*WORDS, *PATHS, *SHAPES):
                    odd = [*right[:place], value, *right[place + 1 :]]
                    yield [*words, *odd] if not value.startswith("-") else [*words, "--", *odd]


def values(action: argparse.Action) -> tuple[str, ...]:
    """Odd values of an option's kind."""
    if action.choices:
        return ("", "x", "AUTO", "\x1b[31m")
    by_kind = {int: WHOLE, float: REAL, Path: PATHS, None: (*WORDS, *PATHS[:5])}
    return by_kind.get(action.type, (*WHOLE, *REAL, *WORDS, *SHAPES, *PLACES))  # type: ignore[call-overload]


def outcome(words: list[str]) -> dict[str, object]:
    """Run one line and tell: "done", "refused", or what must not be: "traceback", "unforeseen", "hang"."""

    def late(*_: object) -> None:
        raise _LateError

    out, error = io.TextIOWrapper(io.BytesIO(), "utf-8", "surrogateescape"), io.StringIO()
    signal.signal(signal.SIGPROF, late)
    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of the processor's time, which others on the machine do not take
    signal.alarm(HANG)  # what waits for ever takes none
    told = ""
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            status = main(words)
        told = error.getvalue()
        how = "unforeseen" if "a fault of hubel's own" in told else "done" if status in (0, 1) else "refused"
    except _LateError:
        how = "hang"
    except SystemExit as ended:
        told = error.getvalue()
        how = "done" if ended.code in (0, None) else "refused"
    except BaseException:
        how, told = "traceback", traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
    if how == "refused" and not told.strip():
        how = "silent"
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"words": words, "how": how, "told": told[-600:], "megabytes": memory}


class _LateError(BaseException):
    pass


def _choices(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(found[0].choices) if found else {}


if __name__ == "__main__":
    import hubel.train  # noqa: F401 (no line is to be interrupted while PyTorch is loaded)

    given, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO())  # "-" is standard input, for some
    for line in given:
        sys.stdout.write(json.dumps(outcome(json.loads(line))) + "\n")
        sys.stdout.flush()

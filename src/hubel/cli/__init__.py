"""The command line: one file a command, imported when it runs, so that `hubel --help` costs nothing."""

from __future__ import annotations

import errno
import importlib
import os
import stat
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO

from hubel.base.errors import HubelError, UnreadableError
from hubel.base.files import check_apart
from hubel.base.limits import looked_through
from hubel.base.names import hint, shortened
from hubel.cli._common import add_common
from hubel.cli._output import WARNED, between_words, say, steady, tell, told
from hubel.cli._parser import VERBS, Parser, command_first

# name: what --help says of it; its module has DESCRIPTION, EXAMPLES, add_arguments(parser), run(arguments) -> int
COMMANDS = {
    "zoo": "list the classic networks, or tell one's story",
    "explain": "every shape, parameter and cost of a network, with its formula",
    "compare": "two networks or blocks side by side, with ratios",
    "draw": "a network as a diagram: volumes or blocks, in SVG, HTML or PNG",
    "advise": "what an expert would point at in a network, with figures",
    "code": "a network as a program for PyTorch, Keras or Flax",
    "plan": "what training takes: time, memory, days and energy, on one device or many",
    "convolve": "a convolution or pooling by hand: every product and the running sum",
    "inspect": "what any PyTorch model of your own costs, layer by layer",
    "data": "what a data set holds: classes, sizes, duplicates, unreadable files",
    "train": "train a network on images",
    "sweep": "search for a better recipe: many trainings, the worse given up early",
    "evaluate": "measure a trained run on a data set",
    "predict": "what a trained run sees in images",
    "export": "a trained run in a form that others run, checked against predict",
    "report": "a run as one page that works offline, with the model running in it",
    "find": "images of a folder that a trained run takes for alike",
    "serve": "trained models as a service over HTTP, with a page",
    "studio": "a page in which networks are designed: type one, and all follows",
    "site": "the studio as files for any web server, hubel running in the page",
    "look": "what goes on inside a trained run: maps, filters, units, attribution, mistakes",
    "completion": "what completes commands, options and names in bash, zsh and fish",
}

_OPENING = ("evaluate", "predict", "export", "report", "find", "serve")
_LASTING = ("train", "sweep")  # what they are for lies in files; what they print is only on the way


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0 done, 1 a negative answer, 2 a mistake or output that could
    not be written, 130 interrupted, 128 + its number where a signal stopped it.

    A command whose reader has gone (`hubel … | head`) goes on to its end all the same, quietly.
    """
    with steady() as lost:
        return _run(list(sys.argv[1:] if arguments is None else arguments), lost)


def _run(given: list[str], lost: Callable[[], OSError | None]) -> int:
    if given[:1] == ["help"]:
        given = [*given[1:], "--help"]
    if given[:1] == ["--version"]:
        from hubel import __version__

        say(f"hubel {__version__}")
        return 0
    given = command_first(given, COMMANDS)
    wanted = next((word for word in given if not word.startswith("-")), None)
    parser = parser_of(() if wanted is None else (wanted,))
    if wanted is not None and wanted not in COMMANDS:
        elsewhere = VERBS.get(wanted)
        said = f"; did you mean {elsewhere!r}?" if elsewhere else hint(wanted, COMMANDS)
        parser.error(f"no command is called {wanted!r}{said}")
    parsed = parser.parse_args(given)
    if parsed.command is None:
        parser.print_help()
        return 0
    _TOLD.clear()
    WARNED.clear()
    warnings.showwarning = _warned
    status, why = _guarded(parsed), lost()
    if why is None or isinstance(why, BrokenPipeError):
        return status
    tell(f"standard output could not be written ({why.strerror})")
    return status or (0 if parsed.command in _LASTING and not parsed.json else 2)


def parser_of(wanted: Iterable[str]) -> Parser:
    """The parser of the whole command line, with the options of these commands alone: of others only the names."""
    parser = Parser(
        prog="hubel",
        description="A convolutional network from the line on a slide to a trained, understood and deployed model.",
        epilog="`hubel help COMMAND` says more, with examples; options may stand anywhere. NET is a zoo name\n"
        "(lenet5), a text form ('28x28x1: conv 6 5x5 tanh, flatten, dense 10'), a file that holds one, an ONNX\n"
        "file, or model.py:make_model.",
    )
    parser.add_argument("--version", action="store_true", help="show hubel's version and stop")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, help_text in COMMANDS.items():
        if name not in wanted:
            commands.add_parser(name, help=help_text)
            continue
        module = importlib.import_module(f"hubel.cli.{name}")
        epilog = "examples:\n" + module.EXAMPLES
        command = commands.add_parser(name, help=help_text, description=module.DESCRIPTION, epilog=epilog)
        add_common(command, opens_models=name in _OPENING)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


_TOLD: set[tuple[str, str, int]] = set()


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Tell a warning of hubel's own in one line, another's as Python does; each once, as models run several times."""
    if (key := (str(message), filename, lineno)) in _TOLD:
        return
    _TOLD.add(key)
    own = category.__module__.startswith("hubel.")
    WARNED.extend([str(message)] * own)
    stream = file or sys.stderr
    said = between_words(f"hubel: {told(message)}\n", stream)
    stream.write(said if own else warnings.formatwarning(message, category, filename, lineno, line))


def _guarded(parsed: Namespace) -> int:
    try:
        for note in looked_through():
            tell(note)
        _check_files(parsed)
        return int(parsed.run(parsed))
    except KeyboardInterrupt:
        tell("interrupted")
        return 130
    except Exception as error:
        if parsed.debug:
            raise
        tell(_told(error))
        return 2


def _check_files(parsed: Namespace) -> None:
    """Raise UnreadableError for a pipe among files that are named, into which nobody may ever write (those of the
    shell, /dev/stdin and <(…), are read), and SettingError where the file to write is one of those to read.
    """
    named = [
        word
        for option, value in vars(parsed).items()
        if option not in _WRITTEN
        for word in (value if isinstance(value, list) else [value])
        if isinstance(word, (str, os.PathLike))
    ]
    read = [place for word in named for place in (os.fspath(word), str(word).rpartition(":")[0])]  # of FILE.py:NAME
    for place in read:
        if _is_pipe(place):
            raise UnreadableError(
                f"{place}: expected a file, received a pipe, into which nobody may ever write; one whose writer runs "
                "is read as <(…), or from standard input as /dev/stdin"
            )
    for option in _WRITTEN:
        if (written := getattr(parsed, option, None)) is not None:
            check_apart(Path(written), [place for place in read if place and "\0" not in place])


_WRITTEN = ("output", "place")  # the options whose file is written


def _is_pipe(word: str) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(word).st_mode) and not os.path.realpath(word).startswith(("/dev/", "/proc/"))
    except (OSError, ValueError):  # no file, or what no file is called
        return False


def _told(error: Exception) -> str:
    """Say what went wrong; where that is nothing that hubel meant to say, how to report it."""
    if isinstance(error, ModuleNotFoundError):
        return _missing(error)
    words = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    if isinstance(error, HubelError):
        return words
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, MemoryError):
        return "there is not enough memory for it; end other programs, or raise the limit (ulimit -v)"
    first = words.strip().partition("\n")[0][:300]
    return (
        f"a fault of hubel's own ({type(error).__name__}{first and f': {first}'}); please report it, with what "
        "the same line shows when --debug stands at its end"
    )


def _of_system(error: OSError) -> str:
    """What the system refused: the place first, its words, and what helps where that is known."""
    if error.filename is None or error.strerror is None:
        return str(error)
    more = _HELPS.get(error.errno or 0, "")
    return f"{shortened(str(error.filename), 80)}: {error.strerror[:1].lower()}{error.strerror[1:]}{more}"


_HELPS = {
    errno.ENAMETOOLONG: "; a name may have 255 bytes, so that this is no file or folder",
    errno.ENOENT: "; it was removed or renamed while this went on",
    errno.EACCES: "; whose file it is may let you (chmod), or name another place",
    errno.EMFILE: "; ulimit -n raises how many files may be open",
}
EXTRAS = {
    "torch": "train",
    "numpy": "train",
    "PIL": "train",
    "safetensors": "train",
    "filelock": "train",
    "tomli_w": "train",
    "resvg_py": "draw",
    "reportlab": "draw",
    "onnx": "onnx",
    "onnxruntime": "export",
    "captum": "look",
    "sklearn": "look",
    "datasets": "hub",
    "tensorboard": "tensorboard",
    "optuna": "sweep",
    "fastapi": "serve",
    "uvicorn": "serve",
    "python_multipart": "serve",
}


def _missing(error: ModuleNotFoundError) -> str:
    package = (error.name or "").partition(".")[0]
    extra = EXTRAS.get(package)
    if extra is None:
        return str(error)
    return f"this command needs {package}, which is not installed; install it with: pip install 'hubel[{extra}]'"

"""The parser of every command: options in any order among the words, and mistakes that end in a remedy."""

from __future__ import annotations

import re
import sys
from argparse import Action, ArgumentError, ArgumentParser, RawDescriptionHelpFormatter, _SubParsersAction
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from hubel.base.names import did_you_mean, nearest
from hubel.cli._output import between_words

# what people type, who know it from elsewhere
ELSEWHERE = {
    "--lr": "--learning-rate",
    "--bs": "--batch-size",
    "--gpu": "--device",
    "--cuda": "--device",
    "--format": "--output",
    "--out": "--output",
    "--save": "--output",
    "--name": "--run",
    "--pretrained": "--weights",
    "--val": "--validation",
    "--val-split": "--validation",
    "--image-size": "--input",
    "--shape": "--input",
    "--num-classes": "--classes",
    "--random-seed": "--seed",
    "--framework": "--to",
    "--early-stopping": "--patience",
    "--wd": "--set weight_decay",
    "--scheduler": "--set schedule",
    "--lr-schedule": "--set schedule",
    "--clip": "--set clip_norm",
    "--grad-clip": "--set clip_norm",
    "--channels-last": "--set memory_format",
    "--amp": "--set precision",
    "--fp16": "--set precision",
    "--class-weights": "--set balance",
    "--split": "--part",
    "--subset": "--part",
    "--host": "--address",
}
OF_RECIPES = (  # settings without an option of their own
    "momentum beta2 weight_decay schedule warmup label_smoothing clip_norm ema balance balance_power mirrors views "
    "keep monitor measure_every initializer layer_decay pixels precision memory_format threads compile deterministic "
    "checkpoint_seconds keep_checkpoints"
)
ELSEWHERE |= {f"--{name.replace('_', '-')}": f"--set {name}" for name in OF_RECIPES.split()}
OTHER_VERBS = {
    "zoo": "list models",
    "explain": "summary describe",
    "compare": "diff",
    "draw": "plot",
    "plan": "profile",
    "train": "fit finetune",
    "sweep": "tune",
    "evaluate": "test eval validate",
    "predict": "infer classify",
    "export": "convert save",
    "find": "search",
    "serve": "deploy",
    "studio": "gui ui",
    "look": "visualize visualise",
    "--version": "version",
}
VERBS = {word: verb for verb, words in OTHER_VERBS.items() for word in words.split()}
FORMATS = {name: name for name in ("csv", "md", "tex", "html", "txt", "svg", "png", "pdf", "gif", "onnx")}
FORMATS |= {"latex": "tex", "markdown": "md", "text": "txt"}
_NUMBERS = {int: "a whole number", float: "a number"}


class _Help(RawDescriptionHelpFormatter):
    """Help in which no word is broken: paragraphs in the terminal's width, and lines that are set in as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = [lines.split("\n") for lines in text.strip("\n").split("\n\n")]
        return "\n\n".join(
            "\n".join(lines) if any(line.startswith("  ") for line in lines) else "\n".join(_wrapped(lines, width))
            for lines in paragraphs
        )

    def _split_lines(self, text: str, width: int) -> list[str]:
        return _wrapped([text], width)


def _wrapped(lines: Iterable[str], width: int) -> list[str]:
    import textwrap  # here: only help asks for it

    return textwrap.wrap(" ".join(lines), width, break_long_words=False, break_on_hyphens=False)


class Parser(ArgumentParser):
    """argparse's parser; commands of commands are of its kind too."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"formatter_class": _Help, **settings})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Read what was given, options first, wherever they stood. Nothing is left over: that is a mistake."""
        given = list(args or ())
        inner = self.commands()
        given = command_first(given, inner) if inner else self._options_first(given)
        found, left = super().parse_known_args(given, namespace)
        if left:
            self.error(f"{' '.join(left)}: more words than `{self.prog}` takes{self._file(left[-1])}")
        return found, []

    def commands(self) -> dict[str, Parser]:
        """The commands among which the first word chooses, by name; of most parsers there are none."""
        inner = [action for action in self._actions if isinstance(action, _SubParsersAction)]
        return dict(inner[0].choices) if inner else {}

    def words(self) -> list[Action]:
        """What is told by its place."""
        return [action for action in self._get_positional_actions() if not isinstance(action, _SubParsersAction)]

    def options(self) -> list[Action]:
        """What is told by a name."""
        return self._get_optional_actions()

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, how the command is written, and where more is said; end with status 2."""
        lines = [f"hubel: {message}", self.short_usage(), f"`hubel help{self.prog.removeprefix('hubel')}` says more"]
        self.exit(2, between_words("\n".join(lines), sys.stderr) + "\n")

    def short_usage(self) -> str:
        """The command's words, and that there are options."""
        if self.usage:
            return self.format_usage().rstrip()
        shown = ["COMMAND …"] if self.commands() else [_placed(action) for action in self.words()]
        return f"usage: {' '.join([self.prog, *shown])} [options]"

    def _options_first(self, given: Sequence[str]) -> list[str]:
        """The words with every option, and what belongs to it, before what stands by its place."""
        options: list[str] = []
        words: list[str] = []
        waiting = list(reversed(given))
        while waiting:
            word = waiting.pop()
            if word == "--":
                words += reversed(waiting)
                break
            if not _looks_optional(word):
                words.append(word)
                continue
            name, *value = word.split("=", 1) if word.startswith("--") else (word[:2], *filter(None, [word[2:]]))
            action = self._option(name)
            if action.nargs == 0 or value:
                options.append(word)
            elif action.nargs in (None, "?") and waiting and not self._is_option(waiting[-1]):
                long = max(action.option_strings, key=len)
                options.append(f"{long}={waiting.pop()}")
            else:
                options.append(word)
                while action.nargs == "+" and waiting and "=" in waiting[-1] and not _looks_optional(waiting[-1]):
                    options.append(waiting.pop())
        return [*options, "--", *_networks_joined(words)] if words else options

    def _is_option(self, word: str) -> bool:
        return _looks_optional(word) and bool(self._meant(word.partition("=")[0]))

    def _option(self, name: str) -> Action:
        found = self._meant(name)
        if not found:
            self.error(f"{name}: no option of `{self.prog}`{self._near(name)}")
        if len({id(self._option_string_actions[each]) for each in found}) > 1:
            self.error(f"{name} may mean {' or '.join(found)}")
        return self._option_string_actions[found[0]]

    def _meant(self, name: str) -> list[str]:
        """The option that is called so, or all that begin so."""
        if name in self._option_string_actions:
            return [name]
        return [each for each in self._option_string_actions if name.startswith("--") and each.startswith(name)]

    def _file(self, word: str) -> str:
        """What to say of a word that may be the file to write."""
        ending = re.search(r"\.[a-z]{2,5}$", word, re.IGNORECASE)
        return f"; did you mean '-o {word}'?" if ending and "--output" in self._option_string_actions else ""

    def _near(self, name: str) -> str:
        if name.lstrip("-").lower() in FORMATS and "--output" in self._option_string_actions:
            return f"; did you mean '-o FILE.{FORMATS[name.lstrip('-').lower()]}'?"
        known = [each for each in self._option_string_actions if each.startswith("--")]
        for placed in self.words():
            if name.lstrip("-").lower() in (placed.dest, str(placed.metavar).lower()):
                return f"; {placed.metavar} stands without an option"
        written = name.lower().replace("_", "-")
        elsewhere = ELSEWHERE.get(written, "")
        if elsewhere.partition(" ")[0] in known and ("--recipe" in known or not elsewhere.startswith("--set ")):
            return f"; did you mean {elsewhere!r}?"
        if "--option" in known and (option := written.lstrip("-").replace("-", "_")) in _of_networks():
            return f"; did you mean '--option {option}=VALUE'?"
        near = nearest(written.lstrip("-"), [each[2:] for each in known])  # without the dashes, in which all are alike
        return f"; did you mean '--{near}'?" if near else ""

    def _check_value(self, action: Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            raise ArgumentError(
                action, f"expected {_either(choices)}, received {value!r}{did_you_mean(str(value), choices)}"
            )

    def _get_value(self, action: Action, arg_string: str) -> Any:
        wanted = _NUMBERS.get(action.type) if isinstance(action.type, type) else None
        try:
            value = super()._get_value(action, arg_string)
            among = action.choices is not None and isinstance(value, str) and value not in action.choices
            return value.lower() if among and value.lower() in (action.choices or ()) else value
        except ArgumentError:
            if wanted is None:
                raise
            raise ArgumentError(action, f"expected {wanted}, received {arg_string!r}") from None


def _of_networks() -> set[str]:
    """What can be set of some network of the zoo."""
    from hubel import zoo  # here: only a mistake asks for it

    return {option for name in zoo.names() for option in zoo.entry(name).options}


def command_first(given: Sequence[str], commands: Iterable[str]) -> list[str]:
    """The words with the command's name before options that stood before it."""
    first = given[:1] and given[0].startswith("-")
    place = next((place for place, word in enumerate(given) if word in commands), 0) if first else 0
    return [*given[place : place + 1], *given[:place], *given[place + 1 :]]


def _networks_joined(words: list[str]) -> list[str]:
    """The words with a network in text form as one of them, where its quotes were forgotten."""
    from hubel.arch import parse

    for start, word in enumerate(words):
        if not re.match(r"\d+([x×]\d+)*:|\d+([x×]\d+)+$", word) or start + 1 == len(words):
            continue
        for stop in range(len(words), start + 1, -1):
            try:
                parse(" ".join(words[start:stop]))
            except (ValueError, LookupError):
                continue
            return [*words[:start], " ".join(words[start:stop]), *words[stop:]]
        if ":" not in word[:-1]:  # a mistake in it, which is then shown where it stands
            return [*words[:start], " ".join(words[start:])]
    return words


def _looks_optional(word: str) -> bool:
    """Whether a word is an option by its form: numbers (−1) and grids (-1 2) are none, and - is standard input."""
    return re.match(r"-(?!\d|\.\d)\S", word) is not None and " " not in word.partition("=")[0]


def _placed(action: Action) -> str:
    name = str(action.metavar or action.dest)
    return {"?": f"[{name}]", "+": f"{name} …", "*": f"[{name} …]"}.get(str(action.nargs), name)


def _either(choices: Iterable[str]) -> str:
    *most, last = choices
    return f"{', '.join(most)} or {last}" if most else last

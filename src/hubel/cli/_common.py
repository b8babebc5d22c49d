"""Options that commands share, whatever they are about."""

from __future__ import annotations

import os
from argparse import SUPPRESS, Action, ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from hubel.base.errors import HubelError
from hubel.base.limits import IGNORED


class _IgnoreDamage(Action):
    """Let every model that this process opens be used though it is damaged; it is said of each."""

    def __call__(
        self,
        parser: ArgumentParser,
        arguments: Namespace,
        values: str | Sequence[Any] | None,
        option: str | None = None,
    ) -> None:
        os.environ[IGNORED] = "1"


class _Layers(Action):
    """Make the layers of a user's own file known before the command looks at any network."""

    def __call__(
        self,
        parser: ArgumentParser,
        arguments: Namespace,
        values: str | Sequence[Any] | None,
        option: str | None = None,
    ) -> None:
        from hubel.cli._model_file import load_layers

        try:
            load_layers(str(values))
        except (HubelError, OSError, ImportError) as error:
            parser.error(str(error))


def add_common(command: ArgumentParser, opens_models: bool) -> None:
    """Add --debug and --layers, and to commands that open trained models --ignore-damage."""
    command.add_argument(
        "--layers",
        action=_Layers,
        dest=SUPPRESS,
        metavar="FILE.py",
        help="a Python file with layers of your own, which is run; may be given several times",
    )
    command.add_argument("--debug", "--traceback", action="store_true", help="show where in the code an error arose")
    if opens_models:
        command.add_argument(
            "--ignore-damage",
            action=_IgnoreDamage,
            nargs=0,
            dest=SUPPRESS,
            help="use a model though its file is damaged, to save what can be saved",
        )

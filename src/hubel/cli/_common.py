"""Options that commands share, whatever they are about."""

from __future__ import annotations

import os
from argparse import SUPPRESS, Action, ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any


class _IgnoreDamage(Action):
    """Let every model that this process opens be used though it is damaged; it is said of each."""

    def __call__(
        self,
        parser: ArgumentParser,
        arguments: Namespace,
        values: str | Sequence[Any] | None,
        option: str | None = None,
    ) -> None:
        os.environ["HUBEL_IGNORE_DAMAGE"] = "1"


def add_common(command: ArgumentParser, opens_models: bool) -> None:
    """Add --debug, and to commands that open trained models --ignore-damage."""
    command.add_argument("--debug", "--traceback", action="store_true", help="show where in the code an error arose")
    if opens_models:
        command.add_argument(
            "--ignore-damage",
            action=_IgnoreDamage,
            nargs=0,
            dest=SUPPRESS,
            help="use a model though its file is damaged, to save what can be saved",
        )

"""Commands as users type them, run in this process: a new one that loads PyTorch takes seconds to start."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from subprocess import CompletedProcess

import pytest

from hubel.cli import main


def hubel(*arguments: object, columns: int = 400) -> CompletedProcess[str]:
    """Run a command and return its status and what it said, as a process that writes UTF-8 to pipes would."""
    said, told = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    line = [str(argument) for argument in arguments]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(told):
        patch.setenv("COLUMNS", str(columns))
        try:
            status = main(line)
        except SystemExit as stop:  # argparse has told a mistake
            status = int(stop.code or 0)
    out, err = (stream.buffer.getvalue().decode() for stream in (said, told))
    return CompletedProcess(line, status, out, err)

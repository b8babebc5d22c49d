"""What commands print: in letters that the receiver has, and without being stopped where nobody receives it."""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from shutil import get_terminal_size
from typing import Any, TextIO

from hubel.base.words import json_text, printable

_WHOLE: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False, "drop_whitespace": True}
_LONGEST = 6000  # letters of a message
_PLAIN = dict(zip("×·−–—‑…→←↑↓⌊⌋⌈⌉≤≥≈█▀▄✓’‘“”", "x*----.><^v[][]<>~###v''\"\"", strict=True))


WARNED: list[str] = []
"""What hubel has warned of since its command began."""


def with_warnings(value: Any) -> Any:
    """Data, or each answer of several, with what hubel has warned of so far, where that is anything."""
    if isinstance(value, list):
        return [with_warnings(each) for each in value]
    return {**value, "warnings": [*WARNED]} if WARNED and isinstance(value, dict) else value


def print_json(value: Any) -> None:
    """Print a value as one line of JSON, with escapes for the letters that the receiver's encoding lacks."""
    text = json_text(with_warnings(value))
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(json.loads(text))
    print(text)


def say(text: object) -> None:
    """Print lines of plain text, which may hold names from files."""
    print_line(text, sys.stdout)


def print_line(text: object, stream: TextIO) -> None:
    """Print lines of plain text to standard output or error, with nothing hidden in them."""
    print(printable(str(text), keep="\n\t"), file=stream)


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Lead what a user's own code prints, and what it starts, to standard error: standard output is the command's."""
    try:
        own, error = sys.__stdout__.fileno(), sys.__stderr__.fileno()  # type: ignore[union-attr]
        sys.stdout.flush()
        kept = os.dup(own)
    except (AttributeError, OSError, ValueError):  # no file: a notebook, a test
        own = kept = -1
    try:
        if kept >= 0:
            os.dup2(error, own)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        if kept >= 0:
            os.dup2(kept, own)
            os.close(kept)


def tell(text: object) -> None:
    """Tell on standard error, after hubel's name, what went wrong or is being done."""
    print(between_words(f"hubel: {told(text)}", sys.stderr), file=sys.stderr)


def between_words(text: str, stream: TextIO) -> str:
    """Lines that a terminal need not break within words, where that can be; for what is no terminal, as they are."""
    if not stream.isatty():
        return text
    import textwrap

    width = get_terminal_size().columns
    return "\n".join(
        line
        if len(line) <= width
        else textwrap.fill(line, width, subsequent_indent=" " * (len(line) - len(line.lstrip())), **_WHOLE)
        for line in text.split("\n")
    )


def told(text: object) -> str:
    """A message as it can be shown: nothing hidden in it, and not without end."""
    return printable(str(text), "\n\t", _LONGEST)


@contextlib.contextmanager
def steady() -> Iterator[Callable[[], OSError | None]]:
    """Let nothing that is printed raise while this runs: what cannot be written is dropped from there on, and a letter
    that the receiver's encoding lacks is replaced.

    Yields what tells why standard output was lost, if it was. Streams that do not lead to a file of the system's, such
    as those of tests and notebooks, stay as they are.
    """
    codecs.register_error("hubel", _replaced)
    before = sys.stdout, sys.stderr
    outlets = _outlet(sys.stdout, 1), _outlet(sys.stderr, 2)
    sys.stdout, sys.stderr = (
        stream if outlet is None else _text(outlet, stream) for outlet, stream in zip(outlets, before, strict=True)
    )

    def lost() -> OSError | None:
        sys.stdout.flush()
        return None if outlets[0] is None else outlets[0].lost

    try:
        yield lost
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _outlet(stream: Any, number: int) -> _Outlet | None:
    if stream is None:  # it was closed when Python began
        with contextlib.suppress(OSError):  # so that no file opened later is taken for the terminal by a library
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
        outlet = _Outlet(number, "wb", closefd=False)
        outlet.lost = OSError(errno.EBADF, "it is closed")
        return outlet
    buffer = getattr(stream, "buffer", None)
    if not isinstance(getattr(buffer, "raw", buffer), io.FileIO):
        return None
    with contextlib.suppress(OSError):
        stream.flush()
    return _Outlet(stream.fileno(), "wb", closefd=False)


def _text(outlet: _Outlet, stream: Any) -> io.TextIOWrapper:
    unbuffered = stream is not None and stream.write_through
    return io.TextIOWrapper(
        outlet if unbuffered else io.BufferedWriter(outlet),
        encoding="utf-8" if stream is None else stream.encoding,
        errors="hubel",
        line_buffering=stream is not None and stream.line_buffering,
        write_through=unbuffered,
    )


class _Outlet(io.FileIO):
    """A file that takes whatever it is given. lost: why it could not be written, the first time."""

    lost: OSError | None = None

    def write(self, content: Any) -> int:
        """Write bytes, or drop them where that has failed once."""
        if self.lost is None:
            try:
                return super().write(content)
            except OSError as error:
                self.lost = error
        return len(memoryview(content).cast("B"))


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """Stand in for letters that an encoding lacks: what looks alike, or a question mark."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_PLAIN.get(letter, "?") for letter in missing), error.end

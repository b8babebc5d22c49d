"""Training as one watches it: a live line and a table of epochs in a terminal, plain lines where output is piped."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hubel.base.words import printable
from hubel.tasks import Task, task_named
from hubel.tasks.names import USUAL
from hubel.train.run.events import EpochMetrics, Event, Finished, Notice, Progress, Started
from hubel.train.run.samples import Sample
from hubel.view.words.terminal import Terminal

QUIET = 9.0  # seconds without a line in a pipe, after which one is written; events come a few times a second


class Display:
    """A listener that shows a run as it goes; use it in a `with` block.

    Into a pipe it writes a line an epoch, and within long ones one with the time left, at least every ten seconds.

    >>> with Display() as display:  # doctest: +SKIP
    ...     train(network, splits, None, "runs/first", progress=display)
    """

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.console, self._clock, self._said = console or Terminal(), clock, clock()
        # drawn as events come: rich's own thread would hold up those that train
        self._live = Live(console=self.console, auto_refresh=False, transient=True)
        self._shown = self._lost = False
        self._task: Task = task_named(USUAL).from_settings((), {})
        self._example = self._task.example[1]

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._steadily(self._hide)

    def __call__(self, event: Event) -> None:
        """Show an event; where that cannot be, nothing more is shown, and training goes on."""
        self._steadily(lambda: self._tell(event))

    def _steadily(self, show: Callable[[], None]) -> None:
        if self._lost:
            return
        try:
            show()
        except (OSError, UnicodeError, SystemExit) as error:  # rich ends the process where a pipe is closed
            self._lost, why = True, error.__context__ if isinstance(error, SystemExit) else error
            with contextlib.suppress(OSError, AttributeError):
                sys.stderr.write(f"hubel: progress can no longer be shown ({why}); training goes on\n")

    def _tell(self, event: Event) -> None:
        if isinstance(event, Started):
            self._start(event)
        elif isinstance(event, Progress):
            if self.console.is_terminal:
                self._show(event)
            elif self._clock() - self._said >= QUIET:
                self._say(plain_progress(event, self._task, self._example))
        elif isinstance(event, EpochMetrics):
            self._say(epoch_line(event, self._task, self._example))
        elif isinstance(event, Sample):
            self._hide()
            self._say(f"iteration {event.step:,}, loss {event.loss:.3f}:")
            self.console.print(printable(event.text, keep="\n\t"), style="dim", markup=False, highlight=False)
        elif isinstance(event, Notice):
            self.console.print(event.message, style="yellow", soft_wrap=True)
        else:
            self._finish(event)

    def _say(self, line: str) -> None:
        self.console.print(line, soft_wrap=True)
        self._said = self._clock()

    def _start(self, event: Started) -> None:
        self._task, self._example = event.task, event.example[1]
        for problem in event.problems:
            self.console.print(f"skipped a damaged checkpoint: {problem}", style="yellow", soft_wrap=True)
        trained = "" if event.trained == event.parameters else f"{event.trained:,} of "
        examples = (
            f"{event.examples:,} {event.example[event.examples != 1]}{' an epoch' * bool(event.task.measured_by)}"
        )
        self.console.print(
            f"training {trained}{event.parameters:,} parameters on {examples}: {event.recipe}",
            soft_wrap=True,
        )
        if event.step:
            self.console.print(f"going on after step {event.step:,} of {event.steps:,}", soft_wrap=True)

    def _show(self, event: Progress) -> None:
        if not self._shown:
            self._live.start()
            self._shown = True
        self._live.update(progress_line(event, self._task, self._example), refresh=True)

    def _finish(self, event: Finished) -> None:
        self._hide()
        self.console.print(f"{event.reason}, {clock(event.seconds)}: {event.model}", soft_wrap=True)

    def _hide(self) -> None:
        if self._shown:
            self._live.stop()
            self._shown = False


def epoch_line(event: EpochMetrics, task: Task, example: str) -> str:
    """One line for a finished epoch: the figures of training, and the primary one of what was measured."""
    line = f"epoch {event.epoch:3d}  {_figures(event.training, task, 2)}"
    if event.evaluated:
        title = "" if task.primary.name in event.training else f"{task.primary.title} "
        line += f"  {event.evaluated} {title}{task.primary.text(event.evaluation[task.primary.name]):>7}"
    return f"{line}  {event.images_per_second:,.0f} {example}/s  {clock(event.seconds)}"


def plain_progress(event: Progress, task: Task, example: str) -> str:
    """A line within an epoch: how far, how well, how fast, how long still."""
    figures = f"{_figures(event.figures, task, 2)}  {event.images_per_second:,.0f} {example}/s"
    return f"epoch {event.epoch}/{event.epochs}, step {event.step:,} of {event.steps:,}  {figures}  {_left(event)}"


def _left(event: Progress) -> str:
    return f"{clock(event.seconds_left)} left"


def progress_line(event: Progress, task: Task, example: str) -> Table:
    """The live line: how far, how well, how fast, how long still."""
    row = Table.grid(padding=(0, 2))
    words = f"{_figures(event.figures, task, 1)}  {event.images_per_second:,.0f} {example}/s"
    row.add_row(
        Text(f"epoch {event.epoch}/{event.epochs}", no_wrap=True),
        ProgressBar(total=event.steps, completed=event.step, width=8),
        Text(f"{words}  {_left(event)}", no_wrap=True),
    )
    return row


def _figures(values: Mapping[str, float], task: Task, digits: int) -> str:
    known = [(task.figure(name), value) for name, value in values.items()]
    # shares are as wide as 100.0%
    widths = {"share": digits + 5, "number": 0}
    return "  ".join(f"{each.title} {each.text(value, digits):>{widths[each.kind]}}" for each, value in known)


def clock(seconds: float) -> str:
    """A time in words: 8.4 s, 3:25, 2:03:25."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = time.gmtime(seconds)
    hours = int(seconds) // 3600
    return f"{hours}:{whole.tm_min:02d}:{whole.tm_sec:02d}" if hours else f"{whole.tm_min}:{whole.tm_sec:02d}"

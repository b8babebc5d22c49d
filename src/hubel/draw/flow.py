"""Any model's pass as a railway: a row for each call, and a track for each result until its last reader has had it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

from hubel.view.figures import figure as view
from hubel.view.figures.scene import Circle, Group, Line, Mark, Rectangle, Scene, Text, shortened, text_width

MOST = 150  # rows, above which parts are drawn as one
_ROW, _TRACK, _TOP, _EDGE, _GAP = 22.0, 16.0, 64.0, 16.0, 14.0
_NAMES = 300.0  # the widest column of paths
_MANY = 12  # notes that are drawn
_NOTES, _LINE = 380.0, 16.0  # notes below are at least so wide, and their lines so high

# The first that a module's class or an operation's name holds says which colour it has.
_ROLES = (
    ("input", r"^(in|out)put$"),
    ("join", r"^(add|sub|rsub|mul|div|cat|concat|stack|maximum|minimum|where)$"),
    ("pooling", r"pool|^(reduce)?(mean|amax|sum|max|l2)$"),
    ("normalization", r"norm"),
    ("regularization", r"drop|stochastic"),
    ("recurrent", r"lstm|gru|rnn"),
    ("embedding", r"embed"),
    ("convolution", r"conv"),
    ("dense", r"linear|dense|attention|^(mm|bmm|addmm|matmul|baddbmm|gemm)$"),
    ("activation", r"relu|elu|silu|swish|mish|sigmoid|tanh|softmax|softplus|activation|hardtanh|^(erf|clip)$"),
)


class Stop(Protocol):
    """A call or an operation, as `hubel.nn.inspect` has them."""

    @property
    def name(self) -> str:
        """The module's path."""

    @property
    def type(self) -> str:
        """Its class, or the operation."""

    @property
    def shape(self) -> tuple[int, ...] | None:
        """What it gives, where that is known."""

    @property
    def macs(self) -> int:
        """Multiply-adds."""

    @property
    def reads(self) -> tuple[int, ...]:
        """The rows whose results it takes."""


class Inspected(Protocol):
    """A model that was looked at."""

    @property
    def type(self) -> str:
        """Its class."""

    @property
    def stops(self) -> Sequence[Stop]:
        """Its rows, in order."""

    @property
    def told(self) -> Sequence[str]:
        """Notes: what is not in the figures, or to be known of them."""


@dataclass(frozen=True)
class _Row:
    name: str
    type: str
    shape: tuple[int, ...] | None
    macs: int
    reads: tuple[int, ...]
    count: int = 1


@dataclass(frozen=True)
class FlowFigure(view.Figure):
    """A model's pass, drawn."""

    title: str
    rows: tuple[_Row, ...]
    theme: str = "auto"
    notes: tuple[str, ...] = ()

    @cached_property
    def tracks(self) -> list[int]:
        """The track of each row's result, from the left."""
        return _tracks(self.rows)

    @cached_property
    def scene(self) -> Scene:
        """The drawing as data."""
        return _scene(self.title, self.rows, self.tracks, self.notes)


def flow_figure(found: Inspected, depth: int = 0, theme: str = "auto") -> FlowFigure:
    """Draw what `hubel.nn.inspect` found: calls and operations from top to bottom, with shapes and multiply-adds.

    depth: how many names of a path are told apart; parts that lie deeper are one row. 0 is as many as there are, or as
    make at most 150 rows; where the names of parts do not bring that about, what follows one after another is one row.
    A part is one row where its calls follow each other.
    """
    rows = _collapsed(found.stops, depth or _depth(found.stops))
    return FlowFigure(found.type, rows if depth or len(rows) <= MOST else _straight(rows), theme, tuple(found.told))


def _depth(stops: Sequence[Stop]) -> int:
    deepest = max((stop.name.count(".") + 1 for stop in stops), default=1)
    return next((depth for depth in range(deepest, 1, -1) if len(_collapsed(stops, depth)) <= MOST), 1)


def _collapsed(stops: Sequence[Stop], depth: int) -> tuple[_Row, ...]:
    """Stops that follow each other within the same part at `depth` as one."""
    rows: list[_Row] = []
    place: list[int] = []  # of each stop, its row
    last = ""
    for stop in stops:
        names = stop.name.split(".")
        part = ".".join(names[:depth]) if len(names) > depth else ""
        reads = tuple(dict.fromkeys(place[read] for read in stop.reads))
        if part and part == last:
            row, own = rows[-1], len(rows) - 1
            more = tuple(read for read in reads if read != own and read not in row.reads)
            rows[-1] = _Row(part, row.type, stop.shape, row.macs + stop.macs, (*row.reads, *more), row.count + 1)
        elif part:
            rows.append(_Row(part, stop.type, stop.shape, stop.macs, reads))
        else:
            rows.append(_Row(stop.name, stop.type, stop.shape, stop.macs, reads))
        last = part
        place.append(len(rows) - 1)
    return tuple(rows)


def _straight(rows: Sequence[_Row]) -> tuple[_Row, ...]:
    """Rows of which each is read by the next alone as one; what is given and what comes out stays by itself."""
    readers = [0] * len(rows)
    for row in rows:
        for read in row.reads:
            readers[read] += 1
    found, place = list[_Row](), list[int]()
    for number, row in enumerate(rows):
        follows = row.reads == (number - 1,) and readers[number - 1] == 1
        if follows and not {"input", "output"} & {row.type, rows[number - 1].type}:
            last = found[-1]
            name = f"{last.name.partition(' … ')[0]} … {row.name}" if row.name else last.name
            found[-1] = _Row(name, last.type, row.shape, last.macs + row.macs, last.reads, last.count + row.count)
        else:
            found.append(replace(row, reads=tuple(dict.fromkeys(place[read] for read in row.reads))))
        place.append(len(found) - 1)
    return tuple(found)


def _tracks(rows: Sequence[_Row]) -> list[int]:
    """Of each row the track that its result runs on: its first source's, where that has no other reader to come."""
    last = list(range(len(rows)))
    for number, row in enumerate(rows):
        for read in row.reads:
            last[read] = number
    tracks: list[int] = []
    taken: dict[int, int] = {}  # by which row's result
    for number, row in enumerate(rows):
        for track in [track for track, owner in taken.items() if last[owner] <= number]:
            del taken[track]
        free = [tracks[read] for read in row.reads if tracks[read] not in taken]
        track = min(free) if free else next(track for track in range(len(rows) + 1) if track not in taken)
        tracks.append(track)
        if last[number] > number:
            taken[track] = number
    return tracks


def _scene(title: str, rows: Sequence[_Row], tracks: Sequence[int], notes: Sequence[str]) -> Scene:
    left = _EDGE + _TRACK * (max(tracks, default=0) + 1) + _GAP
    cells = [(_name(row), _type(row), _shape(row), _macs(row)) for row in rows]
    titles = ("part", "what it is", "gives", "multiply-adds")
    widths = [max(text_width(line[column], "label") for line in (titles, *cells)) for column in range(4)]
    starts = [left]
    for width in widths[:2]:
        starts.append(starts[-1] + width + _GAP)
    ends = [starts[2] + widths[2], starts[2] + widths[2] + _GAP + widths[3]]
    marks: list[Mark] = [Text(_EDGE, 24, title, "title", "start"), Text(_EDGE, 40, _told(rows), "subtitle", "start")]
    marks += [Text(x, _TOP - 8, words, "figure", "start") for x, words in zip(starts[:2], titles[:2], strict=True)]
    marks += [Text(x, _TOP - 8, words, "figure", "end") for x, words in zip(ends, titles[2:], strict=True)]
    for number, row in enumerate(rows):
        marks += _lines(number, row, tracks)
    for number, (row, words) in enumerate(zip(rows, cells, strict=True)):
        x, y = _x(tracks[number]), _y(number)
        sign = {"mul": "times", "add": "plus"}.get(row.type.lower(), "")
        box: Mark = Circle(x, y, 6, sign) if sign else Rectangle(x - 6, y - 6, 12, 12, _role(row), radius=3)
        texts = [
            Text(starts[0], y + 4, words[0], "label", "start"),
            Text(starts[1], y + 4, words[1], "label", "start"),
            Text(ends[0], y + 4, words[2], "label", "end"),
            Text(ends[1], y + 4, words[3], "label", "end"),
        ]
        marks.append(Group((box, *texts), f"{row.name} {row.type}".strip()))
    width = max(ends[1], _EDGE + text_width(title, "title"), _EDGE + text_width(_told(rows), "subtitle")) + _EDGE
    shown = f"{title}: {len(rows)} rows from top to bottom, with lines from each to those that read it"
    more = [f"and {len(notes) - _MANY} more notes"] * (len(notes) > _MANY)
    lines = [line for note in (*notes[:_MANY], *more) for line in _broken(note, max(width - 2 * _EDGE, _NOTES))]
    width = max([width, *(text_width(line, "subtitle") + 2 * _EDGE for line in lines)])
    bottom = _y(len(rows)) + _EDGE
    marks += [Text(_EDGE, bottom + _LINE * place, line, "subtitle", "start") for place, line in enumerate(lines)]
    return Scene(width, bottom + _LINE * len(lines), title, shown, "flow", tuple(marks))


def _broken(words: str, room: float) -> list[str]:
    """Words as lines of at most so many pixels, or of one word."""
    lines: list[str] = []
    for word in words.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, "subtitle") <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _lines(number: int, row: _Row, tracks: Sequence[int]) -> Iterator[Mark]:
    here = _x(tracks[number]), _y(number)
    for read in row.reads:
        x = _x(tracks[read])
        bend = here[1] - _ROW / 2
        points = [(x, _y(read)), (x, bend), (here[0], bend), here] if x != here[0] else [(x, _y(read)), here]
        yield Line(tuple(points))


def _x(track: int) -> float:
    return _EDGE + _TRACK * (track + 0.5)


def _y(number: int) -> float:
    return _TOP + _ROW * (number + 0.5)


def _name(row: _Row) -> str:
    return shortened(row.name, "label", _NAMES) or "·"


def _type(row: _Row) -> str:
    return f"{row.count} calls" if row.count > 1 else row.type if row.type != row.name else ""


def _shape(row: _Row) -> str:
    return "—" if row.shape is None else "×".join(map(str, row.shape)) or "a number"


def _macs(row: _Row) -> str:
    return f"{row.macs:,}" if row.macs else ""


def _told(rows: Sequence[_Row]) -> str:
    calls, together = sum(row.count for row in rows), sum(row.count > 1 for row in rows)
    parts = f", {together} parts drawn as one row each" if together else ""
    return f"{calls:,} calls and operations{parts}; {sum(row.macs for row in rows):,} multiply-adds"


def _role(row: _Row) -> str:
    if row.count > 1:
        return "other"
    found = (role for role, words in _ROLES if re.search(words, row.type, re.IGNORECASE))
    return next(found, "reshaping")

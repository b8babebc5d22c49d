"""A walk in a terminal: the image, the kernel, the steps with the output growing beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from rich.console import Console
from rich.text import Text

from hubel.arch import Pair
from hubel.base.numbers import exact_text, rounded_text
from hubel.look.byhand.convolve import Convolution, Pooled, Pooling, Products, Term
from hubel.look.byhand.grids import Grid, Number, Planes, exact, size_text
from hubel.look.byhand.pictures import grey_levels, half_blocks
from hubel.view.words.terminal import console

FEW = 16  # so many steps are shown in full, of more the first two and the one with the strongest result
FIRST = 2
MOST_ROWS = 14  # of a grid that is shown whole
PART = 9  # rows and columns of one that is not
MOST_GROWING = 8  # rows of an output that is shown growing
GAP = 4
HERE = "bold green"


def walk_lines(walk: Convolution | Pooling, picture: str, everything: bool, width: int) -> Iterator[Text]:
    """The image, the kernel, the rule, the steps (of many the first two and the strongest) and the output."""
    screen = console()
    if picture and _draws(screen):
        yield from [*_pictures(walk, screen), Text()]
    yield from _given_lines(width, walk, picture)
    count = walk.output_size[0] * walk.output_size[1]
    whole = everything or count <= FEW
    steps: list[Products | Pooled] = list(islice(walk.steps(), count if whole else FIRST))
    if not whole:
        strongest = walk.step(*_strongest(walk.output))
        steps += [strongest] if strongest not in steps else []
    yield from _steps_lines(width, walk, steps)
    if not whole:
        hidden = f"the first two and the strongest; {count - len(steps):,} more by --all, any one by --step ROW,COLUMN"
        yield from [Text(), Text(hidden, "dim")]
    yield from [Text(), *_titled("output", (walk.output,), width)]


def _strongest(output: Grid) -> Pair:
    """Find the number farthest from 0, the first of equals."""
    places = [(row, column) for row in range(len(output)) for column in range(len(output[0]))]
    return max(places, key=lambda place: abs(float(output[place[0]][place[1]])))


def step_lines(walk: Convolution | Pooling, place: Pair, width: int) -> Iterator[Text]:
    """One position: the image with the window marked, and what happens in it."""
    step = walk.step(*place)
    marked = {(row, column) for row in step.rows for column in step.columns}
    yield from _given_lines(width, walk, "", marked)
    yield from [Text(), *_step_lines(walk, step, _cell_sizes(walk, [step]), width)]


def output_lines(walk: Convolution | Pooling) -> Iterator[str]:
    """The output alone, whole."""
    widths = _widths(walk.output)
    for row in walk.output:
        yield "  ".join(rounded_text(value).rjust(width) for value, width in zip(row, widths, strict=True))


def _given_lines(
    across: int, walk: Convolution | Pooling, picture: str, marked: set[Pair] | None = None
) -> Iterator[Text]:
    name = f"image {picture}" if picture else "image"
    blocks, room = [], across
    if isinstance(walk, Convolution):
        turned = ", turned by 180°" if walk.flip else ""
        blocks = [_titled("kernel", walk.kernel, across, note=turned, write=exact_text)]
        room -= max(line.cell_len for line in blocks[0]) + GAP
    blocks.insert(0, _titled(name, walk.image, max(room, across // 2), marked))
    yield from _beside(blocks, across)
    rules = [f"height {walk.rules[0]}", f"width {walk.rules[1]}"]
    if isinstance(walk, Convolution):
        height, width, channels = walk.rows.kernel, walk.columns.kernel, len(walk.image)
        factors = f"{height}·{width}" + (f"·{channels}" if channels > 1 else "")
        bias = " + bias" if walk.bias else ""
        rules.append(f"each number a sum of {factors} = {height * width * channels} products{bias}")
    else:
        rules.append(f"{walk.kind} of {walk.rows.kernel}×{walk.columns.kernel}")
    yield from [Text(), *(Text(line, "dim") for line in _wrapped(rules, across, "    "))]
    for note in walk.notes:
        yield from [Text.assemble(("note  ", "yellow"), note)]


def _steps_lines(across: int, walk: Convolution | Pooling, steps: list[Products | Pooled]) -> Iterator[Text]:
    """Steps, with the output growing beside them if there is room for it and for whole rows of the kernel."""
    sizes = _cell_sizes(walk, steps)
    growing = _growing(walk, steps[0]) if walk.output_size[0] <= MOST_GROWING else []
    room = growing[0].cell_len + GAP if growing else across
    if room < across // 2 and _fit(sizes, across - room) == _fit(sizes, across):
        drawn = [_step_lines(walk, step, sizes, across - room) for step in steps]
        left = max(line.cell_len for lines in drawn for line in lines)
        if left + room <= across:
            for lines, step in zip(drawn, steps, strict=True):
                lines[0].pad_right(left - lines[0].cell_len)
                yield from [Text(), *_beside([lines, _growing(walk, step)], across)]
            return
    for step in steps:
        yield from [Text(), *_step_lines(walk, step, sizes, across)]


def _step_lines(walk: Convolution | Pooling, step: Products | Pooled, sizes: list[list[int]], width: int) -> list[Text]:
    seen = f"rows {_span(step.rows)}, columns {_span(step.columns)}"
    place = (f"({step.row}, {step.column})", "bold")
    title = Text.assemble(place, " = ", (_with_decimals(step.value), HERE), (f"   {seen}", "dim"))
    if isinstance(walk, Convolution) and isinstance(step, Products):
        return [title, *_product_lines(walk, step, sizes, width), *_finish_lines(walk, step)]
    assert isinstance(walk, Pooling)
    assert isinstance(step, Pooled)
    return [title, *(Text(f"  {line}") for line in _wrapped(_pooling_parts(walk, step), width - 2, " "))]


def _cell_sizes(walk: Convolution | Pooling, steps: Sequence[Products | Pooled]) -> list[list[int]]:
    """Measure the product, its result and the running sum over all steps, for each column of the kernel."""
    across = walk.columns.kernel
    sizes = [[0, 0, 0] for _ in range(across)]
    for step in steps:
        if isinstance(step, Products):
            for place, term in enumerate(step.terms):
                size = sizes[place % across]
                for part, text in enumerate(_cell(term)):
                    size[part] = max(size[part], len(text))
    return sizes


def _fit(sizes: list[list[int]], width: int) -> int:
    """Count the products in a line: a row of the kernel, or where that is too wide, of a small kernel one."""
    totals = [sum(size) + len(" =  → ") + 3 for size in sizes]
    if sum(totals) <= width - 2:
        return len(sizes)
    return 1 if len(sizes) <= 3 else max(1, (width - 2) // max(totals))


def _product_lines(walk: Convolution, step: Products, sizes: list[list[int]], width: int) -> list[Text]:
    """Lay the products out as the kernel is, in columns over all steps."""
    across, fit = walk.columns.kernel, _fit(sizes, width)
    own = [_cell(term) for term in step.terms]
    lines = []
    area = walk.rows.kernel * across
    for start in range(0, len(own), across):
        if len(walk.kernel) > 1 and start % area == 0:
            lines.append(Text(f"  channel {start // area}", "dim"))
        for first in range(start, start + across, fit):
            line = Text("  ")
            for place in range(first, min(first + fit, start + across)):
                (product, result, total), size = own[place], sizes[place - start]
                dim = "dim" if step.terms[place].padding else ""
                line.append(f"{product:<{size[0]}} = {result:>{size[1]}}", dim)
                line.append(" → ", "dim")
                line.append(f"{total:>{size[2]}}   ", HERE if place == len(own) - 1 else "cyan")
            line.rstrip()
            lines.append(line)
    return lines


def _cell(term: Term) -> tuple[str, str, str]:
    factor = exact_text(term.weight)
    if term.weight < 0 or "/" in factor:
        factor = f"({factor})"
    return f"{exact_text(term.value)}·{factor}", exact_text(term.product), exact_text(term.sum)


def _finish_lines(walk: Convolution, step: Products) -> list[Text]:
    """Say what bias and activation make of the sum."""
    parts, value = [], step.sum
    if walk.bias:
        value = exact(step.sum + walk.bias)
        added = f"− {exact_text(-walk.bias)}" if walk.bias < 0 else f"+ {exact_text(walk.bias)}"
        parts.append(f"bias: {exact_text(step.sum)} {added} = {_with_decimals(value)}")
    if walk.activation:
        parts.append(f"{walk.activation}({rounded_text(value)}) = {rounded_text(step.value)}")
    return [Text("  " + "   ".join(parts))] if parts else []


def _pooling_parts(walk: Pooling, step: Pooled) -> list[str]:
    values = [exact_text(value) for value in step.values]
    if walk.kind == "max":
        listed = [f"{value}," for value in values[:-1]] + [f"{values[-1]})"]
        return [f"max({listed[0]}", *listed[1:], "=", exact_text(step.value)]
    summed = exact_text(exact(sum(step.values)))
    terms = [f"{value} +" for value in values[:-1]] + [f"{values[-1]})/{len(values)}"]
    return [f"({terms[0]}", *terms[1:], "=", f"{summed}/{len(values)}", "=", rounded_text(step.value)]


def _growing(walk: Convolution | Pooling, step: Products | Pooled) -> list[Text]:
    """Draw the output as far as it is known after a step."""
    widths = _widths(walk.output)
    here = (step.row, step.column)
    lines = []
    for i, row in enumerate(walk.output):
        line = Text("│", "dim")
        for j, (value, width) in enumerate(zip(row, widths, strict=True)):
            known = (i, j) <= here
            text = rounded_text(value) if known else "·"
            line.append(f"  {text:>{width}}", HERE if (i, j) == here else "" if known else "dim")
        lines.append(line)
    return lines


def _titled(
    name: str,
    planes: Planes,
    width: int,
    marked: set[Pair] | None = None,
    note: str = "",
    write: Callable[[Number], str] = rounded_text,
) -> list[Text]:
    channels = f"×{len(planes)}" if len(planes) > 1 else ""
    drawn = [_grid_lines(plane, width, marked, write) for plane in planes]
    return [Text(f"{name} {size_text(planes[0])}{channels}{note}", "bold"), *_beside(drawn, width)]


def _grid_lines(grid: Grid, width: int, marked: set[Pair] | None, write: Callable[[Number], str]) -> list[Text]:
    """Write a grid in columns; what does not fit is left out, and dots say so. Marked places stand in brackets."""
    top, bottom, left, right = _shown_part(grid, marked)
    widths = _widths(grid[top:bottom], write)
    while right - left > 1 and sum(w + 2 for w in widths[left:right]) + 3 > width:
        right -= 1
    lines = []
    for i in range(top, bottom):
        line = Text("…" if left else "")
        for j in range(left, right):
            inside = marked is not None and (i, j) in marked
            text = write(grid[i][j])
            text = f"[{text}]" if inside else f" {text} " if marked else text
            line.append(text.rjust(widths[j] + (2 if marked else 0)), "reverse" if inside else "")
            line.append("" if j == right - 1 else " " if marked else "  ")
        line.append(" …" if right < len(grid[0]) else "")
        lines.append(line)
    above, below = [Text("…")] * (top > 0), [Text("…")] * (bottom < len(grid))
    return [*above, *lines, *below]


def _shown_part(grid: Grid, marked: set[Pair] | None) -> tuple[int, int, int, int]:
    """Choose rows (from, to) and columns (from, to), so that what is marked is among them."""
    rows, columns = len(grid), len(grid[0])
    if marked is None:
        return 0, rows if rows <= MOST_ROWS else PART, 0, columns
    top, bottom = _around([row for row, _ in marked], rows)
    left, right = _around([column for _, column in marked], columns)
    return top, bottom, left, right


def _around(places: list[int], length: int) -> Pair:
    """Choose a part of an axis around places, all of it where it is short."""
    if length <= MOST_ROWS:
        return 0, length
    first = max(0, min(min(places) - 2, length - PART))
    return first, min(length, max(first + PART, max(places) + 3))


def _widths(grid: Grid, write: Callable[[Number], str] = rounded_text) -> list[int]:
    return [max(len(write(value)) for value in column) for column in zip(*grid, strict=True)]


def _beside(blocks: list[list[Text]], width: int) -> list[Text]:
    """Set blocks of lines side by side, or one below the other where the screen is too narrow."""
    sizes = [max(line.cell_len for line in block) for block in blocks]
    if sum(sizes) + GAP * (len(blocks) - 1) > width:
        return [line for number, block in enumerate(blocks) for line in ([Text()] * bool(number) + block)]
    lines = []
    for number in range(max(map(len, blocks))):
        line = Text()
        for block, size in zip(blocks, sizes, strict=True):
            part = block[number] if number < len(block) else Text()
            line.append_text(part)
            line.append(" " * (size - part.cell_len + GAP))
        line.rstrip()
        lines.append(line)
    return lines


def _wrapped(parts: list[str], width: int, gap: str) -> list[str]:
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(gap) + len(part) <= width:
            lines[-1] += gap + part
        else:
            lines.append(part)
    return lines


def _span(places: range) -> str:
    first, last = exact_text(places[0]), exact_text(places[-1])
    if len(places) > 1 and places.step > 1:
        return ", ".join(map(exact_text, places))
    return first if first == last else f"{first}…{last}"


def _with_decimals(value: Number) -> str:
    """Write `256/9 ≈ 28.44`, or the number alone where it is short."""
    exactly, short = exact_text(value), rounded_text(value)
    return exactly if exactly == short or isinstance(value, float) else f"{exactly} ≈ {short}"


def _draws(screen: Console) -> bool:
    return screen.is_terminal and screen.color_system is not None


def _pictures(walk: Convolution | Pooling, screen: Console) -> list[Text]:
    """Draw the image and the output, side by side where there is room."""
    each = (screen.width - GAP) // 2
    lines = max(6, screen.height - 6)
    words = grey_levels(walk.output)[1]
    before = [Text("before", "bold"), *half_blocks(walk.image[0], each, lines)]
    after = [Text.assemble(("after", "bold"), (f"  {words}" if words else "", "dim"))]
    return _beside([before, after + half_blocks(walk.output, each, lines)], screen.width)

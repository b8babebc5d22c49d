"""Writing text that `hubel.arch.parse` reads back: values, and stretches that repeat. Strings in, strings out."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_REPEAT = 32
SHORTEST_RUN = 5
SHORT = {"padding": "pad", "dilation_rate": "dilation"}
WORDS: dict[str, tuple[str, object]] = {  # words that set a layer's setting by themselves
    "same": ("padding", "same"),
    "valid": ("padding", "valid"),
    "causal": ("padding", "causal"),
    "nobias": ("use_bias", False),
    "sequences": ("return_sequences", True),
    "backwards": ("go_backwards", True),
}


def sequence_text(texts: list[str]) -> str:
    """Join the texts of nodes that follow each other, a stretch that repeats written once: `3 * (…)`."""
    parts, start = [], 0
    while start < len(texts):
        period, times = _repetition(texts, start)
        once = texts[start : start + period]
        if times == 1:
            parts.append(once[0])
        elif period == 1:
            parts.append(f"{times} * {once[0]}")
        else:
            parts.append(f"{times} * ({', '.join(once)})")
        start += period * times
    return ", ".join(parts)


def _repetition(texts: list[str], start: int) -> tuple[int, int]:
    """Find the shortest stretch from `start` that repeats at once, and how often; (1, 1) where none does."""
    for period in range(1, min(LONGEST_REPEAT, (len(texts) - start) // 2) + 1):
        times = 1
        while texts[start + times * period : start + (times + 1) * period] == texts[start : start + period]:
            times += 1
            if start + (times + 1) * period > len(texts):
                break
        if times > 1:
            return period, times
    return 1, 1


def setting_text(name: str, value: object) -> str:
    """Write a setting that follows the positional ones: by its word where it has one, else `name=value`."""
    word = next((word for word, setting in WORDS.items() if setting == (name, value)), None)
    return word or f"{SHORT.get(name, name)}={value_text(value)}"


def list_texts(values: Sequence[object]) -> list[str]:
    """Write a list: each value, and whole numbers that follow each other by the first and the last: `0..63`."""
    texts, start = list[str](), 0
    while start < len(values):
        end = start + 1
        while end < len(values) and values[end] == values[end - 1] + 1:  # type: ignore[operator]
            end += 1
        run = values[start:end]
        texts += [f"{run[0]}..{run[-1]}"] if len(run) >= SHORTEST_RUN else map(value_text, run)
        start = end
    return texts


def value_text(value: object, always_pair: bool = False) -> str:
    """Write a setting's value: `5x5`, `2` for an equal pair, `0/1x0/1` for sides of padding."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, tuple):
        return str(value)
    if isinstance(value[0], tuple):
        if all(before == after for before, after in value):
            return value_text(tuple(before for before, _ in value))
        return "x".join(f"{before}/{after}" for before, after in value)
    if len(value) == 1:
        return str(value[0])
    if len(value) == 2 and value[0] == value[1] and not always_pair:
        return str(value[0])
    return "x".join(map(str, value))

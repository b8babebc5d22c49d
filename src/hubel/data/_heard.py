"""What is to be said of a set's sounds before they are seen as pictures: channels, rates, silence, clipping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hubel.base.numbers import counted
from hubel.data.decode.parallel import in_order
from hubel.data.decode.sound import RATE, Sound, read_sound
from hubel.data.sources.listing import Item, some

_MOST = 20_000  # sounds that are listened to


def heard(
    items: Sequence[Item], workers: int, wanted: int = RATE, sounds: Sequence[Sound | None] | None = None
) -> list[str]:
    """Sentences about these sounds; of very many about 20,000, evenly spread. What cannot be read is passed over.
    wanted: samples a second that they are brought to. sounds: those that were read already, one an item.
    """
    every = max(1, len(items) // _MOST)
    chosen = items[::every]
    read = in_order(_sound, chosen, workers) if sounds is None else sounds[::every]
    rates, channels = Counter[int](), Counter[int]()
    silent, clipped, cut = [], [], []
    for item, sound in zip(chosen, read, strict=True):
        if sound is None:
            continue
        rates[sound.rate] += 1
        channels[sound.channels] += 1
        if sound.missing:
            cut.append(f"{item.name}: {sound.missing:.0%} of it is not there")
        if sound.is_silent:
            silent.append(item.name)
        elif sound.is_clipped:
            clipped.append(item.name)
    notes = [f"one sound in {every:,} was listened to for what follows"] if every > 1 else []
    others = [f"{rate:,} ({count:,})" for rate, count in sorted(rates.items()) if rate != wanted]
    if others:
        notes.append(f"sounds of other rates are brought to {wanted:,} samples a second: {some(others, 5)}")
    mixed = sum(count for number, count in channels.items() if number > 1)
    if mixed:
        notes.append(f"{counted(mixed, 'sound')} of several channels {'is' if mixed == 1 else 'are'} mixed down to one")
    if cut:
        notes.append(cut_off(cut))
    if silent:
        notes.append(f"silent, every sample nought: {counted(len(silent), 'sound')} ({some(silent, 3)})")
    if clipped:
        notes.append(f"clipped, recorded too loud: {counted(len(clipped), 'sound')} ({some(clipped, 3)})")
    return notes


def cut_off(told: Sequence[str]) -> str:
    """The sentence about sounds that are shorter than their headers say, of each its name and how much is missing."""
    return f"cut off, shorter than the header says, and taken as far as it goes: {counted(len(told), 'sound')} " + (
        f"({some(told, 3)})"
    )


def _sound(item: Item) -> Sound | None:
    try:
        return read_sound(item.read())
    except ValueError:
        return None

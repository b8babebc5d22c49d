"""Names for definitions and parameters, taken from the tree's own."""

from __future__ import annotations

import builtins
import keyword
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from unicodedata import normalize

from hubel.code._outline import Group, Leaf

if TYPE_CHECKING:
    from hubel.code._blocks import Definition, Parameter

BUILTINS = frozenset(dir(builtins))
_LONGEST = 60  # letters of a name taken from a network's
SHORT = {
    "num_features": "channels",
    "num_channels": "channels",
    "normalized_shape": "channels",
    "filters": "filters",
    "in_features": "in_features",
}


def definition_names(definitions: Sequence[Definition], taken: frozenset[str], classes: bool) -> None:
    """Name definitions after the parts they stand for: `inception3a` and `inception4b` make `Inception`.

    None is private, which Python renames inside a class.
    """
    stems = [_stem(definition) for definition in definitions]
    short = [_without_number(stem) for stem in stems]
    twice = {word for word, count in Counter(short).items() if count > 1}
    used = {"self", *(word.lower() for word in taken)}
    for definition, stem, word in zip(definitions, stems, short, strict=True):
        chosen = stem if word in twice and stem not in twice else word
        if chosen.lower() in used and getattr(definition.body, "kind", "") == "sum":
            chosen = f"residual_{chosen}"
        definition.name = _cased(_public(chosen), classes and hasattr(definition.body, "branches"))
        while definition.name.lower() in used or keyword.iskeyword(definition.name):
            definition.name = _next(definition.name)
        used.add(definition.name.lower())


def _public(word: str) -> str:
    """Return the word without the underscores that would make it private; what is left may not begin with a digit."""
    word = word.strip("_")
    return f"part_{word}" if word[:1].isdigit() else word


def _next(word: str) -> str:
    """Return the word with the next number: `block` → `block2` → `block3`."""
    plain, number = re.fullmatch(r"(.*?)_?(\d*)", word).groups()  # type: ignore[union-attr]
    joint = "_" if plain[-1:].isdigit() else ""
    return f"{plain}{joint}{int(number or 1) + 1}"


def _without_number(stem: str) -> str:
    short = re.sub(r"[\d_]+$", "", re.sub(r"\d+[a-z]$", "", stem))
    return short if len(short) > 2 else stem


def _stem(definition: Definition) -> str:
    body = definition.body
    if isinstance(body, Group) and definition.implicit:
        last = [_activation(leaf) for leaf in body.items[2:] if isinstance(leaf, Leaf)]
        return "_".join(["conv_norm", *last])
    titles = [title for title in definition.titles if title]
    common = _common(titles) if titles else ""
    stem = common.rstrip("_") if len(common) > 2 else "_".join(dict.fromkeys(titles[:2])) or "block"
    return {"sum": "residual", "concat": "branches"}.get(re.sub(r"\d+$", "", stem), stem)


def _activation(leaf: Leaf) -> str:
    said = leaf.arguments.get("activation")
    return said if isinstance(said, str) else str(leaf.target).rpartition(".")[2].lower()


def _common(titles: list[str]) -> str:
    """Return the letters that all titles begin with."""
    first, last = min(titles), max(titles)
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:same]


def _cased(word: str, capital: bool) -> str:
    if capital:
        return "".join(part[:1].upper() + part[1:] for part in word.split("_")) or "Block"
    return word.lower() or "block"


def parameter_names(parameters: Sequence[Parameter]) -> None:
    """Name parameters after the arguments they fill, with the branch in front where several fill the same."""
    used: set[str] = set()
    counts = Counter(_plain(parameter) for parameter in parameters if not parameter.first)
    for parameter in parameters:
        word = _plain(parameter)
        if not parameter.first and counts[word] > 1 and parameter.where:
            word = f"{parameter.where}_{word.removeprefix('out_')}"
        parameter.name = unused(word, used)
        used.add(parameter.name)


def _plain(parameter: Parameter) -> str:
    if parameter.first:
        return "in_features" if parameter.argument == "in_features" else "in_channels"
    return SHORT.get(parameter.argument, parameter.argument)


def unused(word: str, used: Iterable[str]) -> str:
    """Return a word that is free: itself, or with a number. None is private, as Python's own names are."""
    word = word.lstrip("_") or "part"
    found = f"{word}_" if keyword.iskeyword(word) or keyword.issoftkeyword(word) else word
    if found[:1].isdigit():
        found = f"_{found}"
    number, taken = 2, set(used)
    plain = found
    while found in taken:
        found = f"{plain}{number}"
        number += 1
    return found


PROPER = {
    "alexnet": "AlexNet",
    "convnext": "ConvNeXt",
    "densenet": "DenseNet",
    "efficientnet": "EfficientNet",
    "googlenet": "GoogLeNet",
    "lenet": "LeNet",
    "mlp": "MLP",
    "mobilenet": "MobileNet",
    "nin": "NIN",
    "resnet": "ResNet",
    "squeezenet": "SqueezeNet",
    "unet": "UNet",
    "vgg": "VGG",
    "zfnet": "ZFNet",
}


def _proper(word: str) -> str:
    letters = re.sub(r"\d.*$", "", word)
    return PROPER.get(letters, letters[:1].upper() + letters[1:]) + word[len(letters) :]


def class_name(name: str) -> str:
    """Return a network's name as that of a class: `resnet18` → `ResNet18`, "my net" → `MyNet`."""
    found = "".join(_proper(word) for word in _plain_words(name)) or "Network"
    return f"Network{found}" if found[0].isdigit() else found


def function_name(name: str) -> str:
    """Return a network's name as that of a function: "My-Net 2" → `my_net_2`."""
    return "_".join(_plain_words(name)).lower() or "network"


def _plain_words(name: str) -> list[str]:
    """The words of a name in ASCII letters and digits; Python would take others for their likes, ｘ for x."""
    ascii_only = normalize("NFKD", name).encode("ascii", "ignore").decode()
    return [word for word in re.split(r"[^0-9A-Za-z]+", ascii_only[:_LONGEST]) if word]

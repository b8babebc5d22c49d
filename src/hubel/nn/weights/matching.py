"""Whose weights go where: modules of one network and of another's file, matched by kind, shapes, order and names.

Every library names the parts of a network after its own source. What all have in common is the network: which modules
bear weights, of which shapes, one after another. So the n-th module of a kind and of certain shapes in the file is the
n-th such in the tree. Side exits are matched among themselves, for some libraries register them last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

from torch import Tensor, nn

from hubel.base.errors import WeightsError
from hubel.base.names import nearest
from hubel.nn import modules
from hubel.nn.weights.paths import common, natural
from hubel.nn.weights.ties import Part, Ties

ROLES = ("weight", "bias", "running_mean", "running_var")
_ELSEWHERE = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
COUNTERS = "num_batches_tracked"  # older files lack them, and nothing needs them
_IMAGE_CHANNELS = {1, 3, 4}
MOST_TOLD = 6

Shape = tuple[int, ...]
Shapes = tuple[tuple[str, Shape], ...]


def match_weights(module: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, str]:
    """Find for each tensor of a module its name in a file: by equal names, else by kind, shapes and order.

    Raises `WeightsError`, naming parts that are left without weights with the nearest candidates, and weights that
    belong nowhere, and where the order of the file cannot be that of the network. Side exits that the module lacks are
    passed over.
    """
    own = {name: tensor for name, tensor in module.state_dict().items() if not name.endswith(COUNTERS)}
    if own.keys() <= weights.keys() and all(own[name].shape == weights[name].shape for name in own):
        return {name: name for name in module.state_dict() if name in weights}
    pairs, missing, unexpected = _paired(module, own, weights)
    if missing or unexpected:
        raise WeightsError(_complaint(missing, unexpected))
    return _names(pairs)


def match_body(module: nn.Module, weights: Mapping[str, Tensor]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Find names as `match_weights` does, but let last layers have another number of outputs; return them too. A
    network may also begin as the file's does and go on otherwise, with kernels of its own or with what writes: all
    after that is new.

    Raises `WeightsError` as `match_weights` where anything else than `head_layers` differs.
    """
    own = {name: tensor for name, tensor in module.state_dict().items() if not name.endswith(COUNTERS)}
    heads = head_layers(module)
    other = {name.rpartition(".")[0] for name in own if name not in weights or own[name].shape != weights[name].shape}
    if own.keys() <= weights.keys() and other <= set(heads) and all(_may_differ(own, weights, path) for path in other):
        names = {name: name for name in module.state_dict() if name in weights and name.rpartition(".")[0] not in other}
        return names, tuple(path for path in heads if path in other)
    pairs, missing, unexpected = _paired(module, own, weights)
    if _goes_on(module, _parts(own, _exits(module)), missing, unexpected):
        return _names(pairs), _paths(missing)
    left = list(unexpected)
    for part in missing:
        near = [other for other in left if part.path in heads and _differ_in_outputs(part, other)]
        if len(near) != 1:
            raise WeightsError(_complaint(missing, unexpected))
        left.remove(near[0])
    if left:
        raise WeightsError(_complaint(missing, unexpected))
    if missing and not _is_sorted(weights):
        _check_order(pairs, _parts(weights, None))
    return _names(pairs), _paths(missing)


def head_layers(module: nn.Module) -> tuple[str, ...]:
    """Return the paths of the last layer with weights, and of each side exit's last: what depends on the classes. Of a
    network that writes, those of all layers after the last kernel.
    """
    exits = _exits(module)
    last: dict[str, str] = {}
    if _writes(module):
        parts = _parts(module.state_dict(), exits)
        after = 1 + max((place for place, part in enumerate(parts) if _has_kernel(part)), default=-1)
        while after < len(parts) and all(len(shape) < 2 for _, shape in parts[after].shapes):
            after += 1  # the kernel's own normalisation
        return _paths(parts[after:])
    for name in module.state_dict():
        path, _, leaf = name.rpartition(".")
        if leaf == "weight":
            last[next((each for each in exits if name.startswith(each)), "")] = path
    return tuple(last.values())


def _paired(module: nn.Module, own: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> Pairs:
    wanted, given = _parts(own, _exits(module)), _parts(weights, None)
    if not any(part.exit for part in wanted):
        given = [part for part in given if not part.exit]
    named = _is_sorted(weights)
    ways = [_pair(wanted, _by_name(given) if named else given)]
    ways += [_pair_by_name(wanted, given), _pair(wanted, sorted(given, key=_last_outside))]
    pairs, missing, left = ways[0]
    paired = [part for part, _ in pairs]
    ties = Ties(module, paired, None if named else {part.path: place for place, part in enumerate(given)})
    taken = ties.settled([[part for _, part in way] for way, *_ in ways])
    ties.check(taken)
    pairs = list(zip(paired, taken, strict=True))
    if not named and not missing:
        _check_order(pairs, given)
    return pairs, missing, left


def _goes_on(module: nn.Module, wanted: list[Part], missing: list[Part], unexpected: list[Part]) -> bool:
    """Whether a network has all the file's kernels first, and others after or what writes; dense layers of the file may
    be left.
    """
    after = wanted[len(wanted) - len(missing) :]
    others = any(map(_has_kernel, after)) or _writes(module)
    return 0 < len(missing) < len(wanted) and missing == after and others and not any(map(_has_kernel, unexpected))


def _writes(module: nn.Module) -> bool:
    return any(isinstance(part, modules.Caption) for part in module.modules())


def _has_kernel(part: Part) -> bool:
    return any(len(shape) > 2 for _, shape in part.shapes)


def _is_sorted(weights: Mapping[str, Tensor]) -> bool:
    """Whether a file's names are sorted, and so have lost their order."""
    names = [name for name in weights if not name.endswith(COUNTERS)]
    return names == sorted(names)


def _names(pairs: list[tuple[Part, Part]]) -> dict[str, str]:
    return {part.tensors[role]: found.tensors[role] for part, found in pairs for role in part.tensors}


def _paths(parts: Iterable[Part]) -> tuple[str, ...]:
    """Of their modules, each once, which may bear several weights."""
    return tuple(dict.fromkeys(part.path.rstrip("'") for part in parts))


def _may_differ(own: Mapping[str, Tensor], weights: Mapping[str, Tensor], path: str) -> bool:
    return all(own[name].shape[1:] == weights[name].shape[1:] for name in own if name.rpartition(".")[0] == path)


def _differ_in_outputs(one: Part, other: Part) -> bool:
    """Whether two parts are alike but for their first axes, the outputs."""
    alike = [(role, shape[1:]) for role, shape in one.shapes] == [(role, shape[1:]) for role, shape in other.shapes]
    return alike and one.exit == other.exit


def _exits(module: nn.Module) -> tuple[str, ...]:
    return tuple(f"{name}." for name, part in module.named_modules() if isinstance(part, modules.Auxiliary))


def _parts(weights: Mapping[str, Tensor], exits: tuple[str, ...] | None) -> list[Part]:
    """Gather tensors into the modules that they belong to, in order. Where `exits` is None they are known by name."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for name in weights:
        path, _, leaf = name.rpartition(".")
        if leaf == COUNTERS:
            continue
        role = _ELSEWHERE.get(leaf, leaf)
        role = role if role in ROLES else "weight"
        while role in found[path]:  # a second weight of the module's own
            path += "'"
        found[path][role] = name
    parts = []
    for path, tensors in found.items():
        ordered = {role: tensors[role] for role in ROLES if role in tensors}
        shapes = tuple((role, _shape(tuple(weights[name].shape))) for role, name in ordered.items())
        words = path.lower().split(".")
        outside = any(word.startswith("aux") for word in words) if exits is None else f"{path}.".startswith(exits)
        parts.append(Part(path, ordered, shapes, outside))
    return parts


def _shape(shape: Shape) -> Shape:
    while len(shape) > 1 and shape[-1] == 1 and len(shape) != 2:
        shape = shape[:-1]
    return shape[:1] if shape[1:] == (1,) else shape


Pairs = tuple[list[tuple[Part, Part]], list[Part], list[Part]]
# From the parts of a kind that are left, and the paths of what its neighbours got, to the one that is taken.
Choose = Callable[[list[Part], "str | None", "str | None"], Part]


def _pair(wanted: list[Part], given: list[Part]) -> Pairs:
    """Pair the n-th part of each kind here with the n-th there; return what is left over on both sides too."""
    return _chosen(wanted, given, lambda parts, before, after: parts[0])


def _by_name(parts: Iterable[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: natural(part.path))


def _last_outside(part: Part) -> tuple[bool, list[tuple[str, int]]]:
    """Sort by name, but what lies in no folder, such as a last normalisation, behind all that does."""
    return "." not in part.path, natural(part.path)


def _pair_by_name(wanted: list[Part], given: list[Part]) -> Pairs:
    """Pair parts of a file sorted by name, as safetensors are: take that which stands nearest to its neighbours.

    The neighbours are the part before, and the one after where there is only one of its kind.
    """

    def nearest(parts: list[Part], before: str | None, after: str | None) -> Part:
        def far(part: Part) -> tuple[int, int]:
            steps = [_distance(path, part.path) for path in (before, after) if path is not None]
            return min(steps, default=0), sum(steps)

        return min(parts, key=far)

    return _chosen(wanted, _by_name(given), nearest)


def _chosen(wanted: list[Part], given: list[Part], choose: Choose) -> Pairs:
    there: dict[tuple[bool, Shapes], list[Part]] = defaultdict(list)
    for part in given:
        there[part.kind].append(part)
    single = [parts[0].path if len(parts := there[part.kind]) == 1 else None for part in wanted]
    pairs: list[tuple[Part, Part]] = []
    missing: list[Part] = []
    for part, after in zip(wanted, [*single[1:], None], strict=True):
        left = there[part.kind]
        if left:
            found = choose(left, pairs[-1][1].path if pairs else None, after)
            left.remove(found)
            pairs.append((part, found))
        else:
            missing.append(part)
    return pairs, missing, [part for parts in there.values() for part in parts]


def _distance(one: str, other: str) -> int:
    """Count the steps from one path to another, up to where they part and down again."""
    return one.count(".") + other.count(".") + 2 - 2 * common(one, other)


def _check_order(pairs: list[tuple[Part, Part]], given: list[Part]) -> None:
    """Refuse a file whose order of modules is another: within one block alone may it differ."""
    places = {part.path: place for place, part in enumerate(given)}
    for (_, before), (part, after) in pairwise(pairs):
        if before.exit == after.exit and places[after.path] < places[before.path]:
            shared = common(before.path, after.path)
            if not shared or shared + 1 < max(before.path.count("."), after.path.count(".")):
                raise WeightsError(
                    f"the file's modules stand in another order than the network's: {part.path} would get "
                    f"{after.path}, which stands before {before.path}; rename the file's tensors to the network's paths"
                )


def _complaint(missing: list[Part], unexpected: list[Part]) -> str:
    lines = ["the weights do not fit the network:"]
    for part in missing[:MOST_TOLD]:
        near = _nearest(part, unexpected)
        told = f"; the nearest is {' or '.join(other.text for other in near)}" if near else ""
        lines.append(f"  expected weights for {part.text}{told}")
    if missing[MOST_TOLD:]:
        lines.append(f"  … and for {len(missing) - MOST_TOLD} more")
    lines += [f"  the file has {part.text}, which belongs nowhere" for part in unexpected[:MOST_TOLD]]
    if unexpected[MOST_TOLD:]:
        lines.append(f"  … and {len(unexpected) - MOST_TOLD} more")
    return "\n".join([*lines, *_channels(missing, unexpected)])


def _channels(missing: list[Part], unexpected: list[Part]) -> list[str]:
    """Say what to do where the first layers differ in the channels of the images that they take alone."""
    own, given = (dict(parts[0].shapes).get("weight", ()) if parts else () for parts in (missing, unexpected))
    kernels = len(own) == len(given) == 4 and (own[0], *own[2:]) == (given[0], *given[2:])
    if not kernels or not {own[1], given[1]} <= _IMAGE_CHANNELS:
        return []
    return [f"  the file's are for images of {given[1]} channel{'s' * (given[1] > 1)}, the network takes {own[1]}: "
            f"give it an input of {given[1]}, such as --input 224x224x{given[1]}"]  # fmt: skip


def _nearest(part: Part, others: Iterable[Part]) -> list[Part]:
    """Return the parts most like this one: as many tensors, as many axes, few sizes that differ, alike names."""
    listed = list(others)
    alike = nearest(part.path, [other.path for other in listed])

    def distance(other: Part) -> tuple[int, int, int]:
        roles = {role for role, _ in part.shapes} ^ {role for role, _ in other.shapes}
        sizes = 0
        theirs = dict(other.shapes)
        for role, shape in part.shapes:
            known = theirs.get(role, ())
            sizes += abs(len(shape) - len(known)) * 2 + sum(a != b for a, b in zip(shape, known, strict=False))
        return len(roles), sizes, int(other.path != alike)

    ranked = sorted(listed, key=distance)
    return ranked[:1] if len(ranked) < 2 or distance(ranked[0]) < distance(ranked[1]) else ranked[:2]

"""The arithmetic of numbers looked up, and of a state carried along the steps of a sequence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hubel.arch import ops
from hubel.base.numbers import rounded_text as short
from hubel.look.unit.step import Arithmetic, Array, Arrays, Finish, Place, at, grid, read, taken, weighed

GATES = {"simple": ("new",), "lstm": ("input", "forget", "new", "output"), "gru": ("reset", "update", "new")}


def looked_up(operation: ops.Embed, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Take the row of the table that the whole number says."""
    number = int(tensor[place[0]])
    value = float(arrays["weight"][number, place[1]])
    text = f"row {number} of {operation.numbers}, feature {place[1]}: {short(value)}"
    return taken((place[0],), float(number), (Finish("look up", text, value),))


def carried(operation: ops.Recur, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Weigh this step for the new state, add what the state before adds, and let the gates through."""
    unit, last = place[-1], (place[0] if operation.sequences else operation.input[0] - 1)
    step = operation.input[0] - 1 - last if operation.backwards else last
    weight, recurrent = read(arrays["weight"]), read(arrays["recurrent"])
    bias, inner = (
        read(arrays[role]) if role in arrays else np.zeros(len(weight)) for role in ("bias", "recurrent_bias")
    )
    state, memory = np.zeros(operation.units), np.zeros(operation.units)
    steps = tensor[:, ::-1] if operation.backwards else tensor
    for now in range(last):
        state, memory = _after(operation, weight @ steps[:, now] + bias, recurrent @ state + inner, state, memory)
    row = GATES[operation.cell].index("new") * operation.units + unit
    places = grid([step], np.arange(operation.input[1]))
    found = weighed(places, at(tensor, places), weight[row])
    given, held = weight @ steps[:, last] + bias, recurrent @ state + inner
    finish = list(_told(operation, unit, given, held, float(bias[row]), float(state[unit]), float(memory[unit])))
    return Arithmetic(places, found.values, found.weights, found.products, finish=tuple(finish))


def written(operation: ops.Write, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Weigh what the picture gives to the unit that says most for or against a word, and follow that unit's state over
    the words before to the score.
    """
    recurs, (last, word) = operation.recurs, place
    table, weight, recurrent = (read(arrays[role]) for role in ("table", "weight", "recurrent"))
    bias = read(arrays["bias"])
    inner = read(arrays["recurrent_bias"]) if "recurrent_bias" in arrays else np.zeros(len(bias))
    nexts, next_bias = read(arrays["next"]), read(arrays["next_bias"])
    state, memory, given, said = np.zeros(operation.units), np.zeros(operation.units), tensor, list[int]()
    for now in range(last + 1):
        state, memory = _after(recurs, weight @ given + bias, recurrent @ state + inner, state, memory)
        if now < last:
            said.append(int(np.argmax(nexts @ state + next_bias)))
            given = table[said[-1]]
    unit = int(np.argmax(np.abs(nexts[word] * state)))
    row = GATES[operation.cell].index("new") * operation.units + unit
    found = weighed(np.arange(len(tensor))[:, np.newaxis], tensor, weight[row])
    finish = [*_told(recurs, unit, weight @ tensor + bias, inner, float(bias[row]), 0.0, 0.0)]
    if said:
        numbers = ", ".join(map(str, said))
        text = f"unit {unit} after the words of numbers {numbers}: {short(state[unit])}"
        finish.append(Finish("words", text, float(state[unit])))
    own, total = float(nexts[word, unit] * state[unit]), float(nexts[word] @ state)
    finish.append(Finish("weight", f"{short(state[unit])} · {short(nexts[word, unit])} = {short(own)}", own))
    text = f"{short(own)} + {short(total - own)} of the {operation.units - 1} others = {short(total)}"
    finish.append(Finish("units", text.replace("+ −", "− "), total))
    value = total + float(next_bias[word])
    text = f"{short(total)} + {short(float(next_bias[word]))} = {short(value)}".replace("+ −", "− ")
    return Arithmetic(
        found.places, found.values, found.weights, found.products, finish=(*finish, Finish("bias", text, value))
    )


def gates(operation: ops.Recur, arrays: Arrays, tensor: Array, place: Place) -> dict[str, list[float]]:
    """How far each gate of a unit is open at every step up to one, 0 to 1, what is new, and the state; by name."""
    unit, last = place[-1], (place[0] if operation.sequences else operation.input[0] - 1)
    weight, recurrent = read(arrays["weight"]), read(arrays["recurrent"])
    bias, inner = (
        read(arrays[role]) if role in arrays else np.zeros(len(weight)) for role in ("bias", "recurrent_bias")
    )
    state, memory = np.zeros(operation.units), np.zeros(operation.units)
    steps = tensor[:, ::-1] if operation.backwards else tensor
    found: dict[str, list[float]] = {name: [] for name in (*GATES[operation.cell], "state")}
    for now in range(last + 1):
        given, held = weight @ steps[:, now] + bias, recurrent @ state + inner
        for row, name in enumerate(GATES[operation.cell]):
            at_unit = row * operation.units + unit
            if name != "new":
                found[name].append(float(_sigmoid(given[at_unit] + held[at_unit])))
            else:
                reset = found["reset"][-1] if operation.cell == "gru" else 1.0
                function = operation.function if operation.cell == "simple" else "tanh"
                found[name].append(_function(function, float(given[at_unit] + reset * held[at_unit])))
        state, memory = _after(operation, given, held, state, memory)
        found["state"].append(float(state[unit]))
    return found


def _sigmoid(x: Array) -> Array:
    found: Array = 0.5 * (1 + np.tanh(0.5 * x))
    return found


def _function(name: str, x: float) -> float:
    return float(ops.FUNCTIONS[name].at(float(x)))


def _after(operation: ops.Recur, given: Array, held: Array, state: Array, memory: Array) -> tuple[Array, Array]:
    """Return the state, and the cell of an LSTM, after a step."""
    if operation.cell == "simple":
        return np.array([_function(operation.function, x) for x in given + held]), memory
    if operation.cell == "lstm":
        i, f, g, o = np.split(given + held, 4)
        memory = _sigmoid(f) * memory + _sigmoid(i) * np.tanh(g)
        return _sigmoid(o) * np.tanh(memory), memory
    (r, z, n), (own_r, own_z, own_n) = np.split(given, 3), np.split(held, 3)
    new = np.tanh(n + _sigmoid(r + own_r) * own_n)
    return new + _sigmoid(z + own_z) * (state - new), memory


def _told(
    operation: ops.Recur, unit: int, given: Array, held: Array, bias: float, state: float, memory: float
) -> Iterator[Finish]:
    """Tell what is done to the sum, in order, to the new state."""
    units = operation.units
    gates = {name: (given[i * units + unit], held[i * units + unit]) for i, name in enumerate(GATES[operation.cell])}
    own, before = (float(part) for part in gates["new"])
    if bias:
        yield Finish("bias", f"{short(own - bias)} + {short(bias)} = {short(own)}".replace("+ −", "− "), own)
    opened = {name: float(_sigmoid(np.float64(sum(parts)))) for name, parts in gates.items() if name != "new"}
    if operation.cell == "gru":
        r, z = opened["reset"], opened["update"]
        yield Finish("reset", f"sigmoid({short(sum(gates['reset']))}) = {short(r)}", own)
        total = own + r * before
        yield Finish("state", f"{short(own)} + {short(r)} · {short(before)} = {short(total)}", total)
        new = float(np.tanh(total))
        yield Finish("new", f"tanh({short(total)}) = {short(new)}", new)
        value = new + z * (state - new)
        yield Finish("update", f"{short(new)} + {short(z)} · ({short(state)} − {short(new)}) = {short(value)}", value)
        return
    total = own + before
    yield Finish("state", f"{short(own)} + {short(before)} of the {units} before = {short(total)}", total)
    if operation.cell == "simple":
        value = _function(operation.function, total)
        yield Finish(operation.function, f"{operation.function}({short(total)}) = {short(value)}", value)
        return
    i, f, o = opened["input"], opened["forget"], opened["output"]
    new = float(np.tanh(total))
    yield Finish("new", f"tanh({short(total)}) = {short(new)}", new)
    cell = f * memory + i * new
    text = f"forget {short(f)} · {short(memory)} + input {short(i)} · {short(new)} = {short(cell)}"
    yield Finish("cell", text, cell)
    value = o * float(np.tanh(cell))
    yield Finish("output", f"{short(o)} · tanh({short(cell)}) = {short(value)}", value)

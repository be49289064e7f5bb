"""The parametrizations as their papers write them, term by term, from inputs ``(batch, lut_rank, out_dim)``.

Each formula's gradient is the one that the parametrization promises, so that autograd makes the expected gradients.
"""

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from bitlogic.parametrizations import Parametrization
from bitlogic.parametrizations.fourier import FourierParametrization
from bitlogic.parametrizations.neurallut import NeuralLUTParametrization
from bitlogic.parametrizations.polylut import PolyLUTParametrization


def plain_output(name: str, parametrization: Parametrization, x: Tensor) -> Tensor:
    """The outputs ``(batch, out_dim)`` of a parametrization with soft sampling."""
    return FORMULAS[name](parametrization, x)


def corners(rank: int) -> list[tuple[int, ...]]:
    """The values of the slots at every address."""
    return list(itertools.product((0, 1), repeat=rank))


def product(x: Tensor, factors: list[Tensor]) -> Tensor:
    return torch.stack([torch.ones_like(x[:, 0]), *factors]).prod(0)


def interpolated(table: Tensor, x: Tensor) -> Tensor:
    total = torch.zeros_like(x[:, 0])
    for column, corner in enumerate(corners(x.shape[1])):
        minterm = product(x, [x[:, j] if bit else 1 - x[:, j] for j, bit in enumerate(corner)])
        total = total + table[:, column] * minterm
    return total


def looked_up(table: Tensor, x: Tensor) -> Tensor:
    """``table[n, address of sample b]``."""
    return torch.stack(
        [
            torch.stack(
                [table[n, int("".join("01"[int(bit > 0.5)] for bit in slots), 2)] for n, slots in enumerate(row)]
            )
            for row in x.detach().transpose(1, 2).tolist()
        ]
    )


def light(p: Parametrization, x: Tensor) -> Tensor:
    return interpolated(torch.sigmoid(p.weight / p.temperature), x)


def warp(p: Parametrization, x: Tensor) -> Tensor:
    total = torch.zeros_like(x[:, 0])
    for column, subset in enumerate(corners(x.shape[1])):
        walsh = product(x, [1 - 2 * x[:, j] for j, chosen in enumerate(subset) if chosen])
        total = total + p.weight[:, column] * walsh
    return torch.sigmoid(-total / p.temperature)


def difflogic(p: Parametrization, x: Tensor) -> Tensor:
    a, b = x.unbind(1)
    functions = [
        torch.zeros_like(a), a * b, a - a * b, a, b - a * b, b, a + b - 2 * a * b, a + b - a * b,
        1 - a - b + a * b, 1 - a - b + 2 * a * b, 1 - b, 1 - b + a * b, 1 - a, 1 - a + a * b, 1 - a * b,
        torch.ones_like(a),
    ]  # fmt: skip
    return (torch.softmax(p.weight / p.temperature, 1) * torch.stack(functions, -1)).sum(-1)


def linear(p: Parametrization, x: Tensor) -> Tensor:
    return torch.sigmoid((p.weight[:, 0] + (x * p.weight[:, 1:].t()).sum(1)) / p.temperature)


def polylut(p: Parametrization, x: Tensor) -> Tensor:
    assert isinstance(p, PolyLUTParametrization)
    slots = range(x.shape[1])
    chosen = [c for size in range(min(p.degree, len(slots)) + 1) for c in itertools.combinations(slots, size)]
    assert p.weight.shape[1] == len(chosen)
    total = torch.zeros_like(x[:, 0])
    for column, subset in enumerate(chosen):
        total = total + p.weight[:, column] * product(x, [x[:, j] for j in subset])
    return torch.sigmoid(total / p.temperature)


def neurallut(p: Parametrization, x: Tensor) -> Tensor:
    """One LUT and one unit at a time, reading the flat weights from left to right."""
    assert isinstance(p, NeuralLUTParametrization)
    width, depth, skip = p.architecture.hidden_width, p.architecture.depth, p.architecture.skip
    outputs = []
    for n in range(x.shape[2]):
        row = iter(p.weight[n])
        layers = []
        for i in range(depth):
            num_inputs, num_outputs = width if i else x.shape[1], width if i < depth - 1 else 1
            matrix = [[next(row) for _ in range(num_inputs)] for _ in range(num_outputs)]
            layers.append((matrix, [next(row) for _ in range(num_outputs)]))
        values = [list(x[:, :, n].unbind(1))]
        for i, (matrix, biases) in enumerate(layers):
            units = [
                sum((w * v for w, v in zip(weights, values[i], strict=True)), start=bias)
                for weights, bias in zip(matrix, biases, strict=True)
            ]
            if skip and (i + 1) % skip == 0:
                before = values[i + 1 - skip]
                units = [sum((next(row) * v for v in before), start=unit) for unit in units]
            values.append(units if i == depth - 1 else [torch.relu(unit) for unit in units])
        assert next(row, None) is None
        outputs.append(values[-1][0])
    return torch.sigmoid(torch.stack(outputs, 1) / p.temperature)


def hybrid(p: Parametrization, x: Tensor) -> Tensor:
    backward = light(p, x)
    return looked_up((p.weight > 0).to(x.dtype), x) + backward - backward.detach()


def dwn(p: Parametrization, x: Tensor) -> Tensor:
    """arXiv:2410.11112, eq. 5, with the address over all slots but l in the distance."""
    rank = x.shape[1]
    table = p.weight.detach().clamp(-1, 1)
    bits = (x.detach() > 0.5).int()
    output = looked_up((p.weight > 0).to(x.dtype), x)
    for slot in range(rank):
        slope = torch.zeros_like(output)
        for k, corner in enumerate(corners(rank)):
            distance = sum((bits[:, j] != corner[j]).int() for j in range(rank) if j != slot)
            slope = slope + (1 if corner[slot] else -1) * table[:, k] * (1 / 3) ** torch.as_tensor(distance).double()
        output = output + 0.5 * 0.75 ** (rank - 1) * slope * (x[:, slot] - x[:, slot].detach())
    entry = looked_up(p.weight, x)  # the tests' weights lie within [-1, 1]
    return output + entry - entry.detach()


def fourier(p: Parametrization, x: Tensor) -> Tensor:
    assert isinstance(p, FourierParametrization)
    value = 0.5 + p.weight[:, 0] + torch.zeros_like(x[:, 0])
    for column, subset in list(enumerate(corners(x.shape[1])))[1:]:
        turns = sum(x[:, j] * 0.5 for j, chosen in enumerate(subset) if chosen)
        value = value + p.weight[:, column] * torch.cos(2 * math.pi * turns + p.phase[:, column - 1])
    if value.requires_grad:
        inside = value.detach()
        value.register_hook(  # type: ignore[no-untyped-call]
            lambda g: torch.where((inside < 0) & (g > 0) | (inside > 1) & (g < 0), 0, g)
        )
    return value + (value.clamp(0, 1) - value).detach()


FORMULAS: dict[str, Callable[[Parametrization, Tensor], Tensor]] = {
    "light": light,
    "warp": warp,
    "difflogic": difflogic,
    "linear": linear,
    "polylut": polylut,
    "neurallut": neurallut,
    "dwn": dwn,
    "hybrid": hybrid,
    "fourier": fourier,
}

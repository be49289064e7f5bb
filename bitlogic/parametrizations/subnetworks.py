"""A small network of ReLU units for every LUT, evaluated in blocks of LUTs that are evaluated again for the gradient.

Only the inputs and the weights are kept for the backward pass; the hidden units exist for one block at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor

# Elements of one hidden layer in a block of LUTs; on a GPU all that counts is to start few operations.
_BLOCK_ELEMENTS = {"cpu": 2**18, "cuda": 2**25}


@dataclass(frozen=True)
class Architecture:
    """The layers of a LUT's network and where they lie in its flat row of weights.

    ``depth`` affine layers, ReLU between them, ``hidden_width`` units in all but the last, which has one. Every full
    run of ``skip`` layers is bridged by a linear map that is added before the ReLU (arXiv:2403.00849); 0: none. A row
    holds layer after layer: its matrix ``(outputs, inputs)`` row by row, then its biases; then the bridges' matrices.
    """

    num_inputs: int
    hidden_width: int
    depth: int
    skip: int

    @property
    def widths(self) -> list[int]:
        """The inputs of every layer, and the output."""
        return [self.num_inputs, *[self.hidden_width] * (self.depth - 1), 1]

    @property
    def bridges(self) -> dict[int, tuple[int, int]]:
        """For the last layer of every bridged run, the run's first layer and the bridge's number."""
        if self.skip == 0:
            return {}
        return {(i + 1) * self.skip - 1: (i * self.skip, i) for i in range(self.depth // self.skip)}

    @property
    def num_weights(self) -> int:
        return sum(rows * columns for rows, columns in self._shapes())

    def unpack(self, weight: Tensor) -> "Layers":
        """Views of flat weights ``(luts, num_weights)``."""
        shapes = self._shapes()
        parts = torch.split(weight, [rows * columns for rows, columns in shapes], dim=1)
        matrices = [part.view(-1, *shape) for part, shape in zip(parts, shapes, strict=True)]
        return Layers(matrices[0 : 2 * self.depth : 2], matrices[1 : 2 * self.depth : 2], matrices[2 * self.depth :])

    def _shapes(self) -> list[tuple[int, int]]:
        widths = self.widths
        shapes = []
        for inputs, outputs in pairwise(widths):
            shapes += [(outputs, inputs), (outputs, 1)]
        return shapes + [(widths[last + 1], widths[first]) for last, (first, _) in self.bridges.items()]


@dataclass(frozen=True)
class Layers:
    """The weights of a block of networks."""

    matrices: list[Tensor]  # (luts, outputs, inputs)
    biases: list[Tensor]  # (luts, outputs, 1)
    bridges: list[Tensor]  # (luts, outputs of the run, inputs of the run)


def run_subnetworks(inputs: Tensor, weight: Tensor, architecture: Architecture) -> Tensor:
    """The outputs ``(luts, batch)`` of every LUT's network, differentiable in both, once.

    Args:
        inputs: float ``(num_inputs, luts, batch)``.
        weight: ``(luts, num_weights)`` of the same dtype.
        architecture: the form of the networks.
    """
    a = architecture
    return cast(Tensor, _subnetworks(inputs, weight, a.hidden_width, a.depth, a.skip))


def activations(inputs: Tensor, weight: Tensor, architecture: Architecture) -> list[Tensor]:
    """What enters every layer, and the output: ``(luts, units, batch)`` each, for inputs ``(num_inputs, luts, batch)``.

    Plain torch, everything at once.
    """
    layers = architecture.unpack(weight)
    values = [inputs.transpose(0, 1)]
    for i, (matrix, bias) in enumerate(zip(layers.matrices, layers.biases, strict=True)):
        value = torch.baddbmm(bias, matrix, values[i])
        if i in architecture.bridges:
            first, number = architecture.bridges[i]
            value = torch.baddbmm(value, layers.bridges[number], values[first])
        values.append(value if i == architecture.depth - 1 else value.relu_())
    return values


@torch.library.custom_op("bitlogic::subnetworks", mutates_args=())
def _subnetworks(inputs: Tensor, weight: Tensor, hidden_width: int, depth: int, skip: int) -> Tensor:
    with torch.autocast(inputs.device.type, enabled=False):
        architecture = Architecture(inputs.shape[0], hidden_width, depth, skip)
        output = inputs.new_empty(inputs.shape[1:])
        for luts in _blocks(inputs, hidden_width):
            output[luts] = activations(inputs[:, luts], weight[luts], architecture)[-1].squeeze(1)
        return output


@torch.library.custom_op("bitlogic::subnetworks_backward", mutates_args=())
def _subnetworks_backward(
    grad: Tensor, inputs: Tensor, weight: Tensor, hidden_width: int, depth: int, skip: int, needs_inputs: bool
) -> tuple[Tensor, Tensor]:
    with torch.autocast(inputs.device.type, enabled=False):
        architecture = Architecture(inputs.shape[0], hidden_width, depth, skip)
        grad_inputs = torch.empty_like(inputs) if needs_inputs else inputs.new_empty(0)
        grad_weight = torch.empty_like(weight)
        for luts in _blocks(inputs, hidden_width):
            layers = architecture.unpack(weight[luts])
            values = activations(inputs[:, luts], weight[luts], architecture)
            found = _gradients(grad[luts].unsqueeze(1), values, layers, architecture, grad_weight[luts])
            if needs_inputs:
                grad_inputs[:, luts] = found.transpose(0, 1)
        return grad_inputs, grad_weight


def _gradients(
    grad: Tensor, values: list[Tensor], layers: Layers, architecture: Architecture, grad_weight: Tensor
) -> Tensor:
    """Fills a block's ``grad_weight`` and returns the gradient of its inputs, ``(luts, num_inputs, batch)``."""
    to = architecture.unpack(grad_weight)
    bridged: dict[int, Tensor] = {}  # first layer of a run: what reaches its input over the bridge
    for i in reversed(range(architecture.depth)):
        if i < architecture.depth - 1:
            grad = torch.ops.aten.threshold_backward(grad, values[i + 1], 0)
        if i in architecture.bridges:
            first, number = architecture.bridges[i]
            to.bridges[number].copy_(torch.bmm(grad, values[first].transpose(1, 2)))
            bridged[first] = torch.bmm(layers.bridges[number].transpose(1, 2), grad)
        to.matrices[i].copy_(torch.bmm(grad, values[i].transpose(1, 2)))
        to.biases[i].copy_(grad.sum(2, keepdim=True))
        grad = torch.bmm(layers.matrices[i].transpose(1, 2), grad)
        if i in bridged:
            grad = grad + bridged[i]
    return grad


def _blocks(inputs: Tensor, hidden_width: int) -> Iterator[slice]:
    _, num_luts, batch = inputs.shape
    per_lut = max(1, batch * max(hidden_width, inputs.shape[0]))
    width = max(1, _BLOCK_ELEMENTS.get(inputs.device.type, 2**25) // per_lut)
    for start in range(0, num_luts, width):
        yield slice(start, start + width)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:2])
    ctx.architecture = inputs[2:]


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, None, None, None]:
    inputs, weight = ctx.saved_tensors
    needs_inputs = ctx.needs_input_grad[0]
    to_inputs, to_weight = _subnetworks_backward(grad.contiguous(), inputs, weight, *ctx.architecture, needs_inputs)
    return to_inputs if needs_inputs else None, to_weight, None, None, None


@_subnetworks.register_fake
def _(inputs: Tensor, weight: Tensor, hidden_width: int, depth: int, skip: int) -> Tensor:
    return inputs.new_empty(inputs.shape[1:])


@_subnetworks_backward.register_fake
def _(
    grad: Tensor, inputs: Tensor, weight: Tensor, hidden_width: int, depth: int, skip: int, needs_inputs: bool
) -> tuple[Tensor, Tensor]:
    return torch.empty_like(inputs) if needs_inputs else inputs.new_empty(0), torch.empty_like(weight)


_subnetworks.register_autograd(_backward, setup_context=_setup_context)

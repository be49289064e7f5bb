"""What the trained model itself says of inputs: by PackedLogicNet, by ``model.eval()``, and layer by layer."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bitlogic.encoders.base import Encoder as EncoderLayer
from bitlogic.errors import ExportError
from bitlogic.export.extract import flat_layers
from bitlogic.export.samples import Result
from bitlogic.export.vectors import Inputs
from bitlogic.inference.packed_model import PackedLogicNet, encoded_shape
from bitlogic.layers import ResidualLogicBlock
from bitlogic.layers.conv import LogicConv

Array = npt.NDArray[Any]
_BLOCK = 1024  # samples at a time: eval() holds a float for every bit


def packed_reference(model: nn.Module) -> Callable[[Inputs], Result]:
    """A function that gives PackedLogicNet's scores and classes; 64 samples a word, straight from the layers."""

    def run(inputs: Inputs) -> Result:
        net, x = _behind(model, inputs)
        packed = PackedLogicNet(net)
        return Result(packed.scores(x).cpu().numpy(), packed.class_ids(x).cpu().numpy())

    return run


def eval_reference(model: nn.Module) -> Callable[[Inputs], Result]:
    """A function that gives the integers of ``model.eval()``: the head's ``scores`` of the bits that reach it.

    The float output must be PackedLogicNet's to the bit; where it is not, ExportError names the first sample.
    """

    def run(inputs: Inputs) -> Result:
        net, x = _behind(model, inputs)
        net = copy.deepcopy(net).eval()
        layers = flat_layers(net)
        body, head = nn.Sequential(*layers[:-1]), layers[-1]
        packed = PackedLogicNet(net)
        scores = []
        with torch.no_grad():
            for start in range(0, len(x), _BLOCK):
                block = x[start : start + _BLOCK]
                bits = body(block)
                scores.append(head.scores(bits))  # type: ignore[operator]
                _same_floats(head(bits), packed(block), start)
        values = torch.cat(scores).cpu().numpy()
        return Result(values, values.argmax(axis=1))

    return run


def layer_bits(model: nn.Module, inputs: Inputs) -> list[tuple[int, Array]]:
    """The output bits of every LUT layer, by PackedLogicNet: (position of the layer, uint8 ``(n, neurons)``)."""
    net, x = _behind(model, inputs)
    shift = len(flat_layers(model)) - len(flat_layers(net))
    return [(position + shift, bits.cpu().numpy()) for position, bits in PackedLogicNet(net).layer_bits(x)]


def _behind(model: nn.Module, inputs: Inputs) -> tuple[nn.Module, Tensor]:
    """The part of the model that the inputs enter, and the inputs as it takes them."""
    layers = flat_layers(model)
    encoder = layers[0] if layers and isinstance(layers[0], EncoderLayer) else None
    device = next(iter([*model.parameters(), *model.buffers()]), torch.empty(0)).device
    if encoder is None or inputs.numbers is None:
        rest = layers[encoder is not None :]
        values = inputs.samples.values
        if encoder is not None:
            values = encoder.comparators().output_bits(values)
        bits = torch.from_numpy(values.astype(np.float32)).to(device)
        return nn.Sequential(*rest), bits.reshape(len(bits), *_bits_shape(encoder, rest))
    shape = encoder.comparators().input_shape
    return model, torch.from_numpy(inputs.numbers.copy()).reshape(-1, *shape).to(device)


def _bits_shape(encoder: EncoderLayer | None, rest: list[nn.Module]) -> tuple[int, ...]:
    """The shape of a sample's bits as the layers take them; flat where that is all they need."""
    if encoder is not None:
        return encoded_shape(encoder)
    first = next(iter(rest), None)
    if isinstance(first, LogicConv | ResidualLogicBlock):
        return (first.in_channels, *first.in_dim)
    return (-1,)


def _same_floats(eager: Tensor, packed: Tensor, start: int) -> None:
    different = (eager != packed).nonzero()
    if len(different):
        sample, output = different[0].tolist()
        raise ExportError(
            f"model.eval() and PackedLogicNet differ at sample {start + sample}, output {output}: "
            f"{float(eager[sample, output])} and {float(packed[sample, output])}"
        )

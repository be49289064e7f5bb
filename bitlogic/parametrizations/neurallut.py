"""neurallut: a small network in every LUT."""

from typing import Any

import torch
from torch import Tensor

from bitlogic.connections.wiring import Wiring
from bitlogic.parametrizations.base import RESIDUAL_NOISE, Parametrization, gather_by_weights, residual_spread
from bitlogic.parametrizations.subnetworks import Architecture, Layers, activations, run_subnetworks
from bitlogic.sampling import sampled_sigmoid

# Elements of a hidden layer at the corners that exist at one time while the tables are read.
_CORNER_ELEMENTS = 2**22


class NeuralLUTParametrization(Parametrization):
    """``sigma(f(x) / tau)`` with f a network of ReLU units, one for each LUT (arXiv:2403.00849).

    ``weight`` is ``(out_dim, num_weights)``, a row all weights and biases of one network, in the order that
    `bitlogic.parametrizations.subnetworks.Architecture` states; l1 and l2 regularisers see them all. Hard sampling
    rounds the output. An entry is 1 where f is above 0. Time and memory grow with ``depth * hidden_width`` for every
    LUT and sample; the hidden units exist for a block of LUTs at a time.

    Args:
        lut_rank: the slots of a LUT, 1 to 6.
        hidden_width: units of a hidden layer.
        depth: affine layers, the last of which has one output; 1 is `linear`.
        skip: a linear map bridges every full run of so many layers; 0: none.
        options: those of `Parametrization`.

    Raises:
        ValueError: an option that is not allowed.
    """

    def __init__(self, lut_rank: int, *, hidden_width: int = 8, depth: int = 2, skip: int = 2, **options: Any) -> None:
        for name, given, least in (("hidden_width", hidden_width, 1), ("depth", depth, 1), ("skip", skip, 0)):
            if type(given) is not int or given < least:
                raise ValueError(f"{name} must be a whole number of at least {least}, got {given!r}")
        self.architecture = Architecture(lut_rank, hidden_width, depth, skip)  # before the base class draws the weights
        super().__init__(lut_rank, **options)

    def initial_weight(self, generator: torch.Generator | None) -> Tensor:
        shape = (self.out_dim, self.architecture.num_weights)
        weight = 2 * torch.rand(shape, generator=generator) - 1
        layers = self.architecture.unpack(weight)
        for matrix, bias in zip(layers.matrices, layers.biases, strict=True):
            # He's bound keeps the variance through ReLU; biases spread the kinks over the cube (arXiv:1502.01852).
            matrix *= (6 / matrix.shape[2]) ** 0.5
            bias *= matrix.shape[2] ** -0.5
        for bridge in layers.bridges:
            bridge *= (3 / bridge.shape[2]) ** 0.5
        if self.weight_init == "random":
            self._centre(weight)
        else:
            self._pass_slot_0(weight, generator)
        return weight

    def forward(self, signals: Tensor, wiring: Wiring) -> Tensor:
        dtype = torch.promote_types(signals.dtype, self.weight.dtype)
        inputs = gather_by_weights(signals, wiring, self.out_dim).to(dtype)
        logits = run_subnetworks(inputs, self.weight.to(dtype), self.architecture)
        logits = logits.view(wiring.indices.shape[1], signals.shape[1])
        return sampled_sigmoid(logits, self.temperature, self.forward_sampling)

    def relaxed_table(self) -> Tensor:
        logits = run_subnetworks(self._corners(self.weight).contiguous(), self.weight, self.architecture)
        return torch.sigmoid(logits / self.temperature)

    @torch.no_grad()
    def get_luts(self) -> Tensor:
        weight = self.weight.to("cpu", torch.float64)
        width = max(1, _CORNER_ELEMENTS // (self.architecture.hidden_width << self.lut_rank))
        logits = [activations(self._corners(part), part, self.architecture)[-1] for part in torch.split(weight, width)]
        return (torch.cat(logits).squeeze(1) > 0).to(torch.uint8)

    def get_config(self) -> dict[str, Any]:
        a = self.architecture
        return {**super().get_config(), "hidden_width": a.hidden_width, "depth": a.depth, "skip": a.skip}

    def _corners(self, weight: Tensor) -> Tensor:
        """The inputs ``(lut_rank, luts, 2**lut_rank)`` at every address, of the weights' dtype and device."""
        addresses = torch.arange(1 << self.lut_rank) >> torch.arange(self.lut_rank - 1, -1, -1)[:, None] & 1
        return addresses.to(weight)[:, None].expand(-1, weight.shape[0], -1)

    def _centre(self, weight: Tensor) -> None:
        """Moves every network's logits at the corners to mean 0, and scales them all to deviation tau."""
        logits = activations(self._corners(weight), weight, self.architecture)[-1]
        mean = logits.mean(2, keepdim=True)
        layers = self.architecture.unpack(weight)
        layers.biases[-1].sub_(mean)
        scale = self.temperature / (logits - mean).square().mean().sqrt()
        for part in (layers.matrices[-1], layers.biases[-1], *self._last_bridge(layers)):
            part *= scale

    def _pass_slot_0(self, weight: Tensor, generator: torch.Generator | None) -> None:
        """Leads slot 0 through the first unit of every layer to the output, where the other units hardly count."""
        logit = torch.logit(torch.tensor(self.residual_probability, dtype=torch.float64)).item() * self.temperature
        layers = self.architecture.unpack(weight)
        to_output = self._last_bridge(layers)
        for part in (layers.matrices[-1], *to_output):
            part *= RESIDUAL_NOISE * logit / part.shape[2] / part.abs().amax()
            part[:, 0, 0] = 0.0
        hidden_bridges = layers.bridges[: len(layers.bridges) - len(to_output)]
        for part in (*layers.matrices[:-1], *layers.biases[:-1], *hidden_bridges):
            part[:, 0] = 0.0
        for matrix in layers.matrices[:-1]:
            matrix[:, 0, 0] = 1.0
        logits = logit * residual_spread((self.out_dim, 1), generator)
        layers.matrices[-1][:, :, 0] += 2 * logits
        layers.biases[-1][:, :, 0] = -logits

    def _last_bridge(self, layers: Layers) -> list[Tensor]:
        """The bridge that ends at the output, where there is one."""
        return layers.bridges[-1:] if self.architecture.depth - 1 in self.architecture.bridges else []

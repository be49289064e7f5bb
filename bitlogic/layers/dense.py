"""LogicDense: the fully connected layer of look-up tables."""

from typing import Any

import torch
from torch import Tensor, nn

from bitlogic.connections import CONNECTION_ALIASES, setup_connections
from bitlogic.inference.packed_tensor import PackBitsTensor
from bitlogic.kernels.layout import signal_major
from bitlogic.keywords import refuse_unknown_keywords
from bitlogic.layers.gradient import scale_gradient
from bitlogic.layers.lookup import look_up_bits
from bitlogic.layers.numbers import lut_numbers
from bitlogic.layers.precision import activation_dtype
from bitlogic.parametrizations import PARAMETRIZATION_ALIASES, PARAMETRIZATIONS, setup_parametrization
from bitlogic.parametrizations.regularization import regularization_loss


class LogicDense(nn.Module):
    """``out_dim`` LUTs of ``lut_rank`` inputs each: connections times parametrization (arXiv:2210.08277).

    ``(..., in_dim)`` to ``(..., out_dim)``. In training the inputs are bits or numbers in [0, 1] and the output is the
    relaxation's. In evaluation the inputs are bits (a float is a one when it is above 0.5) and the output is the
    discrete table's, for every parametrization, on every device and dtype; it carries no gradient. The tables are read
    from the weights in every call, so they cannot be out of date. The output has the input's dtype when that is a
    float, else the weights'; under autocast it has autocast's, while weights and sums stay in float32.

    Inside, and in memory, the output is ``(out_dim, batch)``: a following layer reads it without a copy.

    Args:
        in_dim: the number of inputs.
        out_dim: the number of LUTs.
        parametrization: a name of `bitlogic.parametrizations.list_parametrizations`.
        connections: ``fixed`` or ``learnable``, see `bitlogic.connections`.
        lut_rank: the slots of a LUT, 1 to 6; slot 0 is the most significant bit of the table's address.
        device: where parameters and buffers live.
        forward_sampling: the parametrization's: soft, hard, gumbel_soft or gumbel_hard; training only.
        temperature: the parametrization's softness.
        weight_init: ``random``, ``residual`` or, for warp, ``residual-catalog``.
        residual_probability: how surely a residual LUT's output is its slot 0.
        num_candidates: inputs that each slot of learnable connections chooses from; -1: all.
        init_method: how inputs are drawn, see `bitlogic.connections.routing`, or an index tensor
            ``(lut_rank, out_dim)``.
        num_groups: blocks of the grouped methods.
        group_bias: probability of the own block in ``grouped-biased``.
        input_runs, lut_runs: equal runs of inputs and LUTs, each cut into the groups' blocks, see
            `bitlogic.connections.routing`.
        connection_temperature: of learnable connections' softmax.
        connection_sampling: learnable connections' forward_sampling.
        grad_factor: scales the gradient of the layer's input, and nothing else.
        generator: a CPU generator for connections and weights; default torch's own.
        parametrization_extras: options of single parametrizations; one that the chosen parametrization does not take is
            ignored.

    Raises:
        TypeError: an option that no parametrization takes.
        ValueError: a name or value that is not allowed.
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        parametrization: str = "light",
        connections: str = "fixed",
        lut_rank: int = 2,
        device: torch.device | str | None = None,
        forward_sampling: str = "soft",
        temperature: float = 1.0,
        weight_init: str = "residual",
        residual_probability: float = 0.951,
        num_candidates: int = -1,
        init_method: str | Tensor = "random-unique",
        num_groups: int | None = None,
        group_bias: float | None = None,
        input_runs: int = 1,
        lut_runs: int = 1,
        connection_temperature: float = 0.001,
        connection_sampling: str = "soft",
        grad_factor: float = 1.0,
        generator: torch.Generator | None = None,
        **parametrization_extras: Any,
    ) -> None:
        super().__init__()
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.lut_rank = lut_rank
        self.grad_factor = float(grad_factor)
        self._parametrization_name = PARAMETRIZATION_ALIASES.get(parametrization, parametrization)
        self._connections_name = CONNECTION_ALIASES.get(connections, connections)
        refuse_unknown_keywords("LogicDense", PARAMETRIZATIONS, parametrization_extras)
        self.connections = setup_connections(
            connections,
            in_dim,
            out_dim,
            lut_rank,
            device,
            init_method=init_method,
            num_groups=num_groups,
            group_bias=group_bias,
            input_runs=input_runs,
            lut_runs=lut_runs,
            num_candidates=num_candidates,
            temperature=connection_temperature,
            forward_sampling=connection_sampling,
            generator=generator,
        )
        self.parametrization = setup_parametrization(
            parametrization,
            lut_rank,
            out_dim=out_dim,
            device=device,
            forward_sampling=forward_sampling,
            temperature=temperature,
            weight_init=weight_init,
            residual_probability=residual_probability,
            generator=generator,
            **parametrization_extras,
        )

    def forward(self, x: Tensor | PackBitsTensor) -> Tensor | PackBitsTensor:
        """``(..., out_dim)`` for ``(..., in_dim)``; ValueError for another last dimension."""
        if x.ndim == 0 or x.shape[-1] != self.in_dim:
            raise ValueError(f"LogicDense expects an input of shape (..., {self.in_dim}), got {tuple(x.shape)}")
        if isinstance(x, PackBitsTensor):
            return x.for_eval(self).look_up(*self.get_luts_and_ids())
        dtype = activation_dtype(x, self.parametrization.weight)
        rows = (x.to(dtype) if x.is_floating_point() else x).reshape(-1, self.in_dim)
        signals = signal_major(rows, bits_as_bytes=self.parametrization.weight.dtype == torch.float32)
        if not self.training:
            output = self._look_up(signals, dtype)
        else:
            signals = scale_gradient(signals, self.grad_factor)
            output = self.parametrization(signals, self.connections.draw()).to(dtype)
        return output.t().reshape(*x.shape[:-1], self.out_dim)

    def get_luts(self) -> Tensor:
        """The discrete tables, uint8 ``(out_dim, 2**lut_rank)`` on the CPU.

        Entry k is the output when slot j reads bit ``lut_rank - 1 - j`` of k.
        """
        return self.parametrization.get_luts()

    def get_luts_and_ids(self) -> tuple[Tensor, Tensor]:
        """`get_luts` and which input feeds each slot, int64 ``(lut_rank, out_dim)``, both on the CPU."""
        return self.get_luts(), self.connections.get_indices().cpu()

    def get_lut_ids(self) -> Tensor:
        """Each table as a number ``(out_dim,)`` on the CPU, entry 0 as its most significant bit.

        For rank 2: 0 = False, 1 = AND, 3 = A, 5 = B, 6 = XOR, 7 = OR, 14 = NAND, 15 = True. The dtype is int64, but
        uint64 for rank 6, whose numbers int64 cannot hold.
        """
        return lut_numbers(self.get_luts())

    def update_temperature(self, temperature: float) -> None:
        """Sets the parametrization's temperature; ValueError unless finite and positive."""
        self.parametrization.update_temperature(temperature)

    def update_connection_temperature(self, temperature: float) -> None:
        """Sets the softness of learnable connections, of no effect on fixed ones; ValueError as above."""
        self.connections.update_temperature(temperature)

    def get_regularization_loss(self, kind: str) -> Tensor:
        """A scalar to add to the loss: ``entropy``, ``l1`` or ``l2``, see `regularization_loss`."""
        return regularization_loss(self.parametrization, kind)

    def get_config(self) -> dict[str, Any]:
        """The constructor's keywords, JSON-able; ``LogicDense(**config)`` and ``load_state_dict`` rebuild the layer.

        Indices given as a tensor are in the state, not in the configuration.
        """
        connections = self.connections.get_config()
        for ours, theirs in (("connection_temperature", "temperature"), ("connection_sampling", "forward_sampling")):
            if theirs in connections:
                connections[ours] = connections.pop(theirs)
        return {
            "in_dim": self.in_dim,
            "out_dim": self.out_dim,
            "lut_rank": self.lut_rank,
            "parametrization": self._parametrization_name,
            "connections": self._connections_name,
            "grad_factor": self.grad_factor,
            **connections,
            **self.parametrization.get_config(),
        }

    def extra_repr(self) -> str:
        return (
            f"in_dim={self.in_dim}, out_dim={self.out_dim}, lut_rank={self.lut_rank}, grad_factor={self.grad_factor:g}"
        )

    @torch.no_grad()
    def _look_up(self, signals: Tensor, dtype: torch.dtype) -> Tensor:
        luts = self.get_luts().to(signals.device)
        return look_up_bits(signals, luts, self.connections.get_indices(), dtype)

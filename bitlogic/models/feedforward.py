"""The plain network: encoder, LUT layers, head."""

import math
import warnings
from typing import Any

from torch import Tensor, nn

from bitlogic.encoders import setup_encoder
from bitlogic.heads import setup_head
from bitlogic.layers import LogicDense


class FeedForward(nn.Sequential):
    """Encoder, Flatten, `num_layers` LogicDense layers of one width, head; an `nn.Sequential` of these modules.

    Args:
        fit_samples: (batch, ...), what the encoder is fitted on here and now.
        num_classes: the head's classes; it divides `layer_width`.
        layer_width: LUTs of a layer.
        num_layers: LogicDense layers, at least one.
        num_bits: thresholds of each input value.
        lut_rank: inputs of a LUT.
        num_candidates: inputs that learnable connections choose from for each slot, -1 for all.
        parametrization: a name of `bitlogic.parametrizations`.
        connections: a name of `bitlogic.connections`.
        tau: the head's scale. The default suits 64,000 LUTs; about 0.55 * sqrt(layer_width / num_classes) suits small
            networks, and a `tau` that is far above it is warned of.
        encoder: a name of `bitlogic.encoders`.
        head: a name of `bitlogic.heads`.
        head_wbits: weight bits of the grouped_dsp head; other heads have none.
        layer_kwargs: further keywords of `LogicDense`.

    Raises:
        ValueError: an unknown name or a number that a part refuses.
        TypeError: a keyword that LogicDense does not know.
    """

    def __init__(
        self,
        *,
        fit_samples: Tensor,
        num_classes: int,
        layer_width: int = 64_000,
        num_layers: int = 2,
        num_bits: int = 8,
        lut_rank: int = 4,
        num_candidates: int = 8,
        parametrization: str = "light",
        connections: str = "learnable",
        tau: float = 150.0,
        encoder: str = "distributive_thermometer",
        head: str = "groupsum",
        head_wbits: int = 8,
        **layer_kwargs: Any,
    ) -> None:
        if num_layers < 1:
            raise ValueError(f"num_layers is {num_layers}, it must be at least 1")
        if num_classes < 1 or layer_width < 1 or layer_width % num_classes:
            raise ValueError(f"layer_width {layer_width} does not split into {num_classes} equal classes")
        fitted = setup_encoder(encoder, num_bits=num_bits).fit(fit_samples)
        layers = [
            LogicDense(
                in_dim,
                layer_width,
                parametrization=parametrization,
                connections=connections,
                lut_rank=lut_rank,
                num_candidates=num_candidates,
                **layer_kwargs,
            )
            for in_dim in [fitted.num_outputs] + [layer_width] * (num_layers - 1)
        ]
        head_options = {"wbits": head_wbits} if head == "grouped_dsp" else {}
        scores = setup_head(head, num_classes, tau=tau, **head_options)
        super().__init__(fitted, nn.Flatten(), *layers, scores)
        if layer_kwargs.get("device") is not None:
            self.to(layer_kwargs["device"])
        _warn_of_tau(tau, layer_width / num_classes)


def _warn_of_tau(tau: float, luts_per_class: float) -> None:
    fitting = 0.55 * math.sqrt(luts_per_class)
    # The default is 3.4 times the rule at 64,000 LUTs for ten classes and trains well there.
    if tau > 8 * fitting:
        warnings.warn(
            f"tau={tau:g} is meant for wide layers; with {luts_per_class:g} LUTs for each class the scores hardly "
            f"differ, tau={fitting:.2g} learns faster",
            stacklevel=3,
        )

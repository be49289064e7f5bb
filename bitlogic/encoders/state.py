"""What a fit leaves in an encoder, and how it survives casts, moves and files."""

from collections.abc import Callable, Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn


class FittedState(nn.Module):
    """A module with tensors that are None until a fit, or a file, gives them values and shapes.

    The floating ones stay float32 in every cast of the model: half precision would round thresholds off the boundaries
    of their grid. Only the device follows the model.
    """

    thresholds: Tensor | None  # float32 (*sizes, num_thresholds); an encoder says what its sizes are
    integer_thresholds: Tensor | None  # int32, same shape; None without a grid
    input_min: Tensor | None  # float32 sizes
    input_max: Tensor | None  # float32 sizes
    input_sizes: Tensor | None  # int64, the shape of one sample

    FLOATS: tuple[str, ...] = ("thresholds", "input_min", "input_max")
    NAMES: tuple[str, ...] = (*FLOATS, "integer_thresholds", "input_sizes")
    PARAMETERS: tuple[str, ...] = ()  # those of NAMES that are trained

    def __init__(self) -> None:
        super().__init__()
        for name in self.NAMES:
            if name in self.PARAMETERS:
                self.register_parameter(name, None)
            else:
                self.register_buffer(name, None)

    def keep(self, name: str, value: Tensor) -> None:
        """Give a tensor its value; a parameter of the same shape is changed in place, so that an optimiser keeps it."""
        own = getattr(self, name)
        if name not in self.PARAMETERS:
            setattr(self, name, value)
        elif own is None or own.shape != value.shape:
            setattr(self, name, nn.Parameter(value.clone()))
        else:
            with torch.no_grad():
                own.copy_(value)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        before = {name: None if (own := getattr(self, name)) is None else own.detach() for name in self.FLOATS}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, value in before.items():
            own = getattr(self, name)
            if value is not None and own.dtype != value.dtype:
                own.data = value.to(own.device)
        return self

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        # The shapes are known only after a fit, so the tensors take those of the file before torch compares them.
        for name in self.NAMES:
            value = state_dict.get(prefix + name)
            if value is not None and self._takes(name):
                reason = self._refuses(name, value)
                if reason is not None:
                    error_msgs.append(f"{prefix}{reason}")
                    return
                own = getattr(self, name)
                if own is None or own.shape != value.shape:
                    empty = torch.empty_like(value)
                    setattr(self, name, nn.Parameter(empty) if name in self.PARAMETERS else empty)
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )

    def _takes(self, name: str) -> bool:
        """Whether a tensor of that name belongs to this module; torch reports one that does not."""
        return True

    def _refuses(self, name: str, value: Tensor) -> str | None:
        """Why a file's tensor does not fit the module's configuration, or None."""
        return None

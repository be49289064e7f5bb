"""What the inputs of two netlists range over in a proof: free bits, or every ``x`` that the encoder can see.

The proof speaks of free variables. Without an encoder each input bit is one. With the encoder inside, the bits of one
feature cannot be free: ``x > 5`` implies ``x > 3``, equal comparators give equal bits, and a threshold that no ``x``
exceeds gives 0. So a feature with the thresholds ``t_1 < … < t_k`` gets the variables ``v_1 … v_k``, and ``x > t_i`` is
``v_1 & … & v_i``: every assignment is the code of some ``x``, and every ``x`` has an assignment.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from bitlogic.errors import NetlistError
from bitlogic.export.netlist import Encoder, Netlist
from bitlogic.export.samples import InputKind, Samples


class FreeInputs(ABC):
    """The free variables, numbered from 0, and how they make input bits and samples."""

    num_variables: int

    @abstractmethod
    def signals(self, aig: Any, variables: Sequence[Any], netlist: Netlist) -> dict[int, Any]:
        """The signal of each input bit of ``netlist``, from one signal for each variable."""

    @abstractmethod
    def variables_behind(self, netlist: Netlist, bits: Iterable[int]) -> set[int]:
        """The variables that these input bits depend on."""

    @abstractmethod
    def sample(self, values: Sequence[int]) -> Samples:
        """The one sample that these values of the variables stand for."""


def free_inputs(before: Netlist, after: Netlist) -> FreeInputs:
    """The inputs that both netlists share; NetlistError where they read different ones."""
    if before.encoder is None and after.encoder is None:
        if before.num_inputs != after.num_inputs:
            raise NetlistError(f"{before.num_inputs} input bits before, {after.num_inputs} after: nothing to compare")
        return _Bits(before.num_inputs)
    if before.encoder is None or after.encoder is None:
        raise NetlistError("one netlist has its encoder inside and the other has not: nothing to compare")
    if _grid(before.encoder) != _grid(after.encoder):
        raise NetlistError("the two encoders read different inputs (shape, input_bits or range): nothing to compare")
    return _Numbers(before.encoder, after.encoder)


def _grid(encoder: Encoder) -> tuple[Any, ...]:
    return encoder.input_shape, encoder.input_bits, encoder.input_min.tolist(), encoder.input_max.tolist()


class _Bits(FreeInputs):
    def __init__(self, num_inputs: int) -> None:
        self.num_variables = num_inputs

    def signals(self, aig: Any, variables: Sequence[Any], netlist: Netlist) -> dict[int, Any]:
        return dict(enumerate(variables))

    def variables_behind(self, netlist: Netlist, bits: Iterable[int]) -> set[int]:
        return set(bits)

    def sample(self, values: Sequence[int]) -> Samples:
        return Samples(InputKind.BITS, np.array([values], dtype=np.uint8))


class _Numbers(FreeInputs):
    """With a grid ``x`` is its integers, else any float32."""

    def __init__(self, *encoders: Encoder) -> None:
        self._encoder = encoders[0]
        thresholds: dict[int, set[float]] = {}
        for encoder in encoders:
            for feature, threshold in zip(encoder.features.tolist(), _thresholds(encoder), strict=True):
                thresholds.setdefault(feature, set()).add(threshold)
        never = float(self._encoder.max_input) if self._encoder.input_bits else float("inf")
        self._ladders = {feature: sorted(found - {never}) for feature, found in sorted(thresholds.items())}
        self._first: dict[int, int] = {}
        self.num_variables = 0
        for feature, ladder in self._ladders.items():
            self._first[feature] = self.num_variables
            self.num_variables += len(ladder)

    def signals(self, aig: Any, variables: Sequence[Any], netlist: Netlist) -> dict[int, Any]:
        exceeds: dict[tuple[int, float], Any] = {}
        for feature, ladder in self._ladders.items():
            signal = aig.get_constant(True)
            for variable, threshold in enumerate(ladder, start=self._first[feature]):
                signal = aig.create_and(signal, variables[variable])
                exceeds[feature, threshold] = signal
        zero = aig.get_constant(False)
        return {bit: exceeds.get(place, zero) for bit, place in enumerate(_comparators(netlist))}

    def variables_behind(self, netlist: Netlist, bits: Iterable[int]) -> set[int]:
        comparators = _comparators(netlist)
        features = {comparators[bit][0] for bit in bits}
        return {self._first[feature] + i for feature in features for i in range(len(self._ladders[feature]))}

    def sample(self, values: Sequence[int]) -> Samples:
        encoder = self._encoder
        dtype = np.float32 if encoder.input_bits == 0 else np.uint8 if encoder.input_bits <= 8 else np.uint16
        x = np.zeros((1, encoder.num_features), dtype=dtype)
        for feature, ladder in self._ladders.items():
            height = 0
            while height < len(ladder) and values[self._first[feature] + height]:
                height += 1
            if encoder.input_bits:
                x[0, feature] = int(ladder[height - 1]) + 1 if height else 0
            elif ladder:
                above = np.nextafter(np.float32(ladder[height - 1]), np.float32(np.inf))
                x[0, feature] = above if height else ladder[0]
        return Samples(InputKind.X, x)


def _thresholds(encoder: Encoder) -> list[float]:
    chosen = encoder.thresholds if encoder.integer_thresholds is None else encoder.integer_thresholds
    return [float(threshold) for threshold in chosen.tolist()]


def _comparators(netlist: Netlist) -> list[tuple[int, float]]:
    """Feature and threshold of each input bit."""
    if netlist.encoder is None:
        raise NetlistError("the netlist has no encoder")
    return list(zip(netlist.encoder.features.tolist(), _thresholds(netlist.encoder), strict=True))

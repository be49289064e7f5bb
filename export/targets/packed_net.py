"""The packed netlist as a torch module: signals as rows of words, each word 64 samples of one signal."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from bitlogic.errors import TargetError
from bitlogic.export.netlist import FIRST_INPUT
from bitlogic.export.samples import InputKind
from bitlogic.export.targets.packed_layout import PackedLayout
from bitlogic.inference.counting import count_ones
from bitlogic.inference.pack import WORD_BITS, rows_of

_SIGNAL_WORDS = 1 << 25  # words of signal values at a time: bounds the memory, 256 MB
_BLOCK_WORDS = 1 << 15  # words of one step: its few temporaries stay in a second-level cache


class PackedNet(nn.Module):
    """The network of a packed file. ``net(x)`` gives its integer scores and classes; move it with ``.to(device)``.

    ``x`` is ``(n, ...)``, flattened in C order: float32 or the encoder's integers (any integer dtype) where the encoder
    is inside, else the bits as integers or bool. The result is int64 ``(n, num_classes)`` and int64 ``(n,)`` on the
    device of the module; ties go to the lowest class. TargetError for input of another dtype, width or range.
    """

    tables: Tensor  # int64 (num_luts,), the file's uint64 reinterpreted
    pins: Tensor  # int64 (num_luts, rank)
    outputs: Tensor  # int64 (num_classes, group_size)
    weights: Tensor | None  # float64 (num_classes, num_classes): torch multiplies no integer matrices on CUDA
    features: Tensor | None
    thresholds: Tensor | None
    integer_thresholds: Tensor | None

    def __init__(self, layout: PackedLayout) -> None:
        super().__init__()
        self.layout = layout
        self.register_buffer("tables", torch.from_numpy(layout.tables.copy().view("int64")))
        self.register_buffer("pins", torch.from_numpy(layout.pins.astype("int64")))
        outputs = layout.outputs.astype("int64").reshape(layout.num_classes, -1)
        self.register_buffer("outputs", torch.from_numpy(outputs))
        weights = None if layout.weights is None else torch.from_numpy(layout.weights.astype("float64"))
        self.register_buffer("weights", weights)
        for name in ("features", "thresholds", "integer_thresholds"):
            array = getattr(layout, name)
            self.register_buffer(name, None if array is None else torch.from_numpy(array.copy()))

    @torch.inference_mode()
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The scores and the classes of the samples."""
        x = self._checked(x)
        block = WORD_BITS * max(1, _SIGNAL_WORDS // self.layout.num_signals)
        scores = torch.zeros(len(x), self.layout.num_classes, dtype=torch.int64, device=x.device)
        for start in range(0, len(x), block):
            part = x[start : start + block]
            sums = count_ones(self._signals(part)[self.outputs])[: len(part)]
            scores[start : start + block] = self._combine(sums)
        return scores, _first_largest(scores)

    def _checked(self, x: Tensor) -> Tensor:
        """``x`` as float32 or int32 ``(n, width)`` on the module's device."""
        layout = self.layout
        x = x.to(self.tables.device).flatten(1) if x.ndim > 1 else x.to(self.tables.device)
        if x.ndim != 2 or x.shape[1] != layout.input_width:
            raise TargetError(f"an input of shape {tuple(x.shape)}; (n, {layout.input_width}) is taken")
        if x.dtype == torch.float32 and layout.input is InputKind.X:
            return x
        if x.is_floating_point() or x.is_complex():
            allowed = "float32 or integers" if layout.input is InputKind.X else "bool or integers"
            raise TargetError(f"an input of {x.dtype}; {allowed} are taken")
        if layout.input is InputKind.X and layout.input_bits == 0:
            raise TargetError("the encoder has no integer grid (input_bits=0): give it float32 numbers")
        wide = x.to(torch.int64)
        if x.numel() and not 0 <= int(wide.min()) <= int(wide.max()) <= layout.max_input:
            raise TargetError(f"an input of {int(wide.min())} to {int(wide.max())}; 0 to {layout.max_input} is taken")
        return wide.to(torch.int32)

    def _signals(self, x: Tensor) -> Tensor:
        """int64 ``(num_signals, num_words)``: every signal for every sample."""
        layout = self.layout
        num_words = -(-len(x) // WORD_BITS)
        words = torch.zeros(layout.num_signals, num_words, dtype=torch.int64, device=x.device)
        words[1] = -1
        self._fill_inputs(words, x)
        starts = layout.level_starts.tolist()
        step = max(1, _BLOCK_WORDS // num_words)
        for first, last in pairwise(starts):
            for start in range(first, last, step):
                stop = min(start + step, last)
                pins = words[self.pins[start:stop].T]
                entries = range(1 << self.pins.shape[1])
                words[layout.first_lut + start : layout.first_lut + stop] = _look_up(
                    self.tables[start:stop, None], pins, entries
                )
        return words

    def _combine(self, sums: Tensor) -> Tensor:
        """int64 ``(n, num_classes)``: the scores; every sum and product is below 2**53 and so exact in float64."""
        return sums if self.weights is None else (sums.double() @ self.weights).to(torch.int64)

    def _fill_inputs(self, words: Tensor, x: Tensor) -> None:
        rows, _ = rows_of(x, self.layout.num_inputs, self._bits)
        words[FIRST_INPUT : FIRST_INPUT + len(rows)] = rows

    def _bits(self, x: Tensor) -> tuple[Tensor, None]:
        if self.features is None:
            return x != 0, None
        thresholds = self.thresholds if x.dtype == torch.float32 else self.integer_thresholds
        assert thresholds is not None  # _checked lets integers in only where there are integer thresholds
        return x[:, self.features] > thresholds, None


def _look_up(tables: Tensor, pins: Tensor, entries: range) -> Tensor:
    """int64 ``(num_luts, num_words)``: the part of the tables in ``entries``, addressed by the lower pins.

    ``tables`` is ``(num_luts, 1)`` and ``pins`` ``(rank, num_luts, num_words)``. Shannon expansion from the highest pin
    down, each node the multiplexer ``low ^ (select & (low ^ high))``.
    """
    half = len(entries) // 2
    if half == 1:
        low, high = (-(tables >> entry & 1) for entry in entries)
        return low ^ (pins[0] & (low ^ high))
    low = _look_up(tables, pins, entries[:half])
    high = _look_up(tables, pins, entries[half:])
    high ^= low
    high &= pins[half.bit_length() - 1]
    high ^= low
    return high


def _first_largest(scores: Tensor) -> Tensor:
    """The argmax of each row, the lowest of equal ones: torch.argmax promises no order, so no two keys are equal."""
    num_classes = scores.shape[1]
    behind = torch.arange(num_classes - 1, -1, -1, device=scores.device)
    return (scores * num_classes + behind).argmax(dim=1)

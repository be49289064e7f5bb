"""Our ways to run a network on a CPU, as `bitlogic bench cpu` measures them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bitlogic.errors import MissingToolError
from bitlogic.export.bench import cpu_seconds
from bitlogic.export.bench_cpu_nets import Batch, CpuWorkload
from bitlogic.export.engine.engine import Engine
from bitlogic.export.engine.inputs import Planes
from bitlogic.export.netlist import Head, Netlist
from bitlogic.inference import PackBitsTensor, PackedLogicNet
from bitlogic.kernels import describe, native_available, use_native

Array = npt.NDArray[Any]

# Metrics: what goes in and what comes out. The last one is of a large batch and in wall time, for threads.
BITS, PIXELS, PLANES, LARGE = "bool to counts", "uint8 to class", "planes to counts", "large batch"
BUILD, BUILD_MEMORY = "build", "build memory"

EAGER, EAGER_NATIVE, PACKED, PACKED_COMPILED = "eager", "eager-native", "packed", "packed-compiled"
ENGINE, ENGINE_2 = "engine", "engine-2-threads"
_EAGER_WORK = 2**23  # LUTs times samples of an eager call, which holds some eight bytes for each
_PACKED_TIMES = 4  # batches in a call of PackedLogicNet as it is
_LARGE = 262_144


@dataclass(frozen=True)
class Way:
    """One entry of a contender: the call that is timed, and what its result must be."""

    metric: str
    call: Callable[[], Any]
    batch: Batch
    expected: Array  # of the rows that the batch checks

    def wrong(self) -> str | None:
        """What is wrong with the call's result, or None."""
        got = np.asarray(self.call())
        if len(got) != len(self.batch):
            return f"{len(got)} results for {len(self.batch)} samples"
        rows = got[self.batch.checked].reshape(self.expected.shape)
        different = np.flatnonzero((rows != self.expected).reshape(len(rows), -1).any(axis=1))
        if not len(different):
            return None
        first = different[0]
        return f"sample {self.batch.checked[first]} gives {rows[first]}, evaluate {self.expected[first]}"


@dataclass
class Made:
    """A contender that is ready to run, and what its making took."""

    ways: list[Way] = field(default_factory=list)
    build_seconds: float = 0.0  # of CPU, with the compilers that it started
    build_mb: float | None = None  # the largest process, where one was started for it

    @contextmanager
    def building(self) -> Iterator[None]:
        """Counts what happens within as building."""
        before = cpu_seconds()
        yield
        self.build_seconds += cpu_seconds() - before


Make = Callable[[CpuWorkload, Batch], Made]


def eager(*, native: bool = False) -> Make:
    """``model.eval()`` in torch alone, or with the C kernels of training, which also look up.

    The batch is as small as the memory for a float of every LUT wants it.
    """

    def make(workload: CpuWorkload, batch: Batch) -> Made:
        if native and not native_available():
            raise MissingToolError(describe())
        num = min(len(batch), 512, max(64, _EAGER_WORK // max(1, workload.netlist.num_luts) // 64 * 64))
        few, made = batch.first(num), Made()
        bits = torch.from_numpy(few.bits).reshape(num, *workload.bits_shape)
        made.ways.append(Way(BITS, _eagerly(lambda: workload.layers(bits), native), few, _floats(workload, few)))
        # It has no packed form: this is what an encoder hands to it, floats with the samples of a bit side by side.
        ready = bits.float().movedim(0, -1).contiguous().movedim(-1, 0)
        made.ways.append(Way(PLANES, _eagerly(lambda: workload.layers(ready), native), few, _floats(workload, few)))
        if few.pixels is not None:
            to_floats, pixels = _to_floats(workload), torch.from_numpy(few.pixels)
            call = _eagerly(lambda: workload.model(to_floats(pixels)).argmax(1), native)
            made.ways.append(Way(PIXELS, call, few, few.expected.class_ids))
        return made

    return make


def packed(*, compiled: bool = False) -> Make:
    """PackedLogicNet, compiled by torch.compile or as it is; where there is a C compiler, a kernel packs the bits.

    As it is, its blocks are larger than the batch, so that it is given more samples.
    """

    def make(workload: CpuWorkload, batch: Batch) -> Made:
        made, batch = Made(), batch if compiled else batch.repeated(_PACKED_TIMES)
        bits = torch.from_numpy(batch.bits).reshape(len(batch), *workload.bits_shape)
        with made.building():
            net = PackedLogicNet(workload.model, compile=compiled)
            call = _no_grad(lambda: net.scores(bits, ready_bits=True))
            if compiled:
                call()
        made.ways.append(Way(BITS, call, batch, batch.expected.scores))
        planes = PackBitsTensor.pack(bits)
        on_planes = _no_grad(lambda: net.scores(planes))
        if compiled:
            with made.building():
                on_planes()
        made.ways.append(Way(PLANES, on_planes, batch, batch.expected.scores))
        if batch.pixels is not None:
            to_floats, pixels = _to_floats(workload), torch.from_numpy(batch.pixels)
            on_pixels = _no_grad(lambda: net.class_ids(to_floats(pixels)))
            if compiled:
                with made.building():
                    on_pixels()
            made.ways.append(Way(PIXELS, on_pixels, batch, batch.expected.class_ids))
        return made

    return make


def engine(width: int | None = None, threads: int = 1) -> Make:
    """The engine of that width, the widest that the processor has for None; on a large batch alone with threads."""

    def make(workload: CpuWorkload, batch: Batch) -> Made:
        made = Made()
        build_library(width)
        with made.building():
            run = Engine(workload.optimized, width=width, threads=threads)
        if width is None:
            made.ways.append(_large(run, batch))
        if threads > 1:
            return made
        planes = Planes(batch.words(), len(batch))
        made.ways += [
            Way(BITS, lambda: run.scores(batch.bits, ready_bits=True), batch, batch.expected.scores),
            Way(PLANES, lambda: run.scores(planes), batch, batch.expected.scores),
        ]
        if batch.pixels is not None:
            made.ways.append(Way(PIXELS, lambda: run.class_ids(batch.pixels), batch, batch.expected.class_ids))
        return made

    return make


def build_library(width: int | None = None) -> None:
    """Has the engine's library built for that width, which happens once on a machine and is no network's doing."""
    wire = Netlist(1, np.array([2], np.uint64), np.array([[2]], np.int32), np.array([3], np.int32), Head(1))
    Engine(wire, width=width, threads=1).scores(np.zeros((1, 1), dtype=bool))


def _large(run: Engine, batch: Batch) -> Way:
    """The batch repeated until it is large: pixels to classes, or bits to counts where no pixels go in."""
    given = batch.bits if batch.pixels is None else batch.pixels
    many = Batch(given, None, batch.checked, batch.expected).repeated(max(1, _LARGE // len(batch)))
    if batch.pixels is None:
        return Way(LARGE, lambda: run.scores(many.bits), many, batch.expected.scores)
    return Way(LARGE, lambda: run.class_ids(many.bits), many, batch.expected.class_ids)


def _floats(workload: CpuWorkload, batch: Batch) -> Array:
    """The model's own output for the expected scores."""
    head: Any = workload.layers[-1]
    floats: Array = head.floats(torch.from_numpy(batch.expected.scores), torch.float32).numpy()
    return floats


def _to_floats(workload: CpuWorkload) -> Callable[[Tensor], Tensor]:
    """From bytes ``(n, num_features)``, steps of the encoder's grid, to the images that the model takes."""
    encoder = workload.netlist.encoder
    if encoder is None:
        raise RuntimeError("a network without an encoder takes no bytes")
    low = torch.tensor(encoder.input_min)
    step = (torch.tensor(encoder.input_max) - low) / encoder.max_input
    if bool((low == low[0]).all() and (step == step[0]).all()):
        low, step = low[0], step[0]
    return lambda x: (x * step + low).reshape(len(x), *encoder.input_shape)


def _eagerly(call: Callable[[], Any], native: bool) -> Callable[[], Any]:
    def run() -> Any:
        with use_native(native):
            return call()

    return _no_grad(run)


def _no_grad(call: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        with torch.no_grad():
            return call()

    return run

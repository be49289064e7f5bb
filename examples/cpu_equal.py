"""Every CPU runtime of this machine on MNIST's test images: scores and classes equal to the reference, as integers.

    python examples/cpu_equal.py --root FOLDER --model model.pt --json equal.json

The reference is ``evaluate`` of the netlist before the passes, for floats and for integers of the grid each its own.
What the machine lacks has a row that says why. Exit code 1: a runtime fails, or an image has another score or class.

$CC builds the engine, the kernels and the C target. So they run under a sanitizer, in a cache of its own, with

    CC="gcc -fsanitize=undefined -fno-sanitize-recover=all" BITLOGIC_CACHE=FOLDER
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bitlogic import CompiledLogicNet, Engine, PackedLogicNet
from bitlogic.compile import check_cxx
from bitlogic.datasets import load_dataset
from bitlogic.errors import BitlogicError, MissingToolError
from bitlogic.export.bench_cpu_nets import CpuWorkload, trained_workload
from bitlogic.export.compilers import COMPILERS, find_compiler
from bitlogic.export.engine.engine import WIDTHS as ENGINE_WIDTHS
from bitlogic.export.engine.engine import usable_widths
from bitlogic.export.engine.inputs import Planes
from bitlogic.export.evaluate import evaluate, input_bits
from bitlogic.export.progress import step
from bitlogic.export.reference import eval_reference
from bitlogic.export.samples import InputKind, Result, Samples
from bitlogic.export.table import table
from bitlogic.export.targets import TARGETS
from bitlogic.export.targets.c import Style
from bitlogic.export.targets.c_batch import WIDTHS as C_WIDTHS
from bitlogic.export.vectors import Inputs, inputs_from_numbers
from bitlogic.export.verify import compare
from bitlogic.inference import PackBitsTensor
from bitlogic.kernels import describe, native_available, use_native

GRID, FLOATS, BITS, PLANES, PACKED_BITS = "integer grid", "float32", "bool ready bits", "Planes", "PackBitsTensor"
HEADER = ("runtime", "form", "images", "equal scores", "equal classes")


@dataclass(frozen=True)
class Form:
    """The images as a runtime takes them."""

    x: Any
    samples: Samples  # the same as a target takes them
    expected: Result
    ready_bits: bool = False


Forms = dict[str, Form]
Run = Callable[[Form], Result]


@dataclass(frozen=True)
class Runtime:
    """A way to run the network: ``make`` builds it, or raises MissingToolError where the machine lacks it."""

    name: str
    forms: Sequence[str]
    make: Callable[[], Run]


@dataclass(frozen=True)
class Row:
    """How many images a runtime agrees on; None where it is missing, or where it failed."""

    model: str
    runtime: str
    form: str
    images: int
    equal_scores: int | None = None
    equal_classes: int | None = None
    missing: str | None = None
    error: str | None = None

    @property
    def holds(self) -> bool:
        return self.missing is not None or self.equal_scores == self.equal_classes == self.images

    def cells(self) -> list[object]:
        if self.missing is not None:
            return [self.runtime, f"missing: {_line(self.missing)}", None, None, None]
        form = self.form if self.error is None else f"{self.form}: {_line(self.error)}"
        return [self.runtime, form, self.images, self.equal_scores, self.equal_classes]


def main() -> int:
    parser = argparse.ArgumentParser(description="Every CPU runtime on MNIST's test images, as integers.")
    parser.add_argument("--root", help="folder with the original MNIST files, default $BITLOGIC_MNIST")
    parser.add_argument("--model", type=Path, action="append", required=True, help="model.pt; may be given again")
    parser.add_argument("--images", type=int, help="only so many of the test images")
    parser.add_argument("--json", type=Path, help="where the rows go")
    options = parser.parse_args()
    if options.images is not None and options.images < 1:
        parser.error(f"--images is at least 1, not {options.images}")
    rows: list[Row] = []
    try:
        dataset = load_dataset("mnist", **({} if options.root is None else {"root": options.root}))
        images = dataset.test_x[: options.images]
        for path in options.model:
            workload = trained_workload(f"model={path}")
            found = list(rows_of(str(path), workload, forms_of(workload, images)))
            print(f"{path}\n{table(HEADER, [row.cells() for row in found])}", flush=True)
            rows += found
    except (BitlogicError, ValueError, FileNotFoundError) as error:
        print(f"cpu_equal: {error}", file=sys.stderr)
        return 2
    if options.json is not None:
        options.json.write_text(json.dumps({"rows": [asdict(row) for row in rows]}, indent=2) + "\n")
    return 0 if all(row.holds for row in rows) else 1


def forms_of(workload: CpuWorkload, images: torch.Tensor) -> Forms:
    """The images in every form that the network takes; ExportError for a network of another input."""
    netlist = workload.netlist
    inputs = inputs_from_numbers(netlist, InputKind.X, images.numpy())
    if netlist.encoder is None or inputs.numbers is None:
        raise ValueError("the network takes bits; give a model with an encoder")
    numbers = Samples(InputKind.X, inputs.numbers)
    with step("the reference"):
        expected = evaluate(netlist, numbers)
        bits = input_bits(netlist, numbers)
        grid = None if netlist.encoder.input_bits == 0 else evaluate(netlist, inputs.samples)
    ready, of_bits = torch.from_numpy(bits.view(bool)), Samples(InputKind.BITS, bits)
    shaped = ready.reshape(len(ready), *workload.bits_shape)
    planes = Planes(PackBitsTensor.pack(ready).words.numpy(), len(ready))
    forms = {
        FLOATS: Form(images.reshape(-1, *netlist.encoder.input_shape), numbers, expected),
        BITS: Form(shaped, of_bits, expected, ready_bits=True),
        PLANES: Form(planes, of_bits, expected),
        PACKED_BITS: Form(PackBitsTensor.pack(shaped), of_bits, expected),
    }
    return forms if grid is None else {GRID: Form(inputs.samples.values, inputs.samples, grid), **forms}


def rows_of(model: str, workload: CpuWorkload, forms: Forms) -> Iterator[Row]:
    """The rows of every runtime, each run as it is reached."""
    for runtime in runtimes(workload):
        row = partial(Row, model, runtime.name, images=len(forms[FLOATS].samples))
        print(runtime.name, file=sys.stderr, flush=True)
        try:
            with step(runtime.name):
                run = runtime.make()
        except MissingToolError as error:
            yield row("-", missing=str(error))
            continue
        except BitlogicError as error:
            yield row("-", error=str(error))
            continue
        for name in runtime.forms:
            if name not in forms:
                yield row(name, missing="the encoder has no integer grid")
                continue
            with step(f"{runtime.name}, {name}"):
                yield compared(row, name, forms[name], run)


def compared(row: Callable[..., Row], name: str, form: Form, run: Run) -> Row:
    """The row of one form; the first difference goes to standard error."""
    try:
        with torch.no_grad():
            got = run(form)
    except (BitlogicError, ValueError, TypeError, RuntimeError) as error:
        return row(name, error=f"{type(error).__name__}: {error}")
    check = compare(name, form.expected, got)
    if check.error is not None:
        return row(name, error=check.error)
    if check.first is not None:
        print(f"{name}: {check.first}", file=sys.stderr, flush=True)
    scores = int((got.scores == form.expected.scores).all(axis=1).sum())
    return row(name, equal_scores=scores, equal_classes=int((got.class_ids == form.expected.class_ids).sum()))


def runtimes(workload: CpuWorkload) -> Iterator[Runtime]:
    """Every way to run the network on a CPU."""
    yield Runtime(
        "evaluate, after the passes", (GRID, FLOATS), lambda: lambda x: evaluate(workload.optimized, x.samples)
    )
    for native in (False, True):
        name = "model.eval(), C kernels" if native else "model.eval()"
        yield Runtime(name, (FLOATS,), partial(_eager, workload, native))
    for width in ENGINE_WIDTHS:
        for threads in (1, 2):
            name = f"Engine, {width} bits, {threads} thread{'s' * (threads > 1)}"
            yield Runtime(name, (GRID, FLOATS, BITS, PLANES), partial(_engine, workload, width, threads))
    for compiled in (False, True):
        name = f"PackedLogicNet{', compile=True' * compiled}"
        yield Runtime(name, (FLOATS, BITS, PACKED_BITS), partial(_packed, workload, compiled))
    widths = {compiler: (None, *(C_WIDTHS if compiler == "gcc" else ())) for compiler in COMPILERS}
    for compiler, width in ((compiler, width) for compiler, found in widths.items() for width in found):
        name = f"CompiledLogicNet, {compiler}, {'its width' if width is None else f'{width} bits'}"
        yield Runtime(name, (GRID, FLOATS, BITS, PLANES), partial(_compiled, workload, compiler, width))
    for name, more in (("engine", {}), ("packed", {}), ("c", {}), ("c", {"style": Style.TABLES})):
        called = f"target {name}{', tables' if more else ''}"
        yield Runtime(called, (GRID, FLOATS), partial(_target, workload, name, more))


def _eager(workload: CpuWorkload, native: bool) -> Run:
    if native and not native_available():
        raise MissingToolError(describe())
    reference = eval_reference(workload.model)

    def run(form: Form) -> Result:
        with use_native(native):
            return reference(Inputs(form.samples, form.samples.values))

    return run


def _engine(workload: CpuWorkload, width: int, threads: int) -> Run:
    if width not in usable_widths():
        raise MissingToolError(f"this processor does not compute with {width} bits")
    return _asked(Engine(workload.optimized, width=width, threads=threads))


def _packed(workload: CpuWorkload, compiled: bool) -> Run:
    if compiled:
        check_cxx()
    return _asked(PackedLogicNet(workload.model, compile=compiled))


def _compiled(workload: CpuWorkload, compiler: str, width: int | None) -> Run:
    registers = find_compiler(compiler).width
    if width is not None and width > registers:
        raise MissingToolError(f"this processor's registers hold {registers} bits")
    return _asked(CompiledLogicNet(workload.optimized, compiler, width=width))


def _target(workload: CpuWorkload, name: str, more: dict[str, Any]) -> Run:
    target = TARGETS[name]
    artifacts = target.emit(workload.optimized, target.options(**more))
    return lambda form: target.run(artifacts, form.samples)


def _asked(net: Any) -> Run:
    """What the net says when it is asked for scores, and for classes alone."""

    def run(form: Form) -> Result:
        scores = net.scores(form.x, ready_bits=form.ready_bits)
        return Result(_array(scores), _array(net.class_ids(form.x, ready_bits=form.ready_bits)))

    return run


def _array(values: Any) -> npt.NDArray[np.int64]:
    """The numbers of a tensor or array; TypeError where they are no int64."""
    array = np.asarray(values)
    if array.dtype != np.int64:
        raise TypeError(f"results are int64, not {array.dtype}")
    return array


def _line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    sys.exit(main())

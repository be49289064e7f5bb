"""Where two forms of a network part: the first LUT, the first pass, or the first line of an emitted file."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bitlogic.export.artifacts import Artifacts
from bitlogic.export.evaluate import evaluate, evaluate_nets
from bitlogic.export.folder import mapping_of, optimize_for, options_from_manifest
from bitlogic.export.mapping import LutMapping
from bitlogic.export.netlist import Head, Netlist
from bitlogic.export.samples import Samples
from bitlogic.export.targets import TARGETS
from bitlogic.export.verify import Difference, compare

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Trace:
    """What the walk found: ``where`` is a sentence; the first LUT and sample stand beside it where there is one."""

    where: str
    first: Difference | None = None
    lut: int | None = None
    layer: int | None = None
    neuron: int | None = None


def trace(
    artifacts: Artifacts,
    netlist: Netlist,
    extracted: Netlist,
    samples: Samples,
    layers: list[tuple[int, Array]] | None,
) -> Trace | None:
    """The first place that differs on the way from the model to the target, or None where all agree.

    In this order: the model's layers (``layers``: position and uint8 ``(n, neurons)`` bits, or None without a model)
    against the extracted netlist, LUT by LUT; the netlist after each pass against the one before; the folder's
    netlist against the passes' result; the folder's files against a fresh emission, and if these are the same, the
    target's own LUTs level by level, each read back from a target that has them as its outputs.
    """
    return (
        _trace_layers(extracted, samples, layers or [])
        or _trace_passes(extracted, samples, mapping_of(options_from_manifest(artifacts.manifest)))
        or _trace_netlist(netlist, extracted, samples)
        or _trace_files(artifacts, netlist)
        or _trace_levels(artifacts, netlist, samples)
    )


def _trace_layers(extracted: Netlist, samples: Samples, layers: list[tuple[int, Array]]) -> Trace | None:
    nets = evaluate_nets(extracted, samples)[extracted.first_lut :]
    for position, bits in layers:
        if extracted.origins is None:
            raise ValueError("a netlist without origins has no layers to walk")
        luts = np.flatnonzero(extracted.origins[:, 0] == position)
        # The LUTs of one or share a number; the last of them is its output.
        _, from_the_end = np.unique(extracted.origins[luts[::-1], 1], return_index=True)
        luts = np.sort(luts[::-1][from_the_end])
        neurons = extracted.origins[luts, 1]
        wrong = nets[luts] != bits.T[neurons]
        if wrong.any():
            row = int(wrong.any(axis=1).argmax())
            sample = int(wrong[row].argmax())
            lut, neuron = int(luts[row]), int(neurons[row])
            first = Difference(sample, f"LUT {lut}", int(bits[sample, neuron]), int(nets[lut, sample]))
            return Trace(
                f"layer {position}, neuron {neuron}: the extracted LUT {lut} {_describe(extracted, lut)} differs from "
                f"PackedLogicNet",
                first,
                lut,
                position,
                neuron,
            )
    return None


def _trace_passes(extracted: Netlist, samples: Samples, mapping: LutMapping) -> Trace | None:
    found: list[Trace] = []

    def check(name: str, before: Netlist, after: Netlist) -> None:
        if not found:
            step = compare(name, evaluate(before, samples), evaluate(after, samples))
            if not step.holds:
                found.append(Trace(f"pass {name} changes the scores", step.first))

    optimize_for(extracted, samples.kind, mapping, on_pass=check)
    return found[0] if found else None


def _trace_netlist(netlist: Netlist, extracted: Netlist, samples: Samples) -> Trace | None:
    step = compare("netlist", evaluate(extracted, samples), evaluate(netlist, samples))
    if step.holds:
        return None
    return Trace("netlist.npz is not what the passes make of extracted.npz", step.first)


def _trace_files(artifacts: Artifacts, netlist: Netlist) -> Trace | None:
    """The first line that a fresh emission of the same netlist has otherwise."""
    options = options_from_manifest(artifacts.manifest)
    fresh = TARGETS[artifacts.manifest["target"]].emit(netlist, options)
    for name in sorted(fresh.files):
        here = artifacts.files.get(name)
        if here is None:
            return Trace(f"{name} is missing")
        if here != fresh.files[name]:
            lines = zip(here.splitlines(), fresh.files[name].splitlines(), strict=False)
            number = next((number for number, (a, b) in enumerate(lines, 1) if a != b), None)
            place = name if number is None or b"\0" in here else f"{name}, line {number}"
            return Trace(f"{place}: not what the target emits for this netlist; the file was edited after the export")
    return None


def _trace_levels(artifacts: Artifacts, netlist: Netlist, samples: Samples) -> Trace | None:
    target = TARGETS[artifacts.manifest["target"]]
    options = options_from_manifest(artifacts.manifest)
    for level, luts in enumerate(netlist.luts_by_level(), 1):
        probe = replace(netlist, outputs=(netlist.first_lut + luts).astype(np.int32), head=Head(len(luts)))
        got = target.run(target.emit(probe, options), samples)
        step = compare(artifacts.manifest["target"], evaluate(probe, samples), got)
        if step.first is not None and step.first.output != "class":
            lut = int(luts[int(step.first.output.removeprefix("score "))])
            where = f"level {level}, LUT {lut} {_describe(netlist, lut)}: the target computes another value"
            return Trace(where, step.first, lut, *_origin(netlist, lut))
    return None


def _origin(netlist: Netlist, lut: int) -> tuple[int, int] | tuple[None, None]:
    if netlist.origins is None:
        return None, None
    return int(netlist.origins[lut, 0]), int(netlist.origins[lut, 1])


def _describe(netlist: Netlist, lut: int) -> str:
    digits = max(1, (1 << netlist.rank) // 4)
    return f"(table 0x{int(netlist.tables[lut]):0{digits}x}, pins {netlist.pins[lut].tolist()})"

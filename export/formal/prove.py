"""The proof that what a tool reads computes exactly a netlist, from the modules up to the core."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from bitlogic.errors import TargetError
from bitlogic.export.formal.circuit import Circuit, circuits, inside_first
from bitlogic.export.formal.control import prove_control
from bitlogic.export.formal.core import Expectation, Parts, prove_core, prove_latency
from bitlogic.export.formal.correspondence import prove_correspondence
from bitlogic.export.formal.flat import prove_same
from bitlogic.export.formal.folded import Fold, folded_function
from bitlogic.export.formal.function import Function, NotProvenError, module_function
from bitlogic.export.formal.heads import Theorem, prove_module
from bitlogic.export.formal.log import ProofLog
from bitlogic.export.formal.prover import Prover
from bitlogic.export.formal.surroundings import prove_surroundings
from bitlogic.export.formal.yosys import ReadDesign
from bitlogic.export.hardware.core import input_width
from bitlogic.export.hardware.rtl import Comparators, Luts, Module, modules_below

LIMIT_SECONDS = 60.0  # of one call to the solver


def prove_parts(
    read: ReadDesign, expectation: Expectation, subject: str, limit_seconds: float = LIMIT_SECONDS
) -> ProofLog:
    """The log of the proof, module by module, that ``read`` holds a core which computes the netlist as expected."""
    started = time.monotonic()
    log = ProofLog(subject, {"yosys": read.version})
    _Proof(read, expectation, Prover(log, limit_seconds), subject).by_parts()
    log.seconds = time.monotonic() - started
    return log


def prove_whole(
    read: ReadDesign,
    reference: ReadDesign,
    expectation: Expectation,
    subject: str,
    limit_seconds: float = LIMIT_SECONDS,
) -> ProofLog:
    """The log of the proof for a design whose modules are not ours, by way of a reference that is proven by parts.

    ``reference`` is the Verilog of the same netlist with the same options.
    """
    started = time.monotonic()
    log = ProofLog(subject, {"yosys": read.version})
    prover = Prover(log, limit_seconds)
    proven = _Proof(reference, expectation, prover, "the emitted Verilog")
    proven.by_parts()
    given = _Proof(read, expectation, prover, subject)
    given.same_as(proven)
    log.seconds = time.monotonic() - started
    return log


def prove_corresponding(
    read: ReadDesign,
    reference: ReadDesign,
    expectation: Expectation,
    top: str,
    subject: str,
    limit_seconds: float = LIMIT_SECONDS,
    *,
    made_of_it: bool = True,
) -> ProofLog:
    """The same where the modules are dissolved and the registers are left: edge by edge, by way of them.

    ``made_of_it`` says that a tool made the design of the reference's text.
    """
    started = time.monotonic()
    log = ProofLog(subject, {"yosys": read.version})
    prover = Prover(log, limit_seconds)
    _Proof(reference, expectation, prover, "the emitted Verilog").by_parts()
    try:
        prove_correspondence(circuits(read), circuits(reference), top, prover, made_of_it=made_of_it)
    except (TargetError, NotProvenError) as error:
        prover.give_up(top, "does at every edge what the emitted Verilog does", str(error))
    log.seconds = time.monotonic() - started
    return log


def claimed_blocks(top: Module) -> dict[str, npt.NDArray[Any]]:
    """For each block of a design its nets, by the module's name."""
    return {
        module.name: module.body.nets
        for module in modules_below(top)
        if isinstance(module.body, Luts | Comparators) and len(module.body.nets) and module.body.nets[0] >= 0
    }


@dataclass
class _Proof:
    """One design as it was read, and what is known of its modules."""

    read: ReadDesign
    expectation: Expectation
    prover: Prover
    subject: str

    def __post_init__(self) -> None:
        self.circuits: dict[str, Circuit] = {}
        self.functions: dict[str, Function] = {}
        self.theorems: dict[str, Theorem] = {}
        self.latencies: dict[str, int | None] = {}
        self.reasons: dict[str, str] = {}  # why there is no theorem of a module
        self.core: str | None = None

    def by_parts(self) -> None:
        """Every module of the core by itself, the core by what is proven of them, and what is around it."""
        core = self._open()
        if core is None:
            return
        self._core_by_parts(core)
        self._surroundings(core)

    def _core_by_parts(self, core: str) -> None:
        blocks = self.expectation.blocks
        # What is only inside a block is a part of it.
        counting = _below(core, self.circuits, frozenset(blocks)) - set(blocks)
        for circuit in self._inside(core):
            try:
                function = self._function(circuit)
                prove_control(circuit, (), self.prover)
                if circuit.name in counting:
                    self.theorems[circuit.name] = self._theorem(function)
            except NotProvenError as error:  # the core says whether it needs it
                inner = [self.reasons[i.module] for i in circuit.instances if i.module in self.reasons]
                self.reasons[circuit.name] = f"{error}" + (f"; in it, {inner[0]}" if inner else "")
        try:
            parts = Parts(self.functions, self.theorems, self.reasons)
            if self.expectation.fold > 1:
                function = folded_function(core, self.circuits, self.latencies, self._fold(), self.prover)
                prove_core(function, self.expectation, parts, self.prover)
                return
            function = self._function(self.circuits[core])
            prove_core(function, self.expectation, parts, self.prover)
            prove_latency(function, self.expectation.latency_cycles, self.prover)
            self._core_control(function)
        except NotProvenError as error:
            self.prover.give_up(core, "computes the netlist", str(error))

    def same_as(self, reference: "_Proof") -> None:
        """The core whole, against that of a design which is proven by parts."""
        core = self._open()
        if core is None:
            return
        if reference.core not in reference.functions:
            self.prover.give_up(core, "computes the netlist", "there is no proven function to compare it with")
            return
        try:
            for circuit in [*self._inside(core), self.circuits[core]]:
                function = self._function(circuit)
                if circuit.name != core:
                    prove_control(circuit, (), self.prover)
            given, proven = (function, self.functions), (reference.functions[reference.core], reference.functions)
            prove_same(given, proven, self.prover)
            prove_latency(function, self.expectation.latency_cycles, self.prover)
            self._core_control(function)
        except NotProvenError as error:
            self.prover.give_up(core, "computes the netlist", str(error))
        self._surroundings(core)

    def _surroundings(self, core: str) -> None:
        inside = {core, *_below(core, self.circuits)}
        outside = [name for name in self.circuits if name not in inside]
        prove_surroundings(self.circuits, core, outside, self.expectation, self.prover)

    def _open(self) -> str | None:
        """The name of the core, with all modules read."""
        try:
            self.circuits = circuits(self.read)
            list(inside_first(self.circuits))
        except TargetError as error:
            self.prover.give_up(self.subject, "is made of gates, registers and modules", str(error))
            return None
        self.core = _core_name(self.circuits)
        if self.core is None:
            self.prover.give_up(self.subject, "has a core", "no module has the ports scores and class_id")
            return None
        return self.core

    def _inside(self, core: str) -> list[Circuit]:
        below = _below(core, self.circuits)
        return [circuit for circuit in inside_first(self.circuits) if circuit.name in below]

    def _function(self, circuit: Circuit) -> Function:
        function = self.functions[circuit.name] = module_function(circuit, self.circuits, self.latencies)
        if circuit.name != self.core:
            self.latencies[circuit.name] = _latency(function)
        return function

    def _theorem(self, function: Function) -> Theorem:
        signed, widths = self.expectation.netlist.score_signed, self.expectation.widths
        return prove_module((function, self.functions), self.theorems, self.prover, signed=signed, widths=widths)

    def _fold(self) -> Fold:
        expected = self.expectation
        width = input_width(expected.netlist, expected.input)
        return Fold(expected.fold, expected.beats, expected.latency_cycles, str(expected.input), width)

    def _core_control(self, function: Function) -> None:
        valid = function.inputs.get("valid_in")
        cleared = [bit for bit, literal in function.registers.items() if valid and literal == valid[0]]
        prove_control(self.circuits[function.name], cleared, self.prover)


def _latency(function: Function) -> int | None:
    ages = {function.age(port) for port in function.outputs} - {None}
    if len(ages) > 1:
        raise NotProvenError(f"the outputs of {function.name} are {sorted(map(str, ages))} clock edges late")
    return ages.pop() if ages else None


def _core_name(found: Mapping[str, Circuit]) -> str | None:
    """The innermost module with a core's ports."""
    cores = {name for name, circuit in found.items() if {"scores", "class_id"} <= set(circuit.outputs)}
    around = {name for name in cores if _below(name, found) & cores}
    return min(cores - around, default=None)


def _below(name: str, found: Mapping[str, Circuit], ends: frozenset[str] = frozenset()) -> set[str]:
    """The modules inside a module, at any depth; not those that are only inside ``ends``."""
    inside: set[str] = set()
    todo = [name]
    while todo:
        for instance in found[todo.pop()].instances:
            if instance.module not in inside:
                inside.add(instance.module)
                if instance.module not in ends:
                    todo.append(instance.module)
    return inside

"""An AXI4-Lite register file: each read and each write is answered once, and with what the register map says."""

import time
from collections.abc import Mapping, Sequence

from bitlogic.export.formal.circuit import Circuit
from bitlogic.export.formal.clocked import Clocked, flattened, substituted
from bitlogic.export.formal.function import NotProvenError
from bitlogic.export.formal.graph import FALSE, TRUE
from bitlogic.export.formal.prover import Prover
from bitlogic.export.formal.solver import Verdict, check_equal
from bitlogic.export.formal.watch import Watch, constant, equals, implies, pick
from bitlogic.export.hardware.register_map import CONTROL, SCORES, WORD_BYTES, MappedRegister
from bitlogic.export.netlist import Netlist

_WORD_BITS = 8 * WORD_BYTES
_SLVERR = 2
_EVENTS = {"taken", "dropped", "result", "scores", "class_id"}


def is_register_file(circuit: Circuit) -> bool:
    """By its ports."""
    return _EVENTS <= set(circuit.inputs) and {"s_axil_rdata", "clear_counts", "forget"} <= set(circuit.outputs)


def prove_register_file(
    name: str,
    modules: Mapping[str, Circuit],
    registers: Sequence[MappedRegister],
    netlist: Netlist,
    prover: Prover,
) -> None:
    """Settles the handshakes of both channels, what is read at each address, and what a write does.

    Raises:
        NotProvenError: A port has another width than the map asks for.
    """
    circuit = flattened(modules, name)
    _File(circuit, registers, netlist, prover).prove()


class _File:
    def __init__(self, circuit: Circuit, registers: Sequence[MappedRegister], netlist: Netlist, prover: Prover) -> None:
        self.circuit, self.registers, self.netlist, self.prover = circuit, registers, netlist, prover
        self.clocked = Clocked(circuit)
        self.graph = self.clocked.graph
        if len(circuit.outputs["s_axil_rdata"]) != _WORD_BITS:
            raise NotProvenError(f"{circuit.name} has words of {len(circuit.outputs['s_axil_rdata'])} bits")

    def prove(self) -> None:
        self._reads()
        self._words()
        self._writes()

    def _input(self, pin: str) -> int:
        return self.clocked.inputs[f"s_axil_{pin}"][0]

    def _output(self, pin: str) -> int:
        return self.clocked.port(f"s_axil_{pin}")[0]

    def _reads(self) -> None:
        watch, graph = Watch(self.clocked), self.graph
        (waits,) = watch.register()
        takes = graph.both(self._input("arvalid"), self._output("arready"))
        watch.follow([waits], [graph.either(takes, graph.both(waits, self._input("rready") ^ 1))])
        properties = {
            "rvalid is 1 from an address taken to its answer taken": graph.unequal(self._output("rvalid"), waits) ^ 1,
            "an address is taken while no answer waits": graph.unequal(self._output("arready"), waits),
        }
        watch.settle(
            self.circuit.name, "each read is answered once, until the answer is taken", properties, self.prover
        )

    def _words(self) -> None:
        """What a read gets: the word of its address, the words being registers that are proven to be what they are."""
        started, graph, clocked = time.monotonic(), self.graph, self.clocked
        address = clocked.inputs["s_axil_araddr"][2:]
        takes = graph.both(self._input("arvalid"), self._output("arready"))
        words = {register.address // WORD_BYTES: self._word(register.name, register) for register in self.registers}
        width, head = self.netlist.score_width, self.netlist.head
        kept: list[int] = []
        for number in range(head.num_classes):
            shown = self._shown(SCORES + WORD_BYTES * number)[:width]
            kept += shown
            sign = shown[-1] if self.netlist.score_signed else FALSE
            words[SCORES // WORD_BYTES + number] = [*shown, *[sign] * (_WORD_BITS - width)]
        self._holds("the scores read are those of the latest result", kept, clocked.inputs["scores"])
        data, known = constant(0, _WORD_BITS), FALSE
        for number, word in words.items():
            hit = equals(graph, address, constant(number, len(address)))
            known = graph.either(known, hit)
            data = pick(graph, hit, word, data)
        response = pick(graph, known, constant(0, 2), constant(_SLVERR, 2))
        answer = [*clocked.port("s_axil_rdata"), *clocked.port("s_axil_rresp")]
        expected = pick(graph, takes, [*data, *response], answer)
        verdict = check_equal(graph, self._following(answer), expected, self.prover.limit_seconds)
        statement = "a read gets the word that the register map has at its address, and SLVERR at any other"
        self._settle(statement, verdict, started)

    def _word(self, name: str, register: MappedRegister) -> list[int]:
        if register.value is not None:
            return constant(register.value, _WORD_BITS)
        graph, inputs = self.graph, self.clocked.inputs
        if name in ("frame_count", "error_count"):
            started, shown = time.monotonic(), self._shown(register.address)
            (event,) = inputs["taken" if name == "frame_count" else "dropped"]
            (clear,) = self.clocked.port("clear_counts")
            more = graph.add(pick(graph, clear, constant(0, _WORD_BITS), shown), [event], _WORD_BITS)
            expected = pick(graph, self.clocked.reset, constant(0, _WORD_BITS), more)
            verdict = check_equal(graph, self._following(shown), expected, self.prover.limit_seconds)
            self._settle(
                f"{name} counts the frames that are {'taken' if event == inputs['taken'][0] else 'dropped'}",
                verdict,
                started,
            )
            return shown
        if name == "last_class":
            shown = self._shown(register.address)[: self.netlist.class_width]
            self._holds("the class read is that of the latest result", shown, inputs["class_id"])
            return [*shown, *[FALSE] * (_WORD_BITS - len(shown))]
        return constant(0, _WORD_BITS)

    def _shown(self, address: int) -> list[int]:
        """What an answer takes at an address: a hint which registers stand there."""
        number = constant(address, len(self.clocked.inputs["s_axil_araddr"]))
        values = {self._input("arvalid") >> 1: TRUE, self._output("arready") >> 1: self._output("arready") & 1 ^ 1}
        values |= dict(zip((bit >> 1 for bit in self.clocked.inputs["s_axil_araddr"]), number, strict=True))
        return substituted(self.graph, self._following(self.clocked.port("s_axil_rdata")), values)

    def _following(self, literals: Sequence[int]) -> list[int]:
        for literal in literals:
            if literal & 1 or literal >> 1 not in self.clocked.register_at:
                raise NotProvenError(f"{self.circuit.name}: a word that is read is no register")
        return [self.clocked.next(literal >> 1) for literal in literals]

    def _holds(self, statement: str, kept: list[int], given: list[int]) -> None:
        """Settles that registers take what is given with ``result`` and else stay."""
        started, graph = time.monotonic(), self.graph
        (result,) = self.clocked.inputs["result"]
        taken = pick(graph, result, given, kept)
        expected = pick(graph, self.clocked.reset, constant(0, len(kept)), taken)
        verdict = check_equal(graph, self._following(kept), expected, self.prover.limit_seconds)
        self._settle(statement, verdict, started)

    def _writes(self) -> None:
        watch, graph, inputs = Watch(self.clocked), self.graph, self.clocked.inputs
        (has_address,), (has_data,), (answers,) = watch.register(), watch.register(), watch.register()
        (is_control,), data, (fails,) = watch.register(), watch.register(3), watch.register()
        takes_address = graph.both(self._input("awvalid"), has_address ^ 1)
        takes_data = graph.both(self._input("wvalid"), has_data ^ 1)
        acts = graph.both(graph.both(has_address, has_data), answers ^ 1)
        watch.follow([has_address], [graph.either(takes_address, graph.both(has_address, acts ^ 1))])
        watch.follow([has_data], [graph.either(takes_data, graph.both(has_data, acts ^ 1))])
        number = inputs["s_axil_awaddr"][2:]
        at_control = equals(graph, number, constant(CONTROL // WORD_BYTES, len(number)))
        watch.follow([is_control], [graph.choose(takes_address, at_control, is_control)])
        given = [*inputs["s_axil_wdata"][:2], inputs["s_axil_wstrb"][0]]
        watch.follow(data, pick(graph, takes_data, given, data))
        watch.follow([answers], [graph.either(acts, graph.both(answers, self._input("bready") ^ 1))])
        allowed = graph.both(is_control, data[2])
        watch.follow([fails], [graph.choose(acts, allowed ^ 1, fails)])
        response = self.clocked.port("s_axil_bresp")
        wanted = pick(graph, fails, constant(_SLVERR, 2), constant(0, 2))
        effects = [watch.before(graph.both(graph.both(acts, allowed), data[bit])) for bit in range(2)]
        shown = [self.clocked.port(port)[0] for port in ("clear_counts", "forget")]
        properties = {
            "an address is taken while none waits": graph.unequal(self._output("awready"), has_address),
            "data is taken while none waits": graph.unequal(self._output("wready"), has_data),
            "bvalid is 1 from a write carried out to its answer taken": graph.unequal(self._output("bvalid"), answers)
            ^ 1,
            "bresp is SLVERR for all but control": implies(graph, answers, equals(graph, response, wanted)),
            "a write to control clears the counts or forgets, once": equals(graph, shown, effects),
        }
        statement = "each write is carried out and answered once; only one to control does anything"
        watch.settle(self.circuit.name, statement, properties, self.prover)

    def _settle(self, statement: str, verdict: Verdict, started: float) -> None:
        timed = Verdict(verdict.holds, verdict.method, time.monotonic() - started, verdict.outputs, verdict.pattern)
        detail = f"bit {verdict.outputs[0]} differs" if verdict.outputs else ""
        self.prover.settle(self.circuit.name, statement, timed, detail)

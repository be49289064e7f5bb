"""Automata by all of their states, and queues, chains and pairs of designs made by hand; no tool is needed."""

import pytest

from bitlogic.export.formal.automaton import Automaton, explore
from bitlogic.export.formal.chains import places
from bitlogic.export.formal.circuit import Bit, Circuit, Instance, Register
from bitlogic.export.formal.clocked import Clocked, flattened
from bitlogic.export.formal.correspondence import prove_correspondence
from bitlogic.export.formal.function import NotProvenError
from bitlogic.export.formal.graph import TRUE, Graph
from bitlogic.export.formal.log import Outcome, ProofLog
from bitlogic.export.formal.prover import Prover
from bitlogic.export.formal.watch import constant, equals, pick

CLK, RST, DATA, SHIFT = 2, 3, 4, 5


def counter(last: int, width: int = 3) -> tuple[Automaton, Graph]:
    """From 0 to ``last`` and round, a step at edges with its input."""
    graph = Graph()
    word = [graph.new_input() for _ in range(width)]
    step = graph.new_input()
    ends = equals(graph, word, constant(last, width))
    onwards = pick(graph, ends, constant(0, width), graph.add(word, [TRUE], width))
    following = pick(graph, step, onwards, word)
    return Automaton(graph, word, following, [0] * width, [step], {step: "step"}), graph


def test_all_states_of_a_counter_are_reached_and_no_other() -> None:
    automaton, _ = counter(last=4)
    found = explore(automaton, {}, 10)
    assert found.holds
    assert sorted(found.states.tolist()) == sorted([number >> bit & 1 for bit in range(3)] for number in range(5))


def test_a_property_that_fails_comes_with_the_shortest_way_there() -> None:
    automaton, graph = counter(last=6)
    never_three = equals(graph, automaton.states, constant(3, 3)) ^ 1
    found = explore(automaton, {"never 3": never_three}, 10)
    assert found.holds is False
    assert found.wrong == "never 3"
    assert found.trace == ("step", "step", "step", "nothing")


def test_bits_that_may_be_anything_at_first_are_tried_in_all_ways() -> None:
    graph = Graph()
    state = graph.new_input()
    found = explore(Automaton(graph, [state], [state], [None], []), {"stays 0": state ^ 1}, 10)
    assert found.holds is False


def test_too_many_states_or_bits_give_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = Graph()
    wide = [graph.new_input() for _ in range(64)]
    assert explore(Automaton(graph, wide, wide, [0] * 64, []), {}, 10).holds is None
    monkeypatch.setattr("bitlogic.export.formal.automaton.MAX_STATES", 3)
    automaton, _ = counter(last=6)
    assert explore(automaton, {}, 10).holds is None


def shifter(*, broken: bool = False) -> Circuit:
    """Three registers that pass ``d`` on at edges with ``s``; bits 10, 11, 12 are the registers."""
    chain = {10: DATA, 11: 10, 12: 10 if broken else 11}
    ands: dict[Bit, tuple[Bit, Bit]] = {}
    inverters: dict[Bit, Bit] = {}
    registers: dict[Bit, Register] = {}
    free = 20
    for bit, source in chain.items():
        inverters[free], ands[free + 1] = SHIFT, (SHIFT, source)
        ands[free + 2] = (free, bit)
        inverters[free + 3], inverters[free + 4] = free + 1, free + 2
        ands[free + 5] = (free + 3, free + 4)
        inverters[free + 6] = free + 5
        registers[bit] = Register(free + 6, CLK, f"r{bit}")
        free += 10
    inputs: dict[str, tuple[Bit, ...]] = {"clk": (CLK,), "d": (DATA,), "s": (SHIFT,)}
    return Circuit(
        "shifter", inputs, {"q": (12,)}, ands, inverters, {}, registers, names={"q[0]": 12, "a[0]": 10, "b[0]": 11}
    )


def test_a_chain_says_how_many_shifts_ago_its_bits_came_in() -> None:
    clocked = Clocked(shifter())
    found = places(clocked, clocked.inputs["s"][0], {})
    steps = {clocked.circuit.registers[clocked.register_at[node]].name: place.steps for node, place in found.items()}
    assert steps == {"r10": 0, "r11": 1, "r12": 2}
    assert {place.source for place in found.values()} == {clocked.inputs["d"][0]}


def test_designs_with_the_same_registers_are_proven_and_others_refuted() -> None:
    for given, outcome in ((shifter(), Outcome.PROVEN), (shifter(broken=True), Outcome.REFUTED)):
        log = ProofLog("a pair")
        prove_correspondence({"shifter": given}, {"shifter": shifter()}, "shifter", Prover(log, 10), made_of_it=True)
        assert [o.outcome for o in log.obligations] == [outcome]


def test_designs_that_nobody_made_of_each_other_are_not_refuted() -> None:
    log = ProofLog("a pair")
    given, reference = {"shifter": shifter(broken=True)}, {"shifter": shifter()}
    prove_correspondence(given, reference, "shifter", Prover(log, 10), made_of_it=False)
    assert [o.outcome for o in log.obligations] == [Outcome.NOT_PROVEN]


def test_a_register_without_a_name_is_found_by_what_it_takes() -> None:
    given = shifter()
    del given.names["a[0]"]
    log = ProofLog("a pair")
    prove_correspondence({"shifter": given}, {"shifter": shifter()}, "shifter", Prover(log, 10), made_of_it=True)
    assert [o.outcome for o in log.obligations] == [Outcome.PROVEN]


def test_other_ports_are_no_pair() -> None:
    other = Circuit("shifter", {"clk": (CLK,)}, {"q": (0,)})
    with pytest.raises(NotProvenError, match="the ports"):
        prove_correspondence(
            {"shifter": other}, {"shifter": shifter()}, "shifter", Prover(ProofLog("a pair"), 10), made_of_it=True
        )


def test_flattening_joins_what_is_inside_and_keeps_what_is_closed() -> None:
    inner = Instance("u", "shifter", {"clk": (CLK,), "d": (DATA,), "s": (SHIFT,), "q": (6,)})
    again = Instance("v", "shifter", {"clk": (CLK,), "d": (6,), "s": (SHIFT,), "q": (7,)})
    inputs: dict[str, tuple[Bit, ...]] = {"clk": (CLK,), "d": (DATA,), "s": (SHIFT,)}
    outside = Circuit("outside", inputs, {"q": (7,)}, instances=(inner, again))
    modules = {"outside": outside, "shifter": shifter()}
    clocked = Clocked(flattened(modules, "outside"))
    found = places(clocked, clocked.inputs["s"][0], {})
    steps = {
        clocked.circuit.registers[bit].name: found[clocked.values([bit])[0] >> 1].steps
        for bit in clocked.circuit.registers
    }
    assert steps == {"u.r10": 0, "u.r11": 1, "u.r12": 2, "v.r10": 3, "v.r11": 4, "v.r12": 5}
    assert clocked.circuit.names["u.q[0]"] in clocked.circuit.registers
    closed = flattened(modules, "outside", ["shifter"])
    assert [instance.name for instance in closed.instances] == ["u", "v"]
    assert not closed.registers

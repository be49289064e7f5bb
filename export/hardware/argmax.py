"""The class: the lowest number with the highest score, by a tree of comparisons with registers between its levels."""

from dataclasses import dataclass

from bitlogic.export.hardware.rtl import (
    Constant,
    Expression,
    Instance,
    Module,
    Port,
    Register,
    Slice,
    Wire,
    less,
    mux,
    whole,
)

_ENABLE = Slice("enable", 0, 1, 1)


@dataclass(frozen=True)
class ArgmaxPlan:
    """How the tree is built: registers behind every node, and between a node's comparison and its choice."""

    prefix: str
    num_classes: int
    score_width: int
    class_width: int
    signed: bool
    registered: bool = False
    split: bool = False  # with ``registered`` only
    has_enable: bool = False

    @property
    def enable(self) -> Expression | None:
        return _ENABLE if self.has_enable else None


def argmax_latency(plan: ArgmaxPlan) -> int:
    """The clock edges from the scores to the class; one even for a single class, which needs no tree."""
    levels = max(1, (plan.num_classes - 1).bit_length())
    return levels * (int(plan.registered) + int(plan.registered and plan.split))


def argmax_module(plan: ArgmaxPlan) -> Module:
    """From ``scores``, class ``c`` at ``[c*w +: w]``, to ``class_id``."""
    name = f"{plan.prefix}_argmax"
    width = plan.num_classes * plan.score_width
    ports = [Port("scores", width, True), Port("class_id", plan.class_width, False)]
    if plan.has_enable and plan.registered:
        ports.insert(0, Port("enable", 1, True))
    node = _node(plan)
    wires: list[Wire] = []
    registers: list[Register] = []
    instances: list[Instance] = []
    scores = [Slice("scores", c * plan.score_width, plan.score_width, width) for c in range(plan.num_classes)]
    candidates: list[tuple[Expression, Expression]] = [
        (score, Constant(number, plan.class_width)) for number, score in enumerate(scores)
    ]
    level = 0
    while len(candidates) > 1:
        winners: list[tuple[Expression, Expression]] = []
        for place in range(0, len(candidates) - 1, 2):
            winners.append(
                _instantiate(node, plan, f"{level}_{place // 2}", candidates[place : place + 2], wires, instances)
            )
        if len(candidates) % 2:
            winners.append(_delayed(plan, f"{level}_{len(candidates) // 2}", candidates[-1], registers))
        candidates, level = winners, level + 1
    if plan.num_classes == 1 and plan.registered:
        candidates = [_delayed(plan, "0_0", candidates[0], registers)]
    comment = "The class with the highest score, the lowest of equal ones."
    outputs = (("class_id", candidates[0][1]),)
    return Module(name, comment, tuple(ports), tuple(wires), tuple(registers), tuple(instances), outputs)


def _instantiate(
    node: Module,
    plan: ArgmaxPlan,
    label: str,
    pair: list[tuple[Expression, Expression]],
    wires: list[Wire],
    instances: list[Instance],
) -> tuple[Expression, Expression]:
    (score_a, index_a), (score_b, index_b) = pair
    inputs = [("score_a", score_a), ("index_a", index_a), ("score_b", score_b), ("index_b", index_b)]
    if plan.has_enable and plan.registered:
        inputs.insert(0, ("enable", _ENABLE))
    wires += [Wire(f"score{label}", plan.score_width), Wire(f"index{label}", plan.class_width)]
    outputs = (("score", f"score{label}"), ("index", f"index{label}"))
    instances.append(Instance(f"u_node{label}", node, tuple(inputs), outputs))
    return whole(f"score{label}", plan.score_width), whole(f"index{label}", plan.class_width)


def _node(plan: ArgmaxPlan) -> Module:
    """The better of two: b only if its score is higher, so that a tie goes to the lower class."""
    shapes = [
        ("score_a", plan.score_width),
        ("index_a", plan.class_width),
        ("score_b", plan.score_width),
        ("index_b", plan.class_width),
    ]
    operands = {name: whole(name, width) for name, width in shapes}
    ports = [Port(name, width, True) for name, width in shapes]
    ports += [Port("score", plan.score_width, False), Port("index", plan.class_width, False)]
    if plan.has_enable and plan.registered:
        ports.insert(0, Port("enable", 1, True))
    compared = less(operands["score_a"], operands["score_b"], signed=plan.signed)
    wires = [Wire("b_wins", 1, compared)]
    registers = []
    wins: Expression = whole("b_wins", 1)
    if plan.registered and plan.split:
        registers += [Register(f"{name}_q", width, operands[name], plan.enable) for name, width in shapes]
        registers.append(Register("b_wins_q", 1, wins, plan.enable))
        operands = {name: whole(f"{name}_q", width) for name, width in shapes}
        wins = whole("b_wins_q", 1)
    better: dict[str, Expression] = {
        kind: mux(wins, operands[f"{kind}_b"], operands[f"{kind}_a"]) for kind in ("score", "index")
    }
    if plan.registered:
        widths = {"score": plan.score_width, "index": plan.class_width}
        registers += [Register(f"{kind}_held", widths[kind], better[kind], plan.enable) for kind in better]
        better = {kind: whole(f"{kind}_held", widths[kind]) for kind in better}
    return Module(
        f"{plan.prefix}_argmax_node",
        "The better of two: b only if its score is higher, so that a tie goes to the lower class.",
        tuple(ports),
        tuple(wires),
        tuple(registers),
        outputs=tuple(better.items()),
    )


def _delayed(
    plan: ArgmaxPlan, label: str, candidate: tuple[Expression, Expression], registers: list[Register]
) -> tuple[Expression, Expression]:
    """A candidate without a rival, as late as those that went through a node."""
    if not plan.registered:
        return candidate
    held = []
    for kind, value in zip(("score", "index"), candidate, strict=True):
        for step in range(1 + int(plan.split)):
            name = f"{kind}{label}_{step}"
            registers.append(Register(name, value.width, value, plan.enable))
            value = whole(name, value.width)
        held.append(value)
    return held[0], held[1]

"""The proof log: every obligation, what it says and what became of it."""

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

FORMAT = "bitlogic-proof"
VERSION = 1
PROOF = "proof.json"


class Outcome(StrEnum):
    """What became of an obligation."""

    PROVEN = "proven"
    REFUTED = "refuted"
    NOT_PROVEN = "not proven"


@dataclass(frozen=True)
class Obligation:
    """One statement about what was read."""

    name: str  # the module or what stands for it
    statement: str
    outcome: Outcome
    method: str  # structure, exhaustive, SAT, simulation (of a refutation), tracing (of wires), none
    seconds: float
    detail: str = ""  # of a refutation: where and for which input; else why there is no proof


@dataclass
class ProofLog:
    """What was to be proven of one thing that a tool reads."""

    subject: str  # the emitted Verilog, its conversion, a synthesised netlist
    tools: dict[str, str] = field(default_factory=dict)  # name: version
    obligations: list[Obligation] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        return bool(self.obligations) and all(o.outcome is Outcome.PROVEN for o in self.obligations)

    @property
    def refuted(self) -> bool:
        return any(o.outcome is Outcome.REFUTED for o in self.obligations)

    def add(self, name: str, statement: str, outcome: Outcome, **more: Any) -> None:
        self.obligations.append(
            Obligation(
                name, statement, outcome, more.get("method", "none"), more.get("seconds", 0.0), more.get("detail", "")
            )
        )

    def to_json(self) -> dict[str, Any]:
        rows = [{**asdict(o), "seconds": round(o.seconds, 3)} for o in self.obligations]
        return {
            "format": FORMAT,
            "version": VERSION,
            "subject": self.subject,
            "holds": self.holds,
            "seconds": round(self.seconds, 3),
            "tools": self.tools,
            "obligations": rows,
        }

    def to_bytes(self) -> bytes:
        return (json.dumps(self.to_json(), indent=2) + "\n").encode()

    def text(self) -> str:
        """A line for what was proven, and one for every obligation that was not."""
        counts = {outcome: sum(o.outcome is outcome for o in self.obligations) for outcome in Outcome}
        shown = ", ".join(f"{number} {outcome}" for outcome, number in counts.items() if number)
        verdict = "proven" if self.holds else "REFUTED" if self.refuted else "NOT PROVEN"
        lines = [f"{self.subject}: {verdict} ({shown or 'nothing to prove'}; {self.seconds:.1f} s)"]
        for o in self.obligations:
            if o.outcome is not Outcome.PROVEN:
                lines.append(f"  {o.outcome}: {o.name}: {o.statement}" + (f": {o.detail}" if o.detail else ""))
        return "\n".join(lines)

"""What a module takes with all below it, by section and resource, and its slowest path."""

from collections import defaultdict
from dataclasses import dataclass, field


@dataclass
class Tally:
    """As it grows. LUTs are fractions where several make up a whole on the average."""

    counts: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    slowest_ns: float = 0.0
    slowest_at: str = ""  # the register at its end

    def book(self, section: str, resource: str, number: float) -> None:
        """So much more."""
        if number:
            self.counts[section, resource] += number

    def add(self, other: "Tally", prefix: str) -> None:
        """What an instance inside takes as well."""
        for (section, resource), number in other.counts.items():
            self.book(section, resource, number)
        self.ends(other.slowest_ns, f"{prefix}.{other.slowest_at}")

    def ends(self, ns: float, place: str) -> None:
        """A path that ends at a register."""
        if ns > self.slowest_ns:
            self.slowest_ns, self.slowest_at = ns, place

    def total(self, resource: str) -> float:
        """Of all sections."""
        return sum(number for (_, kind), number in self.counts.items() if kind == resource)

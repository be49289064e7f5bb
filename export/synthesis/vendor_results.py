"""What a vendor's tool reported, in our words."""

from dataclasses import dataclass
from typing import Any

from bitlogic.export.synthesis.flow import RESOURCES


@dataclass(frozen=True)
class VendorResults:
    """``resources`` by part, with ``total``; a resource that the tool does not count is not there."""

    tool: str
    version: str
    fmax_mhz: float
    resources: dict[str, dict[str, int]]

    def merged(self, content: dict[str, Any]) -> dict[str, Any]:
        """The report of the scripts with these results; what they do not say stays None with its reason."""
        resources: dict[str, Any] = {
            part: {name: counts.get(name) for name in RESOURCES} for part, counts in self.resources.items()
        }
        design = content["design"]
        now: dict[str, Any] = {
            "stage": "routed",
            "fmax_mhz": round(self.fmax_mhz, 2),
            "meets_target": self.fmax_mhz >= content["target_mhz"],
            "latency_ns": round(design["latency_cycles"] * 1e3 / self.fmax_mhz, 1),
            "samples_per_second": round(self.fmax_mhz * 1e6 / design["interval_cycles"]),
            "resources": {**dict.fromkeys(("core", "encoder", "shell")), **resources},
            "tools": [{"name": self.tool, "version": self.version, "kind": "native", "seconds": None, "log": None}],
        }
        reasons = {key: why for key, why in content["reasons"].items() if key not in now}
        for part, counts in now["resources"].items():
            if counts is None:
                reasons[f"resources.{part}"] = f"{self.tool}'s report does not count it apart"
            else:
                uncounted = [name for name, number in counts.items() if number is None]
                reasons |= {f"resources.{part}.{name}": f"{self.tool} does not count it" for name in uncounted}
        for key, why in reasons.items():
            if key in content and content[key] is None:
                reasons[key] = f"{self.tool}'s reports that are read do not say" if "not run" in why else why
        return {**content, **now, "reasons": reasons}

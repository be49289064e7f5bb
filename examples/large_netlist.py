"""How long a large network takes from the layers to text: python examples/large_netlist.py --width 64000.

Random rank-4 tables and wiring behind 784 pixels of 8 thresholds, two layers, 10 classes; prints seconds and the peak
memory of the process after each step. Only the emission is timed here: ``bitlogic verify`` runs what was emitted.
"""

import argparse
import resource
import time
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from bitlogic import DistributiveThermometer, GroupSum, LogicDense
from bitlogic.export.extract import extract
from bitlogic.export.passes import optimize
from bitlogic.export.table import table
from bitlogic.export.targets import TARGETS

Made = TypeVar("Made")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the steps from a large network to its exports")
    parser.add_argument("--width", type=int, default=64_000, help="LUTs of each of the two layers, a multiple of 10")
    parser.add_argument("--targets", nargs="*", default=list(TARGETS), choices=list(TARGETS))
    options = parser.parse_args()
    torch.manual_seed(0)
    rows: list[tuple[str, float, int, str]] = []

    def timed(step: str, make: Callable[[], Made], size: Callable[[Made], str]) -> Made:
        started = time.monotonic()
        made = make()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        rows.append((step, round(time.monotonic() - started, 2), peak, size(made)))
        return made

    model = timed("build", lambda: build(options.width), lambda _: f"2 x {options.width} LUTs")
    extracted = timed("extract", lambda: extract(model), lambda netlist: f"{netlist.num_luts} LUTs")
    netlist = timed("optimize", lambda: optimize(extracted), lambda netlist: f"{netlist.num_luts} LUTs")
    for name in options.targets:
        target = TARGETS[name]
        timed(
            f"emit {name}",
            lambda target=target: target.emit(netlist, target.options()),  # type: ignore[misc]
            lambda artifacts: f"{sum(map(len, artifacts.files.values())) / 1e6:.1f} MB",
        )
    print(table(("step", "seconds", "peak MB", "result"), rows))


def build(width: int) -> nn.Sequential:
    encoder = DistributiveThermometer(8).fit(torch.rand(200, 1, 28, 28))
    layers = [LogicDense(in_dim, width, lut_rank=4, weight_init="random") for in_dim in (6272, width)]
    return nn.Sequential(encoder, nn.Flatten(), *layers, GroupSum(10)).eval()


if __name__ == "__main__":
    main()

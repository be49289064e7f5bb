"""How many operations of three inputs, as vpternlog computes any, a network's LUTs take: counted, not timed."""

from bitlogic.export.bench import Row
from bitlogic.export.bench_cpu_nets import CpuWorkload
from bitlogic.export.mapping import LutMapping
from bitlogic.export.mapping.counts import operation_counts
from bitlogic.export.mapping.mappings import apply_mapping

NETLIST = "netlist"  # the contender of figures that hold for all
ONE_BY_ONE, ACROSS = "operations a LUT", "operations a LUT, shared"


def operation_rows(workload: CpuWorkload) -> list[Row]:
    """Operations of three inputs for each LUT of a network as extracted, none for one of a rank up to 3.

    First those that its LUTs take one by one, then those that are left after the passes and the mapping as a whole.
    """
    netlist = workload.netlist
    if netlist.rank <= 3 or not netlist.num_luts:
        return []
    alone = operation_counts(netlist).ternary_operations
    together = apply_mapping(workload.optimized, LutMapping.LUT3).num_luts
    return [
        Row(workload.name, NETLIST, ONE_BY_ONE, "", alone / netlist.num_luts),
        Row(workload.name, NETLIST, ACROSS, "", together / netlist.num_luts),
    ]

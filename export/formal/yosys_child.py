"""Run by path in a process of its own: Yosys reads the files of a folder and writes their modules there.

``order.json`` in the folder says what to do; ``small.json``, ``{n}.aag`` and ``written.json`` are the
answer. It imports nothing of bitlogic.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

LARGE_TEXT = 100_000  # bytes of a module that is read by itself
STATES = ("dff", "mem", "latch", "$sr", "$ff")  # in the names of cells that hold something
XILINX_LUTS = {f"LUT{n}": (tuple(f"I{pin}" for pin in range(n)), "INIT", "O") for n in range(1, 7)}
GOWIN_LUTS = {f"LUT{n}": (tuple(f"I{pin}" for pin in range(n)), "INIT", "F") for n in range(1, 5)}
# By technology: LUT cells, their inputs (the lowest bit of the address first), parameter with the table, and output.
LUTS: dict[str, dict[str, tuple[tuple[str, ...], str, str]]] = {
    "ice40": {"SB_LUT4": (("I0", "I1", "I2", "I3"), "LUT_INIT", "O")},
    "ecp5": {"LUT4": (("A", "B", "C", "D"), "INIT", "Z")},
    "xilinx": XILINX_LUTS,
    "gowin": GOWIN_LUTS,
}
READERS = {
    ".v": "read_verilog",
    ".sv": "read_verilog -sv",
    ".il": "read_rtlil",
    ".json": "read_json",
    ".blif": "read_blif -wideports",
}
# Comparisons bit by bit: as adders an encoder's thousands take a minute and gigabytes. Yosys' own map of that kind,
# cmp2softlogic.v, takes a constant on the left of < for >= (Yosys 0.70).
COMPARE = "compare.v"
COMPARE_TEXT = """
(* techmap_celltype = "$lt $le $gt $ge" *)
module bitlogic_compare (A, B, Y);
    parameter A_WIDTH = 1;
    parameter B_WIDTH = 1;
    parameter Y_WIDTH = 1;
    parameter A_SIGNED = 0;
    parameter B_SIGNED = 0;
    parameter _TECHMAP_CELLTYPE_ = "";
    input [A_WIDTH-1:0] A;
    input [B_WIDTH-1:0] B;
    output [Y_WIDTH-1:0] Y;
    localparam WIDTH = A_WIDTH > B_WIDTH ? A_WIDTH : B_WIDTH;
    localparam SWAPPED = _TECHMAP_CELLTYPE_ == "$gt" || _TECHMAP_CELLTYPE_ == "$le";
    localparam INVERTED = _TECHMAP_CELLTYPE_ == "$le" || _TECHMAP_CELLTYPE_ == "$ge";
    wire [WIDTH-1:0] a = A;
    wire [WIDTH-1:0] b = B;
    wire [WIDTH-1:0] low = SWAPPED ? b : a;
    wire [WIDTH-1:0] high = SWAPPED ? a : b;
    wire [WIDTH:0] less;
    assign less[0] = 1'b0;
    genvar n;
    generate
        for (n = 0; n < WIDTH; n = n + 1) begin
            assign less[n + 1] = (low[n] ^ high[n]) ? high[n] : less[n];
        end
        if (A_SIGNED || B_SIGNED) begin
            wire _TECHMAP_FAIL_ = 1'b1;
        end
    endgenerate
    assign Y = INVERTED ? !less[WIDTH] : less[WIDTH];
endmodule
"""


def main(folder: str) -> None:
    from pyosys import libyosys

    os.chdir(folder)
    with open("order.json") as file:
        order = json.load(file)
    large: list[str] = []
    rest: list[str] = []
    for name in order["files"]:
        pieces = split(name)
        rest += pieces[:1]
        for piece in pieces[1:]:  # one by one: all together would take ten times the memory
            module = write_large(libyosys, piece, len(large))
            rest += [] if module else [piece]
            large += [module] if module else []
    run = runner(libyosys, libyosys.Design())
    for name in rest:
        run(f"{READERS[os.path.splitext(name)[1]]} {name}")
    if order["technology"]:
        run("proc -noopt")
        run("write_json cells.json")
        replace_luts("cells.json", LUTS.get(order["technology"], {}))
        run = runner(libyosys, libyosys.Design())
        run("read_json cells.json")
        run("setattr -mod -set keep_hierarchy 1 *")
        # Deferred: only the models that are used are made; a memory block would take minutes.
        run(f"read_verilog -defer -overwrite +/{order['technology']}/cells_sim.v")
    run(f"hierarchy -top {order['top']}")
    run("proc -noopt")
    if order["technology"]:
        run("flatten -noscopeinfo")  # the cells only: modules of the design keep their hierarchy
    if has_memory(run):
        # A block memory of a device has a port for writing, which nothing uses where it holds constants: it is seen to
        # be idle, and the memory becomes logic.
        for command in ("opt_expr", "memory_collect", "opt_mem", "memory_map -rom-only"):
            run(command)
        run("memory_map")
    to_gates(run, "t:* t:$*dff* %d t:$lut %d")  # registers stay whole words
    run("write_json -noscopeinfo small.json")
    with open("written.json", "w") as file:
        json.dump({"large": large, "version": version_of(libyosys)}, file)


def replace_luts(name: str, luts: Mapping[str, tuple[tuple[str, ...], str, str]]) -> None:
    """Takes the cells' models out of a JSON netlist, and makes Yosys' own ``$lut`` of every LUT cell.

    As instances of their model they would be as many modules as there are tables.
    """
    with open(name) as file:
        design = json.load(file)
    modules = {
        name: module
        for name, module in design["modules"].items()
        if not {"blackbox", "whitebox", "abc9_box", "abc9_flop"} & set(module["attributes"])
    }
    for module in modules.values():
        for cell in module["cells"].values():
            if cell["type"] in luts:
                pins, table, output = luts[cell["type"]]
                read = [cell["connections"][pin][0] for pin in pins]
                size = 1 << len(pins)
                bits = str(cell["parameters"][table]).rjust(size, "0")[-size:]
                cell["parameters"] = {"WIDTH": f"{len(pins):032b}", "LUT": bits}
                cell["connections"] = {"A": read, "Y": cell["connections"][output]}
                cell["port_directions"] = {"A": "input", "Y": "output"}
                cell["type"], cell["attributes"] = "$lut", {}
    with open(name, "w") as file:
        json.dump({**design, "modules": modules}, file)


def split(name: str) -> list[str]:
    """The files that hold the text of a file: the rest, and each large Verilog module by itself."""
    if not name.endswith(".v") or os.path.getsize(name) < LARGE_TEXT:
        return [name]
    with open(name, "rb") as file:
        text = file.read()
    rest: list[bytes] = []
    names: list[str] = []
    end = 0
    for found in re.finditer(rb"^module\b.*?^endmodule\b", text, flags=re.DOTALL | re.MULTILINE):
        if found.end() - found.start() < LARGE_TEXT:
            continue
        rest.append(text[end : found.start()])
        end = found.end()
        names.append(f"large{len(names)}_{name}")
        with open(names[-1], "wb") as file:
            file.write(found[0] + b"\n")
    with open(name, "wb") as file:
        file.write(b"".join([*rest, text[end:]]))
    return [name, *names]


def write_large(libyosys: Any, name: str, place: int) -> str:
    """The name of the one module in the file, written as AIGER; empty if it is not of gates alone."""
    run = runner(libyosys, libyosys.Design())
    run(f"read_verilog {name}")
    run("proc -noopt")
    run("setundef -anyseq")  # what is not defined becomes an input of its own, and no proof comes out
    run("tee -q -o stat.json stat -json")
    with open("stat.json") as file:
        modules = json.load(file)["modules"]
    if len(modules) != 1 or not all(map(is_stateless, modules.values())):
        return ""
    to_gates(run, "*")
    (module,) = modules
    run(f"setattr -mod -set top 1 {module}")
    run(f"write_aiger -ascii -symbols {place}.aag")
    return str(module).removeprefix("\\")


def runner(libyosys: Any, design: Any) -> Callable[[str], None]:
    def run(command: str) -> None:
        libyosys.run_pass(f"tee -q -o yosys.log {command}", design)

    return run


def to_gates(run: Callable[[str], None], selection: str) -> None:
    with open(COMPARE, "w") as file:
        file.write(COMPARE_TEXT)
    run(f"techmap -map {COMPARE} {selection}")
    for command in ("simplemap", "techmap", "techmap", "simplemap", "aigmap"):  # a product becomes adders first
        run(f"{command} {selection}")


def has_memory(run: Callable[[str], None]) -> bool:
    """Whether some module has a memory."""
    run("tee -q -o stat.json stat -json")
    with open("stat.json") as file:
        modules = json.load(file)["modules"].values()
    return any("mem" in kind for module in modules for kind in module["num_cells_by_type"])


def is_stateless(module: dict[str, Any]) -> bool:
    """Whether all cells of a module of ``stat -json`` are of Yosys' own kinds without a state."""
    return all(
        kind.startswith("$") and not any(part in kind for part in STATES) for kind in module["num_cells_by_type"]
    )


def version_of(libyosys: Any) -> str:
    return str(libyosys.yosys_maybe_version()).removeprefix("Yosys ").split(" ")[0]


if __name__ == "__main__":
    main(sys.argv[1])

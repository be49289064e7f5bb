"""Names that a user gives and a target prints: identifiers of the target's language, and none of its keywords."""

import keyword
import re

from bitlogic.errors import OptionError

VERILOG_KEYWORDS = frozenset(
    # IEEE 1364-2001 and what IEEE 1800 adds: a tool that reads .v as SystemVerilog must accept the name too.
    """
    accept_on alias always always_comb always_ff always_latch and assert assign assume automatic before begin bind
    bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class clocking cmos config
    const constraint context continue cover covergroup coverpoint cross deassign default defparam design disable dist
    do edge else end endcase endchecker endclass endclocking endconfig endfunction endgenerate endgroup endinterface
    endmodule endpackage endprimitive endprogram endproperty endsequence endspecify endtable endtask enum event
    eventually expect export extends extern final first_match for force foreach forever fork forkjoin function
    generate genvar global highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies import incdir
    include initial inout input inside instance int integer interconnect interface intersect join join_any join_none
    large let liblist library local localparam logic longint macromodule matches medium modport module nand negedge
    nettype new nexttime nmos nor noshowcancelled not notif0 notif1 null or output package packed parameter pmos
    posedge primitive priority program property protected pull0 pull1 pulldown pullup pulsestyle_ondetect
    pulsestyle_onevent pure rand randc randcase randsequence rcmos real realtime ref reg reject_on release repeat
    restrict return rnmos rpmos rtran rtranif0 rtranif1 s_always s_eventually s_nexttime s_until s_until_with scalared
    sequence shortint shortreal showcancelled signed small soft solve specify specparam static string strong strong0
    strong1 struct super supply0 supply1 sync_accept_on sync_reject_on table tagged task this throughout time
    timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior trireg type typedef union unique unique0
    unsigned until until_with untyped use uwire var vectored virtual void wait wait_order wand weak weak0 weak1 while
    wildcard wire with within wor xnor xor
    """.split()
)
C_KEYWORDS = frozenset(
    # C99, and those of C11 and C++: the header is included from all of them.
    """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl concept const const_cast
    constexpr continue decltype default delete do double dynamic_cast else enum explicit export extern false float
    for friend goto if inline int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private
    protected public register reinterpret_cast requires restrict return short signed sizeof static static_assert
    static_cast struct switch template this thread_local throw true try typedef typeid typename union unsigned using
    virtual void volatile wchar_t while xor xor_eq
    """.split()
)
VHDL_RESERVED = frozenset(
    # IEEE 1076-2008 and -2019, and the names that the printed text uses, which a declaration would hide.
    """
    abs access after alias all and architecture array assert assume assume_guarantee attribute begin block body buffer
    bus case component configuration constant context cover default disconnect downto else elsif end entity exit
    fairness file for force function generate generic group guarded if impure in inertial inout is label library
    linkage literal loop map mod nand new next nor not null of on open or others out package parameter port postponed
    private procedure process property protected pure range record register reject release rem report restrict
    restrict_guarantee return rol ror select sequence severity shared signal sla sll sra srl strong subtype then to
    transport type unaffected units until use variable view vmode vpkg vprop vunit wait when while with xnor xor
    ieee numeric_std resize rising_edge rtl signed std std_logic std_logic_1164 std_logic_vector to_integer
    to_unsigned unsigned work
    """.split()
)
PYTHON_KEYWORDS = frozenset([*keyword.kwlist, *keyword.softkwlist])
_PORTS = (
    *("clk", "rst", "valid_in", "ready_in", "valid_out", "ready_out", "x", "bits", "scores", "class_id", "frame_error"),
    *(f"{side}_axis_t{part}" for side in "sm" for part in ("data", "valid", "ready", "last")),
)
_PORT_PREFIX = "s_axil_"  # of the register file
_MAX_LENGTH = 128  # tools cut or refuse longer ones; C99 promises 31 significant characters, every compiler far more


def check_identifier(option: str, name: str, language: str, keywords: frozenset[str]) -> None:
    """OptionError, naming ``option``, unless ``name`` is a plain identifier and no keyword of ``language``."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or len(name) > _MAX_LENGTH:
        raise OptionError(
            f"--{option} {name!r} is no identifier: letters, digits and _, a letter first, "
            f"at most {_MAX_LENGTH} characters"
        )
    if name in keywords:
        raise OptionError(f"--{option} {name!r} is a keyword of {language}")


def check_module_name(name: str) -> None:
    """OptionError unless ``name`` can be the top module of a hardware target: simulators mix it up with a port's."""
    check_identifier("module-name", name, "Verilog", VERILOG_KEYWORDS)
    if name in _PORTS or name.startswith(_PORT_PREFIX):
        raise OptionError(f"--module-name {name!r} is the name of a port; the ports are {', '.join(_PORTS)}")


def check_entity_name(name: str) -> None:
    """OptionError unless ``name``, which is a module's, can be that of a VHDL entity too; case makes no difference."""
    if name.endswith("_") or "__" in name:
        raise OptionError(f"--module-name {name!r} is no identifier of VHDL: it ends in _ or has two in a row")
    if name.lower() in VHDL_RESERVED:
        raise OptionError(f"--module-name {name!r} has a meaning in VHDL")
    check_module_name(name.lower())

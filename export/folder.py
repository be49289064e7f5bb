"""The export folder: a target's artifacts, with the netlists and vectors that check them without the model."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from types import NoneType
from typing import Any, get_args, get_type_hints

from bitlogic.errors import OptionError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.choices import chosen
from bitlogic.export.evaluate import evaluate
from bitlogic.export.exchange.fusesoc import fusesoc_core
from bitlogic.export.mapping import LutMapping
from bitlogic.export.mapping.mappings import apply_mapping
from bitlogic.export.netlist import Netlist
from bitlogic.export.passes import optimize
from bitlogic.export.samples import InputKind, Result
from bitlogic.export.targets import TARGETS
from bitlogic.export.targets.c_trees import device_files
from bitlogic.export.testbench import testbench_files
from bitlogic.export.vectors import VECTORS, Inputs, Vectors, make_inputs

NETLIST = "netlist.npz"  # what the target was emitted from
EXTRACTED = "extracted.npz"  # the same before the passes
NUM_RANDOM = 128


def export(
    extracted: Netlist,
    target: str,
    options: Any = None,
    *,
    seed: int = 0,
    reference: Callable[[Inputs], Result] | None = None,
) -> Artifacts:
    """The whole folder of an export, in memory: optimised, emitted, with both netlists and the vectors.

    ``options`` is the target's dataclass (its defaults when None). ``reference`` gives the expected scores and classes
    (``bitlogic.export.reference.packed_reference(model)``); without it ``evaluate`` of the extracted netlist does.
    """
    if target not in TARGETS:
        raise OptionError(f"no target {target!r}; there are: {', '.join(TARGETS)}")
    chosen = TARGETS[target].options() if options is None else options
    kind = InputKind(chosen.input)
    optimized = optimize_for(extracted, kind, mapping_of(chosen))
    artifacts = TARGETS[target].emit(optimized, chosen)
    inputs = make_inputs(extracted, kind, num_random=NUM_RANDOM, seed=seed)
    expected = evaluate(extracted, inputs.samples) if reference is None else reference(inputs)
    vectors = Vectors(inputs, expected, seed, "evaluate" if reference is None else "PackedLogicNet")
    beside = {NETLIST: optimized.to_bytes(), EXTRACTED: extracted.to_bytes(), VECTORS: vectors.to_bytes()}
    if getattr(chosen, "testbench", False):  # an option of the targets that a bench can drive
        beside |= testbench_files(artifacts.manifest, vectors, chosen)
    if target == "c":
        beside |= device_files(artifacts, inputs.samples, expected, (vectors.source, seed))
    if target == "verilog":
        beside |= fusesoc_core(artifacts.manifest, {**artifacts.files, **beside})
    return replace(artifacts, files={**artifacts.files, **beside})


def optimize_for(
    extracted: Netlist,
    kind: InputKind,
    mapping: LutMapping = LutMapping.NONE,
    *,
    on_pass: Callable[[str, Netlist, Netlist], None] | None = None,
) -> Netlist:
    """The netlist after the passes and the mapping; ``on_pass`` as for ``optimize``.

    With bits as the inputs, nothing is assumed of how an encoder makes them.
    """
    given = extracted if kind is InputKind.X else extracted.without_encoder()
    mapped = apply_mapping(optimize(given, on_pass=on_pass), mapping, on_pass=on_pass)
    return replace(mapped, encoder=extracted.encoder)


def mapping_of(options: Any) -> LutMapping:
    """The mapping that a target's options name; none where the target has no such option."""
    return LutMapping(getattr(options, "map", LutMapping.NONE))


def option_defaults(target: str) -> dict[str, Any]:
    """The options of a target as the command line spells them, with their defaults."""
    fields = TARGETS[target].options.__dataclass_fields__.values()
    return {"--" + field.name.replace("_", "-"): field.default for field in fields if field.init}


def options_from(target: str, given: dict[str, str]) -> Any:
    """The options dataclass of a target from the words of a command line; OptionError names what is not allowed."""
    if target not in TARGETS:
        raise OptionError(f"no target {target!r}; there are: {', '.join(TARGETS)}")
    kind = TARGETS[target].options
    fields = {name: field for name, field in kind.__dataclass_fields__.items() if field.init}
    for name in given:
        if name not in fields:
            allowed = ", ".join(option_defaults(target))
            raise OptionError(f"target {target} has no option --{name.replace('_', '-')}; it has: {allowed}")
    types = _types(kind)
    return kind(**{name: _parse(name, text, types[name]) for name, text in given.items()})


def _types(kind: type) -> dict[str, type]:
    """The type of every option, that of ``float | None`` being float."""
    hints = get_type_hints(kind)
    return {name: next((part for part in get_args(hint) if part is not NoneType), hint) for name, hint in hints.items()}


def _parse(name: str, text: str, kind: type) -> Any:
    """The text as a value of the option's type."""
    option = "--" + name.replace("_", "-")
    if issubclass(kind, StrEnum):
        return chosen(name.replace("_", "-"), text, kind)
    if kind is bool:
        if text not in ("true", "false"):
            raise OptionError(f"{option} {text!r}: allowed are true, false")
        return text == "true"
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise OptionError(f"{option} {text!r} is no {'whole ' if kind is int else ''}number") from None
    return text


def options_from_manifest(manifest: Mapping[str, Any]) -> Any:
    """The options dataclass that an export was made with."""
    kind = TARGETS[manifest["target"]].options
    types = _types(kind)
    options = dict(manifest["options"])
    for name, value in options.items():
        if isinstance(value, str) and issubclass(types[name], StrEnum):
            options[name] = types[name](value)
    return kind(**options)

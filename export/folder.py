"""The export folder: a target's artifacts, with the netlists and vectors that check them without the model."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bitlogic.errors import OptionError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.evaluate import evaluate
from bitlogic.export.netlist import Netlist
from bitlogic.export.passes import optimize
from bitlogic.export.samples import InputKind, Result
from bitlogic.export.targets import TARGETS
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
    optimized = optimize_for(extracted, kind)
    artifacts = TARGETS[target].emit(optimized, chosen)
    inputs = make_inputs(extracted, kind, num_random=NUM_RANDOM, seed=seed)
    expected = evaluate(extracted, inputs.samples) if reference is None else reference(inputs)
    vectors = Vectors(inputs, expected, seed, "evaluate" if reference is None else "PackedLogicNet")
    beside = {NETLIST: optimized.to_bytes(), EXTRACTED: extracted.to_bytes(), VECTORS: vectors.to_bytes()}
    return replace(artifacts, files={**artifacts.files, **beside})


def optimize_for(extracted: Netlist, kind: InputKind) -> Netlist:
    """The netlist after the passes; with bits as the inputs, nothing is assumed of how an encoder makes them."""
    if kind is InputKind.X:
        return optimize(extracted)
    return replace(optimize(extracted.without_encoder()), encoder=extracted.encoder)


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
    return kind(**{name: _parse(name, text, fields[name].default) for name, text in given.items()})


def _parse(name: str, text: str, default: Any) -> Any:
    """The text as the type of the option's default."""
    option = "--" + name.replace("_", "-")
    if isinstance(default, InputKind):
        if text not in list(InputKind):
            raise OptionError(f"{option} {text!r}: allowed are {', '.join(InputKind)}")
        return InputKind(text)
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise OptionError(f"{option} {text!r}: allowed are true, false")
        return text == "true"
    if isinstance(default, int):
        try:
            return int(text)
        except ValueError:
            raise OptionError(f"{option} {text!r} is no whole number") from None
    return text


def options_from_manifest(manifest: Mapping[str, Any]) -> Any:
    """The options dataclass that an export was made with."""
    options = {**manifest["options"], "input": InputKind(manifest["options"]["input"])}
    return TARGETS[manifest["target"]].options(**options)

"""From the [model] table of a recipe to a model that fits the data.

The table is one of three things:

- `name`, a model of the zoo, and keywords that override its numbers; with `fit = true` its encoder is fitted on the
  training samples;
- `layers`, a list of tables, each with the `type` of a module and its keywords; what follows from the data or from the
  layer before may be left out: `in_dim`, `in_channels`, a head's `k` and `tau`;
- else the keywords of `FeedForward`; its `tau` may be left out as well.

A tau that is left out is 0.55 * sqrt(outputs per class).
"""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

import bitlogic.layers
from bitlogic.encoders import ENCODERS, Encoder
from bitlogic.heads import HEADS, Head
from bitlogic.inference import PackedLogicNet
from bitlogic.keywords import constructor_keywords
from bitlogic.models import FeedForward, zoo
from bitlogic.parametrizations import PARAMETRIZATIONS
from bitlogic.training.recipe import GIVEN

# What the training decides, not the recipe.
_OURS = {"device", "generator", "fit_samples", "num_classes"}


def build_model(table: Mapping[str, Any], fit_samples: Tensor, num_classes: int) -> tuple[nn.Module, dict[str, Any]]:
    """The model on the CPU, its weights drawn from torch's seed, and its table with what was left out filled in.

    Args:
        table: the [model] table.
        fit_samples: training samples (n, ...), for the encoder's thresholds and for the shapes.
        num_classes: the data's.

    Raises:
        ValueError: an unknown key or name, where the choices are listed, or parts that do not fit together.
        TypeError: a value of a wrong type.
    """
    if "name" in table:
        return _from_zoo(table, fit_samples)
    if "layers" in table:
        return _from_layers(table, fit_samples, num_classes)
    keywords = _keywords(FeedForward) - _OURS
    _refuse_unknown("model", table, keywords)
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(FeedForward).parameters.items()
        if name in keywords and parameter.default is not parameter.empty
    }
    resolved = {**defaults, **table}
    if "tau" not in table:
        resolved["tau"] = fitting_tau(resolved["layer_width"] / num_classes)
    return FeedForward(fit_samples=fit_samples, num_classes=num_classes, **resolved), resolved


def check_model(model: nn.Module, samples: Tensor, num_classes: int) -> None:
    """Raises a ValueError where the model does not turn samples into at least one score for each class.

    And, before any time is spent on training, the TypeError of `PackedLogicNet` for a module that it does not know.
    """
    PackedLogicNet(model)
    training = model.training
    model.eval()
    with torch.no_grad():
        scores = model(samples[:2])
    model.train(training)
    if scores.ndim != 2 or scores.shape[1] < num_classes:
        raise ValueError(
            f"the model gives {tuple(scores.shape)} for two samples, but the data have {num_classes} classes; it needs "
            "a head of that many"
        )


def fitting_tau(outputs_per_class: float) -> float:
    """GroupSum's tau that suits cross-entropy at this width, in three digits."""
    return float(f"{0.55 * math.sqrt(outputs_per_class):.3g}")


def _from_zoo(table: Mapping[str, Any], fit_samples: Tensor) -> tuple[nn.Module, dict[str, Any]]:
    name = table["name"]
    if name == GIVEN:
        raise ValueError("the recipe is of a model that a program handed over; only that program can train it")
    options = {key: value for key, value in table.items() if key not in ("name", "fit")}
    _refuse_unknown("model", options, (_keywords(zoo.build) | set(_layer_keywords())) - _OURS - {"encoder", "name"})
    if table.get("fit"):
        options["fit_samples"] = fit_samples
    return zoo.build(name, **options), dict(table)


def _from_layers(table: Mapping[str, Any], fit_samples: Tensor, num_classes: int) -> tuple[nn.Module, dict[str, Any]]:
    _refuse_unknown("model", table, {"layers"})
    rows = table["layers"]
    if not isinstance(rows, list) or not rows or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError("model.layers must be a list of tables, each with a type")
    types = _types()
    modules: list[nn.Module] = []
    resolved: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        where = f"model.layers.{number}"
        if row.get("type") not in types:
            raise ValueError(f"unknown {where}.type {row.get('type')!r}; choices: {', '.join(types)}")
        kind = types[row["type"]]
        options = {key: value for key, value in row.items() if key != "type"}
        _refuse_unknown(where, options, _keywords(kind) - _OURS)
        shape = tuple(_through(modules, fit_samples[:2]).shape[1:])
        options = {**_from_shape(kind, shape, num_classes, given=set(options)), **options}
        try:
            module = kind(**options)
            if isinstance(module, Encoder):
                module.fit(_through(modules, fit_samples))
            _through([module], torch.zeros(2, *shape))
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{where} ({row['type']}) on samples {shape}: {error}") from error
        modules.append(module)
        resolved.append({"type": row["type"], **options})
    return nn.Sequential(*modules), {"layers": resolved}


def _types() -> dict[str, type[nn.Module]]:
    """The modules of a list of layers, by class name and, for encoders and heads, by their registered name."""
    layers = {name: kind for name, kind in vars(bitlogic.layers).items() if _is_module(kind)}
    parts = {**ENCODERS, **HEADS}
    return {
        "Flatten": nn.Flatten,
        "Identity": nn.Identity,
        **layers,
        **{kind.__name__: kind for kind in parts.values()},
        **parts,
    }


def _is_module(kind: Any) -> bool:
    return inspect.isclass(kind) and issubclass(kind, nn.Module) and not inspect.isabstract(kind)


def _from_shape(kind: type, shape: tuple[int, ...], num_classes: int, given: set[str]) -> dict[str, Any]:
    """The keywords that follow from the shape of the samples that a module gets."""
    names = set(inspect.signature(kind).parameters)
    found: dict[str, Any] = {}
    if "in_channels" in names and len(shape) > 1:
        found = {"in_channels": shape[0], "in_dim": list(shape[1:])}
    elif "in_dim" in names and shape:
        found = {"in_dim": shape[-1]}
    elif issubclass(kind, Head):
        found = {"k": num_classes, "tau": fitting_tau(shape[-1] / num_classes)}
    return {key: value for key, value in found.items() if key in names and key not in given}


def _through(modules: list[nn.Module], samples: Tensor) -> Tensor:
    with torch.no_grad():
        for module in modules:
            samples = module.eval()(samples)
            module.train()
    return samples


def _keywords(kind: Callable[..., Any]) -> set[str]:
    parameters = inspect.signature(kind).parameters.values()
    names = {parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD}
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        names |= set(_layer_keywords())
    return names


def _layer_keywords() -> Iterator[str]:
    """LogicDense's keywords, those of the parametrizations included, without the ones that are a layer's own."""
    own = {"in_dim", "out_dim", "device", "generator", "parametrization_extras"}
    kinds: tuple[type, ...] = (bitlogic.layers.LogicDense, *PARAMETRIZATIONS.values())
    for kind in kinds:
        yield from sorted(constructor_keywords(kind) - own)


def _refuse_unknown(where: str, given: Mapping[str, Any], known: set[str]) -> None:
    for key in given:
        if key not in known:
            raise ValueError(f"unknown key {where}.{key}; choices: {', '.join(sorted(known))}")

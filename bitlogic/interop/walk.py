"""Walking through a foreign model, one module after the other."""

import copy
from collections.abc import Callable, Mapping, Sequence

from torch import nn

# convert(module, place, built): what stands for the module; `built` is what stands before it, for a head that has to
# change the layer that it reads.
Converter = Callable[[nn.Module, str, list[nn.Module]], Sequence[nn.Module]]


def convert(model: nn.Module, converters: Mapping[str, Converter], wrappers: Mapping[str, str]) -> nn.Sequential:
    """What stands for a model, in one flat Sequential in eval mode.

    Modules are recognised by the names of their classes and base classes, so that the foreign package need not be
    installed.

    Args:
        model: a foreign model: any tree of Sequentials.
        converters: for each class name of the package, what turns a module into ours.
        wrappers: for each class that only calls one child, that child's name.

    Raises:
        TypeError: a module that is neither known nor torch's Sequential, Flatten or Identity, named with its place.
    """
    built: list[nn.Module] = []
    _walk(model, "", converters, wrappers, built)
    return nn.Sequential(*built).eval()


def place_of(path: str, module: nn.Module) -> str:
    """How errors name a module."""
    return f"module {path} ({type(module).__name__})" if path else f"the model ({type(module).__name__})"


def _walk(
    module: nn.Module,
    path: str,
    converters: Mapping[str, Converter],
    wrappers: Mapping[str, str],
    built: list[nn.Module],
) -> None:
    names = [base.__name__ for base in type(module).__mro__]
    foreign = not type(module).__module__.startswith(("bitlogic.", "torch."))
    known = next((name for name in names if foreign and name in converters), None)
    wrapper = next((name for name in names if foreign and name in wrappers), None)
    if known is not None:
        built.extend(converters[known](module, place_of(path, module), built))
    elif wrapper is not None:
        child = wrappers[wrapper]
        _walk(getattr(module, child), _join(path, child), converters, wrappers, built)
    elif type(module).forward is nn.Sequential.forward:
        for name, child_module in module.named_children():
            _walk(child_module, _join(path, name), converters, wrappers, built)
    elif type(module) is nn.Flatten:
        built.append(copy.deepcopy(module))
    elif type(module) is not nn.Identity:
        known_names = ", ".join([*converters, *wrappers, "Sequential", "Flatten", "Identity"])
        raise TypeError(f"{place_of(path, module)} cannot be imported; known: {known_names}")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name

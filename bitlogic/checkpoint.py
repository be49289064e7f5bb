"""Models as files that hold no code: a JSON-able description and the tensors.

A `.pt` file is `torch.save` of `{"format": "bitlogic", "version": 1, "config": ..., "state_dict": ...}`; a
`.safetensors` file holds the same, the first three as JSON under the key `bitlogic` of its metadata. `config` is one
node for each module: `{"type": name, "config": constructor keywords}`, or `{"type": name, "modules": {key: node}}` for
a Sequential. The types are those of `_CONTAINERS` and `_MODULES`; nothing else is ever built.
"""

import importlib
import io
import json
import os
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch
from torch import Tensor, nn

from bitlogic.encoders import ENCODERS
from bitlogic.errors import FormatError, MissingToolError
from bitlogic.heads import HEADS
from bitlogic.layers import LogicConv2d, LogicConv3d, LogicDense, OrPooling2d, OrPooling3d, ResidualLogicBlock
from bitlogic.models import FeedForward

FORMAT = "bitlogic"
VERSION = 1

_CONTAINERS: dict[str, type[nn.Sequential]] = {"Sequential": nn.Sequential, "FeedForward": FeedForward}
_LAYERS = (LogicDense, LogicConv2d, LogicConv3d, OrPooling2d, OrPooling3d, ResidualLogicBlock)
_MODULES: dict[str, type[nn.Module]] = {
    module.__name__: module for module in (nn.Flatten, nn.Identity, *_LAYERS, *ENCODERS.values(), *HEADS.values())
}


def save(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Write a model to a file that appears whole or not at all; `.safetensors` by that ending, `.pt` by any other.

    Raises:
        TypeError: a module that a file cannot describe, named with its place in the model.
        MissingToolError: the safetensors package is not installed.
    """
    path = Path(path)
    header = {"format": FORMAT, "version": VERSION, "config": _describe(model, "the model")}
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    if path.suffix == ".safetensors":
        # One string, because safetensors keeps its metadata in no particular order.
        metadata = {FORMAT: json.dumps(header)}
        content = _safetensors().save({name: value.clone() for name, value in state.items()}, metadata)
    else:
        buffer = io.BytesIO()
        torch.save({**header, "state_dict": state}, buffer)
        content = buffer.getvalue()
    _write(path, content)


def load(path: str | os.PathLike[str]) -> nn.Module:
    """The model of a file that `save` wrote, on the CPU and in eval mode; no code of the file is run.

    Raises:
        FormatError: the file is missing, cut off or no bitlogic model, holds a pickled module, or has a newer format
            version.
        MissingToolError: the safetensors package is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise FormatError(f"{path}: no such file")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    if not isinstance(content, Mapping) or content.get("format") != FORMAT:
        raise FormatError(f"{path}: {_what_it_is(content)}; a model file is written by bitlogic.save(model, path)")
    version = content.get("version")
    if type(version) is not int or version < 1:
        raise FormatError(f"{path}: format version {version!r} does not exist")
    if version > VERSION:
        raise FormatError(f"{path}: format version {version} is newer than this bitlogic reads ({VERSION}); update it")
    try:
        # Layers draw weights when they are made; the caller's random numbers stay as they are.
        with torch.random.fork_rng(devices=[]):
            model = _build(content["config"])
        model.load_state_dict(content["state_dict"], assign=True)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {_first_line(error)}"
        raise FormatError(f"{path}: the model cannot be rebuilt: {reason}") from error
    return model.eval()


def _describe(module: nn.Module, where: str) -> dict[str, Any]:
    name = type(module).__name__
    if _CONTAINERS.get(name) is type(module):
        children = module.named_children()
        return {"type": name, "modules": {key: _describe(child, f"module {key} of {where}") for key, child in children}}
    if _MODULES.get(name) is not type(module):
        known = ", ".join([*_CONTAINERS, *_MODULES])
        raise TypeError(f"{where} is a {name}, which a model file cannot describe; known: {known}")
    if isinstance(module, nn.Flatten):
        return {"type": name, "config": {"start_dim": module.start_dim, "end_dim": module.end_dim}}
    config = {} if isinstance(module, nn.Identity) else cast(Any, module).get_config()
    return {"type": name, "config": json.loads(json.dumps(config))}


def _build(node: dict[str, Any]) -> nn.Module:
    name = node["type"]
    if name in _MODULES:
        return _MODULES[name](**node["config"])
    if name not in _CONTAINERS:
        raise ValueError(f"unknown module type {name!r}")
    model = _CONTAINERS[name].__new__(_CONTAINERS[name])
    # Past FeedForward's own constructor, which would draw layers and fit an encoder.
    nn.Sequential.__init__(model, OrderedDict((key, _build(child)) for key, child in node["modules"].items()))
    return model


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _read_torch(path: Path) -> Any:
    data = path.read_bytes()
    if data.startswith(b"\x80"):
        raise _pickled(path)
    if not data.startswith(b"PK"):
        raise FormatError(f"{path}: no model file")
    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _pickled(path) from error
    except Exception as error:  # torch's readers raise nearly anything on bytes that they did not write
        raise _damaged(path, error) from error


def _pickled(path: Path) -> FormatError:
    return FormatError(
        f"{path}: holds pickled Python objects, and reading those runs code; where you trust the file, read it "
        "with torch.load(path, weights_only=False) and write the model with bitlogic.save(model, path)"
    )


def _damaged(path: Path, error: Exception) -> FormatError:
    return FormatError(f"{path}: cut off, damaged or no model file ({_first_line(error)})")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]


def _read_safetensors(path: Path) -> Any:
    content = path.read_bytes()
    safetensors = _safetensors()
    try:
        state = safetensors.load(content)
        size = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + size]).get("__metadata__", {})
        return {**json.loads(metadata[FORMAT]), "state_dict": state} if FORMAT in metadata else state
    except Exception as error:  # the package has its own error, and the JSON within may be anything
        raise _damaged(path, error) from error


def _safetensors() -> ModuleType:
    try:
        return importlib.import_module("safetensors.torch")
    except ImportError as error:
        raise MissingToolError(".safetensors files need the safetensors package: pip install safetensors") from error


def _what_it_is(content: Any) -> str:
    if isinstance(content, Mapping) and content and all(isinstance(value, Tensor) for value in content.values()):
        return "a state_dict alone, which does not say what model it belongs to"
    return "no bitlogic model"

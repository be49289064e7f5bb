"""Importing torchlogix, where it is installed, for those who train, compare or measure against it."""

import importlib
import importlib.util
import sys
from types import ModuleType

from bitlogic.errors import MissingToolError


def load_torchlogix() -> ModuleType:
    """``torchlogix.layers``.

    The package's own ``__init__`` of 0.2.2 reads ``circuit.py``, whose nested f-strings only Python 3.12 parses; on an
    older Python the layers are imported past it.

    Raises:
        MissingToolError: torchlogix, or a package that it imports, is not installed.
    """
    spec = importlib.util.find_spec("torchlogix")
    if spec is None:
        raise MissingToolError("torchlogix is not installed: pip install --no-deps torchlogix==0.2.2 (extra bench)")
    try:
        try:
            importlib.import_module("torchlogix")
        except SyntaxError:
            package = ModuleType("torchlogix")
            package.__spec__ = spec
            package.__path__ = list(spec.submodule_search_locations or [])
            sys.modules["torchlogix"] = package
        return importlib.import_module("torchlogix.layers")
    except ImportError as error:
        raise MissingToolError(f"torchlogix is installed but does not import: {error}") from error

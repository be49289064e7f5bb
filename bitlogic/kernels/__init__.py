"""The kernels that train relaxed LUTs and pack bits: C code built at the first use, or operations of torch."""

from bitlogic.kernels.build import library
from bitlogic.kernels.memory import keep_freed_memory as keep_freed_memory
from bitlogic.kernels.recycling import release_memory as release_memory
from bitlogic.kernels.switch import use_native as use_native


def native_available() -> bool:
    """Whether the C kernels are in use on the CPU; the first call builds them, in a few seconds, once a machine."""
    return library().handle is not None


def describe() -> str:
    """Which kernels are in use, and why."""
    path = "C kernels" if native_available() else "torch's batched matrix products"
    return f"{path}: {library().description}"

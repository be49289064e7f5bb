"""Data to train on, read from original files and tables; nothing is fetched. A new set is a function and a line."""

import inspect
from collections.abc import Callable
from typing import Any

from bitlogic.datasets.cifar import cifar10
from bitlogic.datasets.dataset import Dataset, hold_out, spread_over_classes
from bitlogic.datasets.idx import fashion_mnist, mnist
from bitlogic.datasets.packaged import breast_cancer, digits
from bitlogic.datasets.tables import csv_table, npz_table

DATASETS: dict[str, Callable[..., Dataset]] = {
    "digits": digits,
    "breast_cancer": breast_cancer,
    "mnist": mnist,
    "fashion-mnist": fashion_mnist,
    "cifar10": cifar10,
    "csv": csv_table,
    "npz": npz_table,
}

__all__ = [
    "DATASETS",
    "Dataset",
    "breast_cancer",
    "cifar10",
    "csv_table",
    "digits",
    "fashion_mnist",
    "hold_out",
    "list_datasets",
    "load_dataset",
    "mnist",
    "npz_table",
    "spread_over_classes",
]


def load_dataset(name: str, **options: Any) -> Dataset:
    """The data set of that name, its loader called with the options.

    Raises:
        ValueError: an unknown name, an option that the loader does not take, or one that it needs and lacks; the
            message lists the choices.
    """
    if name not in DATASETS:
        raise ValueError(f"unknown data set {name!r}; choices: {', '.join(DATASETS)}")
    parameters = inspect.signature(DATASETS[name]).parameters
    for option in options:
        if option not in parameters:
            raise ValueError(f"data set {name!r} has no option {option!r}; choices: {', '.join(parameters)}")
    for parameter in parameters.values():
        if parameter.default is parameter.empty and parameter.name not in options:
            raise ValueError(f"data set {name!r} needs the option {parameter.name!r}")
    return DATASETS[name](**options)


def list_datasets() -> list[str]:
    """The names `load_dataset` takes."""
    return list(DATASETS)

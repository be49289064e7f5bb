"""Training: `train` for Python users, `open_training` and `Recipe` for what stands above it."""

from bitlogic.training.distributed import World, is_writer
from bitlogic.training.finish import Result
from bitlogic.training.measure import Measured, measure
from bitlogic.training.recipe import Recipe, read_tables, with_changes
from bitlogic.training.settings import Settings
from bitlogic.training.train import Training, open_training, train

__all__ = [
    "Measured",
    "Recipe",
    "Result",
    "Settings",
    "Training",
    "World",
    "is_writer",
    "measure",
    "open_training",
    "read_tables",
    "train",
    "with_changes",
]

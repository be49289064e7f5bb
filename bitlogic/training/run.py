"""One training as a value that goes through the loop: what stays, and what moves on with every step."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn
from torch.optim import Optimizer

from bitlogic.training.distributed import World
from bitlogic.training.recipe import Recipe
from bitlogic.training.samples import Samples


@dataclass
class Progress:
    """How far a training is."""

    step: int = 0  # optimizer steps done
    seconds: float = 0.0  # of training, up to the last checkpoint
    epoch_loss: float = 0.0  # sums since the epoch began, and since the last `step` line of metrics.jsonl
    epoch_count: int = 0
    line_loss: float = 0.0
    line_count: int = 0


@dataclass(frozen=True)
class Best:
    """The weights that did best on the validation samples."""

    epoch: int
    discrete: float
    loss: float
    state: dict[str, Tensor]

    def beats(self, other: "Best | None") -> bool:
        """More right answers, or as many at a lower loss."""
        return other is None or (self.discrete, -self.loss) > (other.discrete, -other.loss)


@dataclass
class Run:
    """One training."""

    recipe: Recipe  # everything that was left out filled in
    samples: Samples  # on the world's device
    model: nn.Module  # on the world's device, trained in place
    optimizer: Optimizer
    world: World
    folder: Path | None  # where this process writes; None: it does not
    progress: Progress = field(default_factory=Progress)
    best: Best | None = None
    saved_step: int | None = None  # of the last checkpoint
    saved_at: float = 0.0  # monotonic seconds
    begun_at: float = 0.0

    @property
    def steps_per_epoch(self) -> int:
        return len(self.samples.train.y) // self.recipe.train.batch_size

    @property
    def num_steps(self) -> int:
        return self.recipe.train.epochs * self.steps_per_epoch

    def begin(self) -> None:
        """Starts the clock, behind the seconds of a training that is resumed."""
        self.begun_at = time.monotonic() - self.progress.seconds
        self.saved_at = time.monotonic()

    def seconds(self) -> float:
        """Seconds of training, those before a resume included."""
        return time.monotonic() - self.begun_at

    def checkpoint_is_due(self) -> bool:
        """Whether this process says so; an epoch's end brings one in any case."""
        settings = self.recipe.train
        by_steps = settings.checkpoint_steps and (self.progress.step + 1) % settings.checkpoint_steps == 0
        age = time.monotonic() - self.saved_at
        return self.world.writes and bool(by_steps or 0 < settings.checkpoint_seconds <= age)

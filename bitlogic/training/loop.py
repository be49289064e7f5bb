"""The loop: epochs of steps, a measurement after each, checkpoints in between."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bitlogic.compile import compile_model
from bitlogic.errors import DivergenceError
from bitlogic.training.augment import augment
from bitlogic.training.folder import CHECKPOINT
from bitlogic.training.record import Record
from bitlogic.training.run import Run
from bitlogic.training.schedules import anneal, learning_rate, set_learning_rate
from bitlogic.training.seeding import generator_for
from bitlogic.training.state import save_state
from bitlogic.training.steps import Stepper

EpochHook = Callable[[dict[str, Any]], None]


def train_to_end(run: Run, record: Record, should_stop: Callable[[], bool], on_epoch: EpochHook | None = None) -> bool:
    """Trains from the run's step to the last one and says whether it got there; a stop leaves a checkpoint behind.

    Args:
        run: the training.
        record: of the same run.
        should_stop: asked in every step, on every process; one yes ends all of them.
        on_epoch: called with the `epoch` line, on the process that writes.

    Raises:
        DivergenceError: loss, gradient or weights are not finite; the message says where the last good state is.
    """
    settings = run.recipe.train
    stepper = Stepper(
        run.model, run.world.wrap(_compiled(run.model, settings.compile)), run.optimizer, settings, run.world
    )
    run.begin()
    try:
        if run.progress.step == 0:
            _checkpoint(run, record, stepper)
        return _epochs(run, record, stepper, should_stop, on_epoch)
    except DivergenceError as error:
        kept = "" if run.saved_step is None else f"; {CHECKPOINT} holds the state after step {run.saved_step}"
        raise DivergenceError(f"{error}{kept}") from error


def _epochs(
    run: Run, record: Record, stepper: Stepper, should_stop: Callable[[], bool], on_epoch: EpochHook | None
) -> bool:
    settings, progress = run.recipe.train, run.progress
    order: Tensor | None = None
    while progress.step < run.num_steps:
        epoch, position = divmod(progress.step, run.steps_per_epoch)
        if order is None or position == 0:
            order = _order(run, epoch)
            anneal(run.model, settings, epoch)
            run.model.train()
        set_learning_rate(run.optimizer, learning_rate(settings, progress.step, run.num_steps, run.steps_per_epoch))
        x, y = _batch(run, order, position)
        outcome = stepper.step(x, y, progress.step + 1, (should_stop(), run.checkpoint_is_due()))
        progress.step += 1
        record.step(outcome.loss)
        ended = progress.step % run.steps_per_epoch == 0
        if ended:
            line = record.epoch()
        if ended or outcome.stop or outcome.checkpoint_due:
            _checkpoint(run, record, stepper)
        if ended and on_epoch is not None and run.world.writes:
            on_epoch(line)
        if outcome.stop and progress.step < run.num_steps:
            return False
    return True


def _checkpoint(run: Run, record: Record, stepper: Stepper) -> None:
    stepper.check_weights(run.progress.step)
    record.metrics.settle()
    save_state(run, len(record.metrics.lines))


def _order(run: Run, epoch: int) -> Tensor:
    order = torch.randperm(len(run.samples.train.y), generator=generator_for("order", run.recipe.train.seed, epoch))
    return order.to(run.world.device)


def _batch(run: Run, order: Tensor, position: int) -> tuple[Tensor, Tensor]:
    """This process' share of the epoch's batch at a position."""
    settings, train = run.recipe.train, run.samples.train
    batch = order[position * settings.batch_size : (position + 1) * settings.batch_size]
    if not (settings.shift or settings.flip):
        batch = run.world.share(batch)
        return train.x[batch], train.y[batch]
    # The whole batch is changed, so that it is the same however many processes share it.
    generator = generator_for("augmentation", settings.seed, run.progress.step)
    images = augment(train.x[batch], settings, generator)
    return run.world.share(images), train.y[run.world.share(batch)]


def _compiled(model: nn.Module, mode: str) -> nn.Module:
    return model if mode == "off" else compile_model(model, mode=mode)

"""Train two layers of look-up tables on MNIST: python examples/train_mnist.py --root FOLDER --output model.pt.

FOLDER holds the four original IDX files, gzipped or not; without --root it is $BITLOGIC_MNIST. Nothing is chosen by
looking at the test set: the numbers after each epoch are for the reader, and the last epoch is what gets saved.
"""

import argparse
import math
import sys
import time

import torch
from torch import Tensor, nn

import bitlogic
from bitlogic import DistributiveThermometer, GroupSum, LogicDense, PackedLogicNet
from bitlogic.datasets import mnist
from bitlogic.errors import BitlogicError

_NUM_CLASSES = 10


def main() -> int:
    options = parse_options()
    torch.manual_seed(options.seed)
    if options.threads:
        torch.set_num_threads(options.threads)
    started = time.monotonic()
    try:
        train_x, train_y, test_x, test_y = mnist(options.root)
        model = build(options, train_x)
    except (BitlogicError, FileNotFoundError, ValueError) as error:
        print(f"train_mnist: {error}", file=sys.stderr)
        return 2

    if options.batch_size > len(train_x):
        print(f"train_mnist: --batch-size is at most {len(train_x)}, the training images", file=sys.stderr)
        return 2
    num_batches = len(train_x) // options.batch_size
    optimizer = torch.optim.Adam(model.parameters(), lr=options.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, options.epochs * num_batches))
    progress = Progress(options.epochs * num_batches)
    for epoch in range(1, options.epochs + 1):
        model.train()
        for batch in torch.randperm(len(train_x))[: num_batches * options.batch_size].view(num_batches, -1):
            loss = nn.functional.cross_entropy(model(train_x[batch]), train_y[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            progress.step(epoch, loss.detach())
        accuracy = discrete_accuracy(model, test_x, test_y)
        progress.line(f"epoch {epoch}/{options.epochs}: discrete test accuracy {100 * accuracy:.2f} %")

    accuracy = discrete_accuracy(model, test_x, test_y)
    bitlogic.save(model, options.output)
    seconds = time.monotonic() - started
    print(f"saved {options.output}: discrete test accuracy {100 * accuracy:.2f} % after {seconds:.0f} s")
    return 0


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--root", help="folder with the IDX files, default $BITLOGIC_MNIST")
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--lr", type=float, default=0.05, help="at the start; it falls to 0 along a cosine")
    parser.add_argument("--width", type=int, default=2000, help="LUTs of each of the two layers")
    parser.add_argument("--bits", type=int, default=8, help="thresholds of a pixel")
    parser.add_argument("--rank", type=int, default=4, help="inputs of a LUT")
    parser.add_argument("--candidates", type=int, default=8, help="inputs that each slot chooses from")
    parser.add_argument("--plain-quantiles", action="store_true", help="count the background in the quantiles too")
    parser.add_argument("--tau", type=float, help="scale of the sums, default 0.55 * sqrt(LUTs per class)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="model.pt")
    parser.add_argument("--threads", type=int, help="threads of torch, default its own choice")
    options = parser.parse_args()
    for name in ("epochs", "batch_size", "width", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    if options.width % _NUM_CLASSES:
        parser.error(f"--width must be a multiple of {_NUM_CLASSES}")
    return options


def build(options: argparse.Namespace, fit_samples: Tensor) -> nn.Sequential:
    encoder = DistributiveThermometer(options.bits, distinct=not options.plain_quantiles).fit(fit_samples)
    width, tau = options.width, options.tau
    if tau is None:
        tau = 0.55 * math.sqrt(width / _NUM_CLASSES)
    layers = [
        LogicDense(
            in_dim,
            width,
            lut_rank=options.rank,
            connections="learnable",
            num_candidates=options.candidates,
            forward_sampling="hard",  # trains the discrete tables themselves, so that nothing is lost afterwards
        )
        for in_dim in (encoder.num_outputs, width)
    ]
    return nn.Sequential(encoder, nn.Flatten(), *layers, GroupSum(_NUM_CLASSES, tau=tau))


def discrete_accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    return float((PackedLogicNet(model).class_ids(x) == y).float().mean())


class Progress:
    """One line that rewrites itself on a terminal, else a line each half minute."""

    def __init__(self, num_steps: int) -> None:
        self.num_steps = num_steps
        self.done = 0
        self.started = time.monotonic()
        self.terminal = sys.stdout.isatty()
        self.shown = self.started

    def step(self, epoch: int, loss: Tensor) -> None:
        self.done += 1
        now = time.monotonic()
        if now - self.shown < (0.2 if self.terminal else 30.0):
            return
        self.shown = now
        left = (now - self.started) / self.done * (self.num_steps - self.done)
        text = f"epoch {epoch}, step {self.done}/{self.num_steps}, loss {float(loss):.3f}, {left:.0f} s left"
        print(f"\r\x1b[K{text}" if self.terminal else text, end="" if self.terminal else "\n", flush=True)

    def line(self, text: str) -> None:
        print(f"\r\x1b[K{text}" if self.terminal else text, flush=True)


if __name__ == "__main__":
    sys.exit(main())

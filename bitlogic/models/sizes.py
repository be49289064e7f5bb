"""The zoo's one table: what the networks of each size are made of.

Dense: difflogic (arXiv:2210.08277), with rank 4 and 6 forms of about equal size (arXiv:2602.03527), and ``Dwn``:
differentiable weightless networks (arXiv:2410.11112). Convolutional: arXiv:2411.04732.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dataset:
    """What a sample looks like."""

    shape: tuple[int, ...]  # of one sample
    num_classes: int
    input_range: tuple[float, float] | None  # None: it has to be measured, see `build`


@dataclass(frozen=True)
class DenseSize:
    """LogicDense layers of the given widths."""

    dataset: str
    size: str
    num_bits: int  # thresholds of each value
    tau: float
    lut_rank: int
    widths: tuple[int, ...]


@dataclass(frozen=True)
class ConvStage:
    """A convolution of rank-2 trees, and OrPooling of 2 x 2 behind it."""

    num_kernels: int  # in multiples of the model's k
    receptive_field_size: int
    padding: int
    pool_padding: int
    channel_group_size: int | None


@dataclass(frozen=True)
class ConvSize:
    """Convolutions, then LogicDense layers whose widths are given in multiples of k."""

    dataset: str
    size: str
    num_bits: int
    tau: float
    k: int
    stages: tuple[ConvStage, ...]
    widths: tuple[int, ...] = (1280, 640, 320)
    tree_depth: int = 3


DATASETS = {
    "Mnist": Dataset((1, 28, 28), 10, (0.0, 1.0)),
    "FashionMnist": Dataset((1, 28, 28), 10, (0.0, 1.0)),
    "Cifar10": Dataset((3, 32, 32), 10, (0.0, 1.0)),
    "Jsc": Dataset((16,), 5, None),
}


def _dense(dataset: str, size: str, num_bits: int, depth: int, tau: float, **widths: int) -> list[DenseSize]:
    """Layers of equal width, one row for each rank: ``rank2=8000``."""
    return [DenseSize(dataset, size, num_bits, tau, int(rank[4:]), (width,) * depth) for rank, width in widths.items()]


def _deep(*factors: int) -> list[DenseSize]:
    """Deep, Deep2 and so on: so many times four layers."""
    rows = []
    for factor in factors:
        size = f"Deep{factor}" if factor > 1 else "Deep"
        rows += _dense("Cifar10", size, 3, 4 * factor, 1 / 0.03, rank2=12_000)
        rows += _dense("Cifar10", size, 3, 4 * factor, 100, rank4=6000, rank6=4000)
    return rows


def _mnist_stages() -> tuple[ConvStage, ...]:
    return (ConvStage(1, 5, 0, 0, None), ConvStage(3, 3, 0, 1, None), ConvStage(9, 3, 0, 1, None))


def _cifar_stages(input_group: int) -> tuple[ConvStage, ...]:
    groups = (input_group, 2, 2, 2)
    return tuple(ConvStage(num, 3, 1, 0, group) for num, group in zip((1, 4, 16, 32), groups, strict=True))


DENSE_SIZES: list[DenseSize] = [
    *_dense("Mnist", "Tiny", 1, 5, 10, rank2=1000),
    *_dense("Mnist", "Small", 1, 5, 10, rank2=8000, rank4=4000, rank6=2330),
    *_dense("Mnist", "Medium", 1, 5, 1 / 0.03, rank2=64_000),
    *_dense("FashionMnist", "Small", 3, 5, 10, rank2=8000, rank4=4000, rank6=2330),
    *_dense("Cifar10", "Small", 3, 4, 1 / 0.03, rank2=12_000, rank4=6000, rank6=3000),
    *_dense("Cifar10", "Medium", 3, 4, 100, rank2=128_000),
    *_dense("Cifar10", "Large", 5, 5, 100, rank2=256_000),
    *_dense("Cifar10", "Large2", 5, 5, 100, rank2=512_000),
    *_dense("Cifar10", "Large4", 5, 5, 100, rank2=1_024_000),
    *_dense("Cifar10", "MediumDeep", 3, 4, 100, rank2=128_000, rank4=56_000, rank6=42_000),
    *_dense("Cifar10", "MediumDeep3", 3, 12, 100, rank2=128_000, rank4=56_000, rank6=42_000),
    *_deep(1, 2, 3, 4, 5, 10, 20),
    *_dense("Jsc", "Small", 10, 2, 50, rank2=32_000, rank4=16_000, rank6=10_665),
    *_dense("Jsc", "Medium", 10, 4, 50, rank2=128_000, rank4=64_000, rank6=42_330),
    DenseSize("Mnist", "DwnLarge", 3, 1 / 0.071, 2, (6000, 6000)),
    DenseSize("Mnist", "DwnLarge", 3, 1 / 0.173, 6, (2000, 1000)),
    DenseSize("Mnist", "DwnSmall", 1, 1 / 0.245, 6, (1000, 500)),
    DenseSize("FashionMnist", "Dwn", 7, 1 / 0.061, 2, (8000, 8000)),
    DenseSize("FashionMnist", "Dwn", 7, 1 / 0.122, 6, (2000, 2000)),
    DenseSize("Cifar10", "Dwn", 10, 1 / 0.03, 2, (24_000, 24_000)),
    DenseSize("Cifar10", "Dwn", 10, 1 / 0.03, 6, (8000,)),
    DenseSize("Jsc", "DwnTiny", 200, 1 / 0.7, 6, (10,)),
    DenseSize("Jsc", "DwnSmall", 200, 1 / 0.3, 6, (50,)),
    DenseSize("Jsc", "DwnMedium", 200, 10, 2, (1080,)),
    DenseSize("Jsc", "DwnMedium", 200, 10, 4, (540,)),
    DenseSize("Jsc", "DwnMedium", 200, 10, 6, (360,)),
    DenseSize("Jsc", "DwnLarge", 200, 1 / 0.03, 6, (2400,)),
]
CONV_SIZES: list[ConvSize] = [
    ConvSize("Mnist", "Tiny", 1, 1.0, 4, _mnist_stages()),
    ConvSize("Mnist", "Small", 1, 6.5, 16, _mnist_stages()),
    ConvSize("Mnist", "Medium", 1, 28, 64, _mnist_stages()),
    ConvSize("Mnist", "Large", 1, 35, 1024, _mnist_stages()),
    ConvSize("Cifar10", "Small", 3, 20, 32, _cifar_stages(input_group=1)),
    ConvSize("Cifar10", "Medium", 3, 40, 256, _cifar_stages(input_group=1)),
    ConvSize("Cifar10", "Large", 5, 280, 512, _cifar_stages(input_group=2)),
]

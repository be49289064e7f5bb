"""Known networks by name: ``{D/C}lgn{Size}{Dataset}{Variant}``, from the table in `bitlogic.models.sizes`.

D is a dense network, C a convolutional one. ``DlgnMnistSmallRank4`` and ``DlgnSmallMnistRank4`` are the same. The
variant is any of these, in this order: ``10Bits`` or ``Bits10``, the thresholds of each value (before or behind the
rank); ``Rank4`` or ``Rank6``, for dense networks whose table has that row; ``Learn1``, with learnable connections in so
many of the first dense layers, 0 to 2.
"""

import re
from typing import Any

import torch
from torch import Tensor, nn

from bitlogic.encoders import DistributiveThermometer, Encoder, FixedBinarization
from bitlogic.heads import GroupSum
from bitlogic.layers import LogicConv2d, LogicDense, OrPooling2d
from bitlogic.models.sizes import CONV_SIZES, DATASETS, DENSE_SIZES, ConvSize, DenseSize

_SIZES: list[DenseSize | ConvSize] = [*DENSE_SIZES, *CONV_SIZES]
_VARIANT = re.compile(r"(?:(\d+)Bits)?(?:Rank(\d))?(?:Bits(\d+))?(?:Learn([012]))?$")


def build(
    name: str,
    *,
    thresholds: Tensor | list[float] | None = None,
    input_range: tuple[float, float] | None = None,
    fit_samples: Tensor | None = None,
    encoder: Encoder | None = None,
    tau: float | None = None,
    **layer_options: Any,
) -> nn.Sequential:
    """A network of the zoo, not trained: an encoder, the LUT layers, GroupSum.

    Args:
        name: one of `list_models()`, or with another variant, see the module.
        thresholds: of every value, see `FixedBinarization`. Without any, and without samples or an encoder, the
            thresholds cut the input's range into equal parts: 0.5 on MNIST.
        input_range: of the inputs, (0, 1) for images; the jet tagging data has none, give it or samples.
        fit_samples: (batch, *shape) on which a DistributiveThermometer is fitted in place of fixed thresholds.
        encoder: a fitted encoder for samples of the data set's shape in place of all of these.
        tau: of GroupSum, in place of the table's.
        layer_options: keywords for all LUT layers: parametrization, connections, generator, device, ….

    Raises:
        ValueError: an unknown name, which lists the known ones of that kind, or a data set whose range is missing.
        TypeError: a keyword that the layers do not know.
    """
    size, num_bits, num_learnable = _parse(name)
    data = DATASETS[size.dataset]
    if encoder is not None and (thresholds is not None or input_range is not None or fit_samples is not None):
        raise ValueError("an encoder stands in place of thresholds, input_range and fit_samples: give one or the other")
    if encoder is None:
        encoder = _encoder(name, size, num_bits, thresholds, input_range, fit_samples)
    # One sample tells an encoder that was never fitted the shape of all samples, which an export needs.
    width = encoder(torch.zeros(1, *data.shape)).shape[1]
    if isinstance(size, ConvSize):
        layers = _conv_layers(size, width, num_learnable, layer_options)
    else:
        num_inputs = width * int(torch.Size(data.shape[1:]).numel())
        dense = _dense_layers(num_inputs, size.widths, num_learnable, {"lut_rank": size.lut_rank, **layer_options})
        layers = [nn.Flatten(), *dense]
    model = nn.Sequential(encoder, *layers, GroupSum(data.num_classes, tau=size.tau if tau is None else tau))
    if layer_options.get("device") is not None:
        model.to(layer_options["device"])
    return model


def list_models() -> list[str]:
    """The names of the table's rows; `build` takes them with ``Bits`` and ``Learn`` variants too."""
    return [_name(size) for size in _SIZES]


def is_model(name: str) -> bool:
    """Whether `build` knows the name."""
    try:
        _parse(name)
    except ValueError:
        return False
    return True


def _name(size: DenseSize | ConvSize) -> str:
    if isinstance(size, ConvSize):
        return f"Clgn{size.size}{size.dataset}"
    return f"Dlgn{size.size}{size.dataset}" + (f"Rank{size.lut_rank}" if size.lut_rank != 2 else "")


def _parse(name: str) -> tuple[DenseSize | ConvSize, int, int | None]:
    """The table's row, the thresholds of each value and the number of learnable layers; None: as the options say."""
    variant = _VARIANT.search(name)
    assert variant is not None  # it matches nothing at all
    base, (bits_before, rank, bits_behind, learn) = name[: variant.start()], variant.groups()
    for size in _SIZES:
        kind = "Clgn" if isinstance(size, ConvSize) else "Dlgn"
        if base not in (f"{kind}{size.size}{size.dataset}", f"{kind}{size.dataset}{size.size}"):
            continue
        if isinstance(size, ConvSize) and rank is not None:
            continue
        if isinstance(size, DenseSize) and size.lut_rank != int(rank or 2):
            continue
        if bits_before and bits_behind:
            break
        return size, int(bits_before or bits_behind or size.num_bits), None if learn is None else int(learn)
    known = [known for known in list_models() if known[:4] == name[:4]] or list_models()
    raise ValueError(f"unknown model {name!r}; known: {', '.join(known)}, with Bits and Learn variants")


def _encoder(
    name: str,
    size: DenseSize | ConvSize,
    num_bits: int,
    thresholds: Tensor | list[float] | None,
    input_range: tuple[float, float] | None,
    fit_samples: Tensor | None,
) -> Encoder:
    data = DATASETS[size.dataset]
    if fit_samples is not None:
        if thresholds is not None or input_range is not None:
            raise ValueError("fit_samples choose thresholds and range: give either those or the samples")
        # Quantiles of the values above the smallest: most pixels of most images are 0.
        return DistributiveThermometer(num_bits, distinct=True).fit(fit_samples)
    input_range = data.input_range if input_range is None else input_range
    if input_range is None:
        raise ValueError(
            f"{name} needs fit_samples, or input_range and perhaps thresholds: its data has no fixed range"
        )
    if thresholds is None:
        low, high = input_range
        thresholds = [low + (high - low) * (i + 1) / (num_bits + 1) for i in range(num_bits)]
    return FixedBinarization(thresholds=thresholds, input_range=input_range)


def _dense_layers(
    num_inputs: int, widths: tuple[int, ...], num_learnable: int | None, options: dict[str, Any]
) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for number, width in enumerate(widths):
        own = dict(options)
        if num_learnable is not None and number < num_learnable:
            own["connections"] = "learnable"
        layers.append(LogicDense(num_inputs, width, **own))
        num_inputs = width
    return layers


def _conv_layers(size: ConvSize, channels: int, num_learnable: int | None, options: dict[str, Any]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    extent = DATASETS[size.dataset].shape[1:]
    for stage in size.stages:
        convolution = LogicConv2d(
            extent,
            channels,
            stage.num_kernels * size.k,
            size.tree_depth,
            stage.receptive_field_size,
            padding=stage.padding,
            channel_group_size=stage.channel_group_size,
            **options,
        )
        pooling = OrPooling2d(2, padding=stage.pool_padding)
        layers += [convolution, pooling]
        extent, channels = pooling.positions(convolution.out_dim), convolution.num_kernels
    num_inputs = channels * int(torch.Size(extent).numel())
    widths = tuple(width * size.k for width in size.widths)
    return [*layers, nn.Flatten(), *_dense_layers(num_inputs, widths, num_learnable, options)]

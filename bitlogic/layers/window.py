"""Windows that slide over an image or a volume: their sizes as tuples, checked."""

import itertools
from collections.abc import Sequence

Size = int | Sequence[int]


def as_sizes(what: str, given: Size, num_axes: int, smallest: int) -> tuple[int, ...]:
    """One number for each axis of space.

    Raises:
        ValueError: another count of numbers, or one below the smallest that is allowed.
        TypeError: something else than integers.
    """
    sizes = tuple(given) if isinstance(given, Sequence) else (given,) * num_axes
    if not all(type(size) is int for size in sizes):
        raise TypeError(f"{what} takes integers, got {given!r}")
    if len(sizes) != num_axes:
        raise ValueError(f"{what} must be one integer or {num_axes} of them, got {given!r}")
    if min(sizes) < smallest:
        raise ValueError(f"{what} must be at least {smallest}, got {given!r}")
    return sizes


def num_positions(
    in_dim: Sequence[int], size: Sequence[int], stride: Sequence[int], padding: Sequence[int]
) -> tuple[int, ...]:
    """The positions of a window along each axis, ``(in_dim + 2 padding - size) // stride + 1``.

    Raises:
        ValueError: the window is larger than the padded input.
    """
    for extent, width, pad in zip(in_dim, size, padding, strict=True):
        if width > extent + 2 * pad:
            raise ValueError(
                f"a window of {tuple(size)} does not fit into an input of {tuple(in_dim)} with padding {tuple(padding)}"
            )
    return tuple(
        (extent + 2 * pad - width) // step + 1
        for extent, width, step, pad in zip(in_dim, size, stride, padding, strict=True)
    )


# Where one place of the window lies in the input, and at which positions of the output it does not lie in the padding.
WindowPlace = tuple[tuple[slice, ...], tuple[slice, ...]]


def place_slices(
    in_dim: Sequence[int], size: Sequence[int], stride: Sequence[int], padding: Sequence[int]
) -> list[WindowPlace]:
    """For each place of the window, in C order, slices of ``(channels, *in_dim, ...)`` and ``(channels, *out, ...)``.

    Places that lie in the padding at every position are left out.
    """
    axes = []
    out_dim = num_positions(in_dim, size, stride, padding)
    for extent, width, step, pad, count in zip(in_dim, size, stride, padding, out_dim, strict=True):
        along = []
        for place in range(width):
            first = max(0, -(-(pad - place) // step))
            last = min(count - 1, (extent - 1 + pad - place) // step)
            start = first * step + place - pad
            if first <= last:
                inside = slice(start, start + (last - first) * step + 1, step)
                along.append((inside, slice(first, last + 1)))
        axes.append(along)
    every = slice(None)
    return [
        ((every, *(inside for inside, _ in place)), (every, *(at for _, at in place)))
        for place in itertools.product(*axes)
    ]

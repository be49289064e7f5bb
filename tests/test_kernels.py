"""The kernels: both paths against brute force, and where the C library comes from."""

import itertools
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bitlogic.connections import LearnableDenseConnections
from bitlogic.connections.wiring import Wiring
from bitlogic.kernels import describe, keep_freed_memory, native, native_available
from bitlogic.kernels.inputs import Inputs, View
from bitlogic.kernels.layout import signal_major
from bitlogic.layers.lookup import look_up_bits
from bitlogic.parametrizations.interpolation import SLOPES, interpolate, look_up

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(params=["native", "blocks"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs a test on each path of the kernels."""
    if request.param == "blocks":
        monkeypatch.setattr(native, "serves", lambda signals: False)
    elif not native_available():
        pytest.skip(describe())
    return str(request.param)


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def brute_force(signals: Tensor, table: Tensor, indices: Tensor) -> Tensor:
    """The sum over all corners, differentiable by torch."""
    total = torch.zeros(indices.shape[1], signals.shape[1], dtype=table.dtype)
    for number, corner in enumerate(itertools.product((0, 1), repeat=len(indices))):
        minterm = torch.ones_like(total)
        for slot, one in zip(indices, corner, strict=True):
            minterm = minterm * (signals[slot] if one else 1 - signals[slot])
        total = total + table[:, number, None] * minterm
    return total


def case(rank: int, batch: int, seed: int = 0, in_dim: int = 9, num_luts: int = 11) -> tuple[Tensor, ...]:
    """Signals that bfloat16 holds exactly, a table, indices with repeats and a gradient, in float64."""
    generator = seeded(seed)
    signals = torch.randint(0, 257, (in_dim, batch), generator=generator).double() / 256
    table = torch.randn(num_luts, 2**rank, dtype=torch.float64, generator=generator)
    indices = torch.randint(0, in_dim, (rank, num_luts), generator=generator)
    return signals, table, indices, torch.randn(num_luts, batch, dtype=torch.float64, generator=generator)


def gradients(output: Tensor, grad: Tensor, *leaves: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(output, leaves, grad.to(output.dtype)))


def distance(ours: Tensor, expected: Tensor) -> float:
    """The largest difference, relative to the largest value or one."""
    return ((ours.double() - expected).abs().max() / expected.abs().max().clamp(min=1)).item()


def test_a_lut_interpolates_its_table(path: str) -> None:
    signals = torch.tensor([[0.0, 0.0, 1.0, 0.5], [0.0, 1.0, 0.0, 0.25]])
    table = torch.tensor([[1.0, 2.0, 4.0, 8.0]])
    output = interpolate(signals, table, Wiring(torch.tensor([[0], [1]])))
    # Slot 0 is the high bit of the address: (0, 0), (0, 1), (1, 0), then 3/8 * 1 + 1/8 * 2 + 3/8 * 4 + 1/8 * 8.
    assert output.tolist() == [[1.0, 2.0, 4.0, 3.125]]


@pytest.mark.parametrize("batch", [1, 7, 512, 1000])
@pytest.mark.parametrize("rank", range(1, 7))
def test_float64_is_brute_force(path: str, rank: int, batch: int) -> None:
    signals, table, indices, grad = case(rank, batch)
    leaves = [signals.requires_grad_(), table.requires_grad_()]
    output, expected = interpolate(signals, table, Wiring(indices)), brute_force(signals, table, indices)
    assert distance(output.detach(), expected.detach()) < 1e-13
    for ours, theirs in zip(gradients(output, grad, *leaves), gradients(expected, grad, *leaves), strict=True):
        assert distance(ours, theirs) < 1e-13


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.uint8, torch.bool, torch.int64])
@pytest.mark.parametrize("rank", range(1, 7))
def test_other_dtypes_are_close_to_float64(path: str, rank: int, dtype: torch.dtype) -> None:
    signals, table, indices, grad = case(rank, 1000)
    if not dtype.is_floating_point:
        signals = (signals > 0.5).double()
    leaves = [signals.requires_grad_(), table.requires_grad_()]
    expected = brute_force(signals, table, indices)
    x, weights = signals.detach().to(dtype), table.detach().float().requires_grad_()
    if dtype.is_floating_point:
        x.requires_grad_()
    output = interpolate(x, weights, Wiring(indices))
    small = dtype in (torch.bfloat16, torch.float16)
    close = 4e-5 if path == "blocks" and rank == 6 else 1e-5
    assert output.dtype == (dtype if small else torch.float32)
    assert distance(output.detach(), expected.detach()) < (1e-2 if small else close)
    theirs = gradients(expected, grad.to(output.dtype).double(), *leaves)
    *to_signals, to_table = gradients(output, grad, *([x] if dtype.is_floating_point else []), weights)
    assert to_table.dtype == torch.float32 and distance(to_table, theirs[1]) < close
    for gradient in to_signals:
        assert gradient.dtype == dtype and distance(gradient, theirs[0]) < (1e-2 if small else close)


def test_bfloat16_is_rounded_to_nearest(path: str) -> None:
    signals, table, indices, grad = case(4, 1000)
    x, weights = signals.bfloat16().requires_grad_(), table.float()
    wide = x.detach().float().requires_grad_()
    output, expected = interpolate(x, weights, Wiring(indices)), interpolate(wide, weights, Wiring(indices))
    assert torch.equal(output, expected.bfloat16())
    ours = gradients(output, grad, x)[0]
    assert torch.equal(ours, gradients(expected, grad.bfloat16(), wide)[0].bfloat16())
    assert interpolate(x, weights * float("nan"), Wiring(indices)).isnan().all()


def test_gradcheck(path: str) -> None:
    signals, table, indices, _ = case(3, 5)
    inputs = signals.requires_grad_(), table.requires_grad_()
    torch.autograd.gradcheck(lambda x, t: interpolate(x, t, Wiring(indices)), inputs)


def test_a_second_derivative_is_refused(path: str) -> None:
    signals, table, indices, _ = case(2, 5)
    (grad,) = torch.autograd.grad(
        interpolate(signals.requires_grad_(), table, Wiring(indices)).sum(), signals, create_graph=True
    )
    with pytest.raises(RuntimeError, match="no second derivatives"):
        grad.sum().backward()  # type: ignore[no-untyped-call]


def test_luts_in_a_row_share_a_table(path: str) -> None:
    signals, table, indices, grad = case(3, 40, num_luts=12)
    few = table[:4].clone().requires_grad_()
    signals.requires_grad_()
    output = interpolate(signals, few, Wiring(indices))
    expected = brute_force(signals, few.repeat_interleave(3, 0), indices)
    for ours, theirs in zip(
        gradients(output, grad, signals, few), gradients(expected, grad, signals, few), strict=True
    ):
        assert distance(ours, theirs) < 1e-13


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("rank", range(1, 7))
def test_look_up_reads_the_hard_table(path: str, rank: int, dtype: torch.dtype) -> None:
    signals, table, indices, _ = case(rank, 70)
    hard = table > 0
    bits = signals > 0.5
    expected = brute_force(bits.double(), hard.double(), indices)
    for given in (signals.to(dtype), bits, bits.to(torch.uint8)):
        for slopes in SLOPES:
            output = look_up(given, hard, table.float(), Wiring(indices), slopes=slopes)
            assert torch.equal(output.double(), expected)
        for wanted in (dtype, torch.uint8):
            output = look_up_bits(given, hard.to(torch.uint8), indices, wanted)
            assert output.dtype == wanted and torch.equal(output.double(), expected)


def test_bits_are_compared_in_the_signals_own_precision(path: str) -> None:
    just_above = torch.nextafter(torch.tensor(0.5, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64))
    signals = torch.stack([just_above, torch.tensor(0.5, dtype=torch.float64)])[None]
    indices, luts = torch.zeros(1, 1, dtype=torch.int64), torch.tensor([[0, 1]], dtype=torch.uint8)
    assert look_up_bits(signals, luts, indices, torch.float32).tolist() == [[1.0, 0.0]]
    assert look_up_bits(torch.tensor([[2, -1, 0]]), luts, indices, torch.float32).tolist() == [[1.0, 1.0, 0.0]]


@pytest.mark.parametrize("rank", range(1, 7))
def test_interpolation_slopes_are_the_gradients_of_interpolate(path: str, rank: int) -> None:
    signals, table, indices, grad = case(rank, 70)
    leaves = [signals.requires_grad_(), table.requires_grad_()]
    output = look_up(signals, table.detach() > 0, table, Wiring(indices), slopes="interpolation")
    plain = interpolate(signals, table, Wiring(indices))
    for ours, theirs in zip(gradients(output, grad, *leaves), gradients(plain, grad, *leaves), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("rank", range(1, 7))
def test_finite_differences_follow_their_definition(path: str, rank: int) -> None:
    signals, table, indices, grad = case(rank, 19, num_luts=5)
    leaves = [signals.requires_grad_(), table.requires_grad_()]
    ours = gradients(look_up(signals, table.detach() > 0, table, Wiring(indices), slopes=SLOPES[1]), grad, *leaves)

    values, entries = table.detach(), range(2**rank)
    to_signals, to_table = torch.zeros_like(signals), torch.zeros_like(values)
    for lut, sample in itertools.product(range(5), range(19)):
        bits = [int(signals[row, sample] > 0.5) for row in indices[:, lut]]
        address = sum(bit << (rank - 1 - slot) for slot, bit in enumerate(bits))
        g = grad[lut, sample].item()
        to_table[lut, address] += g
        for slot in range(rank):
            place = 1 << (rank - 1 - slot)
            slope = 0.0
            for k in entries:
                far = ((k ^ address) & ~place).bit_count()
                slope += (1 if k & place else -1) * values[lut, k].item() * (1 / 3) ** far
            to_signals[indices[slot, lut], sample] += g * 0.5 * 0.75 ** (rank - 1) * slope
    assert distance(ours[0], to_signals) < 1e-13
    assert distance(ours[1], to_table) < 1e-13


def test_unknown_slopes_are_refused() -> None:
    signals, table, indices, _ = case(2, 3)
    with pytest.raises(ValueError, match="choices: interpolation, finite_differences"):
        look_up(signals, table > 0, table, Wiring(indices), slopes="secant")


@pytest.mark.parametrize("sampling", ["soft", "hard", "gumbel_soft"])
@pytest.mark.parametrize("num", [-1, 1, 4])
def test_the_gradient_reaches_candidates_and_their_weights(path: str, num: int, sampling: str) -> None:
    made = LearnableDenseConnections(
        9, 11, 3, temperature=0.3, num_candidates=num, forward_sampling=sampling, generator=seeded(0)
    ).double()
    signals, table, _, grad = case(3, 530)
    torch.manual_seed(0)
    wiring = made.draw()
    ours = gradients(interpolate(signals.requires_grad_(), table, wiring), grad, signals, made.weights)

    slots = signals.detach()[wiring.indices].requires_grad_()  # (rank, luts, batch)
    flat = slots.flatten(0, 1)
    plain = brute_force(flat, table, torch.arange(33).view(3, 11))
    (at_slots,) = torch.autograd.grad(plain, slots, grad)
    pool = torch.arange(9)[:, None, None].expand(9, 3, 11) if wiring.candidates is None else wiring.candidates
    shares = wiring.shares(torch.float64)
    if shares is None:
        shares = (pool == wiring.indices).double()
    to_signals = torch.zeros_like(signals)
    to_signals.index_add_(0, pool.flatten(), (shares[..., None] * at_slots).flatten(0, 2))
    to_weights = torch.einsum("kjnb,jnb->kjn", 2 * signals.detach()[pool] - 1, at_slots)
    assert distance(ours[0], to_signals) < 1e-13
    assert distance(ours[1], to_weights) < 1e-13


@pytest.mark.parametrize("view", list(View))
def test_threads_change_nothing_but_the_order_of_sums(two_threads: None, view: View) -> None:
    if not native_available():
        pytest.skip(describe())
    signals, table, indices, grad = case(4, 1000, in_dim=300, num_luts=200)
    inputs = Inputs(signals.float(), table.float(), indices, view)
    assert len(native._batch_ranges(inputs, slice(0, 1000))) == 2
    twice = [native.backward(inputs, grad.float(), None, None, True, False) for _ in range(2)]
    output = native.forward(inputs, torch.float32)
    torch.set_num_threads(1)
    once = native.backward(inputs, grad.float(), None, None, True, False)
    assert torch.equal(output, native.forward(inputs, torch.float32))
    for first, second, alone in zip(*twice, once, strict=True):
        if first is None or second is None or alone is None:
            continue
        assert torch.equal(first, second)
        assert distance(first, alone.double()) < 1e-6
    assert torch.equal(signal_major(signals.t()), signals)


def test_an_empty_batch_gives_empty_outputs_and_zero_gradients(path: str) -> None:
    signals, table, indices, _ = case(2, 0)
    output = interpolate(signals.requires_grad_(), table.requires_grad_(), Wiring(indices))
    assert output.shape == (11, 0)
    assert [float(grad.abs().sum()) for grad in gradients(output, output, signals, table)] == [0.0, 0.0]


@pytest.mark.parametrize("dtype", [torch.bool, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize(("rows", "columns"), [(1, 20000), (500, 333), (1030, 64)])
def test_signal_major_is_the_transpose(path: str, rows: int, columns: int, dtype: torch.dtype) -> None:
    wide = torch.rand(rows, columns + 3, generator=seeded(0)).mul(3).to(dtype)
    for x in (wide, wide[:, :columns]):
        signals = signal_major(x)
        assert signals.is_contiguous() and torch.equal(signals, x.t())
    assert signal_major(signals.t()).data_ptr() == signals.data_ptr()


@pytest.mark.parametrize(("rows", "columns"), [(2, 20000), (500, 333), (1030, 64), (64, 256), (130, 700)])
def test_float_bits_become_bytes_and_nothing_else_does(path: str, rows: int, columns: int) -> None:
    x = (torch.rand(rows, columns + 3, generator=seeded(0)) > 0.5).float()[:, :columns]
    signals = signal_major(x, bits_as_bytes=True)
    assert signals.dtype == (torch.uint8 if path == "native" else torch.float32)
    assert torch.equal(signals.float(), x.t())
    for odd in (0.5, -1.0, 2.0, float("nan")):
        x[rows - 1, columns - 1] = odd
        signals = signal_major(x, bits_as_bytes=True)
        assert signals.dtype == torch.float32
        assert torch.equal(signals.nan_to_num(7.0), x.t().nan_to_num(7.0))
    assert signal_major(x.round().double(), bits_as_bytes=True).dtype == torch.float64


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {key: value for key, value in os.environ.items() if key not in ("CC", "BITLOGIC_NATIVE")}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=settings | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


SAY = "import bitlogic.kernels as k; print(k.native_available(), k.describe())"


def test_the_switch_turns_the_library_off() -> None:
    done = run_python(SAY, BITLOGIC_NATIVE="0")
    assert done.stdout.startswith("False torch's batched matrix products: switched off by BITLOGIC_NATIVE=0")
    assert not done.stderr


def test_freed_memory_is_kept_where_malloc_can_be_told_to() -> None:
    done = run_python("import bitlogic.kernels as k; print(k.keep_freed_memory())")
    assert done.stdout == f"{platform.libc_ver()[0] == 'glibc'}\n", done.stderr
    for num_bytes in (-1, 2**31):
        with pytest.raises(ValueError, match=str(num_bytes)):
            keep_freed_memory(num_bytes)


def test_without_a_compiler_there_is_no_warning() -> None:
    done = run_python(SAY, CC="no-such-compiler")
    assert done.stdout.startswith("False torch's batched matrix products: no C compiler (no-such-compiler)")
    assert not done.stderr


def test_a_broken_compiler_is_one_warning_and_training_works(tmp_path: Path) -> None:
    code = (
        "import torch; from bitlogic import LogicDense\n"
        "layer = LogicDense(40, 30, lut_rank=4)\n"
        "for _ in range(3): layer(torch.rand(9, 40)).sum().backward()\n"
        "print(bool(layer.parametrization.weight.grad.isfinite().all()))"
    )
    done = run_python(code, CC="false", BITLOGIC_CACHE=str(tmp_path))
    assert done.stdout == "True\n", done.stderr
    assert done.stderr.count("RuntimeWarning: the kernels cannot be built") == 1


@pytest.mark.cc
def test_the_library_is_built_once(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "cache"
    settings = {"BITLOGIC_CACHE": str(folder)}
    with_two = f"""
import subprocess, sys
racers = [subprocess.Popen([sys.executable, "-c", {SAY!r}], stdout=subprocess.PIPE) for _ in range(2)]
print([racer.communicate()[0].split()[0] for racer in racers])
"""
    assert run_python(with_two, **settings).stdout == "[b'True', b'True']\n"
    (built,) = folder.iterdir()
    before = built.stat()
    assert run_python(SAY, **settings).stdout.startswith("True C kernels")
    assert built.stat().st_mtime_ns == before.st_mtime_ns and built.stat().st_ino == before.st_ino
    built.write_bytes(b"damaged")
    assert run_python(SAY, **settings).stdout.startswith("True C kernels")
    assert built.stat().st_size == before.st_size


@pytest.mark.cc
def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run_python(SAY, BITLOGIC_CACHE=str(tmp_path / "file" / "cache"))
    assert done.stdout.startswith("True C kernels") and not done.stderr
    assert [found.name for found in tmp_path.iterdir()] == ["file"]

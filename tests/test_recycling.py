"""The memory of large tensors: used again when the last view of it is gone, and otherwise like any other."""

import copy
import gc
import io
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from bitlogic.heads import GroupSum
from bitlogic.kernels import native_available, recycling, release_memory
from bitlogic.kernels.recycling import empty
from bitlogic.layers import LogicDense

LARGE = (1024, 1500)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is recycled on Linux alone")


@pytest.fixture(autouse=True)
def nothing_waits() -> Iterator[None]:
    release_memory()
    yield
    release_memory()


def waiting() -> int:
    return len(recycling._free) + len(recycling._returned)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.uint8])
def test_a_tensor_is_contiguous_and_its_own(dtype: torch.dtype) -> None:
    tensor = empty((3, 1000, 2000), dtype)
    assert (tensor.shape, tensor.dtype, tensor.is_contiguous()) == ((3, 1000, 2000), dtype, True)
    assert tensor.data_ptr() % 64 == 0 and tensor._base is None and not tensor.requires_grad
    tensor.fill_(1)
    assert bool((tensor == 1).all())


@pytest.mark.parametrize("shape", [(), (0,), (5, 0, 3), (7,), (3, 4)])
def test_small_and_empty_shapes_are_served(shape: tuple[int, ...]) -> None:
    tensor = empty(shape, torch.float32)
    assert tensor.shape == shape and tensor.is_contiguous() and waiting() == 0


def test_memory_is_used_again_when_its_last_view_is_gone() -> None:
    tensor = empty(LARGE, torch.float32)
    place, view = tensor.data_ptr(), tensor[1:3].t()
    del tensor
    assert waiting() == 0
    as_numpy = view.numpy()
    del view
    assert waiting() == 0
    other = empty(LARGE, torch.float32)
    assert other.data_ptr() != place
    del as_numpy
    assert waiting() == 1
    assert empty((1000, 1500), torch.float32).data_ptr() == place


def test_a_small_tensor_does_not_occupy_a_large_block() -> None:
    large = empty((2**24,), torch.uint8)
    place = large.data_ptr()
    del large
    assert empty((2**21,), torch.uint8).data_ptr() != place


def test_what_is_kept_is_bounded_and_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recycling, "_KEPT", 2**24)
    tensors = [empty((2**22,), torch.uint8) for _ in range(6)]
    places = [tensor.data_ptr() for tensor in tensors]
    while tensors:
        tensors.pop(0)
    assert waiting() == 4
    again = [empty((2**22,), torch.uint8) for _ in range(4)]
    assert {tensor.data_ptr() for tensor in again} == set(places[2:])
    assert waiting() == 0
    assert empty((2**24 + 1,), torch.uint8).numel() == 2**24 + 1
    assert waiting() == 0


def test_release_says_how_much_it_gives_back() -> None:
    tensor = empty((2**22,), torch.uint8)
    assert release_memory() == 0
    del tensor
    assert release_memory() == 2**22
    assert waiting() == 0


def test_tensors_are_saved_copied_and_shared() -> None:
    tensor = empty(LARGE, torch.float32).copy_(torch.rand(LARGE))
    file = io.BytesIO()
    torch.save(tensor, file)
    file.seek(0)
    assert torch.equal(torch.load(file), tensor)
    assert torch.equal(copy.deepcopy(tensor), tensor)
    shared = tensor.clone()
    assert torch.equal(tensor.share_memory_(), shared)  # type: ignore[no-untyped-call]


def test_the_storage_cannot_be_resized() -> None:
    with pytest.raises(RuntimeError, match="not resizable"):
        empty(LARGE, torch.float32).resize_(2048, 1500)


def test_threads_never_share_a_block() -> None:
    wrong: list[torch.Tensor] = []

    def work(number: int) -> None:
        for step in range(40):
            tensors = [empty((2**18 + 1000 * step,), torch.float32).fill_(number) for _ in range(2)]
            wrong.extend(tensor for tensor in tensors if not bool((tensor == number).all()))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_collector_that_frees_tensors_while_one_is_made_does_no_harm() -> None:
    class Node:
        me: "Node"
        tensor: torch.Tensor

    node = Node()
    node.me, node.tensor = node, empty(LARGE, torch.float32)
    del node
    with recycling._lock:  # as within `empty`: giving back must neither wait nor get lost
        gc.collect()
    assert waiting() == 1
    assert empty(LARGE, torch.float32).shape == LARGE


def test_a_forked_child_has_memory_of_its_own() -> None:
    code = """
import os, torch
from bitlogic.kernels import recycling
torch.set_num_threads(1)  # OpenMP's own threads do not survive a fork
tensor, gone = (recycling.empty((2**20,), torch.float32).fill_(1) for _ in range(2))
del gone
recycling._lock.acquire()
child = os.fork()
if not child:
    recycling.empty((2**20,), torch.float32).fill_(3)
    ok = bool((tensor == 1).all())
    tensor.fill_(2)
    os._exit(0 if ok else 1)
recycling._lock.release()
status = os.waitpid(child, 0)[1]
print(status, bool((tensor == 1).all()), len(recycling._free))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "0 True 1\n", done.stderr


def test_a_tensor_that_lives_to_the_end_of_the_process_ends_in_silence() -> None:
    code = "import torch; from bitlogic.kernels.recycling import empty; keep = empty((2**20,), torch.float32)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_training_loop_asks_for_no_more_memory_after_its_first_step() -> None:
    if not native_available():
        pytest.skip("the C kernels are not available")
    model = nn.Sequential(LogicDense(64, 1200), LogicDense(1200, 1200), GroupSum(10, tau=6.0))
    x = (torch.rand(256, 64) > 0.5).float()

    def step() -> None:
        model.zero_grad()
        model(x).sum().backward()

    step()
    blocks = {id(block) for block in recycling._free}
    assert 1 <= len(blocks) <= 2  # the last layer's outputs are gone when the gradient of the first one's is made
    for _ in range(3):
        step()
    assert {id(block) for block in recycling._free} == blocks

"""What is particular to the C target: its entry points, its names, its memory, and what a compiler makes of it."""

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bitlogic.errors import ExportError, MissingToolError, OptionError, TargetError
from bitlogic.export.artifacts import Artifacts
from bitlogic.export.evaluate import evaluate
from bitlogic.export.netlist import FIRST_INPUT, Encoder, Head, Netlist
from bitlogic.export.samples import InputKind, Result, Samples
from bitlogic.export.targets.c import COptions, emit, run
from bitlogic.export.targets.c_build import WARNINGS
from bitlogic.export.targets.c_encoder import float_literal
from bitlogic.export.targets.c_head import integer_literal
from bitlogic.export.targets.c_layout import lay_out
from tests.nets import AND, DEGENERATE, XOR, bits_netlist, random_netlist, samples_for, with_weights

BITS = COptions(input=InputKind.BITS)
CC = shlex.split(os.environ.get("CC", "cc"))


def assert_equal(result: Result, expected: Result) -> None:
    np.testing.assert_array_equal(result.scores, expected.scores)
    np.testing.assert_array_equal(result.class_ids, expected.class_ids)


def tampered(artifacts: Artifacts, name: str, old: str, new: str) -> Artifacts:
    """The artifacts with the first ``old`` in the file that ends in ``name`` replaced."""
    (file,) = (file for file in artifacts.files if file.endswith(name))
    text = artifacts.files[file].decode()
    assert old in text
    return replace(artifacts, files={**artifacts.files, file: text.replace(old, new, 1).encode()})


def compile_sources(artifacts: Artifacts, folder: Path, *flags: str) -> list[Path]:
    """The object files of all sources, compiled with the warnings as errors."""
    artifacts.write(folder)
    sources = sorted(folder.glob("src/*.c"))
    command = [*CC, *WARNINGS, *flags, "-I", str(folder / "include"), "-c", *map(str, sources)]
    subprocess.run(command, cwd=folder, check=True, timeout=60)
    return sorted(folder.glob("*.o"))


def symbols(objects: list[Path], *flags: str) -> set[str]:
    done = subprocess.run(["nm", *flags, *map(str, objects)], capture_output=True, text=True, check=True, timeout=60)
    return {line.split()[-1] for line in done.stdout.splitlines() if line.strip() and not line.endswith(":")}


# Layout, by hand.


def test_a_cell_is_taken_over_by_the_lut_that_reads_it_last() -> None:
    chain = bits_netlist(2, [AND] * 4, [[2, 3], [4, 3], [5, 3], [6, 3]], [7], 1)
    layout = lay_out(chain, 64)
    assert layout.cell_of.tolist() == [-1, -1, -1, -1, 0, 0, 0, -1]
    assert (layout.staging, layout.num_cells) == (1, 2)


def test_a_net_that_is_read_later_keeps_its_cell() -> None:
    skip = bits_netlist(2, [AND, XOR, XOR, XOR], [[2, 3], [4, 3], [5, 4], [6, 2]], [7], 1)
    assert lay_out(skip, 64).cell_of.tolist() == [-1, -1, -1, -1, 0, 1, 0, -1]


def test_a_net_that_an_output_lut_reads_is_kept_to_the_end() -> None:
    late = bits_netlist(2, [AND, XOR, XOR, XOR], [[2, 3], [2, 3], [5, 3], [4, 6]], [7], 1)
    assert lay_out(late, 64).cell_of.tolist() == [-1, -1, -1, -1, 0, 1, 1, -1]


def test_the_buffer_of_a_deep_net_holds_two_layers_not_all() -> None:
    deep = random_netlist(0, widths=(50,) * 10, rank=2)
    layered = replace(deep, pins=np.where(deep.pins >= deep.first_lut, deep.pins, FIRST_INPUT))
    assert lay_out(deep, 64).num_cells < 500
    assert lay_out(layered, 64).num_cells <= lay_out(deep, 64).num_cells


def test_no_function_holds_more_luts_than_asked_for() -> None:
    layout = lay_out(random_netlist(0, widths=(100, 90), num_classes=2), 16)
    assert max(len(chunk.nets) for chunk in layout.chunks) <= 16


def test_dead_luts_are_not_computed() -> None:
    netlist = DEGENERATE["dead_luts"]
    computed = np.concatenate([chunk.nets for chunk in lay_out(netlist, 64).chunks])
    assert sorted(computed.tolist()) == [2, 5, 7]


# Text.


def test_a_float_threshold_is_written_exactly() -> None:
    values = np.array([0.1, -1.5, 0.0, 1.0, 3.4028235e38, 1e-45], dtype=np.float32)
    assert [np.float32(float.fromhex(float_literal(value).removesuffix("f"))) for value in values] == values.tolist()
    assert float_literal(np.float32(np.inf)) == "1.0f / 0.0f"


def test_the_lowest_int32_is_written_without_a_constant_beyond_int32() -> None:
    assert [integer_literal(value) for value in (7, 0, -7, -(2**31))] == ["7", "0", "(-7)", "(-2147483647 - 1)"]


@pytest.mark.parametrize("prefix", ["int", "restrict", "class", "1net", "my-net", "", "_net", "a b", "net\n", "stdint"])
def test_a_prefix_that_c_cannot_use_is_refused(prefix: str) -> None:
    with pytest.raises(OptionError, match="--prefix"):
        COptions(prefix=prefix)


def test_every_macro_and_file_carries_the_prefix() -> None:
    artifacts = emit(random_netlist(0), COptions(prefix="Tiny"))
    for name, content in artifacts.files.items():
        assert re.fullmatch(r"(include|src)/Tiny[a-z0-9_]*\.[ch]", name)
        defined = re.findall(r"^\s*#\s*define\s+(\w+)", content.decode(), re.MULTILINE)
        assert all(macro.startswith("TINY_") for macro in defined)
        assert content.startswith(b"/* generated by bitlogic ")


def test_bits_need_no_encoder_and_offer_no_x() -> None:
    header = emit(random_netlist(0), BITS).files["include/bitlogic_net.h"].decode()
    assert "bitlogic_net_scores_bits(" in header
    assert "bitlogic_net_scores(" not in header and "float x" not in header


def test_a_chunk_size_out_of_range_is_refused() -> None:
    with pytest.raises(OptionError, match="--chunk-luts"):
        COptions(chunk_luts=0)


def test_x_without_an_encoder_is_refused() -> None:
    with pytest.raises(ExportError, match="--input bits"):
        emit(DEGENERATE["one_lut"])


# Compiled and run.


@pytest.mark.cc
@pytest.mark.parametrize("case", DEGENERATE)
def test_a_degenerate_net_runs_in_functions_of_one_lut(case: str) -> None:
    netlist = DEGENERATE[case]
    samples = samples_for(netlist, InputKind.BITS)
    assert_equal(run(emit(netlist, replace(BITS, chunk_luts=1)), samples), evaluate(netlist, samples))


@pytest.mark.cc
@pytest.mark.parametrize(("seed", "rank", "input_bits"), [(0, 1, 8), (1, 2, 12), (2, 3, 1), (3, 5, 16), (4, 6, 8)])
def test_random_nets_run_from_integers(seed: int, rank: int, input_bits: int) -> None:
    netlist = random_netlist(seed, rank=rank, input_bits=input_bits, widths=(40, 40, 60), num_classes=3)
    samples = samples_for(netlist, InputKind.X, seed=seed)
    assert_equal(run(emit(netlist), samples), evaluate(netlist, samples))


@pytest.mark.cc
@pytest.mark.parametrize("num_outputs", [1, 7, 8, 255, 256, 300])
def test_sums_of_every_width_agree_between_one_and_64_samples(num_outputs: int) -> None:
    rng = np.random.default_rng(num_outputs)
    netlist = bits_netlist(9, [], [], rng.integers(0, 11, size=2 * num_outputs).tolist(), 2)
    samples = samples_for(netlist, InputKind.BITS)
    assert_equal(run(emit(netlist, BITS), samples), evaluate(netlist, samples))


@pytest.mark.cc
def test_the_product_has_no_undefined_behaviour(tmp_path: Path) -> None:
    netlist = with_weights(random_netlist(1, num_classes=4), 0, low=-32768, high=32767)
    objects = compile_sources(
        emit(netlist, BITS), tmp_path / "out", "-O1", "-fsanitize=undefined", "-Wmissing-prototypes"
    )
    (tmp_path / "main.c").write_text(
        "#include <stdio.h>\n#include <bitlogic_net.h>\n"
        "int main(void) {\n    uint64_t bits[1] = {UINT64_C(0x15a5a)};\n    int32_t scores[4], i;\n"
        "    bitlogic_net_scores_bits(bits, scores);\n"
        '    for (i = 0; i < 4; i++) printf("%ld ", (long)scores[i]);\n    return 0;\n}\n'
    )
    command = [*CC, "-fsanitize=undefined", "-fno-sanitize-recover", "-Iout/include", "main.c", *map(str, objects)]
    subprocess.run([*command, "-o", "main"], cwd=tmp_path, check=True, timeout=60)
    printed = subprocess.check_output([str(tmp_path / "main")], text=True, timeout=60)
    sample = Samples(InputKind.BITS, (np.array([[0x15A5A]]) >> np.arange(18) & 1).astype(np.uint8))
    assert list(map(int, printed.split())) == evaluate(netlist, sample).scores[0].tolist()


@pytest.mark.cc
@pytest.mark.parametrize("count", [1, 63, 64, 65])
def test_a_ragged_batch_runs(count: int) -> None:
    netlist = random_netlist(5)
    samples = samples_for(netlist, InputKind.X, num=200)[-count:]
    assert_equal(run(emit(netlist), samples), evaluate(netlist, samples))


@pytest.mark.cc
def test_floats_agree_with_the_encoder_at_its_thresholds_and_beyond() -> None:
    every_bit = np.arange(FIRST_INPUT, FIRST_INPUT + 18, dtype=np.int32)  # as a class of its own
    netlist = replace(random_netlist(6), outputs=every_bit, head=Head(18))
    assert netlist.encoder is not None and np.isinf(netlist.encoder.thresholds).any()
    thresholds = netlist.encoder.thresholds[np.isfinite(netlist.encoder.thresholds)]
    near = np.concatenate(
        [thresholds, np.nextafter(thresholds, np.float32(9)), np.nextafter(thresholds, np.float32(-9))]
    )
    edges = np.array([np.inf, -np.inf, np.nan, 0, 1e-45, 3.4028235e38], dtype=np.float32)
    values = np.tile(np.concatenate([near, edges])[:, None], (1, netlist.encoder.num_features))
    samples = Samples(InputKind.X, values.astype(np.float32))
    assert_equal(run(emit(netlist), samples), evaluate(netlist, samples))


@pytest.mark.cc
def test_a_change_of_the_emitted_code_is_seen() -> None:
    encoder = Encoder(
        input_shape=(2,),
        features=np.array([0, 1], dtype=np.int32),
        thresholds=np.array([0.3, 0.6], dtype=np.float32),
        input_bits=8,
        integer_thresholds=np.array([77, 154], dtype=np.int32),
        input_min=np.zeros(2, np.float32),
        input_max=np.ones(2, np.float32),
    )
    netlist = Netlist(
        2,
        np.array([AND, XOR], dtype=np.uint64),
        np.array([[2, 3], [2, 3]], dtype=np.int32),
        np.array([4, 5], dtype=np.int32),
        Head(2),
        encoder,
    )
    artifacts = emit(netlist)
    grid = np.array([0, 77, 78, 154, 155, 255], dtype=np.uint8)
    samples = Samples(InputKind.X, np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2))
    expected = evaluate(netlist, samples)
    assert_equal(run(artifacts, samples), expected)
    for old, new in [("(i0 & i1)", "(i0 | i1)"), ("IN(1, 1, 154)", "IN(0, 0, 77)")]:  # an operator, a pin
        changed = run(tampered(artifacts, "net_luts_000.h", old, new), samples)
        assert (changed.scores != expected.scores).any()
    with pytest.raises(TargetError, match=r"sample \d+, .*_scores gives \d, .*_scores_bits gives \d"):
        run(tampered(artifacts, "net_luts_000.h", "IN(0, 0, 77)", "IN(0, 0, 78)"), samples)
    with pytest.raises(TargetError, match="gives"):
        run(tampered(artifacts, "net_encode.c", "77, 154", "77, 153"), samples)
    with pytest.raises(TargetError, match="scores_bits64 gives"):
        run(tampered(artifacts, "net_bits64.c", "swap << 28", "swap << 27"), samples)
    with pytest.raises(TargetError, match=r"class: .*predict"):
        run(tampered(artifacts, "net_x.c", "_argmax(scores)", "_argmax(scores) + 1"), samples)
    assert (
        run(tampered(artifacts, "argmax.c", "> scores", ">= scores"), samples).class_ids != expected.class_ids
    ).any()


@pytest.mark.cc
def test_code_that_does_not_compile_is_an_error_with_the_compilers_words() -> None:
    artifacts = tampered(emit(random_netlist(0)), "argmax.c", "return best", "return bests")
    with pytest.raises(TargetError, match="bests"):
        run(artifacts, samples_for(random_netlist(0), InputKind.X, num=1))


@pytest.mark.cc
def test_integers_beyond_the_grid_and_samples_of_another_width_are_refused() -> None:
    artifacts = emit(random_netlist(0, input_bits=4))
    with pytest.raises(TargetError, match="16; the encoder's grid ends at 15"):
        run(artifacts, Samples(InputKind.X, np.full((1, 6), 16, dtype=np.uint8)))
    with pytest.raises(TargetError, match="5 values; the C code takes 6"):
        run(artifacts, Samples(InputKind.X, np.zeros((1, 5), dtype=np.uint8)))


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler -m32")
    with pytest.raises(MissingToolError, match="no-such-compiler"):
        run(emit(DEGENERATE["one_lut"], BITS), samples_for(DEGENERATE["one_lut"], InputKind.BITS))


# Compiled and linked as a user does.


@pytest.mark.cc
@pytest.mark.parametrize("level", ["-O1", "-Os", "-O3"])
def test_the_core_needs_no_library_and_has_no_writable_data(tmp_path: Path, level: str) -> None:
    objects = compile_sources(emit(random_netlist(0)), tmp_path / "out", level, "-ffreestanding", "-nostdlib")
    assert symbols(objects, "-u") - symbols(objects, "-g", "--defined-only") <= {"memset", "memcpy"}
    assert not re.search(r" [dDbBC] ", subprocess.check_output(["nm", *map(str, objects)], text=True, timeout=60))


@pytest.mark.cc
def test_the_header_defines_no_name_without_the_prefix(tmp_path: Path) -> None:
    emit(random_netlist(0)).write(tmp_path / "out")

    def defined(header: str) -> set[str]:
        command = [*CC, "-std=c99", "-Iout/include", "-dM", "-E", "-x", "c", "-"]
        text = subprocess.check_output(command, input=f"#include <{header}>\n", text=True, cwd=tmp_path, timeout=60)
        return {line.split()[1].split("(")[0] for line in text.splitlines()}

    own = defined("bitlogic_net.h") - defined("stdint.h")
    assert {f"BITLOGIC_NET_{name}" for name in ("NUM_FEATURES", "NUM_BITS", "NUM_CLASSES", "INPUT_BITS")} < own
    assert all(name.startswith("BITLOGIC_NET_") for name in own)


@pytest.mark.cc
def test_the_header_is_also_cpp(tmp_path: Path) -> None:
    if shutil.which("c++") is None:
        pytest.skip("needs a C++ compiler")
    emit(random_netlist(0)).write(tmp_path / "out")
    text = '#include "bitlogic_net.h"\nextern "C" int32_t f(const uint8_t *x) { return bitlogic_net_predict(x); }\n'
    command = ["c++", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Iout/include", "-x", "c++", "-fsyntax-only", "-"]
    subprocess.run(command, input=text, text=True, cwd=tmp_path, check=True, timeout=60)


@pytest.mark.cc
def test_two_networks_link_into_one_program_and_both_answer(tmp_path: Path) -> None:
    nets = {"left": random_netlist(1), "right": random_netlist(2, rank=3)}
    objects: list[Path] = []
    for prefix, netlist in nets.items():
        own = compile_sources(emit(netlist, COptions(prefix=prefix)), tmp_path / prefix, "-O1")
        assert all(name.startswith(prefix + "_") for name in symbols(own, "-g", "--defined-only"))
        objects += own
    (tmp_path / "main.c").write_text(
        "#include <stdio.h>\n#include <right.h>\n#include <left.h>\n"
        "int main(void) {\n    const uint8_t x[6] = {3, 90, 41, 200, 128, 17};\n"
        "    int32_t left[LEFT_NUM_CLASSES], right[RIGHT_NUM_CLASSES], i;\n"
        "    uint8_t work[RIGHT_WORK_BYTES];\n"
        "    left_scores(x, left);\n    right_scores_work(x, right, work);\n"
        '    for (i = 0; i < 4; i++) printf("%d %d ", (int)left[i], (int)right[i]);\n'
        '    printf("%d %d %s", (int)left_predict(x), (int)right_predict(x), RIGHT_NETLIST_DIGEST);\n    return 0;\n}\n'
    )
    includes = [f"-I{tmp_path / prefix / 'include'}" for prefix in nets]
    command = [*CC, *WARNINGS, *includes, "main.c", *map(str, objects), "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    printed = subprocess.check_output([str(tmp_path / "main")], text=True, timeout=60).split()
    samples = Samples(InputKind.X, np.array([[3, 90, 41, 200, 128, 17]], dtype=np.uint8))
    left, right = (evaluate(netlist, samples) for netlist in nets.values())
    both = np.stack([left.scores[0], right.scores[0]], axis=1).ravel().tolist()
    assert printed == [*map(str, both), str(left.class_ids[0]), str(right.class_ids[0]), nets["right"].digest()]


@pytest.mark.cc
def test_the_work_buffers_are_as_large_as_the_header_says(tmp_path: Path) -> None:
    objects = compile_sources(emit(random_netlist(3, widths=(60, 50, 40)), BITS), tmp_path / "out", "-O1")
    (tmp_path / "main.c").write_text(GUARDED)
    subprocess.run([*CC, "-Iout/include", "main.c", *map(str, objects), "-o", "main"], cwd=tmp_path, check=True)
    assert subprocess.check_output([str(tmp_path / "main")], text=True, timeout=60) == "1 0 1 0"


GUARDED = """
#include <stdio.h>
#include <string.h>
#include <bitlogic_net.h>
#define SPARE 16
static uint64_t bits[BITLOGIC_NET_BITS_WORDS], planes[BITLOGIC_NET_NUM_BITS];
static int32_t scores[64][BITLOGIC_NET_NUM_CLASSES];
static uint8_t work[BITLOGIC_NET_WORK_BYTES + SPARE];
static uint64_t work64[BITLOGIC_NET_WORK64_WORDS + SPARE];
static const uint64_t fill = UINT64_C(0xa5a5a5a5a5a5a5a5);
int main(void)
{
    int i, used, over, used64, over64;
    memset(work, 0xa5, sizeof work);
    memset(work64, 0xa5, sizeof work64);
    bitlogic_net_scores_bits_work(bits, scores[0], work);
    bitlogic_net_scores_bits64_work(planes, scores, work64);
    used = work[BITLOGIC_NET_WORK_BYTES - 1] != 0xa5;
    used64 = work64[BITLOGIC_NET_WORK64_WORDS - 1] != fill;
    for (i = over = over64 = 0; i < SPARE; i++) {
        over |= work[BITLOGIC_NET_WORK_BYTES + i] != 0xa5;
        over64 |= work64[BITLOGIC_NET_WORK64_WORDS + i] != fill;
    }
    printf("%d %d %d %d", used, over, used64, over64);
    return 0;
}
"""

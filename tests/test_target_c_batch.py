"""The batch entry points of the C target: every width, every source of samples, and what sanitizers say."""

import os
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bitlogic.errors import OptionError
from bitlogic.export.evaluate import evaluate
from bitlogic.export.netlist import Netlist
from bitlogic.export.samples import InputKind, Samples
from bitlogic.export.targets.c import COptions, Style, emit, run
from bitlogic.export.targets.c_batch import WIDTHS
from bitlogic.export.targets.c_build import WARNINGS
from tests.nets import DEGENERATE, bits_netlist, random_netlist, samples_for, with_weights

CC = shlex.split(os.environ.get("CC", "cc"))


def assert_runs(netlist: Netlist, options: COptions, samples: Samples) -> None:
    """``run`` calls every batch entry point that takes the samples and compares them with each other."""
    result, expected = run(emit(netlist, options), samples), evaluate(netlist, samples)
    np.testing.assert_array_equal(result.scores, expected.scores)
    np.testing.assert_array_equal(result.class_ids, expected.class_ids)


@pytest.mark.parametrize("width", [0, 16, 100, 1024])
def test_a_width_that_no_word_has_is_refused(width: int) -> None:
    with pytest.raises(OptionError, match="--width is one of 32, 64, 128, 256, 512"):
        COptions(width=width)


def test_tables_have_no_width() -> None:
    with pytest.raises(OptionError, match="--width is for --style unrolled"):
        COptions(style=Style.TABLES, width=256)


def test_narrow_words_are_plain_c_and_wide_ones_have_a_text_for_three_operands() -> None:
    for width in WIDTHS:
        files = emit(random_netlist(0), COptions(width=width)).files
        text = b"".join(files.values())
        assert (b"immintrin" in text) == (b"vector_size" in text) == (width > 64)
        assert any("ternary" in name for name in files) == (width > 64)


@pytest.mark.cc
@pytest.mark.parametrize(
    ("width", "rank", "input_bits"), [(32, 6, 8), (64, 3, 12), (128, 2, 8), (256, 5, 4), (512, 4, 8)]
)
def test_every_width_gives_the_scores(width: int, rank: int, input_bits: int) -> None:
    netlist = random_netlist(width, rank=rank, num_features=37, widths=(60, 90), num_classes=3, input_bits=input_bits)
    assert_runs(netlist, COptions(width=width), samples_for(netlist, InputKind.X, num=width + 70))


@pytest.mark.cc
@pytest.mark.parametrize("width", [64, 512])
def test_floats_that_are_not_numbers_are_above_no_threshold_in_a_batch(width: int) -> None:
    netlist = random_netlist(8, num_features=37, widths=(60, 90), num_classes=3)
    floats = np.random.default_rng(8).random((600, 37)).astype(np.float32)
    floats[::3, ::2], floats[1::3, ::5] = np.nan, np.inf
    assert_runs(netlist, COptions(width=width), Samples(InputKind.X, floats))


@pytest.mark.cc
@pytest.mark.slow
@pytest.mark.parametrize("rank", [1, 2, 3, 4, 5, 6])
def test_every_rank_runs_in_wide_words(rank: int) -> None:
    netlist = random_netlist(rank, rank=rank, widths=(40, 40, 60), num_classes=3, input_bits=rank * 2)
    assert_runs(netlist, COptions(width=256), samples_for(netlist, InputKind.X, num=300))


@pytest.mark.cc
@pytest.mark.slow
@pytest.mark.parametrize("case", DEGENERATE)
def test_a_degenerate_net_runs_in_wide_words(case: str) -> None:
    netlist = DEGENERATE[case]
    assert_runs(netlist, COptions(input=InputKind.BITS, width=128), samples_for(netlist, InputKind.BITS))


@pytest.mark.cc
@pytest.mark.parametrize(("width", "num_outputs"), [(32, 300), (64, 70_000), (512, 256)])
def test_sums_of_every_size_become_integers(width: int, num_outputs: int) -> None:
    rng = np.random.default_rng(num_outputs)
    netlist = bits_netlist(9, [], [], rng.integers(0, 11, size=2 * num_outputs).tolist(), 2)
    options = COptions(input=InputKind.BITS, width=width, chunk_luts=1024)
    assert_runs(netlist, options, samples_for(netlist, InputKind.BITS))


@pytest.mark.cc
@pytest.mark.parametrize("width", [64, 256])
def test_a_head_with_weights_answers_for_a_batch(width: int) -> None:
    netlist = with_weights(random_netlist(7, num_classes=4), 0, low=-32768, high=32767)
    assert_runs(netlist, COptions(width=width), samples_for(netlist, InputKind.X, num=150))


@pytest.mark.cc
def test_a_change_of_the_text_for_three_operands_or_of_its_fallback_is_seen() -> None:
    netlist = DEGENERATE["one_lut"]
    artifacts = emit(netlist, COptions(input=InputKind.BITS, width=512))
    files = {
        name: content.replace(b"(i0 & i1)", b"(i0 | i1)") if name.endswith(("ternary_000.h", "luts_000.h")) else content
        for name, content in artifacts.files.items()
    }
    assert files != artifacts.files
    samples = samples_for(netlist, InputKind.BITS)
    assert (run(replace(artifacts, files=files), samples).scores != evaluate(netlist, samples).scores).any()


@pytest.mark.cc
@pytest.mark.parametrize("width", [64, 512])
def test_a_batch_is_clean_under_sanitizers_in_buffers_of_the_exact_size(width: int, tmp_path: Path) -> None:
    netlist = random_netlist(4, num_features=19, widths=(30, 24), num_classes=3)
    emit(netlist, COptions(width=width)).write(tmp_path)
    (tmp_path / "main.c").write_text(SANITIZED)
    native = ["-march=native"] if width > 64 and os.uname().machine == "x86_64" else []
    sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    sources = ["main.c", *map(str, sorted((tmp_path / "src").glob("*.c")))]
    command = [*CC, *WARNINGS, *native, "-O1", "-g", *sanitize, "-Iinclude", *sources, "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    assert subprocess.check_output([str(tmp_path / "main")], text=True, timeout=60) == "ok"


SANITIZED = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bitlogic_net.h>
#define FEATURES BITLOGIC_NET_NUM_FEATURES
#define CLASSES BITLOGIC_NET_NUM_CLASSES
#define WORDS BITLOGIC_NET_BITS_WORDS
static void check(int64_t count)
{
    const size_t n = (size_t)count;
    uint8_t *x = malloc(n * FEATURES + 1);
    float *f = malloc((n * FEATURES + 1) * sizeof *f);
    uint64_t *bits = malloc((n * WORDS + 1) * sizeof *bits);
    uint8_t *bools = malloc(n * BITLOGIC_NET_NUM_BITS + 1);
    int32_t *one = malloc((n * CLASSES + 1) * sizeof *one);
    int32_t *scores = malloc((n * CLASSES + 1) * sizeof *scores);
    int32_t *classes = malloc((n + 1) * sizeof *classes);
    uint8_t *work = malloc(BITLOGIC_NET_WORK_BATCH_BYTES);
    size_t i, j;
    int form;
    for (i = 0; i < n * FEATURES; i++) {
        x[i] = (uint8_t)(rand() >> 7);
        f[i] = (float)x[i] / 255.0f;
    }
    for (i = 0; i < n; i++) {
        bitlogic_net_scores(x + i * FEATURES, one + i * CLASSES);
        bitlogic_net_encode(x + i * FEATURES, bits + i * WORDS);
        for (j = 0; j < BITLOGIC_NET_NUM_BITS; j++)
            bools[i * BITLOGIC_NET_NUM_BITS + j] = (uint8_t)(bits[i * WORDS + j / 64] >> (j % 64) & 1);
    }
    for (form = 0; form < 4; form++) {
        memset(scores, 0xa5, n * CLASSES * sizeof *scores);
        if (form == 0) bitlogic_net_batch(x, count, scores, classes, work);
        if (form == 1) bitlogic_net_batch_float(f, count, scores, classes, work);
        if (form == 2) bitlogic_net_batch_bits(bits, count, scores, classes, work);
        if (form == 3) bitlogic_net_batch_bools(bools, count, scores, classes, work);
        if (memcmp(scores, one, n * CLASSES * sizeof *one)) { printf("form %d of %d", form, (int)count); exit(1); }
        for (i = 0; i < n; i++)
            if (classes[i] != bitlogic_net_argmax(one + i * CLASSES)) { printf("class %d", form); exit(1); }
    }
    free(x); free(f); free(bits); free(bools); free(one); free(scores); free(classes); free(work);
}
int main(void)
{
    const int64_t counts[] = {0, 1, 15, 63, 64, 65, 130, 511, 512, 513};
    size_t i;
    for (i = 0; i < sizeof counts / sizeof *counts; i++) check(counts[i]);
    printf("ok");
    return 0;
}
"""

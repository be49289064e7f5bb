"""The engine's model file: what the C loader refuses, each with its own message, before any kernel runs."""

import hashlib
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bitlogic.errors import FormatError
from bitlogic.export.engine import Engine, usable_widths
from bitlogic.export.engine.library import sources
from bitlogic.export.engine.model import COUNT, MAGIC, model_bytes
from bitlogic.export.engine.plan import plan
from bitlogic.export.netlist import Netlist
from bitlogic.export.render import render
from tests.nets import DEGENERATE, bits_netlist, random_netlist, with_weights

pytestmark = pytest.mark.cc
NET = with_weights(random_netlist(4, widths=(24, 16)), 3)
FIELDS = "inputs features input_bits planes slots runs ids classes group_size dims weights encoder".split()


class Model:
    """A model file to be spoilt: its header's fields and sections as arrays."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self.fields = dict(zip(FIELDS, np.frombuffer(data, "<i8", 12, 64).tolist(), strict=True))
        number = self.fields
        sizes = {"shape": 8 * number["dims"], "bits": 4 * number["planes"], "slots": 4 * number["planes"]}
        encoded = 4 * number["planes"] if number["encoder"] else 0
        sizes |= {"features": encoded, "thresholds": encoded, "integers": encoded}
        sizes |= {
            "runs": 16 * number["runs"],
            "ids": 4 * number["ids"],
            "weights": 4 * number["classes"] ** 2 * number["weights"],
        }
        self.start, at = {}, 256
        for name, size in sizes.items():
            self.start[name] = at
            at += -(-size // 64) * 64
        assert at == len(data)

    def put(self, section: str, index: int, value: int, layout: str = "<i") -> None:
        struct.pack_into(layout, self.data, self.start[section] + struct.calcsize(layout) * index, value)

    def get(self, section: str, index: int) -> int:
        return int(struct.unpack_from("<i", self.data, self.start[section] + 4 * index)[0])

    def put_field(self, name: str, value: int) -> None:
        struct.pack_into("<q", self.data, 64 + 8 * FIELDS.index(name), value)

    def sealed(self) -> bytes:
        return sealed(self.data)


def sealed(data: bytes | bytearray) -> bytes:
    """The bytes with a size and a digest that are right, so that the loader reads on."""
    changed = bytearray(data)
    struct.pack_into("<Q", changed, 16, len(changed))
    changed[32:64] = hashlib.sha256(changed[64:]).digest()
    return bytes(changed)


def _model() -> Model:
    return Model(model_bytes(NET, plan(NET)))


def _first_count(model: Model) -> int:
    return next(run for run in range(model.fields["runs"]) if model.get("runs", 4 * run) == COUNT)


def _put(section: str, index: int, value: int, layout: str = "<i") -> Callable[[Model], None]:
    return lambda model: model.put(section, index, value, layout)


def _put_field(name: str, value: int) -> Callable[[Model], None]:
    return lambda model: model.put_field(name, value)


def _in_count(place: int, value: int) -> Callable[[Model], None]:
    return lambda model: model.put("runs", 4 * _first_count(model) + place, value)


def _reads_its_own(model: Model) -> None:
    model.put("ids", 0, model.get("runs", 2))


def _number(offset: int, value: float) -> Callable[[Model], None]:
    return lambda model: struct.pack_into("<d", model.data, offset, value)


def _one_more_id(model: Model) -> None:
    """An id that nothing reads, in the room that fills up the section, or in a new line of it."""
    end = model.start["ids"] + 4 * model.fields["ids"]
    if end == model.start["weights"]:
        model.data[end:end] = bytes(64)
    model.put_field("ids", model.fields["ids"] + 1)


SPOILT: dict[str, tuple[Callable[[Model], None], str]] = {
    "no inputs": (_put_field("inputs", 0), "no inputs"),
    "no classes": (_put_field("classes", 0), "no inputs, classes"),
    "no outputs": (_put_field("group_size", 0), "no inputs, classes, outputs"),
    "no slots": (_put_field("slots", 0), "no inputs, classes, outputs or slots"),
    "a negative field": (_put_field("runs", -1), "field 5 is -1"),
    "a field beyond int32": (_put_field("ids", 2**31), "field 6"),
    "a flag of 2": (_put_field("weights", 2), "neither 0 nor 1"),
    "another flag of 2": (_put_field("encoder", 2), "neither 0 nor 1"),
    "17 bits": (_put_field("input_bits", 17), "17 bits"),
    "features without an encoder": (_put_field("encoder", 0), "an encoder of 8 bits"),
    "features without bits": (lambda model: _put_fields(model, encoder=0, input_bits=0), "0 bits and 6 features"),
    "axes alone": (lambda model: _put_fields(model, encoder=0, input_bits=0, features=0), "0 bits and 0 features"),
    "more planes than inputs": (_put_field("inputs", 1), "more planes"),
    "tau of 0": (_number(192, 0.0), "tau"),
    "tau infinite": (_number(192, float("inf")), "tau"),
    "beta infinite": (_number(200, float("inf")), "beta"),
    "a scale without weights": (_put_field("weights", 0), "only weights have a scale"),
    "scale NaN": (_number(208, float("nan")), "scale"),
    "scale of 0": (_number(208, 0.0), "scale"),
    "more runs than fit": (_put_field("runs", 10_000), "its sections take"),
    "weights of too many classes": (_put_field("classes", 70_000), "weights of 70000 classes"),
    "too many slots": (_put_field("slots", 10_000), "more slots than anything computes"),
    "too large groups": (_put_field("group_size", 10_000), "more outputs than ids"),
    "another shape": (_put("shape", 0, 7, "<q"), "shape: it has 7 features"),
    "a negative size": (_put("shape", 0, -1, "<q"), "shape: a size of -1"),
    "too many features": (lambda model: _shaped(model, 2**31 - 1, 2), "more features than can be numbered"),
    "a bit out of range": (_put("bits", 0, 999), "no input bit 999"),
    "a negative bit": (_put("bits", 0, -1), "no input bit -1"),
    "a bit twice": (lambda model: model.put("bits", 0, model.get("bits", 1)), "has two planes"),
    "a slot out of range": (_put("slots", 0, -5), "slot -5 is none"),
    "a slot beyond all": (_put("slots", 0, 53), "slot 53 is none"),
    "a slot twice": (lambda model: model.put("slots", 1, model.get("slots", 0)), "is none, or taken"),
    "the constant's slot": (_put("slots", 0, 0), "slot 0 is none, or taken"),
    "a feature out of range": (_put("features", 0, 6), "feature 6"),
    "features out of order": (_put("features", 0, 5), "out of order"),
    "a threshold of NaN": (_put("thresholds", 0, 0x7FC00000), "its threshold is NaN"),
    "an integer beyond the grid": (_put("integers", 0, 256), "its threshold 256"),
    "a negative integer": (_put("integers", 0, -1), "its threshold -1"),
    "a negative operation": (_put("runs", 0, -1), "no operation -1"),
    "no such operation": (_put("runs", 0, 65537), "no operation 65537"),
    "no such kernel": (_put("runs", 0, 1), "no kernel for function 1"),
    "an empty run": (_put("runs", 1, 0), "a count of 0"),
    "a run into the constant": (_put("runs", 2, 0), "beyond the slots"),
    "a run beyond the slots": (_put("runs", 2, 10_000), "beyond the slots"),
    "negations of 99": (_put("runs", 3, 99), "negations 99"),
    "negations of -2": (_put("runs", 3, -2), "negations -2"),
    "own negations of -1": (_put("ids", 4, -1), "negations -1"),
    "own negations of 99": (_put("ids", 4, 99), "negations 99"),
    "an id out of range": (_put("ids", 0, 2**30), "is out of range"),
    "a negative id": (_put("ids", 0, -1), "slot -1 is out of range"),
    "an id of later": (lambda model: model.put("ids", 0, model.fields["slots"] - 1), "before it is computed"),
    "an id of the run itself": (_reads_its_own, "before it is computed"),
    "an id of what is computed anew": (lambda model: _computes_anew(model), "reads slot 19, which it computes"),
    "a negative class": (_in_count(2, -1), "no class -1"),
    "no such class": (_in_count(2, 4), "no class 4"),
    "a count of too many": (_in_count(1, 5), "counts too many outputs"),
    "a count negated by 2": (_in_count(3, 2), "negations 2"),
    "a count negated by -1": (_in_count(3, -1), "negations -1"),
    "an output in the wrong class": (lambda model: _moved(model), "class . counts"),
    "an id of a count out of range": (lambda model: model.put("ids", model.fields["ids"] - 1, 9999), "out of range"),
    "ids left over": (_one_more_id, "1 ids that nothing reads"),
    "a weight of 17 bits": (_put("weights", 0, 40_000), "more than 16 bits"),
    "a negative weight of 17 bits": (_put("weights", 0, -40_000), "more than 16 bits"),
}


def _put_fields(model: Model, **values: int) -> None:
    for name, value in values.items():
        model.put_field(name, value)


def _computes_anew(model: Model) -> None:
    """Run 1 writes where run 0, of one LUT of four pins and negations, has written, and reads it."""
    model.put("runs", 4 + 2, model.get("runs", 2))
    model.put("ids", 5, model.get("runs", 2))


def _shaped(model: Model, *sizes: int) -> None:
    """Another shape, within the line that the old one fills up."""
    model.put_field("dims", len(sizes))
    for axis, size in enumerate(sizes):
        model.put("shape", axis, size, "<q")


def _moved(model: Model) -> None:
    """The last run counts for another class."""
    model.put("runs", 4 * (model.fields["runs"] - 1) + 2, 0)


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_model_is_refused_with_its_reason(case: str) -> None:
    spoil, words = SPOILT[case]
    model = _model()
    Engine.from_bytes(model.sealed())
    spoil(model)
    with pytest.raises(FormatError, match=words):
        Engine.from_bytes(model.sealed(), "net.engine")


def test_a_run_of_more_luts_than_there_are_ids_is_refused() -> None:
    wide = bits_netlist(40, [6], [[2, 3]], [42, *range(2, 42)], 1)
    model = Model(model_bytes(wide, plan(wide)))
    model.put("runs", 1, 25)
    model.put("runs", 2, 1)
    with pytest.raises(FormatError, match="run 0: too few ids"):
        Engine.from_bytes(model.sealed())
    model = Model(model_bytes(wide, plan(wide)))
    model.put_field("group_size", 42)
    model.put("runs", 4 * _first_count(model) + 1, 42)
    with pytest.raises(FormatError, match="run 1: too few ids"):
        Engine.from_bytes(model.sealed())


@pytest.mark.parametrize("weight", [-32_768, 32_767])
def test_weights_whose_scores_leave_32_bits_are_refused(weight: int) -> None:
    wide = bits_netlist(2, [6], [[2, 3]], [4, 2] * 40_000, 1, [[20_000]])
    model = Model(model_bytes(wide, plan(wide)))
    model.put("weights", 0, weight)
    with pytest.raises(FormatError, match="do not fit int32"):
        Engine.from_bytes(model.sealed())


@pytest.mark.slow
def test_more_slots_than_32_bits_can_address_are_refused() -> None:
    """A file of 256 MiB: a slot is announced only where an id, a plane or the constant could fill it."""
    model = Model(model_bytes(DEGENERATE["one_lut"], plan(DEGENERATE["one_lut"])))
    num = 1 << 26
    model.put_field("slots", num)
    model.put_field("ids", num)
    del model.data[model.start["ids"] :]
    model.data += bytes(4 * num)
    with pytest.raises(FormatError, match="more slots than this engine holds"):
        Engine.from_bytes(model.sealed())


def test_other_files_are_refused_by_what_they_are(tmp_path: Path) -> None:
    data = bytes(_model().sealed())
    cases = {
        "not a model file": b"",
        "not a model": b"PK\3\4" + bytes(500),
        "truncated: its 100 bytes": data[:100],
        "truncated or extended": data[:-64],
        "truncated or extended: it has": data + bytes(64),
        "damaged": data[:-1] + bytes([data[-1] ^ 1]),
        "engine format 2 is unknown, perhaps newer": MAGIC + struct.pack("<I", 2) + data[12:],
    }
    for words, content in cases.items():
        (tmp_path / "net.engine").write_bytes(content)
        with pytest.raises(FormatError, match=words) as refused:
            Engine.load(tmp_path / "net.engine")
        assert str(tmp_path / "net.engine") in str(refused.value)


def _mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """One to four changes of numbers, most of them small, anywhere behind the prefix; sometimes of a 64-byte line."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        at = 64 + 4 * int(rng.integers(0, (len(changed) - 64) // 4))
        (old,) = struct.unpack_from("<i", changed, at)
        choices = [
            old + 1,
            old - 1,
            old ^ 1 << int(rng.integers(0, 31)),
            0,
            -1,
            int(rng.integers(-4, 2**12)),
            2**31 - 1,
        ]
        new = choices[int(rng.integers(0, len(choices)))]
        struct.pack_into("<i", changed, at, (new + 2**31) % 2**32 - 2**31)
    if rng.random() < 0.1:
        line = 256 + 64 * int(rng.integers(0, max(1, (len(changed) - 256) // 64)))
        changed[line : line + 64] = b"" if rng.random() < 0.5 else bytes(changed[line : line + 64]) * 2
    return sealed(changed)


def _seeds() -> list[Netlist]:
    floats = random_netlist(7, widths=(12, 8))
    return [*DEGENERATE.values(), NET, floats, random_netlist(3, rank=2, widths=(60, 40), input_bits=12)]


def test_thousands_of_mutated_models_are_refused_or_run(seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    originals = [model_bytes(netlist, plan(netlist)) for netlist in _seeds()]
    refused = ran = 0
    while refused + ran < 4000:
        data = _mutated(originals[(refused + ran) % len(originals)], rng)
        try:
            engine = Engine.from_bytes(data, width=usable_widths()[-1])
        except FormatError:
            refused += 1
            continue
        ran += 1
        if engine.interface.num_inputs < 10_000:
            x = rng.integers(0, 2, size=(3, engine.interface.num_inputs), dtype=np.uint8)
            scores, class_ids = engine.results(x, ready_bits=True)
            np.testing.assert_array_equal(class_ids, scores.argmax(axis=1))
    assert refused > 1000 and ran > 300, "the mutations reach both ends"


def _wide_seeds() -> list[Netlist]:
    """Nets that read the first and last bits around tiles and panels of 4096 bits, and a net of many features."""
    bits = [0, 63, 64, 4031, 4032, 4095, 4096, 4097, 4159, 4160, 4991, 4992, 4998, 4999]
    pins = [[2 + one, 2 + other] for one, other in zip(bits, reversed(bits), strict=True)]
    wide = bits_netlist(5000, [6] * len(pins), pins, list(range(5002, 5002 + len(pins))), 2)
    many = random_netlist(5, num_features=200, bits_per_feature=1, widths=(60, 40), input_bits=16)
    return [wide, many]


@pytest.mark.slow
def test_mutated_models_and_their_runs_are_clean_under_sanitizers(tmp_path: Path) -> None:
    """The loader and the 64-bit kernels as the fuzzer runs them, on files; the fuzzer itself is ``engine_fuzz.c``."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("needs gcc or clang")
    for name, content in sources().items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "engine_fuzz.c").write_bytes(render("engine_fuzz.c.j2"))
    flags = ["-std=gnu11", "-O1", "-g", "-Wno-psabi", "-DENGINE_ANY_DIGEST", "-DENGINE_REPLAY", "-DENGINE_WIDTH=64"]
    flags += ["-Dcalloc=scarce_calloc"]
    flags += ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    units = [f"engine{name}.c" for name in ("", "_load", "_sha256", "_width", "_fuzz")]
    subprocess.run([compiler, *flags, *units, "-lm", "-o", "replay"], cwd=tmp_path, check=True, timeout=600)
    rng = np.random.default_rng(1)
    originals = [model_bytes(netlist, plan(netlist)) for netlist in (*_seeds(), *_wide_seeds())]
    files = []
    for number in range(3000):
        path = tmp_path / f"{number}.engine"
        data = originals[number % len(originals)]
        data = data[:224] + rng.bytes(32) + data[256:]  # the netlist's digest chooses how the model is called
        path.write_bytes(data if number % 2 else _mutated(data, rng))
        files.append(str(path))
    done = subprocess.run([tmp_path / "replay", *files], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "3000 files\n"

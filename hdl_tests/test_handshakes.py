"""What the bench notices of a handshake that breaks its rules, on small designs written by hand."""

from dataclasses import replace

import numpy as np
import pytest

from bitlogic.errors import TargetError
from bitlogic.export.hardware.architecture import Interface
from bitlogic.export.hardware.frames import Field, Frame
from bitlogic.export.samples import InputKind, Result, Samples
from bitlogic.export.simulate import simulate
from bitlogic.export.testbench_ports import Ports

pytestmark = pytest.mark.sim

STREAM = """
module net (
    input wire clk, input wire rst,
    input wire valid_in, output wire ready_in, input wire [11:0] bits,
    output wire valid_out, input wire ready_out, output wire [7:0] scores, output wire class_id
);
    reg [11:0] first, second;
    reg [1:0] count;
    reg odd;
    wire push = valid_in & ready_in;
    wire pop = valid_out & ready_out;
    assign ready_in = count != 2;
    assign valid_out = count != 0;
    assign scores = first[7:0];
    assign class_id = first[11];
    always @(posedge clk) begin
        odd <= ~odd & ~rst;
        if (pop) first <= count == 2 ? second : bits;
        if (push & count == 0) first <= bits;
        if (push & count != 0) second <= bits;
        count <= count + {1'b0, push} - {1'b0, pop};
        if (rst) count <= 0;
    end
endmodule
"""
PORTS = Ports(
    input=InputKind.BITS,
    num_elements=12,
    element_width=1,
    num_classes=2,
    score_width=4,
    score_signed=False,
    latency_cycles=1,
    interface=Interface.STREAM,
)
SAMPLES = Samples(InputKind.BITS, np.random.default_rng(0).integers(0, 2, size=(40, 12), dtype=np.uint8))


def expected(samples: Samples) -> Result:
    """Scores in bits 0 to 3 and 4 to 7, the class in bit 11."""
    weights = 1 << np.arange(4)
    scores = np.stack([samples.values[:, :4] @ weights, samples.values[:, 4:8] @ weights], axis=1)
    return Result(scores.astype(np.int64), samples.values[:, 11].astype(np.int64))


def assert_right(text: str, ports: Ports, samples: Samples = SAMPLES) -> None:
    result = simulate({"net.v": text.encode()}, "net", ports, samples)
    np.testing.assert_array_equal(result.scores, expected(samples).scores)
    np.testing.assert_array_equal(result.class_ids, expected(samples).class_ids)


def test_a_stream_that_keeps_the_rules_is_read_in_order() -> None:
    assert_right(STREAM, PORTS)


def test_a_stream_of_one_sample_is_given_it_again_and_again() -> None:
    assert_right(STREAM, PORTS, SAMPLES[7:8])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("valid_in & ready_in", "valid_in", "lost|reads|changed|fell", id="takes what it is not ready for"),
        pytest.param("valid_out & ready_out", "valid_out", "changed|fell", id="drops what is not taken"),
        pytest.param("pop = valid_out & ready_out", "pop = ready_out & odd", "no sample|given a second", id="doubles"),
        pytest.param("count != 0;", "count != 0 & odd;", "valid_out", id="valid comes and goes"),
        pytest.param("count != 2;", "count != 2 | ready_out;", "within the cycle", id="ready follows ready"),
        pytest.param("= count != 2;", "= count == 0;", "are promised", id="half the speed"),
        pytest.param("= count != 2;", "= 1'b0;", "no beat was accepted", id="never ready"),
        pytest.param("= count != 0;", "= 1'b0;", "valid_out reads 0 where sample 0", id="never valid"),
        pytest.param("if (rst) count <= 0;", "", "ready_in reads X|valid_out reads", id="no reset"),
        pytest.param("scores = first[7:0]", "scores = first[7:0] ^ {8{odd}}", "changed before", id="data changes"),
    ],
)
def test_a_broken_stream_is_noticed(old: str, new: str, message: str) -> None:
    assert old in STREAM
    with pytest.raises(TargetError, match=message):
        simulate({"net.v": STREAM.replace(old, new).encode()}, "net", PORTS, SAMPLES)


@pytest.mark.parametrize(("latency", "message"), [(2, "valid_out reads 1 where no"), (0, "reads X")])
def test_a_wrong_latency_of_a_stream_is_noticed(latency: int, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        simulate({"net.v": STREAM.encode()}, "net", replace(PORTS, latency_cycles=latency), SAMPLES)


def test_a_wrong_interval_of_a_stream_is_noticed() -> None:
    with pytest.raises(TargetError, match="are promised"):
        simulate({"net.v": STREAM.encode()}, "net", replace(PORTS, interval_cycles=2), SAMPLES)


# --- beats of a sample

FOLDED = """
module net (
    input wire clk, input wire rst,
    input wire valid_in, input wire [3:0] bits,
    output wire valid_out, output wire [7:0] scores, output wire class_id
);
    reg [11:0] all;
    reg [1:0] beat;
    reg done;
    assign valid_out = done;
    assign scores = all[7:0];
    assign class_id = all[11];
    always @(posedge clk) begin
        if (valid_in) all <= {bits, all[11:4]};
        if (valid_in) beat <= beat == 2 ? 2'd0 : beat + 2'd1;
        done <= valid_in & beat == 2;
        if (rst) begin
            beat <= 0;
            done <= 0;
        end
    end
endmodule
"""
FOLDED_PORTS = replace(PORTS, interface=Interface.VALID, num_beats=3, interval_cycles=3)


def test_a_sample_in_three_beats_comes_out_once() -> None:
    assert_right(FOLDED, FOLDED_PORTS)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("beat <= 0;", "", id="a reset that leaves half a sample"),
        pytest.param("valid_in & beat == 2", "beat == 2", id="valid without a beat"),
        pytest.param("if (valid_in) beat", "beat", id="counts pauses"),
    ],
)
def test_broken_beats_are_noticed(old: str, new: str) -> None:
    with pytest.raises(TargetError, match="valid_out reads"):
        simulate({"net.v": FOLDED.replace(old, new, 1).encode()}, "net", FOLDED_PORTS, SAMPLES)


# --- AXI4-Stream

AXIS = """
module net (
    input wire clk, input wire rst,
    input wire [7:0] s_axis_tdata, input wire s_axis_tvalid, output wire s_axis_tready, input wire s_axis_tlast,
    output wire [7:0] m_axis_tdata, output wire m_axis_tvalid, input wire m_axis_tready, output wire m_axis_tlast,
    output reg frame_error
);
    reg [11:0] all;
    reg beat, late, full;
    reg [1:0] place;
    wire push = s_axis_tvalid & s_axis_tready;
    wire pop = m_axis_tvalid & m_axis_tready;
    wire whole = beat & ~late;
    assign s_axis_tready = ~full;
    assign m_axis_tvalid = full;
    assign m_axis_tlast = place == 2;
    assign m_axis_tdata = place == 0 ? {7'd0, all[11]} : place == 1 ? {4'd0, all[3:0]} : {4'd0, all[7:4]};
    always @(posedge clk) begin
        if (push & ~beat) all[7:0] <= s_axis_tdata;
        if (push & beat & ~late) all[11:8] <= s_axis_tdata[3:0];
        if (push) beat <= ~s_axis_tlast;
        if (push) late <= ~s_axis_tlast & beat;
        if (push & s_axis_tlast) full <= whole;
        if (push & s_axis_tlast & ~whole) frame_error <= 1;
        if (pop) place <= place + 1;
        if (pop & m_axis_tlast) begin
            place <= 0;
            full <= 0;
        end
        if (rst) begin
            beat <= 0;
            late <= 0;
            full <= 0;
            place <= 0;
            frame_error <= 0;
        end
    end
endmodule
"""
AXIS_PORTS = replace(
    PORTS,
    interface=Interface.AXIS,
    num_beats=2,
    interval_cycles=5,
    input_frame=Frame((Field("bits", 2, 1, 8),), 1).described(),
    result_frame=Frame((Field("class_id", 1, 1, 8), Field("scores", 2, 1, 8, signed=True)), 1).described(),
)


def test_frames_are_given_and_read_and_bad_ones_dropped() -> None:
    assert_right(AXIS, AXIS_PORTS)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("place == 2;", "place == 1;", "m_axis_tlast reads 1 at beat 2 of 3", id="last too early"),
        pytest.param("place == 2;", "place == 3;", "m_axis_tlast reads 0 at beat 3 of 3", id="last too late"),
        pytest.param("beat & ~late;", "beat;", "no sample|no result|frame_error", id="a long frame counts"),
        pytest.param("beat & ~late;", "~late;", "no sample|frame_error", id="a short frame counts"),
        pytest.param("frame_error <= 1;", "frame_error <= 0;", "frame_error reads 0 after a frame of 3", id="no flag"),
        pytest.param("frame_error <= 0;", "", "frame_error reads", id="a flag that stays"),
        pytest.param(
            "late <= ~s_axis_tlast & beat", "late <= late | ~s_axis_tlast & beat", "is lost", id="late for ever"
        ),
        pytest.param("place <= place + 1", "place <= place", "m_axis_tlast reads", id="a beat that repeats"),
        pytest.param("= ~full;", "= ~full | m_axis_tready;", "within the cycle|reads|lost", id="ready follows ready"),
        pytest.param("place <= 0;\n            frame_error", "frame_error", "tlast|reads", id="a reset in a result"),
        pytest.param("beat <= 0;\n", "", "reads|lost", id="a reset in a frame"),
    ],
)
def test_a_broken_axi_stream_is_noticed(old: str, new: str, message: str) -> None:
    assert old in AXIS
    with pytest.raises(TargetError, match=message):
        simulate({"net.v": AXIS.replace(old, new).encode()}, "net", AXIS_PORTS, SAMPLES)


def test_bits_beyond_the_last_are_noise_which_a_design_that_reads_them_shows() -> None:
    reads_them = AXIS.replace("s_axis_tdata[3:0]", "s_axis_tdata[3:0] ^ {~^s_axis_tdata[7:4], 3'd0}")
    with pytest.raises((AssertionError, TargetError)):
        assert_right(reads_them, AXIS_PORTS)


@pytest.mark.parametrize("change", [{"latency_cycles": 2}, {"interval_cycles": 4}])
def test_wrong_times_of_an_axi_stream_are_noticed(change: dict[str, int]) -> None:
    with pytest.raises(TargetError, match=r"due|promised"):
        simulate({"net.v": AXIS.encode()}, "net", replace(AXIS_PORTS, **change), SAMPLES)  # type: ignore[arg-type]

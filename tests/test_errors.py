"""Bad input to a public function is a ValueError or TypeError that names the argument."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bitarray import bitarray

from hdspike import bits, check, encode, files, functional, spaces, spikes, vocabulary
from hdspike.attention import SpikingAttention, bundle_winners, codes, select, winner_weights
from hdspike.functional import DenseLayer
from hdspike.hypervector import Hypervectors
from hdspike.memory import ItemMemory
from hdspike.network import KWTA, Layer, Outcome, Synapses, from_dense
from hdspike.spaces import BSC, SBC
from hdspike.spikes import EVENT, Stimuli

NAN, INF = float("nan"), float("inf")
W = bits.random(3, 70, rng=0)
H = Hypervectors(W, 70)
B, S = BSC(70), SBC(12, blocks=4)
SV = S.random(3, rng=0)
EVENTS = np.zeros(2, dtype=EVENT)
END = KWTA(1, 3, "end")
NETWORK = from_dense([[1, 1], [0, 1]], kwta=END)
STIMULI = Stimuli(np.array([0, 2]), np.array([0, 1], dtype=np.int32), 1)
RANK = np.arange(70)
DENSE = DenseLayer(W, 70, RANK, 1, END)
OUTCOME = Outcome(np.array([0, 2]), *(np.array([0, 1], dtype=np.int32) for _ in range(3)))
LAYER, SPARSE = SpikingAttention(B, W, k=1), SpikingAttention(S, SV, k=1)


def dense(**changed: Any) -> DenseLayer:
    return DenseLayer(**({"keys": W, "dim": 70, "rank": RANK, "per_tick": 1, "kwta": END} | changed))


def attention(space: Any = B, keys: Any = W, **changed: Any) -> SpikingAttention:
    return SpikingAttention(space, keys, **({"k": 1} | changed))


def schedule(indptr: Any = (0, 2), lines: Any = (0, 1), rank: Any = (1, 0), per_tick: Any = 1) -> Stimuli:
    return spikes.schedule(indptr, lines, rank=rank, per_tick=per_tick)


def raster(events: Any = EVENTS, period_ps: Any = 1, steps: Any = 1, lines: Any = 1) -> Any:
    return spikes.events_to_raster(events, period_ps=period_ps, steps=steps, lines=lines)


Case = tuple[Callable[[], Any], type[Exception], str]

# What is called, what it raises, and how the message begins: with the name of the argument.
CASES: list[Case] = [
    # --- bits
    (lambda: bits.word_count(0), ValueError, "dim must be at least 1, got 0"),
    (lambda: bits.word_count(1.5), TypeError, "dim must be an integer"),
    (lambda: bits.word_count(True), TypeError, "dim must be an integer"),
    (lambda: bits.tail_mask(-1), ValueError, "dim must be at least 1"),
    (lambda: bits.pack([0.5]), TypeError, "bits must be"),
    (lambda: bits.pack([NAN]), TypeError, "bits must be"),
    (lambda: bits.pack([0, 2]), ValueError, "bits must be 0 or 1"),
    (lambda: bits.pack([-1, 0]), ValueError, "bits must be 0 or 1"),
    (lambda: bits.pack(np.zeros((2, 0), dtype=int)), ValueError, "bits must have at least one bit"),
    (lambda: bits.pack(1), ValueError, "bits must have at least one bit"),
    (lambda: bits.pack("01"), TypeError, "bits must be"),
    (lambda: bits.unpack(W, 64), ValueError, "words must have 1 words"),
    (lambda: bits.unpack(W.astype(np.int64), 70), TypeError, "words must be uint64"),
    (lambda: bits.unpack(W, 0), ValueError, "dim must be"),
    (lambda: bits.random(-1, 70), ValueError, "num must be"),
    (lambda: bits.random(1, 0), ValueError, "dim must be"),
    (lambda: bits.random(1, 70, rng="seed"), TypeError, "rng must be"),
    (lambda: bits.random(1, 70, rng=-1), ValueError, "rng must be"),
    (lambda: bits.random(1, 70, rng=True), TypeError, "rng must be"),
    (lambda: bits.random(1, 70, rng=1.5), TypeError, "rng must be"),
    (lambda: bits.popcount(W.astype(float), 70), TypeError, "words must be uint64"),
    (lambda: bits.popcount(np.uint64(1), 64), ValueError, "words must have"),
    (lambda: bits.hash64([1.5]), TypeError, "words must be uint64"),
    (lambda: bits.hash64(np.uint64(1)), (TypeError, ValueError), "words must"),
    (lambda: bits.hash64(np.zeros((3, 0), dtype=np.uint64)), (TypeError, ValueError), "words must"),
    (lambda: bits.rotate(W, 200, 1), ValueError, "words must have 4 words"),
    (lambda: bits.rotate(W, 70, 1.0), TypeError, "shifts must be an integer"),
    (lambda: bits.majority(W[0], 70), ValueError, "words must be batches"),
    (lambda: bits.majority(W[:0], 70), ValueError, "a bundle must have"),
    (lambda: bits.majority(W, 70, weights=[1, 2]), ValueError, "weights must"),
    (lambda: bits.majority(W, 70, weights=[1, 1, -1]), ValueError, "weights must"),
    (lambda: bits.majority(W, 70, weights=[0, 0, 0]), ValueError, "weights must"),
    (lambda: bits.majority(W, 70, weights=[1, 1, 0.5]), TypeError, "weights must"),
    (lambda: bits.majority(W, 70, weights=[1, 1, NAN]), TypeError, "weights must"),
    (lambda: bits.majority(W, 70, weights=[2**63 - 1, 2**63 - 1, 4]), ValueError, "weights must"),
    (lambda: bits.majority(W, 70, weights=[2**63, 1, 1]), (ValueError, TypeError), "weights must"),
    (lambda: bits.hamming(W[0], W, 70), ValueError, "queries"),
    (lambda: bits.hamming(W, W[None], 70), ValueError, "queries and rows"),
    (lambda: bits.hamming(W, W[:, :1], 70), ValueError, "rows must have 2 words"),
    (lambda: bits.nearest(W, W, 70, 0), ValueError, "k must be at least 1"),
    (lambda: bits.nearest(W, W, 70, 1.5), TypeError, "k must be an integer"),
    # --- hypervector
    (lambda: Hypervectors(W, 64), ValueError, "words must have 1 words"),
    (lambda: Hypervectors(W | ~np.uint64(0), 70), ValueError, "words must have zero bits beyond dim 70"),
    (lambda: Hypervectors(W, 70.0), TypeError, "dim must be an integer"),
    (lambda: Hypervectors.random(-1, 70), ValueError, "num must be"),
    (lambda: Hypervectors.from_bits([0, 3]), ValueError, "bits must be 0 or 1"),
    (lambda: Hypervectors.from_bitarray([0, 1]), TypeError, "value must be a bitarray"),
    (lambda: Hypervectors.from_bitarray(bitarray()), ValueError, "bits must have at least one bit"),
    (lambda: H.permute(0.5), TypeError, "shifts must be"),
    (lambda: H >> 1.5, TypeError, "shifts must be"),
    (lambda: H ^ Hypervectors.random(3, 71), ValueError, "dim must be the same on both sides, got 70 and 71"),
    (lambda: H == Hypervectors.random(3, 71), ValueError, "dim must be the same"),
    (lambda: H.hamming(Hypervectors.random(3, 71)), ValueError, "dim must be the same"),
    (lambda: H.bundle(weights=[1, -1, 1]), ValueError, "weights must"),
    # --- spaces
    (lambda: spaces.make("map", 100), ValueError, "space must be one of bsc, sbc, bsdc, got 'map'"),
    (lambda: BSC(0), ValueError, "dim must be"),
    (lambda: BSC("70"), TypeError, "dim must be an integer"),
    (lambda: SBC(100), ValueError, "dim must be a multiple of the 128 blocks"),
    (lambda: SBC(128), ValueError, "dim must be a multiple of the 128 blocks, at least 256"),
    (lambda: SBC(8, blocks=0), ValueError, "blocks must be at least 1"),
    (lambda: B.bind(W, SV), TypeError, "b must be uint64"),
    (lambda: B.bind(W[:, :1], W), ValueError, "a must have 2 words"),
    (lambda: B.inverse(SV), TypeError, "a must be uint64"),
    (lambda: B.score(W[:, :1], W), ValueError, "queries"),
    (lambda: S.bind(SV, SV.astype(float)), TypeError, "b must be block indices"),
    (lambda: S.bind(SV + 3, SV), ValueError, r"a must be in \[0, 3\)"),
    (lambda: S.bind(SV - 3, SV), ValueError, r"a must be in \[0, 3\)"),
    (lambda: S.inverse(SV[:, :3]), ValueError, "a must have 4 blocks"),
    (lambda: S.permute(SV, "one"), TypeError, "shifts must be"),
    (lambda: S.random(-1), ValueError, "num must be"),
    (lambda: S.random(1, rng=[1]), TypeError, "rng must be"),
    (lambda: S.score(SV[:, :1], SV), ValueError, "queries"),
    (lambda: S.score(SV, np.full((2, 4), NAN)), TypeError, "items must be block indices"),
    (lambda: S.bundle(SV[0]), ValueError, "a bundle must have"),
    (lambda: S.bundle(SV, weights=[1, 2]), ValueError, "weights must"),
    (lambda: S.bundle(SV, weights=[2**63 - 1, 2**63 - 1, 4]), ValueError, "weights must"),
    (lambda: S.to_words(SV + 3), ValueError, "vectors must be in"),
    # --- encode
    (lambda: encode.symbols(B, -1), ValueError, "num must be"),
    (lambda: encode.levels(B, 0), ValueError, "num must be at least 1"),
    (lambda: encode.ngrams(B, W, [0, 3], n=1), ValueError, r"tokens must be in \[0, 3\)"),
    (lambda: encode.ngrams(B, W, [0, -1], n=1), ValueError, r"tokens must be in \[0, 3\)"),
    (lambda: encode.ngrams(B, W, [0.0, 1.0], n=1), TypeError, "tokens must have dtype"),
    (lambda: encode.ngrams(B, W, 1, n=1), ValueError, "tokens must have at least one dimension"),
    (lambda: encode.ngrams(B, W, [0, 1], n=3), ValueError, "tokens must be at least n = 3 long"),
    (lambda: encode.ngrams(B, W, [0, 1], n=0), ValueError, "n must be at least 1"),
    (lambda: encode.ngrams(B, W[0], [0, 1], n=1), ValueError, "items must be a batch"),
    (lambda: encode.ngrams(B, SV, [0, 1], n=1), TypeError, "items must be uint64"),
    (lambda: encode.contexts(B, W[0], [0, 1], [1], order=1), ValueError, "items must be a batch"),
    (lambda: encode.contexts(B, W, [0, 1], [0], order=2), ValueError, r"positions must be in \[1, 2\)"),
    (lambda: encode.contexts(B, W, [0, 1], [2], order=2), ValueError, r"positions must be in \[1, 2\)"),
    (lambda: encode.contexts(B, W, [0, 1], [NAN], order=2), TypeError, "positions must have dtype"),
    (lambda: encode.contexts(B, W, [0, 9], [1], order=2), ValueError, "tokens must be in"),
    (lambda: encode.contexts(B, W, [0, 1], [1], order=0), ValueError, "order must be at least 1"),
    (lambda: encode.record(B, W, SV), TypeError, "fillers must be uint64"),
    (lambda: encode.project([1.0, NAN], 8), ValueError, "vectors must be finite"),
    (lambda: encode.project([1.0, -INF], 8), ValueError, "vectors must be finite"),
    (lambda: encode.project(1.0, 8), ValueError, "vectors must be finite"),
    (lambda: encode.project([1.0], 0), ValueError, "dim must be"),
    (lambda: encode.project([1.0, 2.0], 8, centre=[NAN, 1.0]), ValueError, "centre must be"),
    (lambda: encode.project([1.0, 2.0], 8, centre=[1.0]), ValueError, "centre must be"),
    # --- memory
    (lambda: ItemMemory(B, W[:0]), ValueError, "items must be a batch"),
    (lambda: ItemMemory(B, W[0]), ValueError, "items must be a batch"),
    (lambda: ItemMemory(B, SV), TypeError, "items must be uint64"),
    (lambda: ItemMemory(S, SV).top(SV, 0), ValueError, "k must be at least 1"),
    (lambda: ItemMemory(S, SV).cleanup(SV[:, :1]), ValueError, "queries"),
    # --- spikes
    (lambda: schedule(per_tick=0), ValueError, "per_tick must be at least 1"),
    (lambda: schedule(per_tick=2.0), TypeError, "per_tick must be an integer"),
    (lambda: schedule(indptr=(0, 1)), ValueError, "indptr must rise"),
    (lambda: schedule(indptr=(1, 2)), ValueError, "indptr must rise"),
    (lambda: schedule(indptr=(0, 3, 2)), ValueError, "indptr must rise"),
    (lambda: schedule(indptr=()), ValueError, "indptr must rise"),
    (lambda: schedule(lines=(0, 2)), ValueError, r"lines must be in \[0, 2\)"),
    (lambda: schedule(lines=(0, -1)), ValueError, r"lines must be in \[0, 2\)"),
    (lambda: schedule(lines=(0.0, 1.0)), TypeError, "lines must have dtype"),
    (lambda: schedule(rank=(1, 1)), ValueError, "rank must be a permutation"),
    (lambda: schedule(rank=[[1, 0]]), ValueError, "rank must have 1 dimension"),
    (lambda: Stimuli(np.array([0, 2]), np.array([0, 1]), 0), ValueError, "per_tick must be at least 1"),
    (lambda: Stimuli(np.array([0, 3]), np.array([0, 1]), 1), ValueError, "indptr must rise"),
    (lambda: Stimuli(np.array([0, 2]), np.array([0.0, 1.0]), 1), TypeError, "lines must have dtype"),
    (lambda: Stimuli(np.array([0, 1]), np.array([2**40]), 1), ValueError, "lines must fit int32"),
    (lambda: STIMULI.events(0, tick_ps=-1), ValueError, "tick_ps must be at least 0"),
    (lambda: STIMULI.events(0, tick_ps=0.5), TypeError, "tick_ps must be an integer"),
    (lambda: spikes.latency([1.0, NAN], period_ps=1), ValueError, "strengths must be"),
    (lambda: spikes.latency([[1.0]], period_ps=1), ValueError, "strengths must be"),
    (lambda: spikes.latency(["a"], period_ps=1), TypeError, "strengths must be"),
    (lambda: spikes.latency([1.0], period_ps=-1), ValueError, "period_ps must be"),
    (lambda: spikes.raster_to_events([True], period_ps=1), ValueError, "raster must have shape"),
    (lambda: spikes.raster_to_events([[True]], period_ps=0), ValueError, "period_ps must be"),
    (lambda: raster(events=np.zeros(2)), TypeError, "events must have dtype"),
    (lambda: raster(period_ps=0), ValueError, "period_ps must be"),
    (lambda: raster(steps=-1), ValueError, "steps must be"),
    (lambda: raster(lines=1.0), TypeError, "lines must be an integer"),
    (lambda: spikes.save_events("unused.events", np.zeros(2)), TypeError, "events must be one row"),
    (lambda: spikes.save_events("unused.events", EVENTS[None]), TypeError, "events must be one row"),
    # --- network
    (lambda: KWTA(1, 1, "never"), ValueError, "readout must be one of tick, end, ramp, got 'never'"),
    (lambda: KWTA(0, 1, "tick"), ValueError, "k must be at least 1"),
    (lambda: KWTA(None, 1, "tick"), ValueError, "k must be given"),
    (lambda: KWTA(None, 1, "ramp"), ValueError, "k must be given"),
    (lambda: KWTA(1, 1.5, "tick"), TypeError, "theta must be an integer"),
    (lambda: KWTA(1, NAN, "tick"), TypeError, "theta must be an integer"),
    (lambda: KWTA(1, 1, "ramp", step=0), ValueError, "step must be at least 1"),
    (lambda: KWTA(1, 1, "ramp", floor=2), ValueError, "floor must be at most 1"),
    (lambda: Synapses([0, 1], [0, 1], None, 2), ValueError, "indptr must rise"),
    (lambda: Synapses([0, 2, 1, 2], [0, 1], None, 2), ValueError, "indptr must rise"),
    (lambda: Synapses([0, 2], [0, 2], None, 2), ValueError, r"targets must be in \[0, 2\)"),
    (lambda: Synapses([0, 2], [-1, 0], None, 2), ValueError, r"targets must be in \[0, 2\)"),
    (lambda: Synapses([0, 2], [1, 0], None, 2), ValueError, "targets of a line must rise"),
    (
        lambda: Layer(Synapses([0, 2], [1, 1], None, 2), [0, 0], END),
        ValueError,
        "synapses of a layer must be distinct",
    ),
    (lambda: Synapses([0, 2], [0, 1], [1], 2), ValueError, r"weights must be one per synapse \(2\), got 1"),
    (
        lambda: Layer(Synapses([0, 2], [0, 1], [1, 128], 2), [0, 0], END),
        TypeError,
        "synapses of a layer must have int8 weights",
    ),
    (
        lambda: Layer(Synapses([0, 2], [0, 1], [1, 0.5], 2), [0, 0], END),
        TypeError,
        "synapses of a layer must have int8 weights",
    ),
    (
        lambda: Layer(Synapses([0, 1], [0], None, 1, [2]), [0], END),
        ValueError,
        "synapses of a layer must have no delays",
    ),
    (lambda: Synapses([0, 1], [0], [np.nan], 1), ValueError, "weights must be finite"),
    (lambda: Synapses([0, 1], [0], ["a"], 1), TypeError, "weights must be numbers"),
    (lambda: Synapses([0, 1], [0], None, 1, [0]), ValueError, "delays must be at least 1"),
    (lambda: Synapses([0], [], None, 0), ValueError, "neurons must be at least 1"),
    (lambda: Synapses.from_pairs([0], [0, 1], shape=(2, 2)), ValueError, "lines and targets must pair up"),
    (lambda: Synapses.from_pairs([2], [0], shape=(2, 2)), ValueError, r"lines must be in \[0, 2\)"),
    (lambda: Synapses.from_pairs([0], [2], shape=(2, 2)), ValueError, r"targets must be in \[0, 2\)"),
    (
        lambda: Synapses.from_pairs([0, 1], [0, 1], shape=(2, 2), weights=[1]),
        ValueError,
        "weights must be one",
    ),
    (lambda: Synapses.from_pairs([0], [0], shape=(2, 2), weights=[1, 2]), ValueError, "weights must be one"),
    (lambda: Synapses.from_dense([[0.5]]), TypeError, "weights must have dtype int8"),
    (lambda: Synapses.from_dense([[300]]), ValueError, "weights must fit int8"),
    (lambda: Synapses.from_dense([1]), ValueError, "weights must have 2 dimension"),
    (
        lambda: from_dense([[1]], bias=[1, 2], kwta=END),
        ValueError,
        r"bias must have one value per neuron \(1\)",
    ),
    (lambda: Layer(NETWORK.synapses, np.array([0.5, 1]), END), TypeError, "bias must have dtype int32"),
    # --- functional
    (lambda: functional.run(NETWORK, [0, 1]), TypeError, "stimuli must be Stimuli"),
    (
        lambda: functional.run(from_dense([[1]], kwta=END), STIMULI),
        ValueError,
        r"stimuli must use lines in \[0, 1\)",
    ),
    (lambda: functional.potentials(NETWORK, W), TypeError, "stimuli must be Stimuli"),
    (lambda: functional.potentials(DENSE, W[0]), ValueError, "queries must be a batch"),
    (lambda: functional.potentials(DENSE, SV), TypeError, "queries must be uint64"),
    (lambda: functional.run_dense(DENSE, W[0]), ValueError, "queries must be a batch"),
    (lambda: functional.run_dense(DENSE, W[:, :1]), ValueError, "queries must have 2 words"),
    (lambda: dense(keys=W[0]), ValueError, "keys must be a batch"),
    (lambda: dense(keys=W[:0]), ValueError, "keys must be a batch"),
    (lambda: dense(keys=W.astype(np.int64)), TypeError, "keys must be uint64"),
    (lambda: dense(dim=0), ValueError, "dim must be"),
    (lambda: dense(rank=RANK[:-1]), ValueError, "rank must be a permutation of the 70 lines"),
    (lambda: dense(rank=np.zeros(70, dtype=int)), ValueError, "rank must be a permutation"),
    (lambda: dense(per_tick=0), ValueError, "per_tick must be at least 1"),
    # --- attention
    (lambda: attention(keys=W[0]), ValueError, "keys must be a batch"),
    (lambda: attention(keys=W[:0]), ValueError, "keys must be a batch"),
    (lambda: attention(keys=SV), TypeError, "keys must be uint64"),
    (lambda: attention(k=0), ValueError, "k must be at least 1"),
    (lambda: attention(k=4), ValueError, "k must be at most 3"),
    (lambda: attention(rule="softmax"), ValueError, "rule must be one of exact, race, threshold"),
    (lambda: attention(seed=-1), ValueError, "seed must be at least 0"),
    (lambda: attention(rule="race").attend(W), ValueError, "theta must be given or calibrated"),
    (lambda: attention(rule="race", theta=1.5).attend(W), TypeError, "theta must be an integer"),
    (lambda: LAYER.attend(W[0]), ValueError, "queries must be a batch"),
    (lambda: SPARSE.attend(SV[0]), ValueError, "queries must be a batch"),
    (lambda: LAYER.potentials(W[0]), ValueError, "queries must be a batch"),
    (lambda: SPARSE.potentials(SV[0]), ValueError, "queries must be a batch"),
    (lambda: LAYER.stimuli(W[0]), ValueError, "queries must be a batch"),
    (lambda: LAYER.stimuli(W, per_tick=0), ValueError, "per_tick must be at least 1"),
    (lambda: SPARSE.stimuli(SV, per_tick=0), ValueError, "per_tick must be at least 1"),
    (lambda: codes.of("bsc"), TypeError, "space must be BSC or SBC"),
    (lambda: codes.BitCode(0), ValueError, "dim must be"),
    (lambda: codes.BlockCode(0, 2), ValueError, "blocks must be"),
    (lambda: codes.BlockCode(2, 0), ValueError, "length must be"),
    (lambda: select.make("all", k=1, top=1), ValueError, "select must be one of exact, race, threshold"),
    (lambda: select.make("race", k=1, top=1), ValueError, "theta must be given"),
    (lambda: select.needs_theta("all"), ValueError, "select must be one of"),
    (lambda: select.ticks("all"), ValueError, "select must be one of"),
    (lambda: select.calibrate([[1, 2]], k=0), ValueError, "k must be at least 1"),
    (lambda: select.calibrate([1, 2], k=1), ValueError, "potentials must have 2 dimension"),
    (lambda: select.calibrate([[NAN]], k=1), TypeError, "potentials must have dtype int32"),
    (lambda: select.calibrate(np.zeros((0, 3), dtype=int), k=1), ValueError, "potentials must hold"),
    (lambda: winner_weights(OUTCOME, by="softmax", top=9), ValueError, "by must be one of count, rank, none"),
    (lambda: bundle_winners(B, SV, OUTCOME, [1, 1]), TypeError, "values must be uint64"),
    (lambda: bundle_winners(B, W, OUTCOME, [1]), ValueError, "weights must be one per winner"),
    (lambda: bundle_winners(B, W, OUTCOME, [1.0, 1.0]), TypeError, "weights must have dtype int64"),
    (lambda: bundle_winners(B, W, OUTCOME, [1, -1]), ValueError, "weights must"),
    # --- check, vocabulary
    (lambda: check.integer("age", 7, high=6), ValueError, "age must be at most 6, got 7"),
    (lambda: check.integer("age", np.float64(7)), TypeError, "age must be an integer"),
    (
        lambda: check.one_of("colour", "red", ("blue", "green")),
        ValueError,
        "colour must be one of blue, green",
    ),
    (lambda: check.array("x", [2**40], np.int32), ValueError, "x must fit int32"),
    (lambda: check.array("x", np.array([2**63], dtype=np.uint64), np.int64), ValueError, "x must fit int64"),
    (lambda: check.array("x", [1 + 2j], np.int32), TypeError, "x must have dtype int32, got complex128"),
    (lambda: vocabulary.check_counters(["fired", "joules"]), ValueError, "counts must use the names"),
    (lambda: vocabulary.validate({"version": 2}), ValueError, "numbers must follow the schema"),
]


@pytest.mark.parametrize("index", range(len(CASES)), ids=lambda i: f"{i}-{CASES[i][2][:24]}")
def test_bad_input(index: int) -> None:
    call, kind, message = CASES[index]
    with pytest.raises(kind, match=message) as caught:
        call()
    assert caught.match("^" + message.split()[0])  # the name comes first


def test_a_wrong_argument_leaves_no_file(tmp_path) -> None:
    with pytest.raises(TypeError):
        spikes.save_events(tmp_path / "none.events", np.zeros(2))
    with pytest.raises(FileNotFoundError):
        files.write_text(tmp_path / "no such folder" / "x.txt", "x")
    assert list(tmp_path.iterdir()) == []


def test_what_is_right_is_accepted() -> None:
    """Beside each error its neighbour: the values at the edge are legal."""
    assert check.integer("age", np.int8(6), low=6, high=6) == 6
    assert check.array("x", [], np.int32).dtype == np.int32
    assert check.array("x", [-(2**31), 2**31 - 1], np.int32).tolist() == [-(2**31), 2**31 - 1]
    assert len(schedule(indptr=[0], lines=[], rank=[0])) == 0
    assert encode.contexts(B, W, [0, 1], [], order=2).shape == (0, 2)
    assert bits.majority(W, 70, weights=[0, 0, 1]).tolist() == W[2].tolist()
    assert bits.majority(W, 70, weights=[0, 0, 2**60]).tolist() == W[2].tolist()
    assert (SBC(256).length, SBC(2, blocks=1).blocks) == (2, 1)
    assert KWTA(1, 3, "ramp", floor=3).ramp_steps == 1
    assert attention(k=3).k == 3
    vocabulary.check_counters(vocabulary.COUNTERS)

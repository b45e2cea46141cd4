"""NIR graphs in and out: dynamics against a literal integration, folding against dense arithmetic, round trips."""

import json
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import functional
from hdspike.network import STDP, Network, Population, Projection, Synapses, nir
from hdspike.network.neurons.current_leaky import CurrentLeaky
from hdspike.network.neurons.integrate_and_fire import IntegrateAndFire
from hdspike.network.neurons.leaky import Leaky
from hdspike.network.neurons.loihi import LoihiSoma
from hdspike.network.neurons.recorded import Recorded
from hdspike.network.nir import fold, linear
from tests import fuzz_events
from tests.conftest import JIT

reference = pytest.importorskip("nir", reason="nir not installed")
pytest.importorskip("h5py", reason="h5py not installed")

STEP = 1e-3
STEPS = 120 if JIT else 30
ONE = np.ones(1)


def source(lines: int, seed: int = 0, rate: float = 0.3) -> Recorded:
    steps, neurons = np.nonzero(np.random.default_rng(seed).random((STEPS, lines)) < rate)
    return Recorded.in_steps(steps, neurons, step_ps=10**9)


def chain(*nodes: object, shape: tuple[int, ...]) -> reference.NIRGraph:
    """Input → the nodes → Output of the last one's size."""
    named = {"in": reference.Input({"input": np.array(shape)})}
    named |= {f"n{i}": node for i, node in enumerate(nodes)}
    named["out"] = reference.Output({"output": None})
    names = list(named)
    return reference.NIRGraph(named, [*pairwise(names)], type_check=False)


def spikes_of(network: Network, population: str) -> list[tuple[int, int]]:
    found = functional.simulate(network, STEPS, step_s=STEP).spikes(population)
    return [(int(t) // 10**9, int(n)) for t, n in found]


# Dynamics


def raster(lines: int) -> np.ndarray:
    out = np.zeros((STEPS + 1, lines))
    for time, line in source(lines).events:
        out[time // 10**9 + 1, line] += 1  # a projection takes one step
    return out[:STEPS]


def euler(node: object, current: np.ndarray, *, convention: str, parts: int) -> list[tuple[int, int]]:
    """The equations of a NIR node, integrated in ``parts`` small steps; input of a step comes at its end.

    ``dirac``: an impulse of the whole weight; ``clocked``: the weight times the step.
    """
    kind, small = type(node).__name__, STEP / parts
    hold = STEP if convention == "clocked" else 1.0
    n = current.shape[1]
    v = np.zeros(n) + getattr(node, "v_leak", 0.0)
    i = np.zeros(n)
    out = []
    for t in range(STEPS):
        for _ in range(parts):
            if kind == "CubaLIF":
                v, i = v + small / node.tau_mem * (node.v_leak - v + node.r * i), i - small / node.tau_syn * i
            elif kind == "LIF":
                v = v + small / node.tau * (node.v_leak - v)
        if kind == "CubaLIF":
            i = i + node.w_in * current[t] * hold / node.tau_syn
        elif kind == "LIF":
            v = v + node.r * current[t] * hold / node.tau
        else:
            v = v + node.r * current[t] * hold
        fired = v > node.v_threshold
        out += [(t, int(k)) for k in np.flatnonzero(fired)]
        v = np.where(fired, node.v_reset, v)
    return out


def rows(*values: float) -> np.ndarray:
    return np.array(values)


NODES = [
    reference.IF(r=rows(2.0, 1.0, 0.5), v_threshold=rows(3.01, 2.02, 1.303), v_reset=rows(0.0, -1.0, 0.25)),
    reference.LIF(tau=rows(0.02, 0.01, 0.05), r=rows(0.03, 0.01, 0.05), v_leak=rows(0.1, 0.0, -0.2),
                  v_threshold=rows(1.1003, 0.9007, 1.7009), v_reset=rows(0.0, 0.2, -0.4)),
    reference.CubaLIF(tau_syn=rows(0.005, 0.01, 0.02), tau_mem=rows(0.02, 0.01, 0.01), r=rows(2.0, 1.0, 1.5),
                      v_leak=rows(0.0, 0.1, -0.1), v_threshold=rows(20.0, 40.0, 20.0), w_in=rows(0.5, 1.0, 0.7)),
]  # fmt: skip


@pytest.mark.parametrize("convention", ["dirac", "clocked"])
@pytest.mark.parametrize("node", NODES, ids=lambda n: type(n).__name__)
def test_dynamics_are_those_of_the_equations(node: object, convention: str) -> None:
    """Against a literal integration of the equations in small steps: the same spikes."""
    scale = 1.0 if convention == "dirac" else 1 / STEP
    weight = np.array([[0.7123, 0.2345], [0.4067, 0.9131], [0.8219, -0.3071]]) * scale
    graph = chain(reference.Linear(weight), node, shape=(2,))
    network = nir.read(graph, step_s=STEP, convention=convention, inputs={"in": source(2)})
    ours = spikes_of(network, "n1")
    parts = 400 if type(node).__name__ != "IF" else 1
    theirs = euler(node, raster(2) @ weight.T, convention=convention, parts=parts)
    assert len(ours) > STEPS // 20
    assert ours == theirs


def test_spikes_are_those_of_norse() -> None:
    """Another reader of NIR, with a clock: the same spikes, one step later, which a projection takes here.

    Norse integrates by Euler steps and we exactly: constants of 100 steps and more leave no spike to differ.
    """
    golden = json.loads((Path(__file__).parent / "golden" / "norse.json").read_text())
    size, lines = np.shape(golden["weight"])
    lif = reference.LIF(tau=np.array(golden["tau"]), r=np.ones(size), v_leak=np.zeros(size),
                        v_threshold=np.array(golden["threshold"]))  # fmt: skip
    graph = chain(reference.Linear(np.array(golden["weight"])), lif, shape=(lines,))
    played = Recorded.in_steps(*zip(*golden["input"], strict=True), step_ps=10**9)
    network = nir.read(graph, step_s=golden["step_s"], convention="clocked", inputs={"in": played})
    steps = golden["steps"] if JIT else 100
    found = functional.simulate(network, steps, step_s=golden["step_s"]).spikes("n1")
    wanted = [(t + 1, n) for t, n in golden["spikes"] if t + 1 < steps]
    assert len(wanted) > 20
    assert [(int(t) // 10**9, int(n)) for t, n in found] == wanted


def test_the_threshold_is_strict() -> None:
    graph = chain(reference.Linear(np.ones((2, 1))), fires(2), shape=(1,))
    graph.nodes["n1"].v_threshold = rows(1.0, 0.999)
    pulse = Recorded.in_steps([0], [0], step_ps=10**9)
    assert spikes_of(nir.read(graph, step_s=STEP, inputs={"in": pulse}), "n1") == [(1, 1)]


def test_a_threshold_node_has_no_memory() -> None:
    graph = chain(reference.Linear(np.array([[0.6], [1.0]])), reference.Threshold(rows(1.0, 1.0)), shape=(1,))
    twice = Recorded.in_steps([0, 1, 2, 2], [0, 0, 0, 0], step_ps=10**9)
    network = nir.read(graph, step_s=STEP, inputs={"in": twice})
    assert spikes_of(network, "n1") == [(3, 0), (3, 1)]
    again = nir.read(nir.to_graph(network, step_s=STEP), step_s=STEP, inputs={"in": twice})
    assert spikes_of(again, "n1") == [(3, 0), (3, 1)]
    assert type(nir.to_graph(network, step_s=STEP).nodes["n1"]).__name__ == "Threshold"


def test_a_bias_is_a_constant_current() -> None:
    """IF: r·b·step is added in each step; LIF: the resting potential moves by r·b."""
    integrate = reference.IF(r=2 * ONE, v_threshold=1.0 * ONE)
    graph = chain(reference.Affine(np.ones((1, 1)), np.array([150.0])), integrate, shape=(1,))
    found = spikes_of(nir.read(graph, step_s=STEP), "n1")
    assert found[:3] == [(3, 0), (7, 0), (11, 0)]  # 0.3, 0.6, 0.9, 1.2 > 1
    leaky = reference.LIF(tau=0.01 * ONE, r=ONE, v_leak=ONE, v_threshold=3 * ONE)
    graph = chain(reference.Affine(np.ones((1, 1)), np.array([1.5])), leaky, shape=(1,))
    (model,) = (p.model for p in nir.read(graph, step_s=STEP).populations if p.name == "n1")
    assert (model["rest"].item(), model["bias"].item()) == (1.0, 1.5)


# Folding


def reached(graph: reference.NIRGraph) -> np.ndarray:
    """The weights from the input to the last population, as a matrix (out, in)."""
    network = nir.read(graph, step_s=STEP)
    (projection,) = network.projections
    made = projection.synapses
    out = np.zeros((made.neurons, made.lines))
    weights = 1.0 if made.weights is None else made.weights
    np.add.at(out, (made.targets, np.repeat(np.arange(made.lines), np.diff(made.indptr))), weights)
    return out


def fires(*shape: int) -> reference.IF:
    return reference.IF(r=np.ones(shape), v_threshold=np.ones(shape))


def test_branches_add_and_maps_multiply() -> None:
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(3, 4)), rng.normal(size=(2, 3)), rng.normal(size=(2, 4))
    nodes = {
        "in": reference.Input({"input": np.array([4])}), "a": reference.Linear(a), "b": reference.Linear(b),
        "c": reference.Linear(c), "s": reference.Scale(rows(2.0, -1.0)), "n": fires(2),
    }  # fmt: skip
    edges = [("in", "a"), ("a", "b"), ("b", "s"), ("in", "c"), ("c", "s"), ("s", "n")]
    graph = reference.NIRGraph(nodes, edges, type_check=False)
    assert np.allclose(reached(graph), np.diag([2, -1]) @ (b @ a + c), atol=1e-15)


def literal_conv(
    image: np.ndarray, weight: np.ndarray, stride: int, padding: int, dilation: int, groups: int
) -> np.ndarray:
    """Cross-correlation with loops."""
    image = np.pad(image, [(0, 0), (padding, padding), (padding, padding)])
    per = weight.shape[0] // groups
    sides = [
        (s - dilation * (k - 1) - 1) // stride + 1
        for s, k in zip(image.shape[1:], weight.shape[2:], strict=True)
    ]
    out = np.zeros((weight.shape[0], *sides))
    for o, y, x in np.ndindex(out.shape):
        for i, ky, kx in np.ndindex(weight.shape[1:]):
            channel = o // per * weight.shape[1] + i
            out[o, y, x] += (
                weight[o, i, ky, kx] * image[channel, y * stride + ky * dilation, x * stride + kx * dilation]
            )
    return out


@given(
    st.integers(1, 2), st.integers(1, 2), st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2),
    st.integers(0, 2), st.integers(1, 2), st.integers(0, 2**32),
)  # fmt: skip
def test_convolution_is_cross_correlation(
    groups: int, inputs: int, per: int, kh: int, kw: int, stride: int, padding: int, dilation: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(groups * per, inputs, kh, kw))
    shape = (groups * inputs, 6, 5)
    node = reference.Conv2d((6, 5), weight, stride, padding, dilation, groups, np.zeros(groups * per))
    found = linear.linear("c", node, shape)
    image = rng.normal(size=shape)
    wanted = literal_conv(image, weight, stride, padding, dilation, groups)
    assert found.shape == wanted.shape
    assert np.allclose(found.matrix @ image.ravel(), wanted.ravel())


def test_one_dimension_same_padding_and_bias() -> None:
    weight = np.array([[[1.0, 10.0, 100.0]]])
    node = reference.Conv1d(4, weight, 1, "same", 1, 1, np.array([5.0]))
    found = linear.linear("c", node, (1, 4))
    assert (found.matrix @ np.array([1, 2, 3, 4])).tolist() == [210, 321, 432, 43]
    assert found.bias.tolist() == [5] * 4


def test_pooling() -> None:
    image = np.arange(2 * 4 * 4.0).reshape(2, 4, 4)
    two = np.array([2, 2])
    total = linear.linear("p", reference.SumPool2d(two, two, np.array([0, 0])), (2, 4, 4))
    assert total.shape == (2, 2, 2)
    assert (total.matrix @ image.ravel()).tolist() == image.reshape(2, 2, 2, 2, 2).sum(
        axis=(2, 4)
    ).ravel().tolist()
    mean = linear.linear("p", reference.AvgPool2d(two, two, np.array([1, 1])), (2, 4, 4))
    padded = np.pad(image, [(0, 0), (1, 1), (1, 1)]).reshape(2, 3, 2, 3, 2).mean(axis=(2, 4))
    assert np.allclose(mean.matrix @ image.ravel(), padded.ravel())


def test_delays_are_whole_steps_on_top_of_one() -> None:
    delay = reference.Delay(rows(0.0, 0.003))
    graph = chain(reference.Linear(np.eye(2)), delay, fires(2), shape=(2,))
    graph.nodes["n2"].v_threshold = np.zeros(2)
    pulse = Recorded.in_steps([0, 0], [0, 1], step_ps=10**9)
    assert spikes_of(nir.read(graph, step_s=STEP, inputs={"in": pulse}), "n2") == [(1, 0), (4, 1)]


def test_subgraphs_open() -> None:
    inner = chain(reference.Linear(2 * np.ones((1, 1))), reference.LIF(ONE, ONE, 0 * ONE, ONE), shape=(1,))
    graph = chain(reference.Scale(3 * ONE), inner, reference.Linear(ONE[None]), fires(1), shape=(1,))
    network = nir.read(graph, step_s=STEP)
    assert [(p.source, p.target, p.synapses.weights.tolist() if p.synapses.weights is not None else [1])
            for p in network.projections] == [("in", "n1.n1", [6.0]), ("n1.n1", "n3", [1])]  # fmt: skip


# Round trips


def sample_network() -> Network:
    rng = np.random.default_rng(1)

    def synapses(a: int, b: int, delays: bool = True) -> Synapses:
        count = a * b // 2
        lines, targets = rng.integers(0, a, count), rng.integers(0, b, count)
        late = rng.integers(1, 5, count) if delays else None
        return Synapses.from_pairs(
            lines, targets, shape=(a, b), weights=rng.normal(0.4, 0.6, count), delays=late
        )

    populations = [
        Population("zebra", 6, source(6)),
        Population("a", 8, Leaky(tau_s=0.02, threshold=1.0, bias=0.3), (2, 2, 2)),
        Population("b", 5, IntegrateAndFire(threshold=np.linspace(1, 2, 5), bias=0.125, strict=True)),
        Population(
            "c", 4, CurrentLeaky(tau_s=0.02, tau_synapse_s=0.005, resistance=3.0, threshold=0.5, bias=0.1)
        ),
    ]
    ends = [("zebra", "a"), ("a", "b"), ("a", "a"), ("zebra", "c")]
    projections = [
        Projection(s, t, synapses(6 if s == "zebra" else 8, {"a": 8, "b": 5, "c": 4}[t])) for s, t in ends
    ]
    projections.append(Projection("b", "c", synapses(5, 4, delays=False)))
    return Network(populations, projections, {"nir": {"nodes": {"a": {"kwta_k": 3}}}})


@pytest.mark.parametrize("convention", ["dirac", "clocked"])
def test_a_network_comes_back_from_its_file(convention: str, tmp_path: Path) -> None:
    """The same populations, shapes and spikes; the metadata too; and NIR's own reader takes the file."""
    network = sample_network()
    path = tmp_path / "net.nir"
    nir.write(network, path, step_s=STEP, convention=convention)
    assert [p.name for p in tmp_path.iterdir()] == ["net.nir"]
    back = nir.read(path, step_s=STEP, convention=convention, inputs={"zebra": source(6)})
    assert [(p.name, p.shape) for p in back.populations] == [(p.name, p.shape) for p in network.populations]
    assert back.metadata["nir"]["nodes"]["a"] == {"kwta_k": 3}
    first, second = (functional.simulate(n, STEPS, step_s=STEP) for n in (network, back))
    assert first.counts["fired"] > 10 * STEPS // 4
    assert np.array_equal(first.spike_steps, second.spike_steps)
    assert np.array_equal(first.spike_neurons, second.spike_neurons)
    assert set(reference.read(path).nodes) >= {"zebra", "a", "b", "c"}


def test_a_graph_comes_back_from_its_network() -> None:
    rng = np.random.default_rng(3)
    graph = chain(
        reference.Linear(rng.normal(0.5, 0.5, (5, 3))),
        reference.LIF(tau=np.full(5, 0.02), r=np.full(5, 0.03), v_leak=np.zeros(5), v_threshold=np.ones(5)),
        reference.Linear(rng.normal(0.5, 0.5, (2, 5))), reference.Delay(np.full(2, 0.002)),
        reference.CubaLIF(tau_syn=np.full(2, 0.01), tau_mem=np.full(2, 0.02), r=np.ones(2), v_leak=np.zeros(2),
                          v_threshold=np.full(2, 5.0)),
        shape=(3,),
    )  # fmt: skip
    inputs = {"in": source(3)}
    network = nir.read(graph, step_s=STEP, inputs=inputs)
    again = nir.read(nir.to_graph(network, step_s=STEP), step_s=STEP, inputs=inputs)
    assert len(spikes_of(network, "n4")) > 3
    for name in ("n1", "n4"):
        assert spikes_of(again, name) == spikes_of(network, name)
    assert again.metadata["nir"]["outputs"] == network.metadata["nir"]["outputs"] == {"out": "n4"}


def test_integrators_never_spike_and_come_back() -> None:
    node = reference.LI(tau=0.01 * ONE, r=ONE, v_leak=0 * ONE)
    network = nir.read(
        chain(reference.Linear(ONE[None]), node, shape=(1,)), step_s=STEP, inputs={"in": source(1)}
    )
    found = functional.simulate(network, STEPS, step_s=STEP, watch=[1])
    assert found.fired_by["n1"] == 0
    assert found.potentials.max() > 100  # an impulse jumps it by r·w/τ
    assert type(nir.to_graph(network, step_s=STEP).nodes["n1"]).__name__ == "LI"


# Errors


def bad(*nodes: object, shape: tuple[int, ...] = (2,), inputs: object = None, **options: object) -> object:
    return lambda: nir.read(chain(*nodes, shape=shape), **{"step_s": STEP, "inputs": inputs, **options})


def loop() -> reference.NIRGraph:
    nodes = {
        "in": reference.Input({"input": np.array([1])}),
        "a": reference.Scale(ONE),
        "b": reference.Scale(ONE),
    }
    return reference.NIRGraph(nodes, [("in", "a"), ("a", "b"), ("b", "a")], type_check=False)


EYE = reference.Linear(np.eye(2))
LI = reference.LI(tau=np.ones(2), r=np.ones(2), v_leak=np.zeros(2))
READ = [
    (bad(EYE, step_s=0), "step_s must be a number of seconds"),
    (bad(EYE, convention="euler"), "convention must be one of dirac, clocked"),
    (lambda: nir.read(3, step_s=STEP), "source must be a path or a nir.NIRGraph"),
    (bad(EYE, fires(2), inputs={"x": source(2)}), "inputs must be of Input nodes"),
    (bad(EYE, LI, EYE, fires(2)), "node n1 must feed an Output: a LI gives a potential, not spikes, and n3"),
    (bad(EYE, fires(2), reference.Scale(np.full(2, 2.0))), "node out must show one neuron or input node as it is"),
    (bad(EYE, fires(3)), "node n1 must have 3 inputs, got 2"),
    (bad(reference.Linear(np.eye(3))), "node n0 must have 3 inputs, got 2 of shape"),
    (bad(reference.Linear(np.full((2, 2), np.nan))), "node n0 must have finite numbers in weight"),
    (bad(reference.Linear(np.ones((2, 2, 2)))), "node n0 must have a weight matrix"),
    (bad(reference.Scale(np.ones(3))), "node n0 must have 2 values, as its input"),
    (bad(reference.Delay(np.full(2, 0.0015)), fires(2)), "node n0 must have delays of whole steps of 0.001 s"),
    (bad(reference.Delay(np.full(2, -1.0)), fires(2)), "node n0 must have delays of at least 0 s"),
    (bad(EYE, reference.LIF(tau=np.zeros(2), r=np.ones(2), v_leak=np.zeros(2), v_threshold=np.ones(2))),
     "node n1 must have tau above 0 s"),
    (bad(EYE, reference.IF(r=np.full(2, np.inf), v_threshold=np.ones(2))), "node n1 must have finite numbers in r"),
    (bad(reference.Conv2d(None, np.ones((1, 3, 2, 2)), 1, 0, 1, 1, ONE), shape=(2, 4, 4)), "an input of 3 channels"),
    (bad(reference.Conv2d((3, 3), np.ones((1, 2, 2, 2)), 1, 0, 1, 1, ONE), shape=(2, 4, 4)), "its input_shape"),
    (bad(reference.Conv2d(None, np.ones((1, 2, 9, 9)), 1, 0, 1, 1, ONE), shape=(2, 4, 4)), "must fit its kernel"),
    (bad(reference.Conv2d(None, np.ones((1, 2, 2, 2)), 2, "same", 1, 1, ONE), shape=(2, 4, 4)), "stride 1 for"),
    (bad(reference.SumPool2d(np.array([2, 2]), np.array([0, 2]), np.array([0, 0])), shape=(2, 4, 4)), "stride of at"),
    (bad(EYE, shape=(2**25,)), "node in must have at most"),
    (bad(EYE, shape=(0,)), "node in must have a shape of whole numbers of at least 1"),
    (lambda: nir.read(loop(), step_s=STEP), "node [ab] must not feed itself through nodes without a state"),
    (lambda: nir.read(reference.NIRGraph({"a": EYE}, [], type_check=False), step_s=STEP), "node a must have an input"),
    (lambda: nir.read(reference.NIRGraph({}, [], type_check=False), step_s=STEP), "at least one Input or neuron"),
    (lambda: nir.read(reference.NIRGraph({"a": EYE}, [("a", "b")], type_check=False), step_s=STEP), "edges must join"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), READ)
def test_what_cannot_be_read_names_the_node(call, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def lone(model: object, **options: object) -> Network:
    return Network([Population("x", 2, model)], **options)


WRITE = [
    (lone(LoihiSoma()), "population x must be of a model that NIR has .* got loihi"),
    (lone(Leaky(reset="subtract")), "population x must have neurons that NIR has, these subtract the threshold"),
    (lone(Leaky(refractory_s=0.01)), "these are refractory"),
    (lone(Leaky(tau_s=np.inf)), "population x must have finite time constants"),
    (lone(IntegrateAndFire(threshold=[1.0, np.inf])), "population x must have neurons that all can fire, or none"),
    (lone(IntegrateAndFire(bias=1.0)), "population x must have an input to carry its bias"),
    (Network([Population("a/b", 1, Leaky())]), "population names must be without '/'"),
    (lone(Leaky(), projections=[Projection("x", "x", Synapses.from_dense([[1, 0], [0, 1]]),
                                           plasticity=STDP(0.1, 0.1, 0.02, 0.02))]),
     "projection x → x must have fixed weights"),
]  # fmt: skip


@pytest.mark.parametrize(("network", "message"), WRITE)
def test_what_cannot_be_written_names_the_population(network: Network, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        nir.write(network, tmp_path / "x.nir", step_s=STEP)
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_graphs(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "x.nir"
    with pytest.raises(FileNotFoundError, match="path must be an existing file"):
        nir.read(path, step_s=STEP)
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(ValueError, match=r"path must be well-formed, x\.nir"):
        nir.read(path, step_s=STEP)
    with h5py.File(path, "w") as file:
        file["node/type"] = "NIRGraph"
        file["node/nodes/a/type"] = "__import__"
    with pytest.raises(ValueError, match=r"path must hold a NIR graph, x\.nir does not"):
        nir.read(path, step_s=STEP)


def test_bent_files_are_a_network_or_a_value_error(tmp_path: Path) -> None:
    """Values of a well-formed file replaced at random: shapes, kinds, infinities, texts."""
    from hdspike.events.hdf5 import read_tree

    fuzz_events.network_file(tmp_path / "x.nir")
    tree = read_tree(tmp_path / "x.nir", most=1 << 20)
    assert fuzz_events.rebuild(tree).synapses == 288 + 128 + 4
    refused = 0
    for case in range(200):
        try:
            fuzz_events.rebuild(fuzz_events.bent(tree, random.Random(f"test {case}")))
        except ValueError:
            refused += 1
    assert 100 < refused < 200


def test_folding_needs_no_order_of_nodes() -> None:
    nodes = {"n": fires(1), "s": reference.Scale(2 * ONE), "in": reference.Input({"input": np.array([1])})}
    folded = fold.fold(nodes, [("s", "n"), ("in", "s")], {"n": (1,), "in": (1,)}, STEP)
    assert folded.arriving["n"]["in", 0].toarray().tolist() == [[2.0]]

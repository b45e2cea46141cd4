"""The quantised dense twin of a spiking run: the baseline that it has to beat (Yan et al. 2024, arXiv:2409.08290).

A neuron that may fire in each of T time steps sends one of T + 1 counts, and so does an activation of

    b_a = ⌈log₂(T + 1)⌉ bits

so that a spiking run of T steps and a quantised network (QNN) of b_a-bit activations and the same weights can do
the same work, at the same node, out of the same memory. For S synapses of b_w bits between I inputs and N neurons,
one inference costs (e: joules of one counter, r: spikes per input and step)

    spiking   E(r) = r·T·S·(e_add + b_w·e_read) + r·T·I·a·(e_read + e_write) + N·T·(2 e_add + v·(e_read + e_write))
    QNN       E    = S·(b_w·b_a·e_bit + e_add) + S·b_w·e_read ÷ reuse + I·b_a·e_read + N·b_a·e_write

where a = ⌈log₂ I⌉ is the width of an address-event, v that of a neuron's state, and reuse is how many products share
one read of a weight (up to 64): those of a batch, and of the places where a convolution uses it. Spikes come one
by one and share no read. The two are equal at

    r* = (E_QNN − N·T·(2 e_add + v·(e_read + e_write))) ÷ (T·(S·(e_add + b_w·e_read) + I·a·(e_read + e_write)))
"""

from collections.abc import Mapping

from hdspike import check
from hdspike.dense.cost import LARGEST, REGISTER_TILE, DenseCost, counted
from hdspike.dense.precision import share
from hdspike.dense.spiking import STATE_BITS, SpikingRun, checked, event_driven
from hdspike.substrate import Substrate

__all__ = ["break_even_rate", "twin"]

ARITHMETIC = ("bits", "int8", "int4")
MEMORIES = ("sram", "l2", "dram")


def twin(
    run: SpikingRun,
    *,
    batch: int = 1,
    arithmetic: str = "bits",
    memory: str = "sram",
    density: float = 1.0,
) -> DenseCost:
    """Count the quantised network that is equivalent to a spiking run, for ``batch`` inferences together.

    With S synapses, W stored weights of b_w bits, and activations of b_a = ⌈log₂(T + 1)⌉ bits, one inference is

    - ``bit_products`` = S·b_w·b_a and ``adds_int32`` = S, an engine made for these widths (``arithmetic="bits"``);
      or ``macs_int8`` = S, ``macs_int4`` = S, hardware that knows only those, everything stored in that width
    - ``sram_bits`` = W·b_w·⌈u/64⌉ ÷ batch + I·b_a, ``sram_bits_written`` = N·b_a; a weight is used u = batch·S ÷ W
      times, and up to 64 uses share a read

    ``memory``: where the weights lie. ``"sram"`` is what the spiking side has; from ``"l2"`` they are read as
    ``l2_bits``, from ``"dram"`` once for the whole batch as ``dram_bits``, and then from SRAM, whose filling is free.
    ``density`` is the share of activations that are not zero: products with zeros are skipped, and so is the
    read of a weight that meets only zeros (zeros of different inputs taken as independent). The QNN may be as
    sparse as the spiking network is: a neuron silent for T steps is a zero.
    """
    run = checked(run)
    batch = check.integer("batch", batch, low=1, high=LARGEST)
    arithmetic = check.one_of("arithmetic", arithmetic, ARITHMETIC)
    memory = check.one_of("memory", memory, MEMORIES)
    density = share("density", density)
    weight, active = run.weight_bits, run.activation_bits
    if arithmetic != "bits":
        width = int(arithmetic.removeprefix("int"))
        if max(weight, active) > width:
            raise ValueError(
                f"arithmetic must hold weights of {weight} and activations of {active} bits, got {arithmetic!r}"
            )
        weight = active = width
    macs = round(run.synapses * density)
    totals = (
        {"bit_products": batch * macs * weight * active, "adds_int32": batch * macs}
        if arithmetic == "bits"
        else {f"macs_{arithmetic}": batch * macs}
    )
    stored = run.weights or run.synapses
    uses = -(-batch * run.synapses // stored)  # of one weight: by every inference, and wherever it is shared
    full, rest = divmod(uses, REGISTER_TILE)
    used = weight * round(stored * (full * _met(density, REGISTER_TILE) + _met(density, rest)))
    totals |= {
        "dram_bits": weight * round(stored * _met(density, uses)) if memory == "dram" else 0,
        "l2_bits": used if memory == "l2" else 0,
        "sram_bits": (0 if memory == "l2" else used) + batch * active * run.inputs,
        "sram_bits_written": batch * active * run.neurons,
    }
    what = f"quantised twin, {run.steps} steps as {run.activation_bits} bits"
    return DenseCost(what, "inference", batch, arithmetic, batch * run.synapses, counted(totals))


def break_even_rate(
    run: SpikingRun,
    energies: Substrate | Mapping[str, float],
    *,
    batch: int = 1,
    arithmetic: str = "bits",
    memory: str = "sram",
    density: float = 1.0,
    state_bits: int = STATE_BITS,
) -> float:
    """The spike rate r* at which the spiking run costs as much as its quantised twin (equation above).

    ``energies``: joules of one counter, a mapping or a substrate (its nominal values); dynamic energy only. Below r*
    the spiking side wins. r* ≤ 0: the twin wins at any rate, for the neurons' updates alone cost more; r* > 1: the
    spiking side wins at any rate. The events of a run cost the same wherever the twin's weights lie: ``memory``
    moves the twin alone, and a spiking run whose synapses are not in SRAM needs prices of its own.

    Yan et al. find r* = 5.7 % at T = 5 (6.4 % for T in [5, 10] in an earlier version) on neuromorphic hardware with
    a network on chip. This account, with 8-bit weights, 1024 inputs and neurons and T = 5 at 45 or 7 nm, gives 20 %
    where no product shares a read, 5.8 or 5.6 % where 4 do and 1.3 or 1.0 % where 64 do: the reuse that is granted
    decides.

    >>> run = SpikingRun(1_000_000, 1000, 1000, steps=4)
    >>> unit = {"adds_int32": 1.0, "bit_products": 0.0, "sram_bits": 0.0, "sram_bits_written": 0.0}
    >>> break_even_rate(run, unit)  # additions alone: (S − 2·N·T) ÷ (S·T)
    0.248
    """
    run = checked(run)
    dense = twin(run, batch=batch, arithmetic=arithmetic, memory=memory, density=density)
    silent = _joules(event_driven(run, rate=0.0, state_bits=state_bits), energies)
    whole = _joules(event_driven(run, rate=1.0, state_bits=state_bits), energies)
    if not whole > silent:
        raise ValueError(f"energies must make a synaptic event cost something, got {whole - silent} J")
    return (_joules(dense.counts, energies) - silent) / (whole - silent)


def _met(density: float, inputs: int) -> float:
    """The share of weights that meet at least one activation that is not zero among ``inputs``."""
    return 1.0 - (1.0 - density) ** inputs


def _joules(counts: Mapping[str, float], energies: Substrate | Mapping[str, float]) -> float:
    if isinstance(energies, Substrate):
        energies = {name: energies.si(f"energy.{name}") for name in counts}
    missing = sorted(set(counts) - set(energies))
    if missing:
        raise ValueError(
            f"energies must state {', '.join(missing)}, got {', '.join(sorted(energies)) or 'nothing'}"
        )
    return sum(amount * energies[name] for name, amount in counts.items())

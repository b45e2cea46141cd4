"""Does a whole model predict the same on an asynchronous chip, and what does a token take?

A small Spiking HD-Transformer (four suffix heads, a window of 256 symbols, codes of 2 × 64 lines a head) has learned
100,000 characters of CPython's documentation in the alphabet of text8 (26 letters and the blank). At each of many
positions further on in the text it is turned into one network of spiking neurons
(`hdspike.transformer.network`): address lines → keys of the window and rows of the lifetime memory → counters →
potentials of the symbols. A token is one run of that network, from rest till all is quiet, on Loihi (2018): mesh of
8 × 4 tiles, four cores each, hop by hop.

*Groups*: a k-winner-take-all group per head picks the k newest keys and one more picks the symbol, four steps with
barriers. *Race*: the synapses of a key are the later the older it is, and an inhibitory neuron of each head fires at
the k-th spike and silences the rest. By steps, two for each position of age, it takes 514 of them and is exact;
without a barrier the steps are a time per position of age, and where that is shorter than inhibition takes, too many
keys fire. *Same* is: the potentials of all symbols, integer by integer, and the prediction are those of the model
itself.

Theory, drawn beside: what inhibition takes where nothing waits (spike, sending, hops, service, there and back), above
which a race without a clock must be right; the window times the time per position, which all must wait that do not
know that the race is over; and the somas that a barrier visits, spike or not.

Caveats. The model is small, and blind to how many spikes its heads gave in all (`totals`, `distincts`, `longer`,
`ranks` 1, no decay): so the votes of a synapse depend on head and level alone. No chip has k-winner-take-all groups:
a group is taken to live on one core and to need no packets. The race needs them and pays. Writing keys, growing older,
learning, and reading the potentials of a race are neither simulated nor charged. Weights are integers of up to 20
bits where Loihi has 8; what 8 bits change is told. Energies are counts × published constants; the static power of the
whole chip is charged though the network fills a part of it. The dense side is the same synapses as products
(14 nm here, 7 nm there), once with the weights read for every token, once for 64 tokens together.
"""

import re
import textwrap
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hdspike import substrate, theory
from hdspike.chip import Architecture
from hdspike.datasets.text import builtin_text
from hdspike.plot.energy import citations, panels
from hdspike.plot.style import COLOURS, figure, note
from hdspike.transformer import Head, Settings, SpikingTransformer
from hdspike.transformer.network import narrowed, potentials, token_network
from hdspike.transformer.votes import UNIT
from hdspike.workloads import transformer_bills as bills
from hdspike.workloads import transformer_chip as on_chip

ALPHABET = "abcdefghijklmnopqrstuvwxyz "
HEADS = (
    *(Head("suffix", 1, 1, 1, 27), Head("suffix", 2, 1, 8, 16)),
    *(Head("suffix", 3, 2, 16, 8), Head("suffix", 5, 3, 16, 4)),
)
SMALL = {"lines": 64, "heads": HEADS, "totals": 1, "distincts": 1, "longer": 1, "ranks": 1, "decay": 0}
WINDOW, QUICK_WINDOW = 256, 64
WINNERS, QUICK_WINNERS = 8, 2
LEARNED, QUICK_LEARNED = 100_000, 4_000
READ, QUICK_READ = 20_000, 1_000
POSITIONS, QUICK_POSITIONS = 80, 4
STRIDE = 37
AGES_NS, QUICK_AGES_NS = (1, 10, 30, 100, 300, 1000, 4000), (1, 100, 4000)
EACH = (64, 256)
SHOWN = 64
"""Neurons to a core where one placement stands for both."""
WEIGHT_BITS = 8
CHIP = "loihi"
LAYERS = ("lines", "keys", "inhibitors", "rows", "heard", "recalled", "symbols")
PLACED = {64: COLOURS["vermilion"], 256: COLOURS["green"]}
PERCENT = tuple(range(0, 101, 5))
LN2 = float(np.log(2))


def letters() -> str:
    """The built-in text in the alphabet of text8."""
    return re.sub("[^a-z]+", " ", builtin_text().content.lower())


def small_model(window: int, winners: int, seed: int) -> SpikingTransformer:
    """A model that fits the chip, and has learned nothing."""
    settings: dict[str, Any] = {**SMALL, "window": window, "winners": winners, "seed": seed}
    return SpikingTransformer(ALPHABET, Settings(**settings))


def share(values: Any) -> dict[str, float]:
    """A share with its 95 % Wilson interval."""
    yes = [bool(v) for v in values]
    low, high = theory.wilson(sum(yes), len(yes))
    return {"mean": float(np.mean(yes)), "low": float(low), "high": float(high)}


def spread(values: Any) -> list[float]:
    """Percentiles in µs of times in ps."""
    return [float(v) for v in np.percentile(np.asarray(values) / 1e6, PERCENT)]


def bits_of(given: NDArray[np.int64], sharp: int, target: int) -> float:
    """−log₂ p of the true symbol, by the potentials."""
    nats = (given - given.max()) * (sharp / UNIT**2)
    return float(np.log(np.exp(nats).sum()) - nats[target]) / LN2


def interval(values: Any) -> dict[str, float]:
    """Mean with a 95 % interval (1.96 standard errors)."""
    data = np.asarray(values, dtype=float)
    half = 1.96 * data.std(ddof=1) / np.sqrt(len(data)) if len(data) > 1 else 0.0
    return {"mean": float(data.mean()), "low": float(data.mean() - half), "high": float(data.mean() + half)}


def same(one: on_chip.Forward, truth: NDArray[np.int64]) -> bool:
    """Whether a pass gave every symbol the model's own potential, and predicts what it predicts."""
    return bool(np.array_equal(one.potentials, truth) and one.symbol == int(truth.argmax()))


def busy(passes: list[on_chip.Forward]) -> dict[str, list[float]]:
    """The mean utilisation of each core."""
    every = [on_chip.utilisation(one.run) for one in passes if one.run is not None]
    return {name: np.mean([one[name] for one in every], axis=0).tolist() for name in every[0]}


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Learn, then every runner, clock and pace at each position."""
    window, learned = (QUICK_WINDOW, QUICK_LEARNED) if quick else (WINDOW, LEARNED)
    ages = QUICK_AGES_NS if quick else AGES_NS
    text, sheet = letters(), substrate.load(CHIP)
    chip = Architecture.from_substrate(sheet)
    model = small_model(window, QUICK_WINNERS if quick else WINNERS, seed)
    model.learn(text[:learned])
    ahead = text[learned : learned + (QUICK_READ if quick else READ)]
    frozen, streaming = model.read(ahead), model.read(ahead, streaming=True)
    rounded = narrowed(model, WEIGHT_BITS).read(ahead)
    runs: dict[str, list[on_chip.Forward]] = {}
    truths: list[NDArray[np.int64]] = []
    true: list[tuple[int, int]] = []  # how sharp the model was, and the symbol that came
    for number in range(QUICK_POSITIONS if quick else POSITIONS):
        low = learned + number * STRIDE
        model.learn(text[low : low + STRIDE])
        truths.append(potentials(model))
        true.append((model.sharp, ALPHABET.index(text[low + STRIDE])))
        here = {
            "functional groups": on_chip.functional_pass(model),
            "functional race": on_chip.functional_pass(model, form="race"),
            "hasty race": on_chip.functional_pass(model, form="race", spacing=1),
            "race": on_chip.barrier_pass(model, chip, each=SHOWN, form="race"),
        }
        race = token_network(model, form="race", spacing=1)
        for each in EACH:
            here[f"groups {each}"] = on_chip.barrier_pass(model, chip, each=each)
            for age in ages:
                here[f"free {each} {age}"] = on_chip.free_pass(race, chip, 1000 * age, each=each)
        for name, one in here.items():
            runs.setdefault(name, []).append(one)
    last = {name: some[-1] for name, some in runs.items()}
    best = {
        each: min(
            (a for a in ages if all(map(same, runs[f"free {each} {a}"], truths))),
            default=max(ages),
        )
        for each in EACH
    }
    right = f"free {SHOWN} {best[SHOWN]}"

    def told(name: str) -> dict[str, Any]:
        some = runs[name]
        times = [one.run.simulated_ps for one in some if one.run is not None]
        return {"quiet_us": spread(times), "settled_us": spread([one.settled_ps for one in some]),
                "mean_us": float(np.mean(times)) / 1e6,
                "settled_mean_us": float(np.mean([one.settled_ps for one in some])) / 1e6}  # fmt: skip

    def billed(label: str, name: str, made_of: str) -> dict[str, Any]:
        side = "spiking"
        return {"label": label, **bills.bill(runs[name], substrate.load(made_of), seed=seed), "side": side}

    def pace(each: int, age: int) -> dict[str, Any]:
        name = f"free {each} {age}"
        pairs = list(zip(runs[name], truths, strict=True))
        cost = bills.bill(runs[name], sheet, seed=seed)
        return {
            "age_ns": age,
            "other_prediction": share([one.symbol != int(u.argmax()) for one, u in pairs]),
            "other_potentials": share([not np.array_equal(one.potentials, u) for one, u in pairs]),
            "more_bits": interval(
                [
                    bits_of(one.potentials, *at) - bits_of(u, *at)
                    for (one, u), at in zip(pairs, true, strict=True)
                ]
            ),
            "keys_fired": float(np.mean([one.fired["keys"] for one, _ in pairs])),
            "joules": cost["nominal"],
            "components": cost["components"],
            **told(name),
        }

    sizes = {p.name: p.size for p in last["race"].network.populations}
    dense_side = bills.rivals(runs[f"groups {SHOWN}"], substrate.load("a100-circuit"), seed=seed)
    called = {"twin": "all synapses as products", "twin_batch": "the same, 64 tokens a read of the weights",
             "lists": "same events on a processor"}  # fmt: skip
    calm, hasty = f"{best[SHOWN]:,} ns a position", ages[1]
    return {
        "chip": sheet.title,
        "cores": chip.cores,
        "heads": len(HEADS),
        "window": window,
        "winners": model.settings.winners,
        "learned": learned,
        "positions": len(truths),
        "symbols": len(ALPHABET),
        "bits": {"frozen": float(frozen.bits.mean()), "streaming": float(streaming.bits.mean()),
                 "frozen_8_bits": float(rounded.bits.mean())},
        "accuracy": {"frozen": float(frozen.hits.mean()), "streaming": float(streaming.hits.mean()),
                     "frozen_8_bits": float(rounded.hits.mean())},
        "neurons": {name: sizes[name] for name in LAYERS},
        "synapses": last["race"].network.synapses,
        "same": {
            name: sum(map(same, runs[name], truths))
            for name in ("functional groups", "functional race", *(f"groups {each}" for each in EACH), "race")
        },
        "hasty": {
            "other_prediction": share(
                [one.symbol != int(u.argmax()) for one, u in zip(runs["hasty race"], truths, strict=True)]
            ),
            "other_potentials": share(
                [not np.array_equal(one.potentials, u) for one, u in zip(runs["hasty race"], truths, strict=True)]
            ),
        },
        "spikes": {
            name: {layer: float(np.mean([one.fired.get(layer, 0) for one in runs[name]])) for layer in LAYERS}
            for name in (f"groups {SHOWN}", right)
        },
        "latency": {name: told(name) for name in (*(f"groups {each}" for each in EACH), "race", right)},
        "right": {"name": right, "age_ns": {str(each): best[each] for each in EACH}},
        "inhibition_us": {
            str(each): float(
                max(
                    on_chip.inhibition_ps(
                        one.network, chip, on_chip.place(one.network, chip, each=each)
                    ).max()
                    for one in runs[f"free {each} {ages[0]}"]
                )
            )
            / 1e6
            for each in EACH
        },
        "paces": {str(each): [pace(each, age) for age in ages] for each in EACH},
        "used": {str(each): len(on_chip.homes(last[f"groups {each}"])) for each in EACH},
        "homes": on_chip.homes(last["groups 256"]),
        "utilisation": {"groups": busy(runs["groups 256"]), "free": busy(runs[f"free 256 {best[256]}"])},
        "counts": {
            name: {
                key: float(np.mean([bills.counts_of(one.run)[key] for one in runs[name] if one.run is not None]))
                for key in ("synaptic_events", "accesses", "updates", "packets", "hops", "fired")
            }
            for name in (f"groups {SHOWN}", "race", right)
        },
        "visits_us": on_chip.visits_ps(last[f"groups {SHOWN}"]) / 1e6,
        "visit_j": float(sheet.si("energy.updates_inactive")),
        "bills": [
            billed("groups, 4 steps", f"groups {SHOWN}", CHIP),
            billed(f"race, no barrier, {calm}", right, CHIP),
            billed(f"race, no barrier, {hasty:,} ns: too fast", f"free {SHOWN} {hasty}", CHIP),
            billed(f"race, {2 * window + 2} steps", "race", CHIP),
            billed("groups, SANA-FE's constants, no static power", f"groups {SHOWN}", "loihi-sanafe"),
            billed("race, no barrier, SANA-FE's constants, no static power", right, "loihi-sanafe"),
            *(
                {"label": called[name], **made, "side": "packed" if name == "lists" else "dense"}
                for name, made in dense_side.items()
            ),
            billed("groups, 4 steps", f"groups {SHOWN}", "loihi-silicon"),
            billed(f"race, no barrier, {calm}", right, "loihi-silicon"),
        ],
    }  # fmt: skip


def layers(ax: Any, numbers: dict[str, Any]) -> None:
    """Neurons and spikes of every layer."""
    at = np.arange(len(LAYERS))
    ax.barh(at, [numbers["neurons"][name] for name in LAYERS], color="#DDDDDD", label="neurons")
    first, second = numbers["spikes"]
    for name, colour, shift, label in (
        (first, "blue", -0.15, "spikes: groups"), (second, "vermilion", 0.15, "spikes: race, no barrier")
    ):  # fmt: skip
        values = [numbers["spikes"][name][layer] for layer in LAYERS]
        ax.plot(
            values, at + shift, "o" if shift < 0 else "s", color=COLOURS[colour], label=label, markersize=6
        )
    for y, name in enumerate(LAYERS):
        ax.text(
            1.15 * numbers["neurons"][name], y, f"{numbers['neurons'][name]:,}", va="center", fontsize=8.5
        )
    ax.set_yticks(at, LAYERS)
    ax.invert_yaxis()
    ax.set(
        xscale="log", xlim=(0.5, 30_000), xlabel="neurons, spikes a token", title="A token, layer by layer"
    )
    ax.legend(loc="upper center", bbox_to_anchor=(0.4, -0.12), fontsize=8.5)


def latency(ax: Any, numbers: dict[str, Any]) -> None:
    """How long tokens take."""
    told = numbers["latency"]
    right = numbers["right"]["name"]
    shares = np.asarray(PERCENT) / 100
    for name, when, colour, style, label in (
        ("groups 64", "quiet_us", "blue", "-", f"groups, {numbers['used']['64']} cores"),
        ("groups 256", "quiet_us", "sky", "-", f"groups, {numbers['used']['256']} cores"),
        (right, "settled_us", "vermilion", "-", "no barrier: settled"),
        (right, "quiet_us", "vermilion", ":", "no barrier: quiet"),
        ("race", "settled_us", "purple", "-", "race by steps: settled"),
        ("race", "quiet_us", "purple", ":", "race by steps: quiet"),
    ):
        ax.step(told[name][when], shares, where="post", color=COLOURS[colour], linestyle=style, label=label)
    sweep = (numbers["window"] - 1) * numbers["right"]["age_ns"][str(SHOWN)] / 1e3
    ax.axvline(sweep, color=COLOURS["grey"], linestyle="--", linewidth=1.1, label="theory: W × pace")
    ax.axvline(
        numbers["visits_us"],
        color=COLOURS["black"],
        linestyle="--",
        linewidth=1.1,
        label=f"bound: visits, {numbers['used'][str(SHOWN)]} cores",
    )
    ax.set(xscale="log", xlabel="µs", ylabel="share of tokens", ylim=(0, 1.02))
    ax.set_title("Latency of a token (settled: last counter fired)")
    ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.12), fontsize=8.5, ncols=2, columnspacing=1)


def changed(ax: Any, numbers: dict[str, Any]) -> None:
    """How often a race without a clock predicts something else, against its pace."""
    for each in EACH:
        paces = numbers["paces"][str(each)]
        ages = [one["age_ns"] for one in paces]
        for what, style, mark, label in (
            ("other_prediction", "-", "o", "prediction"), ("other_potentials", ":", "s", "potentials")
        ):  # fmt: skip
            middle = 100 * np.array([one[what]["mean"] for one in paces])
            ends = [100 * np.array([one[what][end] for one in paces]) for end in ("low", "high")]
            reach = np.maximum([middle - ends[0], ends[1] - middle], 0)
            ax.errorbar(ages, middle, yerr=reach if style == "-" else None, fmt=mark + style, color=PLACED[each],
                        capsize=2, markersize=5, linewidth=1.2, markerfacecolor=None if style == "-" else "white",
                        label=f"{label}, {each} a core")  # fmt: skip
        ax.axvline(1e3 * numbers["inhibition_us"][str(each)], color=PLACED[each], linestyle="--", linewidth=1.1,
                   label=f"theory: {numbers['inhibition_us'][str(each)]:.1f} µs to inhibit")  # fmt: skip
    ax.axhline(0, color=COLOURS["blue"], linewidth=2, label=barrier_words(numbers))
    ax.set(xscale="log", xlabel="time per position of age (ns)", ylabel="tokens (%)", ylim=(-3, 105))
    ax.set_title("No barrier: other predictions, other potentials")
    ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.12), fontsize=8.5, ncols=2, columnspacing=1)


def barrier_words(numbers: dict[str, Any]) -> str:
    """Whether the barrier kept every integer."""
    chips = [numbers["same"][name] for name in ("groups 64", "groups 256", "race")]
    wrong = sum(numbers["positions"] - count for count in chips)
    return "barrier: 0, bit for bit" if wrong == 0 else f"barrier: {wrong} passes differ"


def cores(ax: Any, numbers: dict[str, Any]) -> None:
    """What share of the time each core works."""
    homes_of = [" + ".join(name for name in some if name != "go") for some in numbers["homes"]]
    shown = numbers["utilisation"]
    count = len(homes_of)
    for clock, server, mark, colour, label in (
        ("groups", "neurons", "^", "blue", "barrier: somas visited, spikes out"),
        ("groups", "synapses", "v", "sky", "barrier: packets and events in"),
        ("free", "synapses", "s", "vermilion", "no barrier: packets, events and their somas"),
        ("free", "neurons", "D", "orange", "no barrier: spikes out"),
    ):
        values = 100 * np.array(shown[clock][server][:count])
        ax.plot(np.arange(count), np.where(values > 0, values, np.nan), mark, color=COLOURS[colour], label=label,
                markersize=6)  # fmt: skip
    start = 0
    for core in range(1, count + 1):
        if core == count or homes_of[core] != homes_of[start]:
            ax.axvspan(start - 0.5, core - 0.5, color="#EEEEEE" if core % 2 else "#F8F8F8", zorder=0)
            height = 1200 if core - start > 1 else 400
            ax.text((start + core - 1) / 2, height, homes_of[start], ha="center", va="top", fontsize=9)
            start = core
    ax.set(
        yscale="log",
        ylim=(1e-4, 2000),
        xlim=(-1.2, count + 0.2),
        xlabel="core",
        ylabel="busy (% of a token's time)",
    )
    age = numbers["right"]["age_ns"]["256"]
    ax.set_title(f"Utilisation of each core, 256 neurons a core (no barrier: {age:,} ns a position)")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), fontsize=8.5, ncols=2, columnspacing=1)


def pace_costs(ax: Any, numbers: dict[str, Any]) -> None:
    """Time and energy of a token against the pace."""
    paces = numbers["paces"][str(SHOWN)]
    ages = np.array([one["age_ns"] for one in paces])
    for what, scale, colour, mark, label in (
        ("mean_us", 1.0, "green", "o", "µs till quiet"),
        ("settled_mean_us", 1.0, "green", "D", "µs till settled"),
        ("joules", 1e6, "purple", "s", "µJ, static power too"),
    ):
        values = [scale * one[what] for one in paces]
        ax.plot(ages, values, mark + "-", color=COLOURS[colour], label=label, markersize=5,
                markerfacecolor="white" if mark == "D" else None)  # fmt: skip
    moved = [1e6 * (one["joules"] - one["components"].get("static", 0.0)) for one in paces]
    ax.plot(
        ages,
        moved,
        "v-",
        color=COLOURS["purple"],
        markerfacecolor="white",
        markersize=5,
        label="µJ of events alone",
    )
    grey = {"color": COLOURS["grey"], "linewidth": 1.1}
    ax.plot(ages, (numbers["window"] - 1) * ages / 1e3, "--", label="theory: W × pace, µs", **grey)
    visits = numbers["counts"][f"groups {SHOWN}"]["accesses"] * numbers["visit_j"] * 1e6
    ax.axhline(visits, linestyle=":", label="theory: visits in 4 steps, µJ", **grey)
    ax.axvspan(ages[0] / 2, 1e3 * numbers["inhibition_us"][str(SHOWN)], color="#F3E3DC", zorder=0)
    ax.set(xscale="log", yscale="log", xlabel="time per position of age (ns)", ylabel="µs, µJ a token")
    ax.text(0.02, 0.97, "shaded: too fast to be right", fontsize=9, va="top", transform=ax.transAxes)
    ax.set(title=f"What the pace costs, {SHOWN} neurons a core", xlim=(ages[0] / 1.5, ages[-1] * 1.5))
    ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.12), fontsize=8.5, ncols=2, columnspacing=1)


def draw(numbers: dict[str, Any]) -> Figure:
    """Layers, latency, changes; utilisation, pace; energy."""
    fig, axes = figure(2, 4, size=(22, 12.5), gridspec_kw={"width_ratios": [1, 1, 1, 1.15]})
    layers(axes[0, 0], numbers)
    latency(axes[0, 1], numbers)
    changed(axes[0, 2], numbers)
    low = axes[1, 0].get_gridspec()
    for ax in (axes[1, 0], axes[1, 1]):
        ax.remove()
    cores(fig.add_subplot(low[1, 0:2]), numbers)
    pace_costs(axes[1, 2], numbers)
    panels(list(axes[:, 3]), numbers["bills"], footnote=False)
    note(fig, words(numbers))
    return fig


def words(numbers: dict[str, Any]) -> str:
    """What the figure finds, and who wins, computed from the numbers."""
    n, right = numbers["positions"], numbers["right"]["name"]
    told, spikes = numbers["latency"], numbers["counts"]
    groups, free = told[f"groups {SHOWN}"], told[right]
    of = {bar["label"]: bar["nominal"] for bar in numbers["bills"] if bar["ledger"] == "circuit"}
    race = min(
        of["groups, 4 steps"],
        *(v for k, v in of.items() if k.startswith("race") and "SANA" not in k and "too fast" not in k),
    )
    rest = {bar["label"]: bar["nominal"] for bar in numbers["bills"] if bar["side"] != "spiking"}
    less = ", ".join(f"{k} ({race / v:.3g}×)" for k, v in rest.items() if v < race) or "no other"
    more = ", ".join(f"{k} ({v / race:.3g}×)" for k, v in rest.items() if v >= race) or "no other"
    fast = numbers["paces"][str(SHOWN)][0]
    bits, slow = fast["more_bits"], numbers["right"]["age_ns"][str(SHOWN)]
    parts = (
        f"{numbers['chip']}, {numbers['cores']} cores; {numbers['heads']} heads, window {numbers['window']}, k "
        f"{numbers['winners']}, {numbers['symbols']} symbols, {sum(numbers['neurons'].values()):,} neurons, "
        f"{numbers['synapses']:,} synapses; learned {numbers['learned']:,} characters: "
        f"{numbers['bits']['frozen']:.3f} bits per character frozen, {numbers['bits']['streaming']:.3f} streaming "
        f"({numbers['bits']['frozen_8_bits']:.3f} frozen with votes of 8 bits). Same potentials and prediction as the "
        f"model, of {n} positions: functional {numbers['same']['functional groups']} (groups), "
        f"{numbers['same']['functional race']} (race); on the chip with barriers {numbers['same']['groups 64']}, "
        f"{numbers['same']['groups 256']} (groups), {numbers['same']['race']} (race).",
        f"Without a barrier at {fast['age_ns']} ns a position {100 * fast['other_prediction']['mean']:.0f} % of the "
        f"predictions are others ({bits['mean']:+.3f} bits a symbol, {bits['low']:+.3f} to "
        f"{bits['high']:+.3f}), {fast['keys_fired']:.0f} keys fire where {numbers['spikes'][right]['keys']:.0f} "
        f"should; at {slow:,} ns none. A token takes {groups['mean_us']:.1f} µs in 4 steps; "
        "without a barrier, where nothing changes, "
        f"{free['mean_us']:.0f} µs till all is quiet. Per token {spikes[f'groups {SHOWN}']['synaptic_events']:,.0f} "
        f"synaptic events beside {spikes[f'groups {SHOWN}']['accesses']:,.0f} visits of somas. "
        "Bars: 95 % Wilson intervals.",
        f"Joules, circuit ledger: the cheapest on the chip that is right {1e6 * race:.2f} µJ; less is needed by "
        f"{less}; more by {more}. Groups are taken for free: no chip has a unit for them.",
        "Sources: "
        + "; ".join(f"[{number}] {source}" for source, number in citations(numbers["bills"]).items()),
    )
    return "\n".join("\n".join(textwrap.wrap(part, 260)) for part in parts)


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)

"""Does attention by binding recall what a text said once, over 100,000 tokens, with nothing learned?

Multi-query associative recall (MQAR) by the protocol of Zoology (Arora et al. 2023): of a vocabulary of 8,192 tokens,
P pairs of a key and a value begin a text; each key comes once more, at gaps that follow a power law (a = 0.01), all
else is blank; what followed the key must be named. (64, 4), (128, 8) and (256, 16) tokens and pairs are theirs; beyond,
P is a 16th of the length, at most the 4,095 keys that the vocabulary has. The head is an induction head made by binding
(:mod:`hdspike.workloads.recall`): the key of a position is the token before it, bound to a role (*bound*), or a bundle
of three: this token, the bound one before it, a code of the place (*bundled*). Winners are those of
:class:`hdspike.attention.SpikingAttention`, exact and causal; ties go to the earlier key.

Beside it. *Softmax* over the same similarities, values one-hot, its β fitted on other texts. *One bundle*: all pairs
bound and superposed in one vector of fixed size, as a state that does not grow would hold them (linear attention, the
holographic memory of Plate); it is told which tokens are pairs, and stores nothing else. Laws: a rival of N random keys
beats the bundle of three (:func:`hdspike.theory.retrieval`); two tokens have one code; a record of P pairs.

Caveats. The task is made for induction: real text asks for more than a lookup. The role and the shift by one are given
by hand; a trained model must find them. A bound key matches in every place or by chance, so a handful of bits do: that
is a hash table, and no more is claimed. With *random* fillers a key may come again before it is asked, with another
token behind it: then the task has two right answers, and the tie rule takes the one it wants. The law of dense keys
knows that blanks share two of their three parts; that of blocks takes rivals for independent. An event is not a
multiplication; no energy is claimed. Intervals are Wilson's, over queries of several texts (beyond 16,384 tokens of
one).
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import binom

from hdspike import bits, faults, theory
from hdspike.attention import bundle_winners, winner_weights
from hdspike.memory import ItemMemory
from hdspike.network import COUNTS, Outcome
from hdspike.plot.style import COLOURS, figure
from hdspike.spaces import BSC, SBC, Space
from hdspike.workloads.recall import VOCABULARY, Induction, causal
from hdspike.workloads.recalling import Head, by_law, heads, pairs_of, softmax_answers, winner_answers

PROTOCOL = ((64, 4), (128, 8), (256, 16))
DIMS = (12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
BLOCK = 256  # values of a block, where blocks are counted
WORK = (16, 1024)  # blocks and their values, where work is counted
FIXED = 512  # bits of a key, at any length
STATE = 10_240  # bits of the one bundle
GOAL = 0.99
BETAS = (4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0, 192.0)
RATES = (0.0, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45)
WEIGHTS = ("none", "rank", "count")
KS = (1, 2, 3, 4, 8, 16, 32, 64)


def dense_side(
    space: Space, length: int, pairs: int, form: str, asked: int, test: list[Head], seed: int
) -> dict[str, Any]:
    """Softmax at the β that foretells other texts best, and the smallest β that does there what is asked."""
    other = heads(space, length, pairs, form, asked, seed + 1000)
    right, loss = softmax_answers(space, other, BETAS)
    best = int(np.argmax(loss.mean(axis=0)))
    enough = np.flatnonzero(right.mean(axis=0) >= GOAL)
    got, _ = softmax_answers(space, test, (BETAS[best],))
    smallest = BETAS[int(enough[0])] if len(enough) else None
    return {**counted(got[:, 0]), "beta": BETAS[best], "smallest_beta": smallest}


def counted(right: NDArray[np.bool_]) -> dict[str, float]:
    """Accuracy and its 95 % interval."""
    low, high = theory.wilson(float(right.sum()), len(right))
    return {"accuracy": float(right.mean()), "low": low, "high": high, "asked": len(right)}


# --- what is asked ------------------------------------------------------------------------------------


def protocol(asked: int, dims: tuple[int, ...], seed: int) -> list[dict[str, Any]]:
    """Accuracy against D at the sizes of the paper, for both forms of keys, beside softmax."""
    out = []
    for length, pairs in PROTOCOL:
        for form in Induction.FORMS:
            points = []
            for dim in dims:
                space = BSC(dim)
                made = heads(space, length, pairs, form, asked, seed)
                law = by_law(dim, length, form)
                point: dict[str, Any] = {"dim": dim, "law": law, **counted(winner_answers(space, made))}
                if form == "bundled":
                    point["softmax"] = dense_side(space, length, pairs, form, asked // 4, made, seed)
                points.append(point)
            out.append({"length": length, "pairs": pairs, "form": form, "points": points})
    return out


def repeated(asked: int, seed: int) -> list[dict[str, Any]]:
    """The same with random fillers: how often is a key met again by chance, and what wins then?"""
    out = []
    for length, pairs in PROTOCOL:
        row: dict[str, Any] = {"length": length}
        for form in Induction.FORMS:
            space = BSC(FIXED)
            made = heads(space, length, pairs, form, asked, seed, fillers="random")
            row[form] = counted(winner_answers(space, made))
        again = [
            np.isin(text.tokens[text.asked[some]], np.delete(text.tokens, text.asked)[2 * pairs :]).mean()
            for text, _, _, some in made
        ]
        out.append({**row, "met_again": float(np.mean(again))})
    return out


def smallest(length: int, form: str, block: int, asked: int, seed: int) -> dict[str, Any]:
    """The fewest places (bits, or blocks) that recall 99 %: between those measured, on a line in log(error)."""
    law = next(n for n in range(2, 4096) if by_law(n, length, form, block) >= GOAL)
    points: list[dict[str, Any]] = []
    for share in (0.65, 0.8, 0.9, 1.0, 1.15, 1.3, 1.5, 1.8):
        places = max(1, round(law * share))
        if points and places == points[-1]["places"]:
            continue
        space: Space = BSC(places) if block == 2 else SBC(places * block, blocks=places)
        made = heads(space, length, pairs_of(length), form, asked, seed)
        points.append({"places": places, **counted(winner_answers(space, made))})
        if points[-1]["accuracy"] >= GOAL:
            break
    found = float(points[-1]["places"])
    if points[-1]["accuracy"] < GOAL:
        return {"length": length, "law": law, "smallest": None, "points": points}
    if len(points) > 1:
        low, high = (np.log(max(1 - p["accuracy"], 0.5 / asked)) for p in points[-2:])
        part = (np.log(1 - GOAL) - low) / (high - low)
        found = points[-2]["places"] + part * (found - points[-2]["places"])
    return {"length": length, "law": law, "smallest": found, "points": points}


def one_bundle(pairs: int, asked: int, seed: int) -> dict[str, Any]:
    """All pairs in one vector, as a majority of bits and as the counters before it; of as many records as it takes."""
    space, random = BSC(STATE), np.random.default_rng([seed, pairs])
    values = space.random(VOCABULARY // 2, rng=random)
    memory, plus = ItemMemory(space, values), signs(values)
    rights: dict[str, list[NDArray[Any]]] = {"majority": [], "counters": []}
    for _ in range(-(-min(asked, 16 * pairs) // pairs)):
        names = space.random(pairs, rng=random)
        held = random.permutation(len(values))[:pairs]
        record = space.bind(names, values[held])
        some = np.sort(random.permutation(pairs)[:asked])
        unbound = space.bind(names[some], space.bundle(record))
        rights["majority"].append(np.asarray(memory.cleanup(unbound)) == held[some])
        total = sum(signs(record[low : low + 512]).sum(axis=0) for low in range(0, pairs, 512))
        scores = (-signs(names[some]) * total) @ plus.T  # XOR of bits is minus the product of their signs
        rights["counters"].append(scores.argmax(axis=1) == held[some])
    law = theory.retrieval(STATE, VOCABULARY // 2, pairs)
    return {"pairs": pairs, **{name: counted(np.concatenate(r)) for name, r in rights.items()}, "law": law}


def signs(words: NDArray[Any]) -> NDArray[np.float32]:
    """Bits as ±1."""
    return bits.unpack(words, STATE).astype(np.float32) * 2 - 1


def long_text(length: int, asked: int, softly: int, seed: int) -> dict[str, Any]:
    """One length at a fixed D: winners, softmax, and one bundle of a fixed size."""
    pairs, space = pairs_of(length), BSC(FIXED)
    made = heads(space, length, pairs, "bundled", asked, seed)
    few = heads(space, length, pairs, "bundled", softly, seed)
    return {
        "length": length,
        "pairs": pairs,
        "winners": counted(winner_answers(space, made)),
        "softmax": dense_side(space, length, pairs, "bundled", softly, few, seed),
        "bundle": one_bundle(pairs, asked, seed),
    }


def by_winners(length: int, asked: int, counts: tuple[int, ...], seed: int) -> list[dict[str, Any]]:
    """More winners than one: their token codes bundled by each weight, cleaned up; and softmax over them."""
    space = BSC(FIXED)
    out = []
    for k in counts:
        rights: dict[str, list[NDArray[Any]]] = {name: [] for name in (*WEIGHTS, "softmax")}
        for text, head, keys, some in heads(space, length, pairs_of(length), "bundled", asked, seed):
            at = text.asked[some]
            found = causal(space, keys, head.queries(text.tokens[at]), at + 1, k=k)
            indptr = np.arange(len(some) + 1, dtype=np.int64) * k
            fired = found.potentials.reshape(-1).astype(np.int32)
            won = found.winners.reshape(-1).astype(np.int32)
            outcome = Outcome(indptr, won, fired, np.zeros_like(won))
            memory, tokens = ItemMemory(space, head.codes), head.codes[text.tokens]
            for name in WEIGHTS:
                weights = winner_weights(outcome, by=name, top=space.span)
                said, _ = bundle_winners(space, tokens, outcome, weights)
                rights[name].append(np.asarray(memory.cleanup(said)) == text.answers[some])
            weights = np.exp(BETAS[6] * (found.potentials - found.potentials[:, :1]) * 2 / space.dim)
            votes = [
                np.bincount(text.tokens[w], x, minlength=text.vocabulary)
                for w, x in zip(found.winners, weights, strict=True)
            ]
            rights["softmax"].append(np.argmax(votes, axis=1) == text.answers[some])
        out.append({"k": k, **{name: counted(np.concatenate(r)) for name, r in rights.items()}})
    return out


def by_pairs(length: int, asked: int, seed: int) -> list[dict[str, Any]]:
    """One length and a D that just does, from few pairs to as many as there is room for."""
    space, out = BSC(FIXED // 4), []
    for pairs in (4, 16, 64, length // 16, length // 4):
        made = heads(space, length, pairs, "bundled", asked, seed)
        law = by_law(space.dim, length, "bundled", pairs=pairs)
        out.append({"pairs": pairs, "dim": space.dim, "law": law, **counted(winner_answers(space, made))})
    return out


def with_noise(length: int, asked: int, seed: int) -> dict[str, Any]:
    """Bits of the stored keys inverted, each by itself."""
    space = BSC(FIXED)
    made = heads(space, length, pairs_of(length), "bundled", asked, seed)
    points = []
    for i, rate in enumerate(RATES):
        random = np.random.default_rng([seed, length, i])
        worn = [(t, h, faults.flip(keys, rate, dim=FIXED, rng=random), some) for t, h, keys, some in made]
        law = by_law(FIXED, length, "bundled", error=rate)
        points.append({"rate": rate, **counted(winner_answers(space, worn)), "law": law})
    return {"length": length, "points": points}


def alone(blocks: int, block: int, keys: int) -> int:
    """The smallest θ that no key of N reaches by chance in 999 of 1000 queries."""
    return next(t for t in range(1, blocks + 1) if keys * binom.sf(t - 1, blocks, 1 / block) <= 1e-3)


def work(length: int, asked: int, raced: int, seed: int) -> dict[str, Any]:
    """Events, touched pairs and winners of sparse bound keys: by the exact rule, and by a race that stops."""
    blocks, block = WORK
    space, theta = SBC(blocks * block, blocks=blocks), alone(blocks, block, length)
    rules: dict[str, dict[str, Any]] = {"exact": {}, "race": {"rule": "race", "theta": theta}}
    out: dict[str, Any] = {"length": length, "theta": theta}
    for name, options in rules.items():
        made = heads(space, length, pairs_of(length), "bound", asked if name == "exact" else raced, seed)
        rights, counts, pairs = [], dict.fromkeys(COUNTS, 0), 0
        for text, head, keys, some in made:
            at = text.asked[some]
            found = causal(space, keys, head.queries(text.tokens[at]), at + 1, k=1, **options)
            won = found.winners[:, 0]
            rights.append((won >= 0) & (text.tokens[won] == text.answers[some]))
            counts = {key: counts[key] + found.counts[key] for key in COUNTS}
            pairs += found.pairs
        right = np.concatenate(rights)
        offered = counts["input_events"] + counts["cancelled_events"]
        out[name] = {
            **counted(right),
            "events_per_pair": counts["synaptic_events"] / pairs,
            "touched_fraction": counts["touched"] / pairs,
            "nonzero_fraction": len(right) / pairs,
            "delivered": counts["input_events"] / offered,
        }
    return out


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Accuracy against D, length, k and noise; the smallest D; the work."""
    lengths = (64, 256, 2048) if quick else (64, 256, 1024, 4096, 16_384, 131_072)
    asked = 64 if quick else 1000
    middle, longest = lengths[-2], lengths[-1]
    kinds = {"bsc bound": ("bound", 2), "bsc bundled": ("bundled", 2), "sbc bundled": ("bundled", BLOCK)}
    return {
        "question": "Does attention by binding recall what a text said once, over 100,000 tokens?",
        "vocabulary": VOCABULARY,
        "fixed": FIXED,
        "state": STATE,
        "block": BLOCK,
        "work_code": list(WORK),
        "protocol": protocol(asked, DIMS[2::4] if quick else DIMS, seed),
        "random_fillers": repeated(asked, seed),
        "smallest": {
            name: [smallest(n, form, block, asked, seed) for n in lengths]
            for name, (form, block) in kinds.items()
        },
        "lengths": [long_text(n, asked, 16 if quick else 128, seed) for n in lengths],
        "enough_state": theory.smallest_dim(VOCABULARY // 2, pairs_of(131_072), 1 - GOAL, members="sequence"),
        "by_k": {
            "length": middle if quick else 4096,
            "points": by_winners(middle if quick else 4096, asked, (1, 2, 4, 16) if quick else KS, seed),
        },
        "by_pairs": {"length": middle if quick else 4096, "points": by_pairs(middle if quick else 4096, asked, seed)},
        "noise": [with_noise(n, asked, seed) for n in (middle, longest)],
        "work": [work(n, min(asked, 256), 16 if n > 20_000 else 64, seed) for n in lengths],
    }  # fmt: skip


# --- drawing ------------------------------------------------------------------------------------------

SIZE_COLOURS = (COLOURS["sky"], COLOURS["green"], COLOURS["blue"])
KIND_COLOURS = {
    "bsc bundled": COLOURS["blue"],
    "sbc bundled": COLOURS["green"],
    "bsc bound": COLOURS["purple"],
}
WEIGHT_COLOURS = {
    "count": COLOURS["blue"],
    "rank": COLOURS["green"],
    "none": COLOURS["orange"],
    "softmax": COLOURS["vermilion"],
}
SOFT = COLOURS["vermilion"]


def bars(points: list[dict[str, Any]]) -> dict[str, Any]:
    """Accuracies and their intervals in percent, as ``errorbar`` takes them."""
    y = np.array([100 * p["accuracy"] for p in points])
    edges = np.array([[100 * p["low"], 100 * p["high"]] for p in points]).T
    return {"y": y, "yerr": np.maximum(np.abs(edges - y), 0), "capsize": 2.5, "ms": 5}


def accuracy_axis(ax: Any, low: float = -4) -> None:
    ax.set_ylim(low, 104)
    ax.set_ylabel("answers right (%)")


def length_axis(ax: Any, numbers: dict[str, Any]) -> None:
    ax.set_xscale("log", base=2)
    lengths = [e["length"] for e in numbers["lengths"]]
    ax.set_xticks(lengths, [f"{n:,}" if n < 10_000 else f"{n // 1024}k" for n in lengths])
    ax.set_xlabel("length of the text N (tokens)")


def protocol_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entries = [e for e in numbers["protocol"] if e["form"] == "bundled"]
    for colour, entry in zip(SIZE_COLOURS, entries, strict=True):
        x = [p["dim"] for p in entry["points"]]
        ax.plot(x, [100 * p["law"] for p in entry["points"]], color=colour, lw=1.6)
        ax.errorbar(x, **bars(entry["points"]), fmt="o", color=colour,
                    label=f"{entry['length']} tokens, {entry['pairs']} pairs")  # fmt: skip
    last = entries[-1]["points"]
    ax.errorbar([1.04 * p["dim"] for p in last], **bars([p["softmax"] for p in last]), fmt="x", color=SOFT,
                label=f"softmax, own β, {entries[-1]['length']} tokens")  # fmt: skip
    bound = [e for e in numbers["protocol"] if e["form"] == "bound"][-1]
    ax.errorbar([p["dim"] for p in bound["points"]], **bars(bound["points"]), fmt="s", mfc="none",
                color=COLOURS["purple"], label=f"bound keys, {bound['length']} tokens")  # fmt: skip
    ax.set_xscale("log", base=2)
    ticks = [n for n in (16, 32, 64, 128, 256) if n <= x[-1]]
    ax.set_xticks(ticks, [str(n) for n in ticks])
    ax.set_xlabel("bits of a key, D (bsc)")
    accuracy_axis(ax)
    enough = next((p["dim"] for p in last if p["accuracy"] >= GOAL), None)
    ax.set_title(
        "The sizes of the paper, bundled keys:\n"
        + (
            f"99 % right from D = {enough} on ({bound['length']} tokens)"
            if enough
            else "more bits are needed"
        )
    )
    ax.legend(loc="lower right", title="points: bundled keys; lines: law")


def smallest_panel(ax: Any, numbers: dict[str, Any]) -> None:
    for name, entries in numbers["smallest"].items():
        unit = "blocks" if name.startswith("sbc") else "bits"
        ax.plot([e["length"] for e in entries], [e["law"] for e in entries], color=KIND_COLOURS[name], lw=1.6)
        measured = [e for e in entries if e["smallest"] is not None]
        ax.plot([e["length"] for e in measured], [e["smallest"] for e in measured], "o", ms=6,
                color=KIND_COLOURS[name], label=f"{name}: {unit}")  # fmt: skip
    length_axis(ax, numbers)
    ax.set_yscale("log", base=2)
    ax.set_yticks([8, 16, 32, 64, 128, 256], ["8", "16", "32", "64", "128", "256"])
    ax.set_ylim(6, 330)
    ax.set_ylabel("places of a key that recall 99 %")
    end = numbers["smallest"]["bsc bundled"]
    ax.set_title(
        f"{end[-1]['length'] // end[0]['length']:,} times the text, {end[-1]['smallest'] / end[0]['smallest']:.1f}"
        " times the bits\n(bundled): D grows as the logarithm"
    )
    ax.legend(loc="upper left", ncols=2, title=f"lines: law; a block has {numbers['block']} values")


def length_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entries = numbers["lengths"]
    x = [e["length"] for e in entries]
    ax.errorbar(x, **bars([e["winners"] for e in entries]), fmt="o-", color=COLOURS["blue"],
                label=f"a winner, D = {numbers['fixed']}")  # fmt: skip
    ax.errorbar([1.08 * n for n in x], **bars([e["softmax"] for e in entries]), fmt="x", color=SOFT,
                label="softmax, own β")  # fmt: skip
    for kind, mark, colour in (("majority", "D-", "orange"), ("counters", "v--", "purple")):
        what = f"{numbers['state']:,} " + ("bits; law" if kind == "majority" else "counters")
        ax.errorbar(x, **bars([e["bundle"][kind] for e in entries]), fmt=mark[0], color=COLOURS[colour],
                    label=f"one bundle of {what}")  # fmt: skip
    ax.plot(x, [100 * e["bundle"]["law"] for e in entries], color=COLOURS["orange"], lw=1.6)
    length_axis(ax, numbers)
    accuracy_axis(ax)
    last = entries[-1]
    ax.set_title(
        f"At {last['length']:,} tokens and {last['pairs']:,} pairs: "
        f"{100 * last['winners']['accuracy']:.1f} %,\none bundle {100 * last['bundle']['majority']['accuracy']:.1f} %"
    )
    small, large = (e["softmax"]["smallest_beta"] or float("nan") for e in (entries[0], last))
    ax.legend(loc="center left", bbox_to_anchor=(0, 0.6))
    ax.text(0.02, 0.2, f"smallest β tried that recalls\n99 %: {small:g} at {x[0]} tokens,\n{large:g} at {x[-1]:,}",
            transform=ax.transAxes, fontsize=9.5, color="#444444")  # fmt: skip


def winners_panel(ax: Any, numbers: dict[str, Any]) -> None:
    points = numbers["by_k"]["points"]
    x = [p["k"] for p in points]
    label = {
        "count": "doubled by each 16th of the span",
        "rank": "k ÷ rank of the spike",
        "none": "equal",
        "softmax": f"softmax over the winners, β = {BETAS[6]:g}",
    }
    for name, colour in WEIGHT_COLOURS.items():
        ax.errorbar(x, **bars([p[name] for p in points]), fmt="x-" if name == "softmax" else "o-", color=colour,
                    label=label[name])  # fmt: skip
    ax.plot(x, [100 / k for k in x], color="black", ls=":", lw=1.4, label="1/k: a draw among k")
    ax.set_xscale("log", base=2)
    ax.set_xticks(x, [str(k) for k in x])
    ax.set_xlabel("winners k, whose tokens are bundled and cleaned up")
    accuracy_axis(ax)
    equal = next(p for p in points if p["k"] == 4)
    ax.set_title(
        f"More winners than answers need weights: equal ones\nname {100 * equal['none']['accuracy']:.0f} % at k = 4"
        f" (N = {numbers['by_k']['length']:,})"
    )
    ax.legend(loc="center right", bbox_to_anchor=(1, 0.45), title="weight of a winner")


def noise_panel(ax: Any, numbers: dict[str, Any]) -> None:
    for colour, entry in zip((COLOURS["green"], COLOURS["blue"]), numbers["noise"], strict=True):
        x = [100 * p["rate"] for p in entry["points"]]
        ax.plot(x, [100 * p["law"] for p in entry["points"]], color=colour, lw=1.6)
        ax.errorbar(x, **bars(entry["points"]), fmt="o", color=colour, label=f"{entry['length']:,} tokens")
    ax.set_xlabel("bits of the stored keys inverted (%)")
    accuracy_axis(ax)
    at = next(p for p in entry["points"] if p["rate"] == 0.2)
    ax.set_title(
        f"A fifth of all stored bits inverted: {100 * at['accuracy']:.1f} % right\n(bundled, D = {numbers['fixed']},"
        f" {entry['length']:,} tokens)"
    )
    ax.legend(loc="lower left", title="lines: law")


def work_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entries = numbers["work"]
    x = [e["length"] for e in entries]
    blocks, block = numbers["work_code"]
    ax.plot(x, [e["exact"]["touched_fraction"] for e in entries], "s--", color=COLOURS["sky"],
            label="pairs touched, all events")  # fmt: skip
    ax.plot(x, [e["exact"]["events_per_pair"] for e in entries], "o-", color=COLOURS["blue"],
            label="events per (query, key)")  # fmt: skip
    ax.plot(x, [e["race"]["events_per_pair"] for e in entries], "o-", color=COLOURS["green"],
            label="events, a race stopped by its winner")  # fmt: skip
    ax.plot(x, [e["exact"]["nonzero_fraction"] for e in entries], "^:", color=COLOURS["grey"],
            label="cells not empty, by construction")  # fmt: skip
    # by chance B/L; and B each from the answer and from the key behind the asking one, which it has not seen
    law = [blocks / block + 2 * blocks / n for n in x]
    ax.plot(x, law, color="black", lw=1.4, ls="-.", label="law of random codes: B/L + 2B/N")
    length_axis(ax, numbers)
    ax.set_yscale("log")
    ax.set_ylim(top=20)
    ax.set_ylabel("per pair of a query and a key")
    last = entries[-1]
    ax.set_title(
        f"{blocks} blocks of {block:,}, N = {x[-1]:,}: {100 * last['exact']['touched_fraction']:.1f} % of the pairs\n"
        f"touched; a race stops at {100 * last['race']['delivered']:.0f} % of the input,"
        f" {100 * last['race']['accuracy']:.0f} % right"
    )
    ax.legend(loc="upper right")


def draw(numbers: dict[str, Any]) -> Figure:
    """Accuracy against D, the smallest D, accuracy against length; against winners and noise; the work."""
    fig, axes = figure(2, 3, size=(16.5, 9.6))
    protocol_panel(axes[0][0], numbers)
    smallest_panel(axes[0][1], numbers)
    length_panel(axes[0][2], numbers)
    winners_panel(axes[1][0], numbers)
    noise_panel(axes[1][1], numbers)
    work_panel(axes[1][2], numbers)
    last, sizes = numbers["lengths"][-1], numbers["smallest"]["bsc bundled"][-1]
    kept = sizes["length"] * sizes["smallest"] / 8e3
    fixed = numbers["enough_state"] / 8e3
    again, by_pairs = numbers["random_fillers"][-1], numbers["by_pairs"]["points"]
    shares = [100 * p["accuracy"] for p in by_pairs]
    fig.supxlabel(
        "MQAR (Arora et al. 2023), nothing learned; bars: 95 %. Where the fixed state wins: a bundle long enough for "
        f"99 % of {last['pairs']:,} pairs takes {fixed:,.0f} kB (law), the keys of {sizes['length']:,} tokens "
        f"{kept:,.0f} kB "
        "at their smallest D;\nbut it must be sized beforehand, told what a pair is, and read whole by each query. "
        f"Random fillers, {again['length']} tokens: {100 * again['bundled']['accuracy']:.1f} % right; "
        f"{100 * again['met_again']:.1f} % of the keys come once more by chance, with another token behind them.\n"
        f"{by_pairs[0]['pairs']} to {by_pairs[-1]['pairs']:,} pairs in {numbers['by_pairs']['length']:,} tokens at "
        f"D = {by_pairs[0]['dim']}: {min(shares):.1f} to {max(shares):.1f} % right (law "
        f"{100 * min(p['law'] for p in by_pairs):.1f} to {100 * max(p['law'] for p in by_pairs):.1f}).",
        fontsize=10, color="#444444",
    )  # fmt: skip
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)

"""The chip of neurons, walked through event by event beside the slow model; and what is stored, counted one by one."""

from collections import Counter

from tests.naive.transformer import Twin


class Walk(Twin):
    """A model that notes every event which its neurons would send to each other."""

    def __init__(self, *given, **more):
        super().__init__(*given, **more)
        self.events = Counter()

    def predict(self, target, counts, learn):
        for heard, recalled in zip(self.heard, self.recalled, strict=True):
            for name, spikes in (("heard", heard), ("recalled", recalled)):
                self.events["spoke"] += bool(spikes)
                for _ in spikes:
                    self.events[f"{name}_units"] += 1
                    self.events["votes"] += 1
                    self.events["levels"] += 1
        self.events["priors"] += len(self.letters)
        before = counts["weight_updates"]
        said = super().predict(target, counts, learn)
        self.events["votes_moved"] += counts["weight_updates"] - before
        return said

    def absorb(self, x, counts, learn):
        before = Counter(counts)
        super().absorb(x, counts, learn)
        change = Counter({name: counts[name] - before[name] for name in counts})
        keyed = self.settings.memories != "lifetime"
        for head in self.codes[-1]:
            self.events["lines"] += len(head)
            self.events["keys_written"] += keyed * (len(head) + 1)
        for spikes in self.heard:
            for n in spikes.values():
                self.events["key_to_unit"] += n
                self.events["inhibition"] += n
        self.events["inhibition"] += change["lifetime_fired"]
        self.events["to_keys_and_rows"] += change["window_events"] + change["lifetime_events"]
        self.events["keys_reached"] += change["window_touched"]
        self.events["key_events"] += change["window_events"]
        self.events["tags_written"] += change["recruited"] * self.settings.synapses
        self.events["counters_written"] += change["lifetime_written"]
        self.events["replaced"] += change["replaced"]
        if self.settings.memories != "window":
            self.events["pools_searched"] += len(self.pools)
            self.events["pools_searched"] += change["lifetime_written"]


def synaptic_events(walk):
    """All that was delivered over a synapse."""
    names = ("to_keys_and_rows", "key_to_unit", "recalled_units", "inhibition", "votes", "levels", "priors")
    return sum(walk.events[name] for name in names)


def whole_bytes(values):
    """The least number of bytes that has so many states."""
    size = 1
    while 256**size < values:
        size += 1
    return size


def packed(model, *, learning):
    """Bytes of window and lifetime memory, entry by entry."""
    settings = model.settings
    symbol, line = whole_bytes(len(model.symbols)), whole_bytes(settings.lines)
    link = whole_bytes(settings.window + 1)
    window = lifetime = 0
    for _ in range(min(model.read_so_far, settings.window)):
        window += symbol
        for _ in range(settings.blocks):
            window += link + (line if learning else 0)
    for _ in range(settings.blocks):
        for _ in range(settings.lines):
            window += link
    for uses in model.lifetime.uses.tolist():
        if uses:
            lifetime += 1 + (2 if learning else 0)
            for _ in range(1, settings.synapses):
                lifetime += line
    for count in model.lifetime.counts.tolist():
        if count:
            lifetime += symbol + 1
    lifetime += 4 * len(settings.heads) * settings.lines
    return window, lifetime

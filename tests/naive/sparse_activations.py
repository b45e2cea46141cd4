"""k-winner-take-all with boosting, one sample and one unit at a time; noise by hand."""

import math


def winners(row, k):
    """Which of a row are its k highest; of equals the lower index."""
    order = sorted(range(len(row)), key=lambda i: (-row[i], i))
    return [i in order[:k] for i in range(len(row))]


class Layer:
    """The state of a layer: duty cycles and samples seen."""

    def __init__(self, n, k, *, boost, decay, epoch, inference, period):
        self.n, self.k, self.inference, self.period = n, k, inference, period
        self.boost, self.decay, self.epoch = boost, decay, epoch
        self.duty, self.seen = [0.0] * n, 0

    def strength(self):
        strength = self.boost
        if self.epoch:
            for _ in range(self.seen // self.epoch):
                strength *= self.decay
        return strength

    def forward(self, batch, *, training):
        out = []
        k = self.k if training else min(self.n, math.floor(self.k * self.inference + 0.5))
        for row in batch:
            if self.k >= self.n:
                out.append([max(v, 0.0) for v in row])
                continue
            beta = self.strength()
            boosted = [v * math.exp(beta * (k / self.n - self.duty[i])) for i, v in enumerate(row)]
            out.append([v if won else 0.0 for v, won in zip(row, winners(boosted, k), strict=True)])
        if training:
            self.seen += len(batch)
            window = max(len(batch), min(self.period, self.seen))
            for i in range(self.n):
                count = sum(row[i] > 0 for row in out)
                self.duty[i] = (self.duty[i] * (window - len(batch)) + count) / window
        return out

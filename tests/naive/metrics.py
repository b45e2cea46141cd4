"""NeuroBench's metrics one operation at a time, and snnTorch's neuron one step at a time."""


def metrics(layers):
    """``layers``: dicts of nested lists; weights[o][i], inputs[t][b][i], activations[t][b][n], potentials likewise.

    Returns the sums over samples: MACs, ACs, dense, activations, zero activations, weights, zero weights, updates.
    """
    macs = acs = dense = activations = zeros = weights = absent = updates = 0
    for layer in layers:
        for row in layer["weights"]:
            for weight in row:
                weights += 1
                absent += weight == 0
        for batch in layer["inputs"]:
            operations, graded = 0, False
            for sample in batch:
                for i, value in enumerate(sample):
                    graded = graded or value not in (-1, 0, 1)
                    for row in layer["weights"]:
                        dense += 1
                        if value != 0 and row[i] != 0:
                            operations += 1
            if graded:
                macs += operations
            else:
                acs += operations
        for batch in layer.get("activations") or []:
            for sample in batch:
                for value in sample:
                    activations += 1
                    zeros += value == 0
        before = None
        for batch in layer.get("potentials") or []:
            for b, sample in enumerate(batch):
                for n, value in enumerate(sample):
                    updates += before is None or before[b][n] != value
            before = batch
    return {
        "effective_macs": macs,
        "effective_acs": acs,
        "dense": dense,
        "activations": activations,
        "zero_activations": zeros,
        "weights": weights,
        "zero_weights": absent,
        "membrane_updates": updates,
    }


def textbook(inputs, weights, decay, threshold):
    """snnTorch's ``Leaky``, layer after layer within a step; a spike is subtracted in the next step.

    ``inputs[t][b][i]``; returns per layer (inputs, spikes, potentials), each ``[t][b][…]``.
    """
    samples = len(inputs[0])
    cells = [[[0.0] * len(matrix) for _ in range(samples)] for matrix in weights]
    seen = [([], [], []) for _ in weights]
    for batch in inputs:
        signal = batch
        for matrix, potential, (given, spikes, traces) in zip(weights, cells, seen, strict=True):
            fired = []
            for b in range(samples):
                row = []
                for n in range(len(matrix)):
                    v = potential[b][n]
                    current = sum(matrix[n][i] * signal[b][i] for i in range(len(signal[b])))
                    potential[b][n] = v * decay + current - (threshold if v > threshold else 0.0)
                    row.append(1.0 if potential[b][n] > threshold else 0.0)
                fired.append(row)
            given.append(signal)
            spikes.append(fired)
            traces.append([list(row) for row in potential])
            signal = fired
    return seen

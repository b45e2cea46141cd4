"""One valid call of every kernel, a file per room: each holds ``CALLS``, kernel path → a maker of its arguments."""

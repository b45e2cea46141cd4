"""The commands `hdspike train`, `generate` and `evaluate`: what they take and say."""

import sys
from typing import Any

import click

from hdspike import output

__all__ = ["evaluate", "generate", "train"]


@click.command()
@click.option("--text", metavar="FILE", help="A UTF-8 text; by default the documentation that CPython ships.")
@click.option("--out", metavar="MODEL", required=True, help="The model file to write.")
@click.option(
    "--first", type=float, metavar="P", help="The leading share of the text to learn.  [default: 0.9]"
)
@click.option(
    "--from", "begin", metavar="MODEL", help="Go on from this model with another text; it stays as it is."
)
@click.option(
    "--alphabet", metavar="FILE", multiple=True, help="Know the symbols of this text too, to learn it later."
)
@click.option("--lines", type=int, metavar="E", help="Lines of a block, a power of two.  [default: 4096]")
@click.option("--synapses", type=int, metavar="M", help="Blocks, and so ones, per head.  [default: 2]")
@click.option(
    "--threshold", type=int, metavar="T", help="Synapses a neuron needs in order to fire.  [default: all]"
)
@click.option("--window", type=int, metavar="W", help="Symbols that attention looks at.  [default: 32768]")
@click.option("--winners", type=int, metavar="K", help="Keys that fire per head and query.  [default: 32]")
@click.option(
    "--delay",
    type=int,
    metavar="N",
    help="Symbols until the lifetime memory stores one.  [default: W; 1 with no window]",
)
@click.option("--memories", metavar="both|window|lifetime", help="Which memories it has.  [default: both]")
@click.option(
    "--decay", type=int, metavar="D", help="A layer's residual loses 2^-D of itself; 0: none.  [default: 3]"
)
@click.option("--layers", type=int, metavar="L", help="Only the heads of the layers 1 to L.  [default: 5]")
@click.option(
    "--heads",
    metavar="HEAD,…",
    help="suffix|words:REACH:LAYER:ROWS:FAN-OUT for each, by layer.  [default: 14 heads]",
)
@click.option("--seed", type=int, metavar="S", help="Seed of the item memory.  [default: 0]")
@click.option(
    "--checkpoint-every",
    type=int,
    metavar="N",
    default=1_000_000,
    show_default=True,
    help="Write MODEL after every N characters; 0: only at the end, or when interrupted.",
)
@click.option("--resume", is_flag=True, help="Go on where MODEL stopped; begin it where there is none.")
@click.option("--force", is_flag=True, help="Replace MODEL where there is one.")
def train(
    text: str | None, out: str, first: float | None, begin: str | None, alphabet: tuple[str, ...],
    checkpoint_every: int, resume: bool, force: bool, **settings: Any,
) -> None:  # fmt: skip
    """Learn a text in one pass into the model file MODEL: a Spiking HD-Transformer.

    Ctrl-C writes MODEL as far as it is; with --resume it goes on, to the same file as if it had never stopped.
    """
    import time

    from rich.console import Console

    from hdspike.functional.checkpoint import patient
    from hdspike.writing import screen
    from hdspike.writing import train as job

    console = Console(stderr=True, highlight=False)
    request = job.Request(
        out=out, text=text, begin=begin, first=first, alphabet=alphabet, checkpoint_every=checkpoint_every,
        resume=resume, force=force, settings=settings,
    )  # fmt: skip
    made = job.load(request, say=lambda line: console.print(line, soft_wrap=True))
    before = made.record["learned"]
    if before == len(made.tokens):
        click.echo(f"{out} has learned all {before:,} characters that it was to learn: nothing to do")
        return
    with console.status("compiling (once; later runs find the kernels)"):
        job.warm()
    begun = time.perf_counter()
    with patient() as pressed, screen.Learning(console) as progress:
        whole = job.run(made, progress=progress, stop=pressed)
    done = made.record["learned"]
    if done:
        screen.print_learned(made.record, done - before, time.perf_counter() - begun, output.console())
    if not whole:
        if done:
            again = f"; --resume goes on from character {done:,}"
            console.print(f"{out} is a checkpoint{again}", soft_wrap=True, markup=False)
        raise KeyboardInterrupt
    click.echo(f"wrote {out}")


@click.command()
@click.argument("model", metavar="MODEL")
@click.option("--prompt", metavar="TEXT", help="What to go on from.  [default: the end of what it has read]")
@click.option("--length", type=int, metavar="N", default=200, show_default=True, help="Characters to write.")
@click.option(
    "--temperature",
    type=float,
    metavar="T",
    default=1.0,
    show_default=True,
    help="Above 1 bolder, below 1 safer, 0 always the likeliest character.",
)
@click.option("--seed", type=int, metavar="S", default=0, show_default=True, help="Seed of the draws.")
def generate(model: str, prompt: str | None, length: int, temperature: float, seed: int) -> None:
    """Go on writing after a prompt, with the model file MODEL that `hdspike train` wrote; the file stays as it is."""
    from rich.console import Console

    from hdspike import check
    from hdspike.transformer.saved import load_model
    from hdspike.writing import train as job

    check.integer("length", length, low=1)
    check.integer("seed", seed, low=0)
    with Console(stderr=True).status("reading the model"):
        made, _ = load_model(model)
        job.warm()
    for symbol in made.writing(length, prompt=prompt, rng=seed, temperature=temperature):
        click.echo(symbol, nl=False)
        sys.stdout.flush()
    click.echo()


@click.command()
@click.argument("model", metavar="MODEL")
@click.option("--text", metavar="FILE", help="A UTF-8 text; by default the documentation that CPython ships.")
@click.option(
    "--last",
    type=float,
    metavar="P",
    default=0.1,
    show_default=True,
    help="The share of the text, at its end, that is judged.",
)
@click.option("--frozen", is_flag=True, help="Learn nothing while reading.  [default: both ways]")
@click.option("--streaming", is_flag=True, help="Learn each character after it was predicted.")
@click.option(
    "--json", "file", metavar="FILE", help="Write the numbers as JSON too; - for only them, on the screen."
)
def evaluate(
    model: str, text: str | None, last: float, frozen: bool, streaming: bool, file: str | None
) -> None:
    """How well the model file MODEL predicts a text, and how many events that takes; the file stays as it is."""
    from rich.console import Console

    from hdspike.writing import evaluate as job
    from hdspike.writing import screen
    from hdspike.writing.train import warm

    output.check_json(file)
    ways = {job.FROZEN: frozen or not streaming, job.STREAMING: streaming or not frozen}
    console = Console(stderr=True)
    with console.status("reading the model and the text"):
        made = job.load(model, text, last)
        warm()
    chosen = tuple(way for way, wanted in ways.items() if wanted)
    with screen.predicting(console, len(made.tokens) * len(chosen)) as progress:
        found = job.run(made, chosen, progress=progress)
    if output.write_json(file, found):
        screen.print_evaluation(found, output.console())

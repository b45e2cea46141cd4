"""The command `hdspike params`: what it takes and says."""

import click

from hdspike import output

__all__ = ["params"]


@click.command()
@click.argument("name", metavar="[NAME|CONFIG.json]", required=False)
@click.option(
    "--context",
    type=int,
    metavar="N",
    help="Tokens that a new one attends to.  [default: 4096, or all it can]",
)
@click.option(
    "--batch", type=int, metavar="B", default=1, show_default=True, help="Sequences that share a step."
)
@click.option("--bits", type=float, metavar="W", default=16, show_default=True, help="Bits of one weight.")
@click.option(
    "--json", "file", metavar="FILE", help="Write the numbers as JSON too; - for only them, on the screen."
)
def params(name: str | None, context: int | None, batch: int, bits: float, file: str | None) -> None:
    """Count the parameters of a language model: in all, active for a token, bytes, FLOPs, cache. Without NAME, list
    the models that are known."""
    from hdspike.sparsity.parameters import answer, available, screen

    output.check_json(file)
    if name is not None:
        found = answer(name, context=context, batch=batch, bits=bits)
        if output.write_json(file, found):
            screen.print_one(found, output.console())
        return
    models = [answer(known, context=context, batch=batch, bits=bits) for known in available()]
    if output.write_json(file, {"models": models}):
        screen.print_all(models, output.console())

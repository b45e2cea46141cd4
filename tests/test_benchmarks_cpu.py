"""The processor's energy script: a RAPL tree made of files, a simulated package, every workload at toy size."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from hdspike import bits, substrate
from tests.boards import CPU, CPU_RATES, Board, loaded, measured, told


@pytest.fixture(scope="module")
def scripts():
    with loaded() as modules:
        yield modules


def test_the_constants_of_a_simulated_processor_are_found_again(scripts, monkeypatch):
    monkeypatch.setattr(scripts.cpu_work.os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2**24}.get)
    board = Board(CPU, 18.0, CPU_RATES, every=0.01, memory=1)
    points, before, after = measured(scripts, board, scripts.cpu_work.workloads(last=32 * 2**20), seconds=1.0)
    fitted = scripts.joules_fit.fit(points, before, after)
    assert set(fitted.constants) == set(CPU) and not fitted.unresolved
    for name, (value, _, _) in fitted.constants.items():
        assert value == pytest.approx(CPU[name], rel=0.05), name


def tree(root, *, packages=1, dram=True, start=10**6, wrap=2**32 * 15, extra=True):
    """A powercap folder: packages, cores, memory, and what must not be counted twice."""

    def zone(place, name):
        (root / place).mkdir(parents=True)
        for file, value in (("name", name), ("energy_uj", start), ("max_energy_range_uj", wrap)):
            (root / place / file).write_text(f"{value}\n")

    for n in range(packages):
        zone(f"intel-rapl:{n}", f"package-{n}")
        zone(f"intel-rapl:{n}:0", "core")
        if dram:
            zone(f"intel-rapl:{n}:1", "dram")
    if extra:
        zone(f"intel-rapl:{packages}", "psys")
        zone("intel-rapl-mmio:0", "package-0")
    (root / "intel-rapl").mkdir()
    return root


def put(root, place, value):
    (root / place / "energy_uj").write_text(f"{value}\n")


def test_rapl_adds_packages_and_their_memory_once(scripts, tmp_path):
    meter = scripts.cpu_energy.Rapl(tree(tmp_path, packages=2))
    assert meter.joules() == 0.0 and meter.memory and meter.name == "RAPL, 2 package(s) and memory"
    for place, joules in (
        ("intel-rapl:0", 5),
        ("intel-rapl:1", 7),
        ("intel-rapl:0:1", 2),
        ("intel-rapl:1:1", 1),
    ):
        put(tmp_path, place, 10**6 * (1 + joules))
    for place in ("intel-rapl:0:0", "intel-rapl:2", "intel-rapl-mmio:0"):
        put(tmp_path, place, 10**9)
    assert meter.joules() == pytest.approx(15.0)
    assert meter.joules() == pytest.approx(15.0), "a reading does not change it"


def test_rapl_wraps_around(scripts, tmp_path):
    wrap = 65_532_610_987
    meter = scripts.cpu_energy.Rapl(
        tree(tmp_path, dram=False, start=wrap - 2_000_000, wrap=wrap, extra=False)
    )
    assert not meter.memory and meter.name == "RAPL, 1 package(s)"
    put(tmp_path, "intel-rapl:0", wrap - 1_000_000)
    assert meter.joules() == pytest.approx(1.0)
    put(tmp_path, "intel-rapl:0", 500_000)
    assert meter.joules() == pytest.approx(2.5)
    put(tmp_path, "intel-rapl:0", 400_000)
    assert meter.joules() == pytest.approx(2.5 + (wrap - 100_000) * 1e-6), "the whole way round again"


def test_without_rapl_the_script_says_so(scripts, tmp_path, capsys):
    out = tmp_path / "cpu.toml"
    status, said = told(scripts, capsys, scripts.cpu_energy.main, "--out", str(out), root=tmp_path / "none")
    assert status == 0
    assert said == "the kernel shows no RAPL energy counter here: nothing measured; the substrate is absent\n"
    assert list(tmp_path.iterdir()) == []


def test_rapl_that_may_not_be_read(scripts, tmp_path, capsys, monkeypatch):
    root = tree(tmp_path / "sys")
    read = Path.read_text

    def guarded(self, *args, **kwargs):
        if self.name == "energy_uj":
            raise PermissionError(13, "Permission denied", str(self))
        return read(self, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", guarded)
    out = tmp_path / "cpu.toml"
    status, said = told(scripts, capsys, scripts.cpu_energy.main, "--out", str(out), root=root)
    assert status == 0 and not out.exists()
    assert said.startswith("RAPL is here, but only root may read ") and "nothing measured" in said


@pytest.mark.parametrize("value", ["", "many", "-5"])
def test_rapl_that_holds_no_number(scripts, tmp_path, value):
    put(tree(tmp_path), "intel-rapl:0", value)
    with pytest.raises(scripts.joules.Absent, match=r"^RAPL is here, but .*energy_uj holds no number"):
        scripts.cpu_energy.Rapl(tmp_path)


def test_the_processor_script_from_files_to_a_substrate(scripts, tmp_path, capsys, monkeypatch):
    root, out = tree(tmp_path / "sys", start=2**32 * 15 - 7), tmp_path / "cpu.toml"
    board = Board(CPU, 18.0, CPU_RATES, every=0.01, memory=1)

    class Files(scripts.cpu_energy.Rapl):
        """Before each reading the files get what the board has drawn: 3/4 the package, 1/4 its memory."""

        def joules(self):
            micro = int(board.joules() * 1e6)
            for place, share in (("intel-rapl:0", micro * 3 // 4), ("intel-rapl:0:1", micro // 4)):
                put(root, place, (2**32 * 15 - 7 + share) % (2**32 * 15))
            return super().joules()

    listed = list(scripts.cpu_work.workloads(quick=True, last=32 * 2**20))
    work = [board.simulated(scripts, workload) for workload in listed]
    monkeypatch.setattr(scripts.cpu_energy, "Rapl", Files)
    monkeypatch.setattr(scripts.joules, "BATCH", 0.1)  # fewer files to write
    monkeypatch.setattr(scripts.cpu_work, "workloads", lambda **options: work)
    clocked = partial(scripts.joules_sweep.sweep, clock=board.clock(scripts))
    monkeypatch.setattr(scripts.cpu_energy, "sweep", clocked)
    status, said = told(
        scripts,
        capsys,
        scripts.cpu_energy.main,
        "--out",
        str(out),
        "--seconds",
        "1",
        "--repeats",
        "2",
        root=root,
    )
    assert status == 0 and "subtracted" in said and "popcounts: " in said
    loaded = substrate.load(out)
    assert (loaded.kind, loaded.ledger) == ("measured", "path") and "so is its memory" in loaded.notes
    for name, joules in CPU.items():
        assert loaded.si(f"energy.{name}") == pytest.approx(joules, rel=0.05), name
    assert loaded.si("power.idle") == pytest.approx(18.0, rel=0.02)
    assert "RAPL, 1 package(s) and memory; 2 repeats" in loaded.quantity("energy.popcounts").source
    assert json.loads(out.with_suffix(".json").read_text())["threads"] >= 1


@pytest.fixture
def tiny(scripts, monkeypatch):
    for name, value in {"RESIDENT": 16, "SWEEPS": 2, "DIM": 256, "WORDS": 4, "LARGEST": 2**14}.items():
        monkeypatch.setattr(scripts.cpu_work, name, value)
    return scripts.cpu_work


def test_every_workload_of_the_processor_runs_and_is_checked(tiny):
    """But for the sizes of products, which are in the sweep itself."""
    listed = [w for w in tiny.workloads(last=2**12) if "product" not in w.name]
    assert {w.name for w in listed} == {
        "XOR and popcount",
        "XOR alone",
        "search",
        "majority",
        "read",
        "write",
    }
    for workload in listed:
        workload.prepare()(2)
    for precision in ("fp32", "int8"):
        tiny.product(precision, 8)(1)


def test_a_wrong_kernel_of_the_processor_is_caught(tiny, scripts, monkeypatch):
    wrong = scripts.joules.WrongResult
    monkeypatch.setattr(tiny.bits, "hamming", lambda q, r, dim: np.zeros((len(q), len(r)), dtype=np.int32))
    with pytest.raises(wrong, match="search"):
        tiny.search(1, 3)
    monkeypatch.setattr(tiny.bits, "majority", lambda words, dim: bits.random(1, dim, rng=0)[0])
    with pytest.raises(wrong, match="majority"):
        tiny.bundle(31)
    monkeypatch.setattr(tiny.np, "matmul", lambda a, b, **options: np.zeros((len(a), len(b))))
    with pytest.raises(wrong, match="int8 matrix product"):
        tiny.product("int8", 8)


def test_the_last_cache_of_a_processor(scripts, tmp_path):
    for index, size in enumerate(("48K", "2048K", "36M", "none")):
        (tmp_path / f"index{index}").mkdir()
        (tmp_path / f"index{index}" / "size").write_text(size + "\n")
    assert scripts.cpu_work.cache(tmp_path) == 36 * 2**20
    assert scripts.cpu_work.cache(tmp_path / "nowhere") == scripts.cpu_work.ASSUMED_CACHE


def test_the_name_of_a_processor(scripts, tmp_path):
    info = tmp_path / "cpuinfo"
    info.write_text("processor : 0\nmodel name\t: Some  CPU @ 2 GHz\n")
    assert scripts.cpu_energy.processor(info) == "Some CPU @ 2 GHz"
    assert scripts.cpu_energy.processor(tmp_path / "none") == "unnamed processor"

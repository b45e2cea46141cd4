"""How a peer answers from its own interpreter: one line of JSON for each line of JSON. Standard library only.

A peer is a script that calls :func:`serve` with its commands. Times are taken by the peer itself, around its work
alone, so that neither the pipe nor the start of the interpreter counts.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["serve"]


def serve(**commands: Callable[..., dict[str, Any]]) -> None:
    """Answer until the input ends. What the tool itself prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        asked = json.loads(line)
        found = commands[asked.pop("command")](**asked)
        answers.write(json.dumps(found) + "\n")
        answers.flush()

"""Real text as tokens: the documentation that every CPython ships, or any UTF-8 file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Text", "builtin_text", "read_text", "tokenise"]

BUILTIN = "pydoc_data.topics"
LARGEST = 1 << 28  # bytes; a larger file is a mistake more often than a wish


@dataclass(frozen=True)
class Text:
    """A text as tokens: one Unicode character is one token, symbols are numbered in code-point order."""

    source: str
    symbols: str
    tokens: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def content(self) -> str:
        """The characters themselves.

        >>> tokenise("", "no, on").content
        'no, on'
        """
        codes = np.frombuffer(self.symbols.encode("utf-32-le"), dtype="<u4")
        return codes[self.tokens].tobytes().decode("utf-32-le")


def tokenise(source: str, text: str) -> Text:
    """The characters of a string as tokens, with the symbols that occur in it as alphabet."""
    codes = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    symbols, tokens = np.unique(codes, return_inverse=True)
    return Text(source, "".join(map(chr, symbols)), tokens.astype(np.int64))


def builtin_text() -> Text:
    """The documentation topics of the running CPython, joined: about 465,000 characters of English prose.

    Its size differs between Python versions.
    """
    from pydoc_data.topics import topics

    return tokenise(BUILTIN, "".join(topics.values()))


def read_text(path: str | Path) -> Text:
    """A UTF-8 file as tokens.

    Raises:
        ValueError: the file is missing, not a file, empty, larger than 256 MiB, or not UTF-8 text.
    """
    file = Path(path)
    if not file.exists():
        raise ValueError(f"text must be an existing file, {file} does not exist")
    if not file.is_file():
        raise ValueError(f"text must be a file, {file} is not one")
    size = file.stat().st_size
    if size == 0:
        raise ValueError(f"text must not be empty, {file} has 0 bytes")
    if size > LARGEST:
        raise ValueError(f"text must be at most {LARGEST} bytes, {file} has {size}")
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ValueError(f"text must be readable, {file} is not: {error.strerror}") from error
    try:
        content = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"text must be UTF-8, {file} is not: byte {error.start} is invalid") from error
    if "\0" in content:
        raise ValueError(
            f"text must be text, {file} is binary: it holds a zero byte at character {content.index(chr(0))}"
        )
    return tokenise(file.name, content)

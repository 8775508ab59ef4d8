"""Identifiers: whether a text names a person, and how it is written where everybody may read it.

Names of files, of goals, surveys or departments are chosen by people, who put addresses and ids of others into them.
Outside of the restricted database such a text is written in its keyed form: the part that names a person becomes
`person-` and 16 hexadecimal digits of an HMAC-SHA-256 of it, with the key of the pseudonyms. `goals_anna@x.example.csv`
becomes `goals_person-7f3a1c….csv`. Equal texts have equal keyed forms, different texts have different ones, and a text
that names nobody stays as it is.

What names a person:

* An e-mail address, whoever's it is: what stands around an `@` (a full-width one or `%40` too), up to a blank, a slash,
  or a sign that no address holds. The words at its beginning that are dates, numbers, or the words of our own entities
  (`goals_`, `2024-01_`) are no part of it, and neither are the endings of file names (`.csv`). The domain begins with a
  letter, or has a dot: `1on1@2x` is no address.
* An identifier of somebody whom the exports know: an employee_id, an address, a full name. It is found as whole words,
  whatever stands between them: `Anna Berg` in `anna_berg.csv` and in `Berg, Anna`, but `E1234` not in `E12345`. Letters
  are compared without case, accents, width and invisible signs, digits of all alphabets by their value. Of alphabets
  that are written without blanks (Han, kana, Hangul, Thai and their like) each character is a word.

Not searched for: identifiers of fewer than 4 letters and digits (fewer than 2 of Han, kana or Hangul), numbers of up
to 4 digits, years, dates and periods (2024, 20240131, 31.01.2024, 2024-Q1, FY2024), and words that stand for nobody
(unknown, vacant, total). In sentences, which hold counts, an id that is a number is not searched for either.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pipelines.entities import ENTITIES
from pipelines.pseudonyms import key_in_force

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.loads import Load
    from pipelines.settings import Settings

PREFIX = "person-"
_HEX_DIGITS = 16
_SHORTEST = 4
_NOBODY = {
    "none",
    "null",
    "unknown",
    "vacant",
    "external",
    "notapplicable",
    "notavailable",
    "anonymous",
    "tobedetermined",
    "unassigned",
    "nobody",
    "total",
    "subtotal",
    "grandtotal",
}
_Words = tuple[str, ...]

# Scripts without blanks between words, and those of them of which two characters may be a name.
_DENSE = (
    (0x1100, 0x11FF), (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x3029), (0x3041, 0x318F), (0x31A0, 0x31FF),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA960, 0xA97F), (0xAC00, 0xD7FF), (0xF900, 0xFAFF), (0xFF66, 0xFFDC),
    (0x1B000, 0x1B16F), (0x20000, 0x3FFFF),
)  # fmt: skip
_UNSPACED = (*_DENSE, (0x0E00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x1950, 0x19DF), (0xA9E0, 0xA9FF))
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_YEAR = r"(?:19|20)\d\d"
_PERIOD = re.compile(
    rf"\d{{1,4}}|{_YEAR}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])?|(?:[0-2]\d|3[01])(?:0[1-9]|1[0-2]){_YEAR}"
    rf"|{_YEAR}(?:q[1-4]|h[12]|[wk]\d\d)|(?:q[1-4]|h[12]|fy|cy)(?:{_YEAR}|\d\d)?|(?:fy|cy){_YEAR}(?:q[1-4]|h[12])?"
)

# A run of signs that an address may hold; a slash is left out, since it parts folders.
_RUN = re.compile(r'[^\s/\\,;:|<>()\[\]{}"«»„“”]+')
_AT = re.compile(r"[@＠﹫]|%40")
_IN_DOMAIN = ".-。．"
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_ENDINGS = re.compile(
    r"(?:\.(?:csv|tsv|txt|tab|psv|dat|xlsx?|xlsm|xlsb|ods|jsonl?|ndjson|xml|html?|pdf|docx?|parquet|yml|yaml|md|log|"
    r"gz|bz2|zip|zst|xz|part|tmp|crdownload|filepart|bak|old))+$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(?:[-.]\d+)+$")
_LEADING_WORD = re.compile(r"([^\W_]+)[_.\- ]+")
_OUR_WORDS = {word for name in ENTITIES for whole in name.split("_") for word in (whole, whole.removesuffix("s"))} | {
    *("export", "report", "file", "data", "list", "copy", "of", "for", "from", "by", "people", "person", "new", "old"),
}


def _is_among(char: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(char) <= last for first, last in ranges)


@lru_cache(maxsize=8192)
def _kind(char: str) -> str:
    """What a character is: part of a word (`w`), a word by itself (`u`), a mark on the one before (`m`), or none."""
    category = unicodedata.category(char)
    if category[0] == "M" or category == "Cf":
        return "m"
    if category[0] not in "LN":
        return ""
    return "u" if _is_among(char, _UNSPACED) else "w"


def _compared(word: str) -> str:
    """A word as it is compared: without case, accents, width and invisible signs, digits by their value."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", word).casefold())
    kept = []
    for char in plain:
        if "\u0300" <= char <= "\u036f" or unicodedata.category(char) == "Cf":
            continue
        digit = unicodedata.decimal(char, None)
        kept.append(str(digit) if digit is not None else "i" if char == "ı" else char)
    return "".join(kept)


def _words(text: str) -> Iterator[tuple[int, int, str]]:
    """The words of a text in form NFC: where each begins and ends, and how it is compared."""
    if text.isascii():
        for found in _ASCII_WORD.finditer(text.lower()):
            yield found.start(), found.end(), found.group()
        return
    begin, before = 0, ""
    for place, char in enumerate(text + " "):
        kind = _kind(char)
        if kind == "m" and before:
            continue
        if kind != before or kind == "u":
            if before in ("w", "u") and (word := _compared(text[begin:place])):
                yield begin, place, word
            begin, before = place, kind if kind in ("w", "u") else ""


def _is_searched_for(words: _Words) -> bool:
    told = "".join(words)
    weight = sum((2 if _is_among(char, _DENSE) else 1) for char in unicodedata.normalize("NFC", told) if char.isalnum())
    return weight >= _SHORTEST and not _PERIOD.fullmatch(told) and told not in _NOBODY


def _spellings(identifier: str) -> Iterator[_Words]:
    """How an identifier may be written: a name of two words in both orders, an address with `at` as well."""
    text = unicodedata.normalize("NFC", identifier)
    words = tuple(word for _, _, word in _words(text))
    if not _is_searched_for(words):
        return
    yield words
    if "@" in text:
        local = tuple(word for _, _, word in _words(text.partition("@")[0]))
        yield (*local, "at", *words[len(local) :])
    elif len(words) == 2:
        yield words[::-1]


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    """Where addresses stand in a text in form NFC."""
    if "@" not in text and not _AT.search(text):
        return
    for found in _RUN.finditer(text):
        run = found.group()
        for at in reversed(list(_AT.finditer(run))):
            end = _end_of_domain(run, at.end())
            begin = _begin_of_local(run[: at.start()])
            if end is not None and begin is not None:
                yield found.start() + begin, found.start() + end
                break


def _end_of_domain(run: str, begin: int) -> int | None:
    end = begin
    while end < len(run):
        follows = run[end + 1 : end + 2]
        if not (_kind(run[end]) or (run[end] in _IN_DOMAIN and end > begin and follows and _kind(follows))):
            break
        end += 1
    domain = run[begin:end]
    if not _IPV4.fullmatch(domain):
        shorter = _NUMBERED.sub("", _ENDINGS.sub("", domain))
        domain = shorter or domain
    is_one = bool(domain) and (domain[0].isalpha() or any(sign in domain for sign in _IN_DOMAIN if sign != "-"))
    return begin + len(domain) if is_one else None


def _begin_of_local(local: str) -> int | None:
    """Where the part before the sign begins; None where there is none."""
    if not any(char.isalnum() for char in local):
        return None
    begin = next(place for place, char in enumerate(local) if char not in "'’‘`.-_=*")
    while found := _LEADING_WORD.match(local, begin):
        word = found.group(1).casefold()
        is_ours = word in _OUR_WORDS or _PERIOD.fullmatch(word)
        if not is_ours or not any(char.isalnum() for char in local[found.end() :]):
            break
        begin = found.end()
    return begin


@dataclass(frozen=True)
class Identifiers:
    """What names people, with the key by which they are written.

    key: of the keyed forms, or what gives it: it is asked for when somebody is found.
    known: what the exports know people by: first word → all words of each identifier that begins with it.
    """

    key: bytes | Callable[[], bytes] = field(repr=False)
    known: Mapping[str, frozenset[_Words]] = field(default_factory=dict, repr=False)

    def holds_person(self, text: str, is_sentence: bool = False) -> bool:
        """Whether a text names a person, as this module's first lines say."""
        return bool(self._places(unicodedata.normalize("NFC", text), is_sentence))

    def keyed(self, text: str, is_sentence: bool = False) -> str:
        """A text as everybody may read it; the text itself where it names nobody.

        Args:
            text: the text.
            is_sentence: whether numbers in it are counts, and no ids.
        """
        composed = unicodedata.normalize("NFC", text)
        places = self._places(composed, is_sentence)
        if not places:
            return text
        # Texts that only differ in how they are composed are different texts still.
        also = "" if composed == text else f"\0{text}"
        parts, end_before = [], 0
        for begin, end in places:
            parts += [composed[end_before:begin], self._name(composed[begin:end] + also)]
            end_before = end
        return "".join([*parts, composed[end_before:]])

    def keyed_sentence(self, text: str, files: Iterable[str] = ()) -> str:
        """A sentence as everybody may read it; numbers in it are counts, except within the names of these files."""
        for name in sorted(set(files), key=len, reverse=True):
            if name in text:
                text = text.replace(name, self.keyed(name))
        return self.keyed(text, is_sentence=True)

    def keyed_where_different(self, texts: Iterable[str]) -> dict[str, str]:
        """Of some texts those that name a person, each with its keyed form."""
        return {text: keyed for text in texts if (keyed := self.keyed(text)) != text}

    def keyed_content(self, content: Any, is_sentence: bool = False) -> Any:
        """The same of every text in what JSON can hold, names of fields among them."""
        if isinstance(content, str):
            return self.keyed(content, is_sentence)
        if isinstance(content, Mapping):
            return {
                self.keyed_content(name, is_sentence): self.keyed_content(one, is_sentence)
                for name, one in content.items()
            }
        if isinstance(content, (list, tuple)):
            return [self.keyed_content(one, is_sentence) for one in content]
        return content

    def knowing(self, people: Iterable[str]) -> Identifiers:
        """The same, which knows people by these identifiers as well."""
        known: dict[str, set[_Words]] = {first: set(all_words) for first, all_words in self.known.items()}
        for identifier in people:
            for words in _spellings(identifier):
                known.setdefault(words[0], set()).add(words)
        return Identifiers(self.key, {first: frozenset(all_words) for first, all_words in known.items()})

    def _name(self, found: str) -> str:
        # Half of a pair that stands for one character may come from the name of a file that is no UTF-8.
        told = b"identifier\0" + found.encode("utf-8", "surrogatepass")
        key = self.key if isinstance(self.key, bytes) else self.key()
        return PREFIX + hmac.new(key, told, hashlib.sha256).hexdigest()[:_HEX_DIGITS]

    def _places(self, text: str, is_sentence: bool) -> list[tuple[int, int]]:
        places = [*_addresses(text), *self._known_places(text, is_sentence)]
        joined: list[tuple[int, int]] = []
        for begin, end in sorted(places):
            if joined and begin < joined[-1][1]:
                joined[-1] = joined[-1][0], max(joined[-1][1], end)
            else:
                joined.append((begin, end))
        return joined

    def _known_places(self, text: str, is_sentence: bool) -> Iterator[tuple[int, int]]:
        if not self.known:
            return
        words = list(_words(text))
        for place, (begin, _, first) in enumerate(words):
            for wanted in self.known.get(first, ()):
                if is_sentence and len(wanted) == 1 and first.isdecimal():
                    continue
                found = words[place : place + len(wanted)]
                if tuple(word for _, _, word in found) == wanted:
                    yield begin, found[-1][1]


def of_addresses(settings: Settings) -> Identifiers:
    """What can be known of a text before any export is read: whether it holds an address."""
    return Identifiers(lambda: key_in_force(settings))


def of_loads(loads: Iterable[Load], settings: Settings) -> Identifiers:
    """The same, with everybody whom the judged rows of these loads name, kept back or not."""
    from pipelines.conforming import ROWS
    from pipelines.loads import validated_folder

    files: dict[Path, str] = {}
    for load in loads:
        if load.key and load.entity in ENTITIES and load.status == "loaded":
            files[validated_folder(load.key, settings) / ROWS] = load.entity
    asked = tuple(sorted((path, entity) for path, entity in files.items() if path.exists()))
    if asked not in _KNOWN:
        # One run's people at most: they are not kept longer than they are asked for.
        _KNOWN.clear()
        _KNOWN[asked] = of_addresses(settings).knowing(_people(asked, settings)).known
    return Identifiers(lambda: key_in_force(settings), _KNOWN[asked])


_KNOWN: dict[tuple[tuple[Path, str], ...], Mapping[str, frozenset[_Words]]] = {}


def _people(files: Iterable[tuple[Path, str]], settings: Settings) -> list[str]:
    """Everybody whom judged rows name, as each is called there."""
    from pipelines.database import identifier, literal, scratch

    of: dict[str, list[Path]] = {}
    for path, entity in files:
        of.setdefault(entity, []).append(path)
    parts = [
        f"select {identifier(column.name)} as person from read_parquet([{', '.join(map(literal, paths))}])"
        for entity, paths in of.items()
        for column in ENTITIES[entity].columns
        if column.data_class == "direct_identifier" and (column.person or column.type == "text")
    ]
    if not parts:
        return []
    distinct = " union ".join(parts)
    with scratch(settings) as con:
        found = con.execute(f"select person from ({distinct}) where person is not null order by 1").fetchall()
    return [person for (person,) in found]

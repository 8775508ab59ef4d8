"""What names a person, and how it is searched for: in texts, in headers, and in the names of files.

An identifier counts only as a whole word. An id that is a plain number or a plain word is never searched for in texts,
where it could be a count or a term; in the name of a file it counts where `new_name` takes it for the person.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from pipelines import pseudonyms
from pipelines.erasure.tombstones import hashes
from pipelines.settings import Settings

ERASED = "[erased]"
_HASH_DIGITS = 12
# A shorter id (`12`, `E10`) in a name or a header is as likely a month, a survey or a question.
_SHORTEST = 5
_MOST_WORDS = 12
_WORD = re.compile(r"[^\W_]+")
# `AnnaBerg` has two words.
_CAPITALISED = re.compile(r"[^\W\d_][^\W\d_A-Z]+|[^\W_]+")
# A letter or a digit before, or after, belongs to the same word; the letter of an escape in JSON (`\n`) does not.
_BEGIN = r"(?:(?<![^\W_])|(?<=\\[nrtbf])|(?<=\\u20[0-9a-f]{2}))"
_END = r"(?![^\W_])"


@dataclass(frozen=True)
class Identity:
    """All that names one person.

    ids: the employee id, and those of former times.
    texts: addresses and names, in lower case.
    renamed: parts of paths that name the person, each with the part that takes its place.
    """

    ids: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def telling_ids(self) -> list[str]:
        """The ids that are neither a plain number nor a plain word, so that they stand for the person anywhere."""
        return sorted(one for one in self.ids if not one.isdigit() and not one.isalpha() and len(one) > 1)

    def is_in(self, text: str) -> bool:
        """Whether a text that we have written (a log, a record of a run) names the person."""
        return any(pattern.search(text) for pattern in (self._written, self._names) if pattern)

    def strike(self, text: str) -> str:
        """Replaces what names the person in a text that we have written; JSON and HTML stay valid."""
        if self._names:
            text = self._names.sub(lambda found: self._new_name(found[0]), text)
        return self._written.sub(ERASED, text) if self._written else text

    def strike_delivered(self, text: str) -> tuple[str, int]:
        """Strikes addresses, names, and ids within a sentence, out of a text of an export.

        An id that fills a field alone is left to those who know what the field means.

        Returns:
            The text, and how often something was struck out.
        """
        return self._delivered.subn(ERASED, text) if self._delivered else (text, 0)

    def strike_header(self, text: str) -> tuple[str, int]:
        """Strikes everything that names the person out of the header of an export."""
        return self._header.subn(ERASED, text) if self._header else (text, 0)

    def strike_name(self, text: str) -> str:
        """Replaces what names the person in a name within a file: of an archive's member, of a sheet."""
        return self.strike(text).replace(ERASED, "erased")

    def words(self) -> list[list[str]]:
        """For each thing that is searched for, words of ASCII characters, all of which stand where it stands."""
        wanted = {*self.texts, *self.telling_ids, *self.renamed}
        found = [[word.lower() for word in re.findall(r"[A-Za-z0-9]+", one)] for one in sorted(wanted)]
        return [words for words in found if words]

    @cached_property
    def _names(self) -> re.Pattern[str] | None:
        return _any_of([_escaped(one) for one in self.renamed])

    @cached_property
    def _written(self) -> re.Pattern[str] | None:
        return _any_of([_escaped(one) for one in self.telling_ids] + [_loosely(one) for one in self.texts])

    @cached_property
    def _header(self) -> re.Pattern[str] | None:
        ids = [one for one in self.telling_ids if not _is_short(one)]
        return _any_of([re.escape(one) for one in (*ids, *self.texts)])

    @cached_property
    def _delivered(self) -> re.Pattern[str] | None:
        texts = sorted(map(re.escape, self.texts), key=len, reverse=True)
        parts = [rf"(?<!\w)(?:{'|'.join(texts)})(?!\w)"] if texts else []
        if self.telling_ids:
            ids = "|".join(sorted(map(re.escape, self.telling_ids), key=len, reverse=True))
            parts.append(rf"(?<=[\w:.!?)] )(?:{ids}){_END}|(?<![^\W_])(?:{ids})(?= \w)")
        return re.compile("|".join(parts), re.IGNORECASE) if parts else None

    def _new_name(self, found: str) -> str:
        return self.renamed.get(found) or next(
            (new for old, new in self.renamed.items() if re.fullmatch(_escaped(old), found, re.IGNORECASE)), ERASED
        )


def new_name(name: str, known: Collection[str], settings: Settings, is_theirs: bool = False) -> str:
    """The path of a file, with a keyed hash in place of what names someone known.

    The hash is of the part of the path that named them. A later delivery of the same name replaces the file therefore,
    and two files never get one name.

    Args:
        name: the path below the landing zone.
        known: hashes of all that names people who are forgotten.
        settings: where the key of the hashes is.
        is_theirs: whether the file is mostly of the person; a short id in its name is theirs then.

    Returns:
        The new path; `name` itself where nobody is named.
    """
    return "/".join(_new_part(part, known, settings, is_theirs) for part in name.split("/")) if known else name


def parts_renamed(renames: Mapping[str, str]) -> dict[str, str]:
    """The parts of paths that change, each with its new form."""
    return {
        old: new
        for before, after in renames.items()
        for old, new in zip(PurePosixPath(before).parts, PurePosixPath(after).parts, strict=True)
        if old != new
    }


def _new_part(part: str, known: Collection[str], settings: Settings, is_theirs: bool) -> str:
    text = unicodedata.normalize("NFC", part)
    candidates = [one for one in _candidates(text) if is_theirs or not _is_short(one[0])]
    told = hashes([one for one, _ in candidates], settings)
    spans = [span for (_, span), hashed in zip(candidates, told, strict=True) if hashed in known]
    taken: list[tuple[int, int]] = []
    for begin, end in sorted(spans, key=lambda span: span[0] - span[1]):
        if all(end <= other[0] or other[1] <= begin for other in taken):
            taken.append((begin, end))
    key = pseudonyms.key_of_file(settings.tombstone_key_file, "the key of the tombstones", settings)
    digest = hmac.new(key, b"file name\x1f" + part.encode(errors="surrogateescape"), hashlib.sha256).hexdigest()
    for begin, end in sorted(taken, reverse=True):
        text = f"{text[:begin]}erased-{digest[:_HASH_DIGITS]}{text[end:]}"
    return text if taken else part


def _candidates(text: str) -> list[tuple[str, tuple[int, int]]]:
    """What may name a person in a part of a path, each with its place: words one after the other, also as a name."""
    found: dict[tuple[str, tuple[int, int]], None] = {}
    for pattern, is_exact in ((_WORD, True), (_CAPITALISED, False)):
        words = [(one[0], one.start(), one.end()) for one in pattern.finditer(text)]
        for first in range(len(words)):
            for last in range(first, min(first + _MOST_WORDS, len(words))):
                span = (words[first][1], words[last][2])
                if is_exact:
                    found[text[span[0] : span[1]], span] = None
                if last > first:
                    run = [word for word, _, _ in words[first : last + 1]]
                    found[" ".join(run), span] = None
                    # `Berg_Anna`
                    found[" ".join([*run[1:], run[0]]), span] = None
                    found[" ".join([run[-1], *run[:-1]]), span] = None
    return list(found)


def _is_short(text: str) -> bool:
    """Whether an id is too short to stand for a person wherever it is found."""
    return text.isalnum() and len(text) < _SHORTEST


def _any_of(patterns: Collection[str]) -> re.Pattern[str] | None:
    longest_first = sorted(patterns, key=len, reverse=True)
    return re.compile(f"{_BEGIN}(?:{'|'.join(longest_first)}){_END}", re.IGNORECASE) if patterns else None


def _escaped(text: str) -> str:
    """A pattern for a text as it stands in plain text, JSON (also JSON within JSON) and HTML."""
    return "".join(map(_character, text))


def _loosely(text: str) -> str:
    """A pattern for a name or an address; the words of a name may be joined by anything, and be in another order."""
    words = text.split()
    if len(words) < 2 or "@" in text:
        return _escaped(text)
    orders: Sequence[Sequence[str]] = (words, [*words[1:], words[0]], [words[-1], *words[:-1]])
    return "|".join(dict.fromkeys(r"(?:%20|[\W_]){0,3}".join(map(_escaped, order)) for order in orders))


def _character(one: str) -> str:
    if one.isascii() and one not in "'\"&<>@":
        return re.escape(one)
    forms = [re.escape(one)]
    for case in dict.fromkeys((one, one.lower(), one.upper())):
        forms += [r"\\+u" + f"{ord(char):04x}" for char in case if ord(char) < 0x10000]
        forms += [f"&#0*{ord(char)};|&#x0*{ord(char):x};" for char in case]
    forms += {
        "@": ["%40"],
        '"': [r'\\+"', "&quot;"],
        "&": ["&amp;"],
        "<": ["&lt;"],
        ">": ["&gt;"],
        "'": ["&apos;"],
    }.get(one, [])
    return f"(?:{'|'.join(dict.fromkeys(forms))})"

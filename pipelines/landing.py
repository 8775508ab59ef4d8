"""The landing zone: which files lie there, whether they are whole, and which profile each belongs to.

Nothing is read here beyond the bytes that the hash and the header need. What a file holds is `reading`'s.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import RefusedFile, UserError
from pipelines.profiles import Profile, normalised

# Never exports: notes beside them, and files that a transfer has not finished.
_NOTES = {".md", ".txt", ".pdf", ".yml", ".yaml", ".json", ".toml"}
_UNFINISHED = {".part", ".tmp", ".crdownload", ".filepart"}
_HEADER_BYTES = 1 << 20
_MAGIC = {"excel": (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"), "parquet": (b"PAR1",)}


@dataclass(frozen=True)
class LandedFile:
    """A file as it was found: its path below the landing zone, content hash and size."""

    path: Path
    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Recognised:
    """A file and the profile it belongs to, or why it belongs to none."""

    file: LandedFile
    profile: Profile | None
    refusal: RefusedFile | None = None


def list_files(landing: Path) -> list[Path]:
    """The export files below the landing zone, sorted by path.

    Raises:
        UserError: the landing zone is no folder.
    """
    if not landing.is_dir():
        raise UserError(
            f"{landing}: no such folder. Put export files there, or name another with --landing or PERFWH_LANDING."
        )
    return sorted(
        path
        for path in landing.rglob("*")
        if not any(part.startswith((".", "~$")) for part in path.relative_to(landing).parts)
        and (path.is_symlink() or path.is_file())
        and path.suffix.lower() not in _NOTES
    )


def settle(paths: list[Path], settle_seconds: float) -> tuple[list[Path], list[Path]]:
    """Splits into files at rest and files that may still be written.

    A fresh file is looked at again after the settle time and counts as whole if size and time did not move.
    """

    def state(path: Path) -> tuple[int, int] | None:
        try:
            stat = path.stat()
        except FileNotFoundError:
            return None
        return stat.st_size, stat.st_mtime_ns

    before = {path: state(path) for path in paths}
    now = time.time()
    fresh = [p for p, s in before.items() if s and now - s[1] / 1e9 < settle_seconds]
    if fresh:
        time.sleep(settle_seconds)
    held = {
        path
        for path in paths
        if path.suffix.lower() in _UNFINISHED or (path in fresh and state(path) != before[path]) or before[path] is None
    }
    return [p for p in paths if p not in held], sorted(held)


def take_in(path: Path, landing: Path) -> LandedFile:
    """Hashes a file's content.

    Raises:
        RefusedFile: it is a link.
    """
    if path.is_symlink():
        raise RefusedFile("LINK", "a link instead of a file; put the file itself into the landing zone")
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return LandedFile(path, path.relative_to(landing).as_posix(), digest, path.stat().st_size)


def open_content(path: Path, member: str | None = None) -> io.BufferedIOBase:
    """The content of a file, unpacked where it is packed (.gz, .zip).

    Raises:
        RefusedFile: an archive that cannot be read, or in which it is not clear which file is meant.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".gz":
            return gzip.open(path, "rb")
        if suffix == ".zip":
            archive = zipfile.ZipFile(path)
            names = [n for n in archive.namelist() if not n.endswith("/") and not n.startswith("__MACOSX")]
            if any(".." in Path(n).parts or Path(n).is_absolute() for n in names):
                raise RefusedFile("ARCHIVE", "the archive holds a path that leads out of it")
            wanted = [n for n in names if member in (None, n)]
            if len(wanted) != 1:
                raise RefusedFile(
                    "ARCHIVE", f"found {len(names)} files, expected one; name it as `read: member:` in the profile"
                )
            return archive.open(wanted[0])  # type: ignore[return-value]
        return path.open("rb")
    except (zipfile.BadZipFile, gzip.BadGzipFile, EOFError) as error:
        raise RefusedFile("ARCHIVE", f"not a readable {suffix} archive ({type(error).__name__})") from None


def header_of(path: Path, profile: Profile) -> list[str]:
    """The column names of a file, read the way the profile says.

    Raises:
        RefusedFile: the file is empty, of another format, or not in the declared encoding.
    """
    read = profile.read
    packed = path.suffix.lower() in (".gz", ".zip")
    with open_content(path, read.member) as stream:
        try:
            start = stream.read(_HEADER_BYTES)
        except (EOFError, OSError, zipfile.BadZipFile) as error:
            raise RefusedFile("ARCHIVE", f"the archive is damaged ({type(error).__name__})") from None
    if not start.strip():
        raise RefusedFile("EMPTY_FILE", "the file is empty; expected a header and rows")
    if read.format in _MAGIC:
        if not start.startswith(_MAGIC[read.format]):
            raise RefusedFile("MAGIC", f"the content is no {read.format} file, whatever its name says")
        if packed:
            raise RefusedFile("MAGIC", f"a {read.format} file is taken as it is, not packed")
        return _excel_header(path, profile) if read.format == "excel" else _parquet_header(path)
    if any(start.startswith(magic) for kind in _MAGIC.values() for magic in kind):
        raise RefusedFile("MAGIC", "a workbook or Parquet file with the name of a text file")
    if start.lstrip()[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise RefusedFile("MAGIC", "a web page instead of an export (a login page that was saved?)")
    text = _decoded(start, read.encoding, whole=len(start) < _HEADER_BYTES)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=read.delimiter, quotechar=read.quote or None)
    lines = [row for _, row in zip(range(read.skip_rows + read.header_rows), rows, strict=False)]
    if len(lines) < read.skip_rows + read.names_row:
        raise RefusedFile("EMPTY_FILE", f"found {len(lines)} lines, expected a header of {read.header_rows}")
    return [name.removeprefix("\ufeff") for name in lines[read.skip_rows + read.names_row - 1]]


def codec_of(encoding: str) -> str:
    """Python's name for an encoding of a profile; a byte-order mark is no text."""
    return {"utf-8": "utf-8-sig", "windows-1252": "cp1252"}.get(encoding, encoding)


def _decoded(start: bytes, encoding: str, whole: bool) -> str:
    bom = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}.get(start[:2])
    if bom and encoding != "utf-16":
        raise RefusedFile("ENCODING", f"the file is {bom}, the profile says {encoding}; declare it under `read`")
    codec = codec_of(encoding)
    try:
        return start.decode(codec)
    except UnicodeDecodeError as error:
        # The cut at the end of the first bytes may lie within a character.
        if not whole and error.start > len(start) - 4:
            return start[: error.start].decode(codec)
        line = start[: error.start].count(b"\n") + 1
        raise RefusedFile(
            "ENCODING", f"line {line} is not {encoding}; declare the file's encoding under `read`"
        ) from None


def _excel_header(path: Path, profile: Profile) -> list[str]:
    from pipelines.reading import read_sheet

    return [str(name) for name in read_sheet(path, profile.read, header_only=True).columns]


def _parquet_header(path: Path) -> list[str]:
    import pyarrow
    import pyarrow.parquet

    try:
        return list(pyarrow.parquet.read_schema(path).names)
    except pyarrow.ArrowException:
        raise RefusedFile("MAGIC", "not a readable Parquet file") from None


def recognise(file: LandedFile, profiles: dict[str, Profile]) -> Recognised:
    """Finds the one profile that fits a file's name and header; the refusal says why there is none."""
    candidates = [profile for profile in profiles.values() if profile.fits_name(file.name)]
    if not candidates:
        return Recognised(file, None, RefusedFile("NO_PROFILE", _no_name_fits(profiles)))
    fitting: list[Profile] = []
    reasons: list[tuple[int, str]] = []
    refusals: list[RefusedFile] = []
    for profile in candidates:
        try:
            header = header_of(file.path, profile)
        except RefusedFile as refusal:
            refusals.append(refusal)
            continue
        missing = profile.missing_headers(header)
        if missing:
            reasons.append((len(missing), _lacks(profile, header, missing)))
        else:
            fitting.append(profile)
    # A profile made for a file wins over the layout that is understood anyway.
    fitting = [p for p in fitting if not p.is_canonical] or fitting
    if len(fitting) == 1:
        return Recognised(file, fitting[0])
    # Whose file it is says who may block publishing: with one candidate, that one.
    owner = candidates[0] if len(candidates) == 1 else None
    if len(fitting) > 1:
        names = " and ".join(profile.profile for profile in fitting)
        return Recognised(file, None, RefusedFile("AMBIGUOUS_PROFILE", f"{names} both fit; narrow their `files`"))
    if reasons:
        detail = "; ".join(text for _, text in sorted(reasons)[:3])
        return Recognised(file, owner, RefusedFile("MISSING_COLUMN", detail))
    return Recognised(file, owner, refusals[0])


def _no_name_fits(profiles: dict[str, Profile]) -> str:
    canonical = ", ".join(f"{p.entity}/*.csv" for p in profiles.values() if p.is_canonical and p.read.format == "csv")
    return (
        "no source profile fits the name. Write one (docs/profiles.md) and name its folder with PERFWH_PROFILES, "
        f"or use the canonical layout: {canonical}"
    )


def _lacks(profile: Profile, header: list[str], missing: list[str]) -> str:
    if len(header) == 1:
        found = [d for d in (";", "\t", "|", ",") if d != profile.read.delimiter and d in header[0]]
        if found:
            return f"{profile.profile}: expected columns separated by {profile.read.delimiter!r}, found {found[0]!r}"
    # Only headers that the profile knows are shown: where the header row is missing, the rest is people's data.
    known = [v for variants in profile.needed_headers() for v in variants if normalised(v) in map(normalised, header)]
    among = f", among them {', '.join(known[:12])}" if known else ", none of them known"
    return f"{profile.profile}: column {', '.join(missing)} not found (found {len(header)} columns{among})"

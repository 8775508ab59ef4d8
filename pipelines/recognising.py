"""Recognising: which source profile a file belongs to, by its name, its header and its shape.

Profiles whose globs fit the name come first; only where none does, those that are known by their header alone.
Two that fit are an error, and so is none: nothing is chosen silently.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from pipelines.errors import RefusedFile
from pipelines.heads import head_of
from pipelines.landing import LandedFile
from pipelines.profiles import Profile, normalised
from pipelines.settings import USUAL_UNPACKING, Unpacking

# How alike a found header must be to a missing one to be named as its likely new name.
_ALIKE = 0.7


@dataclass(frozen=True)
class Recognised:
    """A file and the profile it belongs to, or why it belongs to none."""

    file: LandedFile
    profile: Profile | None
    refusal: RefusedFile | None = None


@dataclass(frozen=True)
class _Tried:
    """What came of the profiles tried: those that fit, what the others lack, and what cannot be read at all."""

    fitting: list[Profile]
    lacking: list[tuple[float, str]]
    refusals: list[RefusedFile]


def recognise(file: LandedFile, profiles: dict[str, Profile], limits: Unpacking = USUAL_UNPACKING) -> Recognised:
    """Finds the one profile that fits a file; the refusal says why there is none."""
    named = [profile for profile in profiles.values() if profile.fits_name(file.name)]
    tried = _try(file, named, limits)
    if not tried.fitting and not named:
        tried = _try(file, [profile for profile in profiles.values() if profile.known_by_header], limits)
    # A profile made for a file wins over the layouts that are understood anyway.
    fitting = [p for p in tried.fitting if not p.is_canonical] or tried.fitting
    fitting = [p for p in fitting if not p.is_generic] or fitting
    if len(fitting) == 1:
        return Recognised(file, fitting[0])
    # Whose file it is says who may block publishing: with one candidate, that one.
    owner = named[0] if len(named) == 1 else None
    if len(fitting) > 1:
        names = " and ".join(sorted(profile.profile for profile in fitting))
        return Recognised(file, None, RefusedFile("AMBIGUOUS_PROFILE", f"{names} both fit; narrow their `files`"))
    if tried.lacking and named:
        return Recognised(file, owner, RefusedFile("MISSING_COLUMN", "; ".join(_nearest(tried))))
    if named:
        return Recognised(file, owner, tried.refusals[0])
    return Recognised(file, None, _no_profile(tried, profiles.values()))


def _try(file: LandedFile, candidates: list[Profile], limits: Unpacking) -> _Tried:
    tried = _Tried([], [], [])
    for profile in candidates:
        try:
            header = head_of(file.path, profile, limits).names
        except RefusedFile as refusal:
            tried.refusals.append(refusal)
            continue
        missing = profile.missing_headers(header)
        if missing:
            share = len(missing) / max(len(profile.needed_headers()), 1)
            tried.lacking.append((share, _lacks(profile, header, missing)))
        else:
            tried.fitting.append(profile)
    return tried


def _nearest(tried: _Tried) -> list[str]:
    return [text for _, text in sorted(tried.lacking)[:3]]


def _no_profile(tried: _Tried, profiles: Iterable[Profile]) -> RefusedFile:
    faults = {refusal.code: refusal for refusal in tried.refusals}
    # What is true of the content under every profile is the file's own fault.
    if not tried.lacking and len(faults) == 1:
        return next(iter(faults.values()))
    canonical = ", ".join(f"{p.entity}/*.csv" for p in profiles if p.is_canonical and p.read.format == "csv")
    near = [text for share, text in sorted(tried.lacking)[:3] if share < 1]
    nearest = f"The nearest by header: {'; '.join(near)}. " if near else ""
    return RefusedFile(
        "NO_PROFILE",
        f"no source profile fits the name, and none is known by this header. {nearest}Draft one with "
        "`perfwh profile FILE` into a folder that PERFWH_PROFILES names (docs/profiles.md), or use the canonical "
        f"layout: {canonical}",
    )


def _lacks(profile: Profile, header: list[str], missing: list[str]) -> str:
    """What a profile misses in a header; only headers that it knows, or nearly, are shown.

    Where the header row is missing, what stands in its place is people's data.
    """
    if len(header) == 1:
        found = [d for d in (";", "\t", "|", ",") if d != profile.read.delimiter and d in header[0]]
        if found:
            return f"{profile.profile}: expected columns separated by {profile.read.delimiter!r}, found {found[0]!r}"
    present = {normalised(name): name for name in header}
    known = [v for variants in profile.needed_headers() for v in variants if normalised(v) in present]
    among = f", among them {', '.join(known[:12])}" if known else ", none of them known"
    renamed = []
    unknown = sorted(set(present) - profile.known_headers())
    for name in missing if known else []:
        alike = difflib.get_close_matches(normalised(name), unknown, 1, _ALIKE)
        renamed += [f"is {present[alike[0]]!r} its new name?" for _ in alike]
    asked = f": {' '.join(renamed)} If so, add it under `from`" if renamed else ""
    return f"{profile.profile}: column {', '.join(missing)} not found (found {len(header)} columns{among}){asked}"

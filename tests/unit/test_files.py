"""Files that are whole or not there, and their owner's only."""

from __future__ import annotations

import stat

import pytest

from pipelines import files


def test_a_folder_that_cannot_be_filled_is_not_there(tmp_path):
    def fill(draft):
        (draft / "a").write_text("half")
        raise OSError("a full disk")

    with pytest.raises(OSError, match="full"):
        files.whole_folder(tmp_path / "room" / "one", fill)
    assert list((tmp_path / "room").iterdir()) == []
    files.whole_folder(tmp_path / "room" / "one", lambda draft: (draft / "a").write_text("whole"))
    files.whole_folder(tmp_path / "room" / "one", fill)
    assert (tmp_path / "room" / "one" / "a").read_text() == "whole"
    assert stat.S_IMODE((tmp_path / "room" / "one" / "a").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "room" / "one").stat().st_mode) == 0o700


def test_a_file_is_replaced_whole_or_left_as_it_was(tmp_path):
    path = tmp_path / "room" / "key"
    files.whole_file(path, "first")
    files.whole_file(path, "second", replace=False)
    assert path.read_text() == "first"
    files.whole_file(path, "second")
    assert path.read_text() == "second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["key"]


def test_only_drafts_are_removed(tmp_path):
    for name in (".DS_Store", ".published", "one"):
        (tmp_path / name).write_text("")
    draft, link = files.draft_of(tmp_path / "one"), files.draft_of(tmp_path / "published")
    draft.mkdir()
    (draft / "half").write_text("")
    link.symlink_to(tmp_path / "one")
    files.remove_drafts(tmp_path)
    assert sorted(found.name for found in tmp_path.iterdir()) == [".DS_Store", ".published", "one"]

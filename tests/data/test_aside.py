import contextlib

from shortlist.data.aside import file_aside, folder_aside


def break_while_writing(path):
    with contextlib.suppress(ZeroDivisionError), file_aside(path) as file:
        file.write(b"half")
        _ = 1 / 0


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "f"
    break_while_writing(path)
    assert list(path.parent.iterdir()) == []
    with file_aside(path) as file:
        file.write(b"whole")
    break_while_writing(path)
    assert path.read_bytes() == b"whole"


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    with contextlib.suppress(ZeroDivisionError), folder_aside(tmp_path / "d") as work:
        (work / "f").touch()
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []
    with folder_aside(tmp_path / "d") as work:
        (work / "f").write_text("mine")
    assert (tmp_path / "d" / "f").read_text() == "mine"


def test_whoever_is_first_wins(tmp_path):
    with folder_aside(tmp_path / "d") as work:
        (work / "f").write_text("late")
        with folder_aside(tmp_path / "d") as other:
            (other / "f").write_text("early")
    assert (tmp_path / "d" / "f").read_text() == "early"
    assert len(list(tmp_path.iterdir())) == 1

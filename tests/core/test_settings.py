import pytest

from shortlist.core.errors import BadConfig
from shortlist.core.settings import read_settings


def test_environment_beats_the_file_beats_the_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shortlist.toml").write_text("[serving]\nport = 9000\ndeadline_ms = 50\n")
    monkeypatch.setenv("SHORTLIST_SERVING__PORT", "9001")
    found = read_settings().serving
    assert (found.port, found.deadline_ms, found.host) == (9001, 50, "127.0.0.1")


def test_a_key_is_never_printed(monkeypatch):
    monkeypatch.setenv("SHORTLIST_SERVING__API_KEY", "hunter2")
    assert "hunter2" not in repr(read_settings())


@pytest.mark.parametrize(("toml", "name"), [("prot = 1", "prot"), ("[serving]\nport = 99999", "serving.port")])
def test_a_wrong_setting_is_named(tmp_path, monkeypatch, toml, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shortlist.toml").write_text(toml)
    with pytest.raises(BadConfig, match=f"'{name}'"):
        read_settings()


def test_an_unknown_setting_suggests_the_nearest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shortlist.toml").write_text("[serving]\nprot = 1\n")
    with pytest.raises(BadConfig, match=r"no setting 'serving\.prot'") as caught:
        read_settings()
    assert "Did you mean 'serving.port'?" in caught.value.hint


@pytest.mark.parametrize("raw", [b"home = [", b"home = '\xff'", b"home = 1\nhome = 2\n"])
def test_a_broken_file_is_named(tmp_path, monkeypatch, raw):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shortlist.toml").write_bytes(raw)
    with pytest.raises(BadConfig, match=r"shortlist\.toml"):
        read_settings()

"""Damage of any kind is refused, and the old bundle stays current."""

import json
import os
import pickle
import random
import shutil
import zipfile

import numpy as np
import pytest

from shortlist import bundles
from shortlist.bundles.contents import check_content
from shortlist.bundles.manifests import spell
from shortlist.bundles.verify import checksum
from shortlist.bundles.vocabs import entry_of
from shortlist.core.errors import BundleCorrupt, BundleMismatch, ShortlistError, VersionTooNew
from shortlist.data.io import save_dataset


@pytest.fixture
def pair(root, parts):
    """(current bundle, newer bundle)."""
    old = bundles.publish(root, **parts)
    bundles.promote(root, old.id)
    return old, bundles.publish(root, **{**parts, "seed": 8})


def files_of(path):
    return sorted(p for p in path.rglob("*") if p.is_file())


def reseal(path, change):
    """Change the manifest and give it a right checksum again, as an attacker could."""
    values = json.loads((path / "manifest.json").read_bytes())
    del values["checksum"]
    change(values)
    (path / "manifest.json").write_bytes(spell(values))


def list_anew(path):
    def change(values):
        values["files"] = [
            {"path": p.relative_to(path).as_posix(), "size": p.stat().st_size, "sha256": checksum(p)}
            for p in files_of(path)
            if p.name != "manifest.json"
        ]

    reseal(path, change)


def refused(root, old, new, error=BundleCorrupt):
    with pytest.raises(error):
        bundles.promote(root, new.id)
    with pytest.raises(error):
        bundles.load(new.path)
    assert bundles.current(root).id == old.id


def test_every_truncation_is_refused(root, pair):
    old, new = pair
    tried = 0
    for file in files_of(new.path):
        raw = file.read_bytes()
        for size in {0, 1, len(raw) // 2, len(raw) - 1, *range(0, len(raw), 1024)}:
            file.write_bytes(raw[:size])
            with pytest.raises(BundleCorrupt):
                bundles.verify(new.path)
            tried += 1
        file.write_bytes(raw)
    assert tried > 30
    refused_once = files_of(new.path)[0]
    refused_once.write_bytes(b"")
    refused(root, old, new)


def test_each_of_a_hundred_flipped_bytes_is_refused(root, pair):
    old, new = pair
    rng = random.Random(0)
    files = files_of(new.path)
    rejected = 0
    for n in range(100):
        file = files[n % len(files)]
        raw = bytearray(file.read_bytes())
        place = rng.randrange(len(raw))
        kept = raw[place]
        raw[place] ^= 1 << rng.randrange(8)
        file.write_bytes(raw)
        try:
            bundles.promote(root, new.id)
        except (BundleCorrupt, VersionTooNew):
            rejected += 1
        raw[place] = kept
        file.write_bytes(raw)
    assert rejected == 100
    assert bundles.current(root).id == old.id
    assert bundles.promote(root, new.id).id == new.id  # whole again


def test_every_single_bit_of_the_manifest_counts(pair):
    _, new = pair
    file = new.path / "manifest.json"
    raw = file.read_bytes()
    for place in range(0, len(raw), 7):
        file.write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        with pytest.raises((BundleCorrupt, VersionTooNew)):
            bundles.verify(new.path)
    file.write_bytes(raw + b"\n")
    with pytest.raises(BundleCorrupt):
        bundles.verify(new.path)


def test_missing_and_added_files(root, pair):
    old, new = pair
    (new.path / "models" / "main" / "note.txt").write_text("hello")
    refused(root, old, new)
    (new.path / "models" / "main" / "note.txt").unlink()
    bundles.verify(new.path)
    (new.path / "data" / "events.npz").unlink()
    refused(root, old, new)


def test_links_are_refused(root, pair, tmp_path):
    old, new = pair
    file = new.path / "data" / "events.npz"
    shutil.move(file, tmp_path / "events.npz")
    file.symlink_to(tmp_path / "events.npz")
    refused(root, old, new)
    file.unlink()
    shutil.move(tmp_path / "events.npz", file)
    bundles.verify(new.path)
    shutil.move(new.path / "data", tmp_path / "data")
    (new.path / "data").symlink_to(tmp_path / "data")
    refused(root, old, new)
    os.mkfifo(new.path / "pipe")
    refused(root, old, new)


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../x", "data/../../x", "data\\..\\x", "./x", "", "a//b", "%2e%2e/x", "C:/x", "data/.x", "~"],
)
def test_paths_that_lead_elsewhere_are_refused(root, pair, path):
    old, new = pair

    def change(values):
        values["files"][0]["path"] = path

    reseal(new.path, change)
    refused(root, old, new)


def test_unknown_and_newer_formats(root, pair):
    old, new = pair
    reseal(new.path, lambda values: values.update(surprise=1))
    refused(root, old, new)
    reseal(new.path, lambda values: (values.pop("surprise"), values.update(format=2)))
    refused(root, old, new, VersionTooNew)


def test_a_folder_under_another_bundles_name(root, pair):
    old, new = pair
    shutil.rmtree(new.path)
    shutil.copytree(old.path, new.path)
    refused(root, old, new)


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return (open, (str(self.canary), "w"))


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "suffix", [".npz", ".npy", ".safetensors", ".json", ".txt", ".parquet", ".toml", ".pkl", ".bin", ""]
)
def test_pickles_are_refused_whatever_their_name(tmp_path, suffix, protocol):
    name = f"model{suffix}"
    canary = tmp_path / "canary"
    (tmp_path / name).write_bytes(pickle.dumps(Payload(canary), protocol))
    with pytest.raises(BundleCorrupt, match="refused"):
        check_content(tmp_path / name, name)
    assert not canary.exists()


def test_arrays_of_objects_are_refused_even_with_right_checksums(root, pair, tmp_path):
    old, new = pair
    canary = tmp_path / "canary"
    np.savez(new.path / "models" / "main" / "arrays.npz", weights_=np.array([Payload(canary)], dtype=object))
    list_anew(new.path)
    refused(root, old, new)
    assert not canary.exists()


def test_archives_of_something_else_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(1))
    with pytest.raises(BundleCorrupt):
        check_content(tmp_path / "x.npz", "x.npz")
    (tmp_path / "x.safetensors").write_bytes((2**62).to_bytes(8, "little") + b"{}")
    with pytest.raises(BundleCorrupt):
        check_content(tmp_path / "x.safetensors", "x.safetensors")


def test_what_belongs_into_a_bundle_passes(tmp_path):
    from safetensors.numpy import save_file

    np.savez(tmp_path / "a.npz", x=np.arange(3))
    np.save(tmp_path / "a.npy", np.arange(3))
    save_file({"x": np.arange(3)}, tmp_path / "a.safetensors")
    (tmp_path / "a.txt").write_text("tree\nversion=v4\n")
    (tmp_path / "a.json").write_text("{}")
    for file in tmp_path.iterdir():
        check_content(file, file.name)


# --- swapped parts: right checksums, wrong combination (C7, F14) ------------------------------------------------------


def test_a_model_of_another_vocabulary_is_refused_at_load(root, pair):
    _, new = pair
    reseal(new.path, lambda values: values["models"]["main"]["items"].update(version="0" * 16))
    with pytest.raises(BundleMismatch, match="item ids"):
        bundles.load(new.path)


def test_data_of_another_bundle_is_refused_at_load(root, pair, small_world):
    _, new = pair

    save_dataset(small_world(items=[f"i{n}" for n in reversed(range(20))]), new.path / "data")
    list_anew(new.path)
    bundles.verify(new.path)
    with pytest.raises(BundleMismatch):
        bundles.load(new.path)


def test_a_model_that_this_release_does_not_know(root, pair):
    _, new = pair
    reseal(new.path, lambda values: values["models"]["main"].update(name="quantum"))
    with pytest.raises(BundleMismatch, match="another release"):
        bundles.load(new.path)


def test_a_model_of_another_size_than_the_manifest_says(root, pair, parts):
    _, new = pair
    smaller = entry_of(parts["data"].items, 10).model_dump()
    reseal(new.path, lambda values: values["models"]["main"].update(items=smaller))
    with pytest.raises(BundleMismatch, match="size"):
        bundles.load(new.path)


def test_random_bytes_instead_of_a_bundle(root, pair):
    old, new = pair
    rng = random.Random(1)
    for file in files_of(new.path):
        file.write_bytes(rng.randbytes(file.stat().st_size))
    refused(root, old, new, ShortlistError)

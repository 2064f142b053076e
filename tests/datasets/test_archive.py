"""Archives that are read as their folder is, and every way in which they can be damaged or unsafe."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from image_sources import KINDS, NAMES, expect_error, pack, read_folder


@pytest.mark.parametrize("top", ["", "photos"])
@pytest.mark.parametrize("ending", KINDS)
def test_archives_read_as_the_folder_does(plain, ending, top):
    folder, archive = read_folder(plain), read_folder(path := pack(plain, ending, top=top))
    np.testing.assert_array_equal(archive.images, folder.images)
    np.testing.assert_array_equal(archive.target, folder.target)
    assert archive.target_names == folder.target_names == NAMES
    assert archive.filenames == [str(Path(top) / name) for name in folder.filenames]
    assert archive.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert archive.n_train is None


def test_sha256_of_a_folder_is_of_names_and_contents(split):
    whole = read_folder(split, subset="all").sha256
    assert read_folder(split, subset="test").sha256 == whole
    moved = split.rename(split.with_name("elsewhere"))
    assert read_folder(moved).sha256 == whole
    (moved / "test/dog/0.png").rename(moved / "test/dog/1.png")
    assert read_folder(moved).sha256 != whole


def test_clutter_is_passed_over(plain):
    (plain / "README.txt").write_text("hello")
    (plain / ".git").mkdir()
    (plain / ".git" / "x.png").write_bytes(b"")
    (plain / "cat" / ".DS_Store").write_bytes(b"")
    (plain / "__MACOSX" / "cat").mkdir(parents=True)
    (plain / "__MACOSX" / "cat" / "1.png").write_bytes(b"")
    for source in (plain, pack(plain, ".zip"), pack(plain, ".tar")):
        assert len(read_folder(source).images) == 6


def test_missing_path(tmp_path):
    expect_error("nothing-here", tmp_path / "nothing-here", FileNotFoundError)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("ending", KINDS)
def test_truncated_archives(plain, ending, share):
    path = pack(plain, ending)
    content = path.read_bytes()
    if ending == ".tar":
        content = content.rstrip(b"\0")
    path.write_bytes(content[: int(share * len(content))])
    assert path.name in expect_error("truncated", path)


def test_a_tar_cut_between_two_files(plain):
    path = pack(plain, ".tar")
    with tarfile.open(path) as archive:
        cut = archive.getmembers()[4].offset
    path.write_bytes(path.read_bytes()[:cut])
    expect_error("truncated", path)


@pytest.mark.parametrize("ending", KINDS)
def test_corrupt_archives(plain, ending):
    """A few bytes changed in the middle; a plain tar has no checksums, so there a header is hit."""
    path = pack(plain, ending)
    content = bytearray(path.read_bytes())
    if ending == ".tar":
        with tarfile.open(path) as archive:
            at = archive.getmembers()[4].offset
    else:
        at = len(content) // 3
    content[at : at + 4] = bytes(byte ^ 0xFF for byte in content[at : at + 4])
    path.write_bytes(content)
    expect_error("corrupt", path)


def test_a_wrong_gzip_checksum(plain):
    path = pack(plain, ".tar.gz")
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(content)
    expect_error("corrupt", path)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\3\4hello"])
def test_no_archive_at_all(tmp_path, content):
    (tmp_path / "x.zip").write_bytes(content)
    expect_error("cannot be read as an archive", tmp_path / "x.zip")


@pytest.mark.parametrize("name", ["/etc/cat/1.png", "../cat/1.png", "cat/../../1.png", "..\\cat\\1.png", "C:\\1.png"])
@pytest.mark.parametrize("ending", KINDS)
def test_names_that_lead_out_are_refused(plain, ending, name):
    path = pack(plain, ".zip" if ending == ".zip" else ".tar")
    if ending == ".zip":
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, b"")
    else:
        with tarfile.open(path, "a") as archive:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
    expect_error("leads out", path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(plain, kind):
    path = pack(plain, ".tar")
    info = tarfile.TarInfo("cat/4.png")
    info.type, info.linkname = kind, "cat/1.png"
    with tarfile.open(path, "a") as archive:
        archive.addfile(info)
    expect_error("link or a device", path)


def test_links_in_a_zip_are_refused(plain):
    path = pack(plain, ".zip")
    info = zipfile.ZipInfo("cat/4.png")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(info, "/etc/passwd")
    expect_error("link or a device", path)


def test_a_file_that_would_unpack_to_gigabytes_is_refused(plain):
    """The header alone promises 10 GB; nothing of it is read."""
    path = pack(plain, ".tar")
    info = tarfile.TarInfo("cat/4.png")
    info.size = 10 * 2**30
    content = path.read_bytes().rstrip(b"\0")
    path.write_bytes(content + b"\0" * (-len(content) % 512) + info.tobuf() + b"\0" * 1024)
    expect_error("would unpack to", path)

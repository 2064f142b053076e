"""What lies around in real folders: files of systems, links, pipes, devices, and names in any script."""

import os
import pickle
import socket
import tarfile

import numpy as np
import pytest
from image_sources import NAMES, expect_error, pack, pixels, read_folder, write

from sk_cifar_ovr.datasets import read_image_files
from sk_cifar_ovr.exceptions import DatasetError

NOT_UTF8 = os.fsdecode(b"caf\xe9")


@pytest.mark.parametrize("clutter", [".DS_Store", "Thumbs.db", "thumbs.db", "._1.png", "DESKTOP.INI", ".hidden.png"])
@pytest.mark.parametrize("ending", ["", ".zip", ".tar"])
def test_files_of_systems_are_ignored(plain, clutter, ending):
    for folder in (plain, plain / "cat"):
        (folder / clutter).write_bytes(b"clutter")
    data = read_folder(pack(plain, ending) if ending else plain)
    assert len(data.images) == 6
    assert data.skipped == []


def test_upper_case_endings(plain):
    (plain / "cat/1.png").rename(plain / "cat/1.PNG")
    write(plain / "cat/photo.jPeG", pixels(0))
    assert len(read_folder(plain).images) == 7


@pytest.mark.parametrize("at", ["x.png", "cat/x.png"])
def test_a_folder_called_like_an_image(plain, at):
    (plain / at).mkdir()
    assert len(read_folder(plain).images) == 6
    if "/" in at:
        write(plain / at / "3.png", pixels(3))
        assert len(read_folder(plain).images) == 7


@pytest.mark.parametrize("name", ["猫", "кошка", "गाय", "قط", "Ångström 🐈", "new\nline", 'quo"te', "a%20b"])
@pytest.mark.parametrize("ending", ["", ".zip", ".tar"])
def test_names_in_any_script(plain, name, ending):
    (plain / "cat").rename(plain / name)
    (plain / name / "1.png").rename(plain / name / f"0{name}.png")
    data = read_folder(pack(plain, ending) if ending else plain)
    assert set(data.target_names) == {name, "dog"}
    assert f"{name}/0{name}.png" in data.filenames


@pytest.fixture
def odd_names(plain):
    try:
        (plain / "cat").rename(plain / NOT_UTF8)
    except OSError:
        pytest.skip("the file system takes UTF-8 alone")
    (plain / NOT_UTF8 / "2.png").rename(plain / NOT_UTF8 / f"2{NOT_UTF8}.png")
    return plain


@pytest.mark.parametrize("options", [{}, {"lazy": True}, {"cache": "cache"}])
def test_names_that_are_not_utf8(odd_names, tmp_path, options):
    if "cache" in options:
        options = {"cache": tmp_path / "cache"}
    data = read_folder(odd_names, **options)
    data.images = pickle.loads(pickle.dumps(data.images))
    np.testing.assert_array_equal(data.images, [pixels(seed) for seed in (1, 2, 10, 101, 102, 110)])
    assert data.filenames[1] == f"{NOT_UTF8}/2{NOT_UTF8}.png"
    assert (odd_names / data.filenames[1]).is_file()
    for text in (*data.target_names, data.DESCR, data.sha256):
        text.encode()


def test_a_root_that_is_not_utf8(odd_names):
    root = odd_names.rename(odd_names.parent / NOT_UTF8)
    data = read_folder(root)
    data.DESCR.encode()
    read_folder(pack(root, ".tar")).DESCR.encode()
    names = read_image_files([root / "dog"], shape=(6, 5, 3))[0]
    assert all(os.path.isfile(name) for name in names)


def test_errors_about_names_that_are_not_utf8_can_be_printed(odd_names):
    (odd_names / NOT_UTF8 / "1.png").write_bytes(b"damaged")
    expect_error("1.png", odd_names).encode()
    assert read_folder(odd_names, on_error="skip").skipped == [f"{NOT_UTF8}/1.png"]
    (odd_names / NOT_UTF8 / f"{NOT_UTF8}.txt").write_bytes(b"")
    expect_error("is not an image", odd_names).encode()


def test_names_with_thousands_of_digits_in_an_archive(plain):
    path = pack(plain, ".tar")
    with tarfile.open(path, "a") as archive:
        archive.add(plain / "cat/1.png", f"cat/{'7' * 5000}.png")
    assert len(read_folder(path).images) == 7


@pytest.fixture
def specials(plain):
    """A named pipe, a socket and a broken link among the images; opening the pipe would wait for ever."""
    os.mkfifo(plain / "cat/pipe.png")
    os.mkfifo(plain / "cat/pipe")
    folder = os.open(plain / "cat", os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as server:
        # A short path: that of a socket is limited.
        server.bind(f"/proc/self/fd/{folder}/socket.png")
    os.close(folder)
    (plain / "dog/broken.png").symlink_to("nowhere.png")
    (plain / "dog/self.png").symlink_to("self.png")
    (plain / "dog/null.png").symlink_to("/dev/null")
    return plain


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs Linux")
@pytest.mark.parametrize("options", [{}, {"lazy": True}, {"follow_links": True}, {"on_error": "skip"}])
def test_what_is_no_regular_file_is_passed_over_and_listed(specials, options):
    data = read_folder(specials, **options)
    assert len(data.images) == 6
    assert sorted(data.skipped) == [
        *("cat/pipe", "cat/pipe.png", "cat/socket.png"),
        *("dog/broken.png", "dog/null.png", "dog/self.png"),
    ]
    names, _, skipped = read_image_files([specials / "cat"], shape=(6, 5, 3))
    assert len(names) == 3
    assert str(specials / "cat/pipe.png") in skipped


def test_a_pipe_in_place_of_the_folder(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    expect_error("neither a folder nor a regular file", tmp_path / "x.png")
    with pytest.raises(DatasetError, match="neither"):
        read_image_files([tmp_path / "x.png"], shape=(6, 5, 3))


@pytest.fixture
def outside(tmp_path):
    write(tmp_path / "outside/cats/3.png", pixels(3))
    return tmp_path / "outside"


def test_links_that_lead_out_are_passed_over_unless_asked_for(plain, outside):
    (plain / "cat/3.png").symlink_to(outside / "cats/3.png")
    (plain / "dog/more").symlink_to(outside / "cats")
    data = read_folder(plain)
    assert len(data.images) == 6
    assert data.skipped == ["cat/3.png", "dog/more"]
    data = read_folder(plain, follow_links=True)
    assert data.skipped == []
    assert data.filenames == [*(f"cat/{i}.png" for i in (1, 2, 3, 10)), *(f"dog/{i}.png" for i in (1, 2, 10, "more/3"))]


def test_a_sibling_whose_name_begins_alike_is_outside(plain):
    write(plain.with_name("plain2") / "3.png", pixels(3))
    (plain / "cat/3.png").symlink_to("../../plain2/3.png")
    assert read_folder(plain).skipped == ["cat/3.png"]


def test_links_inside_are_followed(plain):
    (plain / "cat/3.png").symlink_to("1.png")
    (plain / "emu").symlink_to("dog")
    data = read_folder(plain)
    assert data.target_names == [*NAMES, "emu"]
    assert data.target.tolist() == [0] * 4 + [1] * 3 + [2] * 3
    assert data.skipped == []


def test_the_folder_may_be_a_link(plain, tmp_path):
    (tmp_path / "link").symlink_to(plain)
    (plain / "cat/3.png").symlink_to("1.png")
    assert len(read_folder(tmp_path / "link").images) == 7


@pytest.mark.parametrize("follow_links", [False, True])
def test_cycles_of_links_end(plain, follow_links):
    for i in range(12):
        (plain / f"cat/folder{i}").mkdir()
    for i in range(12):
        for k in range(12):
            (plain / f"cat/folder{i}/to{k}").symlink_to(f"../folder{k}")
    (plain / "cat/up").symlink_to("..")
    (plain / "cat/here").symlink_to(".")
    data = read_folder(plain, follow_links=follow_links)
    assert len(data.images) == 6
    assert {"cat/up", "cat/here", "cat/folder3/to3", "cat/folder3/to4/to5"} <= set(data.skipped)


def test_a_link_to_the_root_of_all_is_not_followed(plain):
    (plain / "cat/root").symlink_to("/")
    assert read_folder(plain, follow_links=True).skipped == ["cat/root"]

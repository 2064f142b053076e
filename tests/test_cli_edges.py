"""What the command line answers when something goes wrong: a sentence, an exit status, and never a traceback."""

import errno
import logging
import os
import re
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from sk_cifar_ovr import CNNClassifier, save
from sk_cifar_ovr.cli import main
from sk_cifar_ovr.cli._console import Console
from sk_cifar_ovr.exceptions import MissingExtraError, PixelScaleWarning

# The same program as the installed script, in a process of its own.
PROGRAM = [sys.executable, "-m", "sk_cifar_ovr"]


def run(*arguments, **options):
    """Run the command line in a process of its own."""
    return subprocess.run([*PROGRAM, *map(str, arguments)], capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of two classes of which one is rare and looks like the other: it is never predicted."""
    root = tmp_path_factory.mktemp("photos")
    for name, n in (("a", 40), ("b", 6), ("c", 5)):
        (root / name).mkdir()
        for i in range(n):
            pixels = np.random.default_rng(i).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.skovr"
    X = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    save(CNNClassifier(model__filters=(2, 2, 2), epochs=1, random_state=0).fit(X, np.arange(20) % 2), path)
    return path


@pytest.fixture
def failing(monkeypatch):
    """`failing(error)` makes every report fail so."""

    def fail_with(error):
        def fail(*arguments, **options):
            raise error

        monkeypatch.setattr("sk_cifar_ovr.report.load_train_test_split", fail)

    return fail_with


def error_lines(capsys):
    return capsys.readouterr().err.splitlines()


def test_a_class_that_is_never_predicted_is_a_sentence(photos, tmp_path):
    """And nothing else is on standard error, with the warnings of all libraries switched on."""
    done = run(
        *("report", "--data", photos, "--epochs", "1", "--quiet", "--out", tmp_path / "out", "--threshold", "f1"),
        *("--set", "model__filters=[2, 2, 2]", "--strategy", "independent"),
        env={**os.environ, "PYTHONWARNINGS": "always"},
    )
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert all(line.startswith("sk-cifar-ovr: ") for line in lines), done.stderr
    assert len(lines) == len(set(lines)) < 8
    assert sum("not defined and shown as 0" in line for line in lines) == 1
    for part in ("Warning", ".py", "warnings.warn", "Traceback"):
        assert part not in done.stderr


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), "The disk is full: free space, .*disk .'/x/y'"),
        (PermissionError(errno.EACCES, "Permission denied", "/x/y"), "There is no permission: change it.*'/x/y'"),
        (
            ValueError(f"No folder: {OSError(errno.EACCES, 'Permission denied', 'x')}"),
            "No folder: Permission denied: 'x'",
        ),
        (ValueError("It takes ['image_size', 'weights']."), r"It takes \['image_size', 'weights'\]"),
        (ValueError("Pass a smaller image_size."), "Pass a smaller --image-size"),
        (OSError(errno.EIO, "Input/output error"), "The disk reports an error"),
        (MissingExtraError("It needs x: pip install x"), "It needs x: pip install x$"),
        (ImportError("No module named 'x'"), "No module named 'x'$"),
        (RuntimeError("a fault\n of ours"), "RuntimeError: a fault of ours. This should not have happened: .*--debug"),
        (RuntimeError("x" * 10_000), "RuntimeError: x{500} [.]{3}"),
        (KeyError("x"), "KeyError: 'x'. This should"),
        (AssertionError(), "AssertionError: AssertionError. This should"),
        (RecursionError("too deep"), "RecursionError"),
        (type("ResourceExhaustedError", (Exception,), {})("a graph"), "There is not enough memory: use --lazy"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_error_is_one_line(error, told, failing, tmp_path, capsys):
    failing(error)
    assert main(["report", "--out", str(tmp_path / "out")]) == 1
    (line,) = error_lines(capsys)
    assert line.startswith("sk-cifar-ovr: ")
    assert re.search(told, line), line
    assert "Errno" not in line


def test_a_traceback_is_shown_on_request(failing, tmp_path, capsys):
    failing(RuntimeError("a fault of ours"))
    assert main(["--debug", "report", "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert error.splitlines()[-1].startswith("sk-cifar-ovr: RuntimeError: a fault")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"],
        ["report", "--nothing"],
        ["report", "--epochs", "many"],
        ["report", "--seed", "-1"],
        ["report", "--seed", "4294967296"],
        ["report", "--threshold", "high"],
        ["report", "--set", "recipe"],
        ["report", "--fit", "squeeze"],
        ["predict", "model"],
        [],
    ],
    ids=" ".join,
)
def test_what_cannot_be_parsed_is_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert error_lines(capsys)[-1].startswith("sk-cifar-ovr")


@pytest.mark.parametrize("command", [[], ["report"], ["predict"], ["info"]])
def test_help_lists_the_exit_statuses(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for status in ("  0    everything", "  1    something could not", "  2    the command", "  130  ", "  143  "):
        assert status in shown


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("epochs=0", "epochs"),
        ("epochs=-1", "epochs"),
        ('epochs="ten"', "epochs"),
        ("batch_size=0.5", "batch_size"),
        ("model=3", "model"),
        ("model__filters=[0, 0, 0]", "filters"),
        ("model__filters=abc", "Check what --set gives to model__filters, model__filters."),
        ("model__filter=[1]", "filter"),
        ("optimizer=nothing", "optimizer"),
        ("optimizer__learning_rate=NaN", "."),
        ("optimizer__learning_rate=fast", "learning_rate"),
        ("random_state=abc", "random_state"),
        ("class_weight={}", "."),
        ("image_shape=[1, 2]", "image_shape"),
        ("validation_fraction=2", "validation_fraction"),
        ("precision=int8", "precision"),
        ("callbacks=[1]", "Check what --set gives to model__filters, callbacks."),
        ("augment=nothing", "augment"),
        ("recipe=nothing", "recipe"),
        ("nothing=1", "nothing"),
        ("=", "."),
        ("epochs=" + "[" * 100_000, "epochs"),
        ("epochs=" + "9" * 5000, "epochs"),
    ],
    ids=lambda value: value[:30],
)
def test_any_setting_gets_a_sentence(setting, told, photos, tmp_path, capsys):
    command = ["report", "--data", str(photos), "--quiet", "--epochs", "1", "--out", str(tmp_path / "out")]
    assert main([*command, "--set", "model__filters=[2, 2, 2]", "--set", setting]) in (0, 1)
    lines = error_lines(capsys)
    assert all(line.startswith("sk-cifar-ovr: ") for line in lines), lines
    assert "should not have happened" not in lines[-1] or "--set" in told, lines
    assert re.search(told, lines[-1]), lines


def test_warnings_of_this_package_come_once_and_others_not_at_all(failing, tmp_path, capsys, monkeypatch):
    def warn(*arguments, **options):
        for _ in range(3):
            warnings.warn("the first,\n on two lines", PixelScaleWarning, stacklevel=2)
            warnings.warn("of a library", UserWarning, stacklevel=1)
            warnings.warn("old", DeprecationWarning, stacklevel=1)
            logging.getLogger("sk_cifar_ovr.report").warning("a log message of %s", "ours")
            logging.getLogger("another").warning("of a library")
        raise ValueError("and an error")

    monkeypatch.setattr("sk_cifar_ovr.report.load_train_test_split", warn)
    before = warnings.showwarning, list(warnings.filters), list(logging.getLogger().handlers)
    assert main(["report", "--out", str(tmp_path / "out")]) == 1
    assert error_lines(capsys) == [
        "sk-cifar-ovr: warning: the first, on two lines",
        "sk-cifar-ovr: warning: a log message of ours",
        "sk-cifar-ovr: and an error",
    ]
    assert (warnings.showwarning, list(warnings.filters), list(logging.getLogger().handlers)) == before


def test_a_warning_is_ours_by_who_raised_it(capsys):
    """Whatever its category is."""
    ours = {"__name__": "sk_cifar_ovr.somewhere"}
    exec("import warnings\ndef warn(): warnings.warn('ours', UserWarning, stacklevel=2)", ours)
    with Console():
        ours["warn"]()
    with Console(debug=True):
        warnings.warn("of a library", UserWarning, stacklevel=1)
    assert error_lines(capsys) == ["sk-cifar-ovr: warning: ours", "sk-cifar-ovr: warning: of a library"]


def shell(command):
    """Run a command in a shell, in which ``$PROGRAM`` is the command line."""
    program = " ".join(PROGRAM)
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env={**os.environ, "PROGRAM": program}, timeout=600
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize(
    ("command", "status", "told"),
    [
        ("$PROGRAM info | true; exit ${PIPESTATUS[0]}", 0, ""),
        ("$PROGRAM --help | true; exit ${PIPESTATUS[0]}", 0, ""),
        ("$PROGRAM info >/dev/full", 1, "The results cannot be printed (No space left on device)"),
        ("$PROGRAM info >&-", 0, ""),
        ("$PROGRAM info nothing 2>&-", 1, ""),
        ("$PROGRAM info 2>/dev/full >/dev/null", 0, ""),
        ("KERAS_BACKEND=nothing $PROGRAM info", 1, "set KERAS_BACKEND to tensorflow, jax or torch"),
    ],
    ids=["pipe", "help pipe", "full", "no output", "no errors", "errors full", "backend"],
)
def test_output_that_nobody_reads(command, status, told):
    done = shell(command)
    assert (done.returncode, len(done.stderr.splitlines())) == (status, 1 if told else 0), done.stderr
    assert told in done.stderr


@pytest.mark.parametrize("kind", ["empty", "text", "image", "zip", "truncated", "pickle", "link"])
def test_predict_refuses_what_is_no_model(kind, model, tmp_path, capsys):
    path = tmp_path / "file.skovr"
    Image.new("RGB", (8, 8)).save(tmp_path / "image.png")
    if kind == "zip":
        shutil.make_archive(str(tmp_path / "file"), "zip", model.parent)
        (tmp_path / "file.zip").rename(path)
    elif kind == "link":
        path.symlink_to(path)
    else:
        whole = model.read_bytes()
        path.write_bytes(
            {
                "empty": b"",
                "text": b"hello",
                "image": (tmp_path / "image.png").read_bytes(),
                "truncated": whole[: len(whole) // 2],
                "pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.",
            }[kind]
        )
    assert main(["predict", str(path), str(tmp_path / "image.png")]) == 1
    (line,) = error_lines(capsys)
    assert "file.skovr" in line
    assert "should not have happened" not in line


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are always Unicode here")
def test_names_that_are_not_utf8_everywhere(photos, tmp_path):
    odd = os.fsdecode(b"\xff\xfe")
    shutil.copytree(photos, tmp_path / odd)
    command = ["report", "--data", tmp_path / odd, "--epochs", "1", "--quiet", "--set", "model__filters=[2, 2, 2]"]
    out = tmp_path / f"out{odd}"
    done = run(*command, "--out", out, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    assert "\\udcff" in done.stdout
    assert {"model.skovr", "report.md", "report.html", "metrics.json"} <= set(os.listdir(out))
    done = run("predict", out / "model.skovr", tmp_path / odd / "a", "--csv", out / f"{odd}.csv")
    assert done.returncode == 0, done.stderr


def test_data_of_one_class(tmp_path, capsys):
    (tmp_path / "photos/cat").mkdir(parents=True)
    for i in range(10):
        Image.new("RGB", (8, 8)).save(tmp_path / f"photos/cat/{i}.png")
    assert main(["report", "--data", str(tmp_path / "photos"), "--out", str(tmp_path / "out")]) == 1
    assert "has only one class, 'cat'" in error_lines(capsys)[-1]
    (tmp_path / "t.csv").write_text("file,label\n" + "\n".join(f"photos/cat/{i}.png,cat" for i in range(10)))
    command = ["report", "--data", str(tmp_path / "t.csv"), "--path-column", "file", "--label-columns", "label"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 1
    assert "has only one class, 'cat'" in error_lines(capsys)[-1]


def test_columns_are_listed_where_groups_name_none(photos, tmp_path, capsys):
    rows = [f"{path.relative_to(photos)},{path.parent.name},x" for path in photos.rglob("*.png")]
    (photos / "t.csv").write_text("\n".join(["file,label,patient", *rows]))
    command = ["report", "--data", str(photos / "t.csv"), "--path-column", "file", "--label-columns", "label"]
    assert main([*command, "--groups", "nocol", "--out", str(tmp_path / "out")]) == 1
    assert "Or name a column: file, label, patient." in error_lines(capsys)[-1]
    assert main([*command, "--groups", "patien", "--out", str(tmp_path / "out")]) == 1
    assert "Or is it the column 'patient'?" in error_lines(capsys)[-1]
    (photos / "t.csv").unlink()


@pytest.mark.parametrize("contents", [b"", b"\0\0\0", b"\xff\xfe\x00", b'a,b\n"', b"a" * 10, b"file\n" + b"x\0y\n"])
def test_tables_that_are_none(contents, tmp_path, capsys):
    (tmp_path / "t.csv").write_bytes(contents)
    command = ["report", "--data", str(tmp_path / "t.csv"), "--path-column", "file", "--label-columns", "label"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 1
    (line,) = error_lines(capsys)
    assert "should not have happened" not in line

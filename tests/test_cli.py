import csv
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sk_cifar_ovr import CNNClassifier, load, save
from sk_cifar_ovr.cli import main
from sk_cifar_ovr.cli._parser import METRICS, _setting, _threshold
from sk_cifar_ovr.exceptions import DatasetError, PixelScaleWarning
from sk_cifar_ovr.metrics import positive_probabilities
from sk_cifar_ovr.one_vs_rest import _thresholds
from sk_cifar_ovr.report import load_train_test_split

ARCHIVE = Path(__file__).parents[2] / "shared" / "data" / "cifar10-jpeg.tar.xz"
REFERENCE_COLUMNS = (
    "class,accuracy,class_precision,class_recall,class_f1,others_precision,others_recall,others_f1,"
    "macro_precision,macro_recall,macro_f1,tp,fn,fp,tn"
).split(",")


def write_images(root, *, n=12, classes=("a", "b", "c"), parts=("train", "test"), size=(8, 8)):
    """Small pictures whose brightness tells the class."""
    rng = np.random.default_rng(0)
    for part in parts:
        for k, name in enumerate(classes):
            folder = root / part / name
            folder.mkdir(parents=True)
            for i in range(n):
                pixels = rng.integers(80 * k, 80 * k + 40, (*size, 3)).astype("uint8")
                Image.fromarray(pixels).save(folder / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report of a real run on a small folder, made by a real process."""
    root = write_images(tmp_path_factory.mktemp("images"))
    out = tmp_path_factory.mktemp("out") / "report"
    command = [sys.executable, "-m", "sk_cifar_ovr", "report", "--data", str(root), "--epochs", "2"]
    done = subprocess.run(
        [*command, "--strategy", "independent", "--out", str(out)],
        capture_output=True,
        text=True,
        check=True,
        # A backend that needs a window system, of which there is none.
        env={**os.environ, "MPLBACKEND": "tkagg", "DISPLAY": ""},
    )
    return root, out, done


def test_report_writes_everything_it_names(report):
    _, out, done = report
    named = [Path(line.strip()) for line in done.stdout.split("Written:\n")[1].splitlines()]
    assert {path.name for path in named} == {
        "model.skovr",
        "ovr_table.csv",
        "metrics.json",
        "report.md",
        "report.html",
        "confusion.png",
        "tsne.png",
    }
    assert all(path.stat().st_size > 0 for path in named)
    assert sorted(os.listdir(out)) == sorted(path.name for path in named)


def test_report_prints_the_table_and_progress_goes_to_stderr(report):
    _, _, done = report
    assert "| mean" in done.stdout
    assert "epoch" not in done.stdout.split("Written:")[0].split("| class")[1]
    assert "class 3/3" in done.stderr
    assert "TensorFlow" not in done.stderr
    assert "oneDNN" not in done.stderr
    assert "36 training images get 2 epochs in batches of 16" in done.stderr


def test_table_has_the_columns_of_the_reference(report):
    _, out, _ = report
    with (out / "ovr_table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == REFERENCE_COLUMNS
    assert [sum(int(row[c]) for c in ("tp", "fn", "fp", "tn")) for row in rows] == [36] * 3


def test_report_says_how_to_repeat_it(report):
    root, out, _ = report
    text = (out / "report.md").read_text()
    assert f"Command: sk-cifar-ovr report --data {root} --epochs 2 --strategy independent" in text
    for part in ("SHA-256", "seed 0", "2 epochs", "keras", "Minutes", "Conv2D", "288,162 parameters, 287,714"):
        assert part in text, part
    figures = json.loads((out / "metrics.json").read_text())
    assert figures["rows"] == {"train": 36, "test": 36}
    assert figures["settings"]["batch_size"] == 16
    assert len(figures["data"]["sha256"]) == 64
    assert np.array(figures["confusion"]).shape == (3, 2, 2)
    assert len(figures["scores"]["calibration_error"]) == 3


def test_a_part_at_fault_loses_no_other(tmp_path, capsys, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("no paint left")

    monkeypatch.setattr("sk_cifar_ovr.report._figures.OvRConfusionDisplay", fail)
    monkeypatch.setattr("sk_cifar_ovr.report._embedding.CNNFeatures", fail)
    root = write_images(tmp_path / "images")
    command = ["report", "--data", str(root), "--epochs", "1", "--quiet", "--set", "model__filters=[4, 4, 4]"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 1
    captured = capsys.readouterr()
    assert "confusion.png was not written: no paint left" in captured.err
    assert "| mean" in captured.out
    assert "tsne.png was not written: no paint left" in captured.err
    files = {"model.skovr", "ovr_table.csv", "metrics.json", "report.md", "report.html"}
    assert set(os.listdir(tmp_path / "out")) == files
    assert "There is no map: no paint left" in (tmp_path / "out" / "report.html").read_text()
    assert load(tmp_path / "out" / "model.skovr").classes_.tolist() == ["a", "b", "c"]


def test_what_an_extra_is_missing_for_is_said_and_nothing_else_lost(tmp_path, capsys, monkeypatch):
    for name in ("bokeh", "matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    root = write_images(tmp_path / "images")
    command = ["report", "--data", str(root), "--epochs", "1", "--quiet", "--set", "model__filters=[4, 4, 4]"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("sk-cifar-ovr: report.html will not be written: ")
    assert "report.html was not written: it needs Bokeh: pip install bokeh" in error
    for name in ("confusion.png", "tsne.png"):
        assert f"{name} was not written: Pictures need matplotlib: pip install matplotlib" in error
    assert set(os.listdir(tmp_path / "out")) == {"model.skovr", "ovr_table.csv", "metrics.json", "report.md"}


def test_the_model_is_saved_before_the_test_images_are_read(tmp_path, capsys, monkeypatch):
    def fail(*arguments, **options):
        raise ValueError("no memory left")

    monkeypatch.setattr("sk_cifar_ovr.report._write_report.evaluate", fail)
    root = write_images(tmp_path / "images")
    command = ["report", "--data", str(root), "--epochs", "1", "--quiet", "--set", "model__filters=[4, 4, 4]"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 1
    assert "no memory left" in capsys.readouterr().err
    assert load(tmp_path / "out" / "model.skovr").classes_.tolist() == ["a", "b", "c"]


def test_predict_answers_for_files_and_folders(report, tmp_path, capsys):
    root, out, _ = report
    table = tmp_path / "t.csv"
    table.write_text("an old one")
    assert main(["predict", str(out / "model.skovr"), str(root / "test" / "a"), "--csv", str(table)]) == 0
    printed = capsys.readouterr().out.splitlines()
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert os.listdir(tmp_path) == ["t.csv"]
    assert len(rows) == 12
    assert printed[0].split() == ["image", "predicted", "yes", "a", "%", "b", "%", "c", "%"]
    estimator = load(out / "model.skovr")
    images = np.stack([np.asarray(Image.open(row["image"])) for row in rows])
    probabilities = positive_probabilities(estimator, images)
    answers = estimator.predict_ovr(images)
    assert [row["predicted"] for row in rows] == estimator.predict(images).tolist()
    for k, name in enumerate("abc"):
        assert [row[f"is {name}"] == "True" for row in rows] == answers[:, k].tolist()
        np.testing.assert_allclose([float(row[f"probability of {name}"]) for row in rows], probabilities[:, k])
    for row, line, p, yes in zip(rows, printed[1:], probabilities, answers, strict=True):
        told = ", ".join(np.array(["a", "b", "c"])[yes]) or "-"
        assert line.split() == [row["image"], row["predicted"], *told.split(), *(f"{100 * value:.1f}" for value in p)]


def test_predict_leaves_out_what_cannot_be_read_and_resizes_on_request(report, tmp_path, capsys):
    _, out, _ = report
    Image.new("RGB", (8, 8), (200, 200, 200)).save(tmp_path / "1.png")
    Image.new("L", (30, 20)).save(tmp_path / "2.png")
    (tmp_path / "3.png").write_text("no picture")
    os.mkfifo(tmp_path / "4.png")
    command = ["predict", str(out / "model.skovr"), str(tmp_path)]
    assert main(command) == 1
    error = capsys.readouterr().err
    assert "2.png' is 30x20 (width x height), not 8x8" in error
    assert "--fit crop" in error
    for options in (["--resize"], ["--fit", "pad"]):
        assert main([*command, *options]) == 1
        captured = capsys.readouterr()
        assert captured.err.splitlines() == [
            f"sk-cifar-ovr: {tmp_path / '4.png'} is no regular file; left out",
            f"sk-cifar-ovr: {tmp_path / '3.png'} cannot be read as an 8-bit image; left out",
        ]
        assert [Path(line.split()[0]).name for line in captured.out.splitlines()[1:]] == ["1.png", "2.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are always Unicode here")
def test_predict_escapes_names_that_are_not_utf8(report, tmp_path, capsys):
    Image.new("RGB", (8, 8)).save(tmp_path / os.fsdecode(b"\xff.png"))
    (tmp_path / os.fsdecode(b"\xfe.png")).write_text("no picture")
    table = tmp_path / "t.csv"
    assert main(["predict", str(report[1] / "model.skovr"), str(tmp_path), "--csv", str(table)]) == 1
    captured = capsys.readouterr()
    with table.open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["image"] == f"{tmp_path}/\\udcff.png"
    assert captured.out.splitlines()[1].split()[0] == row["image"]
    assert "\\udcfe.png cannot be read" in captured.err


def test_predict_scales_sixteen_bit_images_on_request(report, tmp_path, capsys):
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(tmp_path / "deep.png")
    command = ["predict", str(report[1] / "model.skovr"), str(tmp_path / "deep.png")]
    assert main(command) == 1
    assert "None of the 1 images can be read" in capsys.readouterr().err
    assert main([*command, "--sixteen-bit", "scale"]) == 0
    expected = load(report[1] / "model.skovr").predict(np.full((1, 8, 8, 3), 155, np.uint8))[0]
    assert capsys.readouterr().out.splitlines()[1].split()[1] == expected


def test_predict_says_what_a_path_is(report, tmp_path, capsys):
    shutil.make_archive(str(tmp_path / "images"), "zip", report[0])
    shutil.make_archive(str(tmp_path / "images"), "gztar", report[0])
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "link.png").symlink_to("nowhere.png")
    for name, told in (
        ("nowhere.jpg", "does not exist"),
        ("link.png", "is a link to a file that does not exist"),
        ("pipe.png", "is neither a regular file nor a folder"),
        ("images.zip", "is an archive. Unpack it and pass the folder"),
        ("images.tar.gz", "is an archive. Unpack it and pass the folder"),
    ):
        assert main(["predict", str(report[1] / "model.skovr"), str(tmp_path / name)]) == 1
        error = capsys.readouterr().err
        assert f"{name}' {told}" in error
        assert "folder or archive" not in error


def test_predict_reads_many_images_in_blocks(report, tmp_path, capsys, monkeypatch):
    root, out, _ = report
    (tmp_path / "broken.png").write_text("no picture")
    command = ["predict", str(out / "model.skovr"), str(root / "test" / "a"), str(tmp_path), str(root / "test" / "b")]
    assert main(command) == 1
    whole = capsys.readouterr()
    assert len(whole.out.splitlines()) == 25
    monkeypatch.setattr("sk_cifar_ovr.datasets._unlabeled_images.BLOCK_BYTES", 8 * 8 * 3)
    assert main(command) == 1
    assert capsys.readouterr() == whole
    assert "broken.png cannot be read" in whole.err
    assert main([*command[:2], str(tmp_path)]) == 1
    assert "None of the 1 images can be read" in capsys.readouterr().err


def test_photographs_of_any_size_from_report_to_predict(tmp_path, capsys):
    """No image size and no number of epochs is given, and new photographs are brought in as the training images."""
    root = tmp_path / "photos"
    for size in ((30, 40), (60, 36)):
        write_images(root / f"{size[0]}", parts=("",), classes=("a", "b"), n=10, size=size)
    for folder in ("a", "b"):
        (root / folder).mkdir()
        for size in ("30", "60"):
            for path in (root / size / folder).iterdir():
                path.rename(root / folder / f"{size}_{path.name}")
    for size in ("30", "60"):
        shutil.rmtree(root / size)
    (root / "a" / "damaged.png").write_text("no picture")
    model, out = tmp_path / "out" / "model.skovr", str(tmp_path / "out")
    command = ["report", "--data", str(root), "--out", out, "--quiet", "--set", "model__filters=[2, 2, 2]"]
    assert main(command) == 1
    assert "Restore or convert it, or pass --on-error skip." in capsys.readouterr().err
    assert main([*command, "--on-error", "skip"]) == 0
    error = capsys.readouterr().err
    assert "1 file was left out: 'a/damaged.png'." in error
    assert "1 files left out" in (tmp_path / "out" / "report.md").read_text()
    assert "Images of 2 different sizes are brought to 32x32 (crop); choose another size with --image-size." in error
    assert load(model).image_reading_ == {"image_size": [32, 32], "fit": "crop", "sixteen_bit": "refuse"}
    Image.new("RGB", (300, 200), (90, 90, 90)).save(tmp_path / "new.jpg")
    expected = load(model).predict(np.full((1, 32, 32, 3), 90, np.uint8))[0]
    assert main(["predict", str(model), str(tmp_path / "new.jpg")]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[1] == expected
    assert main(["info", str(model)]) == 0
    told = capsys.readouterr().out
    for line in ("image files: of any size, brought to 32x32 pixels (height x width) by crop", "thresholds: b 0.5"):
        assert line in told


def test_small_classes_and_groups(tmp_path, capsys):
    root = write_images(tmp_path / "images", parts=("",), n=10)
    write_images(tmp_path / "more", parts=("",), classes=("d", "e"), n=3)
    for name in "de":
        (tmp_path / "more" / name).rename(root / name)
    (root / "e" / "0.png").unlink()
    command = ["report", "--data", str(root), "--epochs", "1", "--quiet", "--set", "model__filters=[2, 2, 2]"]
    command += ["--out", str(tmp_path / "out"), "--set", "recipe=null", "--lazy"]
    assert main([*command, "--min-images", "3", "--groups", r"(\d+)\.png"]) == 0
    error = capsys.readouterr().err
    assert "sk-cifar-ovr: 1 class was left out: e (2)." in error
    assert r"Images are kept together in 10 groups by '(\\d+)\\.png' in the file names; the largest holds 4" in error
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["classes"] == ["a", "b", "c", "d"]
    assert main(command) == 0
    captured = capsys.readouterr()
    assert "2 of 5 classes are trained on but not measured (fewer than 5 images): d (3), e (2)." in captured.out
    assert load(tmp_path / "out" / "model.skovr").classes_.tolist() == list("abcde")
    for option, message in (
        (["--min-images", "0"], "--min-images is 0; it must be a positive integer."),
        (["--min-images", "11"], "fewer than two classes of at least 11 images"),
        (["--groups", "x"], "'x' does not match the file names of 35 of 35 images, such as 'a/0.png', 'a/1.png', 'a/2"),
    ):
        assert main([*command, *option]) == 1
        assert message in capsys.readouterr().err


def test_several_labels_from_report_to_predict(tmp_path, capsys):
    rng = np.random.default_rng(0)
    rows = []
    for i in range(40):
        pixels = rng.integers(0, 40, (8, 8, 3)) + np.array([180 * (i % 2), 180 * (i % 3 == 0), 0])
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(pixels.astype("uint8")).save(tmp_path / "images" / f"{i}.png")
        rows.append(f"{i}.png,{'' if i == 7 else i % 2},{int(i % 3 == 0)}")
    (tmp_path / "labels.csv").write_text("\n".join(["file,red,green", *rows]))
    command = ["report", "--data", str(tmp_path / "labels.csv"), "--path-column", "file", "--quiet", "--epochs", "1"]
    command += ["--label-columns", "red", "green", "--threshold", "recall=0.9", "--out", str(tmp_path / "out")]
    command += ["--image-size", "8x8", "--lazy", "--set", "model__filters=[4, 4, 4]"]
    assert main(command) == 1
    assert "Pass --root if they are relative to another folder, or --on-error skip" in capsys.readouterr().err
    assert main([*command, "--root", str(tmp_path / "images")]) == 0
    captured = capsys.readouterr()
    assert "| red | recall | 90.0 |" in captured.out
    model = tmp_path / "out" / "model.skovr"
    assert main(["predict", str(model), str(tmp_path / "images"), "--csv", str(tmp_path / "t.csv")]) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["image", "predicted", "red", "%", "green", "%"]
    with (tmp_path / "t.csv").open() as file:
        row = next(csv.DictReader(file))
    yes = load(model).predict_ovr(np.asarray(Image.open(tmp_path / "images" / "0.png"))[None])[0]
    assert row["predicted"] == ", ".join(name for name, is_class in zip(["red", "green"], yes, strict=True) if is_class)
    assert main(["info", str(model)]) == 0
    told = capsys.readouterr().out
    assert "labels: any number per image" in told
    assert "promise: recall of red at least 0.9;" in told


@pytest.mark.parametrize(
    ("text", "threshold"),
    [("0.3", 0.3), ("f1", "f1"), ("precision=0.9", {"precision": 0.9}), ("recall=1", {"recall": 1.0})],
)
def test_thresholds_of_the_command_line(text, threshold):
    assert _threshold(text) == threshold


def test_metrics_of_the_command_line_are_those_of_the_classifier():
    assert METRICS == _thresholds.METRICS


@pytest.mark.parametrize(
    "text",
    [
        "f2",
        "nan",
        "1.5",
        "foo=0.5",
        "precison=0.9",
        "precision",
        "precision=",
        "precision=2",
        "recall=0",
        "recall=high",
    ],
)
def test_thresholds_that_are_none_are_usage_errors(text, capsys):
    with pytest.raises(SystemExit):
        main(["report", "--threshold", text])
    assert f"{text!r} is none of: a number from 0 to 1; f1 or balanced_accuracy; precision=P" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "There is not enough memory: use --lazy or --cache FOLDER"),
        (
            MemoryError("An array takes 1676.4 GiB, and 3.1 GiB are free. Pass lazy=True."),
            "There is not enough memory (An array takes 1676.4 GiB, and 3.1 GiB are free): use --lazy",
        ),
        (
            DatasetError("Pass image_size=(height, width),\n or cache=FOLDER."),
            "Pass --image-size HEIGHTxWIDTH, or --cache",
        ),
    ],
)
def test_advice_names_options_of_the_command_line(error, told, tmp_path, capsys, monkeypatch):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr("sk_cifar_ovr.report.load_train_test_split", fail)
    assert main(["report", "--data", "photos", "--out", str(tmp_path / "out")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"sk-cifar-ovr: {told}")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--image-size", "0"], "'0' is not a height, or HEIGHTxWIDTH"),
        (["--image-size", "96x"], "'96x' is not a height, or HEIGHTxWIDTH"),
        (["--fit", "squeeze"], "invalid choice"),
    ],
)
def test_options_that_cannot_be_parsed_are_usage_errors(option, message, capsys):
    with pytest.raises(SystemExit):
        main(["report", *option])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["folder", "no/such/table.csv", "pipe", "link to a pipe"])
def test_predict_checks_where_the_table_goes_before_the_work(name, tmp_path, capsys, monkeypatch):
    def load(path):
        raise AssertionError("the model was read")

    monkeypatch.setattr("sk_cifar_ovr.persistence.load", load)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link to a pipe").symlink_to("pipe")
    assert main(["predict", "model", "image.png", "--csv", str(tmp_path / name)]) == 1
    assert str(tmp_path / name) in capsys.readouterr().err


def test_predict_names_an_empty_folder(report, tmp_path, capsys):
    (tmp_path / "void").mkdir()
    assert main(["predict", str(report[1] / "model.skovr"), str(tmp_path / "void")]) == 1
    error = capsys.readouterr().err
    assert "no images" in error
    assert "void" in error


def test_info_tells_versions_and_models(report, capsys):
    _, out, _ = report
    assert main(["info"]) == 0
    assert "keras" in json.loads(capsys.readouterr().out)
    assert main(["info", str(out / "model.skovr")]) == 0
    assert "288,162 parameters" in capsys.readouterr().out


def test_predict_and_info_take_a_single_network_too(digits, tmp_path, capsys):
    X, y = digits
    save(CNNClassifier(model__filters=(4, 4, 4), epochs=1, random_state=0).fit(X, y), tmp_path / "model")
    Image.fromarray(X[0, ..., 0]).save(tmp_path / "digit.png")
    assert main(["predict", str(tmp_path / "model"), str(tmp_path / "digit.png")]) == 0
    assert "digit.png" in capsys.readouterr().out
    Image.new("L", (9, 9)).save(tmp_path / "large.png")
    assert main(["predict", str(tmp_path / "model"), str(tmp_path / "large.png")]) == 1
    error = capsys.readouterr().err
    assert "--fit crop, pad or stretch" in error
    assert "estimator.image_reading_ = data.reading before save" in error
    assert main(["info", str(tmp_path / "model")]) == 0
    assert "(8, 8, 1)" in capsys.readouterr().out


def test_predict_gives_a_network_the_scale_it_was_trained_on(digits, tmp_path):
    X, y = digits
    with pytest.warns(PixelScaleWarning):
        classifier = CNNClassifier(model__filters=(4, 4, 4), epochs=1, random_state=0).fit(X / 255, y)
    save(classifier, tmp_path / "model")
    Image.fromarray(X[0, ..., 0]).save(tmp_path / "digit.png")
    table = tmp_path / "t.csv"
    assert main(["predict", str(tmp_path / "model"), str(tmp_path / "digit.png"), "--csv", str(table)]) == 0
    with table.open() as file:
        (row,) = csv.DictReader(file)
    told = [float(row[f"probability of {k}"]) for k in classifier.classes_]
    np.testing.assert_allclose(told, classifier.predict_proba(X[:1] / 255)[0], atol=1e-5)


def test_predict_refuses_a_network_of_flat_rows(digits, tmp_path, capsys):
    X, y = digits
    flat = CNNClassifier(model__filters=(4, 4, 4), epochs=1, random_state=0).fit(X.reshape(len(X), -1), y)
    save(flat, tmp_path / "model")
    Image.fromarray(X[0, ..., 0]).save(tmp_path / "digit.png")
    assert main(["predict", str(tmp_path / "model"), str(tmp_path / "digit.png")]) == 1
    assert "flat rows of 64 values: train it with image_shape=" in capsys.readouterr().err


def test_settings_of_the_command_line_may_be_weights_by_label():
    assert _setting('class_weight={"0": 1, "1": 5}') == ("class_weight", {0: 1, 1: 5})
    assert _setting('class_weight={"cat": 2}') == ("class_weight", {"cat": 2})


def test_an_interrupted_report_keeps_the_model(tmp_path, capsys, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("sk_cifar_ovr.report._write_report.embed_test_images", interrupt)
    root = write_images(tmp_path / "images")
    command = ["report", "--data", str(root), "--epochs", "1", "--quiet", "--set", "model__filters=[4, 4, 4]"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert not [name for name in os.listdir(tmp_path / "out") if name.startswith(".")]
    assert load(tmp_path / "out" / "model.skovr").classes_.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_images_to_split_are_counted(n, tmp_path):
    root = write_images(tmp_path / "photos", parts=("",), n=n)
    with pytest.raises(DatasetError, match=rf"too small .*\(a {n}, b {n}, c {n}\): add images"):
        load_train_test_split(str(root), seed=0, verbose=0)


@pytest.mark.parametrize("parts", [("train", "test"), ("",)])
def test_the_folder_one_stands_in_has_a_name(tmp_path, parts, monkeypatch):
    monkeypatch.chdir(write_images(tmp_path / "photos", parts=parts))
    assert load_train_test_split(".", seed=0, verbose=0).origin.startswith("photos; ")


def test_an_unwritable_folder_is_found_before_training(tmp_path, capsys, monkeypatch):
    (tmp_path / "file").write_text("in the way")

    def train(*args, **kwargs):
        raise AssertionError("training began")

    monkeypatch.setattr("sk_cifar_ovr.report.write_report", train)
    assert main(["report", "--data", "digits", "--out", str(tmp_path / "file" / "report")]) == 1
    assert "output folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "--data", "no/such/folder"], "no/such/folder"),
        (["report", "--data", "digits", "--epochs", "0"], "epochs"),
        (["report", "--data", "digits", "--set", "loss=crossentropy"], "loss: already set by loss="),
        (["report", "--model", "cifar_cn"], "did you mean 'cifar_cnn'"),
        (["report", "--path-column", "file"], "both --path-column and --label-columns"),
        (["report", "--root", "."], "both --path-column and --label-columns"),
        (["report", "--data", "digits", "--lazy"], "digits is not read from a folder"),
        (["report", "--path-column", "a", "--label-columns", "b"], "digits is no CSV file: leave out --path-column"),
        (["report", "--data", ".", "--path-column", "a", "--label-columns", "b"], "is a folder, in which"),
        (["report", "--data", "x.txt"], "'x.txt' cannot be read as an archive: it is"),
        (["report", "--data", "x.jpg"], "x.jpg is a single image: pass a folder"),
        (
            ["predict", "no-such-model", "image.png"],
            "There is no file 'no-such-model'. Name a model file: the model.skovr",
        ),
        (["info", "."], "'.' is a folder. Name a model file: the model.skovr"),
    ],
)
def test_bad_input_is_one_line_on_stderr(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (8, 8)).save("x.jpg")
    Path("x.txt").write_text("no archive")
    assert main(arguments) == 1
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "Errno" not in error
    assert len(error.splitlines()) == 1
    assert "Traceback" not in error


@pytest.mark.skipif(not ARCHIVE.exists(), reason="shared/data/cifar10-jpeg.tar.xz is not here")
def test_reference_stands_beside_cifar10_only():
    cifar = load_train_test_split(str(ARCHIVE), seed=0, verbose=0)
    assert cifar.is_cifar10
    assert cifar.X_train.shape == (50_000, 32, 32, 3)
    assert cifar.X_test.shape == (10_000, 32, 32, 3)
    other = dataclasses.replace(cifar, X_test=cifar.X_test[:5000], y_test=cifar.y_test[:5000])
    assert not other.is_cifar10

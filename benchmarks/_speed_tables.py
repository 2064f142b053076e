"""Tables of docs/speed.rst from the engine's result files."""

import json

import pandas as pd
from _common import RESULTS

NAMES = {
    "scikeras": "SciKeras",
    "ours": "one network",
    "keras by hand": "plain Keras, a loop",
    "skorch": "skorch, PyTorch",
    "mixed_bfloat16": "bfloat16",
}


def result(name):
    return json.loads((RESULTS / f"engine_{name}.json").read_text())


def named(side):
    """A side of a benchmark in words."""
    for name, words in NAMES.items():
        side = side.replace(name, words)
    return side


def against_scikeras():
    """One row a side of each comparison: seconds, times faster, and F1 on images held out."""
    fits, few, grid = result("one_vs_rest"), result("overhead")["fit"], result("search")["search"]
    rows = [
        row("fit, ten classes", side, timed["whole_seconds"], timed["times_faster"], fits["held_out_f1"][side])
        for side, timed in fits["fit"].items()
    ]
    rows += timed_rows("predict, ten classes", fits["predict_10000"])
    rows += [
        row("first fit, 256 images", side, seconds, few["first_seconds"]["scikeras"] / seconds)
        for side, seconds in few["first_seconds"].items()
    ]
    rows += timed_rows("later fit, 256 images", few["timed"], few["held_out_f1"])
    rows += timed_rows("GridSearchCV", grid["timed"], {side: max(f1) for side, f1 in grid["held_out_f1"].items()})
    return pd.DataFrame(rows)


def against_others():
    """The same columns for plain Keras and skorch."""
    fits = result("peers")["fit"]
    return pd.DataFrame(timed_rows("fit, ten classes", fits["timed"], fits["held_out_f1"]))


def timed_rows(work, timed, f1=None):
    return [
        row(work, side, one["median_seconds"], one["times_faster"], (f1 or {}).get(side)) for side, one in timed.items()
    ]


def row(work, side, seconds, times_faster, f1=None):
    return {
        "work": work,
        "by": named(side),
        "seconds": f"{seconds:.3g}",
        "times faster": f"{times_faster:.3g}",
        "held-out F1": "" if f1 is None else f"{f1:.2f}",
    }


def throughput():
    """One row a precision: images a second, beside the bare loop and the machine's matrix products."""
    measured = result("throughput")
    rows = []
    for precision in ("float32", "mixed_bfloat16"):
        figures = measured[precision]
        rows.append(
            {
                "precision": precision,
                "images per second": f"{figures['images_a_second']:,.0f}",
                "times the bare loop": f"{figures['ours']['times_faster']:.2f}",
                "share of the matrix rate": f"{100 * figures['share_of_matrix_rate']:.0f} %",
                "held-out F1": f"{figures['held_out_f1']['ours']:.2f}",
                "held-out F1, bare loop": f"{figures['held_out_f1']['bare loop']:.2f}",
            }
        )
    return pd.DataFrame(rows)


def memory():
    """One row a side: megabytes of the whole process, and above two smaller ones."""
    measured = result("memory")
    rows = []
    for side in ("scikeras", "joint", "independent"):
        cells = {"fit by": named(side), "whole process": f"{measured['peak_megabytes'][side]:,.0f}"}
        for part, words in (
            ("megabytes_above_images_and_imports", "above images and imports"),
            ("megabytes_above_one_small_fit", "above one small fit"),
        ):
            share = measured[part][side] / measured[part]["scikeras"]
            cells[words] = f"{measured[part][side]:,.0f} ({100 * share:.0f} %)"
        rows.append(cells)
    return pd.DataFrame(rows)


TABLES = {
    "speed_scikeras": against_scikeras,
    "speed_others": against_others,
    "speed_throughput": throughput,
    "speed_memory": memory,
}

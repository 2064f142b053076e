"""What every benchmark states: data, versions, threads, seeds, commit; and where results go."""

import json
import os
import platform
import statistics
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
DATA = ROOT.parent / "shared" / "data" / "cifar10-jpeg.tar.xz"
PACKAGES = (
    *("sk_cifar_ovr", "keras", "tensorflow", "jax", "torch", "scikeras", "skorch"),
    *("scikit-learn", "openTSNE", "numpy"),
)
# Training parameters of the results here, unless a benchmark says otherwise.
PLAIN = {"loss": "focal", "batch_size": 128, "recipe": None}
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def surroundings(seed: int = 0) -> dict:
    """Versions, threads, machine, seed and commit."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    # Results of the same run that lie there already are no change.
    status = ["git", "status", "--porcelain", "-uno", "--", ".", ":!benchmarks/results"]
    changed = subprocess.run(status, cwd=ROOT, capture_output=True, text=True).stdout
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    return {
        "commit": commit + ("+changes" if changed.strip() else ""),
        "python": platform.python_version(),
        "versions": found,
        "backend": os.environ.get("KERAS_BACKEND", "tensorflow"),
        "cpu_count": os.cpu_count(),
        "threads": {name: os.environ[name] for name in THREADS if name in os.environ} or "each library's default",
        "seed": seed,
        "avx512_bf16": "avx512_bf16" in flags,
        "date": time.strftime("%Y-%m-%d"),
    }


def write_result(name: str, result: dict) -> Path:
    """Write a result file, whole or not at all."""
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
    return path


def clock(function) -> tuple[float, object]:
    """Seconds a call takes, and its answer."""
    began = time.perf_counter()
    answer = function()
    return time.perf_counter() - began, answer


def interleaved(sides: dict, repeats: int, report=print) -> dict[str, list[float]]:
    """Time each side in turn, `repeats` times."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for i in range(repeats):
        for name, function in sides.items():
            seconds[name].append(clock(function)[0])
            report(f"  {i + 1}/{repeats} {name}: {seconds[name][-1]:.2f} s", flush=True)
    return seconds


def described(surroundings: dict, sha256: str, **facts) -> dict:
    """The head of a result: where, on which data, and what was the same for all sides."""
    return {"surroundings": surroundings, "data": "CIFAR-10, JPEG q75 copy", "data_sha256": sha256, **facts}


def ratios(seconds: dict[str, list[float]], baseline: str) -> dict[str, dict]:
    """Of each side: its times, their median, and the median of the baseline's time over its own, pair by pair."""
    return {
        name: {
            "seconds": [round(t, 4) for t in times],
            "median_seconds": statistics.median(times),
            "times_faster": statistics.median(b / t for b, t in zip(seconds[baseline], times, strict=True)),
        }
        for name, times in seconds.items()
    }

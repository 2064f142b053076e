"""A short run of the script that loads changed files."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / ".ci" / "fuzz_saved_files.py"


def test_changed_files_are_refused_or_valid():
    result = subprocess.run(
        [sys.executable, "-W", "ignore", str(SCRIPT), "--n", "240", "--seed", "3"], capture_output=True, text=True
    )
    assert result.stdout, result.stderr[-2000:]
    summary = json.loads(result.stdout)
    assert summary["violations"] == []
    assert summary["files"] == 240
    assert summary["outcomes"]["damaged: refused"] > 120
    assert summary["outcomes"]["forged: refused"] > 50

"""`make drill-demo` as a newcomer has it: a drill that passes, one that finds, and nothing left."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_the_drill_of_a_healthy_backup_passes_and_that_of_a_lost_page_says_which_table() -> None:
    # Not pytest's own directory: nobody else may enter that one, and the server runs as somebody else.
    with tempfile.TemporaryDirectory(prefix="lifecycle-drill-") as home:
        Path(home).chmod(0o711)
        demo = subprocess.run(
            [sys.executable, "-m", "scripts.drill_demo"],
            env=os.environ | {"TMPDIR": home},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        left = list(Path(home).iterdir())
    said = demo.stdout

    assert demo.returncode == 0, said + demo.stderr
    assert left == []
    assert (
        len(re.findall(r"^pass: base_\w+ was recovered to lifecycle_\d+", said, re.MULTILINE)) == 1
    )
    assert re.search(r"^fail: visits: has [\d,]+ rows, and its index knows of", said, re.MULTILINE)
    for phase in ("fetch_ms", "recover_ms", "compare_ms"):
        assert len(re.findall(rf"^  {phase}: [\d,]+$", said, re.MULTILINE)) == 2

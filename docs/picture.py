"""Record the demo at a terminal of its own, and draw a part of it as docs/demo.svg."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 100
FIRST = "What is stale"  # the chapter that the picture begins with
LEFT_OUT = re.compile(r"^\$ mdrepo (patch$|get )")  # long; the patch is in the README's tour


def record(folder: Path) -> str:
    """What `mdrepo demo` writes to a terminal."""
    reader, writer = pty.openpty()
    words = [sys.executable, "-m", "mdrepo", "demo", str(folder / "demo")]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(WIDTH), "PAGER": "cat"}
    process = subprocess.Popen(words, stdout=writer, stderr=writer, stdin=subprocess.DEVNULL, env=environment, cwd=folder)
    os.close(writer)
    written = b""
    while True:
        try:
            part = os.read(reader, 65536)
        except OSError:
            break
        if not part:
            break
        written += part
    if process.wait():
        sys.exit(written.decode())
    return written.decode("utf-8").replace("\r\n", "\n")


def chosen(text: str) -> list[str]:
    """The lines from the first chapter on, without the output of what is left out."""
    lines, skipping, begun = [], False, False
    for line in text.splitlines():
        bare = re.sub(r"\x1b\[[0-9;]*m", "", line)
        begun = begun or FIRST in bare
        if bare.startswith(("$ ", "  (")) or re.match(r"\d+\. ", bare):
            skipping = bool(LEFT_OUT.match(bare))
        if begun and not skipping:
            lines.append(line)
    return lines


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = record(Path(folder)).replace(f"{folder}/", "")
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    for line in chosen(text):
        console.print(Text.from_ansi(line), soft_wrap=False, overflow="ellipsis", no_wrap=True)
    svg = console.export_svg(title="mdrepo demo")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # nothing is loaded from elsewhere
    (Path(__file__).parent / "demo.svg").write_text(re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE), encoding="utf-8")


if __name__ == "__main__":
    main()

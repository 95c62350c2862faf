"""Values to plant, and the search for them in every spelling that an output may give them."""

import base64
import json
import secrets
import threading
import time
import urllib.parse
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path


def new_value() -> str:
    """Something that nothing else in the world prints; its punctuation is escaped differently everywhere."""
    return f'pl"an\\t/{secrets.token_hex(12)}+ed'


def spellings(value: str) -> set[str]:
    """The value itself, escaped, and in base64 at each alignment."""
    core = value[8:-3]  # the part without punctuation: every other escape keeps it
    found = {value, json.dumps(value)[1:-1], urllib.parse.quote(value, safe=""), core}
    for text in (value, core):
        for before in range(3):
            encoded = base64.b64encode(b"\0" * before + text.encode()).decode()
            found.add(encoded[4 if before else 0 : -4])
    return found


def found_in(text: str, values: dict[str, str]) -> list[str]:
    """The names of the values that show up in a text, with what is around them."""
    hits = []
    for name, value in values.items():
        for spelling in spellings(value):
            at = text.find(spelling)
            if at >= 0:
                hits.append(f"{name}: …{text[max(0, at - 120) : at + len(spelling) + 40]}…")
                break
    return hits


@dataclass(slots=True)
class ProcessWatch:
    """Reads arguments and environments of a process and all that it starts, many times a second."""

    texts: set[str] = field(default_factory=set)
    _root: int = 0
    _parents: dict[int, int] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self, root: int) -> None:
        self._root = root
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            for pid in self._family():
                for name in ("cmdline", "environ"):
                    with suppress(OSError):
                        text = Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
                        self.texts.add(text.replace("\0", "\n"))
            time.sleep(0.01)

    def _family(self) -> list[int]:
        """The processes that the root has started, directly or not; each new one is looked at once."""
        pids = {int(folder.name) for folder in Path("/proc").glob("[0-9]*")}
        for pid in sorted(pids - self._parents.keys()):
            with suppress(OSError, IndexError, ValueError):
                stat = Path(f"/proc/{pid}/stat").read_text()
                self._parents[pid] = int(stat.rpartition(")")[2].split()[1])
        return [pid for pid in pids if self._descends(pid)]

    def _descends(self, pid: int) -> bool:
        while pid and pid != self._root:
            pid = self._parents.get(pid, 0)
        return pid == self._root


def texts_of(folder: Path) -> str:
    """The contents of all files below a folder."""
    parts = []
    for path in sorted(folder.rglob("*")):
        with suppress(OSError):
            if path.is_file():
                parts.append(f"{path}\n{path.read_bytes().decode(errors='replace')}")
    return "\n".join(parts)

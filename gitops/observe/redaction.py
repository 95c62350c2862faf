"""Credentials taken out of whatever is about to be written: by value, by key and by shape."""

import base64
import json
import re
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"

_SHORTEST = 4  # characters: masking shorter values would riddle ordinary words, and hide nothing
_KEEP = 1000  # values remembered; the least recently used is forgotten
_LONGEST = 64 * 1024  # characters of one text; the rest is left out, so that no line stalls the process
_DEEPEST = 8
_OUR_KEYS = {"event", "level", "logger", "timestamp", "application", "revision", "reconcile_id"}
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127) if chr(code) not in "\n\t"}

# The last words of keys whose values are credentials; "secretName" ends otherwise.
_SECRET_KEY = re.compile(
    r"(password|passwd|passphrase|secret|token|authorization|credentials?|privatekey|apikey|cookie)$"
)
# All linear in the length of the text: what repeats is bounded, or can't begin again inside itself.
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?s)-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,20}PRIVATE KEY-----|\Z)", MASK),
        (r"(?i)\b([a-z][a-z0-9+.-]{0,15}://)(?!git@)[^\s/?#]+@", rf"\1{MASK}@"),
        (
            r"(?i)(authorization\\?[\"']?\s{0,3}[:=]\s{0,3}\\?[\"']?)(?:[a-z]{1,16}\s)?[^\s\"',\\]+",
            rf"\1{MASK}",
        ),
        (r"(?i)\b(bearer|basic)\s+(?=\S{0,64}[0-9=])[\w.~+/=-]{12,}", rf"\1 {MASK}"),
        (
            r"(?i)\b((?:[a-z]{1,16}[_-]){0,2}(?:password|passwd|passphrase|token|api_?key|secret)=)[^\s&\"']+",
            rf"\1{MASK}",
        ),
        (
            r"(?i)(\"(?:[a-z]{1,16}[_-]){0,2}(?:password|passphrase|token|secret)\":\s{0,3})\"[^\"]*\"",
            rf'\1"{MASK}"',
        ),
        (r"(?<![\w-])eyJ[\w-]{10,8192}\.[\w-]{10,8192}\.[\w-]{0,8192}", MASK),
        (r"\b(?:gh[oprsu]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}|glpat-[\w-]{16,255})", MASK),
        (r"\bAGE-SECRET-KEY-1[0-9A-Z]{20,100}", MASK),
    )
)
# Every shape holds one of these in lower case; most texts hold none, and need no further look.
_HINTS = (
    *(
        "private key",
        "://",
        "authorization",
        "bearer",
        "basic",
        "passw",
        "passphrase",
        "token",
        "secret",
        "api",
    ),
    *("eyj", "gh", "glpat-"),
)


class Redactor:
    """Takes credentials out of text and of structures. Safe to use from several threads."""

    def __init__(self, keep: int = _KEEP) -> None:
        self._keep = keep
        self._lock = threading.Lock()
        self._remembered: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._uses: Counter[str] = Counter()  # two values may share a line
        # First characters → spellings that begin so, longest first: one look per position of a text.
        self._spellings: dict[str, tuple[str, ...]] = {}

    def remember(self, value: str | bytes) -> None:
        """Mask this value from now on, also inside base64, URLs and JSON; at most `keep` values.

        Call it where a credential is read, each time: the least recently used is forgotten first.
        Values of fewer than four characters are not masked.
        """
        text = value.decode(errors="replace") if isinstance(value, bytes) else value
        text = text.strip()
        with self._lock:
            if text in self._remembered:
                self._remembered.move_to_end(text)
                return
            if len(text) < _SHORTEST:
                return
            self._remembered[text] = spellings = tuple(set(_spellings(text)))
            for spelling in spellings:
                self._uses[spelling] += 1
                if self._uses[spelling] == 1:
                    self._index(spelling, add=True)
            if len(self._remembered) > self._keep:
                _, forgotten = self._remembered.popitem(last=False)
                for spelling in forgotten:
                    self._uses[spelling] -= 1
                    if not self._uses[spelling]:
                        del self._uses[spelling]
                        self._index(spelling, add=False)

    def text(self, text: str) -> str:
        """`text` without credentials and control characters; cut after 65,536 characters."""
        text = self._without_remembered(text)
        if len(text) > _LONGEST:
            # The last word goes too: it may be half of a credential, which no shape would fit.
            text = "".join(text[:_LONGEST].rsplit(None, 1)[:-1]) + f" … ({len(text)} characters)"
        lower = text.lower()
        if any(hint in lower for hint in _HINTS):
            for pattern, replacement in _SHAPES:
                text = pattern.sub(replacement, text)
        return text if text.isprintable() else text.translate(_CONTROLS)

    def known(self, text: str) -> str:
        """`text` without the remembered values, and otherwise as it is."""
        return self._without_remembered(text)

    def value(self, value: Any, depth: int = 0) -> Any:
        """`value` as JSON knows it, without credentials; whatever else it is becomes text first."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return value if isfinite(value) else str(value)
        if isinstance(value, str):
            return self.text(str(value))  # an enum's or subclass' own text
        if isinstance(value, Mapping) and depth < _DEEPEST:
            return self._mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset) and depth < _DEEPEST:
            return [self.value(item, depth + 1) for item in value]
        return self.text(value.decode(errors="replace") if isinstance(value, bytes) else str(value))

    def _mapping(self, mapping: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        secret = mapping.get("kind") == "Secret"
        result = {}
        for key, value in mapping.items():
            name = key if key in _OUR_KEYS else self.text(str(key))
            if (secret and name not in ("apiVersion", "kind")) or is_secret_key(name):
                result[name] = value if value is None or isinstance(value, bool) or value == "" else MASK
            else:
                result[name] = self.value(value, depth + 1)
        return result

    def _index(self, spelling: str, *, add: bool) -> None:
        # Whole tuples are put in place, so that a reader in another thread needs no lock.
        begin = spelling[:_SHORTEST]
        others = set(self._spellings.get(begin, ())) - {spelling}
        if add:
            others.add(spelling)
        self._spellings[begin] = tuple(sorted(others, key=len, reverse=True))
        if not others:
            del self._spellings[begin]

    def _without_remembered(self, text: str) -> str:
        if not self._spellings:
            return text
        parts: list[str] = []
        done = at = 0
        while at <= len(text) - _SHORTEST:
            for spelling in self._spellings.get(text[at : at + _SHORTEST], ()):
                if text.startswith(spelling, at):
                    parts += [text[done:at], MASK]
                    done = at = at + len(spelling)
                    break
            else:
                at += 1
        return "".join([*parts, text[done:]]) if parts else text


@lru_cache(maxsize=512)
def is_secret_key(key: str) -> bool:
    """Whether the name of a field says that its value is a credential: `api_key`, `gitToken`."""
    return _SECRET_KEY.search(key.lower().replace("_", "").replace("-", "")) is not None


def _spellings(text: str) -> Iterator[str]:
    """The ways in which a value shows up: as it is, line by line, escaped, and in base64."""
    yield text
    for line in text.splitlines():
        if len(line) >= 2 * _SHORTEST and not line.startswith("-----"):
            yield line.strip()
    yield from (
        json.dumps(text)[1:-1],
        json.dumps(json.dumps(text)[1:-1])[1:-1],  # an annotation that holds JSON, in JSON
        json.dumps(text, ensure_ascii=False)[1:-1],
        repr(text)[1:-1],
        quote(text, safe=""),
        quote(text),
        quote_plus(text),
    )
    yield from _base64(text.encode())


def _base64(value: bytes) -> Iterator[str]:
    """What `value` contributes to base64 that it is a part of, at each of the three alignments."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + value).decode()
        whole = encoded[-(-before * 8 // 6) : (before + len(value)) * 8 // 6]
        if len(whole) >= _SHORTEST:
            yield whole
            yield whole.replace("+", "-").replace("/", "_")

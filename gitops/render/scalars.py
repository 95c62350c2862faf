"""What a plain YAML scalar means to kubectl: YAML 1.1 as go-yaml v2 reads it, then JSON.

Source of the rules: go.yaml.in/yaml/v2 (resolve.go) and sigs.k8s.io/yaml. Sexagesimal numbers
and timestamps stay strings.
"""

import binascii
import math
import re
import struct

from gitops.core.model import Json

WORDS: dict[str, Json] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
NUMERIC_START = frozenset("0123456789+-.")

_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_DOTTED = re.compile(r"\.[0-9](_?[0-9])*([eE][-+]?[0-9](_?[0-9])*)?", re.ASCII)
_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)|(?P<dec>0|[1-9][0-9]*))",
    re.ASCII,
)
_BASES = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
_DIGITS_OF_64_BITS = 64  # in base 2; longer digit strings overflow in every base
_INT64 = 1 << 63


def number(text: str) -> Json:
    """The number that `text` (starting with one of NUMERIC_START) is, else `text` itself."""
    if text[0] == ".":
        # go-yaml gives this case to ParseFloat as it stands, which wants a digit around each underscore.
        return _float(text, text) if _DOTTED.fullmatch(text) else text
    plain = text.replace("_", "") if "_" in text else text
    if found := _INTEGER.fullmatch(plain):
        base = found.lastgroup or "dec"
        digits = found[base].lstrip("0") or "0"
        if len(digits) <= _DIGITS_OF_64_BITS:
            value = int(digits, _BASES[base])
            negative = found["sign"] == "-"
            if value < _INT64 or (negative and value == _INT64):
                return -value if negative else value
            if value < 2 * _INT64 and not found["sign"]:
                return float(value)
    return _float(plain, text) if _FLOAT.fullmatch(plain) else text


def _float(digits: str, text: str) -> Json:
    """As JSON has it, integral values as integers; an overflow makes go-yaml keep the `text`."""
    value = float(digits)
    return text if math.isinf(value) else integral(value)


def integral(value: float) -> int | float:
    """An integer where the API server would decode one: 1.0 is written as 1 in JSON."""
    if value.is_integer() and -_INT64 < value < _INT64:
        return int(value)
    return value


def plain(text: str) -> Json:
    """The value of an untagged, unquoted scalar; NaN and infinities as floats."""
    value = WORDS.get(text, text)
    if value is text and text[0] in NUMERIC_START:
        return number(text)
    return value


def tagged(tag: str, text: str) -> Json:
    """The value of a scalar with an explicit tag; ValueError when it isn't one of that type.

    Tags that go-yaml doesn't know make a string.
    """
    short = tag.removeprefix("tag:yaml.org,2002:")
    if short == tag or short in ("str", "timestamp"):
        return text
    if short == "binary":
        try:
            return binascii.a2b_base64("".join(text.split()), strict_mode=True).decode()
        except ValueError as error:
            raise ValueError(f"!!binary value is not Base64 of UTF-8 text: {error}") from error
    value = plain(text)
    matches = {
        "bool": isinstance(value, bool),
        "null": value is None,
        "int": isinstance(value, int)
        and not isinstance(value, bool)
        and _INTEGER.fullmatch(text.replace("_", "")),
        "float": isinstance(value, int | float) and not isinstance(value, bool),
    }
    if not matches.get(short, True):
        raise ValueError(f"`{text[:40]}` is not a !!{short}")
    return value if short in matches else text


def key_text(value: Json, text: str) -> str:
    """The JSON key for a YAML key of another type, as sigs.k8s.io/yaml writes it; ValueError for null.

    `value` is what the scalar `text` means.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and _INTEGER.fullmatch(text.replace("_", "")):
        return str(value)
    if isinstance(value, int | float):
        return _shortest_float32(float(value))
    raise ValueError("a key can't be null")


def _shortest_float32(value: float) -> str:
    """Go's strconv.FormatFloat(value, 'g', -1, 32)."""
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    try:
        wanted = struct.pack("f", value)
    except OverflowError:
        return ".inf" if value > 0 else "-.inf"
    scientific = next(
        text for digits in range(17) if struct.pack("f", float(text := f"{value:.{digits}e}")) == wanted
    )
    mantissa, _, exponent = scientific.partition("e")
    if -4 <= int(exponent) < 6:
        decimals = max(0, len(mantissa.lstrip("-").replace(".", "")) - 1 - int(exponent))
        return f"{float(scientific):.{decimals}f}"
    return scientific

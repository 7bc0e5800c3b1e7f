"""Placeholders such as ``{{ partner_name }}`` in the HTML of clauses.

A placeholder is a name, and it is looked up, no more: there are no expressions, so nothing that is written
in a clause or in a value is ever evaluated.

Editors put tags, ``&nbsp;`` and invisible characters anywhere, also between the braces: all of these are
ignored when a name is read, and tags are kept when it is replaced. Placeholders count in text only, as
replacing them within a tag (the address of a link, say) would be a way to slip in a script.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from html import escape, unescape

#: How much of a problem to quote, in characters.
QUOTED = 60

# Stand-ins, repeated to the length of what they hide, so that positions stay; HTML has no such characters.
_INLINE = "\0"
_BREAK = "\1"

# It matches to the end of the text if need be, so that no input makes it search twice.
_TAG = re.compile(
    r"""
    <!--.*?(?:-->|\Z)
    | <(?:/?(?P<name>[a-z][^\s/>]*)|[!?/])
      (?:[^>=]+ | =\s*"[^"]*(?:"|\Z) | =\s*'[^']*(?:'|\Z) | =)*
      (?:>|\Z)
    """,
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_PLACEHOLDER = re.compile(
    r"""
    \{\0*\{
    (?: (?P<inside> (?:(?! \{\0*\{ | \}\0*\} ).)* ) \}\0*\} )?
    """,
    re.DOTALL | re.VERBOSE,
)
_OPENING = re.compile(r"\{(?=\0*\{)")
_INLINE_TAGS = {
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd",
    "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var",
    "wbr",
}
_INVISIBLE = dict.fromkeys(map(ord, f"{_INLINE}\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_LEADING_SPACE = re.compile(r"(?:[\s\0\1\u00ad\u200b\u200c\u200d\u2060\ufeff]|&(?:nbsp|\#160|\#xa0);)*", re.IGNORECASE)


def find(html: str) -> list[str]:
    """Give the names of the placeholders in the order of the text, each once, known or not."""
    masked = _mask(html)
    return list(dict.fromkeys(_name(match["inside"]) for match in _closed(masked)))


def problems(html: str, known: Collection[str]) -> list[str]:
    """Give what is wrong with the placeholders of a text, each problem once, of at most 60 characters.

    :param html: HTML of a clause
    :param known: the names that can be replaced
    :return: in this order: unknown names as they stand in the text, and ``{{ …`` that is never closed, or
        is empty; then ``{{ … }}`` within a tag, which is never replaced. Nothing if all is well
    """
    masked = _mask(html)
    found = []
    for match in _PLACEHOLDER.finditer(masked):
        if match["inside"] is None:
            found.append("{{ " + _name(masked[match.end() : match.end() + 10 * QUOTED]))
        elif (name := _name(match["inside"])) not in known:
            found.append(name or "{{ }}")
    for tag in _TAG.finditer(html):
        if tag["name"]:
            found += ["{{ " + _name(match["inside"]) + " }}" for match in _closed(tag[0])]
    return list(dict.fromkeys(_quote(problem) for problem in found))


def fill(html: str, values: Mapping[str, str]) -> str:
    """Replace every placeholder by its value.

    What was filled in is not searched again: a partner called "{{ total_value }}" keeps this name. Fill a
    text once only, therefore. An opening ``{{`` that is never closed stays as it is.

    :param html: HTML of a clause
    :param values: plain text by name; it gets escaped, line breaks included as they are
    :return: HTML
    :raise KeyError: if a name is not among the values
    """
    masked = _mask(html)
    parts, done = [], 0
    for match in _closed(masked):
        start = _LEADING_SPACE.match(masked, match.start("inside"), match.end("inside")).end()
        parts += [
            html[done : match.start()],
            _tags(html, masked, match.start(), start),
            escape(str(values[_name(match["inside"])])),
            _tags(html, masked, start, match.end()),
        ]
        done = match.end()
    return "".join([*parts, html[done:]])


def literal(html: str) -> str:
    """Make a text of somebody else's harmless: whatever stands in braces in it stays as it is.

    An invisible character (U+2060, word joiner) comes between two opening braces, so that they open nothing.
    """
    masked = _mask(html)
    parts, done = [], 0
    for match in _OPENING.finditer(masked):
        parts += [html[done : match.start() + 1], "\u2060"]
        done = match.start() + 1
    return "".join([*parts, html[done:]])


def _mask(html: str) -> str:
    """Hide the tags, so that only text is left, at the same positions."""
    return _TAG.sub(_stand_in, html)


def _stand_in(match: re.Match[str]) -> str:
    inline = match["name"] is None or match["name"].lower() in _INLINE_TAGS
    return (_INLINE if inline else _BREAK) * len(match[0])


def _closed(masked: str) -> Iterator[re.Match[str]]:
    return (match for match in _PLACEHOLDER.finditer(masked) if match["inside"] is not None)


def _name(inside: str) -> str:
    """Read what stands between the braces as a reader sees it."""
    return " ".join(unescape(inside).translate(_INVISIBLE).replace(_BREAK, " ").split())


def _tags(html: str, masked: str, start: int, end: int) -> str:
    return "".join(html[position] for position in range(start, end) if masked[position] in (_INLINE, _BREAK))


def _quote(problem: str) -> str:
    return problem if len(problem) <= QUOTED else problem[: QUOTED - 1] + "…"

"""What changed between two states of a contract: its price lines and its clauses, as plain values."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

NEW = "new"
CHANGED = "changed"
GONE = "gone"

Values = Mapping[str, Any]


class LineChange(NamedTuple):
    """A line that was added, changed or dropped.

    :param kind: ``NEW``, ``CHANGED`` or ``GONE``
    :param before: the line as it was; None for a new one
    :param after: the line as it is; None for one that is gone
    """

    kind: str
    before: Values | None
    after: Values | None


class ClauseChange(NamedTuple):
    """A clause that was added, changed or dropped.

    :param kind: ``NEW``, ``CHANGED`` or ``GONE``
    :param number: its number in the text, from 1: in the new one, or in the old one where it is gone
    :param before: the clause as it was; None for a new one
    :param after: the clause as it is; None for one that is gone
    """

    kind: str
    number: int
    before: Values | None
    after: Values | None


def line_changes(
    old: Sequence[Values], new: Sequence[Values], origins: Sequence[Values | None] = ()
) -> list[LineChange]:
    """Compare price lines.

    Lines that are equal are left out, in whatever order. Of the others, a new line follows the one that it says it
    comes from, otherwise the one of the same description.

    :param old: lines as ``clm.contract.line`` keeps them in versions
    :param new: likewise
    :param origins: for each new line the old one that it replaces, or None; that one's last day may differ
    :return: changed and new lines in the order of ``new``, then those that are gone
    """
    sources: list[Values | None] = [*origins, *[None] * (len(new) - len(origins))]
    keys = (
        ([_line_key(line) for line in old], [_line_key(line) for line in new]),
        ([_origin_key(line) for line in old], [line and _origin_key(line) for line in sources]),
        ([line["name"] for line in old], [line["name"] for line in new]),
    )
    pairs = _pair(keys)
    changes = [
        LineChange(NEW, None, line) if position not in pairs else LineChange(CHANGED, old[pairs[position]], line)
        for position, line in enumerate(new)
        if position not in pairs or keys[0][0][pairs[position]] != keys[0][1][position]
    ]
    kept = set(pairs.values())
    return changes + [LineChange(GONE, line, None) for position, line in enumerate(old) if position not in kept]


def clause_changes(old: Sequence[Values], new: Sequence[Values]) -> list[ClauseChange]:
    """Compare clauses by their text before placeholders were filled.

    What a placeholder says is no change of a clause: the number of an amendment differs from that of its contract.
    A clause in the other side's wording (``proposed``) has another text than its source says: it counts as changed.

    :param old: clauses as versions keep them (keys ``name``, ``source``, ``proposed``)
    :param new: likewise
    :return: in the order of ``new``, those that are gone last
    """
    keys = (
        ([_clause_key(clause) for clause in old], [_clause_key(clause) for clause in new]),
        ([clause["name"] for clause in old], [clause["name"] for clause in new]),
        ([clause["source"] for clause in old], [clause["source"] for clause in new]),
    )
    pairs = _pair(keys)
    changes = [
        ClauseChange(NEW, position + 1, None, clause)
        if position not in pairs
        else ClauseChange(CHANGED, position + 1, old[pairs[position]], clause)
        for position, clause in enumerate(new)
        if position not in pairs or keys[0][0][pairs[position]] != keys[0][1][position]
    ]
    kept = set(pairs.values())
    return changes + [
        ClauseChange(GONE, position + 1, clause, None) for position, clause in enumerate(old) if position not in kept
    ]


def _line_key(line: Values) -> Hashable:
    # the name of the product is in the language of whoever kept the version; the description says what it is
    return tuple(
        (key, tuple(value) if isinstance(value, list) else value)
        for key, value in sorted(line.items())
        if key != "product"
    )


def _origin_key(line: Values) -> Hashable:
    # a line that is replaced ends the day before
    return _line_key({key: value for key, value in line.items() if key not in ("date_end", "taxes")})


def _clause_key(clause: Values) -> Hashable:
    return clause["name"], clause["source"], clause["body"] if clause.get("proposed") else None


def _pair(keys: Sequence[tuple[Sequence[Hashable | None], Sequence[Hashable | None]]]) -> dict[int, int]:
    """Pair the positions of two lists by their first keys, what is left by the second ones, and so on.

    :return: old position by new position
    """
    pairs: dict[int, int] = {}
    for old_keys, new_keys in keys:
        free: dict[Hashable | None, list[int]] = {}
        for position, key in enumerate(old_keys):
            if key is not None and position not in pairs.values():
                free.setdefault(key, []).append(position)
        for position, key in enumerate(new_keys):
            if position not in pairs and free.get(key):
                pairs[position] = free[key].pop(0)
    return pairs

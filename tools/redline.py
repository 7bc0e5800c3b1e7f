"""Redline of two texts of a contract: the new text, with what was inserted and deleted marked word by word.

The texts become trees of blocks (``html_blocks``). Within the text as a whole, and again within each table cell, the
*units* are compared: blocks, and rows of tables as a whole. Equal units are paired first, then similar ones between
them; pairs that are not equal are compared word by word, or cell by cell. The tree of the new text is the result: what
has no counterpart is marked as inserted, and what only the old text has is put in after its predecessor, whole items,
rows and tables where possible, marked as deleted.

Formatting is not compared: the new text's is shown. Nor is it a change when one kind of white space takes the place
of another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from .html_blocks import INSERTED, Block, Box, serialise, text_of
from .html_parse import COMPARED_DEPTH, parse
from .redline_match import Pair, align, gaps, heaviest_chain, pair_similar
from .redline_place import DeletedItems, Placement, mark_blocks, mark_deleted, put_in_flow
from .redline_words import compare_blocks, count_words, tokens_of

__all__ = ["CSS", "Redline", "plain_text", "redline", "sanitise"]

#: The same on screens, in the portal and in print. Black-and-white print tells underlined from struck through.
CSS = """\
ins.clm_ins { background-color: #e2f4e5; color: #0b4f1f; font-weight: 600; text-decoration: underline; }
del.clm_del { background-color: #fae3e3; color: #7d1a1a; text-decoration: line-through; }
"""

#: The tables in which two rows are, and how many cells the rows have.
Shape = tuple[Box, Box, int, int]

#: Similarity, 0 to 1, from which two units are versions of one.
SIMILAR = 0.4


@dataclass(frozen=True, slots=True)
class Redline:
    """What changed from one text to another.

    :param html: the new text with ``<ins class="clm_ins">`` and ``<del class="clm_del">``; ``sanitise`` leaves it as is
    :param inserted: words that only the new text has
    :param deleted: words that only the old text has
    :param unchanged: words that both have
    :param changes: changed places; what was replaced within a block counts once
    """

    html: str
    inserted: int
    deleted: int
    unchanged: int
    changes: int

    @property
    def same(self) -> bool:
        """Whether the texts say the same, whatever their formatting."""
        return not self.changes


def redline(old: str | None, new: str | None) -> Redline:
    """Compare two texts.

    Takes any text and never raises. ``ins`` and ``del`` in the texts themselves count as plain text, so that nobody
    can fake a mark. Time grows about linearly with the length of the texts, however different they are.

    :param old: HTML or plain text
    :param new: HTML or plain text
    """
    return _Comparison(parse(old, COMPARED_DEPTH, False), parse(new, COMPARED_DEPTH, False)).run()


def sanitise(html: str | None) -> str:
    """Reduce any text to well-formed HTML that is safe to show: no scripts, styles, pictures, forms, hidden text.

    What it gives, it leaves as is.
    """
    return serialise(parse(html))


def plain_text(html: str | None) -> str:
    """Give the readable text of HTML: blocks on lines, cells separated by tabs, no empty lines."""
    return text_of(parse(html, COMPARED_DEPTH))


@dataclass(slots=True, eq=False)
class _Unit:
    """What is compared as a whole: a block, or a row of a table.

    :param keys: its text, white space normalised; of a row, that of each cell
    :param words: its different words and signs
    :param count: its words
    """

    node: Block | Box
    keys: tuple[str, ...]
    words: frozenset[str]
    count: int

    @property
    def is_row(self) -> bool:
        return isinstance(self.node, Box)


def _units(box: Box) -> Iterator[_Unit]:
    """Give the units in a box that have text, in order."""
    for child in box.children:
        if isinstance(child, Box) and child.tag != "tr":
            yield from _units(child)
            continue
        keys = tuple(map(_key, child.children)) if isinstance(child, Box) else (_key(child),)
        if any(keys):
            tokens = [token for key in keys for token in tokens_of(key)]
            yield _Unit(child, keys, frozenset(tokens), count_words(tokens))


def _key(node: Box | Block) -> str:
    blocks = node.blocks() if isinstance(node, Box) else (node,)
    return " ".join(word for block in blocks for word in block.text.split())


def _similarity(old: _Unit, new: _Unit) -> float:
    """Tell how much of the words is shared, 0 to 1; of rows, also how many cells are equal, the first above all."""
    if old.is_row != new.is_row:
        return 0
    shared = 2 * len(old.words & new.words) / (len(old.words) + len(new.words))
    if not old.is_row:
        return shared
    filled = max(sum(map(bool, old.keys)), sum(map(bool, new.keys)))
    equal = sum(bool(key) and key == other for key, other in zip(old.keys, new.keys, strict=False))
    named = SIMILAR if old.keys[0] and old.keys[0] == new.keys[0] else 0
    return max(shared, equal / filled, named)


def _pair_units(olds: list[_Unit], news: list[_Unit]) -> list[Pair]:
    if len(olds) == len(news) == 1 and olds[0].is_row == news[0].is_row:
        return [(0, 0)]
    equal = align([(unit.is_row, unit.keys) for unit in olds], [(unit.is_row, unit.keys) for unit in news])
    similar: list[Pair] = []
    for old_start, old_end, new_start, new_end in gaps(equal, (0, len(olds), 0, len(news))):
        found = _pair_similar(olds[old_start:old_end], news[new_start:new_end])
        similar += ((old_start + old, new_start + new) for old, new in found)
    return sorted(equal + similar)


def _pair_similar(olds: list[_Unit], news: list[_Unit]) -> list[Pair]:
    def similarity(old: int, new: int) -> float:
        return _similarity(olds[old], news[new])

    return pair_similar([unit.words for unit in olds], [unit.words for unit in news], similarity, SIMILAR)


def _pair_columns(rows: Iterable[tuple[_Unit, _Unit]]) -> dict[Shape, list[Pair]]:
    """Pair the columns of tables by the rows that were paired: those that hold the same texts, then the others.

    :return: by what ``_shape`` says about two rows
    """
    equal: dict[Shape, Counter[Pair]] = {}
    for old, new in rows:
        shape = _shape(old, new)
        equal.setdefault(shape, Counter()).update(
            ((position, position) for position in range(len(new.keys)))
            if len(old.keys) == len(new.keys)
            else align(old.keys, new.keys)
        )
    pairs = {}
    for shape, votes in equal.items():
        sure = heaviest_chain((*pair, count) for pair, count in votes.items())
        rest = gaps(sure, (0, shape[2], 0, shape[3]))
        between = (zip(range(*gap[:2]), range(*gap[2:]), strict=False) for gap in rest)
        pairs[shape] = sorted((*sure, *chain.from_iterable(between)))
    return pairs


def _shape(old: _Unit, new: _Unit) -> Shape:
    return old.node.parent.parent, new.node.parent.parent, len(old.keys), len(new.keys)


class _Comparison:
    """Turns the tree of the new text into the redline, and counts."""

    def __init__(self, old: Box, new: Box) -> None:
        self._old = old
        self._new = new
        self._items = DeletedItems(old)
        self._inserted = self._deleted = self._unchanged = self._changes = 0

    def run(self) -> Redline:
        self._compare(self._old, self._new)
        self._items.number(self._new)
        return Redline(serialise(self._new), self._inserted, self._deleted, self._unchanged, self._changes)

    def _compare(self, old_box: Box, new_box: Box) -> None:
        olds, news = list(_units(old_box)), list(_units(new_box))
        pairs = _pair_units(olds, news)
        kept_old, kept_new = {old for old, _new in pairs}, {new for _old, new in pairs}
        for position, unit in enumerate(news):
            if position not in kept_new:
                self._insert(unit)
        matched = [(olds[old], news[new]) for old, new in pairs]
        columns = _pair_columns((old, new) for old, new in matched if old.is_row and old.keys != new.keys)
        for old_unit, new_unit in matched:
            self._change(old_unit, new_unit, columns)
        self._deleted += sum(unit.count for position, unit in enumerate(olds) if position not in kept_old)
        if len(kept_old) < len(olds):
            self._put_deleted(Placement(old_box, new_box, self._items), olds, news, pairs)

    def _insert(self, unit: _Unit) -> None:
        self._inserted += unit.count
        self._changes += 1
        mark_blocks(unit.node, INSERTED)

    def _change(self, old: _Unit, new: _Unit, columns: dict[Shape, list[Pair]]) -> None:
        if old.keys == new.keys:
            self._unchanged += new.count
        elif isinstance(old.node, Block):
            self._change_block(old.node, new.node)
        else:
            self._change_row(old.node.children, new.node.children, dict(columns[_shape(old, new)]))

    def _change_block(self, old_block: Block, new_block: Block) -> None:
        change = compare_blocks(old_block, new_block)
        new_block.runs = change.runs
        self._inserted += change.inserted
        self._deleted += change.deleted
        self._unchanged += change.unchanged
        self._changes += change.places

    def _change_row(self, old_cells: list[Box], new_cells: list[Box], pairs: dict[int, int]) -> None:
        """Compare two rows cell by cell. What a cell held whose column went is put into the cell before."""
        for old_position, new_position in pairs.items():
            self._compare(old_cells[old_position], new_cells[new_position])
        for position in set(range(len(new_cells))) - set(pairs.values()):
            self._compare(Box(""), new_cells[position])
        target, index = new_cells[0], 0
        for position, cell in enumerate(old_cells):
            if position in pairs:
                target = new_cells[pairs[position]]
                index = len(target.children)
            else:
                index = self._put_cell(cell, target, index)

    def _put_cell(self, cell: Box, target: Box, index: int) -> int:
        """Put what a deleted cell held into another one.

        :return: the index in the other cell behind it
        """
        self._deleted += sum(unit.count for unit in _units(cell))
        for node in list(cell.children):
            if mark_deleted(node):
                self._changes += 1
                put_in_flow(target, index, node)
                index += 1
        return index

    def _put_deleted(self, placement: Placement, olds: list[_Unit], news: list[_Unit], pairs: list[Pair]) -> None:
        """Put what only the old text has behind what came before it there."""
        counterparts = {olds[old].node: new for old, new in pairs}
        for old, new in pairs:
            placement.learn(olds[old].node, news[new].node)
        after, following = None, 0
        for node in placement.deleted([unit.node for unit in olds], counterparts.keys()):
            if node in counterparts:
                following = counterparts[node] + 1
                after = news[following - 1].node
            else:
                self._changes += 1
                placement.put(node, after, news[following].node if following < len(news) else None)
                after = node

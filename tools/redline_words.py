"""Comparison of two blocks word by word."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, groupby, zip_longest

from .html_blocks import DELETED, INSERTED, Block, Mark, Run, mark_runs, merge_runs
from .html_parse import runs_for
from .redline_match import align

#: Share of the words that a block must keep for its changes to be shown word by word, not as a whole.
KEPT = 0.2

#: Of ASCII, of Latin-1, general, of Chinese and Japanese, and the wide forms.
_PUNCTUATION = (
    r"!-\"'()*,\-./:;<=>?\[\\\]^`{|}~"
    "\xa1\xab\xbb\xbf\u2010-\u2027\u2030-\u205e\u3001-\u303f\uff01-\uff0f\uff1a-\uff1f"
)
_SINGLE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Chinese and Japanese: words are not separated
_LETTERS = rf"[^\s{_PUNCTUATION}{_SINGLE}]+"
#: White space before, then a word (30-day, it's, 1,000.00, 10:30), one sign of punctuation, or one Chinese character.
_TOKEN = re.compile(rf"(\s*)({_LETTERS}(?:(?:['\u2019\-]|(?<=[0-9])[.,:](?=[0-9])){_LETTERS})*|\S)")
_SIGN = re.compile(rf"[{_PUNCTUATION}]")


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a block.

    :param runs: the new text, with what was deleted between
    :param inserted: words; so are ``deleted`` and ``unchanged``
    :param places: changed places
    """

    runs: list[Run]
    inserted: int
    deleted: int
    unchanged: int
    places: int


def compare_blocks(old_block: Block, new_block: Block) -> Change:
    """Compare two blocks, both with text, word by word."""
    old, new = _find_tokens(runs_for(old_block, new_block.tag)), _find_tokens(new_block.runs)
    runs: list[Run] = []
    inserted = deleted = unchanged = 0
    for span in _join_spans(_find_spans(old, new), old, new):
        words = new.count(span.new_start, span.new_end)
        if span.same:
            unchanged += words
            runs += _same_runs(old, new, span)
        else:
            inserted += words
            deleted += old.count(span.old_start, span.old_end)
            runs += _changed_runs(old, new, span)
    runs += new.cut(new.ends[-1], len(new_block.text))
    runs = merge_runs(runs)
    places = sum(marked for marked, _runs in groupby(runs, _is_marked))
    return Change(runs, inserted, deleted, unchanged, places)


def tokens_of(text: str) -> list[str]:
    """Give the words and signs of punctuation of a text."""
    return [match[2] for match in _TOKEN.finditer(text)]


def count_words(tokens: Iterable[str]) -> int:
    """Count the words among words and signs of punctuation."""
    return sum(not _SIGN.match(token) for token in tokens)


@dataclass(slots=True, eq=False)
class _Tokens:
    """The words and signs of a block.

    :param offsets: where each run begins
    :param starts: where the white space before each token begins
    :param words: where each token itself begins, up to ``ends``
    """

    runs: list[Run]
    offsets: list[int]
    starts: list[int] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def has_space(self, position: int) -> bool:
        return self.starts[position] < self.words[position]

    def count(self, start: int, end: int) -> int:
        return count_words(self.texts[start:end])

    def size(self, start: int, end: int) -> int:
        """Count characters."""
        return self.ends[end - 1] - self.words[start] if start < end else 0

    def cut(self, start: int, end: int, mark: Mark | None = None) -> list[Run]:
        """Cut runs out by the positions of characters, and put a mark on them."""
        cut = []
        for position in range(bisect_right(self.offsets, start) - 1, len(self.runs)):
            offset = self.offsets[position]
            if offset >= end:
                break
            text, marks = self.runs[position]
            cut.append((text[max(start - offset, 0) : end - offset], marks))
        return mark_runs(cut, mark) if mark else cut


def _find_tokens(runs: list[Run]) -> _Tokens:
    tokens = _Tokens(runs, [0, *accumulate(len(text) for text, _marks in runs)][:-1])
    for match in _TOKEN.finditer("".join(text for text, _marks in runs)):
        tokens.starts.append(match.start())
        tokens.words.append(match.start(2))
        tokens.ends.append(match.end())
        tokens.texts.append(match[2])
    return tokens


@dataclass(slots=True, eq=False)
class _Span:
    """A range of the tokens of two blocks: the same in both, or one in place of the other."""

    same: bool
    old_start: int
    old_end: int
    new_start: int
    new_end: int

    def take(self, other: _Span) -> None:
        self.old_end, self.new_end = other.old_end, other.new_end


def _find_spans(old: _Tokens, new: _Tokens) -> list[_Span]:
    """Compare the tokens of two blocks: spans that are the same and spans that are not, by turns."""
    spans: list[_Span] = []
    old_end = new_end = 0
    for old_next, new_next in (*align(old.texts, new.texts), (len(old.texts), len(new.texts))):
        if (old_next, new_next) != (old_end, new_end):
            spans.append(_Span(False, old_end, old_next, new_end, new_next))
        old_end, new_end = old_next + 1, new_next + 1
        same = _Span(True, old_next, old_end, new_next, new_end)
        if spans and spans[-1].same:
            spans[-1].take(same)
        else:
            spans.append(same)
    last = spans[-1]
    last.old_end, last.new_end = last.old_end - 1, last.new_end - 1  # behind the last tokens there is none
    return spans if last.new_start < last.new_end else spans[:-1]


def _join_spans(spans: Iterable[_Span], old: _Tokens, new: _Tokens) -> list[_Span]:
    """Join changes that have little between them, which reads better; all of them if hardly a word is kept."""

    def size(span: _Span) -> int:
        return max(old.size(span.old_start, span.old_end), new.size(span.new_start, span.new_end))

    joined: list[_Span] = []
    for span, following in zip_longest(spans, spans[1:]):
        if not joined or not span.same:
            if joined and not joined[-1].same:
                joined[-1].take(span)
            else:
                joined.append(span)
        elif following and 2 * size(span) <= min(size(joined[-1]), size(following)):
            joined[-1].take(span)
        else:
            joined.append(span)
    kept = sum(new.count(span.new_start, span.new_end) for span in joined if span.same)
    if kept < KEPT * max(old.count(0, len(old.texts)), new.count(0, len(new.texts))):
        return [_Span(False, 0, len(old.texts), 0, len(new.texts))]
    return joined


def _changed_runs(old: _Tokens, new: _Tokens, span: _Span) -> Iterator[Run]:
    deletes, inserts = span.old_start < span.old_end, span.new_start < span.new_end
    old_from = old.starts[span.old_start] if deletes else 0
    new_from = new.starts[span.new_start] if inserts else 0
    if deletes and inserts and old.has_space(span.old_start) and new.has_space(span.new_start):
        old_from, new_from = old.words[span.old_start], new.words[span.new_start]
        yield from new.cut(new.starts[span.new_start], new_from)
    if deletes:
        yield from old.cut(old_from, old.ends[span.old_end - 1], DELETED)
    if inserts:
        yield from new.cut(new_from, new.ends[span.new_end - 1], INSERTED)


def _same_runs(old: _Tokens, new: _Tokens, span: _Span) -> Iterator[Run]:
    """Give what is the same, and mark white space between words that came or went."""
    done = new.starts[span.new_start]
    for old_token, new_token in zip(
        range(span.old_start, span.old_end), range(span.new_start, span.new_end), strict=True
    ):
        had, has = old.has_space(old_token), new.has_space(new_token)
        if had == has or old_token == new_token == 0:
            continue
        start, word = new.starts[new_token], new.words[new_token]
        yield from new.cut(done, start)
        yield from old.cut(old.starts[old_token], old.words[old_token], DELETED) if had else ()
        yield from new.cut(start, word, INSERTED) if has else ()
        done = word
    yield from new.cut(done, new.ends[span.new_end - 1])


def _is_marked(run: Run) -> bool:
    return run[1][:1] in ((INSERTED,), (DELETED,))

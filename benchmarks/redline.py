"""How long ``tools/redline`` takes for contracts of forty pages.

    python benchmarks/redline.py [--words 20000] [--repeats 3] [--limit 2]

Prints a table: of each kind of difference the best of several runs in seconds. Exits with 1 when one is above the
limit. Needs neither Odoo nor a database.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.redline import plain_text, redline, sanitise

#: Words that every contract is full of, about half of its text.
COMMON = (
    *("the", "of", "to", "and", "in", "shall", "be", "or", "any", "a", "by", "for"),
    *("this", "party", "agreement", "such", "not", "with", "as", "that", "is", "on"),
)


class Writer:
    """Writes contracts of random words, with the frequencies of a natural language."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        letters = Random(7)  # the same language for all writers
        self._rare = ["".join(letters.choices("aeioubcdlmnprst", k=letters.randint(4, 11))) for _ in range(4000)]
        self._weights = [1 / rank for rank in range(1, len(self._rare) + 1)]

    def words(self, count: int) -> list[str]:
        rare = iter(self._random.choices(self._rare, self._weights, k=count))
        return [self._random.choice(COMMON) if self._random.random() < 0.5 else next(rare) for _ in range(count)]

    def blocks(self, words: int) -> list[str]:
        """Write headings, paragraphs, lists and tables of so many words altogether."""
        makers = (self._paragraph, self._paragraph, self._paragraph, self._list, self._table)
        blocks: list[str] = []
        while words > 0:
            block = self._heading(len(blocks)) if len(blocks) % 8 == 0 else self._random.choice(makers)()
            blocks.append(block)
            words -= len(plain_text(block).split())
        return blocks

    def edit(self, text: str) -> str:
        """Replace, delete and insert some words of a paragraph."""
        parts = text.split(" ")
        for _ in range(max(1, len(parts) // 15)):
            place = self._random.randrange(len(parts))
            if "<" not in parts[place]:
                parts[place : place + 1] = self.words(self._random.randrange(3))
        return " ".join(parts)

    def _heading(self, number: int) -> str:
        return f"<h2>{number // 8 + 1}. {' '.join(self.words(4))}</h2>"

    def _paragraph(self) -> str:
        words = self.words(self._random.randint(30, 90))
        return f"<p><b>{words[0]}</b> {' '.join(words[1:])}.</p>"

    def _list(self) -> str:
        items = (f"<li>{' '.join(self.words(15))};</li>" for _ in range(4))
        return f"<ol>{''.join(items)}</ol>"

    def _table(self) -> str:
        rows = (
            f"<tr><td>{' '.join(self.words(3))}</td><td>{self._random.randrange(1, 20)}</td>"
            f"<td>{self._random.randrange(1000)}.00 EUR</td></tr>"
            for _ in range(6)
        )
        return f"<table><tbody>{''.join(rows)}</tbody></table>"


def make_cases(words: int) -> dict[str, tuple[str, str]]:
    """Make pairs of texts: the usual ones, and the worst that can come."""
    writer = Writer(1)
    blocks = writer.blocks(words)
    old = "".join(blocks)
    few = list(blocks)
    for place in range(5, len(few), len(few) // 10):
        few[place] = writer.edit(few[place])
    del few[40]
    few.insert(90, "<p>A new paragraph that was not there before.</p>")
    shuffled = list(blocks)
    Random(3).shuffle(shuffled)
    return {
        "the same": (old, old),
        "ten blocks edited": (old, "".join(few)),
        "every block edited": (old, "".join(map(writer.edit, blocks))),
        "blocks in another order": (old, "".join(shuffled)),
        "everything new": (old, "".join(Writer(2).blocks(words))),
        "everything deleted": (old, ""),
        "one block, edited": _one_block(writer, words, 1),
        "one block, everything new": _one_block(writer, words, 2),
        "one table, every row edited": _one_table(writer, words, edited=True),
        "one table, everything new": _one_table(writer, words, edited=False),
        "the same few words again": ("<p>the party shall</p>" * (words // 3), "<p>shall the party</p>" * (words // 3)),
        "two words at random": _two_words(words),
    }


def _one_block(writer: Writer, words: int, seed: int) -> tuple[str, str]:
    text = " ".join(writer.words(words))
    return text, writer.edit(text) if seed == 1 else " ".join(Writer(seed).words(words))


def _one_table(writer: Writer, words: int, edited: bool) -> tuple[str, str]:
    old = [(" ".join(writer.words(3)), str(number)) for number in range(words // 4)]
    other = Writer(5)
    new = [(name, f"{number}0") if edited else (" ".join(other.words(3)), f"{number}1") for name, number in old]
    return _table(old), _table(new)


def _table(rows: Iterable[tuple[str, str]]) -> str:
    return f"<table>{''.join(f'<tr><td>{name}</td><td>{number}</td></tr>' for name, number in rows)}</table>"


def _two_words(words: int) -> tuple[str, str]:
    random = Random(4)
    old, new = (" ".join(random.choices(("yes", "no"), k=words)) for _ in range(2))
    return f"<p>{old}</p>", f"<p>{new}</p>"


def best_time(run: Callable[[], object], repeats: int) -> float:
    """Give the seconds of processor time of the fastest of several runs."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def main() -> int:
    """Measure, print, compare with the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=int, default=20_000, help="of each text")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--limit", type=float, default=0, help="seconds")
    options = parser.parse_args()
    cases = make_cases(options.words)
    text = cases["the same"][0]
    print(f"{len(plain_text(text).split()):,} words, {len(plain_text(text).splitlines()):,} lines, {len(text):,} bytes")
    slowest = 0.0
    print(f"{'':28}{'seconds':>9}{'inserted':>10}{'deleted':>10}{'unchanged':>10}{'changes':>9}")
    for name, (old, new) in cases.items():
        seconds = best_time(lambda old=old, new=new: redline(old, new), options.repeats)
        slowest = max(slowest, seconds)
        done = redline(old, new)
        print(f"{name:28}{seconds:9.2f}{done.inserted:10,}{done.deleted:10,}{done.unchanged:10,}{done.changes:9,}")
    print(f"{'sanitise alone':28}{best_time(lambda: sanitise(text), options.repeats):9.2f}")
    print(f"{'plain text alone':28}{best_time(lambda: plain_text(text), options.repeats):9.2f}")
    if options.limit and slowest > options.limit:
        print(f"above the limit of {options.limit} s")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

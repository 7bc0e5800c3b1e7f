"""Which parts of two sequences belong together: equal ones, and similar ones between them. Cost stays near linear."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise

Pair = tuple[int, int]
#: Two ranges that lie opposite each other: from and to in the old, from and to in the new.
Gap = tuple[int, int, int, int]
Similarity = Callable[[int, int], float]

#: Sequences up to these sizes are compared thoroughly: elements of both, and pairs of equal elements.
MAX_THOROUGH_LENGTH = 1000
MAX_THOROUGH_PAIRS = 5000
#: How often an element may be looked at, on average, before what is left counts as different.
MAX_LOOKS = 40
#: In a gap of at most so many pairs, the similarity of each is asked for.
MAX_SIMILARITIES = 400
#: In a larger gap: the rarest words by which counterparts are looked for, how many times such a word may occur there,
#: and for how many counterparts the similarity is asked for.
RARE_WORDS = 8
MAX_OCCURRENCES = 20
CANDIDATES = 3


def align(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[Pair]:
    """Pair equal elements, in order in both sequences.

    Long runs of neighbours are preferred to many single pairs, which reads better. Where sequences are long, elements
    that occur once in both come first.

    :return: positions in both, ascending; not always as many as possible
    """
    pairs: list[Pair] = []
    looks = MAX_LOOKS * (len(old) + len(new))
    work: list[Gap] = [(0, len(old), 0, len(new))]
    while work and looks >= 0:
        gap = _trim(old, new, work.pop(), pairs)
        old_start, old_end, new_start, new_end = gap
        if old_start == old_end or new_start == new_end:
            continue
        looks -= old_end - old_start + new_end - new_start
        old_counts, new_counts = Counter(old[old_start:old_end]), Counter(new[new_start:new_end])
        shared = sum(count * new_counts[element] for element, count in old_counts.items())
        if shared <= MAX_THOROUGH_PAIRS and old_end - old_start + new_end - new_start <= MAX_THOROUGH_LENGTH:
            pairs += _align_thoroughly(old, new, gap) if shared else ()
            continue
        once = {element for element, count in old_counts.items() if count == new_counts[element] == 1}
        anchors = heaviest_chain(_same_occurrence(old, new, gap, once or new_counts.keys() & old_counts.keys()))
        pairs += anchors
        work += gaps(anchors, gap) if anchors else ()
    return sorted(pairs)


def pair_similar(
    old: Sequence[frozenset[str]], new: Sequence[frozenset[str]], similarity: Similarity, threshold: float
) -> list[Pair]:
    """Pair elements that resemble each other, in order in both sequences, so that the sum of similarities is high.

    :param old: the words of each element
    :param similarity: tells by the positions of an old and a new element how similar they are, 0 to 1
    :param threshold: lowest similarity of a pair
    """
    whole = (0, len(old), 0, len(new))
    if len(old) * len(new) <= MAX_SIMILARITIES:
        return heaviest_chain(_all_similar(whole, similarity, threshold))
    found = heaviest_chain(_likely_similar(old, new, similarity, threshold))
    rest: list[Pair] = []
    for gap in gaps(found, whole):
        if (gap[1] - gap[0]) * (gap[3] - gap[2]) <= MAX_SIMILARITIES:
            rest += heaviest_chain(_all_similar(gap, similarity, threshold))
    return sorted(found + rest)


def gaps(pairs: Iterable[Pair], whole: Gap) -> Iterator[Gap]:
    """Give the ranges before, between and after pairs, where there is something in both sequences."""
    ends = [(whole[0] - 1, whole[2] - 1), *pairs, (whole[1], whole[3])]
    for (old, new), (next_old, next_new) in pairwise(ends):
        if next_old - old > 1 and next_new - new > 1:
            yield old + 1, next_old, new + 1, next_new


def heaviest_chain(edges: Iterable[tuple[int, int, float]]) -> list[Pair]:
    """Choose edges that do not cross, with the highest sum of weights.

    :param edges: position in the old, in the new sequence, weight above 0
    """
    ends: list[int] = []  # new positions at which a chain ends, ascending, and the heaviest chain up to there
    chains: list[tuple[float, Pair, tuple | None]] = []
    for old, new, weight in sorted(edges, key=lambda edge: (edge[0], -edge[1])):
        place = bisect_left(ends, new)
        before = chains[place - 1] if place else None
        total = weight + (before[0] if before else 0)
        if place < len(ends) and ends[place] == new and chains[place][0] >= total:
            continue
        beaten = place
        while beaten < len(ends) and chains[beaten][0] <= total:
            beaten += 1
        ends[place:beaten] = [new]
        chains[place:beaten] = [(total, (old, new), before)]
    chosen = []
    chain = chains[-1] if chains else None
    while chain:
        chosen.append(chain[1])
        chain = chain[2]
    return chosen[::-1]


def _trim(old: Sequence[Hashable], new: Sequence[Hashable], gap: Gap, pairs: list[Pair]) -> Gap:
    """Pair what is equal at both ends."""
    old_start, old_end, new_start, new_end = gap
    while old_start < old_end and new_start < new_end and old[old_start] == new[new_start]:
        pairs.append((old_start, new_start))
        old_start, new_start = old_start + 1, new_start + 1
    while old_start < old_end and new_start < new_end and old[old_end - 1] == new[new_end - 1]:
        old_end, new_end = old_end - 1, new_end - 1
        pairs.append((old_end, new_end))
    return old_start, old_end, new_start, new_end


def _align_thoroughly(old: Sequence[Hashable], new: Sequence[Hashable], gap: Gap) -> Iterator[Pair]:
    old_start, old_end, new_start, new_end = gap
    matcher = SequenceMatcher(None, old[old_start:old_end], new[new_start:new_end], autojunk=False)
    for match in matcher.get_matching_blocks():
        for step in range(match.size):
            yield old_start + match.a + step, new_start + match.b + step


def _same_occurrence(
    old: Sequence[Hashable], new: Sequence[Hashable], gap: Gap, elements: Iterable[Hashable]
) -> Iterator[tuple[int, int, float]]:
    """Pair the first occurrence of each element with its first in the other sequence, the second with the second."""
    places: dict[Hashable, list[int]] = {element: [] for element in elements}
    for position in range(gap[3] - 1, gap[2] - 1, -1):
        if new[position] in places:
            places[new[position]].append(position)
    for position in range(gap[0], gap[1]):
        if places.get(old[position]):
            yield position, places[old[position]].pop(), 1.0


def _all_similar(gap: Gap, similarity: Similarity, threshold: float) -> Iterator[tuple[int, int, float]]:
    for old in range(gap[0], gap[1]):
        for new in range(gap[2], gap[3]):
            weight = similarity(old, new)
            if weight >= threshold:
                yield old, new, weight


def _likely_similar(
    old: Sequence[frozenset[str]], new: Sequence[frozenset[str]], similarity: Similarity, threshold: float
) -> Iterator[tuple[int, int, float]]:
    """Look for counterparts by the rarest words that both share."""
    places: dict[str, list[int]] = {}
    for position, words in enumerate(new):
        for word in words:
            places.setdefault(word, []).append(position)
    for position, words in enumerate(old):
        known = sorted((len(places[word]), word) for word in words if word in places)
        votes = Counter(
            candidate
            for count, word in known[:RARE_WORDS]
            if count <= MAX_OCCURRENCES
            for candidate in places[word]
        )
        opposite = position * len(new) // len(old)
        ranking = sorted((-count, abs(candidate - opposite), candidate) for candidate, count in votes.items())
        for _count, _distance, candidate in ranking[:CANDIDATES]:
            weight = similarity(position, candidate)
            if weight >= threshold:
                yield position, candidate, weight

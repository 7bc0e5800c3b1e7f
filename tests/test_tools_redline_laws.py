"""Laws of ``tools.redline`` that hold for any two texts, tried with Hypothesis."""

from itertools import pairwise

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from odoo.tests import BaseCase

from ..tools.redline import plain_text, redline, sanitise
from ..tools.redline_match import align, gaps, heaviest_chain, pair_similar

thorough = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))

#: Few words, so that texts share many, with all that words can meet: signs, no spaces between, other scripts.
WORDS = ("fee", "is", "is", "10", "EUR", "(a)", "a,b", "1,000.00", "{{ object.name }}", "契約書", "naïve", "\xa0", "-")
MARKS = ("b", "i", "u", "span", "sup", "ins", "del", 'a href="https://a.b/?c=1&amp;d=2"')
BLOCKS = ("p", "h2", "pre", "div", "blockquote", "td", "ins")
#: Pieces of markup, whole and broken, that a text may be thrown together from.
SHARDS = (
    *("<p>", "</p>", "<ul>", "<ol start=3>", "<li>", "<li value=7>", "</li>", "</ul>", "<div>", "</div>"),
    *("<table>", "<tr>", "<td>", "<th>", "</td>", "</tr>", "</table>", "<thead>", "<tbody>", "<caption>", "</caption>"),
    *("<td rowspan=2 colspan=3>", "<pre>\n", "</pre>", "<b>", "</b>", "<a href=javascript:x>", "<br>", "<hr>"),
    *("<script>", "</script>", "<!--", "-->", "<![CDATA[", "]]>", "&amp;", "&lt;", "&#0;", "&nbsp", "<", ">", "'"),
    *("<o:p>", "<ins class=clm_ins>", "<del class=clm_del>", "</del>", "<svg>", "</svg>", "<form>", "</form>", "\r"),
    *("</body>", " ", "\n", "\t", "fee", "is", "10", "<h1>", "</h1>", "<x y='", "<select>", "<?php", "<!DOCTYPE x ["),
    *("\x00", "<blockquote>", "\ud800"),
)


def phrases(max_size=7):
    words = st.lists(st.sampled_from(WORDS), min_size=0, max_size=max_size).map(" ".join)
    marked = st.tuples(st.sampled_from(MARKS), words).map(lambda pair: f"<{pair[0]}>{pair[1]}</{pair[0].split()[0]}>")
    parts = st.lists(words | words | marked | st.just("<br>"), max_size=3)
    return st.tuples(st.sampled_from(("", " ", " \n ")), parts).map(lambda pair: pair[0].join(pair[1]))


def element(tag, inside):
    return inside.map(lambda html: f"<{tag}>{html}</{tag.split()[0]}>")


def several(inside, max_size=4):
    return st.lists(inside, max_size=max_size).map("".join)


def boxes(inside):
    """Lists, tables and divisions that hold what is given."""
    items = several(element("li", inside) | element('li value="4"', inside))
    cells = element("td", inside) | element("th", inside) | element('td rowspan="2"', inside)
    rows = several(element("tr", several(cells)))
    heads = st.sampled_from(("", "<caption>is 10</caption>", "<thead><tr><td>fee</thead>"))
    tables = st.tuples(heads, rows).map("".join)
    return (
        element("ul", items)
        | element('ol start="2"', items)
        | element("table", tables)
        | element("div", several(inside))
    )


blocks = st.one_of(*(element(tag, phrases()) for tag in BLOCKS)) | phrases() | st.just("<hr>")
texts = several(st.recursive(blocks, lambda inside: boxes(several(inside, 2)), max_leaves=8))
soup = several(st.sampled_from(SHARDS), 25)
anything = st.text() | soup | texts


@st.composite
def versions(draw):
    """Two texts, the second made from pieces of the first now and then."""
    old = draw(texts)
    if draw(st.booleans()):
        return old, draw(texts)
    start = draw(st.integers(0, len(old)))
    end = draw(st.integers(start, len(old)))
    put_in = draw(st.sampled_from(("", "fee ", "<p>10</p>", "<tr><td>is", "</li><li>new ")))
    return old, old[:start] + put_in + old[end:]


def without(html, dropped):
    """The plain text of a redline without what is marked with one tag."""
    root = etree.fromstring(f"<div>{html}</div>")
    etree.strip_elements(root, dropped, with_tail=False)
    return plain_text(etree.tostring(root, method="html", encoding="unicode"))


class TestRedlineLaws(BaseCase):
    @thorough
    @given(versions() | st.tuples(soup, soup))
    @example(("<ul><li>a</ul><p>b</p><ul><li>c</ul>", "<ul><li>a<li>c</ul>"))
    @example(("<table><tr><td>a</table><p>b</p><table><tr><td>c</table>", "<table><tr><td>a<tr><td>c</table>"))
    @example(("<p>x</p><table><caption>a<tr><td>b</table>", "<p>x</p><table><caption>a</caption><tr><td>c</table>"))
    def test_redline_without_deletions_is_the_new_text(self, pair):
        self.assertEqual(without(redline(*pair).html, "del"), plain_text(pair[1]))

    @thorough
    @given(versions() | st.tuples(soup, soup))
    @example(("<ul><li>a</ul><p>b</p><ul><li>c</ul>", "<ul><li>a<li>c</ul>"))
    @example(("<table><tr><td>a<td>b<td>c</table>", "<table><tr><td>c</table>"))
    @example(("<div>a<p></p>b</div>", ""))
    def test_redline_without_insertions_has_the_words_of_the_old_text_in_order(self, pair):
        self.assertEqual(without(redline(*pair).html, "ins").split(), plain_text(pair[0]).split())

    @thorough
    @given(anything)
    def test_redline_of_a_text_and_itself_shows_no_change(self, text):
        result = redline(text, text)
        self.assertTrue(result.same)
        self.assertEqual((result.inserted, result.deleted), (0, 0))
        self.assertFalse(etree.fromstring(f"<div>{result.html}</div>").xpath("//ins | //del"))

    @thorough
    @given(st.tuples(anything, anything) | versions())
    @example(("<p><br>a  b</p>", "<pre>a</pre>"))
    @example(("<pre>a  \n\n  b</pre>", "<p>a</p>"))
    def test_redline_is_a_text_that_sanitise_leaves_as_is(self, pair):
        html = redline(*pair).html
        self.assertEqual(sanitise(html), html)

    @thorough
    @given(versions())
    def test_same_exactly_when_the_words_and_their_order_are_the_same(self, pair):
        result = redline(*pair)
        if result.same:
            self.assertEqual(plain_text(pair[0]).split(), plain_text(pair[1]).split())
        marks = etree.fromstring(f"<div>{result.html}</div>").xpath("//ins | //del")
        self.assertEqual(result.same, not marks)
        self.assertLessEqual(result.changes, len(marks))

    @thorough
    @given(versions())
    def test_counts_add_up_to_the_words_of_both_texts(self, pair):
        result, back = redline(*pair), redline(pair[1], pair[0])
        self.assertEqual(result.inserted + result.unchanged, back.deleted + back.unchanged)
        self.assertEqual(result.inserted + result.unchanged, redline("", pair[1]).inserted)
        self.assertEqual(result.deleted + result.unchanged, redline(pair[0], "").deleted)

    @thorough
    @given(anything)
    def test_sanitise_leaves_its_own_result_as_is_and_keeps_the_text(self, text):
        html = sanitise(text)
        self.assertEqual(sanitise(html), html)
        self.assertEqual(plain_text(html), plain_text(text))

    @thorough
    @given(st.text())
    @example("0\x0c0\x0b0")
    def test_plain_text_when_escaped_then_survives(self, text):
        escaped = text.replace("&", "&amp;").replace("<", "&lt;")
        kept = "".join(char for char in text if char not in "\u202d\u202e\ufeff\ufffe\uffff" and _is_allowed(char))
        self.assertEqual(plain_text(escaped).split(), kept.split())


def _is_allowed(char):
    return char in "\t\n\r\x0b\x0c" or (char >= " " and not "\ud800" <= char <= "\udfff")


class TestMatchLaws(BaseCase):
    @thorough
    @given(st.text("abc", max_size=40), st.text("abcd", max_size=40))
    def test_align_pairs_equal_elements_in_order(self, old, new):
        pairs = align(old, new)
        self.assertTrue(all(old[i] == new[j] for i, j in pairs))
        self._check_order(pairs)

    def _check_order(self, pairs):
        for before, after in pairwise(pairs):
            self.assertLess(before[0], after[0])
            self.assertLess(before[1], after[1])

    @thorough
    @given(st.lists(st.integers(0, 30), unique=True), st.lists(st.integers(0, 30), unique=True))
    def test_align_of_unique_elements_pairs_all_that_stay_at_the_ends(self, old, new):
        common = [*range(100, 103)]
        pairs = align([*common, *old, 200], [*common, *new, 200])
        self.assertEqual(pairs[:3], [(0, 0), (1, 1), (2, 2)])
        self.assertEqual(pairs[-1], (len(old) + 3, len(new) + 3))

    @thorough
    @given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.sampled_from((0.5, 1.0, 2.0))), max_size=12))
    def test_heaviest_chain_is_as_heavy_as_the_best_of_all(self, edges):
        weights = {}
        for old, new, weight in edges:
            weights[old, new] = max(weight, weights.get((old, new), 0))
        chain = heaviest_chain(edges)
        self._check_order(chain)
        self.assertEqual(sum(weights[pair] for pair in chain), _best_weight(weights))

    @thorough
    @given(st.lists(st.frozensets(st.sampled_from("abcdefgh")), max_size=40), st.integers(0, 40))
    def test_pair_similar_keeps_the_order_and_the_threshold(self, old, cut):
        new = old[cut:] + old[:cut]

        def overlap(i, j):
            return len(old[i] & new[j]) / max(len(old[i] | new[j]), 1)

        pairs = pair_similar(old, new, overlap, 0.5)
        self._check_order(pairs)
        self.assertTrue(all(overlap(i, j) >= 0.5 for i, j in pairs))

    @thorough
    @given(st.sets(st.integers(0, 9)))
    def test_gaps_are_what_pairs_leave(self, positions):
        left = [position for start, end, *_new in gaps([(i, i) for i in sorted(positions)], (0, 10, 0, 10))
                for position in range(start, end)]
        self.assertEqual(left, [position for position in range(10) if position not in positions])


def _best_weight(weights):
    """Heaviest chain by trying all ends, for comparison."""
    best = {}
    for old, new in sorted(weights):
        before = [weight for (i, j), weight in best.items() if i < old and j < new]
        best[old, new] = weights[old, new] + max(before, default=0)
    return max(best.values(), default=0)

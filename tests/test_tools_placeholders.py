"""Placeholders in clauses, of ``tools.placeholders``."""

from html import escape, unescape
from time import process_time

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml.html import fragment_fromstring
from markupsafe import Markup

from odoo.tests import BaseCase

from ..tools.placeholders import fill, find, literal, problems

KNOWN = ("partner_name", "date_end", "total_value")
VALUES = {"partner_name": "Ann & Co", "date_end": "31 Dec 2026", "total_value": "1,200 €"}

names = st.sampled_from(KNOWN)
plain = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="{}"), max_size=12)
#: Within the braces: what editors leave there.
noise = st.sampled_from(
    ("", " ", "  ", "&nbsp;", "\n", "\ufeff", "<b>", "</b>", '<span title="}} > {{">', "<br/>", "<!-- }} -->")
)
#: Between two braces or two letters: nothing that a reader would see as a space.
hidden = st.sampled_from(("", "", "</b>", '<font style="color: red">', "\u200b", "<!-- x -->"))
tags = st.sampled_from(("<p>", "</p>", "<br>", "<b>", "&amp;", "&lt;", " "))
signs = st.sampled_from([*"{}<>/!-='\"& \0\1ab_", "{{", "}}", "<b>", "&nbsp;", "a_b"])
chaos = st.lists(signs, max_size=40).map("".join)
laws = settings(database=None, deadline=None)


@st.composite
def placeholders(draw):
    """A known name in braces as an editor may leave it: (name, HTML)."""
    name = draw(names)
    cut = draw(st.integers(1, len(name) - 1))
    inside = draw(noise) + draw(noise) + name[:cut] + draw(hidden) + name[cut:] + draw(noise)
    tag = st.sampled_from(("", "<i>"))
    return name, "{" + draw(tag) + "{" + inside + "}" + draw(tag) + "}"


@st.composite
def clauses(draw):
    """Text with placeholders among it: (names, HTML)."""
    pieces = draw(st.lists(placeholders() | tags | plain.map(escape), max_size=8))
    found = [piece[0] for piece in pieces if isinstance(piece, tuple)]
    return found, "".join(piece[1] if isinstance(piece, tuple) else piece for piece in pieces)


class TestFind(BaseCase):
    def test_find_gives_names_in_order_and_each_once(self):
        html = "<p>{{ date_end }} {{partner_name}} {{ date_end }}</p><p>{{ other }}</p>"
        self.assertEqual(find(html), ["date_end", "partner_name", "other"])

    def test_find_when_an_editor_put_things_inside_the_braces_then_still_found(self):
        for html in (
            "{{ <b>date_end</b> }}",
            "{{&nbsp;date_end }}",
            "{{&#160;date_end&#xA0;}}",
            "{{\u00a0date_end\ufeff}}",
            "{{\n  date_end\n}}",
            "{{ date<b>_</b>end }}",
            "{{ date_<span>\u200b</span>end }}",
            "{<b>{ date_end }</b>}",
            "<b>{{ date_end</b> }}",
            '{{ <span class="a" title="1 > 0 }}">date_end</span> }}',
            "{{ <span title='1 > 0 }}'>date_end</span> }}",
            "{{ <!-- > }} -->date_end }}",
            "{{ date_<B>end</B> }}",
            "{{ date_end }<i>} {{ date_end }</i>}",
            "{{ date_end }<i>}</i> x }}",
            "{{ date_end<br/> }}",
            "<p>{{ </p><p>date_end }}</p>",
            "{{ date&#95;end }}",
        ):
            self.assertEqual(find(html), ["date_end"], html)

    def test_find_when_not_in_braces_or_not_in_text_then_nothing(self):
        for html in (
            "", "date_end", "{ date_end }", "{ { date_end } }", "{{ date_end", "date_end }}", "{{ date_end } }",
            "<!-- > {{ date_end }} -->", '<a href="{{ date_end }}">x</a>', "<br title='{{ date_end }}'/>",
        ):
            self.assertEqual(find(html), [], html)

    def test_find_when_a_block_ends_within_the_name_then_another_name(self):
        self.assertEqual(find("<p>{{ date</p><p>_end }}</p>"), ["date _end"])
        self.assertEqual(find("{{ date<br>_end }}"), ["date _end"])

    def test_find_when_opened_twice_then_the_inner_one(self):
        self.assertEqual(find("{{ date_end {{ partner_name }} }}"), ["partner_name"])

    def test_find_when_a_tag_never_ends_then_no_text_follows(self):
        self.assertEqual(find("{{ date_end }} <b class='x {{ partner_name }}"), ["date_end"])


class TestProblems(BaseCase):
    def test_problems_when_all_is_well_then_none(self):
        for html in ("", "<p>No</p>", "{{ <b>date_end</b> }} {{&nbsp;partner_name }}", "}} {x} {", "<!-- {{ x }} -->"):
            self.assertEqual(problems(html, KNOWN), [], html)

    def test_problems_quote_what_stands_between_the_braces(self):
        for html, expected in (
            ("{{ object.env }}", ["object.env"]),
            ("{{ 7 * 7 }}", ["7 * 7"]),
            ("{{ object.<b>env</b>['res.users'] }}", ["object.env['res.users']"]),
            ("{{ x &lt; y }}", ["x < y"]),
            ("{{ Date_End }}", ["Date_End"]),
            ("{{ date_end | upper }}", ["date_end | upper"]),
            ("{{{ date_end }}}", ["{ date_end"]),
            ("{{ a }} {{ b }} {{ a }}", ["a", "b"]),
            ("{{ }} {{}} {{&nbsp;<b></b>}}", ["{{ }}"]),
        ):
            self.assertEqual(problems(html, KNOWN), expected, html)

    def test_problems_when_long_then_cut_at_60_characters(self):
        self.assertEqual(problems("{{ %s }}" % ("x" * 60), KNOWN), ["x" * 60])
        self.assertEqual(problems("{{ %s }}" % ("x" * 61), KNOWN), ["x" * 59 + "…"])

    def test_problems_when_never_closed_then_told_with_what_follows(self):
        for html, expected in (
            ("{{ date_end", ["{{ date_end"]),
            ("<p>Until {{ <b>date_end</b> }.</p>", ["{{ date_end }."]),
            ("{{ date_end {{ partner_name }}", ["{{ date_end {{ partner_name }}"]),
            ("{{ object.env {{ date_end", ["{{ object.env {{ date_end", "{{ date_end"]),
        ):
            self.assertEqual(problems(html, KNOWN), expected, html)
        [problem] = problems("{{ " + "x " * 500, KNOWN)
        self.assertEqual(len(problem), 60)

    def test_problems_when_within_a_tag_then_told(self):
        html = '<a href="{{ date_end }}">{{ date_end }}</a>'
        self.assertEqual(problems(html, KNOWN), ["{{ date_end }}"])


class TestFill(BaseCase):
    def test_fill_replaces_every_placeholder_and_keeps_the_tags(self):
        for html, expected in (
            ("", ""),
            ("<p>No more.</p>", "<p>No more.</p>"),
            ("<p>{{ date_end }}, {{date_end}}</p>", "<p>31 Dec 2026, 31 Dec 2026</p>"),
            ("{{ <b>date_end</b> }}!", "<b>31 Dec 2026</b>!"),
            ("<b>{{ date_end</b> }}.", "<b>31 Dec 2026</b>."),
            ("{{&nbsp;date_end&nbsp;}}", "31 Dec 2026"),
            ("{{&nbsp;\ufeff<b>&#160;date_end</b>&nbsp;}}", "<b>31 Dec 2026</b>"),
            ("{<i>{ date_end }</i>}", "<i>31 Dec 2026</i>"),
            ("{{ date<b>_</b>end }}", "31 Dec 2026<b></b>"),
            ("<p>{{ </p><p>date_end }}</p>", "<p></p><p>31 Dec 2026</p>"),
            ('{{ <i title="}}">date_end</i> }}', '<i title="}}">31 Dec 2026</i>'),
            ("{{ date_end }}}", "31 Dec 2026}"),
            ("{{ open {{ date_end }} {{ open", "{{ open 31 Dec 2026 {{ open"),
        ):
            self.assertEqual(fill(html, VALUES), expected, html)

    def test_fill_escapes_values(self):
        self.assertEqual(fill("{{ partner_name }}", VALUES), "Ann &amp; Co")
        value = "<script>alert('x')</script> \"&amp;"
        self.assertEqual(
            fill("{{ partner_name }}", {"partner_name": value}),
            "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &quot;&amp;amp;",
        )

    def test_fill_when_text_or_values_are_markup_then_escaped_once_and_the_text_kept(self):
        html = Markup("<p>{{ partner_name }} &amp; {{ date_end }}</p>")
        html = fill(html, {**VALUES, "date_end": Markup("<b>&</b>")})
        self.assertEqual(html, "<p>Ann &amp; Co &amp; &lt;b&gt;&amp;&lt;/b&gt;</p>")
        self.assertIs(type(html), str)

    def test_fill_when_a_value_looks_like_a_placeholder_then_not_searched_again(self):
        values = {"partner_name": "{{ total_value }}", "total_value": "{{ partner_name }}"}
        self.assertEqual(fill("{{ partner_name }}", values), "{{ total_value }}")
        self.assertEqual(fill("{{ partner_name }}{{ total_value }}", values), "{{ total_value }}{{ partner_name }}")
        values = {"partner_name": "{{", "total_value": " date_end }}"}
        self.assertEqual(fill("{{ partner_name }}{{ total_value }}", values), "{{ date_end }}")

    def test_fill_when_a_value_looks_like_a_pattern_then_kept(self):
        html = fill("{{ partner_name }}", {"partner_name": r"\1 \g<0> %s {0} $x"})
        self.assertEqual(html, r"\1 \g&lt;0&gt; %s {0} $x")

    def test_fill_when_the_name_is_unknown_then_refused(self):
        for html, name in (
            ("{{ object.env }}", "object.env"),
            ("{{ date_end }}{{ x }}", "x"),
            ("{{ }}", ""),
            ("{{{ date_end }}", "{ date_end"),
        ):
            with self.assertRaises(KeyError) as caught:
                fill(html, VALUES)
            self.assertEqual(caught.exception.args, (name,), html)

    def test_fill_when_within_a_tag_then_left_alone(self):
        for html in ('<a href="{{ date_end }}">x</a>', "<a href={{date_end}}>x</a>", "<!-- {{ x }} -->"):
            self.assertEqual(fill(html, VALUES), html)

    def test_fill_when_written_to_slow_it_down_then_time_grows_with_length_only(self):
        for unit in (
            "{{", "{", "<", "<a ", "<a='", '<a="<a=" ', "<!--", "<a =", "<a = ", "{<b>", "{{ x }", "{{ &nbsp;",
            "{{ x<b>", "{{ x }}",
        ):
            html = unit * 40_000
            begun = process_time()
            find(html)
            problems(html, KNOWN)
            fill(html, {"x": "y"})
            # Quadratic time would be minutes.
            self.assertLess(process_time() - begun, 5, unit)


class TestLaws(BaseCase):
    @laws
    @given(clauses())
    def test_find_gives_exactly_the_names_that_were_written(self, clause):
        written, html = clause
        self.assertEqual(find(html), list(dict.fromkeys(written)))
        self.assertEqual(problems(html, KNOWN), [])

    @laws
    @given(clauses())
    def test_fill_leaves_no_placeholder_and_changes_nothing_else(self, clause):
        written, html = clause
        filled = fill(html, VALUES)
        self.assertEqual(find(filled), [])
        self.assertEqual(fill(filled, {}), filled)
        if not written:
            self.assertEqual(filled, html)

    @laws
    @given(clauses(), st.fixed_dictionaries(dict.fromkeys(KNOWN, st.text("<>&;/\"'ab {}!-", max_size=9))))
    def test_fill_keeps_the_tags_whatever_the_values(self, clause, values):
        _written, html = clause
        self.assertEqual(self.tags(fill(html, values)), self.tags(fill(html, dict.fromkeys(values, "x"))))

    def tags(self, html):
        return [element.tag for element in fragment_fromstring(html, create_parent="div").iter()]

    @laws
    @given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20))
    def test_fill_shows_the_value_to_the_reader_letter_by_letter(self, value):
        html = fill("<p>{{ <b>partner_name</b> }}</p>", {"partner_name": value})
        self.assertEqual(fragment_fromstring(html).text_content(), value)
        self.assertEqual(unescape(html), f"<p><b>{value}</b></p>")

    @laws
    @given(chaos)
    def test_fill_of_anything_either_is_refused_or_leaves_no_placeholder(self, html):
        found = find(html)
        if set(found) - {"a_b"}:
            self.assertTrue(problems(html, ["a_b"]))
            with self.assertRaises(KeyError):
                fill(html, {"a_b": "x"})
        if not problems(html, ["a_b"]):
            self.assertEqual(find(fill(html, {"a_b": "x"})), [])

    @laws
    @given(chaos)
    def test_literal_of_anything_opens_no_placeholder_and_reads_the_same(self, html):
        harmless = literal(html)
        self.assertEqual(find(harmless), [])
        self.assertEqual(fill(harmless, {}), harmless)
        self.assertEqual(harmless.replace("\u2060", ""), html.replace("\u2060", ""))
        self.assertEqual(literal(harmless), harmless)

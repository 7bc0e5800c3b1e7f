"""Redline, sanitising and plain text of ``tools.redline``, case by case."""

import re
from collections import Counter
from random import Random

from lxml import etree
from markupsafe import Markup

from odoo.tests import BaseCase

from ..tools.html_parse import COMPARED_DEPTH, MAX_DEPTH, MAX_HREF, MAX_MARKS
from ..tools.redline import CSS, plain_text, redline, sanitise
from ..tools.redline_match import CANDIDATES, MAX_LOOKS, align, pair_similar

DEEP = 10_000


def brief(html):
    """A redline with short marks: [-deleted-] and [+inserted+]."""
    for tag, sign in (("ins", "+"), ("del", "-")):
        html = html.replace(f'<{tag} class="clm_{tag}">', f"[{sign}").replace(f"</{tag}>", f"{sign}]")
    return html


class RedlineCase(BaseCase):
    def assert_redline(self, old, new, expected):
        result = redline(old, new)
        self.assertEqual(brief(result.html), expected)
        self.assertEqual(sanitise(result.html), result.html)
        return result


class TestSanitise(BaseCase):
    def assert_sanitised(self, *cases):
        for html, expected in cases:
            with self.subTest(html=html[:60]):
                self.assertEqual(sanitise(html), expected)
                self.assertEqual(sanitise(expected), expected)
                etree.fromstring(f"<div>{expected}</div>")

    def test_sanitise_when_there_is_nothing_then_empty(self):
        self.assertEqual(sanitise(None), "")
        self.assert_sanitised(("", ""), (" \n\t ", ""), ("<!-- only a comment -->", ""))
        self.assertEqual(sanitise(False), "")

    def test_sanitise_when_everything_is_allowed_then_as_it_was(self):
        for html in (
            '<h1>A</h1><p class="text-center">b <strong>c</strong> <em>d</em><br/><u>e</u><s>f</s></p><hr/>',
            '<ol type="a" start="3"><li>a<ul><li>b</li></ul></li><li value="7">c</li></ol>',
            '<table class="table table-bordered"><caption>t</caption><thead><tr><th>a</th></tr></thead></table>',
            '<table><tbody><tr><td rowspan="2">b</td></tr></tbody><tfoot><tr><td></td></tr></tfoot></table>',
            '<p><a href="https://example.com/?a=1&amp;b=%202">a</a> <a href="mailto:a@example.com">b</a></p>',
            '<p>H<sub>2</sub>O m<sup>2</sup> <code>x</code></p><pre>a\n  b</pre><blockquote>c</blockquote>',
            '<div><span class="small">a</span></div><p><ins class="clm_ins">b</ins><del class="clm_del">c</del></p>',
            "<p><ins>a</ins> \xa0 &lt;b&gt; &amp;amp; \"quoted\" 'too' 契約 {{ object.name }}</p>",
        ):
            self.assert_sanitised((html, html))

    def test_sanitise_when_tags_are_dangerous_then_gone_with_their_content(self):
        for tag in (
            *("script", "style", "iframe", "object", "applet", "svg", "math", "form", "noscript", "template"),
            *("textarea", "select", "button", "title", "audio", "video", "canvas", "noembed"),
        ):
            self.assert_sanitised((f"a<{tag} onload=x()>hidden</{tag}> b", "a b"))
        self.assert_sanitised(("a<img src=x onerror=alert(1)>b<input autofocus onfocus=x()>c<embed src=x>d", "abcd"))

    def test_sanitise_when_attributes_are_not_known_then_gone(self):
        self.assert_sanitised(
            ('<p style="display:none" onclick="x()" data-x="1" id="i" title="t" dir="rtl">a</p>', "<p>a</p>"),
            ('<p class="d-none text-end invisible clm_ins">a</p>', '<p class="text-end">a</p>'),
            ('<ins class="clm_del">a</ins>', "<ins>a</ins>"),
            ('<td colspan="2"></td>', ""),
            ('<table><tr><td colspan="0" rowspan="99999">a<td colspan="+2">b<td colspan="x">c</table>',
             "<table><tbody><tr><td>a</td><td>b</td><td>c</td></tr></tbody></table>"),
            ('<ol start="-1" type="x"><li value="1e3">a</ol>', '<ol start="-1"><li>a</li></ol>'),
        )

    def test_sanitise_when_links_are_not_web_or_mail_then_only_their_text(self):
        for href in (
            *("javascript:alert(1)", " java\tscript:alert(1)", "JAVASCRIPT&colon;x", "&#106;avascript:x", "//x.y/z"),
            *("data:text/html,x", "vbscript:x", "file:///etc/passwd", "#top", "/relative", "https:"),
            *("\x01javascript:x", "\x0cjavascript:x"),
            "https://" + "x" * MAX_HREF,
        ):
            self.assert_sanitised((f'<a href="{href}">a</a>', "<a>a</a>"))
        self.assert_sanitised(
            ('<a href=" HTTPS://x.y/a b">a</a>', '<a href="HTTPS://x.y/a%20b">a</a>'),
            ("<a href='http://x.y/\"onclick=z'>a</a>", "<a>a</a>"),
        )

    def test_sanitise_when_tags_are_unknown_then_their_text_stays(self):
        self.assert_sanitised(
            ("<o:p>a</o:p> <font color=red>b</font> <t t-out='x'>c</t>", "a b c"),
            ("<section>a<article>b</article></section>", "<div>a<div>b</div></div>"),
            ("<dl><dt>a<dd>b</dl>", "<div><div>a</div><div>b</div></div>"),
        )

    def test_sanitise_when_markup_is_broken_then_mended(self):
        self.assert_sanitised(
            ("<p>a<p>b</p></div>c", "<p>a</p><p>b</p>c"),
            ("<p>a<ul><li>b<li>c</ul>d</p>", "<p>a</p><ul><li>b</li><li>c</li></ul>d"),
            ("<b>a<i>b</b>c", "<b>a<i>b</i></b>c"),
            ("<li>a<li>b", "<ul><li>a</li><li>b</li></ul>"),
            ("<ul>a<li>b</ul>", "<ul><li>a</li><li>b</li></ul>"),
            ("<ul><ul><li>a</ul></ul>", "<ul><li><ul><li>a</li></ul></li></ul>"),
            ("<table>a<tr>b<td>c</table>",
             "<table><tbody><tr><td>a</td></tr><tr><td>b</td><td>c</td></tr></tbody></table>"),
            ("<table><td>a<td>b</table>", "<table><tbody><tr><td>a</td><td>b</td></tr></tbody></table>"),
            ("<table><tr><td>a</table><caption>b</caption><tr><td>c",
             "<table><tbody><tr><td>a</td></tr></tbody></table><p>b</p><p>c</p>"),
            ("<h1><h2>a", "<h1></h1><h2>a</h2>"),
            ("<p>a <b> b</b>  c <br> d </p>", "<p>a <b>b</b> c<br/>d</p>"),
        )

    def test_sanitise_when_text_is_plain_then_survives(self):
        self.assert_sanitised(
            ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
            ("1<2, a<b", "1&lt;2, a&lt;b"),
            ("Jo <jo@example.com>", "Jo &lt;jo@example.com&gt;"),
            ("a &amp; b &copy; &bogus; &lt;p&gt;", "a &amp; b © &amp;bogus; &lt;p&gt;"),
            ("{{ object.name or '' }} {% if x < 3 %}", "{{ object.name or '' }} {% if x &lt; 3 %}"),
        )

    def test_sanitise_when_characters_are_not_text_then_gone(self):
        self.assert_sanitised(
            ("a\x00b\x08c\x1b\ufffe\ud800d", "abcd"),
            ("<scr\x00ipt>alert(1)</script>a", "a"),
            ("5\u202e000\u202d EUR", "5000 EUR"),
            ("\ufeffa", "a"),
        )

    def test_sanitise_when_comments_and_declarations_then_nothing_of_them(self):
        for html in (
            *("a<!-- b -->", "a<!--[if mso]><p>b</p><![endif]-->", "a<!DOCTYPE b>", "a<!-- b"),
            *("a<?xml version='1.0'?>", "a<?php echo 1 ?>"),
            "a<!DOCTYPE x SYSTEM 'file:///etc/passwd'>",
        ):
            self.assert_sanitised((html, "a"))
        self.assert_sanitised(("<![if !mso]>a<![endif]>", "a"))
        self.assertNotIn("<script", sanitise("<![CDATA[<script>alert(1)</script>]]>"))
        self.assertNotIn("passwd", sanitise("<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>&e;").split("]")[0])

    def test_sanitise_when_encoding_is_declared_then_not_followed(self):
        self.assert_sanitised(('<?xml version="1.0" encoding="utf-16"?><meta charset="utf-7">é+ADw-', "é+ADw-"))

    def test_sanitise_when_markup_of_markupsafe_then_read_as_html(self):
        self.assertEqual(sanitise(Markup("<p>a &amp; b</p>")), "<p>a &amp; b</p>")

    def test_sanitise_when_nested_very_deeply_then_flattened_to_paragraphs(self):
        boxes = sanitise("a<div>" * DEEP + "b")
        self.assertEqual(boxes.count("<div>"), MAX_DEPTH)
        self.assertEqual(boxes.count("<p>"), DEEP - MAX_DEPTH)
        self.assertEqual(sanitise("<div>" * 200 + "a<div>b</div>c").count("<p>"), 3)
        marks = "".join(f'<span class="h{number % 6 + 1}"><b>' for number in range(DEEP))
        self.assertLessEqual(sanitise(marks + "a").count("<span"), MAX_MARKS)

    def test_sanitise_when_hostile_then_safe_and_final(self):
        for html in HOSTILE:
            with self.subTest(html=html[:60]):
                result = sanitise(html)
                self.assertEqual(sanitise(result), result)
                self._check_safe(result)

    def _check_safe(self, html):
        root = etree.fromstring(f"<div>{html}</div>")
        self.assertLessEqual({element.tag for element in root.iter()}, ALLOWED_TAGS)
        attributes = {name for element in root.iter() for name in element.attrib}
        self.assertLessEqual(attributes, {"class", "href", "colspan", "rowspan", "start", "type", "value"})
        for element in root.iter("a"):
            self.assertRegex(element.get("href", "http://"), r"^(?i:https?://|mailto:)")


ALLOWED_TAGS = {
    *("p", "div", "span", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre"),
    *("code", "table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th", "a", "ins", "del"),
    *("b", "strong", "i", "em", "u", "s", "sub", "sup"),
}
HOSTILE = (
    '<svg><style><img src=x onerror=alert(1)></style></svg>',
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
    '<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>',
    '<a href="javascript&#x3a;alert(1)">a</a><a href="https://x" onclick="alert(1)">b</a>',
    '<p class="text-center&quot; onclick=&quot;x">a</p>',
    "<table><tr><td></script><script>alert(1)</script>",
    "<xmp><script>alert(1)</script></xmp><plaintext><script>alert(1)</script>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe><base href=//x><link href=//x><meta http-equiv=refresh>",
    f"<p title='{'x' * 1_000_000}' class='{'x ' * 100_000}'>a</p>",
    "<div>" * DEEP + "a",
    "<b>" * DEEP + "a",
    "a<ul><li>" * DEEP,
    "<table><tr><td>" * DEEP + "a",
    "<table>" * DEEP + "a",
    "<ol><ul>" * DEEP + "a",
    "<ins><b><p>a" * DEEP,
    "<span class=small><i><div>a</i>" * DEEP,
    "<" * DEEP,
    "<a b='" * DEEP,
    "<!--" * DEEP,
    "&#x" * DEEP,
    "</p></b>" * DEEP,
    "\x00" * DEEP,
)


class TestPlainText(BaseCase):
    def test_plain_text_gives_blocks_on_lines_and_cells_between_tabs(self):
        for html, expected in (
            (None, ""),
            ("<p>a <b>b</b>c</p><h2>d</h2><ul><li>e<ol><li>f</li></ol>g</li></ul>", "a bc\nd\ne\nf\ng"),
            ("<p>a<br>b</p><p> </p><p><br></p><hr>c", "a\nb\nc"),
            ("<table><tr><th>a<th>b<tr><td>1<td>2</table>d", "a\tb\n1\t2\nd"),
            ("<table><caption>t<tr><td>a<td><td><p>b<p>c</table>", "t\na\t\tb c"),
            ("<table><tr><td><td>x</table>", "\tx"),
            ("<table><tr><td><td></table>", ""),
            ("<table><tr><td>a<table><tr><td>b<td>c</table><td>d</table>", "a b c\td"),
            ("<pre>a\n\tb</pre>", "a\nb"),
            ("a &lt;b&gt; &amp; c", "a <b> & c"),
            ("<script>x</script>a<del>b</del>", "ab"),
        ):
            with self.subTest(html=html):
                self.assertEqual(plain_text(html), expected)


class TestRedline(RedlineCase):
    def test_words_when_replaced_inserted_or_deleted_then_marked_where_they_are(self):
        for old, new, expected in (
            ("<p>The fee is 10 EUR.</p>", "<p>The fee is 20 EUR.</p>", "<p>The fee is [-10-][+20+] EUR.</p>"),
            ("<p>The fee is due</p>", "<p>The fee is not due</p>", "<p>The fee is[+ not+] due</p>"),
            ("<p>The fee is not due</p>", "<p>The fee is due</p>", "<p>The fee is[- not-] due</p>"),
            ("<p>fee is due</p>", "<p>The fee is due</p>", "<p>[+The +]fee is due</p>"),
            ("<p>The fee is due</p>", "<p>fee is due</p>", "<p>[-The -]fee is due</p>"),
            ("<p>due on time</p>", "<p>due on time.</p>", "<p>due on time[+.+]</p>"),
            ("<p>pay 1,000.00 now</p>", "<p>pay 1,500.00 now</p>", "<p>pay [-1,000.00-][+1,500.00+] now</p>"),
            ("<p>(a) the buyer's</p>", "<p>(b) the buyer's</p>", "<p>([-a-][+b+]) the buyer's</p>"),
            ("<p>本契約は三年</p>", "<p>本契約は五年</p>", "<p>本契約は[-三-][+五+]年</p>"),
            ("<p>for {{ object.name }} only</p>", "<p>for {{ object.ref }} only</p>",
             "<p>for {{ object.[-name-][+ref+] }} only</p>"),
            ("a", "b", "[-a-][+b+]"),
            ("", "<p>a b</p>", "<p>[+a b+]</p>"),
            ("<p>a b</p>", "", "<p>[-a b-]</p>"),
            (None, None, ""),
        ):
            with self.subTest(old=old, new=new):
                self.assert_redline(old, new, expected)

    def test_words_when_little_lies_between_changes_then_joined(self):
        self.assert_redline(
            "<p>The seller promises delivery; a penalty is excluded altogether and for ever.</p>",
            "<p>The seller guarantees payment; a compensation is excluded altogether and for ever.</p>",
            "<p>The seller [-promises delivery; a penalty-][+guarantees payment; a compensation+]"
            " is excluded altogether and for ever.</p>",
        )

    def test_words_when_hardly_any_is_kept_then_the_block_is_replaced_as_a_whole(self):
        self.assert_redline("one of two three four five six", "un deux of trois quatre cinq sept",
                            "[-one of two three four five six-][+un deux of trois quatre cinq sept+]")

    def test_white_space_when_only_its_kind_differs_then_the_same(self):
        result = self.assert_redline("<p>a\xa0b<br>c</p>", "<p>a b c</p>", "<p>a b c</p>")
        self.assertTrue(result.same)

    def test_white_space_when_it_comes_or_goes_then_a_change_without_words(self):
        result = self.assert_redline("<p>the fee , due</p>", "<p>the fee, due</p>", "<p>the fee[- -], due</p>")
        self.assertFalse(result.same)
        self.assertEqual((result.inserted, result.deleted, result.unchanged, result.changes), (0, 0, 3, 1))

    def test_punctuation_when_changed_then_not_the_same_although_no_word_changed(self):
        result = self.assert_redline("<p>pay, sell</p>", "<p>pay; sell</p>", "<p>pay[-,-][+;+] sell</p>")
        self.assertEqual((result.same, result.inserted, result.deleted, result.unchanged), (False, 0, 0, 2))

    def test_counts_are_words_and_changed_places(self):
        result = redline("<p>The fee is 10 EUR, payable now.</p><p>Gone for ever.</p><p>End</p>",
                         "<p>The fee is 20 USD, payable now.</p><p>End</p><p>Added</p>")
        self.assertEqual((result.inserted, result.deleted, result.unchanged, result.changes), (3, 5, 6, 3))

    def test_blocks_when_inserted_or_deleted_then_marked_inside(self):
        self.assert_redline("<h2>One</h2><p>first here</p><p>gone text</p>",
                            "<h2>One</h2><p>new words</p><p>first here</p>",
                            "<h2>One</h2><p>[+new words+]</p><p>first here</p><p>[-gone text-]</p>")
        self.assert_redline("<blockquote>a</blockquote><h1>b</h1><pre>c</pre>", "",
                            "<blockquote>[-a-]</blockquote><h1>[-b-]</h1><pre>[-c-]</pre>")

    def test_blocks_when_similar_then_paired_also_when_others_come_between(self):
        self.assert_redline(
            "<p>The price list is valid for one year.</p><p>Deliveries are made to the warehouse.</p>",
            "<p>Secret</p><p>The price list is valid for two years.</p><p>Deliveries are sent to the warehouse.</p>",
            "<p>[+Secret+]</p><p>The price list is valid for [-one year-][+two years+].</p>"
            "<p>Deliveries are [-made-][+sent+] to the warehouse.</p>",
        )

    def test_blocks_when_bare_text_is_deleted_beside_bare_text_then_not_run_together(self):
        self.assert_redline("one two<hr>three four", "five six", "<p>[-one two-]</p><p>[-three four-]</p>[+five six+]")

    def test_formatting_when_only_it_changed_then_the_new_one_and_the_same(self):
        for old, new in (
            ("<p>a b c</p>", "<p>a <b>b</b> c</p>"),
            ("<p>a</p><p>b</p>", "<ul><li>a</li><li>b</li></ul>"),
            ("<h1>a</h1>", '<h2 class="text-center">a</h2>'),
            ("<div><p>a</p></div>", "<p>a</p>"),
            ('<p><a href="https://a">b</a></p>', '<p><a href="https://c">b</a></p>'),
        ):
            with self.subTest(old=old, new=new):
                self.assertTrue(self.assert_redline(old, new, sanitise(new)).same)

    def test_formatting_when_words_change_inside_then_kept(self):
        self.assert_redline("<p>the <b>big red</b> car</p>", "<p>the <b>big blue <i>fast</i></b> car</p>",
                            "<p>the <b>big </b>[-<b>red</b>-][+<b>blue <i>fast</i></b>+] car</p>")

    def test_links_when_deleted_then_only_their_text(self):
        self.assert_redline('<p>see <a href="https://a">this page</a> for more</p>', "<p>see for more</p>",
                            "<p>see[- this page-] for more</p>")

    def test_preformatted_text_when_it_meets_other_blocks_then_as_the_new_one_is_written(self):
        self.assert_redline("<pre>a  b\n\nc d e</pre>", "<p>a c d e</p>", "<p>a[- b-] c d e</p>")
        self.assert_redline("<p><br>a b c d</p>", "<pre>x b c d</pre>", "<pre>[-a-][+x+] b c d</pre>")

    def test_marks_when_the_texts_have_some_then_plain_text(self):
        faked = '<p>the <ins class="clm_ins">whole</ins> <del class="clm_del">fee</del></p>'
        result = self.assert_redline(faked, faked, "<p>the whole fee</p>")
        self.assertEqual((result.same, result.unchanged), (True, 3))
        self.assert_redline("<p>the whole fee</p>", '<p class="clm_del">the <span class="clm_del">whole</span> fee</p>',
                            "<p>the <span>whole</span> fee</p>")

    def test_redline_when_text_is_markup_then_plain_string(self):
        result = redline(Markup("<p>a</p>"), Markup("<p>b &amp; c</p>"))
        self.assertIs(type(result.html), str)
        self.assertEqual(brief(result.html), "<p>[-a-][+b &amp; c+]</p>")

    def test_style_tells_insertions_from_deletions_without_colour(self):
        self.assertRegex(CSS, r"ins\.clm_ins \{[^}]*underline")
        self.assertRegex(CSS, r"del\.clm_del \{[^}]*line-through")

    def test_redline_when_hostile_then_safe(self):
        for html in HOSTILE:
            for old, new in ((html, "<p>a</p>"), ("<p>a</p>", html)):
                with self.subTest(html=html[:60]):
                    result = redline(old, new)
                    self.assertEqual(sanitise(result.html), result.html)

    def test_redline_when_both_are_nested_deeply_then_within_the_depth_that_sanitise_keeps(self):
        nested = "<table><tr><td>{}<div>" * COMPARED_DEPTH
        html = redline(nested.format(*["a"] * COMPARED_DEPTH), nested.format(*["b"] * COMPARED_DEPTH) + "<p>c").html
        self.assertEqual(sanitise(html), html)


class TestRedlineLists(RedlineCase):
    def test_items_when_inserted_or_deleted_then_marked_inside(self):
        self.assert_redline("<ul><li>one</li><li>two</li></ul>", "<ul><li>two</li><li>three</li></ul>",
                            "<ul><li>[-one-]</li><li>two</li><li>[+three+]</li></ul>")

    def test_items_when_one_of_an_ordered_list_is_deleted_then_the_others_keep_their_numbers(self):
        self.assert_redline(
            '<ol start="3"><li>one</li><li>two</li><li>three</li><li>four</li></ol>',
            '<ol start="3"><li>one</li><li>four</li><li>five</li></ol>',
            '<ol start="3"><li>one</li><li value="4">[-two-]</li><li value="5">[-three-]</li><li value="4">four</li>'
            "<li>[+five+]</li></ol>",
        )

    def test_items_when_nested_then_each_stays_at_its_level(self):
        self.assert_redline(
            "<ol><li>one<ul><li>inner one</li><li>inner two</li></ul></li><li>two</li></ol><p>end</p>",
            "<ol><li>one<ul><li>inner two</li></ul></li></ol><p>end</p>",
            '<ol><li>one<ul><li>[-inner one-]</li><li>inner two</li></ul></li><li value="2">[-two-]</li></ol>'
            "<p>end</p>",
        )

    def test_items_when_a_whole_list_is_deleted_then_a_deleted_list(self):
        self.assert_redline("<p>a</p><ol><li>b<ul><li>c</li></ul></li></ol><p>d</p>", "<p>a</p><p>d</p>",
                            "<p>a</p><ol><li>[-b-]<ul><li>[-c-]</li></ul></li></ol><p>d</p>")

    def test_items_when_their_list_has_become_paragraphs_then_a_list_of_their_own(self):
        self.assert_redline("<ul><li>one</li><li>two</li><li>three</li><li>four</li></ul>", "<p>one</p><p>four</p>",
                            "<p>one</p><ul><li>[-two-]</li><li>[-three-]</li></ul><p>four</p>")

    def test_paragraph_when_two_lists_have_become_one_then_in_the_item_before(self):
        self.assert_redline("<ul><li>one</li></ul><p>between</p><ul><li>two</li></ul>",
                            "<ul><li>one</li><li>two</li></ul>", "<ul><li>one<p>[-between-]</p></li><li>two</li></ul>")


class TestRedlineTables(RedlineCase):
    def test_cell_when_changed_then_words_are_marked_in_it(self):
        self.assert_redline(
            '<table><thead><tr><th colspan="2">Fees</thead><tbody><tr><td>Rent</td><td>10 EUR</td></tr></table>',
            '<table><thead><tr><th colspan="2">Fees</thead><tbody><tr><td>Rent</td><td>12 EUR</td></tr></table>',
            '<table><thead><tr><th colspan="2">Fees</th></tr></thead><tbody><tr><td>Rent</td>'
            "<td>[-10-][+12+] EUR</td></tr></tbody></table>",
        )

    def test_cell_when_filled_or_emptied_then_marked_in_its_column(self):
        result = self.assert_redline(
            "<table><tr><td>Insured<td>x<td></table>", "<table><tr><td>Insured<td><td>x</table>",
            "<table><tbody><tr><td>Insured</td><td>[-x-]</td><td>[+x+]</td></tr></tbody></table>",
        )
        self.assertFalse(result.same)

    def test_cell_when_it_holds_blocks_and_tables_then_compared_in_turn(self):
        self.assert_redline(
            "<table><tr><td><p>a b c</p><p>gone</p><table><tr><td>k<td>1</table><td>z</table>",
            "<table><tr><td><p>a b d</p><table><tr><td>k<td>2</table><td>z</table>",
            "<table><tbody><tr><td><p>a b [-c-][+d+]</p><p>[-gone-]</p><table><tbody><tr><td>k</td><td>[-1-][+2+]</td>"
            "</tr></tbody></table></td><td>z</td></tr></tbody></table>",
        )

    def test_rows_when_inserted_or_deleted_then_their_cells_are_marked(self):
        self.assert_redline(
            "<table><tr><td>Rent<td>10</tr><tr><td>Heating<td>5</tr></table>",
            "<table><tr><td>Heating<td>5</tr><tr><td>Water<td></tr></table>",
            "<table><tbody><tr><td>[-Rent-]</td><td>[-10-]</td></tr><tr><td>Heating</td><td>5</td></tr>"
            "<tr><td>[+Water+]</td><td></td></tr></tbody></table>",
        )

    def test_rows_when_the_same_thing_has_other_figures_then_one_row(self):
        self.assert_redline(
            "<table><tr><td>Rent<td>1<td>10<tr><td>Heating<td>1<td>5</table>",
            "<table><tr><td>Rent<td>2<td>20<tr><td>Heating<td>3<td>15</table>",
            "<table><tbody><tr><td>Rent</td><td>[-1-][+2+]</td><td>[-10-][+20+]</td></tr>"
            "<tr><td>Heating</td><td>[-1-][+3+]</td><td>[-5-][+15+]</td></tr></tbody></table>",
        )

    def test_rows_when_deleted_from_the_head_then_in_the_head(self):
        self.assert_redline(
            "<table><thead><tr><th>gone<tr><th>kept</thead><tbody><tr><td>a</table>",
            "<table><thead><tr><th>kept</thead><tbody><tr><td>a</table>",
            "<table><thead><tr><th>[-gone-]</th></tr><tr><th>kept</th></tr></thead><tbody><tr><td>a</td></tr></tbody></table>",
        )

    def test_column_when_inserted_then_its_cells_are_marked(self):
        self.assert_redline(
            "<table><tr><td>Item<td>Price<tr><td>Rent<td>5</table>",
            "<table><tr><td>Item<td>Months<td>Price<tr><td>Rent<td>12<td>6</table>",
            "<table><tbody><tr><td>Item</td><td>[+Months+]</td><td>Price</td></tr>"
            "<tr><td>Rent</td><td>[+12+]</td><td>[-5-][+6+]</td></tr></tbody></table>",
        )

    def test_column_when_deleted_then_in_the_cells_before_and_the_table_keeps_its_shape(self):
        self.assert_redline(
            "<table><tr><td>Item<td>Months<td>Price<tr><td>Rent<td>12<td>5</table>",
            "<table><tr><td>Item<td>Price<tr><td>Rent<td>6</table>",
            "<table><tbody><tr><td>Item<p>[-Months-]</p></td><td>Price</td></tr>"
            "<tr><td>Rent<p>[-12-]</p></td><td>[-5-][+6+]</td></tr></tbody></table>",
        )

    def test_first_column_when_deleted_then_at_the_start_of_the_next(self):
        self.assert_redline(
            "<table><tr><td>No.<td>Item<tr><td>1<td>Rent</table>", "<table><tr><td>Item<tr><td>Rent</table>",
            "<table><tbody><tr><td><p>[-No.-]</p>Item</td></tr><tr><td><p>[-1-]</p>Rent</td></tr></tbody></table>",
        )

    def test_table_when_deleted_or_inserted_then_all_its_cells_are_marked(self):
        table = "<table><caption>t</caption><tbody><tr><td>a</td><td></td></tr></tbody></table>"
        for sign, old, new in (("-", f"<p>x</p>{table}", "<p>x</p>"), ("+", "<p>x</p>", f"<p>x</p>{table}")):
            self.assert_redline(old, new, f"<p>x</p><table><caption>[{sign}t{sign}]</caption><tbody><tr>"
                                          f"<td>[{sign}a{sign}]</td><td></td></tr></tbody></table>")

    def test_caption_when_only_it_is_deleted_then_a_paragraph_before_the_table(self):
        self.assert_redline("<table><caption>gone<tr><td>a</table>", "<table><tr><td>a</table>",
                            "<p>[-gone-]</p><table><tbody><tr><td>a</td></tr></tbody></table>")

    def test_rows_when_their_table_has_become_text_then_a_table_of_their_own(self):
        self.assert_redline(
            '<table class="table"><tr><td>a<tr><td>b<td>c<tr><td>d</table>', "<table><tr><td>a</table><p>x</p>"
            "<table><tr><td>d</table>",
            "<table><tbody><tr><td>a</td></tr><tr><td>[-b-]</td><td>[-c-]</td></tr></tbody></table><p>[+x+]</p>"
            "<table><tbody><tr><td>d</td></tr></tbody></table>",
        )

    def test_paragraph_when_two_tables_have_become_one_then_in_a_row_across_all_columns(self):
        self.assert_redline(
            "<table><tr><td>a<td>b</table><p>between</p><table><tr><td>c<td>d</table>",
            "<table><tr><td>a<td>b<tr><td>c<td>d</table>",
            '<table><tbody><tr><td>a</td><td>b</td></tr><tr><td colspan="2"><p>[-between-]</p></td></tr>'
            "<tr><td>c</td><td>d</td></tr></tbody></table>",
        )

    def test_row_when_deleted_below_a_cell_that_spans_rows_then_the_cell_spans_it_too(self):
        self.assert_redline(
            '<table><tr><td rowspan="3">all<td>a<tr><td>b<tr><td>c</table>',
            '<table><tr><td rowspan="2">all<td>a<tr><td>c</table>',
            '<table><tbody><tr><td rowspan="3">all</td><td>a</td></tr><tr><td>[-b-]</td></tr><tr><td>c</td></tr>'
            "</tbody></table>",
        )

    def test_rows_when_deleted_with_a_cell_that_spans_them_then_it_spans_no_others(self):
        self.assert_redline(
            '<table><tr><td>x<td>y<tr><td rowspan="3">all<td>a<tr><td>b<tr><td>c</table>',
            "<table><tr><td>x<td>y<tr><td>u<td>v</table>",
            '<table><tbody><tr><td>x</td><td>y</td></tr><tr><td rowspan="3">[-all-]</td><td>[-a-]</td></tr>'
            "<tr><td>[-b-]</td></tr><tr><td>[-c-]</td></tr><tr><td>[+u+]</td><td>[+v+]</td></tr></tbody></table>",
        )


class TestCost(BaseCase):
    def test_align_when_long_and_all_different_then_each_element_is_looked_at_few_times(self):
        class Counted(str):
            looks = Counter()

            def __hash__(self):
                self.looks["hash"] += 1
                return str.__hash__(self)

            def __eq__(self, other):
                self.looks["equal"] += 1
                return str.__eq__(self, other)

        random = Random(1)
        for alphabet in ("ab", [str(number) for number in range(50)], [str(number) for number in range(9999)]):
            Counted.looks.clear()
            old, new = ([Counted(random.choice(alphabet)) for _ in range(4000)] for _ in range(2))
            pairs = align(old, new)
            self.assertTrue(all(str(old[i]) == str(new[j]) for i, j in pairs))
            self.assertLess(sum(Counted.looks.values()), 8000 * MAX_LOOKS * 4)

    def test_pair_similar_when_all_are_edited_then_few_are_compared(self):
        random = Random(2)
        vocabulary = [f"word{number}" for number in range(3000)]
        old = [frozenset(random.sample(vocabulary, 30)) for _ in range(600)]
        new = [frozenset([*sorted(words)[3:], "edited"]) for words in old]
        compared = []

        def similarity(i, j):
            compared.append((i, j))
            return len(old[i] & new[j]) / len(old[i] | new[j])

        self.assertEqual(pair_similar(old, new, similarity, 0.4), [(number, number) for number in range(600)])
        self.assertLessEqual(len(compared), CANDIDATES * 600)

    def test_redline_when_rows_are_deleted_by_thousands_then_all_are_there_in_order(self):
        rows = [f"<tr><td>row{number}<td>{number}</tr>" for number in range(2000)]
        html = redline(f"<table>{''.join(rows)}</table>", f"<table>{''.join(rows[::7])}</table>").html
        numbers = [int(number) for number in re.findall(r"row(\d+)", html)]
        self.assertEqual(numbers, list(range(2000)))

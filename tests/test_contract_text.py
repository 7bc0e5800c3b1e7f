import re
from datetime import timedelta

import psycopg2

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import freeze_time, tagged
from odoo.tools import SQL, mute_logger

from ..const import PLACEHOLDERS
from .contract_common import PNG, ContractCase


@tagged("post_install", "-at_install")
class TestClauses(ContractCase):
    """Library and contract clauses, placeholders, deviations."""

    def _create_clause(self, **vals):
        return self.env["clm.clause"].create({"name": "Clause", "body": "<p>Words.</p>", **vals})

    # === PLACEHOLDERS === #

    def test_every_placeholder_can_be_filled(self):
        contract = self._create_contract()
        self.assertEqual(set(contract._placeholder_values()), set(PLACEHOLDERS))
        body = "".join(f"<p>{{{{ {name} }}}}</p>" for name in PLACEHOLDERS)
        contract.clause_ids[0].body = body
        self.assertNotIn("{{", contract._current_content()[0][0]["body"])

    def test_unknown_placeholder_is_refused_with_its_name(self):
        cases = {
            "<p>{{ customer }}</p>": "customer",
            "<p>{{partner_name}} {{ total value }}</p>": "total value",
            "<p>{{ object.partner_id.name }}</p>": re.escape("object.partner_id.name"),
            "<p>{{ 7 * 7 }}</p>": re.escape("7 * 7"),
            "<p>{{ }}</p>": re.escape("{{ }}"),
            "<p>{{ partner_name</p>": re.escape("{{ partner_name"),
            '<p><a href="https://x/{{ partner_name }}">x</a></p>': "partner_name",
            "<p>{{ <b>partner</b> }}</p>": "partner",
        }
        contract = self._create_contract()
        for body, name in cases.items():
            for what, act in {
                "library, new": lambda body: self._create_clause(body=body),
                "library, edit": lambda body: self.clauses[0].write({"body": body}),
                "contract, edit": lambda body: contract.clause_ids[0].write({"body": body}),
                "contract, form": lambda body: contract.write({
                    "clause_ids": [Command.update(contract.clause_ids[0].id, {"body": body})]
                }),
                "contract, new": lambda body: self.env["clm.contract.clause"].create({
                    "contract_id": contract.id, "name": "New", "body": body,
                }),
            }.items():
                with (
                    self.subTest(body=body, what=what),
                    self.assertRaisesRegex(ValidationError, f"placeholders that cannot be filled: .*{name}"),
                ):
                    act(body)

    def test_placeholder_in_a_title_is_refused(self):
        for act in (
            lambda: self._create_clause(name="About {{ partner_name }}"),
            lambda: self._create_contract().clause_ids[0].write({"name": "{{ x }}"}),
        ):
            with self.assertRaisesRegex(ValidationError, "The title .* has a placeholder"):
                act()

    def test_title_is_needed(self):
        clause = self._create_contract().clause_ids[0]
        with self.assertRaisesRegex(ValidationError, "Give every clause a title"):
            clause.name = "  "

    def test_values_are_filled_as_text_never_as_code(self):
        """Peers render such texts as templates: what a user or a customer wrote in a name was evaluated."""
        names = ("{{ total_value }}", "${object.env.user}", "<t t-out='1'/>", "<script>alert(1)</script>", "a & b")
        for name in names:
            partner = self.env["res.partner"].create({"name": name, "is_company": True})
            contract = self._create_contract(partner_id=partner.id, title=name)
            body = contract._current_content()[0][0]["body"]
            with self.subTest(name=name):
                contract.action_negotiate()
                self.assertEqual(contract._shared_version().clauses[0]["body"], body)
                self.assertNotIn("<script", body)
                self.assertNotIn("1,200", body)
                plain = contract._shared_version().body.striptags()
                self.assertIn(name, plain)

    def test_hostile_html_is_sanitised_on_saving(self):
        clause = self._create_contract().clause_ids[0]
        clause.body = (
            '<p onclick="alert(1)">Text<script>alert(2)</script>'
            '<img src="x" onerror="alert(3)"><a href="javascript:alert(4)">x</a><iframe src="//evil"></iframe></p>'
        )
        version = clause.contract_id._snapshot()
        for html in (clause.body, version.clauses[0]["body"], version.body):
            self.assertIn("Text", html)
            for bad in ("alert", "onclick", "onerror", "iframe", "javascript:"):
                self.assertNotIn(bad, html)

    def test_translation_with_an_unknown_placeholder_stops_no_contract_silently(self):
        """Translations come in unchecked, with a language pack say."""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.clauses[2].update_field_translations("body", {
            "fr_FR": {"Liability is limited to the yearly price.": "Limite : {{ prix }}."},
        })
        self.partner.lang = "fr_FR"
        with self.assertRaisesRegex(UserError, "“Liability” (has a placeholder|has placeholders).*prix"):
            self._create_contract().action_negotiate()

    def test_text_is_in_the_language_of_the_other_side_whoever_shares_it(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.clauses[2].update_field_translations("body", {
            "fr_FR": {"Liability is limited to the yearly price.": "La responsabilité est limitée."},
        })
        self.partner.lang = "fr_FR"
        contract = self._create_contract(date_start="2027-05-01")
        self.assertIn("responsabilité", contract.clause_ids[2].body)
        self.assertTrue(contract.clause_ids[2].is_standard)
        english = contract.with_context(lang="en_US")._current_content()
        self.assertEqual(contract.with_context(lang="fr_FR")._current_content(), english)
        self.assertIn("30/04/2028", english[0][1]["body"])
        fingerprints = {contract.with_context(lang=lang)._fingerprint() for lang in ("en_US", "fr_FR", None)}
        self.assertEqual(len(fingerprints), 1)

    # === DEVIATIONS === #

    def test_text_of_the_library_is_standard(self):
        contract = self._create_contract()
        self.assertEqual(contract.clause_ids.mapped("is_standard"), [True] * 3)
        self.assertEqual(contract.nonstandard_count, 0)

    def test_other_wording_is_marked_counted_and_raises_the_risk(self):
        contract = self._create_contract()
        before = contract.risk
        clause = contract.clause_ids[2]
        clause.body = "<p>Liability is not limited.</p>"
        self.assertFalse(clause.is_standard)
        self.assertEqual((contract.nonstandard_count, clause.risk_weight), (1, 10))
        self.assertGreater(contract.risk, before)
        wording = next(part for part in contract.risk_parts if part["factor"] == "wording")
        self.assertEqual((wording["value"], wording["input"]), (0.5, 1))

    def test_own_clause_is_a_deviation(self):
        contract = self._create_contract()
        contract.write({"clause_ids": [Command.create({"name": "Special", "body": "<p>Special.</p>"})]})
        self.assertEqual((contract.nonstandard_count, contract.clause_ids[-1].risk_weight), (1, 3))

    def test_other_format_of_the_same_words_is_standard(self):
        clause = self._create_contract().clause_ids[2]
        clause.body = "<div>Liability is  <b>limited</b> to the yearly price.</div>"
        self.assertTrue(clause.is_standard)

    def test_restoring_takes_the_library_text_again(self):
        clause = self._create_contract().clause_ids[2]
        clause.write({"name": "Else", "body": "<p>Else</p>"})
        clause.action_restore()
        self.assertEqual((clause.name, clause.body, clause.is_standard), ("Liability", self.clauses[2].body, True))

    def test_later_change_of_the_library_changes_no_contract(self):
        contract = self._create_contract()
        self.clauses[2].body = "<p>New policy.</p>"
        self.assertIn("yearly price", contract.clause_ids[2].body)
        self.assertTrue(contract.clause_ids[2].is_standard)

    def test_archived_clauses_of_a_type_are_left_out(self):
        self.clauses[1].active = False
        self.assertEqual(self._create_contract().clause_ids.clause_id, self.clauses[0] | self.clauses[2])

    def test_clause_in_use_is_not_deleted(self):
        self._create_contract()
        with mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.errors.ForeignKeyViolation):
            self.clauses[0].unlink()

    def test_risk_of_a_deviation_has_bounds(self):
        for weight in (-1, 11):
            with mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.errors.CheckViolation):
                self._create_clause(risk_weight=weight)

    # === SEARCH === #

    def _found(self, operator, value):
        return self.env["clm.contract"].search([
            ("text_search", operator, value), ("partner_id", "=", self.partner.id),
        ])

    def test_full_text_search_finds_words_phrases_and_leaves_out(self):
        one, two = self._create_contract().sudo(), self._create_contract().sudo()
        one.clause_ids[2].body = "<p>Penguins <b>never</b> fly over&nbsp;Zürich.</p>"
        two.clause_ids[2].body = "<p>Penguins always swim.</p>"
        for words, found in {
            "penguins": one | two, "PENGUINS zürich": one, '"never fly"': one, '"fly never"': one.browse(),
            "penguins -swim": one, "zürich or swim": one | two, "liability": one | two, "o'neill ' & | !": one.browse(),
            "\x00penguins": one | two,
        }.items():
            with self.subTest(words=words):
                self.assertEqual(self._found("ilike", words), found)
        self.assertEqual(self._found("not ilike", "zürich"), two)
        self.assertEqual(self._found("in", ["swim", "zürich"]), one | two)
        self.assertEqual(self._found("ilike", "  "), one | two)

    def test_full_text_search_uses_its_index(self):
        self.env.cr.execute(SQL("SET LOCAL enable_seqscan = off"))
        contracts = self.env["clm.contract"].with_context(active_test=False)
        query = contracts._search([("text_search", "ilike", "penguins")])
        plan = self.env.execute_query(SQL("EXPLAIN %s", query.select()))
        self.assertIn("text_index", " ".join(row[0] for row in plan))

    def test_very_long_text_is_saved_and_found_by_its_beginning(self):
        contract = self._create_contract()
        words = " ".join(f"word{number}" for number in range(250_000))
        contract.clause_ids[0].body = f"<p>{words}</p>"
        self.env.flush_all()
        self.assertEqual(self._found("ilike", "word77"), contract.sudo())


@tagged("post_install", "-at_install")
class TestVersions(ContractCase):
    """Versions, redlines and proposals."""

    def _negotiated(self):
        contract = self._create_contract()
        contract.action_negotiate()
        return contract

    def _versions(self, contract):
        """:return: the versions, oldest first"""
        return contract.version_ids.sorted("number")

    def _propose(self, contract, body="<p>No limit at all.</p>", position=2, note="Please"):
        bodies = {contract.clause_ids[position].id: body}
        return contract.sudo()._propose(bodies, note, self.partner).with_user(self.user)

    # === VERSIONS === #

    def test_versions_are_numbered_and_name_their_author(self):
        contract = self._negotiated()
        self._propose(contract)
        contract.action_negotiate()
        rows = contract.version_ids.sorted("number").mapped(lambda v: (v.number, v.side, v.author_name, v.user_id))
        self.assertEqual(rows, [
            (1, "us", self.user.name, self.user), (2, "them", self.partner.name, self.env["res.users"]),
            (3, "us", self.user.name, self.user),
        ])

    def test_unchanged_text_makes_no_version(self):
        contract = self._negotiated()
        contract.action_save_version()
        contract.action_negotiate()
        contract.action_request_approval()
        contract.action_recall()
        self.assertEqual(contract.version_ids.mapped("number"), [1])

    def test_changed_terms_make_a_version(self):
        contract = self._negotiated()
        contract.line_ids.price_unit = 120
        contract.action_save_version()
        contract.notice_count = 2
        contract.action_save_version()
        self.assertEqual(self._versions(contract).mapped("number"), [1, 2, 3])
        prices = self._versions(contract).mapped(lambda version: version.terms["lines"][0]["price_unit"])
        self.assertEqual(prices, ["100.0", "120.0", "120.0"])

    def test_version_keeps_the_filled_text(self):
        contract = self._negotiated()
        version = contract.version_ids
        self.assertIn("Azure Interior", version.body)
        self.assertNotIn("{{", version.body)
        self.assertIn("1,200.00", version.clauses[1]["body"])
        contract.line_ids.price_unit = 500
        self.assertIn("1,200.00", version.clauses[1]["body"])

    def test_version_never_changes(self):
        version = self._negotiated().version_ids
        for user in (self.user, self.manager):
            with self._refuse("A version never changes"):
                version.with_user(user).write({"note": "x"})
            with self.assertRaises(AccessError):
                version.with_user(user)._unlocked().write({"note": "x"})
            with self.assertRaises(AccessError):
                version.with_user(user).unlink()
            with self.assertRaises(AccessError):
                version.with_user(user).create({"contract_id": version.contract_id.id, "number": 9, "side": "us"})
        with self._refuse("A version never changes"):
            version.sudo().write({"clauses": []})
        with self._refuse("cannot be deleted"):
            version.sudo().unlink()

    def test_hash_covers_text_and_terms_and_survives_the_database(self):
        contract = self._negotiated()
        version = contract.version_ids
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertTrue(version._is_genuine())
        self.assertEqual(len(version.sha256), 64)
        self.env.cr.execute(SQL(
            "UPDATE clm_contract_version SET terms = jsonb_set(terms, '{title}', '\"Else\"') WHERE id = %s", version.id
        ))
        self.env.invalidate_all()
        self.assertFalse(version._is_genuine())

    def test_fingerprint_does_not_depend_on_the_cache(self):
        contract = self._create_contract(line_ids=[
            Command.create(self._prepare_line(price_unit=33.333333, quantity=0.1 + 0.2, discount=12.345)),
            Command.create(self._prepare_line(price_unit=1e9 / 3)),
        ], uplift=1 / 3)
        before = contract._fingerprint(), contract._current_content()
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual((contract._fingerprint(), contract._current_content()), before)

    def test_fingerprint_ignores_the_day_and_sees_everything_agreed(self):
        contract = self._create_contract()
        contract.clause_ids[0].body = "<p>Today is {{ today }}.</p>"
        first = contract._fingerprint()
        with freeze_time(fields.Datetime.now() + timedelta(days=1)):
            self.assertEqual(contract._fingerprint(), first)
        changes = {
            "text": lambda: contract.clause_ids[2].write({"body": "<p>Else</p>"}),
            "link": lambda: contract.clause_ids[2].write({"body": '<p><a href="https://b.example">terms</a></p>'}),
            "title": lambda: contract.clause_ids[2].write({"name": "Else"}),
            "order": lambda: contract.clause_ids[2].write({"sequence": 0}),
            "price": lambda: contract.line_ids.write({"price_unit": 1}),
            "tax": lambda: contract.line_ids.write({"tax_ids": [Command.link(self._create_tax().id)]}),
            "signatures": lambda: contract.write({"signature_required": "us"}),
            "partner": lambda: contract.write({"partner_id": self.other_partner.id}),
            "end": lambda: contract.write({"date_end": contract.date_end + timedelta(days=1)}),
            "uplift": lambda: contract.write({"uplift": 7}),
            "minimum": lambda: contract.write({"minimum_months": 7}),
            "type": lambda: contract.write({"type_id": self._create_type().id}),
        }
        seen = {first}
        for what, change in changes.items():
            change()
            with self.subTest(what=what):
                self.assertNotIn(contract._fingerprint(), seen)
            seen.add(contract._fingerprint())

    def _create_tax(self):
        return self.env["account.tax"].create({"name": "Test tax", "amount": 10})

    # === REDLINE === #

    def test_redline_counts_the_words_that_changed(self):
        contract = self._negotiated()
        contract.clause_ids[2].body = "<p>Liability is limited to the monthly fee.</p>"
        contract.action_save_version()
        first, version = self._versions(contract)
        self.assertEqual((version.inserted, version.deleted), (2, 2))
        html = version._redline(first).html
        self.assertRegex(html, r"<del[^>]*>yearly price</del>")
        self.assertRegex(html, r"<ins[^>]*>monthly fee</ins>")

    def test_redline_button_compares_with_the_version_before(self):
        contract = self._negotiated()
        contract.line_ids.price_unit = 7
        contract.action_save_version()
        self._propose(contract)
        first, second, third = self._versions(contract)
        for act, old, new in (
            (contract.action_redline, second, third), (third.action_redline, second, third),
            (second.action_redline, first, second), (first.action_redline, first.browse(), first),
        ):
            context = act()["context"]
            self.assertEqual((context["default_old_id"], context["default_new_id"]), (old.id, new.id))
        with self._refuse("There is no version yet"):
            self._create_contract().action_redline()

    def test_saving_a_version_is_refused_once_locked(self):
        contract = self._create_contract()
        contract.action_send()
        with self._refuse("is locked; its last version is its text"):
            contract.action_save_version()

    # === PROPOSALS === #

    def test_proposal_is_a_version_of_theirs_and_gives_us_the_pen(self):
        contract = self._negotiated()
        version = self._propose(contract)
        self.assertEqual((version.side, version.note, contract.pen), ("them", "Please", "us"))
        self.assertEqual([clause.get("proposed", False) for clause in version.clauses], [False, False, True])
        self.assertIn("yearly price", contract.clause_ids[2].body)
        self.assertIn("proposes another wording", contract.activity_ids.mapped("summary")[-1])

    def test_comment_of_a_proposal_is_text_not_markup(self):
        contract = self._negotiated()
        self._propose(contract, note="1 < 2 <b>x</b>")
        self.assertIn("&lt;b&gt;", contract.activity_ids[-1:].note)

    def test_taking_over_brings_the_wording_in_and_marks_it(self):
        contract = self._negotiated()
        version = self._propose(contract)
        version.action_take_over()
        self.assertEqual(contract.clause_ids.mapped("is_standard"), [True, True, False])
        self.assertIn("No limit at all", contract.clause_ids[2].body)
        self.assertTrue(version.taken_over)
        self.assertIn("Wording of version 2 taken over", contract.message_ids[0].body)

    def test_taking_over_keeps_what_was_not_proposed(self):
        contract = self._negotiated()
        version = self._propose(contract)
        contract.clause_ids[0].body = "<p>Between {{ company_name }} and them.</p>"
        version.action_take_over()
        self.assertIn("{{ company_name }}", contract.clause_ids[0].body)

    def test_braces_of_the_other_side_stay_words(self):
        contract = self._negotiated()
        version = self._propose(
            contract, "<p>We pay {{ total_value }}, {<b>{</b> annual_value }} or {{ whatever }} {{{ term }}}.</p>"
        )
        version.action_take_over()
        contract.action_negotiate()
        shown = contract._shared_version().clauses[2]["body"].replace("\u2060", "")
        self.assertIn("{{ total_value }}", shown)
        self.assertIn("{{ whatever }}", shown)
        self.assertNotIn("1,200", shown)
        contract.clause_ids[2].name = "Renamed"  # and it can be saved again

    def test_hostile_proposal_is_sanitised(self):
        contract = self._negotiated()
        version = self._propose(contract, '<p onclick="x()">Fine<script>alert(1)</script></p>')
        for html in (version.clauses[2]["body"], version.body):
            self.assertIn("Fine", html)
            self.assertNotRegex(html, "onclick|script|alert")

    def test_proposals_are_refused_where_they_make_no_sense(self):
        contract = self._negotiated()
        with self._refuse("same as ours"):
            self._propose(contract, "<div>Liability is limited to the yearly price.</div>")
        with self._refuse("no longer part of the contract"):
            contract.sudo()._propose({0: "<p>x</p>"})
        contract.action_withdraw()
        with self._refuse("while the contract is negotiated only"):
            self._propose(contract)
        self.assertEqual(len(contract.version_ids), 1)

    def test_take_over_is_refused_where_it_makes_no_sense(self):
        contract = self._negotiated()
        with self._refuse("our own wording"):
            contract.version_ids.action_take_over()
        version = self._propose(contract)
        with self.assertRaises(AccessError):
            version.with_user(self.stranger).action_take_over()
        contract.clause_ids[2].unlink()
        with self._refuse("is no longer part of"):
            version.action_take_over()
        self.assertFalse(version.taken_over)
        other = self._negotiated()
        version = self._propose(other)
        other.action_send()
        other._sign("them", "Theo", PNG)
        with self._refuse("out for signature"):
            version.action_take_over()

    def test_context_of_a_client_sets_nothing_in_a_version(self):
        contract = self._create_contract().with_context(
            default_taken_over=True, default_date="2001-01-01 00:00:00", default_shared_at="2001-01-01 00:00:00",
            default_side="them", default_inserted=99,
        )
        contract.action_save_version()
        version = contract.version_ids
        self.assertEqual((version.taken_over, version.side, version.shared_at), (False, "us", False))
        self.assertGreater(version.date.year, 2020)

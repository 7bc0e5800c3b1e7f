import math
from datetime import date, timedelta

import psycopg2

from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .contract_common import PNG, ContractCase

HUGE = (-1, -(10**12), 10**6, 10**12)


@tagged("post_install", "-at_install")
class TestContractBadInput(ContractCase):
    """Whatever is typed, imported or sent: a clear sentence, and nothing half written."""

    def _count(self):
        """:return: rows of everything that a contract is made of"""
        self.env.flush_all()
        tables = (
            "clm_contract", "clm_contract_line", "clm_contract_clause", "clm_contract_visit", "clm_contract_version",
            "clm_contract_approval", "clm_obligation",
        )
        return [self.env[table.replace("_", ".")].sudo().search_count([]) for table in tables]

    def _refuse_all(self, cases, sentence):
        """Refuse values both at creation and as a change.

        :param cases: list of values
        """
        contract = self._create_contract()
        names = {name for vals in cases for name in vals}
        before, counted = contract.read(sorted(names)), self._count()
        for vals in cases:
            with self.subTest(vals=vals, act="create"), self._refuse(sentence):
                self._create_contract(**vals)
            with self.subTest(vals=vals, act="write"), self._refuse(sentence):
                contract.write(vals)
        self.assertEqual((contract.read(sorted(names)), self._count()), (before, counted))

    # === DATES === #

    def test_end_before_start_is_refused(self):
        self._refuse_all([
            {"date_start": "2027-05-01", "date_end": "2027-04-30"},
            {"date_start": "2028-03-01", "date_end": "2028-02-29"},
        ], "ends .* before it starts")

    def test_one_day_is_a_term(self):
        contract = self._create_contract(date_start="2028-02-29", date_end="2028-02-29", notice_count=0)
        self.assertEqual((contract.date_start, contract.date_end), (date(2028, 2, 29),) * 2)

    def test_start_moved_behind_a_typed_end_is_refused(self):
        contract = self._create_contract(renewal_policy="manual", term_months=0, date_end="2030-01-01")
        with self._refuse("ends .* before it starts"):
            contract.write({"date_start": "2031-01-01", "date_end": "2030-01-01"})

    def test_notice_longer_than_the_term_is_refused(self):
        self._refuse_all([
            {"term_months": 1, "notice_count": 2},
            {"term_months": 12, "notice_count": 13},
            {"term_months": 1, "notice_count": 40, "notice_unit": "day"},
            {"date_start": "2027-01-01", "date_end": "2027-01-10", "notice_count": 11, "notice_unit": "day"},
        ], "notice period .* is longer than its term")

    def test_notice_as_long_as_the_term_is_accepted(self):
        contract = self._create_contract(date_start="2027-01-01", term_months=12, notice_count=12)
        self.assertEqual(contract.date_notice, date(2026, 12, 31))

    def test_notice_longer_than_the_term_of_a_type_is_refused(self):
        with self._refuse("notice period of “Agreement” is longer than its term"):
            self._create_type(term_months=1, notice_count=2)

    def test_amendment_near_the_end_is_no_short_term(self):
        contract = self._create_active(date_start=self.today - timedelta(days=300))
        amendment = contract._amend(contract.date_end - timedelta(days=5))
        amendment.date_start = contract.date_end - timedelta(days=4)
        self.assertEqual(amendment.date_end, contract.date_end)

    def test_absurd_dates_are_refused(self):
        self._refuse_all([
            {"date_start": "0001-01-01"}, {"date_start": "1969-12-31"}, {"date_start": "9999-12-31"},
            {"date_end": "9999-12-31"},
        ], "goes from 1970-01-01 to")
        self._refuse_all([{"date_end": self.today + timedelta(days=366 * 120)}], "more than 100 years")

    def test_text_that_is_no_date_is_refused(self):
        with self.assertRaises(ValueError):
            self._create_contract(date_start="tomorrow")

    # === NUMBERS === #

    def test_absurd_terms_are_refused(self):
        for name in ("term_months", "minimum_months", "renewal_months", "renewal_limit", "notice_count"):
            self._refuse_all([{name: number} for number in HUGE], "goes from 0 to")
            for number in HUGE:
                with self.subTest(name=name, number=number), self._refuse("goes from 0 to"):
                    self._create_type(**{name: number})
        for name in ("decide_days", "signature_days"):
            for number in HUGE:
                with self.subTest(name=name, number=number), self._refuse("goes from 0 to"):
                    self._create_type(**{name: number})

    def test_absurd_increase_is_refused(self):
        self._refuse_all([
            {"uplift": number} for number in (-101, 1001, 1e300, math.inf, -math.inf, math.nan)
        ], "“Price Increase” goes from -100.0 to 1000.0")

    def test_duties_of_a_type_cannot_be_due_in_centuries(self):
        for number in (-1, 10**6, 10**12):
            with self.subTest(number=number), self._refuse("“Due After” goes from 0"):
                self._create_type(obligation_ids=[Command.create({"name": "Report", "offset_count": number})])

    def test_intervals_are_one_or_more(self):
        with self._refuse("goes from 1 to"):
            self._create_type(recurrence_interval=-1)
        with mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.errors.CheckViolation):
            self._create_type(recurrence_interval=0)

    def test_longest_possible_contract_is_accepted(self):
        contract = self._create_contract(
            date_start="2200-12-31", term_months=1200, minimum_months=1200, notice_count=400, renewal_months=1200,
        )
        self.assertEqual(contract.date_end, date(2300, 12, 30))
        self.assertTrue(contract.date_minimum_end and contract.date_notice and contract.date_act_by)

    # === ARCHIVED === #

    def test_archived_product_is_refused(self):
        self.product.active = False
        with self._refuse("The product Coffee is archived"):
            self._create_contract()

    def test_product_archived_later_stops_nothing(self):
        contract = self._create_contract()
        self.product.active = False
        contract.line_ids.price_unit = 5
        self._activate(contract)
        self.assertEqual(contract.state, "active")

    def test_archived_or_foreign_owner_is_refused(self):
        gone = self._create_user("c-gone", "clm.group_user")
        gone.active = False
        contract = self._create_contract()
        for user in (gone, self.portal, self.env.ref("base.public_user")):
            with self.subTest(user=user.login), self._refuse("left or is not a colleague"):
                self._create_contract(user=self.manager, user_id=user.id)
            with self.subTest(user=user.login), self._refuse("left or is not a colleague"):
                contract.with_user(self.manager).user_id = user

    def test_owner_who_left_stops_nothing_and_a_manager_is_told(self):
        contract = self._create_contract()
        contract.action_send()
        self.user.active = False
        as_manager = contract.with_user(self.manager)
        as_manager._sign("them", "Theo", PNG)
        told = contract.sudo().activity_ids.user_id
        self.assertTrue(told)
        self.assertNotIn(self.user, told)
        self.assertTrue(told.has_group("clm.group_manager"))
        as_manager._sign("us", "Max", PNG)
        self.assertEqual(contract.sudo().state, "active")
        copy = as_manager.copy()
        self.assertEqual(copy.user_id, self.manager)

    def test_archived_partner_is_refused(self):
        self.other_partner.child_ids.user_ids.active = False
        self.other_partner.active = False
        self._refuse_all([{"partner_id": self.other_partner.id}], "Deco Addict is archived")

    # === CURRENCY === #

    def test_currency_is_not_changed_under_lines(self):
        currency = self.env["res.currency"].create({"name": "TST", "symbol": "T"})
        contract = self._create_contract()
        with self._refuse("are priced in .* Delete them before you change the currency"):
            contract.currency_id = currency
        with self._refuse("are priced in"):
            contract.write({"currency_id": currency.id, "line_ids": [Command.clear()]})
        contract.currency_id = contract.currency_id
        contract.line_ids.unlink()
        contract.currency_id = currency
        self.assertEqual(contract.currency_id, currency)

    # === NAMES === #

    def test_same_number_twice_is_refused(self):
        contract = self._create_contract(name="OLD-1")
        self.assertEqual(contract.name, "OLD-1")
        with mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.errors.UniqueViolation):
            self._create_contract(name="OLD-1")

    def test_numbers_differ_and_count_up(self):
        one, two = self._create_contract(), self._create_contract()
        self.assertLess(one.name, two.name)

    # === REQUIRED === #

    def test_contract_without_partner_or_type_is_refused(self):
        for name in ("partner_id", "type_id"):
            with (
                mute_logger("odoo.sql_db"), self.subTest(name=name),
                self.assertRaises(psycopg2.errors.NotNullViolation),
            ):
                self._create_contract(**{name: False})

    # === SCREEN === #

    def test_form_fills_everything_from_the_type(self):
        with Form(self.env["clm.contract"].with_user(self.user)) as form:
            form.type_id = self.contract_type
            form.partner_id = self.partner
        contract = form.record
        self.assertEqual(contract.title, "Agreement")
        self.assertEqual(contract.clause_ids.mapped("name"), ["Parties", "Price", "Liability"])
        self.assertEqual((contract.state, contract.user_id), ("draft", self.user))

    def test_batch_with_one_bad_contract_creates_none(self):
        before = self._count()
        with self._refuse("ends .* before it starts"):
            self.env["clm.contract"].with_user(self.user).create([
                {"type_id": self.contract_type.id, "partner_id": self.partner.id},
                {
                    "type_id": self.contract_type.id, "partner_id": self.partner.id, "date_start": "2027-01-02",
                    "date_end": "2027-01-01",
                },
            ])
        self.assertEqual(self._count(), before)

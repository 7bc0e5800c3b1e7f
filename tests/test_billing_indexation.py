from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged

from ..wizards import clm_contract_index
from .billing_common import BillingCase
from .screen_common import ScreenCase


@tagged("post_install", "-at_install")
class TestBillingIndexation(ScreenCase, BillingCase):
    """Prices of many contracts raised from a day on: preview, limits, amendments, and what is billed then."""

    # === BUILDERS === #

    def _dialog(self, contracts=None, user=None, **vals):
        """Open the dialog, from a list of contracts or from the menu, and fill it in."""
        if contracts:
            return self._wizard("clm.contract.index", contracts, user=user or self.manager, **vals)
        with Form(self.env["clm.contract.index"].with_user(user or self.manager)) as form:
            for name, value in vals.items():
                setattr(form, name, value)
        return form.record

    def _preview(self, contracts=None, user=None, **vals):
        wizard = self._dialog(contracts, user, **vals)
        action = wizard.action_preview()
        self.assertEqual(action["res_id"], wizard.id)
        return wizard

    def _index(self, contracts, **vals):
        """:return: the amendments that the dialog made"""
        action = self._preview(contracts, **vals).action_apply()
        return self._follow(action["params"]["next"], self.manager)

    def _prices(self, contract):
        """:return: list of (from, until, price) of the lines of a contract"""
        return [
            (str(line.date_start or ""), str(line.date_end or ""), line.price_unit)
            for line in contract.line_ids.sorted(lambda line: (line.date_start or contract.date_start, line.id))
        ]

    # === HOW MUCH === #

    def test_change_follows_percent_index_and_limits(self):
        for number, (vals, change, price) in enumerate([
            ({"percent": 3.5}, 3.5, 103.5),
            ({"percent": -10.0}, -10.0, 90.0),
            ({"method": "index", "index_old": 118.2, "index_new": 122.7}, 3.807107, 103.81),
            ({"method": "index", "index_old": 100.0, "index_new": 112.0, "has_cap": True, "cap": 5.0}, 5.0, 105.0),
            ({"method": "index", "index_old": 100.0, "index_new": 101.0, "floor": 2.0}, 2.0, 102.0),
            ({"method": "index", "index_old": 100.0, "index_new": 96.0, "has_floor": False}, -4.0, 96.0),
            ({"method": "index", "index_old": 0.5, "index_new": 0.51, "has_cap": True, "cap": 2.5}, 2.0, 102.0),
        ]):
            with self.subTest(case=number), self.at("2026-03-10"):
                contract = self._create_billed("2026-01-01")
                wizard = self._preview(contract, **vals)
                self.assertAlmostEqual(wizard.change, change, places=5)
                self.assertRecordValues(wizard.line_ids, [{
                    "contract_id": contract.id, "old_price": 100.0, "new_price": price,
                }])
                self.assertAlmostEqual(wizard.line_ids.change, price - 100, places=5)

    def test_what_makes_no_sense_is_refused(self):
        index = {"method": "index", "index_old": 100.0, "index_new": 102.0}
        contract = self._create_billed("2026-01-01")
        for vals, sentence in (
            ({"method": "index", "index_old": 0.0, "index_new": 102.0}, "both are above 0"),
            ({"method": "index", "index_old": 100.0, "index_new": -1.0}, "both are above 0"),
            ({**index, "has_cap": True, "cap": 1.0, "floor": 3.0}, "lowest increase is above the highest"),
            ({"percent": -100.0}, "goes from -100 to 1000"), ({"percent": 1000.1}, "goes from -100 to 1000"),
        ):
            with self.subTest(sentence=sentence), self.assertRaisesRegex(ValidationError, sentence):
                self._dialog(contract, **vals)
        with self._refuse("by how many percent"):
            self._dialog(contract).action_preview()

    def test_monthly_change_counts_quantity_discount_taxes_and_period(self):
        tax = self.env["account.tax"].create({
            "name": "Included", "amount": 25.0, "price_include_override": "tax_included", "company_id": self.company.id,
        })
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01", [
                {"quantity": 3.0, "discount": 50.0}, {"price_unit": 125.0, "tax_ids": [Command.set(tax.ids)]},
                {"price_unit": 1200.0, "recurrence_unit": "year"},
            ])
            before = contract.mrr
            wizard = self._preview(contract, date="2026-03-01", percent=10.0)
            self.assertEqual(wizard.line_ids.mapped("monthly_change"), [15.0, 10.0, 10.0])
            self.assertIn("Prices: 3.", wizard.summary)
            self.assertIn("35.00", wizard.summary)
            wizard.action_apply()
        self.assertAlmostEqual(contract.mrr, before + 35.0, places=2)

    # === WHICH PRICES === #

    def test_prices_that_recur_and_hold_on_the_day_are_indexed(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01", [
                {"name": "Runs"}, {"name": "Set-up", "recurrence_unit": "once"},
                {"name": "Over", "date_end": "2026-03-31"}, {"name": "Later", "date_start": "2026-04-02"},
                {"name": "From then", "date_start": "2026-04-01"},
                {"name": "Free", "price_unit": 0.0}, {"name": "Rebate", "price_unit": -20.0},
            ])
            wizard = self._preview(contract, date="2026-04-01", percent=5.0)
        self.assertEqual(wizard.line_ids.contract_line_id.mapped("name"), ["Runs", "From then", "Rebate"])
        self.assertEqual(wizard.line_ids.mapped("new_price"), [105.0, 105.0, -21.0])

    def test_all_customer_contracts_in_force_are_proposed_from_the_menu(self):
        other_type = self._create_type(name="Other")
        supply = self._create_type(name="Supply", direction="supplier")
        with self.at("2026-03-10"):
            ours = self._create_billed("2026-01-01")
            others = self._create_billed("2026-01-01", type_id=other_type.id)
            self._create_billed("2026-01-01", type_id=supply.id)
            self._create_contract()
            wizard = self._preview(date="2026-04-01", percent=5.0)
            self.assertEqual(wizard.line_ids.contract_id, ours | others)
            wizard = self._preview(date="2026-04-01", percent=5.0, type_ids=other_type)
            self.assertEqual(wizard.line_ids.contract_id, others)
            self.assertEqual(wizard.date, fields.Date.to_date("2026-04-01"))
            self.contract_type.copy({"name": "Unused"})
            with self._refuse("no contract in force of these types"):
                self._preview(percent=5.0, type_ids=self.env["clm.contract.type"].search([("name", "=", "Unused")]))

    def test_new_prices_hold_from_the_first_of_the_next_month_unless_said_otherwise(self):
        with self.at("2026-12-10"):
            self.assertEqual(self._dialog(percent=1.0).date, fields.Date.to_date("2027-01-01"))

    def test_contracts_that_cannot_be_changed_are_listed_with_the_reason(self):
        with self.at("2026-03-10"):
            good = self._create_billed("2026-01-01")
            draft = self._create_contract()
            ended = self._create_billed("2026-01-01", date_end="2026-03-31")
            future = self._create_billed("2026-05-01")
            terminated = self._create_billed("2026-01-01")
            terminated.action_terminate(self.reason, "2026-09-30", agreed=True)
            busy = self._create_billed("2026-01-01")
            amendment = self._amend(busy, "2026-04-01")
            free = self._create_billed("2026-01-01", [{"price_unit": 0.0}])
            once = self._create_billed("2026-01-01", [{"recurrence_unit": "once"}])
            contracts = good | draft | ended | future | terminated | busy | amendment | free | once
            wizard = self._preview(contracts, date="2026-04-01", percent=5.0)
            self.assertEqual(wizard.line_ids.contract_id, good)
            problems = {row.contract_id: row.problem for row in wizard.left_out_ids}
            self.assertEqual(set(problems), set(contracts - good))
            for contract, words in (
                (draft, "not in force"), (ended, "not in force on this day"), (future, "not in force on this day"),
                (terminated, "terminated"), (busy, "not finished"), (amendment, "Amend the contract itself"),
                (free, "stay the same"), (once, "No recurring price"),
            ):
                with self.subTest(words=words):
                    self.assertIn(words, problems[contract])
            wizard.action_apply()
        self.assertEqual(good.amendment_ids.line_ids.price_unit, 105.0)
        self.assertEqual((contracts - good).amendment_ids, amendment)
        self.assertEqual(amendment.line_ids.price_unit, 100.0)

    def test_prices_taken_from_the_list_stay(self):
        with self.at("2026-03-10"):
            first = self._create_billed("2026-01-01", [{"name": "A"}, {"name": "B"}])
            second = self._create_billed("2026-01-01")
            wizard = self._preview(first | second, date="2026-04-01", percent=5.0)
            names = wizard.line_ids.contract_line_id.mapped("name")
            with Form(wizard) as form:
                for index in reversed(range(len(names))):
                    if names[index] != "B":
                        form.line_ids.remove(index)
            self.assertIn("Contracts: 1. Prices: 1.", wizard.summary)
            wizard.action_apply()
        lines = first.amendment_ids.line_ids
        self.assertEqual({line.name: line.price_unit for line in lines}, {"A": 100.0, "B": 105.0})
        self.assertFalse(second.amendment_ids)

    # === AMENDMENTS === #

    def test_amendment_is_concluded_and_in_force_from_its_day(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01")
            amendment = self._index(
                contract, date="2026-04-01", method="index", index_old=100.0, index_new=103.0, index_name="CPI, June")
            self.assertEqual(amendment.title, "Indexation by 3.00% (CPI, June)")
            self.assertEqual((amendment.state, amendment.amends_id), ("signed", contract))
            self.assertEqual(self._prices(contract), [("", "", 100.0)])
            self.assertEqual(contract.mrr, 100.0)
        self.run_on("2026-04-01")
        self.assertEqual((amendment.state, amendment.close_reason), ("closed", "applied"))
        self.assertEqual(self._prices(contract), [("", "2026-03-31", 100.0), ("2026-04-01", "", 103.0)])
        self.assertEqual(contract.line_ids.filtered("replaces_id").anchor_date, contract.date_start)

    def test_amendment_whose_day_has_come_is_in_force_at_once(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01")
            amendment = self._index(contract, date="2026-03-10", percent=2.0)
            self.assertEqual(amendment.close_reason, "applied")
            self.assertEqual(self._prices(contract)[-1], ("2026-03-10", "", 102.0))

    def test_amendment_that_needs_signatures_is_a_draft(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01")
            amendment = self._index(contract, date="2026-03-10", percent=2.0, needs_signature=True)
            self.assertEqual((amendment.state, amendment.line_ids.price_unit), ("draft", 102.0))
            self.assertEqual(self._prices(contract), [("", "", 100.0)])

    def test_failure_of_one_contract_leaves_it_as_it_was_and_stops_no_other(self):
        with self.at("2026-03-10"):
            first, second, third = (self._create_billed("2026-01-01") for __ in range(3))
            wizard = self._preview(first | second | third, date="2026-03-10", percent=2.0)
            Contract = self.env.registry["clm.contract"]
            apply = Contract._apply_lines

            def fail_late(amendment, contract):
                apply(amendment, contract)
                if contract == second:
                    raise ValidationError("The books are closed.")  # pylint: disable=translation-required

            self.patch(Contract, "_apply_lines", fail_late)
            action = wizard.action_apply()
            self.assertIn(f"{second.name}: The books are closed.", action["params"]["message"])
            self.assertEqual(action["params"]["type"], "warning")
            self.assertEqual(self._follow(action["params"]["next"], self.manager).amends_id, first | third)
            self.assertFalse(second.amendment_ids)
            self.assertEqual(self._prices(second), [("", "", 100.0)])
            self.assertEqual(self._prices(third)[-1][2], 102.0)

    def test_price_that_changed_since_the_preview_is_left_alone(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01")
            wizard = self._preview(contract, date="2026-04-01", percent=2.0)
            self._index(contract, date="2026-03-10", percent=50.0)
            with self._refuse("changed since the preview"):
                wizard.action_apply()
        self.assertEqual([price for *__, price in self._prices(contract)], [100.0, 150.0])

    def test_prices_are_raised_once_however_often_the_button_is_pressed(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01")
            wizard = self._preview(contract, date="2026-03-10", percent=2.0)
            wizard.action_apply()
            with self._refuse("No price changes"):
                wizard.action_apply()
        self.assertEqual([price for *__, price in self._prices(contract)], [100.0, 102.0])

    def test_what_does_not_fit_into_one_request_is_done_by_the_next(self):
        self.patch(clm_contract_index, "MAX_SECONDS", -1)
        with self.at("2026-03-10"):
            contracts = self._create_billed("2026-01-01") | self._create_billed("2026-01-01")
            wizard = self._preview(contracts, date="2026-03-10", percent=2.0)
            first, second = wizard.line_ids.contract_id
            action = wizard.action_apply()
            self.assertEqual((action["res_model"], action["res_id"]), (wizard._name, wizard.id))
            self.assertEqual((wizard.done_count, wizard.line_ids.contract_id), (1, second))
            self.assertEqual([price for *__, price in self._prices(first)], [100.0, 102.0])
            self.assertEqual([price for *__, price in self._prices(second)], [100.0])
            wizard.action_preview()
            self.assertEqual(wizard.line_ids.contract_id, second)
            action = wizard.action_apply()
            self.assertEqual(self._follow(action["params"]["next"], self.manager).amends_id, contracts)
        for contract in contracts:
            self.assertEqual([price for *__, price in self._prices(contract)], [100.0, 102.0])

    def test_dialog_is_for_managers(self):
        for user in (self.viewer, self.user, self.approver, self.accountant, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.env["clm.contract.index"].with_user(user).create({"percent": 1.0})

    # === BILLING === #

    def test_billed_periods_stay_and_later_ones_have_the_new_price(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01", date_end="2026-06-30")
            moves = self._run(contract)
            self._index(contract, date="2026-03-10", percent=10.0)
            self.assertEqual(moves.mapped("amount_untaxed"), [100.0, 100.0, 100.0])
            self.assertEqual(self._rows(contract, "invoiced"), [
                ("2026-01-01", "2026-01-31", "2026-01-01", 100.0), ("2026-02-01", "2026-02-28", "2026-02-01", 100.0),
                ("2026-03-01", "2026-03-31", "2026-03-01", 100.0),
            ])
            # March was invoiced whole: 22 of its 31 days are credited at the old price and charged at the new one
            self.assertEqual(self._rows(contract, "planned"), [
                ("2026-03-10", "2026-03-31", "2026-03-10", 78.06), ("2026-03-10", "2026-03-31", "2026-03-10", -70.97),
                ("2026-04-01", "2026-04-30", "2026-04-01", 110.0), ("2026-05-01", "2026-05-31", "2026-05-01", 110.0),
                ("2026-06-01", "2026-06-30", "2026-06-01", 110.0),
            ])
            self.assertFalse(any(contract.installment_ids.mapped("to_confirm")))
            self.assertEqual(self._run(contract).amount_untaxed, 7.09)
            self.assertFalse(self._run(contract))

    def test_period_that_is_not_billed_yet_is_charged_in_part_at_each_price(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01", [{"billing": "arrears"}], date_end="2026-04-30")
            self._run(contract)
            self._index(contract, date="2026-03-10", percent=10.0)
            self.assertEqual(self._rows(contract, "planned", "due"), [
                ("2026-03-01", "2026-03-09", "2026-03-10", 29.03), ("2026-03-10", "2026-03-31", "2026-04-01", 78.06),
                ("2026-04-01", "2026-04-30", "2026-05-01", 110.0),
            ])

    def test_change_on_the_first_day_of_a_period_breaks_none(self):
        for unit, start, day, rows in (
            ("month", "2026-01-31", "2026-03-31", [
                ("2026-01-31", "2026-02-27", 100.0), ("2026-02-28", "2026-03-30", 100.0),
                ("2026-03-31", "2026-04-29", 110.0), ("2026-04-30", "2026-05-30", 110.0),
            ]),
            ("year", "2024-02-29", "2026-02-28", [
                ("2024-02-29", "2025-02-27", 100.0), ("2025-02-28", "2026-02-27", 100.0),
                ("2026-02-28", "2027-02-27", 110.0),
            ]),
        ):
            with self.subTest(unit=unit), self.at("2026-03-10"):
                contract = self._create_billed(start, [{"recurrence_unit": unit}])
                self._index(contract, date=day, percent=10.0)
            if day > "2026-03-10":
                self.run_on(day)
            found = [(first, last, amount) for first, last, __, amount in self._rows(contract)]
            self.assertEqual(found[:len(rows)], rows)

    def test_indexation_is_an_expansion_of_recurring_revenue(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01")
            self._index(contract, date="2026-03-10", percent=10.0)
            self.assertEqual(
                [(str(row.date), row.kind, row.amount) for row in contract.mrr_movement_ids.sorted("date")],
                [("2026-01-01", "new", 100.0), ("2026-03-10", "expansion", 10.0)],
            )
            self.assertFalse(contract._mrr_gaps(self.company))

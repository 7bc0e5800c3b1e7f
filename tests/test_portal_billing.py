from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged

from ..models.clm_contract_portal_billing import MAX_SHOWN
from .billing_common import BillingCase

ROW_KEYS = {"date", "start", "end", "names", "value", "amount", "state", "state_label"}
INVOICE_KEYS = {"name", "refund", "date", "due", "total", "left", "state", "state_label", "url"}


class PortalBillingCase(BillingCase):
    """Contracts in force since 1 January 2026, shared with the customer; 10 March is today unless a test says so."""

    def _create_shared(self, lines=({},), start="2026-01-01", **vals):
        contract = self._create_billed(start, lines, **vals)
        contract._unlocked().shared_at = fields.Datetime.now()
        return contract

    def _billing(self, contract, user=None):
        """:return: the billing part of the page, as a visitor gets it; default: the customer"""
        contract = contract.with_user(user or self.portal).sudo()
        contract.invalidate_recordset()
        return contract._portal_values()["billing"]

    def _bill(self, contract):
        """:return: posted invoices of what is due"""
        moves = self._run(contract)
        moves.action_post()
        return moves

    def _states(self, rows):
        return [(str(row["date"]), row["state"]) for row in rows]


@tagged("post_install", "-at_install")
class TestPortalBillingValues(PortalBillingCase):
    def test_schedule_and_invoices_are_told_in_plain_values(self):
        with self.at("2026-03-10"):
            contract = self._create_shared()
            moves = self._bill(contract)
            billing = self._billing(contract)
        self.assertEqual(set(billing), {"next_date", "next_amount", "upcoming", "billed", "invoices"})
        self.assertEqual(str(billing["next_date"]), "2026-04-01")
        self.assertEqual(billing["next_amount"], contract.currency_id.format(100.0))
        self.assertEqual(
            self._states(billing["billed"]),
            [("2026-03-01", "invoiced"), ("2026-02-01", "invoiced"), ("2026-01-01", "invoiced")],
        )
        self.assertEqual(billing["upcoming"][0], {
            "date": fields.Date.to_date("2026-04-01"), "start": fields.Date.to_date("2026-04-01"),
            "end": fields.Date.to_date("2026-04-30"), "names": "Coffee", "value": 100.0,
            "amount": contract.currency_id.format(100.0), "state": "planned", "state_label": "Planned",
        })
        self.assertEqual([row["name"] for row in billing["invoices"]], moves.sorted("id", reverse=True).mapped("name"))
        for row in billing["invoices"]:
            self.assertEqual(set(row), INVOICE_KEYS)

    def test_lines_of_the_same_days_are_one_row(self):
        with self.at("2026-03-10"):
            contract = self._create_shared([
                {"name": "Coffee\nground"}, {"name": "Tea"}, {"name": "Milk", "recurrence_interval": 3},
            ])
            billing = self._billing(contract)
        self.assertEqual(
            [(str(row["start"]), str(row["end"]), row["names"], row["value"]) for row in billing["upcoming"][:3]],
            [
                ("2026-01-01", "2026-01-31", "Coffee, Tea", 200.0),
                ("2026-01-01", "2026-03-31", "Milk", 100.0),
                ("2026-02-01", "2026-02-28", "Coffee, Tea", 200.0),
            ],
        )
        self.assertEqual(billing["next_amount"], contract.currency_id.format(300.0))
        self.assertEqual(str(billing["next_date"]), "2026-03-10", "what is late comes next")

    def test_a_draft_invoice_is_not_shown_and_its_period_is_still_planned(self):
        with self.at("2026-01-10"):
            contract = self._create_shared()
            move = self._run(contract)
            billing = self._billing(contract)
            self.assertEqual(move.state, "draft")
            self.assertFalse(billing["invoices"] + billing["billed"])
            self.assertEqual(self._states(billing["upcoming"])[0], ("2026-01-01", "planned"))
            self.assertNotIn("invoiced", str(billing))
            move.button_cancel()
            billing = self._billing(contract)
        self.assertFalse(billing["invoices"] + billing["billed"])
        self.assertEqual(self._states(billing["upcoming"])[0], ("2026-02-01", "planned"))

    def test_skipped_rows_and_proposed_credits_are_ours(self):
        with self.at("2026-03-10"):
            contract = self._create_shared([{"discount": 20.0}])
            skipped = contract.installment_ids.sorted("date_planned")[0]
            skipped.action_skip("SecretReason")
            self._bill(contract)
            contract.action_terminate(self.reason, "2026-03-09", agreed=True)
            proposed = contract.installment_ids.filtered("to_confirm")
            billing = self._billing(contract)
            self.assertTrue(proposed)
            self.assertEqual(
                self._states(billing["billed"]), [("2026-03-01", "invoiced"), ("2026-02-01", "invoiced")],
            )
            self.assertFalse(billing["upcoming"])
            self.assertNotIn("SecretReason", str(billing))
            for row in billing["billed"]:
                self.assertEqual(set(row), ROW_KEYS)
            proposed.action_confirm_credit()
            self.assertEqual(self._states(self._billing(contract)["upcoming"]), [("2026-03-10", "credit")])
            self._bill(contract)
            billing = self._billing(contract)
        self.assertEqual(self._states(billing["billed"])[0], ("2026-03-10", "credited"))
        self.assertEqual([row["refund"] for row in billing["invoices"]], [True, False, False])

    def test_invoices_say_how_they_stand(self):
        with self.at("2026-05-10"):
            contract = self._create_shared()
            contract.payment_term_id = self.env.ref("account.account_payment_term_30days")
            january, february, march, april, __ = self._bill(contract)
            self._pay(january)
            self._pay(february, amount=30.0)
            self._credit(march)
            rows = {row["name"]: row for row in self._billing(contract)["invoices"]}
        self.assertEqual(
            [row["state"] for row in self._sorted_by_date(rows.values()) if not row["refund"]],
            ["paid", "partial", "reversed", "overdue", "open"],
        )
        self.assertEqual(rows[february.name]["left"], contract.currency_id.format(70.0))
        self.assertEqual((rows[january.name]["due"], rows[april.name]["due"]), (None, april.invoice_date_due))

    def _sorted_by_date(self, rows):
        return sorted(rows, key=lambda row: row["date"])

    def test_only_the_nearest_dates_are_shown_at_a_cost_that_does_not_grow(self):
        self.company.clm_billing_horizon = 60
        with self.at("2026-03-10"):
            short = self._create_shared()
            long = self._create_shared(start="2024-01-01")
            self._bill(short | long)
            counts = []
            for contract in (short, short, long):
                self.env.flush_all()
                self.env.invalidate_all()
                before = self.cr.sql_log_count
                billing = contract.with_user(self.portal).sudo()._portal_billing()
                counts.append(self.cr.sql_log_count - before)
        self.assertEqual([len(billing[part]) for part in ("upcoming", "billed", "invoices")], [MAX_SHOWN] * 3)
        self.assertEqual(str(billing["billed"][0]["date"]), "2026-03-01", "the last ones")
        self.assertLessEqual(counts[2], counts[1] + 2)
        self.assertLessEqual(counts[2], 40)

    def test_contracts_that_are_not_in_force_and_amendments_show_no_billing(self):
        with self.at("2026-03-10"):
            contract = self._create_shared()
            self._bill(contract)
            amendment = self._amend(contract, "2026-04-01")
            self.assertIsNone(self._billing(amendment))
            draft = self.env["clm.contract"].create({
                "type_id": self.contract_type.id, "partner_id": self.partner.id, "date_start": "2026-01-01",
            })
            draft.action_negotiate()
            self.assertIsNone(self._billing(draft))

    def test_an_invoice_that_somebody_else_pays_is_not_shown(self):
        with self.at("2026-01-10"):
            contract = self._create_shared(partner_invoice_id=self.other_partner.id)
            move = self._bill(contract)
            billing = self._billing(contract)
        self.assertEqual(move.partner_id, self.other_partner)
        self.assertFalse(billing["invoices"])
        self.assertNotIn(move.name, str(billing))
        self.assertEqual(self._states(billing["billed"]), [("2026-01-01", "invoiced")])

    def test_a_shared_invoice_stands_on_each_contract_of_the_customer(self):
        self.company.clm_billing_grouping = "customer"
        with self.at("2026-01-10"):
            contracts = self._create_shared() | self._create_shared([{"price_unit": 50.0}])
            move = self._bill(contracts)
            self.assertEqual(len(move), 1)
            for contract in contracts:
                [row] = self._billing(contract)["invoices"]
                self.assertEqual((row["name"], row["url"]), (move.name, f"/my/invoices/{move.id}"))

    def test_only_who_may_open_an_invoice_gets_its_address(self):
        public = self.env.ref("base.public_user")
        with self.at("2026-01-10"):
            contract = self._create_shared()
            move = self._bill(contract)
            for user, url in (
                (self.portal, f"/my/invoices/{move.id}"), (self.portal_other, None), (public, None),
            ):
                with self.subTest(user=user.login):
                    [row] = self._billing(contract, user)["invoices"]
                    self.assertEqual(row["url"], url)

    def test_colleagues_preview_what_they_may_see_elsewhere(self):
        with self.at("2026-01-10"):
            contract = self._create_shared()
            self._bill(contract)
            self.assertIsNone(self._billing(contract, self.viewer))
            self.assertIsNone(self._billing(contract, self.stranger))
            self.assertIsNone(self._billing(contract, self.internal))
            owner = self._billing(contract, self.user)
            self.assertTrue(owner["billed"])
            self.assertFalse(owner["invoices"], "reads no invoices")
            self.assertTrue(self._billing(contract, self.accountant)["invoices"])

    def test_suppliers_see_the_bills_that_we_made(self):
        with self.at("2026-02-10"):
            kind = self._create_type(direction="supplier", signature_required="none")
            contract = self._create_shared([{"billing": "arrears"}], direction="supplier", type_id=kind.id)
            move = self._bill(contract)
            [row] = self._billing(contract)["invoices"]
        self.assertEqual((move.move_type, row["state"]), ("in_invoice", "open"))


@tagged("post_install", "-at_install")
class TestPortalBillingRights(PortalBillingCase):
    def test_rows_runs_and_movements_are_closed_to_portal_users(self):
        with self.at("2026-01-10"):
            contract = self._create_shared()
            self._bill(contract)
        for model in ("clm.installment", "clm.billing.run", "clm.mrr.movement"):
            records = self.env[model].search([], limit=1)
            self.assertTrue(records, model)
            for act in (
                lambda model=model: self.env[model].with_user(self.portal).search([]),
                lambda model=model: self.env[model].with_user(self.portal)._read_group([], [], ["__count"]),
                lambda records=records: records.with_user(self.portal).read(["id"]),
            ):
                with self.subTest(model=model), self.assertRaises(AccessError):
                    act()

    def test_billing_fields_of_contracts_invoices_and_partners_are_closed_to_portal_users(self):
        with self.at("2026-01-10"):
            contract = self._create_shared()
            move = self._bill(contract)
        self.assertTrue(move.with_user(self.portal).read(["name"]), "their own invoice")
        for record, names in (
            (contract, ("installment_ids", "mrr", "arr", "next_billing_date", "invoice_count", "journal_id")),
            (move, ("clm_contract_count",)),
            (move.invoice_line_ids, ("clm_contract_id", "clm_installment_id")),
            (self.partner, ("clm_mrr", "clm_arr", "clm_acv", "clm_tcv")),
        ):
            for name in names:
                with self.subTest(field=name), self.assertRaises(AccessError):
                    record.with_user(self.portal).read([name])

    def test_no_button_of_billing_works_for_portal_users(self):
        with self.at("2026-01-10"):
            contract = self._create_shared()
            rows = contract.installment_ids
            for act in (
                contract.with_user(self.portal).action_bill_now,
                lambda: rows.with_user(self.portal).action_skip("Mine"),
                rows.with_user(self.portal).action_confirm_credit,
                rows.with_user(self.portal).action_bill_again,
            ):
                with self.assertRaises(AccessError):
                    act()
        self.assertEqual(set(rows.mapped("state")), {"planned"})
        self.assertFalse(rows.move_line_ids)


@tagged("post_install", "-at_install")
class TestPortalBillingPage(PortalBillingCase, HttpCase):
    def _create_of_today(self):
        start = self.today - timedelta(days=40)
        contract = self._create_shared([{"price_unit": 4321.0}], start=start)
        self._bill(contract)
        self.env.flush_all()
        return contract

    def test_the_customer_reads_the_billing_and_opens_the_invoice(self):
        contract = self._create_of_today()
        move = contract.installment_ids.move_id[0]
        self.authenticate(self.portal.login, self.portal.login)
        text = self.url_open(f"/my/contracts/{contract.id}").text
        self.assertIn('id="billing"', text)
        self.assertIn("Next invoice", text)
        self.assertIn(f'href="/my/invoices/{move.id}"', text)
        self.assertEqual(self.url_open(f"/my/invoices/{move.id}", allow_redirects=False).status_code, 200)

    def test_another_customer_reads_nothing(self):
        contract = self._create_of_today()
        move = contract.installment_ids.move_id[0]
        self.authenticate(self.portal_other.login, self.portal_other.login)
        for url in (f"/my/contracts/{contract.id}", f"/my/invoices/{move.id}"):
            response = self.url_open(url, allow_redirects=False)
            self.assertIn(response.status_code, (302, 303))
            self.assertNotIn("4,321", response.text)

    def test_a_visitor_with_the_token_of_the_contract_gets_no_key_to_the_invoice(self):
        contract = self._create_of_today()
        move = contract.installment_ids.move_id[0]
        token, secret = contract._portal_ensure_token(), move._portal_ensure_token()
        self.env.flush_all()
        self.authenticate(None, None)
        text = self.url_open(f"/my/contracts/{contract.id}?access_token={token}").text
        self.assertIn(move.name, text)
        self.assertNotIn(f"/my/invoices/{move.id}", text)
        self.assertNotIn(secret, text)

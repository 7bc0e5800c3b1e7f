from collections import Counter
from unittest.mock import patch

from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from .contract_days import ContractDaysCase, day


@tagged("post_install", "-at_install")
class TestContractSale(ContractDaysCase):
    """A confirmed order drafts the contracts of its products."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.maintenance_type = cls._create_type(
            clauses=cls.clauses[0], name="Maintenance", recurrence_interval=3, billing="arrears",
        )
        cls.plain, cls.subscription, cls.service, cls.maintenance = cls.env["product.product"].create([
            {"name": name, "type": "service", "list_price": 100.0, "clm_contract_type_id": kind and kind.id}
            for name, kind in (
                ("Plain", False), ("Subscription", cls.contract_type), ("Service", cls.contract_type),
                ("Maintenance", cls.maintenance_type),
            )
        ])

    def _order(self, *products, confirm=True, **vals):
        order = self.env["sale.order"].create({
            "partner_id": self.partner.id,
            "user_id": self.user.id,
            "order_line": [
                Command.create({"product_id": product.id, "price_unit": 100.0, "tax_ids": [Command.clear()]})
                for product in products
            ],
            **vals,
        })
        if confirm:
            order.action_confirm()
        return order

    def _as_public(self, order):
        return order.with_user(self.env.ref("base.public_user")).sudo()

    # === DRAFTED === #

    def test_order_drafts_one_contract_for_each_type(self):
        order = self._order(self.plain, self.subscription, self.maintenance, self.service)
        contracts = order.clm_contract_ids.sorted("id")
        self.assertRecordValues(contracts, [
            {"type_id": kind.id, "state": "draft", "partner_id": self.partner.id, "user_id": self.user.id,
             "company_id": self.company.id, "currency_id": order.currency_id.id, "direction": "customer"}
            for kind in (self.contract_type, self.maintenance_type)
        ])
        self.assertEqual(contracts[0].line_ids.product_id, self.subscription | self.service)
        self.assertEqual(contracts[1].line_ids.product_id, self.maintenance)
        self.assertEqual(contracts[1].clause_ids.mapped("name"), ["Parties"])

    def test_lines_are_mapped_with_what_was_agreed(self):
        tax = self.env["account.tax"].create({"name": "10 %", "amount": 10.0})
        order = self._order(order_line=[Command.create({
            "product_id": self.maintenance.id, "name": "Two machines", "product_uom_qty": 2.0, "price_unit": 90.0,
            "discount": 5.0, "tax_ids": [Command.set(tax.ids)],
        })])
        self.assertRecordValues(order.clm_contract_ids.line_ids, [{
            "sale_line_id": order.order_line.id, "product_id": self.maintenance.id, "name": "Two machines",
            "quantity": 2.0, "price_unit": 90.0, "discount": 5.0, "tax_ids": tax.ids,
            "recurrence_interval": 3, "recurrence_unit": "month", "billing": "arrears", "price_subtotal": 171.0,
        }])

    def test_other_units_become_those_of_the_product(self):
        dozen, unit = self.env.ref("uom.product_uom_dozen"), self.env.ref("uom.product_uom_unit")
        self.assertEqual(self.subscription.uom_id, unit)
        order = self._order(order_line=[Command.create({
            "product_id": self.subscription.id, "product_uom_qty": 2.0, "product_uom_id": dozen.id,
            "price_unit": 1200.0, "tax_ids": [Command.clear()],
        })])
        self.assertRecordValues(order.clm_contract_ids.line_ids, [{
            "quantity": 24.0, "price_unit": 100.0, "price_subtotal": 2400.0,
        }])

    def test_contract_starts_on_the_company_s_day(self):
        self.company.lifecycle_tz = "Pacific/Auckland"
        with self.at("2026-11-30"):
            self.assertEqual(self._order(self.subscription).clm_contract_ids.date_start, day("2026-12-01"))

    def test_opportunity_is_kept(self):
        lead = self.env["crm.lead"].create({"name": "Asks", "type": "opportunity", "partner_id": self.partner.id})
        order = self._order(self.subscription, opportunity_id=lead.id)
        self.assertEqual(order.clm_contract_ids.opportunity_id, lead)

    def test_order_in_another_currency_drafts_a_contract_in_it(self):
        euro = self.env.ref("base.EUR")
        euro.active = True
        pricelist = self.env["product.pricelist"].create({"name": "Euro", "currency_id": euro.id})
        order = self._order(self.subscription, pricelist_id=pricelist.id)
        self.assertEqual(order.clm_contract_ids.currency_id, euro)
        self.assertEqual(order.clm_contract_ids.line_ids.price_unit, 100.0)

    def test_sections_and_notes_are_left_out(self):
        order = self._order(order_line=[
            Command.create({"display_type": "line_section", "name": "Machines"}),
            Command.create({"product_id": self.subscription.id, "price_unit": 1.0}),
            Command.create({"display_type": "line_note", "name": "As agreed"}),
        ])
        self.assertEqual(len(order.clm_contract_ids.line_ids), 1)

    def test_several_orders_at_once(self):
        orders = self._order(self.subscription, confirm=False) | self._order(self.maintenance, confirm=False)
        orders.action_confirm()
        self.assertEqual([len(order.clm_contract_ids) for order in orders], [1, 1])

    def test_order_confirmed_again_keeps_its_contract_or_drafts_another(self):
        order = self._order(self.subscription)
        contract = order.clm_contract_ids
        order._clm_draft_contracts()
        self.assertEqual(order.clm_contract_ids, contract)
        order._action_cancel()
        order.action_draft()
        order.action_confirm()
        self.assertEqual(order.clm_contract_ids.sorted("id").mapped("state"), ["cancelled", "draft"])

    # === WHO CONFIRMS === #

    def test_salesperson_without_rights_on_contracts_confirms(self):
        seller = self._create_user("c-plain-seller")
        order = self._order(self.subscription, confirm=False, user_id=seller.id)
        order.with_user(seller).sudo().action_confirm()
        self.assertEqual(order.clm_contract_ids.user_id, seller)

    def test_customer_confirms_in_the_portal(self):
        order = self._order(self.subscription, confirm=False)
        order.with_user(self.portal).sudo()._validate_order()
        self.assertRecordValues(order.clm_contract_ids, [{"state": "draft", "user_id": self.user.id}])

    def test_public_user_confirms_and_owns_nothing(self):
        order = self._order(self.subscription, confirm=False, user_id=False)
        self._as_public(order)._validate_order()
        self.assertRecordValues(order.clm_contract_ids, [{"state": "draft", "user_id": False}])
        self.assertTrue(order.clm_contract_ids._responsible().has_group("clm.group_manager"))

    # === NOTHING DRAFTED === #

    def test_order_without_contract_products_drafts_nothing(self):
        self.assertFalse(self._order(self.plain).clm_contract_ids)

    def test_archived_supplier_and_foreign_types_draft_nothing_and_stop_nothing(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        kinds = [
            self._create_type(name="Old", active=False),
            self._create_type(name="Supply", direction="supplier"),
            self._create_type(name="Elsewhere", company_id=company.id),
        ]
        for kind in kinds:
            self.subscription.clm_contract_type_id = kind
            order = self._order(self.subscription)
            self.assertEqual(order.state, "sale")
            self.assertFalse(order.clm_contract_ids, kind.name)

    def test_confirmation_without_contract_products_costs_no_query(self):
        order_class = type(self.env["sale.order"])

        def confirm(drafting):
            order = self._order(self.plain, confirm=False)
            self.env.flush_all()
            self.queue._announced().clear()
            self.env.invalidate_all()
            statements = Counter()
            execute = type(self.env.cr).execute

            def spy(cr, query, params=None, log_exceptions=True):
                statements[" ".join((query.code if isinstance(query, SQL) else query).split())] += 1
                return execute(cr, query, params, log_exceptions)

            with (
                patch.object(type(self.env.cr), "execute", spy),
                patch.object(order_class, "_clm_draft_contracts", drafting),
            ):
                order.action_confirm()
                self.env.flush_all()
            return statements

        original = order_class._clm_draft_contracts
        confirm(original)
        self.assertFalse(confirm(original) - confirm(lambda order: None))

    # === CANCELLED === #

    def test_cancelled_order_cancels_what_nobody_is_bound_by(self):
        order = self._order(self.subscription, self.maintenance)
        first, second = order.clm_contract_ids.sorted("id")
        first.with_user(self.user).action_negotiate()
        order._action_cancel()
        self.assertEqual((first.state, second.state), ("cancelled", "cancelled"))

    def test_cancelled_order_leaves_a_contract_in_force_and_tells_its_owner(self):
        order = self._order(self.subscription)
        contract = order.clm_contract_ids.with_user(self.user)
        self._activate(contract)
        order._action_cancel()
        self.assertEqual(contract.state, "active")
        self.assertIn("The order of this contract was cancelled", self._notices(contract))

    # === COUNTERS AND LISTS === #

    def _listed(self, action):
        """:return: the contracts that an action shows"""
        if action.get("res_id"):
            return self.contracts.browse(action["res_id"])
        context = action.get("context") or {}
        self.assertFalse([key for key in context if key.startswith("search_default_")])
        return self.contracts.search(action["domain"])

    def test_order_counts_what_it_lists(self):
        order = self._order(self.subscription, self.maintenance)
        self.assertEqual(order.clm_contract_count, 2)
        self.assertEqual(self._listed(order.action_view_clm_contracts()), order.clm_contract_ids)
        plain = self._order(self.plain)
        self.assertEqual(plain.clm_contract_count, 0)
        self.assertFalse(self._listed(plain.action_view_clm_contracts()))

    def test_quotation_of_a_renewal_counts_it(self):
        contract = self._create_running("2026-01-01")
        contract.with_user(self.seller).action_renew(quotation=True)
        order = contract.sudo().renewal_order_id
        self.assertEqual(order.clm_contract_count, 1)
        self.assertEqual(self._listed(order.action_view_clm_contracts()), contract.next_id)

    def test_customer_counts_contracts_of_the_company_and_its_contacts(self):
        contact = self.portal.partner_id
        first = self._create_running("2026-01-01", on="2026-01-01")
        second = self._create_contract(partner_id=contact.id)
        amendment = self._amend(first, "2026-03-01")
        self._create_contract(partner_id=self.other_partner.id)
        for partner in (self.partner, contact):
            partner.invalidate_recordset(["clm_contract_count"])
            listed = self._listed(partner.action_view_clm_contracts())
            self.assertEqual(listed, listed & (first | second))
            self.assertEqual((len(listed), partner.clm_contract_count), (2, 2))
            self.assertNotIn(amendment, listed)

    def test_many_customers_are_counted_in_one_query(self):
        partners = self.partner | self.other_partner | self.portal.partner_id
        partners.mapped("commercial_partner_id")
        self.env.flush_all()
        with self.assertQueryCount(1):
            partners.mapped("clm_contract_count")

    def test_opportunity_counts_what_it_lists(self):
        lead = self.env["crm.lead"].create({"name": "Asks", "type": "opportunity", "partner_id": self.partner.id})
        self.assertEqual(lead.clm_contract_count, 0)
        order = self._order(self.subscription, opportunity_id=lead.id)
        lead.invalidate_recordset(["clm_contract_count"])
        self.assertEqual(lead.clm_contract_count, 1)
        self.assertEqual(self._listed(lead.action_view_clm_contracts()), order.clm_contract_ids)


@tagged("post_install", "-at_install")
class TestContractLine(ContractDaysCase):
    """Prices, taxes and values of lines."""

    def _line_of(self, contract_vals=None, **vals):
        contract = self._create_contract(**{
            "type_id": self.calendar_type.id, "date_start": day("2026-01-01"), "notice_count": 0,
            "line_ids": [self._line(**vals)], **(contract_vals or {}),
        })
        return contract.line_ids

    def test_monthly_value_of_each_period(self):
        # vectors 6, 7, 8 and 10 of KPI.md
        for price, interval, unit, discount, monthly, yearly in (
            (90.0, 3, "month", 0.0, 30.0, 360.0), (1200.0, 1, "year", 0.0, 100.0, 1200.0),
            (300.0, 3, "month", 0.0, 100.0, 1200.0), (1450.0, 3, "month", 0.0, 483.33, 5800.0),
            (100.0, 1, "week", 0.0, 434.82, 5217.86), (10.0, 1, "day", 0.0, 304.38, 3652.5),
            (60.0, 2, "month", 0.0, 30.0, 360.0), (120.0, 1, "year", 0.0, 10.0, 120.0),
            (120.0, 1, "year", 10.0, 9.0, 108.0), (500.0, 1, "once", 0.0, 0.0, 0.0),
        ):
            with self.subTest(price=price, interval=interval, unit=unit):
                line = self._line_of(
                    price_unit=price, recurrence_interval=interval, recurrence_unit=unit, discount=discount
                )
                self.assertAlmostEqual(line.monthly_amount, monthly, places=2)
                self.assertAlmostEqual(line.contract_id.mrr, monthly, places=2)
                self.assertAlmostEqual(line.contract_id.acv, yearly, places=2)

    def test_value_over_the_term(self):
        for vals, total in (
            ({}, 1200.0), ({"recurrence_unit": "once"}, 100.0), ({"recurrence_unit": "year"}, 100.0),
            ({"date_end": day("2026-06-30")}, 600.0), ({"date_start": day("2026-10-01")}, 300.0),
            ({"date_end": day("2026-02-14")}, 150.0),
        ):
            with self.subTest(**vals):
                self.assertAlmostEqual(self._line_of(**vals).contract_id.tcv, total, places=2)

    def test_open_ended_contract_is_worth_a_year(self):
        self.assertEqual(self._line_of({"term_months": 0}).contract_id.tcv, 1200.0)

    def test_values_are_without_taxes_also_where_the_price_includes_them(self):
        tax = self.env["account.tax"].create({
            "name": "Included", "amount": 25.0, "price_include_override": "tax_included",
        })
        line = self._line_of(price_unit=125.0, tax_ids=[Command.set(tax.ids)])
        self.assertEqual((line.price_subtotal, line.contract_id.mrr), (100.0, 100.0))

    def test_value_in_company_currency(self):
        euro = self.env.ref("base.EUR")
        euro.active = True
        self.env["res.currency.rate"].create({
            "currency_id": euro.id, "name": "2025-12-01", "rate": 0.5, "company_id": self.company.id,
        })
        contract = self._line_of({"currency_id": euro.id}).contract_id
        self.assertEqual((contract.tcv, contract.sudo().company_tcv), (1200.0, 2400.0))

    def test_price_comes_from_the_customer_s_pricelist_in_the_contract_s_currency(self):
        pricelist = self.env["product.pricelist"].create({
            "name": "Friends", "item_ids": [Command.create({
                "compute_price": "fixed", "fixed_price": 80.0, "applied_on": "3_global",
            })],
        })
        self.partner.property_product_pricelist = pricelist
        contract = self._create_contract(line_ids=[Command.create({"product_id": self.product.id})])
        self.assertRecordValues(contract.line_ids, [{
            "price_unit": 80.0, "name": "Coffee", "recurrence_unit": "month", "recurrence_interval": 1,
        }])

    def test_quantity_does_not_change_a_price_written_by_hand(self):
        line = self._line_of(price_unit=42.0)
        line.quantity = 5.0
        self.assertEqual((line.price_unit, line.price_subtotal), (42.0, 210.0))

    def test_supplier_line_has_the_purchase_price(self):
        kind = self._create_type(direction="supplier", name="Supply")
        self.product.standard_price = 60.0
        contract = self._create_contract(type_id=kind.id, line_ids=[Command.create({"product_id": self.product.id})])
        self.assertEqual(contract.line_ids.price_unit, 60.0)

    def test_taxes_follow_the_customer_s_fiscal_position(self):
        tax, other = self.env["account.tax"].create([
            {"name": "Here", "amount": 20.0}, {"name": "There", "amount": 5.0},
        ])
        position = self.env["account.fiscal.position"].create({"name": "Abroad"})
        other.write({"fiscal_position_ids": [Command.link(position.id)], "original_tax_ids": [Command.link(tax.id)]})
        self.product.taxes_id = tax
        self.partner.property_account_position_id = position
        contract = self._create_contract(line_ids=[Command.create({"product_id": self.product.id})])
        self.assertEqual(contract.line_ids.tax_ids, other)

    def test_bad_lines_are_refused(self):
        for vals, sentence in (
            ({"recurrence_interval": 0}, "every 1 or more periods"),
            ({"recurrence_interval": -1}, "every 1 or more periods"),
            ({"date_start": day("2026-06-01"), "date_end": day("2026-05-31")}, "ends before it starts"),
        ):
            with self._refuse(sentence):
                self._line_of(**vals)
        archived = self.env["product.product"].create({"name": "Old", "type": "service", "active": False})
        with self._refuse("is archived"):
            self._line_of(product_id=archived.id)

    def test_line_in_force_is_locked(self):
        contract = self._create_running("2026-01-01")
        with self._refuse("is signed"):
            contract.line_ids.price_unit = 1.0
        with self._refuse("is signed"):
            contract.line_ids = [self._line()]
        with self._refuse("is signed"):
            contract.line_ids.unlink()

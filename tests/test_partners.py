from odoo.tests import tagged

from .common import ClmCase


@tagged("post_install", "-at_install")
class TestPartners(ClmCase):
    """Merged, archived, deleted and re-parented contacts, and contacts of a company."""

    def test_contact_shows_the_stage_of_its_company(self):
        company = self._create_partner("Company", known_since=self.days_ago(30), is_company=True)
        contact = self._create_partner("Contact", parent_id=company.id)
        self._create_order(contact, self.days_ago(10))
        self.engine._process_queue()
        self.assertEqual(company.lifecycle_stage_id, self.conversion)
        self.assertEqual(contact.lifecycle_stage_id, self.conversion)
        self.assertFalse(contact.lifecycle_visit_ids)
        self.assertFalse(contact.lifecycle_cycle)
        found = contact.search([("lifecycle_stage_id", "=", self.conversion.id), ("id", "=", contact.id)])
        self.assertEqual(found, contact)

    def test_new_contact_of_a_company_shows_its_stage_at_once(self):
        company = self._create_partner("Company", is_company=True)
        self.engine._process_queue()
        contact = self._create_partner("Contact", parent_id=company.id)
        self.assertEqual(contact.lifecycle_stage_id, self.awareness)

    def test_person_that_joins_a_company_hands_over_its_history(self):
        company = self._create_partner("Company", known_since=self.days_ago(50), is_company=True)
        person = self._create_partner("Person", known_since=self.days_ago(40))
        self._create_order(person, self.days_ago(20))
        self.engine._process_queue()
        self.assertEqual(company.lifecycle_stage_id, self.awareness)
        person.parent_id = company
        self.engine._process_queue()
        self.assertEqual(company.lifecycle_stage_id, self.conversion)
        self.assertEqual(person.lifecycle_stage_id, self.conversion)
        self.assertEqual(person.lifecycle_cycle, 0)
        self.assertFalse(person.lifecycle_visit_ids)
        self.assertTrue(self.env["clm.visit"].with_context(active_test=False).search([("partner_id", "=", person.id)]))

    def test_person_that_leaves_a_company_takes_its_history_along(self):
        company = self._create_partner("Company", known_since=self.days_ago(50), is_company=True)
        person = self._create_partner("Person", known_since=self.days_ago(40), parent_id=company.id)
        self._create_order(person, self.days_ago(20))
        self.engine._process_queue()
        person.parent_id = False
        self.engine._process_queue()
        self.assertEqual(company.lifecycle_stage_id, self.awareness)
        self.assertEqual(person.lifecycle_stage_id, self.conversion)

    def test_archived_customer_keeps_its_ledger(self):
        partner = self._create_partner(known_since=self.days_ago(50))
        self._create_order(partner, self.days_ago(20))
        self.engine._process_queue()
        partner.action_archive()
        self.engine._rebuild(partner)
        self.assertEqual(self._stages(partner), [self.awareness, self.conversion])
        self.assertEqual(partner.lifecycle_stage_id, self.conversion)

    def test_deleted_customer_leaves_nothing(self):
        partner = self._create_partner()
        self.engine._process_queue()
        partner_id = partner.id
        partner.unlink()
        self.engine._process_queue()
        visits = self.env["clm.visit"].with_context(active_test=False).search([("partner_id", "=", partner_id)])
        self.assertFalse(visits)
        self.assertFalse(self.queue._count())

    def test_customer_deleted_while_queued_does_not_stop_the_others(self):
        partner = self._create_partner("Other")
        self.queue._push([2**31 - 1])
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.awareness)
        self.assertFalse(self.queue._count())

    def test_merge_joins_the_lifecycles_without_loss(self):
        one = self._create_partner("One", known_since=self.days_ago(100), email="a@example.com")
        two = self._create_partner("Two", known_since=self.days_ago(90), email="a@example.com")
        self._create_order(one, self.days_ago(60))
        self._create_order(two, self.days_ago(30))
        self.engine._process_queue()
        two.action_lifecycle_move(self.acquisition.id, "Starts over")
        history = self.env["clm.visit"].with_context(active_test=False).search_count(
            [("partner_id", "in", (one | two).ids)]
        )
        self.env["base.partner.merge.automatic.wizard"]._merge((one | two).ids, one)
        self.engine._process_queue()
        self.assertFalse(two.exists())
        self.assertEqual(
            self._stages(one), [self.awareness, self.conversion, self.retention, self.acquisition],
        )
        everything = self.env["clm.visit"].with_context(active_test=False).search_count([("partner_id", "=", one.id)])
        self.assertGreaterEqual(everything, history)
        self.assertEqual(one.sale_order_ids.sorted("date_order").mapped("purchase_number"), [1, 2])

    def test_internal_users_own_companies_and_mere_suppliers_have_no_lifecycle(self):
        user = self._create_user("colleague")
        supplier = self._create_partner("Supplier", supplier_rank=1)
        company = self.env["res.company"].create({"name": "Our second company"})
        partners = user.partner_id | supplier | company.partner_id
        self.engine._rebuild(partners)
        self.assertFalse(partners.lifecycle_stage_id)
        self.assertFalse(any(partners.mapped("lifecycle_cycle")))

    def test_public_and_template_users_have_no_lifecycle(self):
        users = self.env.ref("base.public_user") | self.env.ref("base.template_portal_user_id")
        self.engine._rebuild(users.partner_id)
        self.assertFalse(any(users.partner_id.mapped("lifecycle_cycle")))

    def test_supplier_that_buys_becomes_a_customer(self):
        supplier = self._create_partner("Supplier", known_since=self.days_ago(5), supplier_rank=1)
        self.engine._process_queue()
        self.assertFalse(supplier.lifecycle_stage_id)
        self._create_order(supplier, self.days_ago(2))
        self.engine._process_queue()
        self.assertEqual(supplier.lifecycle_stage_id, self.conversion)

    def test_customer_that_becomes_a_mere_supplier_loses_its_lifecycle(self):
        partner = self._create_partner()
        self.engine._process_queue()
        self.assertTrue(partner.lifecycle_stage_id)
        partner.supplier_rank = 1
        self.engine._process_queue()
        self.assertFalse(partner.lifecycle_stage_id)
        self.assertFalse(partner.lifecycle_visit_ids)

    def test_portal_customer_has_a_lifecycle(self):
        partner = self._create_partner("Portal", email="portal@example.com")
        self.env["res.users"].create({
            "login": "portal-customer", "partner_id": partner.id,
            "group_ids": [(6, 0, self.env.ref("base.group_portal").ids)],
        })
        self.engine._rebuild(partner)
        self.assertEqual(partner.lifecycle_stage_id, self.awareness)

    def test_copied_customer_starts_anew(self):
        partner = self._create_partner(known_since=self.days_ago(50))
        self._create_order(partner, self.days_ago(20))
        self.engine._process_queue()
        copy = partner.copy()
        self.assertFalse(copy.lifecycle_stage_id)
        self.engine._process_queue()
        self.assertEqual(copy.lifecycle_stage_id, self.awareness)

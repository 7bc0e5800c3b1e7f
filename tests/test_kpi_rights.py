from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.service.model import call_kw
from odoo.tests import new_test_user, tagged

from .kpi_common import KpiCase


@tagged("post_install", "-at_install")
class TestKpiRights(KpiCase):
    """Who sees what, and that nobody writes what is computed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = new_test_user(cls.env, "c-portal", groups="base.group_portal")
        cls.public = cls.env.ref("base.public_user")
        cls.admin = cls.env.ref("base.user_admin")
        cls.leads_kpi, cls.contacts_kpi = cls._built_in("new_leads"), cls._built_in("new_contacts")
        # a salesperson who sees their own leads alone
        cls.seller = cls._create_user("c-seller", "sales_team.group_sale_salesman")
        cls.seller.write({"company_ids": [Command.set(cls.company.ids)], "company_id": cls.company.id})
        for number, owner in enumerate((cls.seller, cls.maker, cls.maker)):
            lead = cls._create_lead(name=f"Lead {number}")
            lead.user_id = owner
            lead.write({"company_id": cls.company.id, "team_id": False})
        customer = cls.env["res.partner"].create({"name": "Customer of Clean", "company_id": cls.company.id})
        cls.engine._process_queue()
        cls.customer = customer
        cls.env["clm.kpi"]._refresh_now(cls.company)
        cls.target = cls._create_target(cls.leads_kpi, 5)
        cls.spend = cls.env["clm.spend"].create({"name": "Fair", "amount": 100.0, "company_id": cls.company.id})
        cls.env.invalidate_all()

    def setUp(self):
        super().setUp()
        self.env.invalidate_all()
        self.month = self.env["clm.kpi"]._period_of("month", self.company._lifecycle_today(), self.company).start

    def _call(self, user, method, *args, model="clm.cockpit"):
        """Call a method as a browser does it."""
        return call_kw(self.env[model].with_user(user).with_context({}), method, list(args), {})  # pylint: disable=context-overridden

    def _current(self, kpi=None):
        return self._value(kpi or self.leads_kpi, self.month)

    def _open(self, user, kpi):
        return self._call(user, "get_action", "kpi", {"id": kpi.id}, {})

    # === MODELS === #

    def test_each_role_has_the_rights_that_it_needs_and_no_others(self):
        nothing, look, enter, everything = "", "r", "rwc", "rwcd"
        computed = (look, look, look, nothing)
        for model, (viewer, user, manager, others) in {
            "clm.kpi": (look, look, everything, nothing),
            "clm.kpi.target": (look, look, everything, nothing),
            "clm.kpi.value": computed,
            "clm.kpi.snapshot": computed,
            "clm.spend": (look, enter, everything, nothing),
        }.items():
            for who, rights in (
                (self.viewer, viewer), (self.user, user), (self.manager, manager), (self.internal, others),
                (self.portal, others), (self.public, others),
            ):
                with self.subTest(model=model, user=who.login):
                    records = self.env[model].with_user(who)
                    found = "".join(letter for letter, operation in zip(
                        "rwcd", ("read", "write", "create", "unlink"), strict=True) if records.has_access(operation))
                    self.assertEqual(found, rights)

    def test_nobody_writes_a_value_not_even_through_its_kpi_or_goal(self):
        value = self._current()
        number = value.value
        for user in (self.manager, self.maker, self.admin):
            own = value.with_user(user)
            for act in (
                lambda own=own: own.write({"value": 99}),
                lambda own=own: own.unlink(),
                lambda own=own: own.copy(),
                lambda own=own: own.create({
                    "kpi_id": value.kpi_id.id, "company_id": self.company.id, "period": "month",
                    "date_from": "2020-01-01", "date_to": "2020-01-31",
                }),
                lambda own=own: own.kpi_id.write({"value_ids": [Command.update(value.id, {"value": 99})]}),
                lambda own=own: own.kpi_id.write({"value_ids": [Command.delete(value.id)]}),
                lambda own=own: own.kpi_id.write({"value_ids": [Command.set([])]}),
                lambda own=own: own.kpi_id.write({"value_ids": [Command.create({
                    "company_id": self.company.id, "period": "month", "date_from": "2020-01-01",
                    "date_to": "2020-01-31",
                })]}),
                lambda user=user: self.target.with_user(user).write(
                    {"value_ids": [Command.update(value.id, {"value": 99})]}),
            ):
                with self.assertRaises(AccessError), self.env.cr.savepoint():
                    act()
                    self.env.flush_all()
                self.env.invalidate_all()
        self.assertEqual(self._current().value, number)

    def test_browsers_call_nothing_but_what_is_meant_for_them(self):
        for model, expected in {
            "clm.cockpit": {"get_cockpit", "get_action", "refresh"}, "clm.kpi.facts": set(), "clm.kpi.snapshot": set(),
            "clm.kpi.value": {"action_open_records", "action_open_kpi"},
        }.items():
            with self.subTest(model=model):
                self.assertEqual({
                    name for each in type(self.env[model]).__mro__ if each.__module__.startswith("odoo.addons.clm.")
                    for name, member in vars(each).items() if callable(member) and not name.startswith("_")
                }, expected)

    def test_goals_are_set_by_managers_alone(self):
        for user in (self.viewer, self.user, self.internal):
            for act in (
                lambda own: own.write({"value": 1}), lambda own: own.unlink(),
                lambda own: own.create({"kpi_id": self.contacts_kpi.id, "value": 1}),
            ):
                with self.subTest(user=user.login), self.assertRaises(AccessError):
                    act(self.target.with_user(user))
        self.target.with_user(self.manager).value = 6
        self.assertEqual(self._current().goal, 6)

    def test_spend_is_entered_by_users_and_deleted_by_managers(self):
        own = self.env["clm.spend"].with_user(self.user).create({"name": "Fair", "amount": 10.0})
        self.assertEqual(own.company_id, self.company)
        own.amount = 20.0
        with self.assertRaises(AccessError):
            own.unlink()
        own.with_user(self.manager).unlink()
        with self.assertRaises(AccessError):
            self.spend.with_user(self.viewer).write({"amount": 1.0})

    # === COMPANIES === #

    def test_other_companies_are_out_of_sight(self):
        other = self._create_company("Other")
        self.env["clm.kpi"]._refresh_now(other)
        theirs = self._value(self.leads_kpi, self.month, company=other)
        records = [
            theirs,
            self.kpis.create(self._prepare_kpi(name="Theirs", company_id=other.id)),
            self.targets.create({"kpi_id": self.leads_kpi.id, "company_id": other.id, "value": 1}),
            self.env["clm.spend"].create({"name": "Theirs", "amount": 1.0, "company_id": other.id}),
            self.env["clm.kpi.snapshot"].search([("company_id", "=", other.id)], limit=1),
        ]
        self.env.invalidate_all()
        for record in records:
            for user in (self.viewer, self.user, self.manager):
                with self.subTest(model=record._name, user=user.login):
                    self.assertTrue(record)
                    self.assertFalse(self.env[record._name].with_user(user).search([("id", "=", record.id)]))
                    with self.assertRaises(AccessError):
                        record.with_user(user).read(["company_id"])
        for act in (
            lambda: theirs.with_user(self.maker).action_open_records(),
            lambda: self.leads.with_user(self.maker).search([("clm_kpi_value_id", "in", theirs.ids)]),
        ):
            with self.assertRaises(AccessError):
                act()

    def test_page_never_shows_a_company_that_the_user_does_not_work_in(self):
        other = self._create_company("Other")
        page = self._call(self.viewer, "get_cockpit", {"company_ids": [other.id, self.main.id]})
        self.assertEqual(page["options"]["company_ids"], self.company.ids)
        self.assertEqual([company["id"] for company in page["companies"]], self.company.ids)
        self._call(self.user, "refresh", {"company_ids": other.ids})
        self.assertFalse(self.values.search([("company_id", "=", other.id)]))

    def test_manager_sets_no_goal_in_a_company_of_others(self):
        other = self._create_company("Other")
        with self.assertRaises(AccessError):
            self.targets.with_user(self.manager).create({
                "kpi_id": self.leads_kpi.id, "company_id": other.id, "value": 1})

    # === PAGE === #

    def test_page_is_for_viewers(self):
        for user in (self.internal, self.portal, self.public):
            for method, args in (
                ("get_cockpit", [{}]), ("get_action", ["decisions", None, {}]), ("refresh", [{}]),
                ("get_action", ["kpi", {"id": self.leads_kpi.id}, {}]),
            ):
                with self.subTest(user=user.login, method=method), self.assertRaises(AccessError):
                    self._call(user, method, *args)

    def test_viewer_of_another_department_sees_all_numbers(self):
        self.assertFalse(self.viewer.has_group("sales_team.group_sale_salesman"))
        page = self._call(self.viewer, "get_cockpit", {})
        tiles = {tile["code"]: tile for section in page["sections"] for tile in section["kpis"]}
        self.assertEqual((tiles["new_leads"]["value"], tiles["new_leads"]["goal"]), (3, 5))
        self.assertEqual(tiles["new_contacts"]["value"], 1)
        self.assertFalse(page["can_refresh"])

    def test_page_tells_who_may_refresh(self):
        for user in (self.user, self.manager, self.seller):
            with self.subTest(user=user.login):
                self.assertTrue(self._call(user, "get_cockpit", {})["can_refresh"])

    def test_viewer_cannot_have_numbers_computed_and_a_user_can(self):
        lead = self._create_lead()
        with self.assertRaisesRegex(AccessError, "You may look at the cockpit"):
            self._call(self.viewer, "refresh", {})
        self.assertEqual(self._current().value, 3)
        self.assertIsNone(self._call(self.user, "refresh", {}))
        self.env.invalidate_all()
        self.assertEqual(self._current().value, 4)
        lead.unlink()

    def test_viewer_opens_what_may_be_read_and_nothing_else(self):
        page = self._call(self.viewer, "get_cockpit", {})
        tiles = {tile["code"]: tile for section in page["sections"] for tile in section["kpis"]}
        self.assertEqual((tiles["new_leads"]["can_open"], tiles["new_contacts"]["can_open"]), (False, True))
        with self.assertRaises(AccessError):
            self._open(self.viewer, self.leads_kpi)
        self.assertEqual(self._counted(self._open(self.viewer, self.contacts_kpi), self.viewer), self.customer)

    def test_salesperson_opens_of_the_leads_counted_those_that_are_theirs(self):
        page = self._call(self.seller, "get_cockpit", {})
        tiles = {tile["code"]: tile for section in page["sections"] for tile in section["kpis"]}
        self.assertEqual((tiles["new_leads"]["value"], tiles["new_leads"]["can_open"]), (3, True))
        counted = self._counted(self._open(self.seller, self.leads_kpi), self.seller)
        self.assertEqual(counted.mapped("name"), ["Lead 0"])
        self.assertEqual(len(self._counted(self._open(self.maker, self.leads_kpi), self.maker)), 3)

    def test_kpi_of_another_company_opens_nothing(self):
        other = self._create_company("Other")
        theirs = self.kpis.create(self._prepare_kpi(name="Theirs", company_id=other.id))
        self._refresh(theirs, company=other, on=self.company._lifecycle_today(), since=str(self.month))
        with self.assertRaises(UserError):
            self._open(self.maker, theirs)

    def test_field_to_find_counted_records_is_for_viewers(self):
        value = self._current(self.contacts_kpi)
        partners = self.env["res.partner"].with_user(self.internal)
        self.assertNotIn("clm_kpi_value_id", partners.fields_get())
        with self.assertRaises(AccessError):
            partners.search([("clm_kpi_value_id", "in", value.ids)])
        partners = self.env["res.partner"].with_user(self.viewer)
        self.assertEqual(partners.search([("clm_kpi_value_id", "in", value.ids)]), self.customer)

    def test_lead_is_not_told_by_counting_to_who_may_not_read_leads(self):
        with self.assertRaises(AccessError):
            self.leads.with_user(self.viewer).search_count([("clm_kpi_value_id", "in", self._current().ids)])

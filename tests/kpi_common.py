import json
from contextlib import nullcontext
from datetime import date

from odoo.fields import Command, Domain
from odoo.tools import SQL
from odoo.tools.json import json_default
from odoo.tools.safe_eval import safe_eval

from .common import ClmCase
from .contract_days import ContractDaysCase

COCKPIT_DAY = "2026-03-15"


class KpiBuilders:
    """KPIs, goals and values of ``cls.company``, of the test alone; to be mixed into a test case.

    Days are those of UTC. KPIs, goals and values of the database (demo data, say) are out of the way: only the KPIs
    that a test makes are computed, and the built-in ones that it takes out of the archive with ``_built_in``.
    """

    at = ContractDaysCase.at

    @classmethod
    def _set_up_kpis(cls):
        # what is measured are leads: a manager of the lifecycle who may read them
        cls.maker = cls._create_user("c-maker", "sales_team.group_sale_manager")
        cls.main = cls.env.company
        cls.company = cls._create_company("Clean")
        cls.users = cls.viewer | cls.user | cls.manager | cls.internal | cls.maker
        cls.users |= (cls.team | cls.other_team).member_ids
        cls.users.write({"company_ids": [Command.set(cls.company.ids)], "company_id": cls.company.id})
        (cls.team | cls.other_team).company_id = cls.company
        cls.env = cls.env["base"].with_company(cls.company).env
        cls.env.cr.execute(SQL("DELETE FROM clm_kpi_target"))
        cls.env.cr.execute(SQL("DELETE FROM clm_kpi_value"))
        cls.env.cr.execute(SQL("DELETE FROM clm_kpi_snapshot"))
        cls.env.cr.execute(SQL("UPDATE clm_kpi SET active = FALSE, fill_from = NULL, fill_until = NULL"))
        cls.env.invalidate_all()
        cls.kpis, cls.targets = cls.env["clm.kpi"], cls.env["clm.kpi.target"]
        cls.values, cls.leads = cls.env["clm.kpi.value"], cls.env["crm.lead"]
        cls.model_lead = cls.env["ir.model"]._get("crm.lead")

    # === BUILDERS === #

    @classmethod
    def _create_company(cls, name, **vals):
        return cls.env["res.company"].create({"name": name, "lifecycle_tz": "UTC", **vals})

    @classmethod
    def _field(cls, model, name):
        return cls.env["ir.model.fields"]._get(model, name)

    @classmethod
    def _prepare_kpi(cls, date_field="date_deadline", field=None, model="crm.lead", **vals):
        """:return: values of a KPI that counts leads by the day on which they are expected to close"""
        return {
            "name": "Expected Leads", "stage_id": cls.acquisition.id, "unit": "count", "aggregate": "count",
            "model_id": cls.env["ir.model"]._get(model).id, "domain": "[]",
            "field_id": cls._field(model, field).id if field else False,
            "date_field_id": cls._field(model, date_field).id if date_field else False, **vals,
        }

    @classmethod
    def _create_kpi(cls, user=None, **vals):
        """:param user: who makes it; default: ``cls.maker``"""
        vals = cls._prepare_kpi(**vals)
        cls.env.invalidate_all()  # what the superuser read is not what a manager may read
        return cls.kpis.with_user(user or cls.maker).create(vals).with_env(cls.env)

    @classmethod
    def _create_share(cls, **vals):
        """Create a KPI: the share of the leads that are starred."""
        return cls._create_kpi(**{
            "name": "Starred", "aggregate": "share", "unit": "ratio", "part_domain": "[('priority', '=', '1')]", **vals,
        })

    @classmethod
    def _create_lead(cls, day="2026-03-10", company=None, **vals):
        return cls.leads.create({
            "name": "Asks", "type": "lead", "date_deadline": day, "company_id": (company or cls.company).id,
            "team_id": False, "user_id": False, **vals,
        })

    @classmethod
    def _create_target(cls, kpi, value=10.0, company=None, **vals):
        """Create a monthly goal for 2026 as the manager does it; one of another company as the superuser."""
        targets = cls.targets if company else cls.targets.with_user(cls.manager)
        return targets.create({
            "kpi_id": kpi.id, "company_id": (company or cls.company).id, "period": "month", "date_from": "2026-01-01",
            "date_to": "2026-12-31", "value": value, **vals,
        }).with_env(cls.env)

    @classmethod
    def _built_in(cls, *codes):
        """Measure some of the built-in KPIs.

        :param codes: default: all of them
        :return: them
        """
        domain = [("code", "in", codes)] if codes else [("measure", "!=", False)]
        kpis = cls.kpis.with_context(active_test=False).search(domain)
        cls.env.cr.execute(SQL("UPDATE clm_kpi SET active = TRUE WHERE id = ANY(%s)", kpis.ids))
        kpis.invalidate_recordset()
        return kpis

    def _refresh(self, kpis, on="2026-03-15", since="2026-03-01", company=None, until=None):
        """Compute some KPIs for all periods since a day.

        :param on: the day on which that is done
        """
        company = company or self.company
        with self.at(on):
            periods = self.kpis._periods(company, date.fromisoformat(since), until and date.fromisoformat(until))
            kpis._refresh_company(company, periods)
        self.env.invalidate_all()

    # === WHAT CAME OUT === #

    def _value(self, kpi, day="2026-03-01", kind="month", team=None, company=None):
        """:return: the value of the period that begins on a day, which must be there"""
        value = self.values.search([
            ("kpi_id", "=", kpi.id), ("company_id", "=", (company or self.company).id), ("period", "=", kind),
            ("date_from", "=", day), ("team_id", "=", team.id if team else False),
        ])
        self.assertEqual(len(value), 1, f"{kpi.name}, {kind} of {day}")
        return value

    def _number(self, kpi, *args, **kwargs):
        """:return: the value as a number, or None"""
        value = self._value(kpi, *args, **kwargs)
        return value.value if value.is_known else None

    def _counted(self, action, user=None, companies=None):
        """:return: the records that an action opens in the browser

        :param user: as who sees them; default: everything
        :param companies: in which the user works; default: their own
        """
        action = json.loads(json.dumps(action, default=json_default))
        context = action["context"]
        context = {
            **({"allowed_company_ids": companies.ids} if companies else {}),
            **(safe_eval(context, {"uid": 1}) if isinstance(context, str) else context),
        }
        hiding = [name for name in context if name.startswith("search_default_")]
        self.assertFalse(hiding, "a filter of the screen hides some of them")
        model = self.env[action["res_model"]].with_context(context)  # pylint: disable=context-overridden
        return (model.with_user(user) if user else model).search(Domain(action["domain"]))


class CockpitBuilders(KpiBuilders):
    """The page as somebody sees it, on ``COCKPIT_COCKPIT_DAY`` if not told otherwise."""

    def _page(self, user=None, on=COCKPIT_DAY, companies=None, **options):
        """:return: what the page shows on a day to somebody (the maker) who works in some companies

        :param on: None: now
        """
        companies = companies or self.company
        with self.at(on) if on else nullcontext():
            return self.env["clm.cockpit"].with_user(user or self.maker).with_context(
                allowed_company_ids=companies.ids).get_cockpit(options)

    def _action(self, part, key=None, user=None, on=COCKPIT_DAY, companies=None, **options):
        companies = companies or self.company
        with self.at(on) if on else nullcontext():
            return self.env["clm.cockpit"].with_user(user or self.maker).with_context(
                allowed_company_ids=companies.ids).get_action(part, key, options)

    def _tile(self, page, kpi):
        found = [tile for section in page["sections"] for tile in section["kpis"] if tile["id"] == kpi.id]
        self.assertEqual(len(found), 1, kpi.name)
        return found[0]

    def _store(self, kpi, value, numerator=0.0, denominator=0.0, day="2026-03-01", company=None, **vals):
        """Store a value of a month (or another kind of period) as the computation does it.

        :param value: None: not known
        """
        company = company or self.company
        period = self.kpis._period_of(vals.pop("period", "month"), date.fromisoformat(day), company)
        row = self.values.create({
            "kpi_id": kpi.id, "company_id": company.id, "period": period.kind, "date_from": period.start,
            "date_to": period.end, "value": value or 0.0, "is_known": value is not None, "numerator": numerator,
            "denominator": denominator, **vals,
        })
        with self.at(COCKPIT_DAY):
            row._compare()
        return row


class KpiCase(KpiBuilders, ClmCase):
    """A company of its own, in which nothing happened yet; the users work there alone."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.viewer = cls._create_user("c-viewer", "clm.group_viewer")
        cls.user = cls._create_user("c-user", "clm.group_user")
        cls.manager = cls._create_user("c-manager", "clm.group_manager")
        cls.internal = cls._create_user("c-internal")
        cls.team, cls.other_team = cls.env["crm.team"].create([{"name": "North"}, {"name": "South"}])
        cls.partner = cls.env["res.partner"].create({"name": "Azure Interior", "is_company": True})
        cls._set_up_kpis()


class CockpitCase(CockpitBuilders, KpiCase):
    """The page of a company in which nothing happened yet."""

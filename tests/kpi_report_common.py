from odoo.fields import Command

from ..tools import kpi_periods
from .kpi_common import KpiCase


class KpiReportCase(KpiCase):
    """KPIs with values as the computation would have stored them; today is 10 April 2026."""

    today = "2026-04-10"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.leads_kpi = cls._create_kpi(name="Leads", stage_id=cls.acquisition.id, user_id=cls.manager.id)
        cls.share_kpi = cls._create_kpi(
            name="Share Won", stage_id=cls.conversion.id, unit="ratio", aggregate="share",
            part_domain="[('active', '=', True)]", formula="Won leads / leads.", source="Leads", variant="By day",
        )
        cls.money_kpi = cls._create_kpi(
            name="Expected Money", section="contract", stage_id=False, unit="money", aggregate="sum",
            field="expected_revenue",
        )
        cls.renewal_kpi = cls._create_kpi(name="Renewed", section="renewal", stage_id=False, direction="down")
        cls.all_kpis = cls.leads_kpi | cls.share_kpi | cls.money_kpi | cls.renewal_kpi

    @classmethod
    def _store(cls, kpi, day, value, numerator=None, denominator=None, kind="month", team=None, company=None, **vals):
        """:param value: None: not known"""
        company = company or cls.company
        period = cls.kpis._period_of(kind, kpi_periods.date.fromisoformat(day), company)
        stored = cls.values.sudo().create({
            "kpi_id": kpi.id, "company_id": company.id, "team_id": team.id if team else False, "period": kind,
            "date_from": period.start, "date_to": period.end, "value": value or 0.0, "is_known": value is not None,
            "numerator": (value if numerator is None else numerator) or 0.0, "denominator": denominator or 0.0,
            "computed_at": "2026-04-10 01:00:00", **vals,
        })
        stored._compare()
        return stored

    @classmethod
    def _store_all(cls):
        """Months of all KPIs: one is on track, one off track, one has too few data, one has no goal."""
        for month, value in (("2026-01-01", 8), ("2026-02-01", 10), ("2026-03-01", 12)):
            cls._store(cls.leads_kpi, month, value)
        cls._store(cls.share_kpi, "2026-03-01", 0.2, 1, 5, low=0.036, high=0.624, has_interval=True)
        cls._store(cls.money_kpi, "2026-03-01", 1234.5)
        cls._store(cls.renewal_kpi, "2026-02-01", 4)
        cls._store(cls.renewal_kpi, "2026-03-01", 5)
        cls._create_target(cls.leads_kpi, 10)
        cls._create_target(cls.share_kpi, 0.5)
        cls._create_target(cls.renewal_kpi, 2)

    def _scorecard(self, user=None, **vals):
        user = user or self.viewer
        return self.env["clm.kpi.scorecard"].with_user(user).with_context(
            allowed_company_ids=user.company_ids.ids).create(vals)

    @classmethod
    def _create_foreign_company(cls, rate=2.0):
        """:return: a company whose currency is worth half of that of ``cls.company``"""
        currency = cls.env["res.currency"].create({"name": "ZZC", "symbol": "Z", "rounding": 0.01})
        other = cls._create_company("Foreign", currency_id=currency.id)
        currency.rate_ids.create([
            {"currency_id": currency.id, "name": "2020-01-01", "rate": rate, "company_id": company.id}
            for company in (cls.company, other)
        ])
        own_rate = [Command.create({"name": "2020-01-01", "rate": 1.0, "company_id": company.id})
                    for company in (cls.company, other)]
        cls.company.currency_id.rate_ids.unlink()
        cls.company.currency_id.write({"rate_ids": own_rate})
        (cls.viewer | cls.manager).company_ids |= other
        return other

import re

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..tools import kpi_periods

#: A cell of the cohort table: month of the first purchase, months after it.
CELL = re.compile(r"(\d{4}-\d{2})-01/(\d{1,3})")


class ClmEvent(models.Model):
    _inherit = "clm.event"

    @api.model
    def _cohort_query(self, month, age):
        """:return: SELECT of the customers of a cell of the cohort table, of the company of the environment: who bought
            for the first time in a month, and again some months after

        It says what ``clm.cohort.report`` does, but reads the two months by index and the past of their customers
        alone, where the report reads everything.

        :param date month: its first day
        :param int age: months after; 0: the whole cohort
        """
        company = self.env.company
        buyers = self._buyers_of(month)
        if age:
            buyers = SQL("%s INTERSECT %s", buyers, self._buyers_of(fields.Date.add(month, months=age)))
        return SQL(
            """
            WITH buyer AS MATERIALIZED (%(buyers)s),
            batch AS MATERIALIZED (
                SELECT id, commercial_partner_id, company_id, create_date, name
                  FROM res_partner WHERE commercial_partner_id IN (SELECT partner_id FROM buyer)
            )
            SELECT partner_id FROM buyer
            EXCEPT
            SELECT e.partner_id FROM (%(purchases)s) e
             WHERE e.kind != 'refund' AND e.company_id = %(company)s AND e.day < %(month)s
            """,
            buyers=buyers, purchases=self._purchases(SQL("batch")), company=company.id, month=month,
        )

    @api.model
    def _buyers_of(self, month) -> SQL:
        """:return: SELECT of the customers who bought in a month"""
        last = fields.Date.end_of(month, "month")
        zone = self.env["res.company"]._lifecycle_timezones()[self.env.company.id]
        start, stop = kpi_periods.bounds(kpi_periods.Period(kpi_periods.MONTH, month, last), zone)
        return SQL(
            "SELECT DISTINCT e.partner_id FROM (%s) e"
            " WHERE e.kind != 'refund' AND e.company_id = %s AND e.day BETWEEN %s AND %s",
            self._purchases_between(start, stop, self.env.company.id), self.env.company.id, month, last,
        )


class ResPartner(models.Model):
    _inherit = "res.partner"

    lifecycle_cohort = fields.Char(
        "Cohort", store=False, search="_search_lifecycle_cohort", groups="clm.group_viewer",
        help="Of the companies one works in: 2026-01-01/3 finds those who first bought in January and again in April.",
    )

    @api.model
    def _search_lifecycle_cohort(self, operator, value):
        if operator != "in":
            return NotImplemented
        self._check_field_access(self._fields["lifecycle_cohort"], "read")
        found = Domain.FALSE
        for cell in value:
            if not (match := CELL.fullmatch(str(cell))):
                continue
            month, age = fields.Date.to_date(f"{match[1]}-01"), int(match[2])
            for company in self.env.companies:
                # sudo: who bought when is for every viewer; which customers they see is not
                events = self.env["clm.event"].sudo().with_company(company)
                found |= Domain("id", "in", SQL("(%s)", events._cohort_query(month, age)))
        return found

from odoo import api, fields, models
from odoo.tools import SQL

from ..tools import kpi_periods


class ClmKpiFacts(models.AbstractModel):
    """The facts behind the KPIs: one row for each thing counted in each period, of the company of the environment.

    Every family is one SELECT over the tables of a kind of document. It has the columns ``period_id``, ``team_id`` and
    ``res_id`` (the record behind the fact, of the model in ``FAMILY_MODELS``) and those that its measures read. Values
    and drill-downs read the same rows, so that a number always opens what it counts.

    What belongs to no company is the main company's, and a customer is a commercial partner. Facts of a period that
    is not over go up to today.

    Cost: each family reads the documents of its periods once, whatever the number of KPIs that are made of them.
    """

    _name = "clm.kpi.facts"
    _description = "Facts behind KPIs"

    # === PERIODS === #

    @api.model
    def _with_periods(self, periods) -> SQL:
        """Make the table ``period`` of the periods: ``id`` is the place in the list.

        ``first`` and ``last`` are its days, ``until`` is the last one that is not in the future, ``year_ago`` a year
        before that, ``start`` and ``stop`` the instants between which it lies, naive UTC.

        :param periods: list of ``tools.kpi_periods.Period``
        """
        zone = self.env["res.company"]._lifecycle_timezones()[self.env.company.id]
        rows = []
        for number, period in enumerate(periods):
            until = self._until(period)
            rows.append((
                number, period.start, period.end, until, fields.Date.subtract(until, years=1),
                *kpi_periods.bounds(period, zone),
            ))
        columns = zip(*rows, strict=True) if rows else [[] for _column in range(7)]
        return SQL(
            """
            period AS MATERIALIZED (
                SELECT * FROM unnest(
                    %s::int4[], %s::date[], %s::date[], %s::date[], %s::date[], %s::timestamp[], %s::timestamp[]
                ) AS p(id, first, last, until, year_ago, start, stop)
            )
            """,
            *(list(column) for column in columns),
        )

    @api.model
    def _until(self, period):
        """:return: the last day of a period that is not in the future"""
        return min(period.end, self.env.company._lifecycle_today())

    @api.model
    def _facts(self, family, periods) -> SQL:
        """:return: SELECT of the facts of a family; needs the table ``period`` of :meth:`_with_periods`

        :param str family: key of ``FAMILY_MODELS``
        :param periods: those of the table
        """
        return getattr(self, f"_facts_{family}")(periods)

    @api.model
    def _counted(self, measure, period, team, params) -> SQL:
        """:return: SELECT of the ids of the records that a KPI counts in a period

        :param measure: ``Measure``
        :param team: ``crm.team``; none for the whole company
        :param params: see ``clm.kpi._measure_params``
        """
        only = SQL("f.team_id = %s", team.id) if team else SQL("TRUE")
        if measure.family == "recurring":
            only = SQL("%s AND f.is_total = %s", only, not team)
        return SQL(
            "WITH %s SELECT f.res_id FROM (%s) f WHERE (%s) AND %s",
            self._with_periods([period]), self._counted_facts(measure.family, period, team),
            SQL(measure.counted, **params), only,
        )

    @api.model
    def _counted_facts(self, family, period, team) -> SQL:
        """Hook: SELECT of the facts of a period among which the counted ones are looked for; a family that has a
        cheaper way to tell which they are than what their values need gives that.
        """
        return self._facts(family, [period])

    # === COMMON PARTS === #

    @api.model
    def _of_company(self, column) -> SQL:
        """:return: SQL condition: the document is of the company; without one, it is the main company's"""
        company = self.env.company
        if company.id == next(iter(self.env["res.company"]._lifecycle_timezones())):
            return SQL("(%s = %s OR %s IS NULL)", column, company.id, column)
        return SQL("%s = %s", column, company.id)

    @api.model
    def _between(self, column, periods) -> SQL:
        """:return: SQL condition on an instant, for an index: it lies between the first and the last period"""
        zone = self.env["res.company"]._lifecycle_timezones()[self.env.company.id]
        bounds = [kpi_periods.bounds(period, zone) for period in periods]
        return SQL(
            "%s >= %s AND %s < %s", column, min(start for start, _stop in bounds),
            column, max(stop for _start, stop in bounds),
        )

    @api.model
    def _join_customer(self, partner) -> SQL:
        """:return: SQL of the joins of a customer ``c``, and of the salesperson ``cu``, whose team is the customer's

        :param SQL partner: id of the customer
        """
        return SQL("JOIN res_partner c ON c.id = %s LEFT JOIN res_users cu ON cu.id = c.user_id", partner)

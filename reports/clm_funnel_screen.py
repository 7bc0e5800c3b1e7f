from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..tools.local_time import midnight_utc


class ClmFunnelReport(models.Model):
    """What the funnel page shows."""

    _inherit = "clm.funnel.report"

    @api.model
    @api.readonly
    def get_funnel(self, period="last_12_months", date_from=False, date_to=False):
        """The funnel of a period, of the customers whom the user may see.

        :param str period: last_12_months, this_year, last_year, all or custom
        :param str date_from: first day, for ``custom``
        :param str date_to: last day, for ``custom``
        :return: dict: ``date_from`` and ``date_to`` (the first and the last day, or False), and ``stages``, see
            :meth:`_prepare_funnel_stages`
        :raise UserError: when the period makes no sense
        """
        first, last = self._period_days(period, date_from, date_to)
        start, end = self._period_bounds(first, last)
        return {
            "date_from": fields.Date.to_string(first),
            "date_to": fields.Date.to_string(last),
            "stages": self._prepare_funnel_stages(start, end),
        }

    # === PERIOD === #

    @api.model
    def _period_days(self, period, date_from=False, date_to=False):
        """:return: the first and the last day of the period, or False where it has no such bound"""
        today = self.env.company._lifecycle_today()
        day, year = relativedelta(days=1), relativedelta(years=1)
        if period == "last_12_months":
            return today - year + day, today
        if period == "this_year":
            return today.replace(month=1, day=1), today
        if period == "last_year":
            first = today.replace(month=1, day=1) - year
            return first, first + year - day
        if period == "all":
            return False, False
        if period == "custom":
            return self._parse_days(date_from, date_to)
        raise UserError(self.env._("Choose one of the periods of the list."))

    @api.model
    def _parse_days(self, date_from, date_to):
        try:
            first, last = fields.Date.to_date(date_from or False), fields.Date.to_date(date_to or False)
        except (TypeError, ValueError) as error:
            raise UserError(self.env._("Enter the days as year-month-day, such as 2026-01-31.")) from error
        if first and last and first > last:
            raise UserError(self.env._("The period ends before it begins. Choose a later last day."))
        return first or False, last or False

    @api.model
    def _period_bounds(self, first, last):
        """:return: pair of naive UTC datetimes, [start, end), midnights of the company; False without that bound"""
        zone = self._period_zone()
        return (
            first and midnight_utc(first.toordinal(), zone),
            last and midnight_utc((last + relativedelta(days=1)).toordinal(), zone),
        )

    @api.model
    def _period_zone(self):
        return self.env["res.company"]._lifecycle_timezones()[self.env.company.id]

    @api.model
    def _get_period_domain(self, fname, start, end):
        return Domain.AND([
            Domain(fname, ">=", start) if start else Domain(fname, "!=", False),
            Domain(fname, "<", end) if end else Domain.TRUE,
        ])

    # === NUMBERS === #

    @api.model
    def _prepare_funnel_stages(self, start, end):
        """:return: list of dicts, one for each stage: ``id``, ``name``, ``strict`` and ``any`` (see
            :meth:`_prepare_counts`), ``days`` (see :meth:`_prepare_days`)
        """
        stages = self.env["clm.stage"].browse(self._stage_ids())
        strict = self._prepare_counts(
            stages, self, self._get_strict_domain(start, end), "lifecycle_funnel_ids", Domain.TRUE
        )
        anyhow = self._prepare_counts(
            stages, self.env["clm.visit.report"], self._get_any_domain(start, end), "lifecycle_visit_ids",
            Domain("superseded_at", "=", False),
        )
        days = self._prepare_days(stages, start, end)
        return [
            {"id": stage.id, "name": stage.name, "strict": strict[stage], "any": anyhow[stage], "days": days[stage]}
            for stage in stages
        ]

    @api.model
    def _get_strict_domain(self, start, end):
        """Funnel rows of who started in the period and came through every stage in order, however long they took."""
        domain = self._get_period_domain("cohort_at", start, end) & Domain("is_strict", "=", True)
        # nobody enters a stage in order before the first one: lets the database skip the past
        return domain & Domain("entered_at", ">=", start) if start else domain

    @api.model
    def _get_any_domain(self, start, end):
        """Visits that share an instant with the period; the exit is no part of the visit, unless it is the entry."""
        before_end = Domain("entered_at", "<", end) if end else Domain.TRUE
        if not start:
            return before_end
        lasted = Domain("exited_at", "=", False) | Domain("exited_at", ">", start)
        return before_end & (Domain("entered_at", ">=", start) | lasted)

    @api.model
    def _prepare_counts(self, stages, rows, domain, partner_field, rows_domain):
        """Count the customers of each stage.

        :param rows: the report whose rows are counted
        :param Domain domain: of the rows
        :param str partner_field: field of the customer that leads to the rows
        :param Domain rows_domain: what tells these rows from others behind that field
        :return: dict stage -> dict: ``count`` of customers, ``rate`` (the next stage's count to this one) and
            ``cumulative`` (to the first stage's count) as ratios or None, ``domain`` of these customers
        """
        found = dict(rows._read_group(domain, ["stage_id"], ["partner_id:count_distinct"]))
        counts = [found.get(stage, 0) for stage in stages]
        return {
            stage: {
                "count": count,
                "rate": following / count if count and following is not None else None,
                "cumulative": count / counts[0] if counts[0] else None,
                "domain": [(partner_field, "any", list(domain & rows_domain & Domain("stage_id", "=", stage.id)))],
            }
            for stage, count, following in zip(stages, counts, [*counts[1:], None], strict=True)
        }

    @api.model
    def _prepare_days(self, stages, start, end):
        """:return: dict stage -> dict: ``count`` of the visits that ended in the period, ``median`` and ``p90`` of
            their days or None, ``domain`` of these visits
        """
        domain = self._get_period_domain("exited_at", start, end)
        found = {
            stage: numbers for stage, *numbers in self.env["clm.visit.report"]._read_group(
                domain, ["stage_id"], ["__count", "days_median:avg", "days_p90:avg"]
            )
        }
        days = {}
        for stage in stages:
            count, median, p90 = found.get(stage, (0, None, None))
            days[stage] = {
                "count": count, "median": median, "p90": p90,
                "domain": list(domain & Domain("stage_id", "=", stage.id)),
            }
        return days

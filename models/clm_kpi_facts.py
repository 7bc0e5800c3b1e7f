from odoo import api, fields, models
from odoo.tools import SQL

from ..tools import kpi_periods

#: Days after the first purchase in which a second one counts, by family.
COHORT_DAYS = {"cohorts": 365, "cohorts_90": 90}
#: Families whose facts are the purchases of the timeline.
PURCHASE_FAMILIES = ("purchases", "year_purchases")


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
        if family in COHORT_DAYS:
            return self._facts_cohorts(periods, COHORT_DAYS[family])
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

    # === CUSTOMERS AND LEADS === #

    @api.model
    def _facts_entries(self, periods) -> SQL:
        """Customers that became known, and those that were won back: the first stay of each cycle."""
        return SQL(
            """
            SELECT p.id AS period_id, cu.sale_team_id AS team_id, v.partner_id AS res_id,
                   v.number = 1 AS is_first, v.number > 1 AS is_return
              FROM clm_visit v
              JOIN period p ON v.entered_at >= p.start AND v.entered_at < p.stop
              %(customer)s
              LEFT JOIN clm_visit before ON before.partner_id = v.partner_id AND before.number = v.number - 1
                   AND before.superseded_at IS NULL
             WHERE v.superseded_at IS NULL AND before.cycle IS DISTINCT FROM v.cycle
               AND %(between)s AND %(company)s
            """,
            customer=self._join_customer(SQL("v.partner_id")), between=self._between(SQL("v.entered_at"), periods),
            company=self._of_company(SQL("c.company_id")),
        )

    @api.model
    def _facts_stage_exits(self, periods) -> SQL:
        """Stays that ended."""
        return SQL(
            """
            SELECT p.id AS period_id, cu.sale_team_id AS team_id, v.id AS res_id, v.stage_id, v.days
              FROM clm_visit v
              JOIN period p ON v.exited_at >= p.start AND v.exited_at < p.stop
              %(customer)s
             WHERE v.superseded_at IS NULL AND %(between)s AND %(company)s
            """,
            customer=self._join_customer(SQL("v.partner_id")), between=self._between(SQL("v.exited_at"), periods),
            company=self._of_company(SQL("c.company_id")),
        )

    @api.model
    def _became_customer(self, between) -> SQL:
        """:return: SELECT of those who became customers: their first stay ever in a stage of customers, with what was
            bought. It belongs to the company and the team of the document that caused it.

        :param SQL between: condition on the stay ``v``
        """
        return SQL(
            """
            SELECT v.partner_id, v.entered_at, COALESCE(d.team_id, c.team_id) AS team_id, d.amount
              FROM (
                    SELECT v.partner_id, v.entered_at, v.evidence_model, v.evidence_id
                      FROM clm_visit v
                      JOIN clm_stage s ON s.id = v.stage_id AND s.is_customer
                     WHERE v.superseded_at IS NULL AND %(between)s
                       AND NOT EXISTS (
                           SELECT FROM clm_visit b JOIN clm_stage bs ON bs.id = b.stage_id AND bs.is_customer
                            WHERE b.partner_id = v.partner_id AND b.superseded_at IS NULL AND b.number < v.number
                       )
                    OFFSET 0  -- they and their documents are looked up one by one
                   ) v
             CROSS JOIN LATERAL (
                   SELECT x.company_id, cu.sale_team_id AS team_id
                     FROM res_partner x LEFT JOIN res_users cu ON cu.id = x.user_id WHERE x.id = v.partner_id OFFSET 0
                   ) c
              LEFT JOIN LATERAL (
                   SELECT o.team_id, o.company_id, %(order)s AS amount
                     FROM sale_order o WHERE v.evidence_model = 'sale.order' AND o.id = v.evidence_id
                    UNION ALL
                   SELECT m.team_id, m.company_id, m.amount_untaxed_signed
                     FROM account_move m WHERE v.evidence_model = 'account.move' AND m.id = v.evidence_id
                    UNION ALL
                   SELECT k.team_id, k.company_id, NULL
                     FROM clm_contract k WHERE v.evidence_model = 'clm.contract' AND k.id = v.evidence_id
                   ) d ON TRUE
             WHERE %(company)s
            """,
            between=between, order=self.env["clm.event"]._event_order_amount(),
            company=self._of_company(SQL("COALESCE(d.company_id, c.company_id)")),
        )

    @api.model
    def _facts_customers(self, periods) -> SQL:
        """New customers, with the days since their first lead and the amount of their first purchase."""
        return SQL(
            """
            SELECT p.id AS period_id, n.team_id, n.partner_id AS res_id, n.amount,
                   EXTRACT(EPOCH FROM n.entered_at - n.lead_at) / 86400 AS days
              FROM (
                    SELECT b.*, (
                           SELECT MIN(l.create_date) FROM crm_lead l JOIN res_partner lc ON lc.id = l.partner_id
                            WHERE lc.commercial_partner_id = b.partner_id AND l.create_date <= b.entered_at
                           ) AS lead_at
                      FROM (%s) b OFFSET 0  -- once for each customer, and only where days are asked for
                   ) n
              JOIN period p ON n.entered_at >= p.start AND n.entered_at < p.stop
            """,
            self._became_customer(self._between(SQL("v.entered_at"), periods)),
        )

    @api.model
    def _facts_leads(self, periods) -> SQL:
        """Leads and opportunities by the day on which they were made, and what became of them until now."""
        return SQL(
            """
            SELECT p.id AS period_id, l.team_id, l.id AS res_id,
                   l.type = 'lead' OR l.date_conversion > l.create_date AS was_lead,
                   l.type = 'opportunity' AS is_converted,
                   COALESCE(l.won_status = 'won', FALSE) AS is_won
              FROM crm_lead l
              JOIN period p ON l.create_date >= p.start AND l.create_date < p.stop
             WHERE %s AND %s
            """,
            self._between(SQL("l.create_date"), periods), self._of_company(SQL("l.company_id")),
        )

    @api.model
    def _facts_closed_leads(self, periods) -> SQL:
        """Opportunities that were won or lost."""
        return SQL(
            """
            SELECT p.id AS period_id, l.team_id, l.id AS res_id, l.won_status = 'won' AS is_won
              FROM crm_lead l
              JOIN period p ON l.date_closed >= p.start AND l.date_closed < p.stop
             WHERE l.type = 'opportunity' AND l.won_status IN ('won', 'lost') AND %s AND %s
            """,
            self._between(SQL("l.date_closed"), periods), self._of_company(SQL("l.company_id")),
        )

    @api.model
    def _facts_spend(self, periods) -> SQL:
        """What was spent to win customers; each amount is spread evenly over its days."""
        return SQL(
            """
            SELECT p.id AS period_id, s.team_id, s.id AS res_id,
                   s.company_amount * (LEAST(s.date_to, p.until) - GREATEST(s.date_from, p.first) + 1)
                       / (s.date_to - s.date_from + 1) AS amount
              FROM clm_spend s
              JOIN period p ON s.date_from <= p.until AND s.date_to >= p.first
             WHERE s.active AND s.company_id = %s
            """,
            self.env.company.id,
        )

    @api.model
    def _facts_customer_stays(self, periods) -> SQL:
        """Customers who lapsed in the period (``lapsed``), one by one, and how many there were at its start, who had
        bought and had not lapsed (``at_start``), counted by team: they are nearly all customers.
        """
        return SQL("%s UNION ALL %s", self._customers_lapsed(periods), self._customers_at_start(periods))

    @api.model
    def _customers_lapsed(self, periods) -> SQL:
        return SQL(
            """
            SELECT p.id AS period_id, cu.sale_team_id AS team_id, v.partner_id AS res_id, 0 AS at_start, 1 AS lapsed
              FROM clm_visit v
              JOIN clm_stage s ON s.id = v.stage_id AND s.is_customer
              JOIN period p ON v.entered_at < p.start AND v.exited_at >= p.start AND v.exited_at < p.stop
              %(customer)s
             WHERE v.superseded_at IS NULL AND %(between)s AND %(company)s
               AND EXISTS (
                   SELECT FROM clm_visit n JOIN clm_stage ns ON ns.id = n.stage_id AND ns.is_lapsed
                    WHERE n.partner_id = v.partner_id AND n.superseded_at IS NULL
                      AND n.entered_at >= p.start AND n.entered_at < p.stop
               )
            """,
            customer=self._join_customer(SQL("v.partner_id")), between=self._between(SQL("v.exited_at"), periods),
            company=self._of_company(SQL("c.company_id")),
        )

    @api.model
    def _customers_at_start(self, periods) -> SQL:
        """One pass over the stays, whatever the number of periods: each counts between two of their beginnings."""
        zone = self.env["res.company"]._lifecycle_timezones()[self.env.company.id]
        starts = sorted({kpi_periods.bounds(period, zone)[0] for period in periods})
        return SQL(
            """
            SELECT p.id, stay.team_id, NULL, stay.customers, 0
              FROM (
                    SELECT cu.sale_team_id AS team_id, width_bucket(v.entered_at, %(starts)s::timestamp[]) AS entered,
                           width_bucket(COALESCE(v.exited_at, 'infinity'), %(starts)s::timestamp[]) AS exited,
                           COUNT(*) AS customers
                      FROM clm_visit v
                      JOIN clm_stage s ON s.id = v.stage_id AND s.is_customer
                      %(customer)s
                     WHERE v.superseded_at IS NULL AND v.entered_at < %(last)s
                       AND (v.exited_at IS NULL OR v.exited_at >= %(first)s) AND %(company)s
                     GROUP BY 1, 2, 3
                   ) stay
              JOIN period p ON array_position(%(starts)s::timestamp[], p.start) BETWEEN stay.entered + 1 AND stay.exited
            """,
            customer=self._join_customer(SQL("v.partner_id")), starts=starts, first=starts[0], last=starts[-1],
            company=self._of_company(SQL("c.company_id")),
        )

    # === PURCHASES === #

    @api.model
    def _facts_purchases(self, periods) -> SQL:
        """Orders, invoices without an order, and credit notes, with the stage in which the customer was."""
        return SQL(
            """
            SELECT p.id AS period_id, e.team_id, e.id AS res_id, e.partner_id, e.amount, e.is_purchase, e.stage_id
              FROM (
                    SELECT e.*, %s AS stage_id
                      FROM (%s) e OFFSET 0  -- once for each purchase, and only where the stage is asked for
                   ) e
              JOIN period p ON e.day BETWEEN p.first AND p.last
            """,
            self._stage_at(SQL("e")), self._purchases(min(p.start for p in periods), max(p.end for p in periods)),
        )

    @api.model
    def _stage_at(self, event) -> SQL:
        """:return: SQL of the stage in which the customer was at the time of an event

        :param SQL event: alias of a row of the timeline
        """
        return SQL(
            """
            (SELECT v.stage_id FROM clm_visit v
              WHERE v.partner_id = %(event)s.partner_id AND v.superseded_at IS NULL
                AND v.entered_at <= %(event)s.date AND (v.exited_at IS NULL OR v.exited_at > %(event)s.date)
              ORDER BY v.number DESC LIMIT 1)
            """,
            event=event,
        )

    @api.model
    def _counted_purchase(self, measure, period, team, params, event) -> SQL:
        """:return: SQL condition on a row of the timeline that has purchases only: a KPI counts it

        :param SQL event: alias of the row
        """
        first, last = period.start, period.end
        if measure.family == "year_purchases":
            last = self._until(period)
            first = fields.Date.add(fields.Date.subtract(last, years=1), days=1)
        return SQL(
            """
            %(event)s.day BETWEEN %(first)s AND %(last)s AND %(event)s.company_id = %(company)s AND %(team)s
            AND EXISTS (
                SELECT FROM (SELECT %(event)s.kind != 'refund' AS is_purchase, %(stage)s AS stage_id) f
                 WHERE %(counted)s
            )
            """,
            event=event, first=first, last=last, company=self.env.company.id, stage=self._stage_at(event),
            team=SQL("%s.team_id = %s", event, team.id) if team else SQL("TRUE"),
            counted=SQL(measure.counted, **params),
        )

    @api.model
    def _facts_year_purchases(self, periods) -> SQL:
        """The same, of the year until the end of the period."""
        first = min(fields.Date.subtract(period.start, years=1) for period in periods)
        return SQL(
            """
            SELECT p.id AS period_id, e.team_id, e.id AS res_id, e.partner_id, e.amount, e.is_purchase
              FROM (%s) e
              JOIN period p ON e.day > p.year_ago AND e.day <= p.until
            """,
            self._purchases(first, max(period.end for period in periods)),
        )

    @api.model
    def _facts_cohorts(self, periods, days) -> SQL:
        """New customers whose time to come back ended in the period, and whether they did.

        A second purchase counts from the day after the first one on, until ``days`` days after it.
        """
        first = fields.Date.subtract(min(period.start for period in periods), days=days)
        last = fields.Date.subtract(max(map(self._until, periods)), days=days)
        whole = [kpi_periods.Period(kpi_periods.MONTH, first, last)]
        zone = self.env["res.company"]._lifecycle_timezones()[self.env.company.id]
        return SQL(
            """
            SELECT p.id AS period_id, n.team_id, n.partner_id AS res_id, n.came_back
              FROM (
                    SELECT b.*, EXISTS (
                           SELECT FROM (%(purchases)s) e
                            WHERE e.company_id = %(company)s AND e.kind != 'refund'
                              AND e.day > b.day AND e.day <= b.day + %(days)s
                           ) AS came_back
                      FROM (
                            SELECT c.partner_id, c.team_id,
                                   (c.entered_at AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s)::date AS day
                              FROM (%(customers)s) c WHERE c.amount IS NOT NULL
                           ) b OFFSET 0  -- once for each customer
                   ) n
              JOIN period p ON n.day + %(days)s BETWEEN p.first AND p.until
            """,
            zone=zone, days=days, company=self.env.company.id,
            customers=self._became_customer(self._between(SQL("v.entered_at"), whole)),
            purchases=self.env["clm.event"]._purchases_of(SQL("b.partner_id")),
        )

    @api.model
    def _purchases(self, first, last) -> SQL:
        """:return: SELECT of the purchases and credit notes of the company on some days, and some of the days around
            them: ``day`` tells

        :param date first: first day
        :param date last: last day
        """
        zone = self.env["res.company"]._lifecycle_timezones()[self.env.company.id]
        start, stop = kpi_periods.bounds(kpi_periods.Period(kpi_periods.MONTH, first, last), zone)
        return SQL(
            """
            SELECT e.id, e.partner_id, e.day, e.date, e.amount, e.kind != 'refund' AS is_purchase, e.team_id
              FROM (%s) e
            """,
            self.env["clm.event"]._purchases_between(start, stop, self.env.company.id),
        )

    # === LOYALTY === #

    @api.model
    def _facts_feedback(self, periods) -> SQL:
        """Answers of customers."""
        return SQL(
            """
            SELECT p.id AS period_id, e.team_id, e.id AS res_id, e.kind, e.score
              FROM (%s) e JOIN period p ON e.day BETWEEN p.first AND p.last
            """,
            self._feedback(),
        )

    @api.model
    def _feedback(self) -> SQL:
        """Hook: SELECT of answers: ``id`` (of the event), ``team_id``, ``day``, ``kind`` ("nps", 0-10, or "csat", 1-5),
        ``score``. Nobody is asked yet, so there are none.
        """
        return SQL(
            "SELECT NULL::int8 AS id, NULL::int4 AS team_id, NULL::date AS day, NULL AS kind, NULL::float8 AS score"
            " WHERE FALSE"
        )

    @api.model
    def _facts_referrals(self, periods) -> SQL:
        """Customers at the end of the period (``customers``), and who of all brought a new one in it."""
        return SQL(
            """
            SELECT p.id AS period_id, e.team_id, e.id AS res_id, e.referrer_id, e.customers
              FROM (%s) e JOIN period p ON e.day BETWEEN p.first AND p.last
            """,
            self._referrals(),
        )

    @api.model
    def _referrals(self) -> SQL:
        """Hook: SELECT of referrals: ``id`` (of the event), ``team_id``, ``day``, ``referrer_id``, ``customers``.
        They are not recorded yet, so there are none.
        """
        return SQL(
            "SELECT NULL::int8 AS id, NULL::int4 AS team_id, NULL::date AS day, NULL::int4 AS referrer_id,"
            " NULL::int4 AS customers WHERE FALSE"
        )

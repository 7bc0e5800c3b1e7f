"""What the nightly refresh is measured against: one plain GROUP BY for each family of facts over the same base tables,
with nothing but the date that says in which period a row falls, the condition without which it is no fact, and the
sums and counts themselves. No teams, companies, names, stages at the time, duplicates, credit notes, currencies, goals,
intervals, and nothing is stored.

``period`` are the periods that are refreshed; ``month`` those whose churn the lifetime value is made of.
"""

from importlib import import_module

from odoo.tools import SQL

PERIOD = """
    %s AS MATERIALIZED (SELECT * FROM unnest(%%s::int4[], %%s::date[], %%s::date[]) AS p(id, first, last))
"""

#: By name: a SELECT on ``period`` and the base tables.
STATEMENTS = {
    "entries": """
        SELECT p.id, v.number = 1, COUNT(*) FROM clm_visit v
          JOIN period p ON v.entered_at >= p.first AND v.entered_at < p.last + 1
         WHERE v.superseded_at IS NULL GROUP BY 1, 2
    """,
    "stage exits": """
        SELECT p.id, v.stage_id, COUNT(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY v.days) FROM clm_visit v
          JOIN period p ON v.exited_at >= p.first AND v.exited_at < p.last + 1
         WHERE v.superseded_at IS NULL GROUP BY 1, 2
    """,
    "customers": """
        SELECT p.id, COUNT(*), AVG(v.entered_at - c.create_date), SUM(o.amount_untaxed) FROM clm_visit v
          JOIN clm_stage s ON s.id = v.stage_id AND s.is_customer
          JOIN period p ON v.entered_at >= p.first AND v.entered_at < p.last + 1
          JOIN res_partner c ON c.id = v.partner_id
          LEFT JOIN sale_order o ON o.id = v.evidence_id AND v.evidence_model = 'sale.order'
         WHERE v.superseded_at IS NULL GROUP BY 1
    """,
    "customer stays": """
        SELECT p.id, COUNT(*) FROM clm_visit v
          JOIN clm_stage s ON s.id = v.stage_id AND s.is_customer
          JOIN period p ON v.entered_at < p.first AND (v.exited_at IS NULL OR v.exited_at >= p.first)
         WHERE v.superseded_at IS NULL GROUP BY 1
    """,
    "leads": """
        SELECT p.id, l.type, l.won_status, COUNT(*) FROM crm_lead l
          JOIN period p ON l.create_date >= p.first AND l.create_date < p.last + 1 GROUP BY 1, 2, 3
    """,
    "closed leads": """
        SELECT p.id, l.won_status, COUNT(*) FROM crm_lead l
          JOIN period p ON l.date_closed >= p.first AND l.date_closed < p.last + 1
         WHERE l.won_status IN ('won', 'lost') GROUP BY 1, 2
    """,
    "purchases, orders": """
        SELECT p.id, COUNT(*), COUNT(DISTINCT o.partner_id), SUM(o.amount_untaxed) FROM sale_order o
          JOIN period p ON o.date_order >= p.first AND o.date_order < p.last + 1
         WHERE o.state = 'sale' GROUP BY 1
    """,
    "purchases, invoices": """
        SELECT p.id, COUNT(*), COUNT(DISTINCT m.partner_id), SUM(m.amount_untaxed_signed) FROM account_move m
          JOIN period p ON m.invoice_date BETWEEN p.first AND p.last
         WHERE m.state = 'posted' AND m.move_type IN ('out_invoice', 'out_refund', 'out_receipt')
           AND NOT EXISTS (SELECT FROM account_move_line l WHERE l.move_id = m.id AND l.clm_contract_id IS NOT NULL)
         GROUP BY 1
    """,
    "purchases of a year, orders": """
        SELECT p.id, COUNT(DISTINCT o.partner_id), SUM(o.amount_untaxed) FROM sale_order o
          JOIN period p ON o.date_order >= p.last - interval '1 year' AND o.date_order < p.last + 1
         WHERE o.state = 'sale' GROUP BY 1
    """,
    "purchases of a year, invoices": """
        SELECT p.id, COUNT(DISTINCT m.partner_id), SUM(m.amount_untaxed_signed) FROM account_move m
          JOIN period p ON m.invoice_date BETWEEN p.last - 365 AND p.last
         WHERE m.state = 'posted' AND m.move_type IN ('out_invoice', 'out_refund', 'out_receipt')
           AND NOT EXISTS (SELECT FROM account_move_line l WHERE l.move_id = m.id AND l.clm_contract_id IS NOT NULL)
         GROUP BY 1
    """,
    "cohorts, 365 days": """
        SELECT p.id, COUNT(DISTINCT v.partner_id), COUNT(DISTINCT o.partner_id) FROM clm_visit v
          JOIN clm_stage s ON s.id = v.stage_id AND s.is_customer
          JOIN period p ON v.entered_at >= p.first - 365 AND v.entered_at < p.last - 364
          LEFT JOIN sale_order o ON o.partner_id = v.partner_id AND o.state = 'sale'
               AND o.date_order >= v.entered_at::date + 1 AND o.date_order < v.entered_at::date + 366
         WHERE v.superseded_at IS NULL GROUP BY 1
    """,
    "cohorts, 90 days": """
        SELECT p.id, COUNT(DISTINCT v.partner_id), COUNT(DISTINCT o.partner_id) FROM clm_visit v
          JOIN clm_stage s ON s.id = v.stage_id AND s.is_customer
          JOIN period p ON v.entered_at >= p.first - 90 AND v.entered_at < p.last - 89
          LEFT JOIN sale_order o ON o.partner_id = v.partner_id AND o.state = 'sale'
               AND o.date_order >= v.entered_at::date + 1 AND o.date_order < v.entered_at::date + 91
         WHERE v.superseded_at IS NULL GROUP BY 1
    """,
    "recurring": """
        SELECT id, COUNT(*), SUM(closing), SUM(opening), SUM(year_ago) FROM (
            SELECT p.id, m.partner_id, SUM(m.value) AS closing, SUM(m.value) FILTER (WHERE m.date < p.first) AS opening,
                   SUM(m.value) FILTER (WHERE m.date <= p.last - interval '1 year') AS year_ago
              FROM clm_mrr_movement m JOIN period p ON m.date <= p.last GROUP BY 1, 2) balance GROUP BY 1
    """,
    "recurring, months before": """
        SELECT id, COUNT(*) FILTER (WHERE opening > 0 AND closing <= 0), COUNT(*) FILTER (WHERE opening > 0) FROM (
            SELECT p.id, m.partner_id, SUM(m.value) AS closing, SUM(m.value) FILTER (WHERE m.date < p.first) AS opening
              FROM clm_mrr_movement m JOIN month p ON m.date <= p.last GROUP BY 1, 2) balance GROUP BY 1
    """,
    "movements": """
        SELECT p.id, m.kind, SUM(m.value) FROM clm_mrr_movement m
          JOIN period p ON m.date BETWEEN p.first AND p.last GROUP BY 1, 2
    """,
    "renewals": """
        SELECT p.id, c.state, COUNT(*), SUM(c.acv), AVG(c.days_to_decide), COUNT(n.id), SUM(n.acv) FROM clm_contract c
          JOIN period p ON c.date_end BETWEEN p.first AND p.last
          LEFT JOIN clm_contract n ON n.previous_id = c.id
         WHERE c.state IN ('signed', 'active', 'closed') AND c.direction = 'customer' GROUP BY 1, 2
    """,
    "cycles": """
        SELECT p.id, COUNT(*), AVG(v.entered_at - c.create_date) FROM clm_contract_visit v
          JOIN clm_contract c ON c.id = v.contract_id
          JOIN period p ON v.entered_at >= p.first AND v.entered_at < p.last + 1
         WHERE v.state = 'signed' GROUP BY 1
    """,
    "contract stays": """
        SELECT p.id, v.state, COUNT(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY v.days) FROM clm_contract_visit v
          JOIN period p ON v.exited_at >= p.first AND v.exited_at < p.last + 1 GROUP BY 1, 2
    """,
    "obligations": """
        SELECT p.id, o.state, COUNT(*), COUNT(*) FILTER (WHERE o.done_on <= o.date_due) FROM clm_obligation o
          JOIN period p ON o.date_due BETWEEN p.first AND p.last WHERE o.side = 'us' GROUP BY 1, 2
    """,
    "installments": """
        SELECT p.id, SUM(i.amount + i.discount_amount), SUM(l.price_subtotal) FROM clm_installment i
          JOIN period p ON i.date_planned BETWEEN p.first AND LEAST(p.last, CURRENT_DATE)
          LEFT JOIN account_move_line l ON l.clm_installment_id = i.id GROUP BY 1
    """,
    "spend": """
        SELECT p.id, SUM(s.amount) FROM clm_spend s
          JOIN period p ON s.date_from <= p.last AND s.date_to >= p.first GROUP BY 1
    """,
    "funnel, this month": """
        SELECT v.stage_id, COUNT(DISTINCT v.partner_id) FROM clm_visit v
         WHERE v.superseded_at IS NULL AND v.entered_at >= CURRENT_DATE - 365 GROUP BY 1
    """,
    "funnel, the month before": """
        SELECT v.stage_id, COUNT(DISTINCT v.partner_id) FROM clm_visit v
         WHERE v.superseded_at IS NULL AND v.entered_at >= date_trunc('month', CURRENT_DATE) - interval '1 year'
         GROUP BY 1
    """,
    "in a stage in the year, this month": """
        SELECT v.stage_id, COUNT(DISTINCT v.partner_id) FROM clm_visit v
         WHERE v.superseded_at IS NULL AND (v.exited_at IS NULL OR v.exited_at > CURRENT_DATE - 365) GROUP BY 1
    """,
    "in a stage in the year, the month before": """
        SELECT v.stage_id, COUNT(DISTINCT v.partner_id) FROM clm_visit v
         WHERE v.superseded_at IS NULL
           AND (v.exited_at IS NULL OR v.exited_at > date_trunc('month', CURRENT_DATE) - interval '1 year') GROUP BY 1
    """,
    "cohort table": """
        SELECT cohort, month, COUNT(*), SUM(amount) FROM (
            SELECT o.partner_id, date_trunc('month', o.date_order) AS month, SUM(o.amount_untaxed) AS amount,
                   MIN(MIN(date_trunc('month', o.date_order))) OVER (PARTITION BY o.partner_id) AS cohort
              FROM sale_order o WHERE o.state = 'sale' GROUP BY 1, 2) bought GROUP BY 1, 2
    """,
    "overdue in stage": """
        SELECT c.lifecycle_stage_id, COUNT(*), COUNT(*) FILTER (WHERE c.lifecycle_since < now() - interval '90 days')
          FROM res_partner c WHERE c.lifecycle_cycle > 0 AND c.active GROUP BY 1
    """,
}


def statements(env):
    """:return: dict of name -> ``SQL``"""
    kpi_periods = import_module("odoo.addons.clm.tools.kpi_periods")  # the addons path is known by now
    company, kpi = env.company, env["clm.kpi"]
    periods = kpi._periods(company)
    year_start = kpi._year_start(company)
    months = {
        kpi_periods.shift(kpi_periods.period_of(kpi_periods.MONTH, period.end, year_start), -back, year_start)
        for period in periods for back in range(1, 7)
    }
    tables = SQL("%s, %s", table("period", periods), table("month", sorted(months)))
    return {name: SQL("WITH %s %s", tables, SQL(text)) for name, text in STATEMENTS.items()}


def table(name, periods):
    return SQL(
        PERIOD % name, list(range(len(periods))), [period.start for period in periods],
        [period.end for period in periods],
    )

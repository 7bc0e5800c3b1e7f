from datetime import datetime, time, timedelta

from odoo import api, models
from odoo.fields import Command
from odoo.tools import SQL

from ..models.clm_kpi_history import HISTORY_QUARTERS
from .clm_kpi_story import stories, strangers

QUIET = {
    "tracking_disable": True, "mail_create_nosubscribe": True, "mail_create_nolog": True,
    "mail_auto_subscribe_no_notify": True, "mail_activity_automation_skip": True,
}
SOURCES = ("search_engine", "linkedin", "newsletter", "referral")
PLACES = (("Lyon", "base.fr"), ("Cologne", "base.de"), ("Leuven", "base.be"), ("Turin", "base.it"), ("York", "base.uk"))
SELLER_STAGES = ("awareness", "acquisition", "conversion")
PRICE = 1450.0


class ClmDemo(models.AbstractModel):
    """Gives demo KPIs a past: customers who came within two years, then the values of all that. Called by demo data.

    Dates that Odoo sets by itself are written afterwards, in the database.
    """

    _inherit = "clm.demo"

    @api.model
    def _load_customers(self):
        """Let two years of customers pass."""
        quiet = self.with_context(**QUIET)
        tales = stories()
        partners = quiet._create_partners(tales)
        quiet._create_leads(tales, partners)
        quiet._create_strangers()
        quiet._create_orders(tales, partners)
        self._backdate_contracts()
        self.env.flush_all()
        self.env.invalidate_all()

    @api.model
    def _load_owners(self):
        """Let somebody answer for every KPI."""
        seller, boss = self._demo_users()
        stages = self.env["clm.stage"].union(*(self.env.ref(f"clm.stage_{name}") for name in SELLER_STAGES))
        kpis = self.env["clm.kpi"].with_context(**QUIET).search([("user_id", "=", False)])
        kpis.user_id = boss
        kpis.filtered(lambda kpi: kpi.stage_id in stages).user_id = seller

    @api.model
    def _load_values(self):
        """Compute what the crons would compute after the installation: the lifecycle, and two years of KPIs."""
        company = self.env.company
        everybody = self.env["res.partner"].with_context(active_test=False).search([("parent_id", "=", False)])
        self.env["clm.lifecycle.engine"]._rebuild(everybody)
        kpis = self.env["clm.kpi"].search([])  # pylint: disable=no-search-all
        for back in range(HISTORY_QUARTERS + 1):
            kpis._fill_quarter(company, back)
        company.clm_kpi_quarters = HISTORY_QUARTERS + 1
        kpis._refresh_now(company)
        kpis.write({"fill_from": False, "fill_until": False})
        self.env["clm.kpi.target"]._alert(company)

    # === CUSTOMERS === #

    def _create_partners(self, tales):
        users = self._demo_users()
        partners = self.env["res.partner"].create([{
            "name": tale.name, "is_company": True, "city": PLACES[place % len(PLACES)][0],
            "country_id": self.env.ref(PLACES[place % len(PLACES)][1]).id, "user_id": users[place % 2].id,
        } for place, tale in enumerate(tales)])
        self._write_dates(partners, [{"create_date": self._at(tale.known)} for tale in tales])
        return partners

    def _create_leads(self, tales, partners):
        rows = [row for row in zip(tales, partners, strict=True) if row[0].asked is not None]
        won = self.env["crm.stage"].search([("is_won", "=", True)], limit=1)
        leads = self.env["crm.lead"].create([{
            **self._prepare_lead(place, partner.user_id), "name": f"{partner.name}: coffee machines",
            "partner_id": partner.id,
            "type": "lead" if tale.qualified is None else "opportunity",
            "expected_revenue": PRICE * 4 * tale.size,
            **({"stage_id": won.id, "probability": 100} if tale.won and tale.closed is not None else {}),
        } for place, (tale, partner) in enumerate(rows)])
        lost = leads.browse(
            lead.id for lead, (tale, _partner) in zip(leads, rows, strict=True)
            if tale.closed is not None and not tale.won
        )
        lost.write({"active": False, "probability": 0})
        self._write_dates(leads, [{
            "create_date": self._at(tale.asked), "date_open": self._at(tale.asked, 15),
            "date_conversion": self._at(tale.qualified), "date_closed": self._at(tale.closed),
        } for tale, _partner in rows])

    def _create_strangers(self):
        days = strangers()
        users = self._demo_users()
        leads = self.env["crm.lead"].create([{
            **self._prepare_lead(place, users[place % 2]), "name": "A question about prices", "type": "lead",
            "contact_name": f"Visitor {place + 1}",
        } for place in range(len(days))])
        self._write_dates(leads, [{"create_date": self._at(day), "date_open": self._at(day, 15)} for day in days])

    def _prepare_lead(self, place, user):
        return {
            "user_id": user.id, "team_id": user.sale_team_id.id,
            "source_id": self.env.ref(f"utm.utm_source_{SOURCES[place % len(SOURCES)]}").id,
            "campaign_id": self.env.ref("clm.demo_campaign_fair").id if place % 5 == 0 else False,
        }

    def _create_orders(self, tales, partners):
        rows = [(tale, partner, day) for tale, partner in zip(tales, partners, strict=True) for day in tale.orders]
        product = self.env.ref("clm.demo_product_support")
        orders = self.env["sale.order"].create([{
            "partner_id": partner.id, "user_id": partner.user_id.id, "team_id": partner.user_id.sale_team_id.id,
            "state": "sale", "date_order": self._at(day), "order_line": [Command.create({
                "product_id": product.id, "product_uom_qty": tale.size + place % 3, "price_unit": PRICE,
            })],
        } for place, (tale, partner, day) in enumerate(rows)])
        # the offer was made some days before
        self._write_dates(orders, [
            {"create_date": self._at(day + 5 if day == tale.orders[0] else day)} for tale, _partner, day in rows
        ])

    def _demo_users(self):
        return self.env.ref("base.user_demo") | self.env.ref("base.user_admin")

    # === DATES === #

    def _at(self, days, hour=10):
        """:return: an instant so many days ago; None for None"""
        if days is None:
            return None
        return datetime.combine(self._ago(days=days), time(hour)) - timedelta(minutes=7 * days % 60)

    def _write_dates(self, records, rows):
        """Write columns that Odoo fills by itself.

        :param rows: list of dicts column -> instant or None, all of the same columns, one for each record
        """
        records.flush_recordset()
        for column in rows[0] if rows else ():
            self.env.cr.execute(SQL(
                "UPDATE %s t SET %s = d.moment FROM unnest(%s::int4[], %s::timestamp[]) AS d(id, moment)"
                " WHERE t.id = d.id",
                SQL.identifier(records._table), SQL.identifier(column), records.ids, [row[column] for row in rows],
            ))
        records.invalidate_recordset()

    def _backdate_contracts(self):
        """Contracts that were signed before the demo began were drafted and negotiated before that, too."""
        self.env.flush_all()
        self.env.cr.execute(SQL(
            """
            WITH days AS (
                SELECT c.id, c.signed_on + interval '11 hours' AS signed,
                       2 + c.id %% 5 AS signature, 5 + c.id %% 5 + c.id %% 7 AS negotiation,
                       7 + c.id %% 5 + c.id %% 7 + c.id %% 4 AS draft,
                       GREATEST(c.date_start, c.signed_on) + interval '12 hours' AS active,
                       COALESCE(c.closed_on, c.date_end) + interval '13 hours' AS closed
                  FROM clm_contract c
                 WHERE c.signed_on IS NOT NULL AND c.company_id = %s
            ), moved AS (
                UPDATE clm_contract_visit v
                   SET entered_at = LEAST(v.entered_at, CASE v.state
                       WHEN 'draft' THEN d.signed - d.draft * interval '1 day'
                       WHEN 'negotiation' THEN d.signed - d.negotiation * interval '1 day'
                       WHEN 'signature' THEN d.signed - d.signature * interval '1 day'
                       WHEN 'signed' THEN d.signed
                       WHEN 'active' THEN d.active
                       WHEN 'closed' THEN d.closed
                       ELSE v.entered_at END)
                  FROM days d WHERE d.id = v.contract_id
             RETURNING v.contract_id, v.number, v.entered_at
            )
            UPDATE clm_contract c SET create_date = m.entered_at
              FROM moved m WHERE m.contract_id = c.id AND m.number = 1
            """,
            self.env.company.id,
        ))
        self.env.cr.execute(SQL(
            """
            UPDATE clm_contract_visit v
               SET exited_at = n.entered_at, days = EXTRACT(EPOCH FROM n.entered_at - v.entered_at) / 86400
              FROM clm_contract_visit n
             WHERE n.contract_id = v.contract_id AND n.number = v.number + 1 AND v.company_id = %s
            """,
            self.env.company.id,
        ))
        self.env.invalidate_all()

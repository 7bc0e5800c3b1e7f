from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ..const import UNLOCK
from ..tools.kinds import KINDS


class ClmEvent(models.Model):
    """A referral is an event of whoever brought the customer, at the moment the customer became one."""

    _inherit = "clm.event"
    _depends = {"clm.referral": ["partner_id", "referrer_id", "converted_at"]}

    def _event_sources(self, partners):
        return [*super()._event_sources(partners), self._event_referrals(partners)]

    def _event_referrals(self, partners):
        return self._event_source(
            SQL(
                """
                FROM clm_referral r JOIN %s p ON p.id = r.referrer_id JOIN res_partner n ON n.id = r.partner_id
                WHERE r.converted_at IS NOT NULL
                """,
                partners,
            ),
            "clm.referral", SQL("r.id"), SQL("r.converted_at"), "referral", SQL("n.company_id"), label=SQL("n.name"),
        )


class ResPartner(models.Model):
    _inherit = "res.partner"

    referred_by_id = fields.Many2one(
        "res.partner", index="btree_not_null", copy=False, groups="clm.group_viewer",
        domain="[('id', '!=', id), ('commercial_partner_id', '!=', commercial_partner_id)]",
        help="Who told this customer about us. It counts for them once the customer has bought.",
    )
    referral_ids = fields.One2many(
        "clm.referral", "referrer_id", string="Referrals", readonly=True, groups="clm.group_viewer",
        help="Whom this customer brought.",
    )
    referral_count = fields.Integer(
        "Customers Brought", compute="_compute_referral_count", groups="clm.group_viewer",
        help="How many of those they told about us became customers.",
    )
    referral_waiting_count = fields.Integer(
        "Brought, Not Customers Yet", compute="_compute_referral_count", groups="clm.group_viewer",
    )

    @property
    def _clm_signal_fields(self):
        return super()._clm_signal_fields | {"referred_by_id"}

    @api.depends("referral_ids.converted_at", "commercial_partner_id")
    def _compute_referral_count(self):
        counts = {
            referrer.id: (total, converted)
            for referrer, total, converted in self.env["clm.referral"]._read_group(
                [("referrer_id", "in", self.commercial_partner_id.ids)], ["referrer_id"],
                ["__count", "converted_at:count"],
            )
        }
        for partner in self:
            total, converted = counts.get(partner.commercial_partner_id.id, (0, 0))
            partner.referral_count = converted
            partner.referral_waiting_count = total - converted

    @api.constrains("referred_by_id")
    def _check_referred_by_id(self):
        if self.env.context.get("clm_unlock") is UNLOCK:
            return
        for partner in self.filtered("referred_by_id"):
            if partner.referred_by_id.commercial_partner_id == partner.commercial_partner_id:
                raise ValidationError(self.env._(
                    "%(customer)s cannot be referred by themselves, their own company or its contacts.",
                    customer=partner.display_name,
                ))
            if partner._has_cycle("referred_by_id"):
                raise ValidationError(self.env._(
                    "%(customer)s brought %(referrer)s, so it cannot be the other way round as well.",
                    customer=partner.display_name, referrer=partner.referred_by_id.display_name,
                ))

    def unlink(self):
        """Who brought these customers loses a referral; whom they brought may have been brought by somebody else."""
        # sudo: the engine's rows, of whatever company
        referrals = self.env["clm.referral"].sudo().search([
            "|", "|", ("partner_id", "in", self.ids), ("referrer_id", "in", self.ids), ("contact_id", "in", self.ids),
        ])
        partner_ids = {*referrals.partner_id.ids, *referrals.referrer_id.ids} - set(self.ids)
        res = super().unlink()
        self.env["clm.queue"]._push(partner_ids)
        return res

    def action_open_referrals(self):
        """Whom the customer brought, customers and those who are none yet."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("clm.clm_referral_action")
        customer = self.commercial_partner_id
        action["domain"] = [("referrer_id", "=", customer.id)]
        action["display_name"] = self.env._("Brought by %(customer)s", customer=customer.display_name)
        action["context"] = {}
        return action


class UtmSource(models.Model):
    _inherit = "utm.source"

    clm_partner_id = fields.Many2one(
        "res.partner", "Referrer", index="btree_not_null", groups="clm.group_viewer",
        help="Leads and orders with this source were brought by this customer or partner of ours.",
    )

    def write(self, vals):
        res = super().write(vals)
        if "clm_partner_id" in vals:
            self.env["clm.queue"]._push(self._clm_customer_ids())
        return res

    def unlink(self):
        partner_ids = self._clm_customer_ids() if self.sudo().clm_partner_id else ()
        res = super().unlink()
        self.env["clm.queue"]._push(partner_ids)
        return res

    def _clm_customer_ids(self):
        """:return: list of ids of the customers with leads or orders of these sources"""
        self.env["crm.lead"].flush_model(["partner_id", "source_id"])
        self.env["sale.order"].flush_model(["partner_id", "source_id"])
        rows = self.env.execute_query(SQL(
            """
            SELECT DISTINCT p.commercial_partner_id
              FROM (
                    SELECT partner_id FROM crm_lead WHERE source_id = ANY(%(ids)s)
                     UNION
                    SELECT partner_id FROM sale_order WHERE source_id = ANY(%(ids)s)
                   ) d JOIN res_partner p ON p.id = d.partner_id
            """,
            ids=self.ids,
        ))
        return [partner_id for partner_id, in rows]


class CrmLead(models.Model):
    _inherit = "crm.lead"

    @property
    def _clm_signal_fields(self):
        return super()._clm_signal_fields | {"source_id"}


class SaleOrder(models.Model):
    _inherit = "sale.order"

    @property
    def _clm_signal_fields(self):
        return super()._clm_signal_fields | {"source_id"}


class ClmKpiFacts(models.AbstractModel):
    """The facts about whom customers bring, and what becomes of hand-overs."""

    _inherit = "clm.kpi.facts"

    @api.model
    def _facts_referrals(self, periods) -> SQL:
        """Customers brought in the period, each for whoever brought them, and how many customers there were at its end
        (``customers``), counted by team: whoever brings somebody counts with the team of their own salesperson.
        """
        return SQL(
            """
            SELECT p.id AS period_id, cu.sale_team_id AS team_id, r.id::bigint * 64 + %(kind)s AS res_id,
                   r.referrer_id, NULL::int8 AS customers
              FROM clm_referral r
              JOIN period p ON r.converted_at >= p.start AND r.converted_at < p.stop
              %(customer)s
             WHERE %(between)s AND %(company)s
             UNION ALL
            SELECT e.period_id, e.team_id, NULL, NULL, e.customers FROM (%(standing)s) e
            """,
            kind=KINDS.index("referral"), customer=self._join_customer(SQL("r.referrer_id")),
            between=self._between(SQL("r.converted_at"), periods), company=self._of_company(SQL("c.company_id")),
            standing=self._customers_at(periods, "stop"),
        )

    @api.model
    def _facts_handovers(self, periods) -> SQL:
        """Hand-overs that were accepted or sent back."""
        return SQL(
            """
            SELECT p.id AS period_id, COALESCE(h.team_id, u.sale_team_id) AS team_id, h.id AS res_id,
                   h.state = 'returned' AS is_returned
              FROM clm_handover h
              JOIN period p ON h.decided_at >= p.start AND h.decided_at < p.stop
              LEFT JOIN res_users u ON u.id = h.user_id
             WHERE h.state IN ('accepted', 'returned') AND %s AND %s
            """,
            self._between(SQL("h.decided_at"), periods), self._of_company(SQL("h.company_id")),
        )

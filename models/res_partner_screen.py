from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tools import SQL


class ResPartner(models.Model):
    """What the screens of the lifecycle need and the engine does not."""

    _inherit = "res.partner"

    lifecycle_state = fields.Selection(
        [("fresh", "On time"), ("overdue", "Overdue in stage"), ("pinned", "Pinned")],
        compute="_compute_lifecycle_state",
        search="_search_lifecycle_state",
        groups="clm.group_viewer",
        help="Pinned: rules no longer move the customer. Overdue: longer in the stage than expected there.",
    )
    lifecycle_is_contact = fields.Boolean(
        compute="_compute_lifecycle_is_contact", help="Set on contacts of a company, which shows its stage."
    )

    # === COMPUTE === #

    @api.depends("lifecycle_cycle", "lifecycle_pinned", "lifecycle_is_rotting")
    def _compute_lifecycle_state(self):
        for partner in self:
            if not partner.lifecycle_cycle:
                partner.lifecycle_state = False
            elif partner.lifecycle_pinned:
                partner.lifecycle_state = "pinned"
            else:
                partner.lifecycle_state = "overdue" if partner.lifecycle_is_rotting else "fresh"

    def _search_lifecycle_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        self._check_field_access(self._fields["lifecycle_state"], "read")
        states = [state or "" for state in value]
        return Domain.custom(to_sql=lambda model, alias, query: SQL(
            "COALESCE(%s, '') = ANY(%s)", model._lifecycle_state_sql(alias, query), states
        ))

    def _read_group_groupby(self, alias, groupby_spec, query):
        """Group by the state too, which the progress bar of the kanban asks for."""
        if groupby_spec != "lifecycle_state":
            return super()._read_group_groupby(alias, groupby_spec, query)
        self._check_field_access(self._fields["lifecycle_state"], "read")
        return self._lifecycle_state_sql(alias, query)

    def _lifecycle_state_sql(self, alias, query):
        """:return: SQL for ``lifecycle_state``, the same as :meth:`_compute_lifecycle_state` says"""
        now = fields.Datetime.now()
        stages = self.env["clm.stage"].with_context(active_test=False).search([("rotting_threshold_days", ">", 0)])
        stage = self._field_to_sql(alias, "lifecycle_stage_id", query)
        since = self._field_to_sql(alias, "lifecycle_since", query)
        overdue = SQL(" OR ").join([SQL("FALSE"), *(
            SQL(
                "(%s = %s AND %s <= %s)",
                stage, limit.id, since, now - timedelta(days=limit.rotting_threshold_days + 1),
            )
            for limit in stages
        )])
        return SQL(
            "CASE WHEN COALESCE(%s, 0) = 0 THEN NULL WHEN %s THEN 'pinned' WHEN %s THEN 'overdue' ELSE 'fresh' END",
            self._field_to_sql(alias, "lifecycle_cycle", query),
            self._field_to_sql(alias, "lifecycle_pinned", query),
            overdue,
        )

    @api.depends("commercial_partner_id")
    def _compute_lifecycle_is_contact(self):
        for partner in self:
            partner.lifecycle_is_contact = partner.commercial_partner_id not in (partner, partner._origin)

    # === ACTIONS === #

    def action_lifecycle_rebuild(self):
        """Replay these customers from their documents, at once.

        :raise AccessError: for everybody but managers
        """
        if not self.env.user.has_group("clm.group_manager"):
            raise AccessError(self.env._("Only lifecycle managers may rebuild the history of customers."))
        customers = self.commercial_partner_id
        customers.check_access("read")
        # sudo: the engine writes the ledger, which nobody may write by hand
        self.env["clm.lifecycle.engine"].sudo()._rebuild(customers)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("Customers replayed: %(count)s.", count=len(customers)),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def action_open_lifecycle_visits(self):
        """Every stay of the customer, those that later facts disproved included."""
        return self._open_lifecycle("clm.clm_visit_action_partner", self.env._("Stages of %(customer)s"))

    def action_open_lifecycle_events(self):
        """The whole timeline of the customer, with filters."""
        return self._open_lifecycle("clm.clm_event_action_partner", self.env._("Timeline of %(customer)s"))

    def _open_lifecycle(self, xmlid, title):
        self.ensure_one()
        customer = self.commercial_partner_id
        action = self.env["ir.actions.act_window"]._for_xml_id(xmlid)
        action["domain"] = [("partner_id", "=", customer.id)]
        action["display_name"] = title % {"customer": customer.display_name}
        return action

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, format_amount, format_date

from ..tools.transitions import CANCELLED, CLOSED, US

# months ahead that the search panel names
MONTHS_AHEAD = 12


class ClmContract(models.Model):
    """What the screens of contracts need and the engine does not: columns, months, the risk in words, buttons."""

    _inherit = "clm.contract"

    state = fields.Selection(group_expand="_group_expand_state")
    renewal_month = fields.Selection(
        "_selection_renewal_month", compute="_compute_renewal_month", search="_search_renewal_month",
        groups="base.group_user", help="The month of the end date.",
    )
    risk_table = fields.Json(compute="_compute_risk_table", groups="base.group_user")

    # === STATE === #

    def _group_expand_state(self, states, domain):
        """Columns of the kanban: the whole way of a contract, and its ends only where some are."""
        return [
            state for state, __ in self._fields["state"].selection
            if state in states or state not in (CLOSED, CANCELLED)
        ]

    # === RENEWAL MONTH === #

    @api.model
    def _renewal_months(self):
        """:return: first days of the months that the search panel names, the current one first"""
        first = fields.Date.start_of(self.env.company._lifecycle_today(), "month")
        return [fields.Date.add(first, months=number) for number in range(MONTHS_AHEAD)]

    @api.model
    def _selection_renewal_month(self):
        return [
            ("earlier", self.env._("Earlier")),
            *(
                (f"{month:%Y-%m}", format_date(self.env, month, date_format="LLLL yyyy"))
                for month in self._renewal_months()
            ),
            ("later", self.env._("Later")),
        ]

    @api.depends("date_end")
    def _compute_renewal_month(self):
        months = self._renewal_months()
        for contract in self:
            end = contract.date_end
            if not end:
                contract.renewal_month = False
            elif end < months[0]:
                contract.renewal_month = "earlier"
            else:
                month = fields.Date.start_of(end, "month")
                contract.renewal_month = f"{end:%Y-%m}" if month <= months[-1] else "later"

    def _search_renewal_month(self, operator, value):
        if operator != "in":
            return NotImplemented
        values = [month or "" for month in value]
        return Domain.custom(to_sql=lambda model, alias, query: SQL(
            "COALESCE(%s, '') = ANY(%s)", model._renewal_month_sql(alias, query), values
        ))

    def _read_group_groupby(self, alias, groupby_spec, query):
        """Group by the month of the end too, which the search panel asks for."""
        if groupby_spec != "renewal_month":
            return super()._read_group_groupby(alias, groupby_spec, query)
        self._check_field_access(self._fields["renewal_month"], "read")
        return self._renewal_month_sql(alias, query)

    def _renewal_month_sql(self, alias, query):
        """:return: SQL for ``renewal_month``, the same as :meth:`_compute_renewal_month` says"""
        months = self._renewal_months()
        end = self._field_to_sql(alias, "date_end", query)
        return SQL(
            "CASE WHEN %(end)s < %(first)s THEN 'earlier' WHEN %(end)s >= %(after)s THEN 'later'"
            " ELSE to_char(%(end)s, 'YYYY-MM') END",
            end=end, first=months[0], after=fields.Date.add(months[-1], months=1),
        )

    # === RISK === #

    @api.depends("risk_parts")
    def _compute_risk_table(self):
        for contract in self:
            contract.risk_table = [
                {**row, "found": contract._describe_risk(row["factor"], row["input"])} for row in contract._risk_table()
            ]

    def _describe_risk(self, factor, found):
        """:return: what a factor of the risk was computed from, in words"""
        if factor == "overdue":
            return format_amount(self.env, found, self.company_currency_id)
        if factor == "concentration":
            return f"{round(found * 100)} %"
        if factor != "notice":
            return str(found)
        if found is False:
            return self.env._("nothing to decide")
        return self.env._("%(days)s days", days=found) if found >= 0 else self.env._("passed")

    # === WHAT THE BUTTONS OPEN === #

    def action_view_obligations(self):
        """The obligations of this contract, the open ones first: those that the button counts."""
        return self._open_related("clm.clm_obligation_action", "contract_id", search_default_open=1)

    def action_view_claims(self):
        """The claims about this contract, those not settled first: those that the button counts."""
        return self._open_related("clm.clm_claim_action", "contract_id", search_default_unsettled=1, default_side=US)

    def action_view_amendments(self):
        """The amendments to this contract."""
        return self._open_related("clm.clm_contract_action_all", "amends_id", create=False)

    def _open_related(self, xmlid, field, **context):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(xmlid)
        action["domain"] = [(field, "=", self.id)]
        action["context"] = {f"default_{field}": self.id, **context}
        return action

    def action_view_previous(self):
        """The contract that this one renews, or amends."""
        self.ensure_one()
        return (self.previous_id or self.amends_id)._get_records_action()

    def action_view_next(self):
        """The renewal of this contract."""
        self.ensure_one()
        return self.next_id._get_records_action()

    def action_view_order(self):
        """The order that brought this contract, or the quotation of its renewal."""
        self.ensure_one()
        return (self.sale_order_id | self.renewal_order_id)._get_records_action(name=self.env._("Orders"))

    def action_download_signed(self):
        """The signed file."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self.signed_attachment_id.id}?download=true",
            "target": "download",
        }

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import format_date

from ..tools.health import RED
from ..tools.transitions import ACTIVE, SIGNED
from .clm_cockpit_parts import LIST_LENGTH

#: Days ahead in which a customer who lapses is at risk.
LAPSE_DAYS = 30
#: Scores of customers who were not red at the end of last month and are now.
TURNED_RED = [("band", "=", "red"), ("health_last_month", ">", RED)]


class ClmCustomerScore(models.Model):
    _inherit = "clm.customer.score"

    _turned_red_idx = models.Index(f"(change, partner_id) WHERE band = 'red' AND health_last_month > {RED}")


class ResPartner(models.Model):
    _inherit = "res.partner"

    lifecycle_turned_red = fields.Boolean(
        "Turned Red", store=False, search="_search_lifecycle_turned_red", groups="clm.group_viewer",
        help="Health is red and was not at the end of last month.",
    )

    @api.model
    def _search_lifecycle_turned_red(self, operator, value):
        if operator != "in":
            return NotImplemented
        self._check_field_access(self._fields["lifecycle_turned_red"], "read")
        # sudo: which customers the user sees is decided by the search for them
        scores = self.env["clm.customer.score"].sudo()._search(TURNED_RED)
        red = Domain("id", "in", scores.subselect("partner_id"))
        return Domain.OR([red if True in value else Domain.FALSE, ~red if False in value else Domain.FALSE])


class ClmCockpit(models.AbstractModel):
    """Customers at risk, each once: by a contract, by health, or because they are about to lapse."""

    _inherit = "clm.cockpit"

    @api.model
    def _risk_domains(self, view):
        """:return: triple of domains: contracts in force at high risk; other customers who turned red since the end of
            last month; other customers about to lapse
        """
        contracts = Domain([
            ("state", "in", (SIGNED, ACTIVE)), ("risk_band", "=", "high"), ("direction", "=", "customer"),
            ("amends_id", "=", False),
        ]) & self._contract_scope(view)
        scope, now = self._customer_scope(view), fields.Datetime.now()
        red = Domain("lifecycle_turned_red", "=", True)
        lapsing = Domain([
            ("lifecycle_cycle", ">", 0), ("lifecycle_stage_id.is_customer", "=", True),
            ("lifecycle_next_check", ">=", now),
            ("lifecycle_next_check", "<", fields.Datetime.add(now, days=LAPSE_DAYS)),
            ("lifecycle_contract_ids", "not any", [("state", "in", (SIGNED, ACTIVE))]),
        ])
        return contracts, scope & red & ~self._with_contracts(contracts), scope & lapsing & ~red

    @api.model
    def _with_contracts(self, contracts):
        return Domain("lifecycle_contract_ids", "any", list(contracts))

    @api.model
    def _prepare_risks(self, view):
        """Those with a contract at high risk by what it is worth, those who turned red by how far they fell, then those
        about to lapse by the day.
        """
        contracts, red, lapsing = self._risk_domains(view)
        rows, count = self._prepare_risky(view, contracts)
        rows += self._prepare_red(red, LIST_LENGTH - len(rows))
        rows += self._prepare_lapsing(lapsing, LIST_LENGTH - len(rows))
        Partner = self.env["res.partner"]
        return {"count": count + Partner.search_count(red) + Partner.search_count(lapsing), "rows": rows}

    @api.model
    def _prepare_risky(self, view, contracts):
        """:return: pair: rows of the customers with the dearest contracts at high risk; how many customers there are"""
        worth = {}
        for partner, company, count, value in self.env["clm.contract"]._read_group(
            contracts, ["commercial_partner_id", "company_id"], ["__count", "company_tcv:sum"],
        ):
            known = worth.setdefault(partner, [0.0, 0])
            known[0] += self._convert(view, company, value, view["today"])
            known[1] += count
        dearest = sorted(worth.items(), key=lambda item: -item[1][0])[:LIST_LENGTH]
        shown = self.env["res.partner"].union(*(partner for partner, _known in dearest))
        return [
            # the names of those that are shown are read, not of all
            self._risk_row(partner.with_prefetch(shown.ids), value, (
                self.env._("%(count)s contracts at high risk", count=count) if count > 1
                else self.env._("Contract at high risk")
            ))
            for partner, (value, count) in dearest
        ], len(worth)

    @api.model
    def _prepare_red(self, red, room):
        if room <= 0:
            return []
        scores = self.env["clm.customer.score"].search(
            Domain(TURNED_RED) & Domain("partner_id", "any", red), order="change, partner_id", limit=room)
        return [
            self._risk_row(score.partner_id, None, self.env._(
                "Health fell from %(before)s to %(now)s", before=score.health_last_month, now=score.health))
            for score in scores
        ]

    @api.model
    def _prepare_lapsing(self, lapsing, room):
        if room <= 0:
            return []
        return [
            self._risk_row(partner, None, self.env._("Lapses on %(day)s", day=format_date(
                self.env, fields.Datetime.context_timestamp(self, partner.lifecycle_next_check).date())))
            for partner in self.env["res.partner"].search(lapsing, order="lifecycle_next_check", limit=room)
        ]

    @api.model
    def _risk_row(self, partner, value, reason):
        return {"id": partner.id, "name": partner.display_name, "value": value, "reason": reason}

    @api.model
    def _open_risks(self, key, view):
        if key:
            return self._one("res.partner", key)
        contracts, red, lapsing = self._risk_domains(view)
        at_risk = self._with_contracts(contracts) | red | lapsing
        return self._window(self.env._("Customers at Risk"), "res.partner", at_risk, {"create": False})
